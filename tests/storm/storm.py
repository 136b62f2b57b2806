#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Holds what tcpwhy said of a storm (tools/bench/storm.c) against the kernel's counters, to the unit.

    storm.py refused|unread|overflow COUNTERS LINES SUMMARY

COUNTERS is what the storm printed, LINES and SUMMARY what tcpwhy wrote to stdout and stderr. LINES may be rows of counters.
Exit status: 0 all is well, 1 it is not.
"""

import collections
import json
import os
import re
import sys

sys.path.insert(0, f"{os.path.dirname(__file__)}/../slow")
import books  # noqa: E402

ORDERLY = {"closed-here", "closed-by-peer"}     # these have no lines

# Of each storm, a verdict and the kernel's counter that is its own.
BOOKS = {
    "refused": {"refused": "AttemptFails", "no-listener": "OutRsts"},
    "unread": {"unread-data": "TCPAbortOnClose", "peer-aborted": "made"},
    "overflow": {"accept-overflow": "ListenOverflows"},
}


def said_by_rows(path):
    """{verdict: sum over the rows}"""
    said = collections.Counter()
    with open(path) as file:
        for verdict, number in re.findall(r" ([a-z][a-z-]*)=(\d+)", file.read()):
            said[verdict] += int(number)
    return said


def said_by_lines(said):
    """{verdict: lines, and those that were withheld}, with as many as each stands for."""
    sums = collections.Counter()
    for _, verdict, _, _, words in said.lines:
        withheld = re.match(r"(\d+) more within a second, not shown", words)
        sums[verdict] += int(withheld[1]) if withheld else said.stands_for(words)
    return sums


def main():
    storm, counters, lines, summary = sys.argv[1:]
    with open(counters) as file:
        kernel = json.load(file)
    with open(lines) as file:
        has_rows = file.readline().startswith("time ")
    said = books.Said("/dev/null" if has_rows else lines, summary)
    sums = said_by_rows(lines) if has_rows else said_by_lines(said)
    wrong = 0

    def row(name, left, right):
        nonlocal wrong
        wrong += left != right
        print(f"{'ok  ' if left == right else 'FAIL'}  {name:<36} {left:>9} {right:>9}")

    print(f"      {'':<36} {'kernel':>9} {'tcpwhy':>9}")
    row("connections", kernel["ActiveOpens"] + kernel["PassiveOpens"], said.deaths())
    row("OutRsts", kernel["OutRsts"], said.resets_sent)
    for verdict, counter in BOOKS[storm].items():
        row(f"{verdict}: {counter}", kernel[counter], said[verdict])
    print(f"      {'':<36} {'counter':>9} {'told':>9}")
    for verdict in sorted(said.counters.keys() - ORDERLY):
        if has_rows or not said.lost:           # what was lost has no line
            row(verdict, said[verdict], sums[verdict])
    print(f"{kernel['rate']}/s, {said.lost} records lost")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
