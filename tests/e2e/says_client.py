#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A TCP client for says.py: what it says of errors is Python's word, and behind "[Errno N] " the C library's."""

import os
import socket
import sys


def say(call, *args):
    """Returns what the call returns; None: it failed."""
    try:
        result = call(*args)
    except OSError as error:
        assert str(error) == f"[Errno {error.errno}] {os.strerror(error.errno)}", error
        print(f"{type(error).__name__}: {error}", flush=True)
        return None
    print("connected" if isinstance(result, socket.socket) else "ok", flush=True)
    return result


def main():
    sock = say(socket.create_connection, (sys.argv[1], int(sys.argv[2])))
    calls = {"r": lambda: sock.recv(1), "w": lambda: sock.send(b"x" * 45), "c": lambda: sock.close()}
    for line in sys.stdin if sock else ():
        say(calls[line.strip()])


main()
