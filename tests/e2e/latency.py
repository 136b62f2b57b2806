#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""How long after a death is it named? Run in a network namespace of its own.

    latency.py TCPWHY [COUNT]

Causes deaths one after the other and waits for the line of each. Prints for each kind the median and the maximum of the
time from the last action that caused it to the line, in milliseconds, as "kind<TAB>median<TAB>maximum".

The time for which the scheduler let tcpwhy or us wait for a processor is subtracted. While the machine itself stood still
nothing can be measured: then it is done again.
"""

import select
import socket
import statistics
import subprocess
import sys
import threading
import time

ADDRESS = ("127.0.0.1", 7300)
CLOSED = ("127.0.0.1", 7301)
DATA = b"x" * 45
STALL = 0.05    # s; that all sleep so much longer than they asked for
VOID = 50       # measurements at most


class Watcher:
    def __init__(self, tcpwhy):
        self.process = subprocess.Popen([tcpwhy], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        while b"watching" not in self.process.stderr.readline():
            pass

    def wait_for(self, verdict):
        """Until a line with the verdict comes; the others are skipped."""
        end = time.monotonic() + 30
        while select.select([self.process.stdout], [], [], end - time.monotonic())[0]:
            if verdict.encode() in self.process.stdout.readline().split()[1]:
                return time.monotonic()
        raise SystemExit(f"waited 30 s in vain for {verdict}")

    def queued(self):
        """Seconds for which tcpwhy or we could have run, and somebody else did."""
        return (time_queued(self.process.pid) + time_queued("self")) / 1e9


def time_queued(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[1])


class Pulse(threading.Thread):
    """Knows when the machine stood still."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stalled = 0
        self.start()

    def run(self):
        while True:
            before = time.monotonic()
            time.sleep(0.005)
            if time.monotonic() - before > STALL:
                self.stalled = time.monotonic()


def connection(listener):
    near = socket.create_connection(ADDRESS)
    return near, listener.accept()[0]


def refused(_):
    with socket.socket() as s:
        s.connect_ex(CLOSED)
        return time.monotonic()


def unread(listener):
    near, far = connection(listener)
    near.sendall(DATA)
    select.select([far], [], [])
    far.close()
    began = time.monotonic()
    near.close()
    return began


def stale(listener):
    near, far = connection(listener)
    far.close()
    time.sleep(0.1)
    near.sendall(DATA)
    began = time.monotonic()
    near.close()
    return began


def overflow(_):
    """The listener made by main() is full by now."""
    with socket.socket() as s:
        s.setblocking(False)
        s.connect_ex(ADDRESS)
        return time.monotonic()


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 23
    watcher, pulse, void = Watcher(sys.argv[1]), Pulse(), 0
    listener = socket.create_server(ADDRESS, backlog=1)
    kinds = {"refused": refused, "unread-data": unread, "half-closed-reuse": stale, "accept-overflow": overflow}
    for verdict, cause in kinds.items():
        waiting = [socket.create_connection(ADDRESS) for _ in range(2)] if cause is overflow else []
        took = []
        while len(took) < count:
            queued = watcher.queued()
            began = cause(listener)
            told = watcher.wait_for(verdict)
            time.sleep(0.01)
            if pulse.stalled < began:
                took.append(max(0, told - began - (watcher.queued() - queued)) * 1000)
            elif (void := void + 1) > VOID:
                raise SystemExit(f"the machine stood still {void} times")
        print(f"{verdict}\t{statistics.median(took):.1f}\t{max(took):.1f}")
        del waiting
    watcher.process.terminate()
    watcher.process.wait()


main()
