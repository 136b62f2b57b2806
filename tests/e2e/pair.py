#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""One process that holds both ends of connections and obeys its standard input.

    pair.py PORT [COMM]

Commands, one a line, each answered by "ok" (or by what was asked for):
    listen [BACKLOG]    a listener on PORT; with "mptcp" of MPTCP, with "together" two of them with SO_REUSEPORT
    dial N              N connections that nobody accepts, kept
    accept N            N of them are accepted
    open N              N connections, both ends ours
    unread              the accepted ends close with 45 bytes unread
    stale               the accepted ends close; the connecting ends write half a second later
    leave N             N connecting ends write 45 bytes and close
    refused N           N connections to PORT + 1000, where nothing listens
    refused-threads N   the same from as many threads
    fill N              a full accept queue (backlog 1), then N SYNs that it drops
    broken-pipe N       N connections; each writes twice into what the other end has closed with data unread
    reset N             N connections; each reads what the other end has reset
    not-connected N     N times recv() on the listener
    bad-descriptor N    N connections, each written to after its close()
    bad-file N          the same with N files that are no sockets
    double-close N      N connections, each closed twice
    syns N              N connects that nobody answers, to PORT; each closed before its second SYN
    quit
"""

import contextlib
import errno
import os
import select
import socket
import sys
import threading
import time

HOST = "127.0.0.1"


@contextlib.contextmanager
def expected(number):
    try:
        yield
    except OSError as error:
        assert error.errno == number, error
    else:
        raise AssertionError(f"no {errno.errorcode[number]}")


class Pair:
    def __init__(self, port):
        self.port = port
        self.listener = None
        self.connecting, self.accepted, self.kept = [], [], []

    def listen(self, backlog=128, how=""):
        for _ in range(2 if how == "together" else 1):
            self.listener = socket.socket(proto=socket.IPPROTO_MPTCP if how == "mptcp" else 0)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, how == "together")
            self.listener.bind((HOST, self.port))
            self.listener.listen(int(backlog))
            self.kept.append(self.listener)

    def dial(self, n):
        self.kept += [socket.create_connection((HOST, self.port)) for _ in range(int(n))]

    def accept(self, n):
        self.kept += [self.listener.accept()[0] for _ in range(int(n))]

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

    def leave(self, n):
        for near in self.connecting[:int(n)]:
            near.sendall(b"x" * 45)
            near.close()
        self.connecting = self.connecting[int(n):]

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

    def pair(self):
        near = socket.create_connection((HOST, self.port))
        return near, self.listener.accept()[0]

    def dead_end(self):
        """The near end of a connection that the other end has reset."""
        near, far = self.pair()
        near.sendall(b"x" * 45)
        select.select([far], [], [])
        far.close()
        while near.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != 7:      # TCP_CLOSE
            time.sleep(0.001)
        return near

    def broken_pipe(self, n):
        for _ in range(int(n)):
            near = self.dead_end()
            with expected(errno.ECONNRESET):
                near.recv(1)        # takes the error off the socket
            with expected(errno.EPIPE):
                near.send(b"x")
            near.close()

    def reset(self, n):
        for _ in range(int(n)):
            near = self.dead_end()
            with expected(errno.ECONNRESET):
                near.recv(1)
            near.close()

    def not_connected(self, n):
        for _ in range(int(n)):
            with expected(errno.ENOTCONN):
                self.listener.recv(1)

    def bad_descriptor(self, n):
        for _ in range(int(n)):
            near, far = self.pair()
            fd = near.fileno()
            near.close()
            far.close()
            with expected(errno.EBADF):
                os.write(fd, b"x")

    def bad_file(self, n):
        for _ in range(int(n)):
            fd = os.open("/dev/null", os.O_WRONLY)
            os.close(fd)
            with expected(errno.EBADF):
                os.write(fd, b"x")

    def double_close(self, n):
        for _ in range(int(n)):
            near, far = self.pair()
            fd = near.detach()
            os.close(fd)
            far.close()
            with expected(errno.EBADF):
                os.close(fd)

    def syns(self, n):
        waiting = []
        for _ in range(int(n)):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex((HOST, self.port))
            waiting.append(s)
        time.sleep(0.3)
        for s in waiting:
            s.close()

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
