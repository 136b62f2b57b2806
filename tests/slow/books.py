#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Causes a random mixture of deaths, and holds what tcpwhy counted against the kernel's own books.

    books.py traffic [-s SEED] [-p PORT] [-t SECONDS]
    books.py counters
    books.py balance LINES SUMMARY [BEFORE AFTER]

`traffic` plays every scenario of peers.py, then some that only the books need, then the mixture: many processes that
play random acts at once. All services are at one port, each act at an address of its own (127.0.0.0/8, fd00::/16), so
that `tcpwhy -P PORT` sees all that the namespace does, and nothing else. It returns when nothing is left that could die.

`counters` prints those of this namespace, once they have stopped moving: a line of JSON.

`balance` compares LINES (stdout of tcpwhy -a) and SUMMARY (its stderr) with /proc/net/snmp and /proc/net/netstat of this
namespace; or with what was added between BEFORE and AFTER, what `counters` said of one namespace or more. IDENTITIES is the one table of what must be equal. There is no tolerance. The seed chooses the acts; what the
network loses and who comes first is left to chance, since the books must balance whatever happens.

Exit status: 0 all is well, 1 it is not, 2 usage.
"""

import argparse
import collections
import ctypes
import errno
import json
import os
import random
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import peers                                            # noqa: E402
from peers import CLOSE, Failure, queued, shell, tcp_info, until

CLOSE_WAIT = 8
ACTORS = 32             # processes that play acts at once
SCENARIO_COUNT = 5      # of each verdict in a scenario of peers.py
IPV6_FREEBIND = 78      # include/uapi/linux/in6.h
PLAYS_OTHERS = "mixed"

# ---------------------------------------------------------------------------------------------------------------------
# The books. `kernel` and `tcpwhy` are expressions over Kernel and Said; they must be equal.

RESET_GROUP = ("refused", "close-race", "keepalive-reset", "half-closed-reuse", "reset-after-close", "backlog-reset",
               "peer-forgot", "peer-aborted")
RESETS_IN_REPLY = ("no-listener", "late-data-time-wait", "accept-overflow-reset", "late-segment", "stray-segment",
                   "server-restarted")
TIMEOUTS = ("keepalive-timeout", "keepalive-user-timeout", "connect-timeout", "orphan-timeout", "zero-window-timeout",
            "egress-blocked", "unreachable", "user-timeout", "retransmit-timeout")
OPEN = "ESTABLISHED", "CLOSE_WAIT"
OPEN_NOW = "open"      # a counter of ours: all but NO_CONNECTIONS
NO_CONNECTIONS = 3, 10  # in /proc/net/tcp: SYN_RECV, which are requests there, and LISTEN
NEEDS_RESET = "ESTABLISHED", "CLOSE_WAIT", "FIN_WAIT1", "FIN_WAIT2", "SYN_RECV"     # tcp_need_reset()


def incidents():
    """No deaths: so says the table of verdicts."""
    with open(os.path.join(os.path.dirname(peers.__file__), "../../bpf/verdicts.def")) as file:
        return set(re.findall(r'VERDICT\(\w+, "([a-z-]+)", INCIDENT,', file.read()))


Identity = collections.namedtuple("Identity", "name kernel tcpwhy why")
IDENTITIES = [
    Identity(
        "connections", lambda k: k["ActiveOpens"] + k["PassiveOpens"] - k[OPEN_NOW],
        lambda s: s.deaths() - s["connect-failed"],
        """The partition: one verdict for each connection. ActiveOpens: tcp_connect(), when the SYN is sent; PassiveOpens:
        tcp_create_openreq_child(), when the last ACK makes a socket of a request. Both without regard to what becomes of
        it. connect-failed dies between tcp_set_state(SYN_SENT) and tcp_connect(), so it was never an active open. What
        is still open is counted in /proc/net/tcp and tcp6; of the traffic here nothing is."""),
    Identity(
        "OutRsts", lambda k: k["OutRsts"], lambda s: s.resets_sent,
        """tcp_v4_send_reset(), tcp_v6_send_response() and tcp_send_active_reset(): beside each increment stands
        trace_tcp_send_reset(). What nft's `reject with tcp reset` makes is in neither."""),
    Identity(
        "OutRsts by verdict", lambda k: k["OutRsts"],
        lambda s: s.count(*RESETS_IN_REPLY, "late-data", "unread-data", "keepalive-timeout", "keepalive-user-timeout")
        + s.silent_on_state("linger-zero")
        + s.in_state(NEEDS_RESET, "linger-zero", "listener-closed", "disconnected", "destroyed"),
        """Found without the counter of resets. Replies: one for each incident that says so, and for late-data
        (tcp_v4_do_rcv()). Active ones: __tcp_close() for unread-data; tcp_disconnect() for linger-zero, listener-closed and
        disconnected, tcp_abort() for destroyed, both where tcp_need_reset(); tcp_keepalive_timer() before it gives up."""),
    Identity(
        "RetransSegs", lambda k: k["RetransSegs"], lambda s: s.retransmitted,
        """__tcp_retransmit_skb() adds tcp_skb_pcount() when it is about to transmit, tcp_rtx_synack() 1 after it has. What
        __tcp_retransmit_skb() gives up before that (no route any more: -EHOSTUNREACH) is not counted, though
        trace_tcp_retransmit_skb() tells of it since 6.16."""),
    Identity(
        "TCPAbortOnTimeout", lambda k: k["TCPAbortOnTimeout"], lambda s: s.count(*TIMEOUTS),
        """tcp_write_err(), the only place: called by tcp_write_timeout() (SYN_SENT, orphans and all others),
        tcp_retransmit_timer() with a closed window, tcp_probe_timer(), tcp_keepalive_timer(). connect-unreachable is not
        among them, since tcp_v4_err() ends it at once; it would be if the last ICMP error were lost and the timer ended it,
        so the acts lose none."""),
    Identity(
        "TCPAbortOnClose", lambda k: k["TCPAbortOnClose"], lambda s: s["unread-data"],
        """__tcp_close() with unread data in the receive queue, in any state but CLOSE."""),
    Identity(
        "TCPAbortOnData + TCPAbortOnLinger", lambda k: k["TCPAbortOnData"] + k["TCPAbortOnLinger"],
        lambda s: s.count("linger-zero", "late-data") + s.telling("SO_LINGER 0", "connect-abandoned"),
        """TCPAbortOnData: __tcp_close() with SO_LINGER 0 after tcp_disconnect() (all linger-zero but those of TCP_LINGER2);
        tcp_rcv_state_process() for data in FIN_WAIT1 and FIN_WAIT2 of a socket that was shut down for reading (late-data)
        and, with TCP_LINGER2 < 0, for the ACK of the FIN. TCPAbortOnLinger: __tcp_close() in FIN_WAIT2 with TCP_LINGER2 < 0.
        tcpwhy calls both kinds of TCP_LINGER2 linger-zero. A close with SO_LINGER 0 while connecting counts too, though
        tcp_disconnect() sends no RST in SYN_SENT."""),
    Identity(
        "ListenOverflows", lambda k: k["ListenOverflows"],
        lambda s: s.count("accept-overflow", "accept-overflow-reset"),
        """tcp_conn_request() for a SYN, tcp_v4_syn_recv_sock() for a last ACK, both if sk_acceptq_is_full(). With
        tcp_abort_on_overflow it is counted all the same, before tcp_check_req() answers."""),
    Identity(
        "ListenDrops", lambda k: k["ListenDrops"],
        lambda s: s.count("accept-overflow", "accept-overflow-reset", "syn-queue-overflow", "syn-dropped"),
        """tcp_listendrop(): each overflow, and SYNs that tcp_conn_request() drops for other reasons."""),
    Identity(
        "TCPReqQFullDrop", lambda k: k["TCPReqQFullDrop"], lambda s: s["syn-queue-overflow"],
        """tcp_syn_flood_action() for a SYN that meets a full SYN queue when there are no cookies."""),
    Identity(
        "EstabResets", lambda k: k["EstabResets"],
        lambda s: s.silent_on_state("unread-data", "linger-zero", "keepalive-timeout", "keepalive-user-timeout", "close-race",
                                    "keepalive-reset", "half-closed-reuse", "zero-window-timeout", "egress-blocked",
                                    "unreachable", "user-timeout", "retransmit-timeout")
        + s.in_state(OPEN, "peer-aborted", "peer-forgot", "backlog-reset", "destroyed", "listener-closed", "disconnected",
                     "checkpointed"),
        """tcp_set_state(): from ESTABLISHED or CLOSE_WAIT straight to CLOSE, whatever the cause and the end. Never so:
        closed-*, late-data, reset-after-close, orphan-timeout (FIN_WAIT, CLOSING, LAST_ACK), refused and connect-*. The lines
        in the first rows name a state only if it is another one, those in the last two always."""),
    Identity(
        "AttemptFails - EmbryonicRsts", lambda k: k["AttemptFails"] - k["EmbryonicRsts"],
        lambda s: s.count("refused", "connect-timeout", "connect-unreachable") + s.in_state(["SYN_SENT"], "destroyed")
        - s["accept-overflow-reset"],
        """AttemptFails: tcp_done() in SYN_SENT or SYN_RECV; not connect-abandoned and connect-failed, which use
        tcp_set_state(). And tcp_check_req() when an RST or SYN ends a request that is no socket yet; tcpwhy does not see
        those, as no connection dies. EmbryonicRsts is tcp_check_req() too: the same ones, and the overflows answered by RST,
        which are not in AttemptFails. In the difference the unseen ones cancel."""),
    Identity(
        "resets received", lambda _: None, lambda s: (s.resets_received, s.count(*RESET_GROUP)),
        """The kernel has no counter. tcp_reset() ends the connection, so each that met one gave exactly one verdict of the
        group. In the kernel's books they are parts of EstabResets and AttemptFails."""),
    Identity(
        "orderly deaths", lambda _: None, lambda s: (s.orderly, s.count("closed-here", "closed-by-peer")),
        """The summary's head and its rows."""),
    Identity(
        "deaths", lambda _: None, lambda s: (s.dead, s.deaths()),
        """The summary's head and its rows."""),
    Identity(
        "unknown", lambda _: 0, lambda s: s["unknown"],
        """No death is without a rule."""),
]

# Those that would have to be explained before any sum is right, and what else helps when one is wrong.
MUST_BE_ZERO = "TCPAbortOnMemory", "TCPMemoryPressures", "PAWSEstab"
CONTEXT = ("TCPReqQFullDrop", "TCPReqQFullDoCookies", "SyncookiesSent", "SyncookiesRecv", "SyncookiesFailed",
           "TCPAbortFailed", "TCPRetransFail", "TCPBacklogDrop", "TCPSynRetrans", "TCPTimeouts", "TCPLossProbes",
           "TCPFastRetrans", "TW", "EmbryonicRsts", "AttemptFails", "TCPAbortOnData", "TCPAbortOnLinger",
           "TCPSYNChallenge", "TCPChallengeACK", "TCPACKSkippedSynRecv", "ActiveOpens", "PassiveOpens")


class Kernel(collections.Counter):
    """The kernel's counters."""

    @classmethod
    def here(cls):
        """Of this network namespace: pairs of lines, heading and values."""
        counters = cls({OPEN_NOW: sum(number for state, number in alive().items() if state not in NO_CONNECTIONS)})
        for path, heading in ("/proc/net/snmp", "Tcp:"), ("/proc/net/netstat", "TcpExt:"):
            with open(path) as file:
                lines = [line.split() for line in file if line.startswith(heading)]
            counters.update(dict(zip(lines[0][1:], map(int, lines[1][1:]))))
        return counters

    @classmethod
    def between(cls, before, after):
        counters = cls()
        with open(after) as file:
            for line in file:
                counters.update(json.loads(line))
        with open(before) as file:
            for line in file:
                counters.subtract(json.loads(line))
        return counters


class Said:
    """What tcpwhy said: its lines, and its counters at the end."""

    def __init__(self, lines, summary):
        with open(lines) as file:
            self.lines = [re.split("  +", line.rstrip("\n"), maxsplit=4) for line in file]
        with open(summary) as file:
            self.summary = file.read()
        head = re.search(r"^tcpwhy: in [0-9.]+ s: (\d+) deaths \((\d+) orderly\), (\d+) incidents, "
                         r"(\d+) segments retransmitted, (\d+) resets sent, (\d+) received, (\d+) records lost$",
                         self.summary, re.MULTILINE)
        self.no_deaths = incidents()
        if not head:
            raise Failure(f"tcpwhy gave no summary: {self.summary}")
        (self.dead, self.orderly, self.incidents, self.retransmitted, self.resets_sent, self.resets_received,
         self.lost) = map(int, head.groups())
        rows = re.findall(r"^ +(\d+)  ([a-z][a-z-]*) ", self.summary, re.MULTILINE)
        self.counters = collections.Counter({verdict: int(number) for number, verdict in rows})
        self.by_lines = collections.Counter()
        for _, verdict, _, _, words in self.lines:
            self.by_lines[verdict] += self.stands_for(words)

    @staticmethod
    def stands_for(words):
        """A line for SYNs says how many."""
        number = re.search(r"(\d+) SYNs? dropped", words)
        return int(number[1]) if number else 1

    def __getitem__(self, verdict):
        return self.counters[verdict]

    def count(self, *verdicts):
        return sum(self.counters[verdict] for verdict in verdicts)

    def deaths(self):
        return sum(number for verdict, number in self.counters.items() if verdict not in self.no_deaths)

    def telling(self, text, *verdicts):
        return sum(verdict in verdicts and text in words for _, verdict, _, _, words in self.lines)

    def silent_on_state(self, *verdicts):
        return sum(verdict in verdicts and not re.search(r"\bin [A-Z_12]+\b", words) for _, verdict, _, _, words in self.lines)

    def in_state(self, states, *verdicts):
        pattern = re.compile(rf"\bin ({'|'.join(states)})\b")
        return sum(verdict in verdicts and bool(pattern.search(words)) for _, verdict, _, _, words in self.lines)


def balance(said, kernel):
    """Prints the table, and returns whether all is equal."""
    wrong = []

    def row(name, left, right):
        print(f"{'ok  ' if left == right else 'FAIL'}  {name:<36} {left:>8} {right:>8}")
        if left != right:
            wrong.append(name)

    print(f"      {'':<36} {'kernel':>8} {'tcpwhy':>8}")
    row("lost or missed by tcpwhy", 0, said.lost)
    for identity in IDENTITIES:
        left, right = identity.kernel(kernel), identity.tcpwhy(said)
        row(identity.name, *((left, right) if left is not None else right))
    for name in MUST_BE_ZERO:
        row(name, kernel[name], 0)
    print(f"      {'':<36} {'counter':>8} {'lines':>8}")
    for verdict in sorted(said.counters | said.by_lines):
        row(verdict, said.counters[verdict], said.by_lines[verdict])
    if wrong:
        print("wrong: " + ", ".join(wrong))
        for identity in IDENTITIES:
            if identity.name in wrong:
                print(f"{identity.name}: " + " ".join(identity.why.split()))
        print(" ".join(f"{name}={kernel.get(name)}" for name in CONTEXT))
        print(said.summary)
    return not wrong


# ---------------------------------------------------------------------------------------------------------------------
# The mixture. What happens to a packet is decided by the second number of the service's address: 127.KIND.x.x or
# fd00:KIND::, the third and fourth are the actor and its act.

CLEAN, LOSSY, REJECTING, BLACKHOLE, UNREACHABLE = range(1, 6)
V4, V6 = socket.AF_INET, socket.AF_INET6
TABLE = "inet books"


def rules():
    def both(kind, then):
        for v4, v6 in ("daddr", "daddr"), ("saddr", "saddr"):
            yield f"ip {v4} 127.{kind}.0.0/16 {then}"
            yield f"ip6 {v6} fd00:{kind}::/32 {then}"

    def to_server(kind, then):
        yield f"ip daddr 127.{kind}.0.0/16 {then}"
        yield f"ip6 daddr fd00:{kind}::/32 {then}"

    chain = [f"{way} @{name} drop" for way, name in (("ip daddr", "cut4"), ("ip6 daddr", "cut6"))]
    chain += [f"{way} @{name} reject with icmpx host-unreachable" for way, name in
              (("ip daddr", "told4"), ("ip6 daddr", "told6"))]
    chain += both(LOSSY, "meta l4proto tcp numgen random mod 100 < 6 drop")
    chain += to_server(REJECTING, "meta l4proto tcp numgen random mod 100 < 8 reject with tcp reset")
    chain += to_server(BLACKHOLE, "drop")
    chain += to_server(UNREACHABLE, "meta l4proto tcp reject with icmpx host-unreachable")
    sets = "".join(f"set {name}{v} {{\ntype ipv{v}_addr\n}}\n" for name in ("cut", "told") for v in (4, 6))
    return f"table {TABLE} {{\n{sets}chain input {{\ntype filter hook input priority 0\n" + "\n".join(chain) + "\n}\n}\n"


def prepare():
    """Short lives, for a bounded test. Unlimited ICMP: see TCPAbortOnTimeout."""
    shell("ip", "-6", "route", "replace", "local", "fd00::/16", "dev", "lo")
    for name, value in {
            "ipv4/tcp_retries2": 3, "ipv4/tcp_syn_retries": 1, "ipv4/tcp_synack_retries": 2, "ipv4/tcp_orphan_retries": 2,
            "ipv4/icmp_ratemask": 0, "ipv6/icmp/ratemask": 127}.items():
        with open(f"/proc/sys/net/{name}", "w") as file:
            file.write(str(value))


class Actor:
    """Plays one act after the other in a process of its own."""

    def __init__(self, seed, number, port, until_time):
        self.random = random.Random(f"{seed} {number}")
        self.number, self.port, self.until_time = number, port, until_time
        self.acts_played = self.opened = 0

    def play(self):
        weighted = [(act, weight) for act, weight in ACTS.items()]
        acts, weights = zip(*weighted)
        while time.monotonic() < self.until_time:
            act = self.random.choices(acts, weights)[0]
            self.acts_played += 1
            self.socks = []
            try:
                act(self)
            except (OSError, Gone):
                pass                # whatever happens to a connection is as good as what was meant to
            self.tidy_up()

    def tidy_up(self):
        for sock in self.socks:
            if sock.fileno() >= 0:
                self.either(self.abort, socket.socket.close)(sock)

    # -- what acts are made of

    @staticmethod
    def is_dead(sock):
        return tcp_info(sock, "state") == CLOSE

    def wait(self, condition, seconds=3.0):
        """Is it true in time?"""
        deadline = time.monotonic() + seconds
        pause = 0.001
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
        return True

    def address(self, kind):
        """A new one for each act: no connection of an earlier act can be taken for one of this."""
        self.family = self.random.choice((V4, V6))
        high, low = divmod(self.acts_played, 250)
        if self.family == V4:
            self.host = f"127.{kind}.{self.number + 64 * high}.{low + 1}"
        else:
            self.host = f"fd00:{kind}:{self.number}::{self.acts_played + 1:x}"

    def listen(self, kind, backlog=128, rcvbuf=None):
        self.address(kind)
        self.listener = socket.socket(self.family)
        self.socks.append(self.listener)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.family == V6:
            self.listener.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        if rcvbuf:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.listener.bind((self.host, self.port))
        self.listener.listen(backlog)
        self.listener.setblocking(False)

    def dial(self):
        sock = socket.socket(self.family)
        self.socks.append(sock)
        sock.setblocking(False)
        self.opened += 1
        error = sock.connect_ex((self.host, self.port))
        if error not in (0, errno.EINPROGRESS):
            raise OSError(error, "connect")
        return sock

    def accept(self, seconds=4.0):
        if not select.select([self.listener], [], [], seconds)[0]:
            raise Gone
        sock, peer = self.listener.accept()
        self.socks.append(sock)
        sock.settimeout(4)
        return sock, peer[1]

    def pair(self, kind, **listen):
        """One connection and its two ends, request and reply exchanged."""
        self.listen(kind, **listen)
        return self.another_pair()

    def another_pair(self):
        client = self.dial()
        server, _ = self.accept()
        client.settimeout(4)
        if self.random.random() < 0.7:
            client.sendall(b"request")
            self.take(server, 7)
            server.sendall(b"reply")
            self.take(client, 5)
        return client, server

    def take(self, sock, size):
        if len(sock.recv(size, socket.MSG_WAITALL)) < size:
            raise Gone

    @staticmethod
    def linger(sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def abort(self, sock):
        self.linger(sock)
        sock.close()

    @staticmethod
    def disconnect(sock):
        ctypes.CDLL(None).connect(sock.fileno(), struct.pack("H14x", socket.AF_UNSPEC), 16)

    def nap(self, seconds):
        time.sleep(self.random.random() * seconds)

    def either(self, *things):
        return self.random.choice(things)

    def kind(self):
        return self.random.choices((CLEAN, LOSSY, REJECTING), (6, 3, 1))[0]

    def firewall(self, name):
        version = 4 if self.family == V4 else 6
        shell("nft", "add", "element", *TABLE.split(), f"{name}{version}", f"{{ {self.host} }}")


class Gone(Exception):
    """The connection is no more, or never was."""


# ---- the acts: how often each is played, beside the others

ACTS = {}


def act(weight):
    def register(play):
        ACTS[play] = weight
        return play
    return register


@act(12)
def orderly(a):
    ends = list(a.pair(a.kind()))
    a.random.shuffle(ends)
    first, second = ends
    first.close()
    second.recv(1)
    second.close()


@act(6)
def half_closing(a):
    client, server = a.pair(a.kind())
    client.shutdown(socket.SHUT_WR)
    server.recv(1)
    server.sendall(b"x" * a.random.randrange(1, 5000))
    server.close()
    while client.recv(65536):
        pass
    client.close()


@act(5)
def both_close(a):
    """FINs may cross."""
    client, server = a.pair(a.kind())
    thread = threading.Thread(target=server.close)
    thread.start()
    client.close()
    thread.join()


@act(8)
def unread(a):
    ends = list(a.pair(a.kind()))
    a.random.shuffle(ends)
    reader, writer = ends
    writer.sendall(b"x" * a.random.randrange(1, 3000))
    a.wait(lambda: queued(reader, termios.FIONREAD))
    reader.close()
    a.wait(lambda: a.is_dead(writer), 0.3)


@act(8)
def linger_zero(a):
    ends = list(a.pair(a.kind()))
    a.random.shuffle(ends)
    if a.random.random() < 0.3:
        ends[1].close()
    a.abort(ends[0])
    a.wait(lambda: ends[1].fileno() < 0 or a.is_dead(ends[1]), 0.3)


@act(4)
def linger2(a):
    """TCP_LINGER2 < 0: no FIN_WAIT2, neither while we wait for the ACK of our FIN nor when we close after it."""
    client, server = a.pair(a.either(CLEAN, LOSSY))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, -1)
    client.close()
    a.wait(lambda: a.is_dead(server), 0.3)


@act(10)
def stale(a):
    ends = list(a.pair(a.kind()))
    a.random.shuffle(ends)
    closer, writer = ends
    closer.close()
    if a.random.random() < 0.7:
        a.wait(lambda: tcp_info(writer, "state") == CLOSE_WAIT)
        a.nap(0.2)
    writer.send(b"late")
    a.wait(lambda: a.is_dead(writer), 2)


@act(8)
def close_under_load(a):
    """The writer is in the middle of it: late data for FIN_WAIT1, FIN_WAIT2 or the minisock, or unread data."""
    reader, writer = a.pair(a.either(CLEAN, LOSSY))

    def write():
        try:
            while True:
                writer.send(b"x" * 1000)
        except OSError:
            pass

    thread = threading.Thread(target=write)
    thread.start()
    try:
        a.nap(0.01)
        if a.random.random() < 0.8:
            reader.setblocking(False)
            while queued(reader, termios.FIONREAD):
                reader.recv(1 << 20)
    finally:
        reader.close()
        thread.join()


@act(8)
def refused(a):
    a.address(a.either(CLEAN, LOSSY))
    socks = [a.dial() for _ in range(a.random.randrange(1, 6))]
    a.wait(lambda: all(map(a.is_dead, socks)))


@act(3)
def abandoned(a):
    a.address(BLACKHOLE)
    for _ in range(a.random.randrange(1, 6)):
        a.dial()
    a.nap(1.5)


@act(2)
def never_answered(a):
    kind = a.either(BLACKHOLE, UNREACHABLE)
    a.address(kind)
    socks = [a.dial() for _ in range(a.random.randrange(1, 6))]
    if kind == BLACKHOLE and a.random.random() < 0.5:       # with UNREACHABLE it would be the timer that ends it
        for sock in socks:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 500)
    a.wait(lambda: all(map(a.is_dead, socks)), 4)


@act(5)
def overflow(a):
    """A queue of a few, and more than that want in. Some are let in later."""
    a.listen(a.either(CLEAN, CLEAN, LOSSY), backlog=a.random.randrange(1, 5))
    socks = [a.dial() for _ in range(a.random.randrange(3, 20))]
    if a.random.random() < 0.5:
        a.nap(1.3)
    for sock in socks:
        if tcp_info(sock, "state") == peers.ESTABLISHED and a.random.random() < 0.5:
            sock.send(b"x")
    for _ in range(a.random.randrange(3)):
        a.accept(0.5)
    if a.random.random() < 0.5:
        a.listener.close()


@act(4)
def listener_closes(a):
    a.listen(a.either(CLEAN, LOSSY))
    for _ in range(a.random.randrange(1, 8)):
        a.dial()
    a.nap(0.02)
    a.listener.close()
    a.nap(0.05)


@act(5)
def killed(a):
    """A process of its own, with one end of a connection, is killed."""
    ends = list(a.pair(a.either(CLEAN, LOSSY)))
    a.random.shuffle(ends)
    mine, its = ends
    child = os.fork()
    if not child:
        signal.pause()
        os._exit(0)
    try:
        its.close()
        if a.random.random() < 0.5:
            mine.send(b"never read")
            a.nap(0.02)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    a.wait(lambda: a.is_dead(mine), 0.2)


@act(4)
def disconnects(a):
    """connect(AF_UNSPEC); the socket may live a second time."""
    if a.random.random() < 0.3:
        a.address(BLACKHOLE)
        a.disconnect(a.dial())
        return
    client, server = a.pair(a.kind())
    if a.random.random() < 0.3:
        server.close()
        a.wait(lambda: tcp_info(client, "state") == CLOSE_WAIT)
    a.disconnect(client)
    if a.random.random() < 0.5:
        client.connect((a.host, a.port))
        again, _ = a.accept()
        again.close()
        client.recv(1)


@act(2)
def destroyed(a):
    """ss -K: one end, both, or all, the listener with those it has not accepted included."""
    if a.random.random() < 0.3:
        a.address(BLACKHOLE)
        a.dial()
        shell("ss", "-K", "-t", "dst", f"[{a.host}]" if a.family == V6 else a.host)
        return
    client, server = a.pair(a.either(CLEAN, LOSSY))
    if a.random.random() < 0.5:
        a.dial()
    if a.random.random() < 0.3:
        server.close()
    side = a.either("src", "dst")
    shell("ss", "-K", "-ta" if a.random.random() < 0.5 else "-t", side, f"[{a.host}]" if a.family == V6 else a.host)
    a.nap(0.05)


@act(4)
def path_lost(a):
    """Nothing reaches the server any more: silently, or with ICMP."""
    client, server = a.pair(CLEAN)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, a.either(0, 0, 400, 900))
    a.firewall(a.either("cut", "cut", "told"))
    if a.random.random() < 0.25:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    else:
        client.send(b"x" * a.random.randrange(1, 100000))
    if a.random.random() < 0.3:
        client.close()
    if a.random.random() < 0.3:
        server.send(b"y")
    a.wait(lambda: client.fileno() < 0 or a.is_dead(client), 4)
    a.either(a.abort, socket.socket.close)(server)


@act(3)
def window_closed(a):
    client, server = a.pair(a.either(CLEAN, LOSSY), rcvbuf=4096)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, a.either(0, 500))
    client.setblocking(False)
    client.send(b"x" * 65536)
    a.nap(0.5)
    if a.random.random() < 0.4:
        a.firewall("cut")
        a.wait(lambda: a.is_dead(client), 3)
    a.either(a.abort, socket.socket.close)(server)


@act(6)
def bulk(a):
    """Enough for fast retransmissions, probes and timeouts."""
    client, server = a.pair(LOSSY)
    left = a.random.randrange(10000, 600000)
    client.setblocking(False)
    server.setblocking(False)
    deadline = time.monotonic() + 3
    while left and time.monotonic() < deadline:
        readable, writable, _ = select.select([server], [client], [], 0.5)
        if writable:
            left -= client.send(b"x" * min(left, 30000))
        if readable:
            server.recv(1 << 20)


# ---------------------------------------------------------------------------------------------------------------------
# What only the books need, each alone in the namespace.

def unanswered_requests(a):
    """SYN-ACKs are lost, so SYNs come again for requests that are there: these are no drops of a listener."""
    a.listen(CLEAN)
    way = "ip saddr" if a.family == V4 else "ip6 saddr"
    shell("nft", "insert", "rule", *TABLE.split(), "input", f"{way} {a.host} tcp flags syn drop")
    socks = [a.dial() for _ in range(7)]
    a.wait(lambda: all(tcp_info(sock, "total_retrans") for sock in socks), 3)
    for sock in socks:
        sock.close()
    forward()


def full_syn_queue(a):
    """Without cookies: SYNs beyond the queue are dropped though the accept queue is empty."""
    with open("/proc/sys/net/ipv4/tcp_syncookies", "w") as file:
        file.write("0")
    a.listen(CLEAN, backlog=4)
    way = "ip daddr" if a.family == V4 else "ip6 daddr"
    shell("nft", "insert", "rule", *TABLE.split(), "input", f"{way} {a.host} tcp flags & (syn | psh) == 0x0 drop")
    for _ in range(11):
        a.dial()
    time.sleep(0.1)
    a.tidy_up()
    forward()
    with open("/proc/sys/net/ipv4/tcp_syncookies", "w") as file:
        file.write("1")


def no_route_left(a):
    """The address goes while data is in flight: retransmissions are given up before they are made."""
    a.family, a.host = V4, "10.99.0.1"
    shell("ip", "address", "add", "10.99.0.1/32", "dev", "lo")
    listener = socket.create_server((a.host, a.port))
    a.listener = listener
    a.socks.append(listener)
    client, server = a.another_pair()
    shell("nft", "add", "element", *TABLE.split(), "cut4", "{ 10.99.0.1 }")
    client.send(b"x" * 45)
    shell("ip", "address", "del", "10.99.0.1/32", "dev", "lo")
    a.wait(lambda: a.is_dead(client), 5)
    forward()
    a.abort(server)


SPECIAL = unanswered_requests, full_syn_queue, no_route_left


def forward():
    """Our rules as they were at first."""
    shell("nft", "-f", "-", stdin=f"table {TABLE}\ndelete table {TABLE}\n{rules()}")


# ---------------------------------------------------------------------------------------------------------------------
# The director

def alive():
    """{state: number} of everything in this namespace that could still die."""
    states = collections.Counter()
    for path in "/proc/net/tcp", "/proc/net/tcp6":
        with open(path) as file:
            next(file)
            for line in file:
                state, timer = line.split()[3], line.split()[5]
                if not timer.startswith("03:"):         # of a minisock, be it in TIME_WAIT or FIN_WAIT2
                    states[int(state, 16)] += 1
    return states


def wait_for_counters():
    """Until they have stopped moving: retransmissions, delayed ACKs."""
    before = None
    deadline = time.monotonic() + 5
    while before != (before := Kernel.here()) and time.monotonic() < deadline:
        time.sleep(0.3)


def wait_for_quiet():
    before = None
    while before != (before := Kernel.here()):      # delayed ACKs, answers to answers
        until(lambda: not alive(), lambda: f"the end of {dict(alive())}", seconds=30)
        time.sleep(0.3)


def scenarios(seed, port):
    chance = random.Random(f"{seed} scenarios")
    for name in peers.SCENARIOS:
        if name == PLAYS_OTHERS:
            continue
        family = chance.choice(list(peers.FAMILIES))
        done = subprocess.run(["/usr/bin/python3", peers.__file__, "run", name, "-n", str(SCENARIO_COUNT), "-f", family,
                               "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode not in (0, 77):
            raise Failure(f"{name} over {family}: {done.stderr.strip()}")


def specials(seed, port):
    for number, play in enumerate(SPECIAL):
        actor = Actor(seed, 200 + number, port, 0)
        actor.socks = []
        play(actor)
        actor.tidy_up()


def mixture(seed, port, seconds):
    end = time.monotonic() + seconds
    readers, pids = [], []
    for number in range(ACTORS):
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            signal.alarm(int(seconds) + 30)
            actor = Actor(seed, number, port, end)
            try:
                actor.play()
                os.write(writer, f"{actor.acts_played} {actor.opened}".encode())
            except BaseException as error:
                os.write(writer, f"{type(error).__name__} {error}".encode())
            os._exit(0)
        os.close(writer)
        readers.append(reader)
        pids.append(pid)
    said = [os.read(reader, 1000).decode() for reader in readers]
    for reader, pid in zip(readers, pids):
        os.close(reader)
        os.waitpid(pid, 0)
    failed = [text or "nothing said" for text in said if not re.fullmatch(r"\d+ \d+", text)]
    if failed:
        raise Failure(f"{len(failed)} actors failed: {failed[0]!r}")
    return [sum(int(text.split()[i]) for text in said) for i in (0, 1)]


def traffic(seed, port, seconds):
    print(f"seed {seed}", flush=True)
    peers.keep_a_cpu()
    scenarios(seed, port)
    wait_for_quiet()
    prepare()
    forward()
    specials(seed, port)
    wait_for_quiet()
    acts, opened = mixture(seed, port, seconds)
    wait_for_quiet()
    print(f"{acts} acts, {opened} connects in the mixture", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    sub = verbs.add_parser("traffic", help="let it happen in this network namespace")
    sub.add_argument("-s", dest="seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    sub.add_argument("-p", dest="port", type=int, default=7000)
    sub.add_argument("-t", dest="seconds", type=float, default=8, help="length of the mixture")
    sub = verbs.add_parser("balance", help="compare with the kernel's counters")
    sub.add_argument("lines")
    sub.add_argument("summary")
    sub.add_argument("before", nargs="?", help="what `counters` said before")
    sub.add_argument("after", nargs="?")
    verbs.add_parser("counters", help="print the kernel's counters of this network namespace")
    args = parser.parse_args()
    if args.verb == "balance" and args.after:
        return 0 if balance(Said(args.lines, args.summary), Kernel.between(args.before, args.after)) else 1
    if peers.in_init_namespace():
        print("books.py: refusing to run in the init network namespace: use ip netns exec", file=sys.stderr)
        return 2
    try:
        if args.verb == "counters":
            wait_for_counters()
            print(json.dumps(Kernel.here()))
            return 0
        if args.verb == "balance":
            return 0 if balance(Said(args.lines, args.summary), Kernel.here()) else 1
        traffic(args.seed, args.port, args.seconds)
    except Failure as failure:
        print(f"books.py: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
