#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What tcpwhy costs, beside an empty BPF program and its peers.

    bench.py [PART...]          without any, all of: shared pairs hooks
    bench.py hooks [-- TCPWHY_ARGUMENTS...]

shared  Everything that runs here is attached at once, and the same connections pass through all, so that noise cancels: BPF
        run time per connection, and its ratio to the empty program's.
pairs   Each alone, by turns with nothing: CPU time of the traffic, throughput; CPU time and memory of the tool, time
        until it is ready, records lost.
hooks   Where the time goes: runs and run time per connection of each of tcpwhy's programs.

As root. All traffic is in a network namespace of its own. Without PART the result is written to a file of
tools/bench/results, else to stdout only. Exit status: 0 all is well, 1 it is not, 2 usage.
"""

import argparse
import collections
import datetime
import json
import os
import platform
import re
import subprocess
import sys

import bpfstats
from spread import Spread
from subjects import EMPTY, TOP, DoesNotRun, all_subjects, start, tcpwhy, watching

TRAFFIC = f"{TOP}/build/bench/traffic"
CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", 10000))   # in one run
SHARED_ROUNDS = int(os.environ.get("BENCH_SHARED_ROUNDS", 7))
PAIRS = int(os.environ.get("BENCH_PAIRS", 21))
EVENTS = 10             # changes of state of a connection, both ends together


def traffic(*arguments):
    done = subprocess.run([TRAFFIC, "-n", str(CONNECTIONS), *arguments], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


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

def shared_round(subjects):
    """{name: ns per connection}"""
    with watching(*subjects) as running:
        before = {one.pid: bpfstats.programs(one.pid) for one in running}
        made = traffic()["made"]
        added = {one.subject.name: bpfstats.added(before[one.pid], bpfstats.programs(one.pid)) for one in running}
    seen = sum(program.runs for program in added[EMPTY.name].values())
    if seen > 1.01 * EVENTS * made:
        note(f"{seen / EVENTS / made - 1:.0%} more connections than ours passed: is the machine idle?")
    return {name: bpfstats.total_ns(of) * EVENTS / seen for name, of in added.items()}


def shared(subjects):
    """{name: (Spread of ns per connection, Spread of the ratio to the empty program)}"""
    ns, ratios = collections.defaultdict(list), collections.defaultdict(list)
    with bpfstats.enabled():
        for number in range(SHARED_ROUNDS):
            note(f"shared {number + 1}/{SHARED_ROUNDS}")
            turn = number % len(subjects)       # who is called first pays for what is not in the cache
            costs = shared_round(subjects[turn:] + subjects[:turn])
            for name, cost in costs.items():
                ns[name].append(cost)
                ratios[name].append(cost / costs[EMPTY.name])
    return {name: (Spread(ns[name]), Spread(ratios[name])) for name in ns}


# ---------------------------------------------------------------------------------------------------------------------
# Pairs: each alone, by turns with nothing

class Pairs:
    """Of one subject; None: of nothing, against itself."""

    def __init__(self, subject):
        self.subject = subject
        self.cpu, self.cpu_two, self.rate_two = [], [], []      # ratios: watched to unwatched
        self.user_us, self.resident_kb, self.ready_ms, self.lost = [], [], [], []

    def play(self, watched_first):
        watched = self._watched() if watched_first else None
        bare = traffic(), traffic("-2")
        watched = watched or self._watched()
        self.cpu.append(watched[0]["own_us"] / bare[0]["own_us"])
        self.cpu_two.append(watched[1]["own_us"] / bare[1]["own_us"])
        self.rate_two.append(watched[1]["rate"] / bare[1]["rate"])

    def _watched(self):
        if not self.subject:
            return traffic(), traffic("-2")
        with watching(self.subject) as (running,):
            before = running.settled_cpu_seconds()
            results = traffic(), traffic("-2")
            spent = running.settled_cpu_seconds() - before
            self.user_us.append(spent * 1e6 / sum(result["made"] for result in results))
            self.resident_kb.append(running.resident_kb())
            self.ready_ms.append(running.ready_seconds * 1e3)
        self.lost.append(running.lost())
        return results


def pairs(subjects):
    """{name: Pairs}; the subjects take turns."""
    all_pairs = {"nothing": Pairs(None), **{subject.name: Pairs(subject) for subject in subjects}}
    for number in range(PAIRS):
        note(f"pairs {number + 1}/{PAIRS}")
        for one in all_pairs.values():
            one.play(number % 2)
    return all_pairs


# ---------------------------------------------------------------------------------------------------------------------
# Hooks: where the time goes

def hooks_round(subject):
    """({program: (runs, ns per connection)}, {program: what bpftool tells}), the empty program's too."""
    with watching(subject, EMPTY) as running:
        before = [bpfstats.programs(one.pid) for one in running]
        about = bpfstats.about()
        made = traffic()["made"]
        added = [bpfstats.added(old, bpfstats.programs(one.pid)) for old, one in zip(before, running)]
    all_added = {**added[0], **added[1]}
    return ({about[number]["name"]: (program.runs / made, program.ns / made) for number, program in all_added.items()},
            {about[number]["name"]: about[number] for number in all_added})


def hooks(arguments):
    subject = tcpwhy(*arguments)
    rows = collections.defaultdict(list)
    with bpfstats.enabled():
        for number in range(SHARED_ROUNDS):
            note(f"hooks of {subject.name} {number + 1}/{SHARED_ROUNDS}")
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
# The table

def markdown(rows):
    rows = [rows[0], ["---"] + ["---:"] * (len(rows[0]) - 1), *rows[1:]]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def machine():
    model = "unknown CPU"
    with open("/proc/cpuinfo") as file:
        found = re.search(r"^model name\s*: (.*)$", file.read(), re.MULTILINE)
        model = found[1] if found else model
    return (f"{datetime.date.today()}, Linux {platform.release()} {platform.machine()}, {model}, "
            f"{os.cpu_count()} CPUs")


def main_table(by_name, shares, pairings):
    head = ["", "BPF ns/connection", "ratio to the empty program", "CPU time of the traffic", "the same, two processes",
            "throughput, two processes", "own CPU, s/million", "resident MB", "ready ms", "lost"]
    rows = [head]
    for name in ["nothing", *by_name]:
        ns, ratio = shares.get(name, (None, None))
        of = pairings.get(name)
        row = [name, ns.show(0) if ns else "", ratio.show(2) if ratio else ""]
        row += [Spread(of.cpu).show_confidence(), Spread(of.cpu_two).show_confidence(),
                Spread(of.rate_two).show_confidence()] if of else [""] * 3
        row += [Spread(of.user_us).show(2), Spread([kb / 1024 for kb in of.resident_kb]).show(1),
                Spread(of.ready_ms).show(0), str(sum(of.lost))] if of and of.subject else [""] * 4
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], usage="bench.py [shared|pairs|hooks]... [-- ARGS]")
    parser.add_argument("part", nargs="*", choices=["shared", "pairs", "hooks", []])
    words = sys.argv[1:]
    arguments = words[words.index("--") + 1:] if "--" in words else []
    parts = parser.parse_args(words[:len(words) - len(arguments) - 1] if "--" in words else words).part
    if os.geteuid():
        print("bench.py: it takes root", file=sys.stderr)
        return 1
    mount_tracing()
    text = measure(parts or ["shared", "pairs", "hooks"], arguments)
    print(text)
    return 0


def measure(parts, arguments):
    text = f"{machine()}\n\n"
    if "shared" in parts or "pairs" in parts:
        subjects = all_subjects()
        runs, reasons = which_run(subjects)
        for name, reason in reasons.items():
            note(f"{name} does not run here: {reason}")
        shares = shared(runs) if "shared" in parts else {}
        pairings = pairs(runs) if "pairs" in parts else {}
        text += main_table([subject.name for subject in runs], shares, pairings) + "\n"
        text += "".join(f"- {name} does not run here: {reason}\n" for name, reason in reasons.items())
    if "hooks" in parts:
        text += "\n" + hooks(arguments)
    return text


if __name__ == "__main__":
    sys.exit(main())
