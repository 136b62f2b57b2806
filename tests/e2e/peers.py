#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Causes exactly N deaths of one kind of TCP connection, and knows what must be said of them.

    peers.py run SCENARIO [-n COUNT] [-f 4|6|mapped] [-p PORT] [-t SECONDS]
    peers.py expect SCENARIO [-n COUNT]
    peers.py list
    peers.py table

Two processes own the sockets: `why-server` and `why-client`. The parent is the director: it owns no TCP socket, tells
each end what to do over a pipe and waits for the answer, so a scenario reads from top to bottom in the order in which
things happen. Everything takes place on lo in the current network namespace. Packets are lost with nft in the receiving
end's input hook; losing them in the sender's output would be another death (egress-blocked).

Waiting is done on the kernel's state (TCP_INFO, SIOCINQ, SIOCOUTQ, /proc/net/tcp), not on the clock, except where the
time itself is the point. Exit status: 0 all happened, 1 it did not, 2 usage, 75 the machine was too busy for it (try
again), 77 this kernel or family cannot do it.
"""

import argparse
import collections
import ctypes
import errno
import fcntl
import json
import multiprocessing
import os
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

SERVER, CLIENT, NOBODY = "why-server", "why-client", "-"
DATA = b"x" * 45
FILLERS = 2         # an accept queue with backlog 1 holds two: it is full when len > backlog
RTO_MIN = 0.2       # seconds: TCP_RTO_MIN, include/net/tcp.h
TABLE = "inet why_peers"
NETLINK_NETFILTER = 12  # include/uapi/linux/netlink.h
JIFFY_MS = 4        # at HZ=250, as Debian's kernels have it
SLOWDOWN = int(os.environ.get("TEST_SLOWDOWN", 1))  # of the machine, if it is an emulator: multiplies time-outs

# States as in include/net/tcp_states.h
ESTABLISHED, SYN_SENT, FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSE = 1, 2, 4, 5, 6, 7

# struct tcp_info: (offset, format)
INFO = {"state": (0, "B"), "unacked": (24, "I"), "last_data_sent": (44, "I"), "last_ack_recv": (56, "I"),
        "total_retrans": (100, "I"), "notsent": (144, "I"), "snd_wnd": (228, "I")}

FAMILIES = {
    "4": (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
    "6": (socket.AF_INET6, "::1", "::1"),
    "mapped": (socket.AF_INET6, "::", "::ffff:127.0.0.1"),
}


class Failure(Exception):
    """What was to happen did not."""


class Busy(Failure):
    """What was to happen within some milliseconds took longer, and so was something else."""


class Skip(Exception):
    """It cannot happen here."""


def until(condition, what, seconds=20):
    """Waits until condition() is true; what: that for which we wait, for the message (or a function giving it)."""
    seconds *= SLOWDOWN
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds} s in vain: {what() if callable(what) else what}")
        time.sleep(0.001)


def tcp_info(sock, field):
    offset, form = INFO[field]
    size = struct.calcsize(form)
    return struct.unpack(form, sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, offset + size)[offset:])[0]


def queued(sock, which):
    """Bytes unread (termios.FIONREAD, that is SIOCINQ) or not yet acknowledged (termios.TIOCOUTQ, SIOCOUTQ)."""
    return struct.unpack("i", fcntl.ioctl(sock, which, b"\0" * 4))[0]


# ---------------------------------------------------------------------------------------------------------------------
# One end of the connections. Its methods run in the process that owns the sockets.

class End:
    def __init__(self, family, port, whistle):
        self.family, self.bind_to, self.connect_to = FAMILIES[family]
        self.port = port
        self.whistle = whistle      # straight to the other end, where a detour through the director would be too slow
        self.listener = None
        self.socks = []             # the connections, in the same order at both ends
        self.aside = []             # those that fill the accept queue

    # -- coming into being

    def listen(self, backlog=4096, rcvbuf=None):
        """Opens the listener, or changes the backlog of the one that is open, as listen(2) may."""
        if not self.listener:
            self.listener = socket.socket(self.family, socket.SOCK_STREAM)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if self.family == socket.AF_INET6:
                self.listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            if rcvbuf:
                self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
            self.listener.bind((self.bind_to, self.port))
        self.listener.listen(backlog)

    def wait_backlog(self, n):
        """Of a listener, tcpi_unacked is the length of its accept queue."""
        until(lambda: tcp_info(self.listener, "unacked") == n, f"{n} connections in the accept queue")

    def stop_listening(self, pending=0):
        """Closing with more or fewer un-accepted connections than meant would cause other deaths than announced."""
        if self.listener:
            self.wait_backlog(pending)
            self.listener.close()
            self.listener = None

    def accept(self, n):
        """Sorted by the client's port, as in connect(): the n-th socket here and there are of one connection."""
        self.socks = [self.listener.accept()[0] for _ in range(n)]
        self.socks.sort(key=lambda sock: sock.getpeername()[1])

    def connect(self, n):
        self.socks = [socket.socket(self.family, socket.SOCK_STREAM) for _ in range(n)]
        for sock in self.socks:
            sock.connect((self.connect_to, self.port))
        self.socks.sort(key=lambda sock: sock.getsockname()[1])

    def dial(self, n):
        """Connects without waiting. The error, if there is one already, stays on the socket for died()."""
        self.socks = [socket.socket(self.family, socket.SOCK_STREAM) for _ in range(n)]
        for sock in self.socks:
            sock.setblocking(False)
            try:
                sock.connect((self.connect_to, self.port))
            except BlockingIOError:
                pass

    def fail_to_connect(self, n, error):
        for _ in range(n):
            with socket.socket(self.family, socket.SOCK_STREAM) as sock:
                got = sock.connect_ex((self.connect_to, self.port))
            if got != error:
                raise Failure(f"connect() gave {errno.errorcode.get(got, got)} instead of {errno.errorcode[error]}")

    def set_aside(self):
        self.aside, self.socks = self.socks, []

    def take_back(self):
        self.socks, self.aside = self.aside, []

    # -- living

    def option(self, level, name, value):
        for sock in self.socks:
            sock.setsockopt(level, name, value)

    def send(self, data):
        for sock in self.socks:
            sock.sendall(data)

    def take(self, size):
        for sock in self.socks:
            if len(sock.recv(size, socket.MSG_WAITALL)) != size:
                raise Failure("end of file too early")

    def take_eof(self):
        for sock in self.socks:
            if sock.recv(1) != b"":
                raise Failure("data where end of file was due")

    def stuff(self):
        """Writes more than the other end's small receive buffer holds."""
        for sock in self.socks:
            sock.setblocking(False)
            sock.send(b"x" * 65536)

    def wait_unread(self, size):
        until(lambda: all(queued(sock, termios.FIONREAD) >= size for sock in self.socks), f"{size} bytes unread")

    def wait_acked(self):
        until(lambda: not any(queued(sock, termios.TIOCOUTQ) for sock in self.socks), "all data acknowledged")

    def wait_zero_window(self):
        """Nothing in flight, something left to send, no room at the other end: only a window probe can follow."""
        def stalled(sock):
            return not tcp_info(sock, "snd_wnd") and not tcp_info(sock, "unacked") and tcp_info(sock, "notsent")
        until(lambda: all(map(stalled, self.socks)), "zero windows")

    # -- dying

    def close(self):
        for sock in self.socks:
            sock.close()
        self.socks = []

    def abort(self):
        self.option(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send_and_abort(self, data):
        """One after the other, so that no time is left for the data to be retransmitted (200 ms)."""
        for sock in self.socks:
            sock.send(data)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if tcp_info(sock, "total_retrans"):
                raise Busy("machine too busy: the data was sent twice")
            sock.close()
        self.socks = []

    def abandon(self):
        """Closes what is still connecting and has sent one SYN only."""
        for sock in self.socks:
            if tcp_info(sock, "state") != SYN_SENT:
                raise Failure("no connection to abandon: it is not connecting")
            if tcp_info(sock, "total_retrans"):
                raise Busy("machine too busy: too late to abandon the connection after its first SYN")
        self.close()

    def disconnect(self):
        """connect(AF_UNSPEC), for which Python has no address."""
        libc = ctypes.CDLL(None, use_errno=True)
        for sock in self.socks:
            if libc.connect(sock.fileno(), struct.pack("H14x", socket.AF_UNSPEC), 16):
                raise OSError(ctypes.get_errno(), "connect(AF_UNSPEC)")

    def close_one(self):
        """Closes and then whistles: close() has returned, so the kernel does not hold the socket's lock any more."""
        self.socks[0].close()
        del self.socks[0]
        self.whistle.send(b"!")

    def answer_fin(self, i, ack_first):
        """Writes as soon as the FIN is here, or acknowledges the FIN first (it would be delayed by 40 ms otherwise)."""
        sock = self.socks[i]
        self.whistle.recv(1)
        if sock.recv(1) != b"":
            raise Failure("data where end of file was due")
        if ack_first:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        sock.send(DATA)

    def check_race(self):
        """The FIN is the last that moved rcv_tstamp, the write the last that moved lsndtime; an RST moves neither."""
        for sock in self.socks:
            # In one call, so that both ages are counted from the same moment.
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 60)
            sent, heard = (struct.unpack_from("I", info, INFO[age][0])[0]
                           for age in ("last_data_sent", "last_ack_recv"))
            if heard - sent > JIFFY_MS:
                raise Busy(f"machine too busy: wrote {heard - sent} ms after the FIN, which is no race any more")

    # -- being dead

    def is_dead(self):
        return all(tcp_info(sock, "state") == CLOSE for sock in self.socks)

    def died(self, error):
        """Waits for the death of all, which must be of this error. It can be asked for only once (SO_ERROR)."""
        until(self.is_dead, f"death of {errno.errorcode[error]}")
        errors = collections.Counter(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for sock in self.socks)
        if set(errors) - {error}:
            found = ", ".join(f"{number} of {errno.errorcode.get(e, 'no error')}" for e, number in errors.items())
            raise Failure(f"died: {found}, instead of {errno.errorcode[error]}")

    def let_go(self):
        """Gives the descriptors back. The connections must be dead: closing must not be what kills them."""
        if not self.is_dead():
            raise Failure("connections are still alive at the end")
        self.close()


class Remote:
    """An End in a process of its own, as the director sees it: end.method(...) runs there and returns its result."""

    def __init__(self, comm, seconds, *args):
        self.comm = comm
        self.pipe, theirs = multiprocessing.Pipe()
        self.pid = os.fork()
        if not self.pid:
            self.become(comm, seconds)
            self.serve(End(*args), theirs)

    def become(self, comm, seconds):
        for sig in (signal.SIGALRM, signal.SIGTERM):
            signal.signal(sig, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.alarm(seconds + 1)
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)      # PR_SET_PDEATHSIG: never outlive the director
        with open("/proc/self/comm", "w") as file:
            file.write(comm)

    def serve(self, end, pipe):
        for name, args, kwargs in iter(pipe.recv, None):
            try:
                reply = None, getattr(end, name)(*args, **kwargs)
            except Busy as error:
                reply = Busy, f"{name}: {error}"
            except Exception as error:
                reply = Failure, f"{name}: {error}"
            pipe.send(reply)
        os._exit(0)         # nothing of the director's, buffered or to be cleaned up, belongs to us

    def __getattr__(self, name):
        def call(*args, **kwargs):
            self.begin(name, *args, **kwargs)
            return self.finish()
        return call

    def begin(self, name, *args, **kwargs):
        self.pipe.send((name, args, kwargs))

    def finish(self):
        try:
            failure, result = self.pipe.recv()
        except EOFError:
            raise Failure(f"{self.comm} is no more") from None
        if failure:
            raise failure(f"{self.comm}: {result}")
        return result

    def dismiss(self):
        if self.pid:
            self.pipe.send(None)
            os.waitpid(self.pid, 0)
            self.pid = None

    def kill(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None


# ---------------------------------------------------------------------------------------------------------------------
# The director's view: both ends, the network between them, and the kernel's books.

def shell(*argv, stdin=None):
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"{' '.join(argv)}: {done.stderr.strip()}")


def has_netfilter():
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER).close()
    except OSError as error:
        if error.errno != errno.EPROTONOSUPPORT:
            raise
        return False
    return True


def proc_counter(name):
    """A counter of this network namespace, out of the heading-and-values pairs of lines of /proc/net/{snmp,netstat}."""
    for path in "/proc/net/netstat", "/proc/net/snmp":
        with open(path) as file:
            lines = file.read().splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            if name in names.split():
                return int(values.split()[names.split().index(name)])
    raise Failure(f"this kernel has no counter {name}")


def proc_sockets(port):
    """Yields (end, state) of every socket with this port that the kernel knows; a dead one is gone."""
    for path in "/proc/net/tcp", "/proc/net/tcp6":
        if not os.path.exists(path):
            continue
        with open(path) as file:
            next(file)
            for line in file:
                local, remote, state = line.split()[1:4]
                if int(local.rpartition(":")[2], 16) == port:
                    yield SERVER, int(state, 16)
                elif int(remote.rpartition(":")[2], 16) == port:
                    yield CLIENT, int(state, 16)


def keep_a_cpu():
    """Runs us on one CPU, and below us something that keeps it busy, so that others go elsewhere.

    Some virtual machines hide from BPF programs what happens in interrupts of certain tasks (see referee.py). On our CPU
    an interrupt meets what is ours, mostly.
    """
    cpus = os.sched_getaffinity(0)
    if len(cpus) < 2:
        return
    os.sched_setaffinity(0, {max(cpus)})
    us = os.getpid()
    if not os.fork():
        for sig in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
            signal.signal(sig, signal.SIG_DFL)
        os.nice(19)
        os.closerange(0, 3)
        while os.getppid() == us:
            pass
        os._exit(0)


class Stage:
    def __init__(self, count, family, port, seconds):
        self.n, self.family, self.port = count, family, port
        self.to_server, self.to_client = f"tcp dport {port}", f"tcp sport {port}"
        self.bare = "tcp flags & (syn | psh) == 0x0"    # pure ACKs and RSTs: a short write always carries PSH
        self.old_sysctls = {}
        self.prepare()
        whistles = socket.socketpair()
        self.server = Remote(SERVER, seconds, family, port, whistles[0])
        self.client = Remote(CLIENT, seconds, family, port, whistles[1])

    def prepare(self):
        """An earlier run that was killed may have left rules and dying sockets, which would mix with ours."""
        shell("ip", "link", "set", "lo", "up")
        if self.family != "4" and not os.path.exists("/proc/net/if_inet6"):
            raise Skip("this kernel has no IPv6")
        self.rules()
        if self.alive():
            raise Failure(f"port {self.port} is in use: {self.alive()}")

    # -- what lies between

    def rules(self, *input, output=()):
        """Replaces our rules, in one transaction; without arguments the network is whole again."""
        def chain(hook, rules):
            return f"chain {hook} {{\ntype filter hook {hook} priority 0\n" + "\n".join(rules) + "\n}\n"
        if not has_netfilter():
            if input or output:
                raise Skip("this kernel has no nf_tables")
            return
        body = f"table {TABLE} {{\n{chain('input', input)}{chain('output', output)}}}\n" if input or output else ""
        shell("nft", "-f", "-", stdin=f"table {TABLE}\ndelete table {TABLE}\n{body}")

    def sysctl(self, name, value):
        path = "/proc/sys/" + name.replace(".", "/")
        with open(path) as file:
            self.old_sysctls.setdefault(path, file.read())
        with open(path, "w") as file:
            file.write(str(value))

    def realtime(self):
        """Lets no other process come between; where that is forbidden, check_race() tells whether it mattered."""
        for end in self.server, self.client:
            try:
                os.sched_setscheduler(end.pid, os.SCHED_FIFO, os.sched_param(1))
            except PermissionError:
                pass

    # -- what is common to many scenarios

    def establish(self, **listen):
        """N connections on which a request and a reply went by: without that, a stateless RST to the client's first
        bytes would look like an overflow of the accept queue."""
        self.server.listen(**listen)
        self.client.connect(self.n)
        self.server.accept(self.n)
        self.client.send(b"request")
        self.server.take(len(b"request"))
        self.server.send(b"reply")
        self.client.take(len(b"reply"))
        self.client.wait_acked()
        self.server.wait_acked()

    def alive(self):
        """{(end, state): number} of all that could still die; TIME_WAIT is no life of its own."""
        sockets = collections.Counter(proc_sockets(self.port))
        return {key: number for key, number in sockets.items() if key[1] != TIME_WAIT}

    def wait_state(self, end, state):
        until(lambda: self.alive().get((end, state)) == self.n,
              lambda: f"{self.n} sockets of {end} in state {state}; there are {self.alive()}")

    def lose_server(self):
        """The server's sockets vanish, and the client does not hear of it. What it had sent before would have come by now."""
        self.rules(f"{self.to_client} tcp flags rst drop")
        self.server.abort()
        time.sleep(3 * RTO_MIN)

    def late_segments(self, closer, writer, to_writer):
        """One closes with unread data; then comes what the other one has sent without having heard of it. The RST of close()
        is lost, which has the flag ACK; that in answer to a segment has not."""
        writer.send(DATA)
        closer.wait_unread(len(DATA))
        self.rules(f"{to_writer} tcp flags & (rst | ack) == rst | ack drop")
        begun = time.monotonic()
        closer.close()
        writer.send(DATA)
        writer.died(errno.ECONNRESET)
        if time.monotonic() - begun > RTO_MIN:
            raise Busy("machine too busy: the data may not have been on its way any more")

    def fill_accept_queue(self):
        self.client.connect(FILLERS)
        self.client.set_aside()
        self.server.wait_backlog(FILLERS)

    def drop_accept_queue(self):
        self.client.let_go()
        self.client.take_back()
        self.server.stop_listening(pending=FILLERS)
        self.client.died(errno.ECONNRESET)

    def counted(self, name, before, expected):
        def grown():
            return proc_counter(name) - before
        until(lambda: grown() >= expected, lambda: f"{name} grew by {grown()}, not {expected}")
        if grown() != expected:
            raise Failure(f"{name} grew by {grown()}, not {expected}")

    # -- the end

    def settle(self):
        """Nothing may be left that could still die."""
        if self.server.pid:
            self.server.stop_listening()
        for end in self.server, self.client:
            if end.pid:
                end.let_go()
        until(lambda: not self.alive(), lambda: f"the end of {self.alive()}")
        self.rules()

    def strike(self):
        """Leaves the namespace as it was, whatever happened."""
        for end in self.server, self.client:
            end.kill()
        self.rules()
        for path, value in self.old_sysctls.items():
            with open(path, "w") as file:
                file.write(value)


# ---------------------------------------------------------------------------------------------------------------------
# The scenarios. An expectation is (verdict, end) for N of them, or (verdict, end, number). once: COUNT does not apply.

Scenario = collections.namedtuple("Scenario", "about expects play once")
SCENARIOS = {}


def scenario(name, about, *expects, once=False):
    def register(play):
        SCENARIOS[name] = Scenario(about, expects, play, once)
        return play
    return register


def expectation(name, count):
    """{(verdict, end): number}"""
    return collections.Counter({(verdict, end): number[0] if number else count
                                for verdict, end, *number in SCENARIOS[name].expects})


@scenario("orderly-client-closes", "FIN both ways, the client's first",
          ("closed-here", CLIENT), ("closed-by-peer", SERVER))
def orderly_client_closes(stage):
    stage.establish()
    stage.client.close()
    stage.server.take_eof()
    stage.server.close()


@scenario("orderly-server-closes", "FIN both ways, the server's first",
          ("closed-here", SERVER), ("closed-by-peer", CLIENT))
def orderly_server_closes(stage):
    stage.establish()
    stage.server.close()
    stage.client.take_eof()
    stage.client.close()


@scenario("unread-data", "the server closes without having read what the client sent",
          ("unread-data", SERVER), ("peer-aborted", CLIENT))
def unread_data(stage):
    stage.establish()
    stage.client.send(DATA)
    stage.server.wait_unread(len(DATA))
    stage.server.close()
    stage.client.died(errno.ECONNRESET)


@scenario("linger-zero", "the server closes with SO_LINGER 0, everything read",
          ("linger-zero", SERVER), ("peer-aborted", CLIENT))
def linger_zero(stage):
    stage.establish()
    stage.server.abort()
    stage.client.died(errno.ECONNRESET)


@scenario("late-data", "the server's FIN is lost, then data reaches its closed socket (FIN_WAIT1)",
          ("late-data", SERVER), ("peer-forgot", CLIENT))
def late_data(stage):
    stage.sysctl("net.ipv4.tcp_orphan_retries", 8)      # the server's sockets wait for the data, however long
    stage.establish()
    aborts = proc_counter("TCPAbortOnData")
    stage.rules(f"{stage.to_client} tcp flags fin drop")
    stage.server.close()
    stage.wait_state(SERVER, FIN_WAIT1)
    stage.client.send(DATA)
    stage.client.died(errno.ECONNRESET)
    stage.counted("TCPAbortOnData", aborts, stage.n)


@scenario("late-data-acked", "data and the acknowledgement of the server's FIN come in one segment",
          ("late-data", SERVER), ("close-race", CLIENT))
def late_data_acked(stage):
    """The ACK of a FIN is delayed (tcp_fin() enters pingpong mode), so an immediate answer carries it. Bare ACKs are
    lost, lest one goes ahead on a busy machine."""
    stage.establish()
    aborts = proc_counter("TCPAbortOnData")
    stage.rules(f"{stage.to_server} {stage.bare} drop")
    race(stage, ack_first=False)
    stage.counted("TCPAbortOnData", aborts, stage.n)


@scenario("close-race", "the client writes at once when the FIN comes; the server's socket is a minisock already",
          ("closed-here", SERVER), ("close-race", CLIENT), ("late-data-time-wait", SERVER))
def close_race(stage):
    """Told by TCPAbortOnData: it grows where the data finds the server's full socket instead of the minisock."""
    stage.establish()
    aborts = proc_counter("TCPAbortOnData")
    race(stage, ack_first=True)
    stage.counted("TCPAbortOnData", aborts, 0)


def race(stage, ack_first):
    """One connection after the other: each answer must come within a jiffy of its FIN."""
    stage.realtime()
    for i in range(stage.n):
        stage.client.begin("answer_fin", i, ack_first)
        stage.server.close_one()
        stage.client.finish()
    stage.client.check_race()
    stage.client.died(errno.EPIPE)


@scenario("half-closed-reuse", "the client writes half a second after the server's FIN",
          ("closed-here", SERVER), ("half-closed-reuse", CLIENT), ("late-data-time-wait", SERVER))
def half_closed_reuse(stage):
    stage.establish()
    stage.server.close()
    stage.wait_state(SERVER, FIN_WAIT2)     # a minisock at once, since tcp_fin_timeout <= TCP_TIMEWAIT_LEN
    time.sleep(0.5)
    stage.client.send(DATA)
    stage.client.died(errno.EPIPE)


@scenario("refused", "the client connects to a port where nothing listens",
          ("refused", CLIENT), ("no-listener", NOBODY))
def refused(stage):
    stage.client.dial(stage.n)
    stage.client.died(errno.ECONNREFUSED)


@scenario("peer-forgot", "the client writes to a server that is gone without a trace",
          ("linger-zero", SERVER), ("peer-forgot", CLIENT), ("stray-segment", NOBODY))
def peer_forgot(stage):
    stage.establish()
    stage.lose_server()
    stage.server.stop_listening()
    stage.rules()
    stage.client.send(DATA)
    stage.client.died(errno.ECONNRESET)


@scenario("server-restarted", "the client writes to a server that is gone; a new one listens there",
          ("linger-zero", SERVER), ("peer-forgot", CLIENT), ("server-restarted", SERVER))
def server_restarted(stage):
    stage.establish()
    stage.lose_server()
    stage.server.stop_listening()
    stage.server.listen()
    stage.rules()
    stage.client.send(DATA)
    stage.client.died(errno.ECONNRESET)


@scenario("late-segment", "the server closes with unread data, and more is on its way; the listener gets it",
          ("unread-data", SERVER), ("late-segment", SERVER), ("peer-forgot", CLIENT))
def late_segment(stage):
    stage.establish()
    stage.late_segments(stage.server, stage.client, stage.to_client)


@scenario("late-segment-at-client", "the client closes with unread data, and more is on its way; no socket gets it",
          ("unread-data", CLIENT), ("late-segment", NOBODY), ("peer-forgot", SERVER))
def late_segment_at_client(stage):
    stage.establish()
    stage.late_segments(stage.client, stage.server, stage.to_server)


def keepalive(stage, count, user_timeout=0):
    """First probe after 1 s of idleness, then one each second."""
    stage.client.option(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    stage.client.option(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    stage.client.option(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, count)
    stage.client.option(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, user_timeout)
    stage.client.option(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


@scenario("keepalive-timeout", "two keepalive probes of two are lost",
          ("keepalive-timeout", CLIENT), ("linger-zero", SERVER))
def keepalive_timeout(stage):
    stage.establish()
    stage.rules(f"{stage.to_server} drop")
    keepalive(stage, count=2)
    stage.client.died(errno.ETIMEDOUT)
    stage.server.abort()


@scenario("keepalive-user-timeout", "TCP_USER_TIMEOUT ends the connection at the first lost probe of five",
          ("keepalive-user-timeout", CLIENT), ("linger-zero", SERVER))
def keepalive_user_timeout(stage):
    stage.establish()
    stage.rules(f"{stage.to_server} drop")
    keepalive(stage, count=5, user_timeout=1500)
    stage.client.died(errno.ETIMEDOUT)
    stage.server.abort()


@scenario("keepalive-reset", "a keepalive probe reaches a server that is gone without a trace",
          ("linger-zero", SERVER), ("keepalive-reset", CLIENT), ("stray-segment", NOBODY))
def keepalive_reset(stage):
    stage.establish()
    stage.lose_server()
    stage.server.stop_listening()
    stage.rules()
    keepalive(stage, count=5)
    stage.client.died(errno.ECONNRESET)


@scenario("retransmit-timeout", "the client's data is lost again and again",
          ("retransmit-timeout", CLIENT), ("linger-zero", SERVER))
def retransmit_timeout(stage):
    stage.sysctl("net.ipv4.tcp_retries2", 1)
    stage.establish()
    stage.rules(f"{stage.to_server} drop")
    stage.client.send(DATA)
    stage.client.died(errno.ETIMEDOUT)
    stage.server.abort()


@scenario("user-timeout", "the client's data is lost for longer than its TCP_USER_TIMEOUT",
          ("user-timeout", CLIENT), ("linger-zero", SERVER))
def user_timeout(stage):
    stage.establish()
    stage.client.option(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 700)
    stage.rules(f"{stage.to_server} drop")
    stage.client.send(DATA)
    stage.client.died(errno.ETIMEDOUT)
    stage.server.abort()


@scenario("zero-window-timeout", "the server does not read, and then does not answer window probes either",
          ("zero-window-timeout", CLIENT), ("unread-data", SERVER))
def zero_window_timeout(stage):
    """Answered probes never time out: each answer sets the count of probes back."""
    stage.sysctl("net.ipv4.tcp_retries2", 2)
    stage.establish(rcvbuf=4096)
    stage.client.stuff()
    stage.client.wait_zero_window()
    stage.rules(f"{stage.to_server} drop")
    stage.client.died(errno.ETIMEDOUT)
    stage.server.wait_unread(1)
    stage.server.close()


@scenario("egress-blocked", "the client's own host does not let its data out",
          ("egress-blocked", CLIENT), ("linger-zero", SERVER))
def egress_blocked(stage):
    stage.sysctl("net.ipv4.tcp_retries2", 2)
    stage.establish()
    stage.rules(output=[f"{stage.to_server} drop"])
    stage.client.send(DATA)
    stage.client.died(errno.ETIMEDOUT)
    stage.server.abort()


def unlimited_icmp(stage):
    """Per-host limits spare lo, but the global one (50 at once) would swallow answers."""
    stage.sysctl("net.ipv4.icmp_ratemask", 0)
    if stage.family == "6":
        stage.sysctl("net.ipv6.icmp.ratemask", 127)     # a list of limited types, which cannot be made empty


@scenario("unreachable", "the client's data is answered with ICMP host unreachable",
          ("unreachable", CLIENT), ("linger-zero", SERVER))
def unreachable(stage):
    stage.sysctl("net.ipv4.tcp_retries2", 1)
    unlimited_icmp(stage)
    stage.establish()
    stage.rules(f"{stage.to_server} reject with icmpx host-unreachable")
    stage.client.send(DATA)
    stage.client.died(errno.EHOSTUNREACH)
    stage.server.abort()


@scenario("connect-timeout", "every SYN is lost",
          ("connect-timeout", CLIENT))
def connect_timeout(stage):
    stage.sysctl("net.ipv4.tcp_syn_retries", 1)
    stage.rules(f"{stage.to_server} drop")
    stage.client.dial(stage.n)
    stage.client.died(errno.ETIMEDOUT)


@scenario("connect-unreachable", "the SYN is answered with ICMP port unreachable",
          ("connect-unreachable", CLIENT))
def connect_unreachable(stage):
    """On lo the first ICMP comes while connect() still holds the socket, so that it counts as a soft error only; the
    second, to the SYN retransmitted after 1 s, is deadly."""
    unlimited_icmp(stage)
    stage.rules(f"{stage.to_server} reject with icmpx port-unreachable")
    stage.client.dial(stage.n)
    stage.client.died(errno.ECONNREFUSED)


@scenario("connect-abandoned", "the client gives up before its SYN is answered",
          ("connect-abandoned", CLIENT))
def connect_abandoned(stage):
    stage.rules(f"{stage.to_server} drop")
    stage.client.dial(stage.n)
    stage.client.abandon()


@scenario("connect-failed", "connect() finds no free local port",
          ("connect-failed", CLIENT))
def connect_failed(stage):
    stage.sysctl("net.ipv4.ip_local_port_range", "40000 40000")
    stage.sysctl("net.ipv4.ip_local_reserved_ports", "40000")
    stage.client.fail_to_connect(stage.n, errno.EADDRNOTAVAIL)


@scenario("reset-after-close", "the client closes with data still to be sent; the server then closes without reading",
          ("unread-data", SERVER), ("reset-after-close", CLIENT))
def reset_after_close(stage):
    stage.establish(rcvbuf=4096)
    stage.client.stuff()
    stage.client.close()
    stage.wait_state(CLIENT, FIN_WAIT1)
    stage.server.wait_unread(1)
    stage.server.close()


@scenario("listener-closed", "the server closes its listener with connections not yet accepted",
          ("listener-closed", SERVER), ("peer-aborted", CLIENT))
def listener_closed(stage):
    stage.server.listen()
    stage.client.connect(stage.n)
    stage.server.stop_listening(pending=stage.n)
    stage.client.died(errno.ECONNRESET)


@scenario("destroyed", "ss -K kills the client's sockets",
          ("destroyed", CLIENT), ("peer-aborted", SERVER))
def destroyed(stage):
    stage.establish()
    shell("ss", "-K", "-t", "state", "established", "dport", "=", f":{stage.port}")
    if not stage.client.is_dead():      # ss does not say so
        raise Skip("ss -K killed nothing: this kernel has no INET_DIAG_DESTROY")
    stage.client.died(errno.ECONNABORTED)
    stage.server.died(errno.ECONNRESET)


@scenario("disconnected", "the client calls connect(AF_UNSPEC)",
          ("disconnected", CLIENT), ("peer-aborted", SERVER))
def disconnected(stage):
    stage.establish()
    stage.client.disconnect()
    stage.client.died(errno.ECONNRESET)     # so says tcp_disconnect() of a connection that it had to reset
    stage.server.died(errno.ECONNRESET)


@scenario("orphan-timeout", "the client closes with data unacknowledged, and it stays so",
          ("orphan-timeout", CLIENT), ("linger-zero", SERVER))
def orphan_timeout(stage):
    stage.sysctl("net.ipv4.tcp_orphan_retries", 1)
    stage.establish()
    timeouts = proc_counter("TCPAbortOnTimeout")
    stage.rules(f"{stage.to_server} drop")
    stage.client.send(DATA)
    stage.client.close()
    stage.counted("TCPAbortOnTimeout", timeouts, stage.n)
    until(lambda: not any(end == CLIENT for end, _ in stage.alive()), "the end of the client's orphans")
    stage.server.abort()


@scenario("accept-overflow-syn", "the server's accept queue is full: SYNs are dropped",
          ("connect-abandoned", CLIENT), ("accept-overflow", SERVER),
          ("listener-closed", SERVER, FILLERS), ("peer-aborted", CLIENT, FILLERS))
def accept_overflow_syn(stage):
    """Backlog 1, not 0: with 0 the SYN queue counts as full from the start (0 >= 0) and cookies would be sent."""
    overflows = proc_counter("ListenOverflows")
    stage.server.listen(backlog=FILLERS - 1)
    stage.fill_accept_queue()
    stage.client.dial(stage.n)
    stage.client.abandon()
    stage.counted("ListenOverflows", overflows, stage.n)
    time.sleep(0.3)         # these drops fire nothing: who counts them by polling the listener needs the time
    stage.drop_accept_queue()


def overflow_at_the_ack(stage):
    """N requests whose final ACK was lost, on a listener whose queue is full by now: the next segment of each client
    completes its handshake, and finds no room. The backlog is made small only afterwards, since a SYN queue longer
    than it would have made the kernel send cookies."""
    stage.server.listen()
    stage.fill_accept_queue()
    stage.rules(f"{stage.to_server} {stage.bare} drop")
    stage.client.connect(stage.n)
    stage.server.listen(backlog=FILLERS - 1)


@scenario("accept-overflow-ack", "the server's accept queue is full: the last ACK of the handshake is dropped",
          ("linger-zero", CLIENT), ("accept-overflow", SERVER),
          ("listener-closed", SERVER, FILLERS), ("peer-aborted", CLIENT, FILLERS))
def accept_overflow_ack(stage):
    overflows = proc_counter("ListenOverflows")
    overflow_at_the_ack(stage)
    # The clients' RSTs are lost, being bare, and so are SYN-ACKs retransmitted to clients that are gone.
    stage.rules(f"{stage.to_server} {stage.bare} drop", f"{stage.to_client} tcp flags syn drop")
    stage.client.send_and_abort(b"x")
    stage.counted("ListenOverflows", overflows, stage.n)
    time.sleep(0.3)
    stage.drop_accept_queue()


@scenario("accept-overflow-reset", "the same with tcp_abort_on_overflow: the server answers with RST",
          ("backlog-reset", CLIENT), ("accept-overflow-reset", SERVER),
          ("listener-closed", SERVER, FILLERS), ("peer-aborted", CLIENT, FILLERS))
def accept_overflow_reset(stage):
    stage.sysctl("net.ipv4.tcp_abort_on_overflow", 1)
    overflows = proc_counter("ListenOverflows")
    overflow_at_the_ack(stage)
    stage.client.send(b"x")
    stage.client.died(errno.ECONNRESET)
    stage.counted("ListenOverflows", overflows, stage.n)
    time.sleep(0.3)
    stage.drop_accept_queue()


@scenario("process-killed", "the client is killed with SIGKILL, data unread",
          ("unread-data", CLIENT), ("peer-aborted", SERVER))
def process_killed(stage):
    stage.establish()
    stage.server.send(DATA)
    stage.client.wait_unread(len(DATA))
    stage.client.kill()
    stage.server.died(errno.ECONNRESET)


MIXED = "unread-data", "half-closed-reuse", "refused", "linger-zero", "accept-overflow-syn"


@scenario("mixed", "a handful of deaths, one of each, for a demonstration (COUNT is ignored)",
          *((*row, number) for row, number in sum((expectation(name, 1) for name in MIXED),
                                                  collections.Counter()).items()), once=True)
def mixed(stage):
    for name in MIXED:
        SCENARIOS[name].play(stage)
        stage.settle()
        time.sleep(0.5)


# ---------------------------------------------------------------------------------------------------------------------
# The command line

def in_init_namespace():
    """Where process 1 may not be inspected, by a sysctl that the kernel shows in the init namespace only."""
    try:
        return os.stat("/proc/self/ns/net").st_ino == os.stat("/proc/1/ns/net").st_ino
    except PermissionError:
        return os.path.exists("/proc/sys/net/core/netdev_max_backlog")


def bound_in_time(seconds):
    def stop(number, _frame):
        raise Failure(f"stopped by {signal.Signals(number).name}" + f" after {seconds} s" * (number == signal.SIGALRM))
    for number in signal.SIGALRM, signal.SIGTERM, signal.SIGINT:
        signal.signal(number, stop)
    signal.alarm(seconds)


def run(name, count, family, port, seconds):
    bound_in_time(seconds)
    keep_a_cpu()
    stage = Stage(count, family, port, seconds)
    report = {"scenario": name, "count": count, "server_pid": stage.server.pid, "client_pid": stage.client.pid}
    try:
        SCENARIOS[name].play(stage)
        stage.settle()
        stage.server.dismiss()
        stage.client.dismiss()
    finally:
        signal.alarm(0)
        stage.strike()
    print(json.dumps(report))


def count_argument(text):
    """At most as many as descriptors may be open by default."""
    if not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError("must be 1 to 1000")
    return int(text)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="the scenarios' names and what they are")
    verbs.add_parser("table", help="by verdict: the scenarios that cause it, and at which end, as Markdown")
    for verb, about in ("run", "let it happen in this network namespace"), ("expect", "what must be seen of it"):
        sub = verbs.add_parser(verb, help=about)
        sub.add_argument("scenario", choices=SCENARIOS, metavar="SCENARIO")
        sub.add_argument("-n", dest="count", type=count_argument, default=23)
    sub = verbs.choices["run"]
    sub.add_argument("-f", dest="family", choices=FAMILIES, default="4")
    sub.add_argument("-p", dest="port", type=int, default=7000)
    sub.add_argument("-t", dest="seconds", type=int, default=60 * SLOWDOWN)
    return parser.parse_args()


def table():
    causes = collections.defaultdict(list)
    for name, entry in SCENARIOS.items():
        for verdict, end, *_ in entry.expects:
            if name != "mixed":
                causes[verdict, end.removeprefix("why-")].append(name)
    print("| verdict | end | scenarios |", "|---|---|---|", sep="\n")
    for (verdict, end), names in sorted(causes.items()):
        print(f"| `{verdict}` | {end} | {', '.join(names)} |")


def main():
    args = arguments()
    if args.verb == "table":
        table()
        return 0
    if args.verb == "list":
        for name, entry in SCENARIOS.items():
            print(f"{name}\t{entry.about}")
        return 0
    count = 1 if SCENARIOS[args.scenario].once else args.count
    if args.verb == "expect":
        for (verdict, end), number in expectation(args.scenario, count).items():
            print(f"{verdict}\t{end}\t{number}")
        return 0
    if in_init_namespace():
        print("peers.py: refusing to run in the init network namespace: use ip netns exec", file=sys.stderr)
        return 2
    try:
        run(args.scenario, count, args.family, args.port, args.seconds)
    except Skip as reason:
        print(f"peers.py: {args.scenario}: skipped: {reason}", file=sys.stderr)
        return 77
    except Busy as error:
        print(f"peers.py: {args.scenario}: {error}", file=sys.stderr)
        return 75
    except (Failure, OSError) as error:
        print(f"peers.py: {args.scenario}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
