#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""client.py PORT: sends what the server will not read, and waits for what comes of it."""

import socket
import sys

s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"x" * 45)
try:
    s.recv(1)
except OSError:
    pass
sys.stdin.read()  # its libraries are to be seen until the test is over
