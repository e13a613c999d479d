#!/usr/bin/python3
"""How ./dev coverage judges, on data that is made up; and that the places of its list are there."""

from __future__ import annotations

import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import coverage  # noqa: E402

SOURCE = """int f(int a) {
  if (a > 3) {
    return a;
  }
  return a > 0 ? 1 : 2;
}
"""
GOAL = {"core": (100, 99)}


def export(root, *files):
    return {"data": [{"files": [{"filename": str(root / name), "segments": segments,
                                 "branches": branches} for name, segments, branches in files]}]}


# Of SOURCE: lines 3 and 4 are not run; line 2 is never true; line 5 is gone both ways.
SEGMENTS = [[1, 14, 7, True, True, False], [2, 14, 0, True, True, False],
            [4, 4, 7, True, False, False], [6, 2, 0, False, False, False]]
BRANCHES = [[2, 7, 2, 12, 0, 7, 0, 0, 4], [5, 10, 5, 15, 3, 4, 0, 0, 4]]
REST = {"file": "core/a.hpp", "reason": "r", "places": ["if (a > 3) { return a; }"]}


class Judge(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name).resolve()
        (self.root / "core").mkdir()
        (self.root / "core" / "a.hpp").write_text(SOURCE, encoding="utf-8")

    def files(self, segments=SEGMENTS, branches=BRANCHES):
        return coverage.read(export(self.root, ("core/a.hpp", segments, branches)), {}, self.root)

    def failures(self, listed, goals=GOAL, **seen):
        return coverage.judge(self.files(**seen), listed, self.root, goals)[2]

    def test_counts_lines_and_both_ways_of_each_branch(self) -> None:
        count = coverage.Count(self.files().values())
        self.assertEqual((count.lines, count.lines_run, count.ways, count.ways_gone), (6, 4, 4, 3))
        self.assertEqual(self.files()["core/a.hpp"].missed_lines(), [3, 4])
        self.assertEqual(self.files()["core/a.hpp"].missed_branches(), [(2, 7, ("true",))])

    def test_a_line_ran_if_anything_that_begins_in_it_did(self) -> None:
        self.assertEqual(coverage.lines_of(SEGMENTS), {1: 7, 2: 7, 3: 0, 4: 0, 5: 7, 6: 7})
        self.assertEqual(coverage.lines_of([]), {})
        skipped = [[1, 1, 0, False, True, False], [3, 1, 2, True, True, False],
                   [3, 9, 0, False, False, False]]
        self.assertEqual(coverage.lines_of(skipped), {3: 2})

    def test_what_one_instance_missed_another_may_have_run(self) -> None:
        other = [[2, 7, 2, 12, 1, 0, 0, 0, 4]]
        files = self.files(branches=BRANCHES + other)
        self.assertEqual(files["core/a.hpp"].missed_branches(), [])
        self.assertEqual(coverage.Count(files.values()).ways, 4)

    def test_what_the_compiler_decided_is_no_branch(self) -> None:
        shown = (f"{self.root}/core/a.hpp:\n    2|      7|  if (a > 3) {{\n"
                 "  |  Branch (2:7): [Folded - Ignored]\n"
                 "  |  Branch (5:10): [Folded - Ignored]\n/usr/b.hpp:\n"
                 "  |  Branch (3:1): [Folded - Ignored]\n")
        folded = coverage.folded_in(shown, self.root)
        self.assertEqual(folded, {"core/a.hpp": {(2, 7), (5, 10)}})
        never = [[2, 7, 2, 12, 0, 0, 0, 0, 4], BRANCHES[1]]
        files = coverage.read(export(self.root, ("core/a.hpp", SEGMENTS, never)), folded, self.root)
        self.assertEqual(files["core/a.hpp"].branches, {(5, 10, 5, 15): (True, True)})

    def test_what_the_compiler_writes_is_no_branch(self) -> None:
        (self.root / "core" / "b.hpp").write_text("bool operator==(A, A) = default;\n",
                                                  encoding="utf-8")
        files = coverage.read(
            export(self.root, ("core/b.hpp", [], [[1, 1, 1, 9, 1, 0, 0, 0, 4]])), {}, self.root)
        self.assertEqual(files["core/b.hpp"].branches, {})

    def test_a_link_and_its_file_are_one(self) -> None:
        (self.root / "link").symlink_to("core")
        whole = [[1, 14, 7, True, True, False], [6, 2, 0, False, False, False]]
        files = coverage.read(export(self.root, ("core/a.hpp", SEGMENTS, BRANCHES),
                                     ("link/a.hpp", whole, [])), {}, self.root)
        self.assertEqual(list(files), ["core/a.hpp"])
        self.assertEqual(files["core/a.hpp"].missed_lines(), [])

    def test_what_stands_outside_the_tree_does_not_count(self) -> None:
        files = coverage.read(export(Path("/usr"), ("include/a.hpp", SEGMENTS, [])), {},
                              self.root)
        self.assertEqual(files, {})

    def test_a_goal_that_is_missed_fails(self) -> None:
        found = self.failures([REST])
        self.assertEqual(len(found), 2)
        self.assertIn("core: 66.7 % of the lines are run, the goal is 100 %", found[0])
        self.assertIn("core: 75.0 % of the branches are run, the goal is 99 %", found[1])
        self.assertEqual(self.failures([REST], {"core": (66, 75)}), [])

    def test_a_folder_of_which_nothing_was_seen_fails(self) -> None:
        self.assertIn("capi: nothing of it was seen",
                      self.failures([REST], {"core": (0, 0), "capi": (0, 0)}))

    def test_what_is_not_run_must_be_listed(self) -> None:
        _, rest, failures = coverage.judge(self.files(), [], self.root, {"core": (0, 0)})
        self.assertEqual(len(failures), 1)
        self.assertIn("3 lines with something that no test runs are not listed", failures[0])
        self.assertEqual(rest[1:], ["core/a.hpp:2: a branch is never true",
                                    "core/a.hpp:3: not run", "core/a.hpp:4: not run"])

    def test_an_exception_by_chance_may_be_run(self) -> None:
        both = [*BRANCHES, [2, 7, 2, 12, 1, 0, 0, 0, 4]]
        whole = [[1, 14, 7, True, True, False], [6, 2, 0, False, False, False]]
        by_chance = {**REST, "by_chance": True}
        self.assertEqual(self.failures([by_chance], segments=whole, branches=both), [])
        wrong = self.failures([{**REST, "by_chance": 1}])
        self.assertTrue(any("an exception has" in each for each in wrong), wrong)

    def test_an_exception_that_is_run_now_must_go(self) -> None:
        both = [*BRANCHES, [2, 7, 2, 12, 1, 0, 0, 0, 4]]
        whole = [[1, 14, 7, True, True, False], [6, 2, 0, False, False, False]]
        found = self.failures([REST], segments=whole, branches=both)
        self.assertEqual(len(found), 1)
        self.assertIn("all of it is run now, so it is no exception: if (a > 3)", found[0])

    def test_an_exception_whose_place_is_gone_or_not_one_fails(self) -> None:
        for place, times in (("return b;", 0), ("return a", 2)):
            found = self.failures([REST, {**REST, "places": [place]}], {"core": (0, 0)})
            self.assertEqual(len(found), 1)
            self.assertIn(f"core/a.hpp has {times} times: {place}", found[0])

    def test_an_exception_has_a_reason(self) -> None:
        for entry in ({**REST, "reason": ""}, {"file": "core/a.hpp", "places": ["return a;"]}):
            self.assertIn("an exception has a file, a reason and places",
                          self.failures([REST, entry], {"core": (0, 0)})[0])


class TheList(unittest.TestCase):
    def test_every_place_is_in_its_source_once(self) -> None:
        for entry in tomllib.loads(
                coverage.EXCEPTIONS.read_text(encoding="utf-8")).get("exception", []):
            text = (coverage.ROOT / entry["file"]).read_text(encoding="utf-8")
            for place in entry["places"]:
                self.assertEqual(len(coverage.spans(place, text)), 1, (entry["file"], place))


if __name__ == "__main__":
    unittest.main()
