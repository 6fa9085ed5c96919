"""How PostgreSQL answers when somebody wants to log in: HOST PORT USER DATABASE tls|plain.

Prints which authentication it demands, or its refusal. No password is needed to find out, and none is sent.
"""

import socket
import ssl
import struct
import sys

DEMANDS = {0: "nothing: you are in", 3: "password", 5: "md5", 10: "scram-sha-256"}

host, port, user, database, mode = sys.argv[1:]
link = socket.create_connection((host, int(port)), timeout=10)
if mode == "tls":
    link.sendall(struct.pack("!II", 8, 80877103))
    if link.recv(1) != b"S":
        sys.exit("the server speaks no TLS")
    context = ssl.create_default_context(cafile="/etc/pergola/tls/services-ca.crt")
    link = context.wrap_socket(link, server_hostname=host)
start = f"user\0{user}\0database\0{database}\0\0".encode()
link.sendall(struct.pack("!II", len(start) + 8, 196608) + start)
stream = link.makefile("rb")
kind, length = struct.unpack("!cI", stream.read(5))
body = stream.read(length - 4)
if kind == b"R":
    print("asks for", DEMANDS.get(struct.unpack("!I", body[:4])[0], "something else"))
else:
    print("refuses:", next(field[1:].decode() for field in body.split(b"\0") if field[:1] == b"M"))
