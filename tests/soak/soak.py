#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Lets connections die for a long time, in many ways and as fast as they can, and looks each minute at what tcpwhy made of it.

    soak.py [-m MINUTES] [-s SEED]

To be run in a network namespace of its own. Two tcpwhy watch it, one for counters and one for lines. Each minute has storms of
refused connections, unread data and overflows (tools/bench/storm.c) and between them the mixture of tests/slow/books.py, 32
processes that play random acts. Then all comes to rest, and

- what the counters have added must be what the kernel's own have, to the unit: those identities of books.py that need no lines;
- of both processes the resident memory, the descriptors, and the memory of their BPF maps and programs are noted.

Neither of them may grow after the first two minutes, in which all memory that storms take has been used. Events that the
kernel hides from all BPF programs (tests/e2e/referee.py) are noted beside, as are those that tcpwhy says it has missed: by no
more than these may the two differ. The table is in Markdown. Exit status: 0 all is well, 1 it is not.
"""

import argparse
import collections
import glob
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path[:0] = [f"{TOP}/tests/slow", f"{TOP}/tests/e2e"]
import books  # noqa: E402
import peers  # noqa: E402

PORT = 7977
STORMS = os.environ.get("SOAK_STORMS", "refused unread overflow").split()
STORM_SECONDS = 5
WARM = 2        # minutes
GROWTH = 256    # kB that may come and go
NEED_NO_LINES = ("connections", "OutRsts", "RetransSegs", "TCPAbortOnTimeout", "TCPAbortOnClose", "ListenOverflows",
                 "ListenDrops", "TCPReqQFullDrop", "resets received", "orderly deaths", "deaths", "unknown")


class Counted(collections.Counter):
    """What the rows have said: what an Identity of books.py asks of books.Said."""

    no_deaths = books.incidents()
    resets_sent = property(lambda self: self["/resets_sent"])
    resets_received = property(lambda self: self["/resets_received"])
    retransmitted = property(lambda self: self["/segments_retransmitted"])
    orderly = property(lambda self: self["/orderly"])
    dead = property(lambda self: self["/deaths"])
    lost = property(lambda self: self["/records_lost"])
    missed = property(lambda self: self["/events_missed"])

    def add_row(self, row):
        for name, number in row.items():
            if isinstance(number, int):
                self["/" + name] += number
        for verdict, told in row["verdicts"].items():
            self[verdict] += told["count"]

    def by_verdict(self):
        return ", ".join(f"{n} {name}" for name, n in sorted(self.items()) if n and name[0] != "/")

    def count(self, *verdicts):
        return sum(self[verdict] for verdict in verdicts)

    def deaths(self):
        return sum(n for name, n in self.items() if name[0] != "/" and name not in self.no_deaths)


class Tcpwhy:
    """One that runs, and what it takes of the host."""

    def __init__(self, *options):
        self.process = subprocess.Popen([f"{TOP}/tcpwhy", "--netns", "/proc/self/ns/net", *options], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        first = self.process.stderr.readline()
        if "watching" not in first:
            sys.exit(f"soak.py: {first}{self.process.stderr.read()}")
        self.stderr = []
        threading.Thread(target=lambda: self.stderr.extend(self.process.stderr), daemon=True).start()

    def takes(self):
        """(resident kB, descriptors, kB of BPF maps and programs)"""
        proc = f"/proc/{self.process.pid}"
        with open(f"{proc}/status") as file:
            resident = int(re.search(r"^VmRSS:\s+(\d+)", file.read(), re.MULTILINE)[1])
        locked = 0
        for info in glob.glob(f"{proc}/fdinfo/*"):
            with open(info) as file:
                found = re.search(r"^memlock:\s+(\d+)", file.read(), re.MULTILINE)
            locked += int(found[1]) if found else 0
        return resident, len(os.listdir(f"{proc}/fd")), locked // 1024

    def end(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


class Counters(Tcpwhy):
    def __init__(self):
        super().__init__("-j", "1")
        self.counted = Counted()
        self.quiet_rows = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            row = json.loads(line)
            if row["type"] != "interval":
                continue
            self.counted.add_row(row)
            nothing = not (row["deaths"] or row["incidents"] or row["resets_sent"] or row["segments_retransmitted"])
            self.quiet_rows = self.quiet_rows + 1 if nothing else 0

    def settled(self):
        self.quiet_rows = 0
        peers.until(lambda: self.quiet_rows >= 2, lambda: "rows without an event", seconds=30)
        return Counted(self.counted)


class Lines(Tcpwhy):
    def __init__(self):
        super().__init__()
        self.number = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for _ in self.process.stdout:
            self.number += 1


class Referee:
    def __init__(self):
        self.process = subprocess.Popen(["unshare", "--mount", f"{TOP}/tests/e2e/referee.py"], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def hidden(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline() or 0)


def storm(name):
    done = subprocess.run([f"{TOP}/build/bench/storm", "-H", "-t", str(STORM_SECONDS), name], capture_output=True, text=True)
    if done.returncode:
        raise peers.Failure(f"storm {name}: {done.stderr}")


def a_minute(seed, number):
    end = time.monotonic() + 50
    for name in STORMS:
        storm(name)
        books.mixture(f"{seed} {number} {name}", PORT, max((end - time.monotonic()) / len(STORMS), 3))
    books.wait_for_quiet()


def added(now, before):
    difference = type(now)(now)
    difference.subtract(before)
    return difference


def unequal(kernel, counted):
    """{what is not equal: by how much}"""
    wrong = {}
    for identity in books.IDENTITIES:
        if identity.name not in NEED_NO_LINES:
            continue
        left, right = identity.kernel(kernel), identity.tcpwhy(counted)
        if left is None:
            left, right = right
        if left != right:
            wrong[f"{identity.name}: {left} and {right}"] = abs(left - right)
    return wrong


class Table:
    """A row for each minute, as it comes."""

    HEAD = "minute", "deaths", "incidents", "books", "lost", "missed", "hidden", "lines", "RSS kB", "descriptors", "BPF kB"

    def __init__(self):
        self.row(*self.HEAD)
        self.row(*["---"] * len(self.HEAD))

    @staticmethod
    def row(*cells):
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def soak(minutes, seed):
    lines, counters = Lines(), Counters()       # the referee looks at the last one
    referee, table = Referee(), Table()
    kernel, counted, hidden, warm = books.Kernel.here(), counters.settled(), referee.hidden(), None
    wrong, sums = [], collections.Counter()
    for minute in range(1, minutes + 1):
        shown = lines.number
        a_minute(seed, minute)
        now_kernel, now_counted, now_hidden = books.Kernel.here(), counters.settled(), referee.hidden()
        one, hid = added(now_counted, counted), now_hidden - hidden
        bad = unequal(added(now_kernel, kernel), one)
        takes = [tcpwhy.takes() for tcpwhy in (counters, lines)]
        table.row(minute, one.dead, one["/incidents"], "; ".join(bad) or "equal", one.lost, one.missed, hid,
                  lines.number - shown, *(" / ".join(map(str, pair)) for pair in zip(*takes)))
        wrong += [f"minute {minute}: {what}, with {hid} hidden and {one.missed} missed; {one.by_verdict()}"
                  for what, by in bad.items() if by > hid + one.missed]
        warm = takes if minute <= WARM else warm
        wrong += grown(minute, warm, takes)
        sums.update(deaths=one.dead, incidents=one["/incidents"], equal=int(not bad))
        kernel, counted, hidden = now_kernel, now_counted, now_hidden
    wrong += [f"exit status {status}" for status in (counters.end(), lines.end()) if status]
    print(f"\n{sums['deaths']} deaths and {sums['incidents']} incidents in {minutes} minutes; the books were equal in "
          f"{sums['equal']} of them. Seed {seed}.")
    return wrong


def grown(minute, warm, now):
    wrong = []
    for name, before, after in zip(("counters", "lines"), warm, now):
        for what, limit, old, new in zip(("resident kB", "descriptors", "BPF kB"), (GROWTH, 0, GROWTH), before, after):
            if new > old + limit:
                wrong.append(f"minute {minute}: {what} of the one for {name} grew from {old} to {new}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-m", dest="minutes", type=int, default=30)
    parser.add_argument("-s", dest="seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    if peers.in_init_namespace():
        sys.exit("soak.py: refusing to run in the init network namespace: use ip netns exec")
    books.prepare()
    books.forward()
    wrong = soak(args.minutes, args.seed)
    for what in wrong:
        print(f"wrong: {what}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
