#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""One process that holds both ends of connections and obeys its standard input.

    pair.py PORT [COMM [ADDRESS]]

Both ends have the address, 127.0.0.1 if none is given; "::ffff:127.0.0.1" is IPv4 on an IPv6 socket.

Commands, one a line, each answered by "ok" (or by what was asked for), or by "ok, but " and what the machine did otherwise:
    listen [BACKLOG]    a listener on PORT; with "mptcp" of MPTCP, with "together" two of them with SO_REUSEPORT
    open N              N connections, both ends ours
    open-slowly N       the same one by one, while other commands are obeyed
    opened              waits for the end of that
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
    syns N              N connects that nobody answers, to PORT; each closed at once
    fork                from now on a child obeys; it ends, and then we
    orphan              the same, but we end at once
    speak-mptcp         the connecting ends of connections to come are of MPTCP
    connect N [PORT [ADDRESS]]
                        N connecting ends, to another process's listener
    keepalive TIME INTVL [USER-TIMEOUT]
                        the connecting ends have SO_KEEPALIVE; the first two in s (0: as in their namespace),
                        the last one in ms
    accept N            N accepted ends
    send                the connecting ends write 45 bytes
    echo                the accepted ends read 45 bytes and write them back
    squeeze             the accepted ends make their receive buffers small, the connecting ends write more than fits
    abort               the connecting ends are reset (SO_LINGER 0)
    drop                the accepted ends close
    close               the connecting ends close
    mailbox PATH        a UNIX socket for descriptors
    give PATH           the accepted ends are passed to whoever has the mailbox
    take N              N accepted ends out of our mailbox
    share PATH          whoever has the mailbox gets the listener too
    join                the listener in our mailbox is ours too
    quit
"""

import contextlib
import errno
import os
import select
import socket
import struct
import sys
import threading
import time


@contextlib.contextmanager
def expected(number):
    try:
        yield
    except OSError as error:
        assert error.errno == number, error
    else:
        raise AssertionError(f"no {errno.errorcode[number]}")


def wait_dead(*socks):
    """By packets; closing before that would be another death."""
    while any(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != 7 for s in socks):     # TCP_CLOSE
        time.sleep(0.001)


def in_state(port, wanted, timer=None):
    """Has a socket there this state, and this timer (get_tcp4_sock(): 2 keepalive, 3 TIME_WAIT)? As /proc/net/tcp has them."""
    for path in "/proc/net/tcp", "/proc/net/tcp6":
        with contextlib.suppress(FileNotFoundError), open(path) as file:
            for line in file:
                local, _, state, _, running = line.split()[1:6]
                if local.endswith(f":{port:04X}") and state == wanted and timer in (None, running[:2]):
                    return True
    return False


def wait_fins_acked(port):
    """
    A slow machine may take longer than we; data that comes before that meets another state of the closed end. So it does where the
    ACK came when close() was all but done: then the socket stays a full one (tcp_rcv_state_process(), sock_owned_by_user()).
    """
    while in_state(port, "04"):
        time.sleep(0.02)
    return "a closed socket stayed in FIN_WAIT2" if in_state(port, "05", "02") else None


class Pair:
    def __init__(self, port, host="127.0.0.1"):
        self.port, self.host = port, host
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.proto = 0
        self.listener = self.box = None
        self.connecting, self.accepted, self.kept = [], [], []

    def server(self, backlog):
        return socket.create_server((self.host, self.port), family=self.family, backlog=backlog,
                                    dualstack_ipv6=self.family == socket.AF_INET6)

    def socket(self):
        """Bound to our address, so that both ends have it."""
        s = socket.socket(self.family, proto=self.proto)
        if not self.proto:
            s.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        s.bind((self.host, 0))
        return s

    def speak_mptcp(self):
        self.proto = socket.IPPROTO_MPTCP

    def dial(self, port=None, host=None):
        s = self.socket()
        s.connect((host or self.host, int(port or self.port)))
        return s

    def listen(self, backlog=128, how=""):
        if not how:
            self.listener = self.server(int(backlog))
            return
        for _ in range(2 if how == "together" else 1):
            self.listener = socket.socket(proto=socket.IPPROTO_MPTCP if how == "mptcp" else 0)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, how == "together")
            self.listener.bind((self.host, self.port))
            self.listener.listen(int(backlog))
            self.kept.append(self.listener)

    def open(self, n):
        for _ in range(int(n)):
            self.connect(1)
            self.accept(1)

    def connect(self, n, port=None, host=None):
        self.connecting += [self.dial(port, host) for _ in range(int(n))]

    def keepalive(self, idle, intvl, user_timeout=0):
        for near in self.connecting:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(user_timeout))
            if int(idle):
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, int(idle))
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, int(intvl))

    def accept(self, n):
        self.accepted += [self.listener.accept()[0] for _ in range(int(n))]

    def send(self):
        for near in self.connecting:
            near.sendall(b"x" * 45)

    def echo(self):
        for far in self.accepted:
            far.sendall(far.recv(45, socket.MSG_WAITALL))

    def squeeze(self):
        for near, far in zip(self.connecting, self.accepted):
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            near.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(1000):
                    near.send(b"x" * 1000)

    def abort(self):
        for near in self.connecting:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def drop(self):
        for far in self.accepted:
            far.close()
        self.accepted = []

    def close(self):
        for near in self.connecting:
            near.close()
        self.connecting = []

    def mailbox(self, path):
        self.box = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.box.bind(path)

    def give(self, path):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.connect(path)
            socket.send_fds(s, [b"x"], [far.fileno() for far in self.accepted])
        for far in self.accepted:
            far.close()
        self.accepted = []

    def take(self, n):
        _, fds, _, _ = socket.recv_fds(self.box, 1, int(n))
        self.accepted += [socket.socket(fileno=fd) for fd in fds]

    def share(self, path):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.connect(path)
            socket.send_fds(s, [b"x"], [self.listener.fileno()])

    def join(self):
        _, fds, _, _ = socket.recv_fds(self.box, 1, 1)
        self.listener = socket.socket(fileno=fds[0])

    def fork(self, stay=True):
        if os.fork():
            if stay:
                os.wait()
            os._exit(0)

    def orphan(self):
        self.fork(stay=False)

    def open_slowly(self, n):
        """Goes on while other commands are obeyed; see opened."""
        def connections():
            for _ in range(int(n)):
                self.open(1)
                time.sleep(0.001)
        self.opening = threading.Thread(target=connections)
        self.opening.start()

    def opened(self):
        self.opening.join()

    def unread(self):
        for near, far in zip(self.connecting, self.accepted):
            near.sendall(b"x" * 45)
            select.select([far], [], [])
            far.close()
            wait_dead(near)
            near.close()
        self.connecting, self.accepted = [], []

    def stale(self):
        for far in self.accepted:
            far.close()
        time.sleep(0.5)
        otherwise = wait_fins_acked(self.port)
        for near in self.connecting:
            near.sendall(b"x" * 45)
            wait_dead(near)
            near.close()
        self.connecting, self.accepted = [], []
        return otherwise

    def leave(self, n):
        for near in self.connecting[:int(n)]:
            near.sendall(b"x" * 45)
            near.close()
        self.connecting = self.connecting[int(n):]

    def refused(self, n):
        for _ in range(int(n)):
            with self.socket() as s:
                s.connect_ex((self.host, self.port + 1000))

    def refused_threads(self, n):
        threads = [threading.Thread(target=self.refused, args=(1,)) for _ in range(int(n))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def pair(self):
        near = self.dial()
        return near, self.listener.accept()[0]

    def dead_end(self):
        """The near end of a connection that the other end has reset."""
        near, far = self.pair()
        near.sendall(b"x" * 45)
        select.select([far], [], [])
        far.close()
        wait_dead(near)
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
        """Each is gone before its second SYN would be due, whatever else this machine does."""
        for _ in range(int(n)):
            with self.socket() as s:
                s.setblocking(False)
                s.connect_ex((self.host, self.port))

    def fill(self, n):
        full = self.server(1)
        self.kept += [full, *(self.dial() for _ in range(2))]
        while full.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 28)[24] != 2:    # tcpi_unacked: connections that wait
            time.sleep(0.001)
        self.syns(n)


def main():
    pair = Pair(int(sys.argv[1]), *sys.argv[3:])
    if len(sys.argv) > 2:
        with open("/proc/self/comm", "w", encoding="ascii") as comm:
            comm.write(sys.argv[2])
    for line in sys.stdin:
        command, *args = line.split()
        if command == "quit":
            break
        otherwise = getattr(pair, command.replace("-", "_"))(*args)
        print(f"ok, but {otherwise}" if otherwise else "ok", flush=True)


main()
