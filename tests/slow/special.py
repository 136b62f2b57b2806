#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Causes N deaths of sockets that are out of the ordinary, and knows what must be said of them.

    special.py run SCENARIO [-n COUNT] [-f 4|6|mapped|4to6|6to4] [-p PORT] [-t SECONDS]
    special.py expect SCENARIO [-n COUNT]
    special.py list

The stage, the ends and the director are those of peers.py. Here a third process, `why-other`, takes part: the second
listener of a SO_REUSEPORT group, the receiver of a passed descriptor, the end of another connection.
"""

import ctypes
import errno
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import peers                                            # noqa: E402
from peers import CLIENT, DATA, FILLERS, NOBODY, SERVER, Failure, Skip, proc_counter, scenario, shell, until

OTHER = "why-other"
SYN_RECV, CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING = 3, 8, 9, 10, 11   # include/net/tcp_states.h
IPPROTO_MPTCP = 262
TCP_FASTOPEN_CONNECT = 30
SO_ATTACH_FILTER, SO_ATTACH_REUSEPORT_CBPF = 26, 51
CLONE_NEWNET = 0x40000000
SYS_EXIT = 93 if os.uname().machine == "aarch64" else 60
TCP_REPAIR = 19
TCP_LINGER2_OFF = -1

# The listener's and the client's address, and so their families.
peers.FAMILIES["4to6"] = socket.AF_INET6, "::", "127.0.0.1"
peers.FAMILIES["6to4"] = socket.AF_INET, "127.0.0.1", "::ffff:127.0.0.1"

ORDINARY = dict(peers.SCENARIOS)
peers.SCENARIOS.clear()


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class MptcpSocket(socket.socket):
    def __init__(self, family=-1, type=-1, proto=-1, fileno=None):
        super().__init__(family, type, IPPROTO_MPTCP if fileno is None else proto, fileno)


def returns(value):
    """A classic BPF program that is nothing but `ret #value`, as a struct sock_fprog, and what keeps it alive."""
    code = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, value))
    return struct.pack("HxxxxxxP", 1, ctypes.addressof(code)), code


def libc_call(name, *args):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*args) < 0:
        raise OSError(ctypes.get_errno(), name)


class End(peers.End):
    # -- coming into being

    def speak_mptcp(self):
        socket.socket = MptcpSocket

    def listen(self, backlog=4096, rcvbuf=None):
        self.family = family_of(self.bind_to)
        super().listen(backlog, rcvbuf)

    def connect(self, n):
        self.family = family_of(self.connect_to)
        super().connect(n)

    def dial(self, n):
        self.family = family_of(self.connect_to)
        super().dial(n)

    def listen_together(self, backlog=4096):
        """In a SO_REUSEPORT group."""
        self.listener = socket.socket(self.family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.listener.bind((self.bind_to, self.port))
        self.listener.listen(backlog)

    def select_listener(self, index):
        """Of the group: the one that joined as number `index`."""
        program, _code = returns(index)
        self.listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program)

    def listener_option(self, level, name, value):
        self.listener.setsockopt(level, name, value)

    def filter_all(self):
        """The listener drops every segment: a socket filter that lets nothing pass."""
        program, _code = returns(0)
        self.listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)

    def connect_from(self, n, first, address=""):
        """From ports that are known beforehand, in the order of the ports."""
        self.socks = [socket.socket(family_of(self.connect_to), socket.SOCK_STREAM) for _ in range(n)]
        for i, sock in enumerate(self.socks):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, first + i))
            sock.connect((self.connect_to, self.port))

    def connect_to_itself(self, n):
        """Simultaneous open: the socket is its own peer."""
        self.socks = []
        for _ in range(n):
            sock = socket.socket(family_of(self.connect_to), socket.SOCK_STREAM)
            self.socks.append(sock)
            sock.bind((self.connect_to, self.port))
            sock.connect(sock.getsockname())
            if sock.getsockname() != sock.getpeername():
                raise Failure("that was no connection to itself")

    def fast_open(self, n, data, error=0):
        """The data goes with the SYN, if the cookie is known."""
        self.socks = [socket.socket(family_of(self.connect_to), socket.SOCK_STREAM) for _ in range(n)]
        for sock in self.socks:
            try:
                sock.sendto(data, socket.MSG_FASTOPEN, (self.connect_to, self.port))
            except OSError as got:
                if got.errno != error:
                    raise
        if not error:
            self.socks.sort(key=lambda sock: sock.getsockname()[1])

    def fast_connect(self, n):
        """connect() returns at once; the first write will make the SYN."""
        self.socks = [socket.socket(family_of(self.connect_to), socket.SOCK_STREAM) for _ in range(n)]
        for sock in self.socks:
            sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
            sock.connect((self.connect_to, self.port))
            if peers.tcp_info(sock, "state") != peers.SYN_SENT:
                raise Failure("connect() did not defer its SYN")

    # -- living

    def shutdown(self, how):
        for sock in self.socks:
            sock.shutdown(how)

    def wait_own_state(self, state):
        until(lambda: all(peers.tcp_info(sock, "state") == state for sock in self.socks), f"state {state}")

    def try_send(self, data):
        """The socket may be dead already; that it fails is not the point."""
        for sock in self.socks:
            try:
                sock.send(data)
            except OSError:
                pass

    def errors_are(self, error):
        """Asks once, as died(), and does not insist on TCP_INFO, which MPTCP sockets do not always have."""
        def ask():
            for sock in self.socks:
                got = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if got:
                    seen[sock] = got
            return len(seen) == len(self.socks)
        seen = {}
        until(ask, f"{errno.errorcode[error]} on all sockets")
        if set(seen.values()) != {error}:
            raise Failure(f"errors {set(seen.values())} instead of {errno.errorcode[error]}")

    def drop(self):
        """Closes the descriptors, whatever the connections are doing."""
        self.close()

    # -- from hand to hand

    def give_path(self, path):
        self.hand = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.hand.bind(path)

    def give(self, path):
        """Sends all connections to the process that listens at the path, and forgets them."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hand:
            hand.connect(path)
            socket.send_fds(hand, [b"x"], [sock.fileno() for sock in self.socks])
        self.close()

    def take_given(self):
        _, fds, _, _ = socket.recv_fds(self.hand, 1, 253)
        self.socks = [socket.socket(fileno=fd) for fd in fds]   # in the giver's order

    def drop_given(self):
        """Without having received them."""
        self.hand.close()

    def fork_heir(self, comm, action=None, leaderless=False):
        """A child that holds the connections too; then `action` on them, in the child. Leaderless: its first thread
        ends, and another one lives on."""
        ready, wait = os.pipe(), os.pipe()
        self.heir = os.fork()
        if not self.heir:
            signal.alarm(60 * peers.SLOWDOWN)
            with open("/proc/self/comm", "w") as file:
                file.write(comm)
            libc_call("prctl", 1, signal.SIGKILL)
            if leaderless:
                threading.Thread(target=lambda: (time.sleep(0.1), os.write(ready[1], b"!"), time.sleep(60))).start()
                libc_call("syscall", SYS_EXIT, 0)
            os.write(ready[1], b"!")
            os.read(wait[0], 1)
            if action:
                getattr(self, action)()
                os.write(ready[1], b"!")
            signal.pause()
        self.from_heir, self.to_heir = ready[0], wait[1]
        os.read(self.from_heir, 1)

    def tell_heir(self):
        os.write(self.to_heir, b"!")
        os.read(self.from_heir, 1)

    def end_heir(self):
        os.kill(self.heir, signal.SIGKILL)
        os.waitpid(self.heir, 0)

    # -- namespaces

    def join(self, pid):
        with open(f"/proc/{pid}/ns/net") as namespace:
            libc_call("setns", namespace.fileno(), CLONE_NEWNET)

    def unshare(self):
        libc_call("unshare", CLONE_NEWNET)
        shell("ip", "link", "set", "lo", "up")

    def shell(self, *argv, stdin=None):
        shell(*argv, stdin=stdin)

    def addresses(self, bind_to, connect_to):
        self.bind_to, self.connect_to = bind_to, connect_to

    # -- one after the other, with the same four-tuple

    def connect_again(self, port):
        self.connect_from(1, port)


class Stage(peers.Stage):
    def __init__(self, count, family, port, seconds):
        super().__init__(count, family, port, seconds)
        self.seconds = seconds
        self.extra = []
        self.other = self.hire(OTHER)

    def hire(self, comm, family=None):
        end = peers.Remote(comm, self.seconds, family or self.family, self.port, None)
        self.extra.append(end)
        return end

    def settle(self):
        for end in self.extra:
            if end.pid:
                end.stop_listening()
                end.let_go()
                end.dismiss()
        super().settle()

    def strike(self):
        for end in self.extra:
            end.kill()
        super().strike()

    def over(self):
        """The end of all connections; a listener may still be there."""
        def left():
            return {key: number for key, number in self.alive().items() if key[1] != LISTEN}
        until(lambda: not left(), lambda: f"the end of {left()}")

    def states(self, end):
        return {state: number for (who, state), number in self.alive().items() if who == end}

    def wait_states(self, end, *states):
        """All of the end are in one of these states."""
        def there():
            return sum(number for state, number in self.states(end).items() if state in states)
        until(lambda: there() == self.n, lambda: f"{self.n} of {end} in {states}; there are {self.alive()}")


peers.End, peers.Stage = End, Stage


def option(end, name, value, level=socket.IPPROTO_TCP):
    end.option(level, name, value)


def keepalive(end, count, user_timeout=0):
    """First probe after 1 s of idleness, then one each second."""
    option(end, socket.TCP_KEEPIDLE, 1)
    option(end, socket.TCP_KEEPINTVL, 1)
    option(end, socket.TCP_KEEPCNT, count)
    option(end, socket.TCP_USER_TIMEOUT, user_timeout)
    option(end, socket.SO_KEEPALIVE, 1, socket.SOL_SOCKET)


# ---------------------------------------------------------------------------------------------------------------------
# Timers of the passive side

@scenario("server-keepalive-timeout", "the server's two keepalive probes of two are lost",
          ("keepalive-timeout", SERVER), ("linger-zero", CLIENT))
def server_keepalive_timeout(stage):
    stage.establish()
    stage.rules(f"{stage.to_client} drop")
    keepalive(stage.server, count=2)
    stage.server.died(errno.ETIMEDOUT)
    stage.client.abort()


@scenario("server-keepalive-user-timeout", "the server's TCP_USER_TIMEOUT ends it at the first lost probe of five",
          ("keepalive-user-timeout", SERVER), ("linger-zero", CLIENT))
def server_keepalive_user_timeout(stage):
    stage.establish()
    stage.rules(f"{stage.to_client} drop")
    keepalive(stage.server, count=5, user_timeout=1500)
    stage.server.died(errno.ETIMEDOUT)
    stage.client.abort()


@scenario("server-user-timeout", "the server's data is lost for longer than its TCP_USER_TIMEOUT",
          ("user-timeout", SERVER), ("linger-zero", CLIENT))
def server_user_timeout(stage):
    stage.establish()
    option(stage.server, socket.TCP_USER_TIMEOUT, 700)
    stage.rules(f"{stage.to_client} drop")
    stage.server.send(DATA)
    stage.server.died(errno.ETIMEDOUT)
    stage.client.abort()


@scenario("server-retransmit-timeout", "the server's data is lost again and again",
          ("retransmit-timeout", SERVER), ("linger-zero", CLIENT))
def server_retransmit_timeout(stage):
    stage.sysctl("net.ipv4.tcp_retries2", 1)
    stage.establish()
    stage.rules(f"{stage.to_client} drop")
    stage.server.send(DATA)
    stage.server.died(errno.ETIMEDOUT)
    stage.client.abort()


# ---------------------------------------------------------------------------------------------------------------------
# Half-closed connections

@scenario("close-wait-keepalive-timeout", "the server is in CLOSE_WAIT, and its keepalive probes are lost",
          ("closed-here", CLIENT), ("keepalive-timeout", SERVER))
def close_wait_keepalive_timeout(stage):
    stage.sysctl("net.ipv4.tcp_fin_timeout", 1)     # of the client's minisock, for which settle() waits
    stage.establish()
    stage.client.close()
    stage.server.wait_own_state(CLOSE_WAIT)
    stage.wait_states(CLIENT, peers.FIN_WAIT2)
    stage.rules(f"{stage.to_client} drop")
    keepalive(stage.server, count=2)
    stage.server.died(errno.ETIMEDOUT)


@scenario("close-wait-keepalive-reset", "the server is in CLOSE_WAIT, and its keepalive probe is answered by RST",
          ("linger-zero", CLIENT), ("keepalive-reset", SERVER), ("stray-segment", NOBODY))
def close_wait_keepalive_reset(stage):
    stage.establish()
    stage.client.shutdown(socket.SHUT_WR)
    stage.server.wait_own_state(CLOSE_WAIT)
    stage.client.wait_own_state(peers.FIN_WAIT2)
    stage.rules(f"{stage.to_server} tcp flags rst drop")
    stage.client.abort()
    stage.rules()
    keepalive(stage.server, count=5)
    stage.server.died(errno.EPIPE)


@scenario("closing", "both close at once, and the FINs cross: CLOSING at both ends",
          ("closed-here", CLIENT), ("closed-here", SERVER))
def closing(stage):
    """A clogged lo: the FINs of both wait in the queue behind datagrams, so none has heard of the other's."""
    stage.establish()
    shell("ip", "link", "set", "lo", "mtu", "1500")
    shell("tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "200kbit", "burst", "1600", "latency", "10s")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as clog:
        for _ in range(4):
            clog.sendto(b"x" * 1400, ("127.0.0.1", 9))
    stage.client.close()
    stage.server.close()
    stage.wait_state(CLIENT, CLOSING)
    stage.over()
    shell("tc", "qdisc", "del", "dev", "lo", "root")


@scenario("closing-timeout", "both close at once; the last ACKs are lost for ever",
          ("closed-here", CLIENT), ("orphan-timeout", SERVER))
def closing_timeout(stage):
    """The server's FIN and ACKs are lost: it goes to CLOSING at the client's FIN, and nobody acknowledges its own."""
    stage.sysctl("net.ipv4.tcp_orphan_retries", 3)
    stage.sysctl("net.ipv4.tcp_fin_timeout", 1)
    stage.establish()
    stage.rules(f"{stage.to_client} tcp flags fin drop")
    stage.server.close()
    stage.client.close()
    stage.wait_state(SERVER, CLOSING)
    stage.over()
    stage.rules()


@scenario("shutdown-late-data", "the server shuts down both directions and keeps the descriptor; then data comes",
          ("late-data", SERVER), ("half-closed-reuse", CLIENT))
def shutdown_late_data(stage):
    stage.establish()
    aborts = proc_counter("TCPAbortOnData")
    stage.server.shutdown(socket.SHUT_RDWR)
    stage.server.wait_own_state(peers.FIN_WAIT2)
    time.sleep(0.5)
    stage.client.send(DATA)
    stage.client.died(errno.EPIPE)
    stage.counted("TCPAbortOnData", aborts, stage.n)
    stage.server.close()


@scenario("shutdown-orderly", "both shut down both directions, and close later",
          ("closed-here", SERVER), ("closed-by-peer", CLIENT))
def shutdown_orderly(stage):
    stage.establish()
    stage.server.shutdown(socket.SHUT_RDWR)
    stage.client.take_eof()
    stage.client.shutdown(socket.SHUT_RDWR)
    stage.client.wait_own_state(peers.CLOSE)
    stage.server.close()
    stage.client.close()


@scenario("fin-wait1-retransmit-timeout", "the client shuts down writing, keeps the descriptor, and its FIN is lost",
          ("retransmit-timeout", CLIENT), ("linger-zero", SERVER))
def fin_wait1_retransmit_timeout(stage):
    stage.sysctl("net.ipv4.tcp_retries2", 1)
    stage.establish()
    stage.rules(f"{stage.to_server} drop")
    stage.client.shutdown(socket.SHUT_WR)
    stage.client.died(errno.ETIMEDOUT)
    stage.server.abort()


@scenario("fin-wait2-keepalive-timeout", "the client has shut down writing and waits; its keepalive probes are lost",
          ("keepalive-timeout", CLIENT), ("linger-zero", SERVER))
def fin_wait2_keepalive_timeout(stage):
    stage.establish()
    stage.client.shutdown(socket.SHUT_WR)
    stage.client.wait_own_state(peers.FIN_WAIT2)
    stage.rules(f"{stage.to_server} drop")
    keepalive(stage.client, count=2)
    stage.client.died(errno.ETIMEDOUT)
    stage.server.abort()


@scenario("fin-wait2-unread", "the client has shut down writing, and closes with the answer unread",
          ("unread-data", CLIENT), ("peer-aborted", SERVER))
def fin_wait2_unread(stage):
    stage.establish()
    stage.client.shutdown(socket.SHUT_WR)
    stage.client.wait_own_state(peers.FIN_WAIT2)
    stage.server.send(DATA)
    stage.client.wait_unread(len(DATA))
    stage.server.wait_acked()
    stage.client.close()
    stage.server.died(errno.EPIPE)


@scenario("last-ack-timeout", "both close; the second FIN is lost for ever",
          ("closed-here", CLIENT), ("orphan-timeout", SERVER))
def last_ack_timeout(stage):
    stage.sysctl("net.ipv4.tcp_orphan_retries", 2)
    stage.sysctl("net.ipv4.tcp_fin_timeout", 1)
    stage.establish()
    stage.client.close()
    stage.server.take_eof()
    stage.wait_state(CLIENT, peers.FIN_WAIT2)
    stage.rules(f"{stage.to_client} drop")
    stage.server.close()
    stage.over()


@scenario("last-ack-reset", "both close; the second FIN is answered by RST",
          ("linger-zero", CLIENT), ("reset-after-close", SERVER), ("stray-segment", NOBODY))
def last_ack_reset(stage):
    stage.establish()
    stage.client.shutdown(socket.SHUT_WR)
    stage.server.take_eof()
    stage.client.wait_own_state(peers.FIN_WAIT2)
    stage.rules(f"{stage.to_server} tcp flags rst drop")
    stage.client.abort()
    time.sleep(3 * peers.RTO_MIN)   # what comes then was not on its way
    stage.rules()
    stage.server.close()


def lose_answers(stage, *others):
    """The first RST to each client is lost, and no other one: so it sends its data again, on its timer."""
    stage.rules(*others, f"{stage.to_client} tcp flags rst numgen inc mod 1000000 < {stage.n} drop")


@scenario("late-segment-after-time-wait", "TIME_WAIT answers the client's data with RST, which is lost; the data comes again",
          ("closed-here", SERVER), ("half-closed-reuse", CLIENT), ("late-data-time-wait", SERVER), ("late-segment", SERVER))
def late_segment_after_time_wait(stage):
    stage.establish()
    stage.server.close()
    stage.wait_state(SERVER, peers.FIN_WAIT2)
    time.sleep(0.5)
    lose_answers(stage)
    stage.client.send(DATA)
    stage.client.died(errno.EPIPE)


@scenario("late-segment-after-overflow", "a full queue answers the client's data with RST, which is lost; the data comes again",
          ("backlog-reset", CLIENT), ("accept-overflow-reset", SERVER), ("late-segment", SERVER),
          ("listener-closed", SERVER, FILLERS), ("peer-aborted", CLIENT, FILLERS))
def late_segment_after_overflow(stage):
    stage.sysctl("net.ipv4.tcp_abort_on_overflow", 1)
    peers.overflow_at_the_ack(stage)
    lose_answers(stage, f"{stage.to_server} {stage.bare} drop")
    stage.client.send(DATA)
    stage.client.died(errno.ECONNRESET)
    stage.rules()
    stage.drop_accept_queue()


@scenario("shutdown-read", "the server shuts down reading; data still comes, and it closes",
          ("unread-data", SERVER), ("peer-aborted", CLIENT))
def shutdown_read(stage):
    """SHUT_RD does not keep data out in ESTABLISHED."""
    stage.establish()
    stage.server.shutdown(socket.SHUT_RD)
    stage.client.send(DATA)
    stage.server.wait_unread(len(DATA))
    stage.server.close()
    stage.client.died(errno.ECONNRESET)


@scenario("half-closed-then-reset", "the client has shut down writing and waits; the server closes with that unread",
          ("unread-data", SERVER), ("peer-aborted", CLIENT))
def half_closed_then_reset(stage):
    stage.establish()
    stage.client.send(DATA)
    stage.client.shutdown(socket.SHUT_WR)
    stage.server.wait_unread(len(DATA))
    stage.client.wait_own_state(peers.FIN_WAIT2)
    stage.server.close()
    stage.client.died(errno.ECONNRESET)


@scenario("half-closed-then-linger", "the client has shut down writing and waits; the server aborts, all read",
          ("linger-zero", SERVER), ("peer-aborted", CLIENT))
def half_closed_then_linger(stage):
    stage.establish()
    stage.client.shutdown(socket.SHUT_WR)
    stage.server.take_eof()
    stage.client.wait_own_state(peers.FIN_WAIT2)
    stage.server.abort()
    stage.client.died(errno.ECONNRESET)


@scenario("half-closed-then-forgotten", "the client shuts down writing; that reaches a server that is gone",
          ("linger-zero", SERVER), ("peer-forgot", CLIENT), ("stray-segment", NOBODY))
def half_closed_then_forgotten(stage):
    stage.establish()
    stage.lose_server()
    stage.server.stop_listening()
    stage.rules()
    stage.client.shutdown(socket.SHUT_WR)
    stage.client.died(errno.ECONNRESET)


@scenario("fin-wait2-late-data", "tcp_fin_timeout 70: FIN_WAIT2 stays a full socket, and data comes to it",
          ("late-data", SERVER), ("half-closed-reuse", CLIENT))
def fin_wait2_late_data(stage):
    stage.sysctl("net.ipv4.tcp_fin_timeout", 70)
    stage.establish()
    aborts = proc_counter("TCPAbortOnData")
    stage.server.close()
    stage.wait_state(SERVER, peers.FIN_WAIT2)
    time.sleep(0.5)
    stage.client.send(DATA)
    stage.client.died(errno.EPIPE)
    stage.counted("TCPAbortOnData", aborts, stage.n)


@scenario("fin-wait2-orderly", "tcp_fin_timeout 70: the peer's FIN comes to the full socket in FIN_WAIT2",
          ("closed-here", SERVER), ("closed-by-peer", CLIENT))
def fin_wait2_orderly(stage):
    stage.sysctl("net.ipv4.tcp_fin_timeout", 70)
    stage.establish()
    stage.server.close()
    stage.wait_state(SERVER, peers.FIN_WAIT2)
    stage.client.take_eof()
    stage.client.close()


@scenario("fin-wait2-reset", "tcp_fin_timeout 70: the peer's RST comes to the full socket in FIN_WAIT2",
          ("reset-after-close", SERVER), ("linger-zero", CLIENT))
def fin_wait2_reset(stage):
    stage.sysctl("net.ipv4.tcp_fin_timeout", 70)
    stage.establish()
    stage.server.close()
    stage.wait_state(SERVER, peers.FIN_WAIT2)
    stage.client.take_eof()
    stage.client.abort()


@scenario("fin-wait2-expiry", "tcp_fin_timeout 62: after 2 s the timer hands the full socket over to TIME_WAIT",
          ("closed-here", SERVER), ("late-data-time-wait", SERVER), ("half-closed-reuse", CLIENT))
def fin_wait2_expiry(stage):
    """tcp_fin_timeout less TCP_TIMEWAIT_LEN; told by the minisock's answer, since both are FIN_WAIT2 in /proc."""
    stage.sysctl("net.ipv4.tcp_fin_timeout", 62)
    stage.establish()
    aborts = proc_counter("TCPAbortOnData")
    stage.server.close()
    stage.wait_state(SERVER, peers.FIN_WAIT2)
    time.sleep(2.8)
    stage.client.send(DATA)
    stage.client.died(errno.EPIPE)
    stage.counted("TCPAbortOnData", aborts, 0)


@scenario("linger2-at-close", "TCP_LINGER2 < 0, close() in FIN_WAIT2: RST at once",
          ("linger-zero", SERVER), ("peer-aborted", CLIENT))
def linger2_at_close(stage):
    stage.establish()
    option(stage.server, socket.TCP_LINGER2, TCP_LINGER2_OFF)
    stage.server.shutdown(socket.SHUT_WR)
    stage.server.wait_own_state(peers.FIN_WAIT2)
    stage.server.close()
    stage.client.died(errno.EPIPE)


@scenario("linger2-at-ack", "TCP_LINGER2 < 0, close() in ESTABLISHED: RST in answer to the ACK of the FIN",
          ("linger-zero", SERVER), ("peer-forgot", CLIENT))
def linger2_at_ack(stage):
    """The RST answers a segment, so that it carries no timestamps: from here it cannot be told from a stateless one."""
    stage.establish()
    option(stage.server, socket.TCP_LINGER2, TCP_LINGER2_OFF)
    stage.server.close()
    stage.client.died(errno.EPIPE)


# ---------------------------------------------------------------------------------------------------------------------
# Without timestamps

def without_timestamps(name, *expects, play=None):
    """An ordinary scenario of peers.py; what it expects, too, if nothing else is said."""
    entry = ORDINARY[name]

    @scenario(f"no-timestamps-{name}", f"tcp_timestamps 0: {entry.about}", *(expects or entry.expects))
    def replay(stage):
        stage.sysctl("net.ipv4.tcp_timestamps", 0)
        (play or entry.play)(stage)


def forgotten_after_silence(stage):
    """Without timestamps only a silence of a second tells that a reset comes of forgetting."""
    stage.establish()
    stage.lose_server()
    stage.server.stop_listening()
    stage.rules()
    time.sleep(1.2)
    stage.client.send(DATA)
    stage.client.died(errno.ECONNRESET)


without_timestamps("refused")
without_timestamps("unread-data")
without_timestamps("linger-zero")
without_timestamps("half-closed-reuse")
without_timestamps("peer-forgot", play=forgotten_after_silence)
without_timestamps("keepalive-reset")
without_timestamps("late-data", ("late-data", SERVER), ("peer-aborted", CLIENT))     # too short a silence
without_timestamps("reset-after-close")


# ---------------------------------------------------------------------------------------------------------------------
# Ends that are one, or of two families

@scenario("self-connect", "sockets that are connected to themselves are closed",
          ("closed-here", CLIENT))
def self_connect(stage):
    for _ in range(stage.n):
        stage.client.connect_to_itself(1)
        stage.client.close()
        stage.over()
        wait_time_wait_over(stage)


def wait_time_wait_over(stage):
    """TIME_WAIT of a connection to itself keeps the port from being bound again; ss -K ends it."""
    shell("ss", "-K", "-t", "state", "time-wait", "sport", "=", f":{stage.port}")


@scenario("self-connect-aborted", "sockets that are connected to themselves are aborted with SO_LINGER 0",
          ("linger-zero", CLIENT))
def self_connect_aborted(stage):
    for _ in range(stage.n):
        stage.client.connect_to_itself(1)
        stage.client.abort()
        stage.over()


@scenario("self-connect-unread", "sockets that are connected to themselves are closed with data unread",
          ("unread-data", CLIENT))
def self_connect_unread(stage):
    for _ in range(stage.n):
        stage.client.connect_to_itself(1)
        stage.client.send(DATA)
        stage.client.wait_unread(len(DATA))
        stage.client.close()
        stage.over()


@scenario("same-process", "a process connects to its own listener; it aborts one end",
          ("linger-zero", CLIENT), ("peer-aborted", CLIENT))
def same_process(stage):
    stage.client.listen()
    stage.client.connect(stage.n)
    stage.client.set_aside()
    stage.client.accept(stage.n)
    stage.client.abort()
    stage.client.take_back()
    stage.client.died(errno.ECONNRESET)
    stage.client.stop_listening()


def mixed_families(name):
    entry = ORDINARY[name]
    scenario(f"mixed-{name}", f"IPv4 at one end, IPv4-mapped IPv6 at the other: {entry.about}",
             *entry.expects)(entry.play)


for mixed in "orderly-client-closes", "unread-data", "half-closed-reuse", "refused", "listener-closed", "late-data":
    mixed_families(mixed)


# ---------------------------------------------------------------------------------------------------------------------
# SO_REUSEPORT

@scenario("reuseport", "two processes listen on one port, and both close with data unread",
          ("unread-data", SERVER), ("unread-data", OTHER), ("peer-aborted", CLIENT, 46))
def reuseport(stage):
    """The classic BPF program chooses the listener: first N connections for one, then N for the other."""
    stage.server.listen_together()
    stage.other.listen_together()
    for index, end in enumerate((stage.server, stage.other)):
        stage.server.select_listener(index)
        stage.client.connect(stage.n)
        end.accept(stage.n)
        stage.client.send(DATA)
        end.wait_unread(len(DATA))
        end.close()
        stage.client.died(errno.ECONNRESET)
        stage.client.let_go()


@scenario("reuseport-listener-closed", "two processes listen on one port; one closes its listener, not accepted",
          ("listener-closed", OTHER), ("peer-aborted", CLIENT), ("closed-here", CLIENT), ("closed-by-peer", SERVER))
def reuseport_listener_closed(stage):
    stage.server.listen_together()
    stage.other.listen_together()
    stage.server.select_listener(0)
    stage.client.connect(stage.n)
    stage.server.accept(stage.n)
    stage.client.set_aside()
    stage.server.select_listener(1)
    stage.client.connect(stage.n)
    stage.other.stop_listening(pending=stage.n)
    stage.client.died(errno.ECONNRESET)
    stage.client.let_go()
    stage.client.take_back()
    stage.client.close()
    stage.server.take_eof()
    stage.server.close()


@scenario("reuseport-migrated", "the same with tcp_migrate_req: the other listener inherits what was not accepted",
          ("closed-here", CLIENT), ("closed-by-peer", SERVER))
def reuseport_migrated(stage):
    stage.sysctl("net.ipv4.tcp_migrate_req", 1)
    stage.server.listen_together()
    stage.other.listen_together()
    stage.server.select_listener(1)
    stage.client.connect(stage.n)
    stage.other.stop_listening(pending=stage.n)
    stage.server.accept(stage.n)
    stage.client.close()
    stage.server.take_eof()
    stage.server.close()


@scenario("reuseport-overflow", "of two listeners on one port exactly one overflows",
          ("connect-abandoned", CLIENT), ("accept-overflow", OTHER),
          ("closed-here", CLIENT), ("closed-by-peer", SERVER),
          ("listener-closed", OTHER, FILLERS), ("peer-aborted", CLIENT, FILLERS))
def reuseport_overflow(stage):
    overflows = proc_counter("ListenOverflows")
    stage.server.listen_together()
    stage.other.listen_together(backlog=FILLERS - 1)
    stage.server.select_listener(1)
    stage.client.connect(FILLERS)
    stage.client.set_aside()
    stage.other.wait_backlog(FILLERS)
    stage.client.dial(stage.n)
    stage.client.abandon()
    stage.counted("ListenOverflows", overflows, stage.n)
    stage.server.select_listener(0)
    stage.client.connect(stage.n)       # the other listener has room
    stage.server.accept(stage.n)
    stage.client.close()
    stage.server.take_eof()
    stage.server.close()
    time.sleep(0.3)
    stage.client.let_go()
    stage.client.take_back()
    stage.other.stop_listening(pending=FILLERS)
    stage.client.died(errno.ECONNRESET)


@scenario("filtered", "a listener's socket filter drops all SYNs: its accept queue is empty",
          ("connect-abandoned", CLIENT), ("syn-dropped", SERVER))
def filtered(stage):
    stage.server.listen()
    stage.server.filter_all()
    stage.client.dial(stage.n)
    stage.client.abandon()
    time.sleep(1.2)     # a listener whose queue is not full is looked at each second


@scenario("filtered-self-connect", "the same, while sockets connect themselves to themselves on that port of another address",
          ("linger-zero", CLIENT), ("connect-abandoned", CLIENT), ("syn-dropped", SERVER))
def filtered_self_connect(stage):
    stage.server.addresses("127.0.0.2", None)
    stage.server.listen()
    stage.server.filter_all()
    stage.client.addresses(None, "127.0.0.2")
    stage.client.dial(stage.n)
    stage.client.set_aside()
    stage.client.addresses(None, "127.0.0.1")
    for _ in range(stage.n):
        stage.client.connect_to_itself(1)
        stage.client.abort()
    stage.client.take_back()
    stage.client.abandon()
    time.sleep(1.2)


# ---------------------------------------------------------------------------------------------------------------------
# Descriptors that change hands

def hand_over(stage):
    path = f"\0why-special-{stage.port}"
    stage.other.give_path(path)
    stage.establish()
    stage.server.give(path)
    return path


@scenario("passed-closed", "the server passes its connections on; the receiver closes them with data unread",
          ("unread-data", OTHER), ("peer-aborted", CLIENT))
def passed_closed(stage):
    hand_over(stage)
    stage.other.take_given()
    stage.client.send(DATA)
    stage.other.wait_unread(len(DATA))
    stage.other.close()
    stage.client.died(errno.ECONNRESET)


@scenario("passed-reset", "the server passes its connections on; then the client aborts",
          ("linger-zero", CLIENT), ("peer-aborted", OTHER))
def passed_reset(stage):
    hand_over(stage)
    stage.other.take_given()
    stage.client.abort()
    stage.other.died(errno.ECONNRESET)


@scenario("passed-in-flight-reset", "the server passes its connections on; the client aborts before they are received",
          ("linger-zero", CLIENT), ("peer-aborted", NOBODY))
def passed_in_flight_reset(stage):
    hand_over(stage)
    stage.client.abort()
    stage.over()
    time.sleep(peers.SLOWDOWN)     # until the search for an owner was given up
    stage.other.take_given()
    stage.other.died(errno.ECONNRESET)


@scenario("passed-in-flight-closed", "the server passes its connections on; the receiver closes without receiving them",
          ("unread-data", OTHER), ("peer-aborted", CLIENT))
def passed_in_flight_closed(stage):
    path = f"\0why-special-{stage.port}"
    stage.other.give_path(path)
    stage.establish()
    stage.client.send(DATA)
    stage.server.wait_unread(len(DATA))
    stage.server.give(path)
    stage.other.drop_given()
    stage.client.died(errno.ECONNRESET)


@scenario("forked-closed", "the server's child inherits; the server closes, then the child, with data unread",
          ("unread-data", "why-heir"), ("peer-aborted", CLIENT))
def forked_closed(stage):
    stage.establish()
    stage.client.send(DATA)
    stage.server.wait_unread(len(DATA))
    stage.server.fork_heir("why-heir", "drop")
    stage.server.close()
    stage.server.tell_heir()
    stage.client.died(errno.ECONNRESET)
    stage.server.end_heir()


@scenario("forked-killed", "the server's child inherits; the server closes, then the child is killed, data unread",
          ("unread-data", "why-heir"), ("peer-aborted", CLIENT))
def forked_killed(stage):
    stage.establish()
    stage.client.send(DATA)
    stage.server.wait_unread(len(DATA))
    stage.server.fork_heir("why-heir")
    stage.server.close()
    stage.server.end_heir()
    stage.client.died(errno.ECONNRESET)


@scenario("forked-parent-closes", "the server's child inherits and dies; then the server closes with data unread",
          ("unread-data", SERVER), ("peer-aborted", CLIENT))
def forked_parent_closes(stage):
    stage.establish()
    stage.client.send(DATA)
    stage.server.wait_unread(len(DATA))
    stage.server.fork_heir("why-heir")
    stage.server.end_heir()
    stage.server.close()
    stage.client.died(errno.ECONNRESET)


@scenario("forked-reset", "the server's child inherits; the server closes, then the client aborts",
          ("linger-zero", CLIENT), ("peer-aborted", "why-heir"))
def forked_reset(stage):
    stage.establish()
    stage.server.fork_heir("why-heir")
    stage.server.close()
    stage.client.abort()
    stage.over()
    time.sleep(0.3)
    stage.server.end_heir()


@scenario("leaderless-reset", "a thread holds the connections, its process's first thread is gone; the client aborts",
          ("linger-zero", CLIENT), ("peer-aborted", "why-heir"))
def leaderless_reset(stage):
    """The descriptors are to be found at the other threads only."""
    stage.establish()
    stage.server.fork_heir("why-heir", leaderless=True)
    stage.server.close()
    stage.client.abort()
    stage.over()
    time.sleep(0.3)
    stage.server.end_heir()


@scenario("repair", "the server's sockets are closed in repair mode, as by CRIU: nothing is sent",
          ("checkpointed", SERVER), ("linger-zero", CLIENT))
def repair(stage):
    stage.establish()
    option(stage.server, TCP_REPAIR, 1)
    stage.server.close()
    stage.client.abort()


# ---------------------------------------------------------------------------------------------------------------------
# The same four-tuple again and again

def one_unread(stage):
    stage.client.send(DATA)
    stage.server.wait_unread(len(DATA))
    stage.server.close()
    stage.client.died(errno.ECONNRESET)


def one_server_aborts(stage):
    stage.server.abort()
    stage.client.died(errno.ECONNRESET)


def one_client_aborts(stage):
    stage.client.abort()
    stage.server.died(errno.ECONNRESET)


def one_server_closes(stage):
    stage.server.close()
    stage.client.take_eof()
    stage.client.close()


def one_stale(stage):
    """After a second the server's TIME_WAIT accepts a SYN with a newer timestamp."""
    stage.server.close()
    until(lambda: stage.states(SERVER).get(peers.FIN_WAIT2) == 1, "the server's FIN_WAIT2")
    time.sleep(0.1)
    stage.client.send(DATA)
    stage.client.died(errno.EPIPE)


AGAIN = one_unread, one_server_aborts, one_client_aborts, one_server_closes, one_stale
TIMES = 23


def times(play):
    return len(range(AGAIN.index(play), TIMES, len(AGAIN)))


@scenario("again", "the same four-tuple dies 23 times in a row, in five ways by turns",
          ("unread-data", SERVER, times(one_unread)),
          ("peer-aborted", CLIENT, times(one_unread) + times(one_server_aborts)),
          ("linger-zero", SERVER, times(one_server_aborts)),
          ("linger-zero", CLIENT, times(one_client_aborts)), ("peer-aborted", SERVER, times(one_client_aborts)),
          ("closed-here", SERVER, times(one_server_closes) + times(one_stale)),
          ("closed-by-peer", CLIENT, times(one_server_closes)),
          ("half-closed-reuse", CLIENT, times(one_stale)), ("late-data-time-wait", SERVER, times(one_stale)))
def again(stage):
    stage.server.listen()
    for i in range(TIMES):
        stage.client.connect_again(40000)
        stage.server.accept(1)
        stage.client.send(b"request")
        stage.server.take(len(b"request"))
        stage.server.send(b"reply")
        stage.client.take(len(b"reply"))
        stage.client.wait_acked()
        stage.server.wait_acked()
        AGAIN[i % len(AGAIN)](stage)
        stage.client.let_go()
        stage.server.let_go()
        stage.over()


# ---------------------------------------------------------------------------------------------------------------------
# TCP Fast Open

def fast_open_stage(stage):
    """Without cookies, so that the first SYN carries data as well as the last."""
    stage.sysctl("net.ipv4.tcp_fastopen", 0x207)    # client, server, both without cookie
    stage.server.listen()
    stage.server.listener_option(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 4096)


@scenario("fast-open-orderly", "data comes with the SYN; FIN both ways",
          ("closed-here", CLIENT), ("closed-by-peer", SERVER))
def fast_open_orderly(stage):
    fast_open_stage(stage)
    passive = proc_counter("TCPFastOpenPassive")
    stage.client.fast_open(stage.n, DATA)
    stage.server.accept(stage.n)
    stage.server.take(len(DATA))
    stage.server.send(b"reply")
    stage.client.take(len(b"reply"))
    stage.counted("TCPFastOpenPassive", passive, stage.n)
    stage.client.close()
    stage.server.take_eof()
    stage.server.close()


@scenario("fast-open-cookie", "tcp_fastopen 3: the first asks for the cookie, the others use it",
          ("closed-here", CLIENT), ("closed-by-peer", SERVER))
def fast_open_cookie(stage):
    fast_open_stage(stage)
    stage.sysctl("net.ipv4.tcp_fastopen", 3)
    passive = proc_counter("TCPFastOpenPassive")
    stage.client.fast_open(1, DATA)
    stage.client.wait_acked()
    stage.client.set_aside()
    stage.client.fast_open(stage.n - 1, DATA)
    stage.counted("TCPFastOpenPassive", passive, stage.n - 1)
    stage.server.accept(stage.n)
    stage.server.take(len(DATA))
    stage.client.close()
    stage.client.take_back()
    stage.client.close()
    stage.server.take_eof()
    stage.server.close()


@scenario("fast-open-refused", "data goes with the SYN to a port where nothing listens",
          ("refused", CLIENT), ("no-listener", NOBODY))
def fast_open_refused(stage):
    stage.sysctl("net.ipv4.tcp_fastopen", 0x207)
    stage.client.fast_open(stage.n, DATA, errno.ECONNREFUSED)


@scenario("fast-open-unread", "data came with the SYN; the server closes without having read it",
          ("unread-data", SERVER), ("peer-aborted", CLIENT))
def fast_open_unread(stage):
    fast_open_stage(stage)
    passive = proc_counter("TCPFastOpenPassive")
    stage.client.fast_open(stage.n, DATA)
    stage.server.accept(stage.n)
    stage.server.wait_unread(len(DATA))
    stage.server.close()
    stage.client.died(errno.ECONNRESET)
    stage.counted("TCPFastOpenPassive", passive, stage.n)


@scenario("fast-open-unread-syn-recv", "the same, before the handshake is complete: the child is in SYN_RECV",
          ("unread-data", SERVER), ("peer-aborted", CLIENT))
def fast_open_unread_syn_recv(stage):
    fast_open_stage(stage)
    stage.rules(f"{stage.to_server} {stage.bare} drop")
    stage.client.fast_open(stage.n, DATA)
    stage.server.accept(stage.n)
    stage.server.wait_own_state(SYN_RECV)   # in which SIOCINQ is 0 whatever came
    stage.server.close()
    stage.client.died(errno.ECONNRESET)


@scenario("fast-open-closed-syn-recv", "the server reads the data and closes before the handshake is complete",
          ("closed-here", SERVER), ("closed-by-peer", CLIENT))
def fast_open_closed_syn_recv(stage):
    fast_open_stage(stage)
    stage.rules(f"{stage.to_server} {stage.bare} drop")
    stage.client.fast_open(stage.n, DATA)
    stage.server.accept(stage.n)
    stage.server.wait_own_state(SYN_RECV)
    stage.server.take(len(DATA))
    stage.server.close()
    stage.rules()
    stage.client.take_eof()
    stage.client.close()


@scenario("fast-open-reset-syn-recv", "the client aborts before the handshake is complete for the server",
          ("linger-zero", CLIENT), ("peer-aborted", SERVER))
def fast_open_reset_syn_recv(stage):
    fast_open_stage(stage)
    stage.rules(f"{stage.to_server} {stage.bare} drop")
    stage.client.fast_open(stage.n, DATA)
    stage.server.accept(stage.n)
    stage.server.wait_own_state(SYN_RECV)
    stage.rules()
    stage.client.abort()
    stage.server.died(errno.ECONNRESET)


@scenario("fast-open-timeout-syn-recv", "the handshake is never completed: the server's SYN-ACKs are lost, not its data",
          ("retransmit-timeout", SERVER), ("linger-zero", CLIENT))
def fast_open_timeout_syn_recv(stage):
    fast_open_stage(stage)
    stage.sysctl("net.ipv4.tcp_synack_retries", 1)
    stage.rules(f"{stage.to_server} {stage.bare} drop")
    stage.client.fast_open(stage.n, DATA)
    stage.server.accept(stage.n)
    stage.server.wait_own_state(SYN_RECV)
    stage.server.died(errno.ETIMEDOUT)
    stage.client.abort()


@scenario("fast-open-listener-closed", "data came with the SYN; the server closes its listener without accept()",
          ("listener-closed", SERVER), ("peer-aborted", CLIENT))
def fast_open_listener_closed(stage):
    fast_open_stage(stage)
    stage.client.fast_open(stage.n, DATA)
    stage.server.stop_listening(pending=stage.n)
    stage.client.died(errno.ECONNRESET)


@scenario("fast-open-listener-closed-syn-recv", "the same, before the handshake is complete",
          ("listener-closed", SERVER), ("peer-aborted", CLIENT))
def fast_open_listener_closed_syn_recv(stage):
    fast_open_stage(stage)
    stage.rules(f"{stage.to_server} {stage.bare} drop")
    stage.client.fast_open(stage.n, DATA)
    stage.server.stop_listening(pending=stage.n)
    stage.client.died(errno.ECONNRESET)


@scenario("fast-open-unwritten", "TCP_FASTOPEN_CONNECT, and closed before the first write: no SYN was sent",
          ("connect-abandoned", CLIENT))
def fast_open_unwritten(stage):
    fast_open_stage(stage)
    stage.client.fast_connect(stage.n)
    stage.client.close()


@scenario("fast-open-written", "TCP_FASTOPEN_CONNECT, and the first write makes the SYN",
          ("closed-here", CLIENT), ("closed-by-peer", SERVER))
def fast_open_written(stage):
    fast_open_stage(stage)
    stage.client.fast_connect(stage.n)
    stage.client.send(DATA)
    stage.server.accept(stage.n)
    stage.server.take(len(DATA))
    stage.client.close()
    stage.server.take_eof()
    stage.server.close()


@scenario("fast-open-connect-refused", "TCP_FASTOPEN_CONNECT; the first write's SYN is answered by RST",
          ("refused", CLIENT), ("no-listener", NOBODY))
def fast_open_connect_refused(stage):
    stage.sysctl("net.ipv4.tcp_fastopen", 0x207)
    stage.client.fast_connect(stage.n)
    stage.client.try_send(DATA)


# ---------------------------------------------------------------------------------------------------------------------
# Multipath TCP

def need_mptcp():
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP).close()
    except OSError as error:
        raise Skip(f"this kernel has no MPTCP: {error.strerror}")


def mptcp_stage(stage, *speakers):
    """Speakers: who opens MPTCP sockets; both, if nothing is said."""
    need_mptcp()
    for end in speakers or (stage.server, stage.client):
        end.speak_mptcp()


@scenario("mptcp-orderly", "MPTCP: orderly close, the client first",
          ("closed-here", NOBODY), ("closed-by-peer", NOBODY))
def mptcp_orderly(stage):
    """After close() a kernel thread, mptcp_worker(), shuts the subflows down."""
    mptcp_stage(stage)
    stage.establish()
    stage.client.close()
    stage.server.take_eof()
    stage.server.close()


@scenario("mptcp-unread", "MPTCP: the server closes with data unread",
          ("unread-data", SERVER), ("peer-aborted", CLIENT))
def mptcp_unread(stage):
    mptcp_stage(stage)
    stage.establish()
    stage.client.send(DATA)
    stage.server.wait_unread(len(DATA))
    stage.server.close()
    stage.client.errors_are(errno.ECONNRESET)


@scenario("mptcp-refused", "MPTCP: nothing listens there",
          ("refused", CLIENT), ("no-listener", NOBODY))
def mptcp_refused(stage):
    mptcp_stage(stage)
    stage.client.fail_to_connect(stage.n, errno.ECONNREFUSED)


@scenario("mptcp-killed", "MPTCP: the client is killed with data unread",
          ("unread-data", CLIENT), ("peer-aborted", SERVER))
def mptcp_killed(stage):
    mptcp_stage(stage)
    stage.establish()
    stage.server.send(DATA)
    stage.client.wait_unread(len(DATA))
    stage.client.kill()
    stage.server.errors_are(errno.ECONNRESET)


@scenario("mptcp-linger-zero", "MPTCP: the server aborts with SO_LINGER 0",
          ("linger-zero", SERVER), ("peer-aborted", CLIENT))
def mptcp_linger_zero(stage):
    mptcp_stage(stage)
    stage.establish()
    stage.server.abort()
    stage.client.errors_are(errno.ECONNRESET)


@scenario("mptcp-disconnected", "MPTCP: the client calls connect(AF_UNSPEC)",
          ("disconnected", CLIENT), ("peer-aborted", SERVER))
def mptcp_disconnected(stage):
    mptcp_stage(stage)
    stage.establish()
    stage.client.disconnect()
    stage.server.errors_are(errno.ECONNRESET)


@scenario("mptcp-listener-closed", "MPTCP: the server closes its listener with connections not yet accepted",
          ("listener-closed", SERVER), ("peer-aborted", CLIENT))
def mptcp_listener_closed(stage):
    mptcp_stage(stage)
    stage.server.listen()
    stage.client.connect(stage.n)
    stage.server.stop_listening(pending=stage.n)
    stage.client.errors_are(errno.ECONNRESET)


@scenario("mptcp-listener-unread", "an MPTCP listener (as Go opens them), a TCP client; the server closes, data unread",
          ("unread-data", SERVER), ("peer-aborted", CLIENT))
def mptcp_listener_unread(stage):
    mptcp_stage(stage, stage.server)
    ORDINARY["unread-data"].play(stage)


@scenario("mptcp-listener-orderly", "an MPTCP listener (as Go opens them), a TCP client; orderly close",
          ("closed-here", SERVER), ("closed-by-peer", CLIENT))
def mptcp_listener_orderly(stage):
    mptcp_stage(stage, stage.server)
    ORDINARY["orderly-server-closes"].play(stage)


@scenario("mptcp-listener-overflow", "an MPTCP listener (as Go opens them), TCP clients; its accept queue is full",
          *ORDINARY["accept-overflow-syn"].expects)
def mptcp_listener_overflow(stage):
    mptcp_stage(stage, stage.server)
    ORDINARY["accept-overflow-syn"].play(stage)


@scenario("mptcp-client-unread", "an MPTCP client falls back to TCP, and closes with data unread: it sends FIN all the same",
          ("closed-here", CLIENT), ("closed-by-peer", SERVER))
def mptcp_client_unread(stage):
    """The message socket has taken the data out of the TCP socket, which so knows of none."""
    mptcp_stage(stage, stage.client)
    stage.establish()
    stage.server.send(DATA)
    stage.client.wait_unread(len(DATA))
    stage.client.close()
    stage.server.take_eof()
    stage.server.close()


@scenario("mptcp-client-reset", "an MPTCP client falls back to TCP, and the server closes with data unread",
          ("unread-data", SERVER), ("peer-aborted", CLIENT))
def mptcp_client_reset(stage):
    mptcp_stage(stage, stage.client)
    stage.establish()
    stage.client.send(DATA)
    stage.server.wait_unread(len(DATA))
    stage.server.close()
    stage.client.errors_are(errno.ECONNRESET)


def join_subflows(stage):
    """The client's second address makes a second subflow of each connection."""
    need_mptcp()
    stage.sysctl("net.mptcp.pm_type", 0)
    shell("ip", "mptcp", "limits", "set", "subflows", "1", "add_addr_accepted", "1")
    shell("ip", "mptcp", "endpoint", "add", "127.0.0.2", "dev", "lo", "subflow")
    mptcp_stage(stage)
    stage.establish()
    until(lambda: stage.alive().get((CLIENT, peers.ESTABLISHED)) == 2 * stage.n and
          stage.alive().get((SERVER, peers.ESTABLISHED)) == 2 * stage.n,
          lambda: f"two subflows each; there are {stage.alive()}")
    time.sleep(0.3)     # the fourth ACK of the second handshake


@scenario("mptcp-two-subflows", "MPTCP: two subflows a connection; the server closes with data unread",
          ("unread-data", SERVER, 46), ("peer-aborted", CLIENT, 46))
def mptcp_two_subflows(stage):
    """A kernel thread destroys the second subflow, although the client still has the descriptor."""
    join_subflows(stage)
    stage.client.send(DATA)
    stage.server.wait_unread(len(DATA))
    stage.server.close()
    stage.client.errors_are(errno.ECONNRESET)
    time.sleep(0.5)


@scenario("mptcp-two-subflows-orderly", "MPTCP: two subflows a connection; orderly close",
          ("closed-here", NOBODY, 46), ("closed-by-peer", NOBODY, 46))
def mptcp_two_subflows_orderly(stage):
    join_subflows(stage)
    stage.client.close()
    stage.server.take_eof()
    stage.server.close()


@scenario("mptcp-checksum", "MPTCP: two subflows a connection; on its way a byte is changed, and MPTCP's checksum is wrong",
          ("protocol-error", SERVER, 46), ("peer-aborted", CLIENT, 46))
def mptcp_checksum(stage):
    """With one subflow it would fall back to TCP. What the first subflow may not deliver is sent over the second."""
    need_mptcp()
    stage.sysctl("net.mptcp.checksum_enabled", 1)
    join_subflows(stage)
    stage.rules(f"{stage.to_server} tcp flags & psh == psh @ih,0,8 set 0x41")
    stage.client.send(DATA)
    until(lambda: (CLIENT, peers.ESTABLISHED) not in stage.alive(), "the end of all subflows")
    stage.rules()


@scenario("mptcp-destroyed", "MPTCP: ss -K kills the client's subflows",
          ("destroyed", CLIENT), ("peer-aborted", SERVER))
def mptcp_destroyed(stage):
    mptcp_stage(stage)
    stage.establish()
    shell("ss", "-K", "-t", "state", "established", "dport", "=", f":{stage.port}")
    stage.client.close()
    stage.server.close()


# ---------------------------------------------------------------------------------------------------------------------
# Namespaces

ADDRESSES = {"4": ("10.0.0.1", "10.0.0.2", "24"), "6": ("fd00::1", "fd00::2", "64")}


def wire(stage, server, client):
    """A namespace for each of the two, and a pair of veth between them; the same addresses each time."""
    here, there, length = ADDRESSES[stage.family]
    server.unshare()
    client.unshare()
    name = f"why{server.pid}"
    shell("ip", "link", "add", name, "netns", str(server.pid), "type", "veth", "peer", "name", name, "netns",
          str(client.pid))
    for end, address in (server, here), (client, there):
        end.shell("ip", "addr", "add", f"{address}/{length}", "dev", name, *["nodad"] * (":" in address))
        end.shell("ip", "link", "set", name, "up")
        end.addresses(here, here)


@scenario("twin-networks", "two pairs of namespaces with the same addresses and ports at once; each pair dies otherwise",
          ("unread-data", SERVER), ("peer-aborted", CLIENT),
          ("closed-here", "two-server"), ("late-data-time-wait", "two-server"), ("half-closed-reuse", "two-client"))
def twin_networks(stage):
    ends = (stage.server, stage.client), (stage.hire("two-server"), stage.hire("two-client"))
    for server, client in ends:
        wire(stage, server, client)
    for server, client in ends:
        server.listen()
        client.connect_from(stage.n, 40000)
        server.accept(stage.n)
        client.send(b"request")
        server.take(len(b"request"))
        server.send(b"reply")
        client.take(len(b"reply"))
        client.wait_acked()
        server.wait_acked()
    (server, client), (server2, client2) = ends
    server2.close()
    client.send(DATA)
    server.wait_unread(len(DATA))
    server.close()
    client.died(errno.ECONNRESET)
    time.sleep(0.5)
    client2.send(DATA)
    client2.died(errno.EPIPE)


@scenario("veth-deleted", "the wire is taken away with its addresses; the server's data cannot leave",
          ("egress-blocked", SERVER), ("linger-zero", CLIENT))
def veth_deleted(stage):
    wire(stage, stage.server, stage.client)
    stage.server.shell("sysctl", "-qw", "net.ipv4.tcp_retries2=2")
    stage.server.listen()
    stage.client.connect_from(stage.n, 40000)
    stage.server.accept(stage.n)
    stage.server.send(b"hello")
    stage.client.take(len(b"hello"))
    stage.server.wait_acked()
    stage.server.shell("ip", "link", "del", f"why{stage.server.pid}")
    stage.server.send(DATA)
    stage.server.errors_are(errno.ETIMEDOUT)
    stage.client.abort()


@scenario("namespace-gone-orphans", "a namespace's last process dies; its orphans still wait for an acknowledgement",
          ("orphan-timeout", SERVER), ("orphan-timeout", CLIENT))
def namespace_gone_orphans(stage):
    """Both in one namespace of their own, where nothing arrives any more."""
    server, client = stage.server, stage.client
    server.unshare()
    client.join(server.pid)
    server.shell("sysctl", "-qw", "net.ipv4.tcp_orphan_retries=2")
    server.listen()
    client.connect(stage.n)
    server.accept(stage.n)
    server.shell("nft", "-f", "-", stdin="table inet t { chain c { type filter hook input priority 0; tcp dport "
                 f"{stage.port} drop; tcp sport {stage.port} drop; }}; }}")
    server.stop_listening()
    server.kill()
    client.kill()
    time.sleep(3 + peers.SLOWDOWN)


if __name__ == "__main__":
    sys.exit(peers.main())
