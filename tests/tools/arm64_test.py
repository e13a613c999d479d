#!/usr/bin/python3
"""What `./dev arm64` leaves out, and what it makes of ctest's report."""

from __future__ import annotations

import contextlib
import io
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "everywhere"))

import arm64  # noqa: E402  # pylint: disable=wrong-import-position

LIST = """# a comment
[io_uring_setup] ENOSYS
transport/Uring*
transport/StreamTest.One

[ptrace] ENOSYS
core/Gone
"""
CONSOLE = """[ RUN      ] A.B
[       OK ] A.B (12 ms)
[  FAILED  ] A/A.C/1, where GetParam() = 1 (3 ms)
[  SKIPPED ] A.D (0 ms)
[  FAILED  ] 1 test, listed below:
[  FAILED  ] A/A.C/1, where GetParam() = 1
"""
REPORT = """<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="(empty)" tests="4" failures="1" disabled="0" skipped="2" hostname="" time="1">
<testcase name="capi/a" classname="capi/a" time="1" status="run"><system-out/></testcase>
<testcase name="capi/b" classname="capi/b" time="1" status="fail"><failure message="Failed"/>
<system-out>why</system-out></testcase>
<testcase name="capi/c" classname="capi/c" time="1" status="notrun">
<skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/><system-out/></testcase>
<testcase name="test_x_NOT_BUILT" classname="d" time="0" status="notrun">
<skipped message="Unable to find executable: test_x_NOT_BUILT"/><system-out/></testcase>
</testsuite>
"""


class Arm64(unittest.TestCase):
    def test_a_skip_has_its_system_call_and_its_reason(self) -> None:
        skips = arm64.read_skips(LIST)
        self.assertEqual([(skip.what, skip.reason) for skip in skips],
                         [("io_uring_setup", "ENOSYS"), ("ptrace", "ENOSYS")])
        names = ["transport/UringTest.A", "transport/StreamTest.One", "transport/StreamTest.Ones"]
        self.assertEqual(skips[0].matching(names), names[:2])

    def test_an_entry_that_no_test_has_is_noticed(self) -> None:
        names = ["transport/UringTest.A", "core/Other"]
        self.assertEqual(arm64.unused(arm64.read_skips(LIST), names),
                         ["transport/StreamTest.One", "core/Gone"])

    def test_names_are_read_as_googletest_lists_them(self) -> None:
        listed = "All/A.\n  B/1  # GetParam() = 1\nC.\n  D\n"
        self.assertEqual(arm64.names_in("core", listed), ["core/All/A.B/1", "core/C.D"])

    def test_each_test_counts_once(self) -> None:
        results = arm64.Results()
        results.add_console("core", "test_core", CONSOLE, 1)
        self.assertEqual((results.passed, results.failed, results.skipped),
                         (["core/A.B"], ["core/A/A.C/1"], ["core/A.D"]))

    def test_a_program_that_dies_has_failed(self) -> None:
        results = arm64.Results()
        results.add_console("core", "test_core", "[       OK ] A.B (1 ms)\n", -11)
        self.assertEqual(results.failed, ["core/test_core (status -11)"])

    def test_ctest_s_report_tells_of_each_test(self) -> None:
        results = arm64.Results()
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            results.add_report(REPORT, ["capi/a", "capi/b", "capi/c", "test_x_NOT_BUILT", "capi/d"])
        self.assertEqual((results.passed, results.failed, results.skipped),
                         (["capi/a"], ["capi/d (it was not run)", "capi/b", "test_x_NOT_BUILT"],
                          ["capi/c"]))
        self.assertEqual(said.getvalue(), "-- capi/b\nwhy\n-- test_x_NOT_BUILT\n")

    def test_what_a_script_leaves_out_is_told_with_its_reason(self) -> None:
        self.assertEqual(arm64.reasons_in("tools/Suite.Test"), [])
        for line in arm64.reasons_in("tools/probes_test"):
            self.assertRegex(line, r"^tools/probes_test: \w+ \(.+\)$")

    def test_a_choice_leaves_out_what_is_listed_and_what_does_not_match(self) -> None:
        choice = arm64.Choice("*/*A", arm64.read_skips(LIST))
        names = ["transport/UringTest.A", "transport/B.A", "transport/B.C", "capi/A"]
        self.assertEqual(choice.of(names), ["transport/B.A", "capi/A"])
        self.assertEqual(choice.names, names)

    def test_of_the_scripts_only_those_that_run_what_was_built_are_run(self) -> None:
        for name in ("tools/Suite.Test", "tools/signals_test", "tools/command_test", "package/deb",
                     "package/consumer.find_core"):
            self.assertTrue(arm64.runs_here(name), name)
        for name in ("tools/dev_test", "package/recipes_test"):
            self.assertFalse(arm64.runs_here(name), name)

    def test_the_targets_are_those_of_the_folders(self) -> None:
        package = ["ringbell", "ringbell_shared", "ringbell-command"]
        for words, folders, others in (
                [[], ["core", "model"], []], [["tools"], ["tools"], []], [["package"], [], package],
                [["--all"], ["core", "model", "capi", "transport", "tools"], package]):
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                self.assertEqual(arm64.main([*words, "--targets"]), 0)
            self.assertEqual(said.getvalue().split(),
                             [*(f"ringbell-tests-{name}" for name in folders), *others])

    def test_every_skip_that_is_checked_in_can_be_read(self) -> None:
        for skip in arm64.read_skips(arm64.SKIPS.read_text(encoding="utf-8")):
            self.assertTrue(skip.reason and skip.patterns, skip.what)


if __name__ == "__main__":
    unittest.main()
