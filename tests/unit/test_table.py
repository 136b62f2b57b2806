#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""tests/vm/table.py: the newest that was said counts, file by file, and what was not run now stands as it was."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

TABLE = pathlib.Path(__file__).resolve().parents[1] / "vm/table.py"

CHECK = ('# check {"verdicts": [{"name": "refused", "reach": "read", "why": null},'
         ' {"name": "backlog-reset", "reach": "inferred", "why": "a guess"},'
         ' {"name": "syn-dropped", "reach": "out_of_reach", "why": "no reason"},'
         ' {"name": "checkpointed", "reach": "read", "why": null}]}')


def log(*lines, date="2026-01-01"):
    return "\n".join([f"# run {date} v1", "# kernel 6.1.0-1-amd64", CHECK, "ok tcpwhy starts", *lines, ""])


class Table(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.results = pathlib.Path(directory.name) / "results"
        self.former = pathlib.Path(directory.name) / "table.md"
        self.results.mkdir()

    def add(self, kernel, name, text):
        (self.results / kernel).mkdir(exist_ok=True)
        (self.results / kernel / f"{name}.tap").write_text(text, encoding="ascii")

    def make(self):
        former = [self.former] if self.former.exists() else []
        done = subprocess.run([sys.executable, TABLE, self.results, *former], capture_output=True, text=True, check=True)
        return done.stdout

    def keep(self):
        """What was said until now is in a table, and the logs are gone."""
        self.former.write_text(self.make(), encoding="utf-8")
        for file in self.results.glob("*/*.tap"):
            file.unlink()

    def cell(self, verdict, column=1):
        line, = [line for line in self.make().splitlines() if line.startswith(f"| `{verdict}` ")]
        return line.split("|")[column + 1].strip()

    def row(self, file):
        line, = [line for line in self.make().splitlines() if line.startswith(f"| `{file}` ")]
        return [cell.strip() for cell in line.strip("|").split("|")[1:]]

    def test_a_scenario_that_failed_fails_its_verdicts(self):
        self.add("6.1", "1", log("== deaths.bats", "1..2", "ok 1 refused: one", "not ok 2 linger-zero: two"))
        self.assertEqual(self.cell("refused"), "ok")
        self.assertEqual(self.cell("linger-zero"), "**failed**")
        self.assertEqual(self.row("deaths.bats"), ["1", "1", "0", "2026-01-01", ""])
        self.assertIn("- **failed**: `deaths.bats`: linger-zero: two\n", self.make())

    def test_the_newest_counts_file_by_file(self):
        self.add("6.1", "1", log("== deaths.bats", "1..1", "not ok 1 refused: one", "== errors.bats", "1..1", "ok 1 a"))
        self.add("6.1", "2", log("== deaths.bats", "1..1", "ok 1 refused: one", date="2026-01-02"))
        self.assertEqual(self.cell("refused"), "ok")
        self.assertEqual(self.row("deaths.bats")[3], "2026-01-02")
        self.assertEqual(self.row("errors.bats"), ["1", "0", "0", "2026-01-01", ""])

    def test_what_was_cut_short_or_skipped_is_said(self):
        self.add("6.1", "1", log("== errors.bats", "1..3", "ok 1 a", "ok 2 b # SKIP no MPTCP"))
        self.assertEqual(self.row("errors.bats"), ["1", "0", "1", "2026-01-01", "cut short: 1 not run"])
        self.assertIn("- skipped: `errors.bats`: no MPTCP: b\n", self.make())

    def test_a_test_without_its_verdict_says_nothing_but_where_the_verdict_is_out_of_reach(self):
        self.add("6.1", "1", log("== rare.bats", "1..2", "ok 1 SYNs are syn-dropped # SKIP out of reach",
                                 "ok 2 these are checkpointed # SKIP why"))
        self.assertEqual((self.cell("syn-dropped"), self.cell("checkpointed")), ("out of reach", "**not caused**"))
        self.add("6.1", "2", log("== rare.bats", "1..1", "not ok 1 SYNs are syn-dropped"))
        self.assertEqual(self.cell("syn-dropped"), "**failed**, out of reach")

    def test_what_was_not_run_again_stands_as_it_was(self):
        self.add("6.1", "1", log("== deaths.bats", "1..1", "ok 1 refused: one", "== errors.bats", "1..1", "not ok 1 a # b"))
        self.add("7.2", "1", log("== errors.bats", "1..2", "ok 1 a", "ok 2 b # skip why"))
        before = self.make()
        self.keep()
        self.assertEqual(self.make(), before)

        self.add("6.1", "2", log("== errors.bats", "1..1", "ok 1 a", date="2026-01-02"))
        self.assertEqual(self.cell("refused"), "ok")
        self.assertNotIn("**failed**: `errors.bats`", self.make())
        self.assertIn("- skipped: `errors.bats`: why: b\n", self.make())

    def test_what_has_failed_now_is_not_hidden_by_what_was(self):
        self.add("6.1", "1", log("== deaths.bats", "1..1", "ok 1 refused: one"))
        self.keep()
        self.add("6.1", "2", log("== deaths.bats", "1..1", "not ok 1 refused: one", date="2026-01-02"))
        self.assertEqual(self.cell("refused"), "**failed**")

    def test_what_was_not_known_before_is_no_former_result(self):
        self.add("6.1", "1", log("== deaths.bats", "1..1", "ok 1 refused: one").replace(CHECK, "#"))
        self.keep()
        self.assertEqual(self.cell("backlog-reset"), "–")
        self.add("6.1", "2", log(date="2026-01-02"))
        self.assertEqual(self.cell("backlog-reset"), "inferred")

    def test_a_kernel_where_it_does_not_start_has_nothing_from_before(self):
        self.add("6.1", "1", log("== deaths.bats", "1..1", "ok 1 refused: one"))
        self.keep()
        self.add("6.1", "2", "# run 2026-01-02 v2\n# kernel 6.1.0-2-amd64\nnot ok tcpwhy starts (exit status 1)\n")
        self.assertEqual(self.cell("refused"), "**no start**")


if __name__ == "__main__":
    unittest.main()
