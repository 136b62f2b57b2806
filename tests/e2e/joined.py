#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Checks the joins in tcpwhy's lines ("; other end: PROCESS VERDICT") against the lines themselves.

    joined.py FILE [VERDICT...]

- Nobody names an other end that has no line: one with the addresses the other way round, that process, that verdict.
- Of two deaths with the addresses the other way round, the later one names the process and the verdict of the earlier, or,
  if that was orderly, of an incident there.
- No line of the verdicts given is alone.

The first line says "joined N alone M"; lines without a peer (listeners, "*") are not counted. Each further line is a
violation. Exit status: 0 none, 1 some, 2 usage.
"""

import collections
import pathlib
import re
import sys

TABLE = pathlib.Path(__file__).resolve().parents[2] / "bpf" / "verdicts.def"

# Words never have two blanks in a row, and only the end of a line names another process.
LINE = re.compile(r"(?P<time>\S+)  +(?P<verdict>\S+)  +(?P<process>\S+)  +(?P<local>\S+) -> (?P<remote>\S+)  +"
                  r"(?P<words>.*?)(?:; other end: (?P<other>\S+ \S+))?")

Line = collections.namedtuple("Line", "number text ends end other verdict group")


def group_of_verdicts():
    return dict(re.findall(r'^VERDICT\(\w+, "([a-z-]+)", (\w+),', TABLE.read_text(encoding="ascii"), re.MULTILINE))


def read(path):
    """Those lines that have a peer."""
    groups = group_of_verdicts()
    with open(path, encoding="ascii") as file:
        for number, text in enumerate(file, 1):
            found = LINE.fullmatch(text.rstrip("\n"))
            if not found:
                raise ValueError(f"{path}:{number}: no line of tcpwhy: {text!r}")
            if found["remote"] == "*" and not found["other"]:
                continue
            yield Line(number, text.rstrip("\n"), (found["local"], found["remote"]),
                       f"{found['process']} {found['verdict']}", found["other"], found["verdict"],
                       groups[found["verdict"]])


def named_but_not_there(lines):
    there = {(line.ends, line.end) for line in lines}
    for line in lines:
        if line.other and (line.ends[::-1], line.other) not in there:
            yield line, f"no line says that {line.other}"


def deaths_not_joined(lines):
    """Ports may be used again: each death belongs to the last one of the other end that has none yet. Where that was orderly,
    an incident after it says more."""
    waiting = collections.defaultdict(list)
    incidents = {(line.ends, line.end) for line in lines if line.group == "INCIDENT"}
    for line in (line for line in lines if line.group != "INCIDENT"):
        if not waiting[line.ends[::-1]]:
            waiting[line.ends].append(line)
            continue
        earlier = waiting[line.ends[::-1]].pop()
        if earlier.group == "ORDERLY" and (line.ends[::-1], line.other) in incidents:
            continue
        if line.other != earlier.end:
            yield line, f"does not name line {earlier.number}: {earlier.end}"


def alone(lines, verdicts):
    for line in lines:
        if line.verdict in verdicts and not line.other:
            yield line, "is alone"


def main():
    if len(sys.argv) < 2:
        print(__doc__.split("\n\n")[1].strip(), file=sys.stderr)
        return 2
    lines = list(read(sys.argv[1]))
    joined = sum(line.other is not None for line in lines)
    violations = [*named_but_not_there(lines), *deaths_not_joined(lines), *alone(lines, sys.argv[2:])]
    print(f"joined {joined} alone {len(lines) - joined}")
    for line, what in violations:
        print(f"line {line.number}: {what}: {line.text}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
