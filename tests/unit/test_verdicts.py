#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Each row of bpf/verdicts.def has all that CONTRIBUTING.md asks of it in five steps, and nothing has it without a row. It
takes no build: to see what is left out, run this file."""

import pathlib
import re
import shutil
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

TABLE = "bpf/verdicts.def"
RULES = "bpf/classify.h"
UNIT_TESTS = "tests/unit/test_classify.c"
PAGES = "docs/verdicts"
INDEX = "docs/README.md"
README = "README.md"
SCENARIOS = "tests/README.md"
DEATHS = "tests/e2e/deaths.bats"
ALL = TABLE, RULES, UNIT_TESTS, PAGES, INDEX, README, SCENARIOS, DEATHS


def between(text, first, last):
    return text[text.index(first):].split(last, 1)[0]


def rows(root):
    """(id, name) of each row of the table."""
    return re.findall(r'^VERDICT\((\w+), "([a-z-]+)",', (root / TABLE).read_text(), re.MULTILINE)


class Tree:
    """What has been written of verdicts, by step of CONTRIBUTING.md."""

    def __init__(self, root):
        def read(path):
            return (root / path).read_text()

        self.rows = rows(root)
        self.predicates = set(re.findall(r"^RULE is_(\w+)\(", between(read(RULES), "The rules, in the order", "enum verdict classify("),
                                         re.MULTILINE))
        self.units = set(re.findall(r"^\t\{ VERDICT_(\w+), \w+ \},$", read(UNIT_TESTS), re.MULTILINE))
        self.pages = {page.stem for page in (root / PAGES).glob("*.md")}
        self.index = set(re.findall(r"\(verdicts/([a-z-]+)\.md\)", between(read(INDEX), "<!-- index -->", "<!-- end -->")))
        self.readme = set(re.findall(r"`([a-z-]+)`", between(read(README), "<!-- verdicts -->", "<!-- end -->")))
        caused = between(read(SCENARIOS), "## Verdict, end, scenario", "<!-- end -->")
        self.caused = set(re.findall(r"`([a-z-]+)`", caused))
        self.scenarios = set(", ".join(re.findall(r"^\|.*\| ([a-z, -]+) \|$", caused, re.MULTILINE)).split(", ")) - {"scenarios"}
        self.played = set(re.findall(r'^@test "([a-z-]+):', read(DEATHS), re.MULTILINE))

    def left_out(self):
        """What is missing, a line each."""
        for id_, name in self.rows:
            for step, there, what in (
                    (2, id_ in self.predicates, f"{RULES} has no predicate is_{id_}()"),
                    (3, id_ in self.units, f"{UNIT_TESTS} has no row {{ VERDICT_{id_}, ... }}"),
                    (4, name in self.pages, f"there is no page {PAGES}/{name}.md"),
                    (4, name in self.index, f"the index of {INDEX} lacks it: tools/docs-index.sh --update"),
                    (4, name in self.readme, f"the table of {README} lacks it: tools/readme-table.sh --update"),
                    (5, name in self.caused, f"{SCENARIOS} does not say what causes it")):
                if not there:
                    yield f"{name}: step {step} is left out: {what}"
        for scenario in sorted(self.scenarios - self.played):
            yield f"scenario {scenario}: step 5 is left out: {DEATHS} has no test '{scenario}: ...'"

    def without_row(self):
        """What has no verdict, a line each."""
        ids, names = ({row[i] for row in self.rows} for i in (0, 1))
        for found, known, what in (
                (self.predicates, ids, f"{RULES}: is_%s()"), (self.units, ids, f"{UNIT_TESTS}: VERDICT_%s"),
                (self.pages, names, f"{PAGES}/%s.md"), (self.index, names, f"{INDEX}: %s"), (self.readme, names, f"{README}: %s")):
            for name in sorted(found - known):
                yield f"{what % name} has no row in {TABLE}"


class Verdicts(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.copy = pathlib.Path(directory.name)

    def copy_tree(self):
        for path in ALL:
            (self.copy / path).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / path).is_dir() else shutil.copy
            copy(ROOT / path, self.copy / path)

    def change(self, path, old, new):
        text = (self.copy / path).read_text()
        self.assertIn(old, text)
        (self.copy / path).write_text(text.replace(old, new))

    def test_every_verdict_has_all_five_steps(self):
        tree = Tree(ROOT)
        self.assertGreater(len(tree.rows), 40)
        missing = "\n".join([*tree.left_out(), *tree.without_row()])
        if missing:
            self.fail(f"\n\n{missing}\n\nCONTRIBUTING.md, 'To add a verdict', says how.")

    def test_each_step_left_out_is_named(self):
        self.copy_tree()
        self.change(TABLE, 'VERDICT(unknown,', 'VERDICT(new_one, "new-one", HERE, "", "")\nVERDICT(unknown,')
        self.assertEqual(list(Tree(self.copy).left_out()), [
            "new-one: step 2 is left out: bpf/classify.h has no predicate is_new_one()",
            "new-one: step 3 is left out: tests/unit/test_classify.c has no row { VERDICT_new_one, ... }",
            "new-one: step 4 is left out: there is no page docs/verdicts/new-one.md",
            "new-one: step 4 is left out: the index of docs/README.md lacks it: tools/docs-index.sh --update",
            "new-one: step 4 is left out: the table of README.md lacks it: tools/readme-table.sh --update",
            "new-one: step 5 is left out: tests/README.md does not say what causes it",
        ])

    def test_a_scenario_that_is_not_played_is_named(self):
        self.copy_tree()
        self.change(DEATHS, '@test "linger-zero:', '@test "other:')
        self.assertEqual(list(Tree(self.copy).left_out()),
                         ["scenario linger-zero: step 5 is left out: tests/e2e/deaths.bats has no test 'linger-zero: ...'"])

    def test_what_has_no_row_is_named(self):
        self.copy_tree()
        self.change(TABLE, 'VERDICT(destroyed, "destroyed",', 'VERDICT(d, "d",')
        self.assertEqual(list(Tree(self.copy).without_row()), [
            "bpf/classify.h: is_destroyed() has no row in bpf/verdicts.def",
            "tests/unit/test_classify.c: VERDICT_destroyed has no row in bpf/verdicts.def",
            "docs/verdicts/destroyed.md has no row in bpf/verdicts.def",
            "docs/README.md: destroyed has no row in bpf/verdicts.def",
            "README.md: destroyed has no row in bpf/verdicts.def",
        ])


if __name__ == "__main__":
    unittest.main()
