"""How a server answers a TLS client: HOST PORT AUTHORITY [CERTIFICATE]. Prints "accepted", or why it refuses.

The client sends nothing of its own, so that the server's reason arrives before the connection is gone.
"""

import socket
import ssl
import sys

TLS = "/etc/pergola/tls"
host, port, authority, *certificate = sys.argv[1:]
context = ssl.create_default_context(cafile=f"{TLS}/{authority}-ca.crt")
for name in certificate:
    context.load_cert_chain(f"{TLS}/{name}.crt", f"{TLS}/{name}.key")
try:
    link = context.wrap_socket(socket.create_connection((host, int(port)), timeout=10), server_hostname=host)
    link.settimeout(3)
    print("refused: it hangs up" if link.recv(1) == b"" else "accepted")
except TimeoutError:
    print("accepted")
except ssl.SSLError as error:
    print("refused:", error.reason)
except OSError as error:
    print("failed:", error)
