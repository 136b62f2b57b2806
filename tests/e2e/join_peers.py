#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""For join.bats: connections between two hosts that die, and files with another clock.

    join_peers.py server ADDRESS        7400: closes with unread data; 7402: closes at once. Says "ready", ends when killed
    join_peers.py client ADDRESS N      N times each: data to 7400, a connection to 7401, where nobody listens, and data to
                                        7402 when that has closed
    join_peers.py shift SECONDS         JSON Lines from stdin to stdout, with times so much later
"""

import datetime
import os
import re
import select
import socket
import sys
import threading
import time

SLOWDOWN = int(os.environ.get("TEST_SLOWDOWN", "1"))


def name(comm):
    with open("/proc/self/comm", "w", encoding="ascii") as file:
        file.write(comm)


def serve(address, port, waits):
    listener = socket.create_server((address, port), backlog=100)
    while True:
        with listener.accept()[0] as sock:
            if waits:
                select.select([sock], [], [])


def server(address):
    name("why-server")
    threading.Thread(target=serve, args=(address, 7400, True), daemon=True).start()
    threading.Thread(target=serve, args=(address, 7402, False), daemon=True).start()
    for port in (7400, 7402):
        while True:
            try:
                with open("/proc/self/net/tcp", encoding="ascii") as file:
                    if f":{port:04X} 00000000:0000 0A" in file.read():
                        break
            except OSError:
                pass
    print("ready", flush=True)
    threading.Event().wait()


def client(address, n):
    name("why-client")
    for i in range(n):
        with socket.create_connection((address, 7400)) as sock:
            sock.sendall(b"x" * (i + 1))
            try:
                assert sock.recv(1) is None
            except ConnectionResetError:
                pass
    for _ in range(n):
        assert socket.socket().connect_ex((address, 7401))
    socks = [socket.create_connection((address, 7402)) for _ in range(n)]
    for sock in socks:
        assert sock.recv(1) == b""
    time.sleep(0.1 * SLOWDOWN)  # the FIN is acknowledged after some 40 ms, or by what is sent
    for sock in socks:
        sock.sendall(b"late")
        poll = select.poll()
        poll.register(sock, 0)  # POLLERR is always told
        assert poll.poll(10000)


def shift(seconds):
    def later(match):
        when = datetime.datetime.fromisoformat(match[1]) + datetime.timedelta(seconds=seconds)
        return f'"time":"{when.isoformat(timespec="microseconds")}{match[2]}Z"'

    for line in sys.stdin:
        sys.stdout.write(re.sub(r'"time":"([^"]{26})([0-9]{3})Z"', later, line))


if __name__ == "__main__":
    {"server": server, "client": lambda address, n: client(address, int(n)), "shift": lambda s: shift(float(s))}[sys.argv[1]](*sys.argv[2:])
