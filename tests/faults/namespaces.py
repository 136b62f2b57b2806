#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Makes network namespaces, one after the other, and lets a connection be refused and another be reset in each of them.

    namespaces.py PORT COUNT
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


def enter_new_namespace():
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket() as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def live_and_die(port):
    enter_new_namespace()
    assert socket.socket().connect_ex(("127.0.0.1", port)) != 0
    server = socket.create_server(("127.0.0.1", port))
    near = socket.create_connection(("127.0.0.1", port))
    far, _ = server.accept()
    near.send(b"x")
    far.recv(1, socket.MSG_PEEK)
    far.close()  # with unread data
    near.close()


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    for _ in range(count):
        child = os.fork()
        if not child:
            live_and_die(port)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(1)


main()
