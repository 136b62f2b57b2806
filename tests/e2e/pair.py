#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""One process that holds both ends of connections and obeys its standard input.

    pair.py PORT [COMM]

Commands, one a line, each answered by "ok" (or by what was asked for):
    listen              a listener on PORT
    open N              N connections, both ends ours
    unread              the accepted ends close with 45 bytes unread
    stale               the accepted ends close; the connecting ends write half a second later
    refused N           N connections to PORT + 1000, where nothing listens
    refused-threads N   the same from as many threads
    fill N              a full accept queue (backlog 1), then N SYNs that it drops
    quit
"""

import select
import socket
import sys
import threading
import time

HOST = "127.0.0.1"


class Pair:
    def __init__(self, port):
        self.port = port
        self.listener = None
        self.connecting, self.accepted, self.kept = [], [], []

    def listen(self):
        self.listener = socket.create_server((HOST, self.port), backlog=128)

    def open(self, n):
        for _ in range(int(n)):
            self.connecting.append(socket.create_connection((HOST, self.port)))
            self.accepted.append(self.listener.accept()[0])

    def unread(self):
        for near, far in zip(self.connecting, self.accepted):
            near.sendall(b"x" * 45)
            select.select([far], [], [])
            far.close()
            near.close()
        self.connecting, self.accepted = [], []

    def stale(self):
        for far in self.accepted:
            far.close()
        time.sleep(0.5)
        for near in self.connecting:
            near.sendall(b"x" * 45)
            near.close()
        self.connecting, self.accepted = [], []

    def refused(self, n):
        for _ in range(int(n)):
            with socket.socket() as s:
                s.connect_ex((HOST, self.port + 1000))

    def refused_threads(self, n):
        threads = [threading.Thread(target=self.refused, args=(1,)) for _ in range(int(n))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def fill(self, n):
        full = socket.create_server((HOST, self.port), backlog=1)
        waiting = [socket.create_connection((HOST, self.port)) for _ in range(2)]
        dropped = []
        for _ in range(int(n)):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex((HOST, self.port))
            dropped.append(s)
        self.kept += [full, *waiting]
        time.sleep(0.2)
        for s in dropped:
            s.close()


def main():
    pair = Pair(int(sys.argv[1]))
    if len(sys.argv) > 2:
        with open("/proc/self/comm", "w", encoding="ascii") as comm:
            comm.write(sys.argv[2])
    for line in sys.stdin:
        command, *args = line.split()
        if command == "quit":
            break
        getattr(pair, command.replace("-", "_"))(*args)
        print("ok", flush=True)


main()
