#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Reads the JSON Lines of tcpwhy -j, checks them, and says what they say.

    records.py lines FILE           deaths and incidents, as "verdict<TAB>comm<TAB>how many"
    records.py counters FILE        the summary's counters, as "verdict<TAB>how many"
    records.py rows FILE            those of all intervals together, likewise
    records.py names FILE           the bytes that stand behind each comm, in hexadecimal, sorted
    records.py schema FILE          nothing: of what tcpwhy join has written, only its lines are checked
    records.py ask FILE EXPRESSION  for each object o, those that are not None and not False

Each line must be one object that user/record.schema.json allows; but with "schema", the first one of type "start" and the last one of type
"summary"; a record must not know more than its other end's own record; times must be in the same order by both clocks; and what
is said of one connection must be said in the order in which it happened.
Exit status: 0 they are, 1 they are not, 2 usage.
"""

import collections
import hashlib
import json
import pathlib
import re
import sys

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "user" / "record.schema.json"


class Wrong(Exception):
    pass


def unique(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise Wrong(f"a name comes twice: {names}")
    return dict(pairs)


def validators():
    """{type: of its objects}: the schema is oneOf these, and each has types that no other has."""
    from jsonschema import Draft7Validator  # takes longer than all the rest, and is seldom needed: see check_schema()

    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    found = {}

    def definition(ref):
        return schema["definitions"][ref.removeprefix("#/definitions/")]

    for one in schema["oneOf"]:
        kind = definition(one["$ref"])["properties"]["type"]
        kind = definition(kind["$ref"]) if "$ref" in kind else kind
        for name in kind.get("enum") or [kind["const"]]:
            if name in found:
                raise Wrong(f"the schema has two kinds of objects of type {name}")
            found[name] = Draft7Validator({"definitions": schema["definitions"], **one})
    return found


def check_schema(path, data, said):
    """Once for each content: it is noted beside the file which was found right."""
    noted = pathlib.Path(f"{path}.checked")
    digest = hashlib.sha256(SCHEMA.read_bytes() + data).hexdigest()
    if noted.exists() and noted.read_text(encoding="ascii") == digest:
        return
    by_type = validators()
    for number, one in enumerate(said, 1):
        if not isinstance(one, dict) or one.get("type") not in by_type:
            raise Wrong(f"line {number} is of no type that the schema has: {one}")
        for error in by_type[one["type"]].iter_errors(one):
            raise Wrong(f"line {number}: {'/'.join(map(str, error.path))}: {error.message[:300]}")
    noted.write_text(digest, encoding="ascii")


def read(path):
    data = pathlib.Path(path).read_bytes()
    lines = data.split(b"\n")
    if lines.pop() != b"":
        raise Wrong("the last line is torn")
    for number, line in enumerate(lines, 1):
        if len(line.decode("utf-8").splitlines()) != 1:
            raise Wrong(f"line {number} is one only for some: {line!r}")
    said = [json.loads(line, object_pairs_hook=unique) for line in lines]
    check_schema(path, data, said)
    return said


def check_frame(said):
    types = [one["type"] for one in said]
    if not types or types[0] != "start" or types[-1] != "summary" or types.count("start") + types.count("summary") != 2:
        raise Wrong(f"not from start to summary: {types}")


def check_other_ends(records):
    """What is told of the other end is what its own record says, if it has one."""
    there = {(one["monotonic_ns"], one["verdict"], one.get("pid")): one for one in records}
    for one in records:
        other = one.get("other_end")
        own = other and there.get((other["monotonic_ns"], other["verdict"], other.get("pid")))
        if own and not other.items() <= own.items():
            raise Wrong(f"the other end is told in two ways: { {k: v for k, v in other.items() if own.get(k) != v} } of {own}")


def check_times(said):
    """The wall clock may be set by some microseconds while we look."""
    both = sorted((one["monotonic_ns"], one["time"]) for one in said)
    if [time[:22] for _, time in both] != sorted(time[:22] for _, time in both):
        raise Wrong(f"the clocks disagree: {both}")


def check_order(records):
    latest = {}
    for one in records:
        ends = frozenset((one[f"{end}_address"], one.get(f"{end}_port")) for end in ("local", "remote")
                         if f"{end}_address" in one)
        connection = one.get("netns"), ends
        if len(ends) == 2 and one["monotonic_ns"] < latest.get(connection, one)["monotonic_ns"]:
            raise Wrong(f"{one} is said after {latest[connection]}")
        latest[connection] = one


def table(counts):
    return "\n".join(sorted("\t".join((*key, str(n))) for key, n in counts.items()))


def lines(said):
    counts = collections.Counter()
    for one in said:
        if one["type"] in ("death", "incident"):
            counts[one["verdict"], one.get("comm", "-")] += one["count"]
    return table(counts)


def counters(said, kind="summary"):
    counts = collections.Counter()
    for one in said:
        if one["type"] == kind:
            counts.update({(verdict,): of["count"] for verdict, of in one["verdicts"].items()})
    return table(counts)


def rows(said):
    return counters(said, "interval")


def name_bytes(text):
    """The rule of the schema: \\xHH is a byte, everything else is itself."""
    return b"".join(bytes([int(part[2:], 16)]) if part.startswith("\\x") else part.encode()
                    for part in re.findall(r"\\x[0-9a-f]{2}|[^\\]", text))


def names(said):
    return "\n".join(sorted({name_bytes(one["comm"]).hex() for one in said if "comm" in one}))


def ask(said, expression):
    answers = (eval(f"({expression})", {"o": one}) for one in said)
    return "\n".join(str(answer) for answer in answers if answer is not None and answer is not False)


def main():
    commands = {"schema": lambda said: "", "lines": lines, "counters": counters, "rows": rows, "names": names, "ask": ask}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    try:
        said = read(sys.argv[2])
        if sys.argv[1] != "schema":
            check_frame(said)
            check_other_ends([one for one in said if one["type"] in ("death", "incident")])
            check_times(said)
            check_order([one for one in said if one["type"] in ("death", "incident")])
    except Wrong as wrong:
        print(wrong)
        return 1
    print(commands[sys.argv[1]](said, *sys.argv[3:]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
