#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Kernels and verdicts, as tables in Markdown, out of what the tests said under each kernel.

    table.py RESULTS [TABLE]

RESULTS holds a directory for each kernel, and in it the logs of tests/vm/run.sh, named so that the newest is the last. What
the newest log says of a file of tests counts, whatever the others say of other files. Of what is in none, TABLE, one that was
made earlier, is repeated.

A test of deaths.bats is named after a scenario of peers.py, and that knows which verdicts it must cause; other tests have the
verdicts of which peers.py knows nothing in their names. A verdict is ok under a kernel if all tests that must cause it are.
"""

import collections
import importlib
import json
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
OK, FAILED, NOT_CAUSED, NO_START, NOT_RUN = "ok", "**failed**", "**not caused**", "**no start**", "–"
WORST = [FAILED, NOT_CAUSED, NO_START, NOT_RUN, OK]
REACH = {"inferred": "inferred", "out_of_reach": "out of reach", "not_known": "not known"}


def scenarios():
    """{scenario: [verdict]}"""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(TOP / "tests/e2e"))
    peers = importlib.import_module("peers")
    return {name: list(dict.fromkeys(verdict for verdict, *_ in entry.expects))
            for name, entry in peers.SCENARIOS.items() if name != "mixed"}


class Test:
    def __init__(self, ok, what):
        self.name, _, reason = re.sub("# skip", "# SKIP", what, flags=re.I).partition(" # SKIP")
        self.skipped = reason.strip() if ok and "# skip" in what.lower() else None
        self.result = FAILED if not ok else OK if self.skipped is None else NOT_CAUSED


class File:
    """What a run said of a file of tests."""

    def __init__(self, date, quick):
        self.date, self.quick = date, quick
        self.planned, self.tests = 0, []

    def count(self, result):
        return sum(test.result == result for test in self.tests)

    def note(self):
        said = []
        if len(self.tests) < self.planned:
            said.append(f"cut short: {self.planned - len(self.tests)} not run")
        if self.quick:
            said.append("one family of addresses for each test, by turns")
        return "; ".join(said)


class Former:
    """What an earlier table says of a kernel."""

    def __init__(self):
        self.name = ""
        self.verdicts, self.rows, self.notes, self.reach = {}, {}, collections.defaultdict(list), []


def cells(line):
    return [cell.strip() for cell in line.strip("|\n").split("|")]


def read_table(path):
    """{release: Former}"""
    found, columns, former = collections.defaultdict(Former), [], None
    for line in path.read_text(encoding="utf-8").splitlines():
        name = re.match(r"\| `([a-z-]+(?:\.bats)?)`", line)
        note = re.match(r"- ([^:]+): `([^`]+)`: ", line)
        if line.startswith("| verdict |"):
            columns = cells(line)[1:]
        elif line.startswith("## "):
            former = found[line[3:]]
        elif name and not former:
            for column, cell in zip(columns, cells(line)[1:]):
                found[column].verdicts[name[1]] = cell
        elif name:
            former.rows[name[1]] = cells(line)
        elif note and former:
            (former.reach if note[1] in REACH.values() else former.notes[note[2]]).append(line)
        elif former and line and line[0] not in "|-":
            former.name = line
    return found


class Kernel:
    def __init__(self, release, directory, former):
        self.release, self.former = release, former
        self.name = former.name or release
        self.starts, self.files, self.reach = True, {}, {}
        for log in sorted(directory.glob("*.tap")):
            self.read(log)

    def read(self, log):
        date, quick, file = "", False, None
        for line in log.read_text(errors="replace").splitlines():
            key, _, value = line.removeprefix("# ").partition(" ")
            test = re.match(r"(not ok|ok) \d+ (.*)", line)
            if test and file:
                file.tests.append(Test(test[1] == "ok", test[2]))
            elif file and re.match(r"1\.\.\d+$", line):
                file.planned = int(line[3:])
            elif key == "==":
                file = self.files[value] = File(date, quick and value == "deaths.bats")
            elif re.match("(not )?ok tcpwhy starts", line):
                self.starts = line.startswith("ok ")
            elif re.match(r"# actual .*: \d+ peers.py: ", line) and file and file.tests[-1].result == FAILED:
                file.tests[-1].result = NOT_CAUSED
            elif line.startswith("# run "):
                date, quick = value.split()[0], "quick" in value
            elif line.startswith("# kernel "):
                self.name = value
            elif line.startswith("# check {"):
                self.reach = {one["name"]: (one["reach"], one["why"]) for one in json.loads(value)["verdicts"]}

    def results(self, tests):
        """The worst of those of the tests that begin so, of which some may not have been run."""
        all_tests = [test for file in self.files.values() for test in file.tests]
        found = [[test.result for test in all_tests if wanted(test.name)] or [NOT_RUN] for wanted in tests]
        return min((result for one in found for result in one), key=WORST.index, default=NOT_RUN)

    def verdict(self, name, causes):
        tests = [lambda test, start=f"{scenario}:": test.startswith(start) for scenario in causes.get(name, [])]
        result = self.results(tests or [lambda test: re.search(rf"(is|are) {name}(,|$)", test)])
        if result == NOT_RUN and self.starts and self.former.verdicts.get(name, NOT_RUN) != NOT_RUN:
            return self.former.verdicts[name]
        weaker = REACH.get(self.reach.get(name, ("read",))[0])
        if not self.starts:
            return NO_START
        if not weaker:
            return result
        if result == NOT_RUN or (result == NOT_CAUSED and weaker == REACH["out_of_reach"]):
            return weaker
        return f"{result}, {weaker}"


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def head(*cells):
    row(*cells)
    print("|---" * len(cells) + "|")


def print_row(kernel, name):
    file = kernel.files.get(name)
    if not file:
        row(*kernel.former.rows.get(name, [f"`{name}`", NOT_RUN, NOT_RUN, NOT_RUN, "", ""]))
        return
    skipped = sum(test.skipped is not None for test in file.tests)
    failed = len(file.tests) - file.count(OK) - skipped
    row(f"`{name}`", file.count(OK), failed, skipped, file.date, file.note())


def print_notes(kernel, name):
    file = kernel.files.get(name)
    if not file:
        for line in kernel.former.notes[name]:
            print(line)
        return
    reasons = collections.defaultdict(list)
    for test in file.tests:
        if test.skipped is not None:
            reasons[test.skipped].append(test.name)
        elif test.result != OK:
            print(f"- {test.result}: `{name}`: {test.name}")
    for reason, tests in reasons.items():
        print(f"- skipped: `{name}`: {reason}: {'; '.join(tests)}")


def print_kernel(kernel, known):
    print(f"## {kernel.release}\n\n{kernel.name}\n")
    head("file", "passed", "failed", "skipped", "date", "")
    names = known + sorted(kernel.files.keys() - set(known))
    for name in names:
        print_row(kernel, name)
    print()
    for name in names:
        print_notes(kernel, name)
    for name, (reach, why) in sorted(kernel.reach.items()):
        if reach in REACH:
            print(f"- {REACH[reach]}: `{name}`: {why}")
    if not kernel.reach:
        for line in kernel.former.reach:
            print(line)
    print()


def main():
    known = scenarios()
    causes = collections.defaultdict(list)
    for name, verdicts in known.items():
        for verdict in verdicts:
            causes[verdict].append(name)
    results = pathlib.Path(sys.argv[1])
    former = read_table(pathlib.Path(sys.argv[2])) if len(sys.argv) > 2 else collections.defaultdict(Former)
    releases = {one.name for one in results.iterdir() if one.is_dir()} | former.keys()
    kernels = [Kernel(release, results / release, former[release])
               for release in sorted(releases, key=lambda one: ([int(part) for part in re.findall(r"\d+", one)], one))]
    verdicts = sorted({name for one in kernels for name in one.reach.keys() | one.former.verdicts.keys()} | causes.keys())

    print("<!-- SPDX-License-Identifier: GPL-2.0-only -->")
    print("# Kernels and verdicts\n")
    print("Made by `make test-vm` and `make test-vm-quick`, in as many runs as it took. Each kernel is Debian's, in qemu without KVM.\n")
    print(f"`{OK}`: all tests that must cause it, 23 times each; {FAILED}: tcpwhy said something else; {NOT_CAUSED}: the test could")
    print(f"not bring it about, so nothing is known; {NO_START}: tcpwhy does not start; `{NOT_RUN}`: not run, or in no end-to-end test.")
    print("What `tcpwhy check` calls inferred, or out of reach, under that kernel is called so here; below it says why.\n")
    head("verdict", *(kernel.release for kernel in kernels))
    for verdict in verdicts:
        row(f"`{verdict}`", *(kernel.verdict(verdict, causes) for kernel in kernels))
    print()
    for kernel in kernels:
        print_kernel(kernel, sorted(path.name for path in (TOP / "tests/e2e").glob("*.bats")))


if __name__ == "__main__":
    main()
