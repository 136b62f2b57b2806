#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Counts how often tcpwhy names the right process. Run in a network namespace of its own.

    owner.py [-n COUNT] count TCPWHY [KIND...]      "kind  deaths  right  wrong  unnamed", a row for each kind of server
    owner.py [-n COUNT] snapshot TCPWHY             closes while tcpwhy takes its snapshot, at COUNT starts of it

Each connection's server end greets with the PID of the process that has it, as /proc shows it, which is that of the
initial PID namespace. So for both ends of each connection the right process is known by its ports. COUNT connections
are made to each kind of server, and end in turn in all the WAYS; the row `connect` sums up the client ends. Exit status
1 if a process was named wrongly, or not at all, or if not every end had its line.
"""

import argparse
import collections
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

HOST, PORT = "127.0.0.1", 7900
CLONE_NEWPID = 0x20000000
LINE = re.compile(r"\S+ +(\S+) +(?:-|\S+\[(\d+)\]) +[\d.]+:(\d+) -> [\d.]+:(\d+) ")
TABLE = "inet why_owner"

# What the client says, and the server does; see also Client.end().
CLOSE = b"o"        # closes
CLOSED = b"c"       # closes after the client
UNREAD = b"u"       # closes with data unread
RESET = b"r"        # holds the descriptor when the client's RST comes
REACT = b"R"        # closes as soon as the client's RST has come
TIMER = b"t"        # holds it when its keepalive probes go unanswered
KILLED = b"k"       # is killed with data unread
WAYS = CLOSE, CLOSED, UNREAD, RESET, REACT, TIMER, KILLED
HOLDS = RESET, TIMER, KILLED


def own_pid():
    return int(os.readlink("/proc/self"))


def wait_until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"waited {seconds} s in vain for {what}")
        time.sleep(0.005)


# ---------------------------------------------------------------------------------------------------------------------
# Servers. Each kind is a function that runs in a process of its own and never returns.

def listener(reuseport=False):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, reuseport)
    sock.bind((HOST, PORT))
    sock.listen(4096)
    return sock


def greet(conn):
    conn.sendall(struct.pack("!Q", own_pid()))


def die_by_timer(conn):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT:
        conn.setsockopt(socket.IPPROTO_TCP, option, 1)


def obey(conn):
    """One command of the client. Returns whether another one may come; the socket is closed or held if not."""
    try:
        command = conn.recv(1)
    except BlockingIOError:
        return True
    except ConnectionError:
        command = CLOSE
    if command == TIMER:
        die_by_timer(conn)
    if command in HOLDS + (REACT,):
        conn.sendall(b"!")
        return command == REACT
    conn.close()
    return False


class Loop:
    """Serves many connections in one thread: those that it accepts, and those that are passed to it."""
    def __init__(self):
        self.conns = {}
        self.poll = select.epoll()
        self.sources = {}

    def source(self, sock, take):
        sock.setblocking(False)
        self.sources[sock.fileno()] = lambda: take(sock)
        self.poll.register(sock, select.EPOLLIN)

    def accept(self, sock):
        try:
            self.add(sock.accept()[0])
        except BlockingIOError:     # another worker was faster
            pass

    def add(self, conn):
        greet(conn)
        conn.setblocking(False)
        self.conns[conn.fileno()] = conn
        self.poll.register(conn, select.EPOLLIN)

    def run(self):
        while True:
            for fd, _ in self.poll.poll():
                if fd in self.sources:
                    self.sources[fd]()
                elif not obey(self.conns[fd]):
                    self.forget(fd)

    def forget(self, fd):
        if self.conns[fd].fileno() >= 0:
            self.poll.unregister(fd)
        held.append(self.conns.pop(fd))


held = []       # what the process holds until it is killed


def loop_on(sock):
    loop = Loop()
    loop.source(sock, loop.accept)
    loop.run()


def spawn(*work):
    """A process that does it; it ends with its parent."""
    parent = os.getpid()
    pid = os.fork()
    if not pid:
        die_with(parent)
        work[0](*work[1:])
        os._exit(0)
    return pid


def die_with(parent):
    libc_call("prctl", 1, signal.SIGKILL)
    if os.getppid() not in (parent, 0):     # 0: in another PID namespace
        os._exit(1)


def libc_call(name, *args):
    import ctypes
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*args):
        raise OSError(ctypes.get_errno(), name)


def single():
    loop_on(listener())


def prefork():
    sock = listener()
    for _ in range(4):
        spawn(loop_on, sock)
    signal.pause()


def reuseport():
    socks = [listener(reuseport=True) for _ in range(4)]
    for sock in socks:
        spawn(alone_on, sock, socks)
    for sock in socks:
        sock.close()
    signal.pause()


def alone_on(sock, socks):
    for other in socks:
        if other is not sock:
            other.close()
    loop_on(sock)


def converse(conn):
    greet(conn)
    while obey(conn):
        pass


def threads():
    sock = listener()
    threading.stack_size(1 << 18)
    while True:
        conn, _ = sock.accept()
        held.append(conn)
        threading.Thread(target=converse, args=(conn,), daemon=True).start()


def forked():
    """The child has the connection; the parent closes its copy, and greets only then for the child."""
    sock = listener()
    while True:
        conn, _ = sock.accept()
        ready = os.pipe()
        spawn(handle, conn, sock, ready)
        conn.close()
        os.close(ready[0])
        os.close(ready[1])


def handle(conn, sock, ready):
    sock.close()
    os.close(ready[1])
    os.read(ready[0], 1)    # the parent has closed its copy
    converse(conn)
    signal.pause()


def passed():
    """One process accepts and passes the connections on to two others."""
    sock, hands = listener(), []
    for _ in range(2):
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        spawn(receive_on, there, sock, hands + [here])
        there.close()
        hands.append(here)
    while True:
        for hand in hands:
            conn, _ = sock.accept()
            socket.send_fds(hand, [b"x"], [conn.fileno()])
            conn.close()
            hand.recv(1)    # it has arrived, and is nowhere else


def receive_on(hand, *others):
    def take(sock):
        _, fds, _, _ = socket.recv_fds(sock, 1, 1)
        sock.send(b"!")
        loop.add(socket.socket(fileno=fds[0]))
    for other in others:
        for sock in other if isinstance(other, list) else [other]:
            sock.close()
    loop = Loop()
    loop.source(hand, take)
    loop.run()


def in_pid_namespace():
    libc_call("unshare", CLONE_NEWPID)
    spawn(single)
    signal.pause()


KINDS = {"single": single, "before-tcpwhy": single, "prefork": prefork, "threads": threads, "passed": passed,
         "forked": forked, "pid-namespace": in_pid_namespace, "reuseport": reuseport}


# ---------------------------------------------------------------------------------------------------------------------
# The client.

class Client:
    def __init__(self, way):
        self.way = way
        self.sock = socket.create_connection((HOST, PORT))
        self.port = self.sock.getsockname()[1]
        self.server_pid = struct.unpack("!Q", self.sock.recv(8, socket.MSG_WAITALL))[0]

    def command(self):
        if self.way != CLOSED:
            self.sock.sendall(self.way + (b"x" * 45 if self.way in (UNREAD, KILLED) else b""))
        if self.way in HOLDS + (REACT,):
            assert self.sock.recv(1) == b"!"

    def end(self):
        """Waits for the server's end, or makes one of its own."""
        if self.way in (CLOSE, UNREAD, KILLED):
            try:
                self.sock.recv(1)
            except ConnectionError:
                pass
        elif self.way != CLOSED:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def nft(rules):
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)


def server_ends(*states):
    """In these states, the bytes that are not acknowledged yet of each; by default, of connections still alive."""
    states = states or ("state", "connected", "exclude", "time-wait")
    out = subprocess.run(["ss", "-Htan", *states, "sport", f"= :{PORT}"], capture_output=True, text=True, check=True)
    return [int(line.split()[-3]) for line in out.stdout.splitlines()]


def lose_packets_until_timers_end(left):
    """Nothing arrives any more, so the keepalive probes of the server's ends go unanswered."""
    wait_until(lambda: not any(server_ends()), "the last acknowledgements")
    nft(f"table {TABLE} {{ chain in {{ type filter hook input priority 0; tcp sport {PORT} drop; "
        f"tcp dport {PORT} drop; }}; }}")
    wait_until(lambda: len(server_ends()) <= left, f"the keepalive timers of all but {left}")
    nft(f"delete table {TABLE}")


def play(clients, kill_servers):
    by_way = collections.defaultdict(list)
    for client in clients:
        by_way[client.way].append(client)
    for client in clients:
        client.command()
    for way in CLOSE, CLOSED, UNREAD, RESET, REACT:
        for client in by_way[way]:
            client.end()
    wait_until(lambda: len(server_ends()) <= len(by_way[TIMER] + by_way[KILLED]), "the other ways")
    lose_packets_until_timers_end(len(by_way[KILLED]))
    kill_servers()
    for way in KILLED, TIMER:
        for client in by_way[way]:
            client.end()


# ---------------------------------------------------------------------------------------------------------------------
# What tcpwhy says.

def incidents(tcpwhy):
    """The verdicts that are no deaths; they belong to the listener, or to nobody."""
    table = subprocess.run([tcpwhy, "--verdicts"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^  (\S+)", re.search(r"^incident:\n(.*?)\n\n", table, re.M | re.S)[1], re.M)


class Watcher:
    def __init__(self, tcpwhy):
        self.incidents = incidents(tcpwhy)
        self.process = subprocess.Popen([tcpwhy, "-a", "--limit", "0", "-P", str(PORT)], text=True, bufsize=1 << 20,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        self.lines += self.process.stdout

    def wait_ready(self):
        if "watching" not in self.process.stderr.readline():
            sys.exit("tcpwhy does not watch")

    def stop(self):
        """Verdict and process of each death, by its ports: {(local, remote): [(verdict, pid or None), ...]}"""
        self.process.send_signal(signal.SIGINT)
        self.reader.join()
        self.lost = [line for line in self.process.stderr if re.match(r"\d+ (records lost|events missed)", line)]
        self.process.wait()
        said = collections.defaultdict(list)
        for line in self.lines:
            verdict, pid, local, remote = LINE.match(line).groups()
            if verdict not in self.incidents:
                said[int(local), int(remote)].append((verdict, pid and int(pid)))
        return said


class Row:
    def __init__(self):
        self.right = self.wrong = self.unnamed = 0
        self.faults = []

    def add(self, ports, way, said, pid):
        self.right += [named for _, named in said].count(pid)
        self.unnamed += [named for _, named in said].count(None)
        self.wrong += sum(named not in (pid, None) for _, named in said)
        if [named for _, named in said] != [pid]:
            self.faults.append(f"{ports}, way {way.decode()}: process {pid}, said {said}")

    def text(self, kind):
        deaths = self.right + self.wrong + self.unnamed
        return f"{kind:16}{deaths:8}{self.right:8}{self.wrong:8}{self.unnamed:8}"


def descendants(pid):
    """Of the process, in the order of their birth, itself the last."""
    out = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children = collections.defaultdict(list)
    for line in out.splitlines():
        child, parent = map(int, line.split())
        children[parent].append(child)
    found, todo = [], [pid]
    while todo:
        found += todo
        todo = [child for parent in todo for child in children[parent]]
    return found[::-1]


def kill_tree(pid):
    for one in descendants(pid):
        os.kill(one, signal.SIGKILL)
    os.waitpid(pid, 0)
    wait_until(lambda: not server_ends() + server_ends("state", "listening"), "the end of the killed")


def count_kind(tcpwhy, kind, count, row, connect_row):
    server = spawn(KINDS[kind])
    wait_until(lambda: server_ends("state", "listening"), "the listener")
    if kind != "before-tcpwhy":
        watcher = Watcher(tcpwhy)
        watcher.wait_ready()
    clients = [Client(WAYS[i % len(WAYS)]) for i in range(count)]
    if kind == "before-tcpwhy":
        watcher = Watcher(tcpwhy)
        watcher.wait_ready()
    play(clients, lambda: kill_tree(server))
    time.sleep(0.3)
    said = watcher.stop()
    row.faults += watcher.lost
    for client in clients:
        for ports, pid, to in (((PORT, client.port), client.server_pid, row),
                               ((client.port, PORT), own_pid(), connect_row)):
            to.add(ports, client.way, said[ports], pid)


def count(tcpwhy, n, kinds):
    rows = {kind: Row() for kind in kinds}
    connect_row = Row()
    print(f"{'kind':16}{'deaths':>8}{'right':>8}{'wrong':>8}{'unnamed':>8}", flush=True)
    for kind, row in rows.items():
        count_kind(tcpwhy, kind, n, row, connect_row)
        print(row.text(kind), flush=True)
    print(connect_row.text("connect"))
    faults = [fault for row in [*rows.values(), connect_row] for fault in row.faults]
    for fault in faults[:20]:
        print(fault)
    return bool(faults)


# ---------------------------------------------------------------------------------------------------------------------
# Closes during the snapshot.

def close_after(seconds, socks):
    """In an instant: close_range() takes all files out of the table, and only then ends the connections."""
    fds = [sock.detach() for sock in socks]
    time.sleep(seconds)
    os.closerange(min(fds), max(fds) + 1)


def connections(n):
    with listener() as sock:
        for _ in range(n):
            yield socket.create_connection((HOST, PORT))
            yield sock.accept()[0]


def snapshot_takes(tcpwhy):
    """How long after its start it is over."""
    began = time.monotonic()
    watcher = Watcher(tcpwhy)
    watcher.wait_ready()
    took = time.monotonic() - began
    watcher.stop()
    return took


def one_snapshot(tcpwhy, after):
    """What is said of those that are closed so long after the start of tcpwhy."""
    socks = list(connections(2000))
    watcher = Watcher(tcpwhy)
    close_after(after, socks)
    watcher.wait_ready()
    time.sleep(0.1)
    return watcher.stop()


def snapshot(tcpwhy, n):
    """Those that were closed just before it began stay unnamed."""
    takes, named = snapshot_takes(tcpwhy), collections.Counter()
    for i in range(n):
        for lines in one_snapshot(tcpwhy, takes * (0.7 + 0.3 * i / n)).values():
            named.update(pid for _, pid in lines)
    right, unnamed = named[os.getpid()], named[None]
    wrong = named.total() - right - unnamed
    print(f"{named.total()} deaths: {right} right, {wrong} wrong, {unnamed} unnamed")
    return wrong > 0 or right == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["count", "snapshot"])
    parser.add_argument("tcpwhy")
    parser.add_argument("-n", type=int, default=1001)
    parser.add_argument("kinds", nargs="*", default=list(KINDS))
    args = parser.parse_args()
    if args.what == "count":
        sys.exit(count(args.tcpwhy, args.n, args.kinds))
    sys.exit(snapshot(args.tcpwhy, args.n))


main()
