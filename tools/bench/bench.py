#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What tcpwhy costs, beside an empty BPF program and its peers.

    bench.py [PART...] [-- TCPWHY_ARGUMENTS...]

shared  Everything that runs here is attached at once, and the same connections pass through all, so that noise cancels: BPF
        run time per connection, and its ratio to the empty program's.
alone   The same of each alone beside the empty program: what is in the cache then, nobody else has put there.
pairs   Each alone, by turns with nothing, in the midst of the same connections: CPU time of these, throughput; CPU time and
        memory of the tool, time until it is ready, records lost.
hooks   Where the time goes: runs and run time per connection of each of tcpwhy's programs.
storm   Connections die as fast as the machine can let them: throughput and CPU time with tcpwhy to those without.
growth  tcpwhy where many connections are open already: time until it is ready, memory, BPF run time per connection.

Without PART it is all of them, and the result goes to a file of tools/bench/results too. What follows -- is for hooks and
growth: how tcpwhy is called. As root; all traffic is in network namespaces of its own.

Environment: BENCH_SUBJECTS, a regular expression: only those of the table; BENCH_CONNECTIONS (10000) of a run,
BENCH_ROUNDS (10) of shared, alone, hooks and growth, BENCH_PAIRS (15), BENCH_STORM_PAIRS (9), BENCH_OPEN
(1000,10000,100000) of growth, BENCH_READY_SECONDS (30) until a tool must be ready.

Exit status: 0 all is well, 1 it is not, 2 usage.
"""

import argparse
import collections
import contextlib
import datetime
import json
import os
import platform
import re
import subprocess
import sys

import bpfstats
from flow import take_turns
from spread import Spread
from subjects import EMPTY, TOP, DoesNotRun, all_subjects, start, tcpwhy, watching

TRAFFIC = f"{TOP}/build/bench/traffic"
CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", 10000))   # in one run
ROUNDS = int(os.environ.get("BENCH_ROUNDS", 10))
PAIRS = int(os.environ.get("BENCH_PAIRS", 15))
STORM_PAIRS = int(os.environ.get("BENCH_STORM_PAIRS", 9))
PAIR_SECONDS, STORM_SECONDS = 0.3, 1        # of each part of a turn
OPEN = [int(n) for n in os.environ.get("BENCH_OPEN", "1000,10000,100000").split(",")]
CHOSEN = os.environ.get("BENCH_SUBJECTS", "")
STORMS = ["refused", "unread", "overflow"]
PARTS = ["shared", "alone", "pairs", "hooks", "storm", "growth"]
EVENTS = 10             # changes of state of a connection, both ends together


def traffic():
    """How many connections it has made."""
    done = subprocess.run([TRAFFIC, "-n", str(CONNECTIONS)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)["made"]


def note(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def which_run(subjects):
    """Those that run here, and of the others why not: {name: reason}."""
    runs, reasons = [], {}
    for subject in subjects:
        try:
            start(subject).stop()
            runs.append(subject)
        except DoesNotRun as reason:
            reasons[subject.name] = str(reason)
    return runs, reasons


# ---------------------------------------------------------------------------------------------------------------------
# Shared: all at once

def count_round(running):
    """{name: ns per connection} of subjects that watch, the empty program among them."""
    before = {one.pid: bpfstats.programs(one.pid) for one in running}
    made = traffic()
    added = {one.subject.name: bpfstats.added(before[one.pid], bpfstats.programs(one.pid)) for one in running}
    seen = sum(program.runs for program in added[EMPTY.name].values()) / EVENTS
    if seen > 1.01 * made:
        note(f"{seen / made - 1:.0%} more connections than ours passed: is the machine idle?")
    return {name: bpfstats.total_ns(of) / seen for name, of in added.items()}


def shared_round(subjects):
    with watching(*subjects) as running:
        return count_round(running)


class Shares:
    """Of one subject: ns of BPF run time per connection, and their ratios to the empty program's in the same round."""

    def __init__(self):
        self.ns, self.ratio = [], []

    def add(self, ns, of_empty):
        self.ns.append(ns)
        self.ratio.append(ns / of_empty)

    def columns(self):
        return [show(self.ns, 0), show(self.ratio)]


def shared(subjects):
    """{name: Shares}"""
    shares = collections.defaultdict(Shares)
    with bpfstats.enabled():
        for number in range(ROUNDS):
            note(f"shared {number + 1}/{ROUNDS}")
            turn = number % len(subjects)       # who is called first pays for what is not in the cache
            costs = shared_round(subjects[turn:] + subjects[:turn])
            for name, ns in costs.items():
                shares[name].add(ns, costs[EMPTY.name])
    return shares


def alone(subjects):
    """{name: Shares}"""
    shares = collections.defaultdict(Shares)
    with bpfstats.enabled():
        for number in range(ROUNDS):
            note(f"alone {number + 1}/{ROUNDS}")
            for subject in subjects:
                if subject != EMPTY:
                    costs = shared_round([subject, EMPTY])
                    shares[subject.name].add(costs[subject.name], costs[EMPTY.name])
    return shares


# ---------------------------------------------------------------------------------------------------------------------
# Pairs: each alone, by turns with nothing

class Pairs:
    """Of one subject; None: of nothing, against itself."""

    def __init__(self, subject):
        self.subject = subject
        self.turns, self.turns_two = [], []     # with one process, with two

    def play(self):
        self.turns.append(take_turns(self.subject, PAIR_SECONDS, TRAFFIC))
        self.turns_two.append(take_turns(self.subject, PAIR_SECONDS, TRAFFIC, "-2"))

    def columns(self):
        both = self.turns + self.turns_two
        ratios = [Spread([getattr(turn, of) for turn in turns]).show_confidence()
                  for turns in (self.turns, self.turns_two) for of in ("cpu", "rate")]
        if not self.subject:
            return ratios + [""] * 4
        return ratios + [show([turn.own_us for turn in both]), show([turn.resident_kb / 1024 for turn in both], 1),
                         show([turn.running.ready_seconds * 1e3 for turn in both], 0), str(sum(turn.running.lost() for turn in both))]


def pairs(subjects):
    """{name: Pairs}; the subjects take turns."""
    all_pairs = {"nothing": Pairs(None), **{subject.name: Pairs(subject) for subject in subjects}}
    for number in range(PAIRS):
        note(f"pairs {number + 1}/{PAIRS}")
        for one in all_pairs.values():
            one.play()
    return all_pairs


# ---------------------------------------------------------------------------------------------------------------------
# Hooks: where the time goes

def hooks_round(subject):
    """({program: (runs, ns per connection)}, {program: what bpftool tells}), the empty program's too."""
    with watching(subject, EMPTY) as running:
        before = [bpfstats.programs(one.pid) for one in running]
        about = bpfstats.about()
        made = traffic()
        added = [bpfstats.added(old, bpfstats.programs(one.pid)) for old, one in zip(before, running)]
    all_added = {**added[0], **added[1]}
    return ({about[number]["name"]: (program.runs / made, program.ns / made) for number, program in all_added.items()},
            {about[number]["name"]: about[number] for number in all_added})


def hooks(arguments):
    subject = tcpwhy(*arguments)
    rows = collections.defaultdict(list)
    with bpfstats.enabled():
        for number in range(ROUNDS):
            note(f"hooks of {subject.name} {number + 1}/{ROUNDS}")
            costs, about = hooks_round(subject)
            for name, cost in costs.items():
                rows[name].append(cost)
            rows["all of tcpwhy"].append(tuple(sum(column) - of_empty for column, of_empty
                                               in zip(zip(*costs.values()), costs["empty"])))
    rows = {name: of for name, of in rows.items() if any(runs for runs, _ in of)}
    floor = [ns for _, ns in rows["empty"]]
    table = [["program", "runs/connection", "ns/run", "ns/connection", "ratio to empty", "bytes jited"]]
    for name, of in sorted(rows.items(), key=lambda row: -row[1][0][1]):
        table.append([name, Spread([runs for runs, _ in of]).show(2), Spread([ns / runs for runs, ns in of if runs]).show(0),
                      Spread([ns for _, ns in of]).show(0),
                      Spread([ns / empty for (_, ns), empty in zip(of, floor)]).show(2),
                      str(about[name]["bytes_jited"]) if name in about else ""])
    return markdown(table)


# ---------------------------------------------------------------------------------------------------------------------
# Storm: nothing but deaths

def storms():
    every = [(name, subject, []) for name in STORMS for subject in (tcpwhy(), tcpwhy("1"))]
    for number in range(STORM_PAIRS):
        note(f"storm {number + 1}/{STORM_PAIRS}")
        for name, subject, turns in every:
            turns.append(take_turns(subject, STORM_SECONDS, f"{TOP}/build/bench/storm", name))
    table = [["storm", "watched by", "connections/s without", "throughput", "CPU time a connection", "own CPU, s/million", "resident MB",
              "lost"]]
    for name, subject, turns in every:
        table.append([name, subject.name, show([turn.bare_rate for turn in turns], 0),
                      *(Spread([getattr(turn, of) for turn in turns]).show_confidence() for of in ("rate", "cpu")),
                      show([turn.own_us for turn in turns]), show([turn.resident_kb / 1024 for turn in turns], 1),
                      str(sum(turn.running.lost() for turn in turns))])
    return markdown(table)


# ---------------------------------------------------------------------------------------------------------------------
# Growth: with many connections open

@contextlib.contextmanager
def held(connections):
    """So many are open."""
    with subprocess.Popen([f"{TOP}/build/bench/hold", str(connections)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdout.readline() != b"open\n":
            raise subprocess.SubprocessError(f"{connections} connections could not be opened")
        yield
        process.stdin.close()


def growth(arguments):
    subject = tcpwhy(*arguments)
    table = [["open connections", "ready ms", "resident MB", "BPF memory MB", "BPF ns/connection", "ratio to empty"]]
    for connections in [0, *OPEN]:
        note(f"growth: {connections} open")
        ready, resident, memory, ns, ratio = [], [], [], [], []
        with held(connections), bpfstats.enabled():
            for _ in range(ROUNDS):
                with watching(subject, EMPTY) as running:
                    costs = count_round(running)
                    ready.append(running[0].ready_seconds * 1e3)
                    resident.append(running[0].resident_kb() / 1024)
                    memory.append(bpfstats.memory(running[0].pid) / 1024 / 1024)
                ns.append(costs[subject.name])
                ratio.append(ns[-1] / costs[EMPTY.name])
        table.append([str(connections), Spread(ready).show(0), Spread(resident).show(1), Spread(memory).show(1),
                      Spread(ns).show(0), Spread(ratio).show(2)])
    return markdown(table)


# ---------------------------------------------------------------------------------------------------------------------
# The table

def markdown(rows):
    rows = [rows[0], ["---"] + ["---:"] * (len(rows[0]) - 1), *rows[1:]]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def show(values, digits=2):
    return Spread(values).show(digits) if values else ""


def machine():
    model = "unknown CPU"
    with open("/proc/cpuinfo") as file:
        found = re.search(r"^model name\s*: (.*)$", file.read(), re.MULTILINE)
        model = found[1] if found else model
    return (f"{datetime.date.today()}, Linux {platform.release()} {platform.machine()}, {model}, "
            f"{os.cpu_count()} CPUs, load average {os.getloadavg()[0]:.1f} when it began")


def main_table(names, shares, shares_alone, pairings):
    head = ["", "BPF ns/connection, all at once", "ratio to the empty program", "BPF ns/connection, alone",
            "ratio to the empty program, alone", "CPU time of the traffic", "throughput",
            "CPU time, two processes", "throughput, two processes", "own CPU, s/million", "resident MB", "ready ms", "lost"]
    rows = [head]
    for name in ["nothing", *names]:
        row = [name] + [""] * (len(head) - 1)
        if name in shares:
            row[1:3] = shares[name].columns()
        if name in shares_alone:
            row[3:5] = shares_alone[name].columns()
        if name in pairings:
            row[5:13] = pairings[name].columns()
        rows.append(row)
    # columns that nobody measured are left out
    kept = [i for i in range(len(head)) if i == 0 or any(row[i] for row in rows[1:])]
    return markdown([[row[i] for i in kept] for row in rows])


# ---------------------------------------------------------------------------------------------------------------------

def mount_tracing():
    """libbpf's tracepoints, bcc and bpftrace need it; in a mount namespace of our own."""
    if "BENCH_MOUNTED" not in os.environ:
        os.environ["BENCH_MOUNTED"] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])
    for kind, where in ("tracefs", "/sys/kernel/tracing"), ("debugfs", "/sys/kernel/debug"):
        if not os.listdir(where):
            subprocess.run(["mount", "-t", kind, kind, where], check=False)


def measure(parts, arguments):
    text = f"{machine()}\n"
    if {"shared", "alone", "pairs"} & set(parts):
        subjects = [subject for subject in all_subjects() if re.search(CHOSEN, subject.name) or subject == EMPTY]
        runs, reasons = which_run(subjects)
        for name, reason in reasons.items():
            note(f"{name} does not run here: {reason}")
        text += "\n" + main_table([subject.name for subject in runs], shared(runs) if "shared" in parts else {},
                                  alone(runs) if "alone" in parts else {}, pairs(runs) if "pairs" in parts else {})
        text += "\n" * bool(reasons) + "".join(f"- {name} does not run here: {reason}\n" for name, reason in reasons.items())
    command = " ".join(["tcpwhy", *arguments])
    if "hooks" in parts:
        text += f"\nPrograms of `{command}`:\n\n" + hooks(arguments)
    if "storm" in parts:
        text += "\nStorms, on all CPUs:\n\n" + storms()
    if "growth" in parts:
        text += f"\n`{command}` with connections open before:\n\n" + growth(arguments)
    return text


def write_result(text):
    name = f"{datetime.date.today()}-linux-{platform.release()}-{platform.machine()}.md"
    path = os.path.join(os.path.relpath(os.path.dirname(os.path.abspath(__file__))), "results", name)
    with open(path, "w") as file:
        file.write(f"<!-- SPDX-License-Identifier: GPL-2.0-only; made by make bench, see ../README.md -->\n\n{text}")
    note(f"the result is in {path}")


def main():
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     usage="bench.py [PART...] [-- TCPWHY_ARGUMENTS...]")
    parser.add_argument("part", nargs="*", metavar="PART", help=", ".join(PARTS))
    parts = parser.parse_args(words[:end]).part
    for part in parts:
        if part not in PARTS:
            parser.error(f"no part '{part}': there are {', '.join(PARTS)}")
    if os.geteuid():
        print("bench.py: it takes root", file=sys.stderr)
        return 1
    mount_tracing()
    text = measure(parts or PARTS, words[end + 1:])
    print(text, end="")
    if not parts:
        write_result(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
