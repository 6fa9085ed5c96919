"""What Redis answers: HOST tls|plain anonymous|ENVIRONMENT_FILE COMMAND...

One COMMAND per argument, one answer per line. With an environment file it first logs in as the user of its REDIS_URL;
the password never leaves the host.
"""

import socket
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

host, mode, who, *commands = sys.argv[1:]


def read(stream):
    """One reply, as text."""
    line = stream.readline().decode().strip()
    if not line:
        return "closed the connection"
    kind, rest = line[0], line[1:]
    if kind == "$":
        return stream.read(int(rest) + 2)[:-2].decode() if rest != "-1" else "nil"
    if kind == "*":
        return " ".join(read(stream) for _ in range(int(rest)))
    return rest


link = socket.create_connection((host, 6379), timeout=10)
if mode == "tls":
    context = ssl.create_default_context(cafile="/etc/pergola/tls/services-ca.crt")
    link = context.wrap_socket(link, server_hostname=host)
stream = link.makefile("rb")


def ask(*words):
    """The reply to one command."""
    encoded = [word.encode() for word in words]
    link.sendall(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded))
    try:
        return read(stream)
    except ConnectionError:
        return "closed the connection"


if who != "anonymous":
    lines = [line for line in Path(who).read_text().splitlines() if "=" in line and not line.startswith("#")]
    values = {key: value.strip('"') for key, value in (line.split("=", 1) for line in lines)}
    if (login := ask("AUTH", urlsplit(values["REDIS_URL"]).username, values["REDIS_PASSWORD"])) != "OK":
        sys.exit(f"login: {login}")
for command in commands:
    print(ask(*command.split()))
