#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Kernels and verdicts, as a table in Markdown, out of what the tests said under each kernel.

    table.py RELEASE.tap...

A test of deaths.bats is named after a scenario of peers.py, and that knows which verdicts it must cause. A verdict is ok
under a kernel if all scenarios that must cause it are; other tests that fail are listed below.
"""

import collections
import datetime
import os
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
PEERS = TOP / "tests/e2e/peers.py"
OK, SKIPPED, FAILED, NOT_CAUSED, NO_START, NOT_RUN = "ok", "skipped", "**failed**", "**not caused**", "no start", "–"
MADE_BY, FAMILIES = "make test-vm", "IPv4, IPv6 and mapped addresses"
if os.environ.get("TEST_QUICK"):
    MADE_BY, FAMILIES = "make test-vm-quick", "IPv4, IPv6 or mapped addresses by turns"
WORST = [FAILED, NOT_CAUSED, NO_START, NOT_RUN, SKIPPED, OK]


def peers(*args):
    done = subprocess.run([sys.executable, PEERS, *args], stdout=subprocess.PIPE, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def scenarios():
    """{scenario: [verdict]}"""
    return {name: list(dict.fromkeys(row[0] for row in peers("expect", name)))
            for name, _ in peers("list") if name != "mixed"}


class Log:
    def __init__(self, path, names):
        self.release = path.name.removesuffix(".tap")
        self.kernel = self.release
        self.results, self.others, self.starts = {}, [], True
        latest = None
        for line in path.read_text(errors="replace").splitlines():
            if re.match(r"# \d+\.\d+.*", line) and self.kernel == self.release:
                self.kernel = line[2:]
            test = re.match(r"(not ok|ok)(?: \d+)? (.*)", line)
            if test:
                latest = self.take(test[1] == "ok", test[2], names)
            elif re.match(r"# actual .*: \d+ peers.py: ", line) and self.results.get(latest) == FAILED:
                self.results[latest] = NOT_CAUSED

    def take(self, ok, what, names):
        """A test of any file, which may be that of a scenario. Returns the name of it."""
        result = FAILED if not ok else SKIPPED if re.search("# skip", what, re.I) else OK
        name = what.partition(":")[0]
        if what.startswith("tcpwhy starts"):    # tests/vm/run.sh
            self.starts = ok
        if name in names:
            self.results[name] = result
        elif result != OK:
            self.others.append(f"{what}: {result}")
        return name

    def scenario(self, name):
        return self.results.get(name, NOT_RUN if self.starts else NO_START)

    def verdict(self, names):
        return min((self.scenario(name) for name in names), key=WORST.index)


def table(heading, rows, logs):
    print(f"| {heading} | " + " | ".join(log.release for log in logs) + " |")
    print("|---" * (len(logs) + 1) + "|")
    for name, cells in rows:
        print(f"| `{name}` | " + " | ".join(cells) + " |")
    print()


def revision():
    done = subprocess.run(["git", "-C", TOP, "describe", "--always", "--dirty"], stdout=subprocess.PIPE, text=True)
    return done.stdout.strip() or "an unknown revision"


def main():
    known = scenarios()
    causes = collections.defaultdict(list)
    for name, verdicts in known.items():
        for verdict in verdicts:
            causes[verdict].append(name)
    logs = [Log(pathlib.Path(path), known) for path in sys.argv[1:]]

    print("<!-- SPDX-License-Identifier: GPL-2.0-only -->")
    print("# Kernels and verdicts\n")
    print(f"Made by `{MADE_BY}` of {revision()} on {datetime.date.today()}. Each kernel is Debian's, in qemu without KVM:")
    print(", ".join(log.kernel for log in logs) + ".\n")
    print(f"`{OK}`: all scenarios that must cause it, over {FAMILIES}, 23 times each;")
    print(f"{FAILED}: tcpwhy said something else; {NOT_CAUSED}: the test did not bring it about, so nothing is known;")
    print(f"`{NO_START}`: tcpwhy does not start, see below; `{NOT_RUN}`: not run.\n")
    table("verdict", [(verdict, [log.verdict(causes[verdict]) for log in logs]) for verdict in sorted(causes)], logs)
    table("scenario", [(name, [log.scenario(name) for log in logs]) for name in known], logs)
    print("Other tests that did not pass:\n")
    for log in logs:
        for other in log.others:
            print(f"- {log.release}: {other}")
    if not any(log.others for log in logs):
        print("- none")


if __name__ == "__main__":
    main()
