#!/usr/bin/python3
"""What every subcommand of ringbell has: help, usage errors, statuses; and what doctor prints."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from command_line import PROGRAM, copy_program, not_emulated

LEVELS = {"good", "costs", "missing"}


def ringbell(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *arguments], text=True, capture_output=True, timeout=60,
                          check=False, stdin=subprocess.DEVNULL, **options)


def subcommands() -> list[str]:
    listed = ringbell("--help").stdout.split("Subcommands:\n")[1].split("\n\n")[0]
    return re.findall(r"^  (\S+)", listed, re.MULTILINE)


class Command(unittest.TestCase):
    def test_lists_its_subcommands_and_statuses(self) -> None:
        self.assertIn("doctor", subcommands())
        self.assertIn("Exit status:", ringbell("--help").stdout)

    def test_every_subcommand_has_help_with_examples(self) -> None:
        for name in subcommands():
            ended = ringbell(name, "--help")
            self.assertEqual((ended.returncode, ended.stderr), (0, ""), name)
            self.assertIn(f"Usage: ringbell {name} [OPTIONS]", ended.stdout, name)
            self.assertIn("Examples:\n", ended.stdout, name)
            self.assertIn(f"  ringbell {name}", ended.stdout, name)

    @not_emulated("what is copied is a script, and the command stands elsewhere")
    def test_compare_alone_has_no_peers_and_says_how_to_get_them(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            alone = Path(folder) / "bin" / "ringbell"
            alone.parent.mkdir()
            copy_program(alone)
            ended = subprocess.run([alone, "compare", "--peers"], text=True, capture_output=True,
                                   timeout=60, check=False)
            self.assertEqual(ended.returncode, 1)
            self.assertIn("built without zeromq, nng, boost_queue, iceoryx; ", ended.stderr)
            beside = Path(folder) / "libexec" / "ringbell" / "ringbell-compare"
            beside.parent.mkdir(parents=True)
            beside.write_text('#!/bin/sh\necho "peers: $*"\n', encoding="utf-8")
            beside.chmod(0o755)
            ended = subprocess.run([alone, "compare", "--quick", "--peers"], text=True,
                                   capture_output=True, timeout=60, check=False)
            self.assertEqual((ended.returncode, ended.stdout), (0, "peers: --quick --peers\n"))
            ended = subprocess.run([alone, "compare", "--full"], text=True, capture_output=True,
                                   timeout=60, check=False)
            self.assertEqual((ended.returncode, ended.stdout), (0, "peers: --full\n"))
            ended = subprocess.run([alone, "compare", "--peers", "--help"], text=True,
                                   capture_output=True, timeout=60, check=False)
            self.assertEqual((ended.returncode, ended.stdout), (0, "peers: --peers --help\n"))

    def test_says_in_one_line_what_it_does_not_know(self) -> None:
        for arguments in [[], ["nonsense"], ["--nonsense"], ["doctor", "--nonsense"]]:
            ended = ringbell(*arguments)
            self.assertEqual((ended.returncode, ended.stdout), (2, ""), arguments)
            self.assertRegex(ended.stderr, r"\Aringbell: [^\n]*--help[^\n]*\n\Z")

    def test_compare_says_it_by_the_name_that_was_typed(self) -> None:
        ended = ringbell("compare", "--nonsense")
        self.assertEqual((ended.returncode, ended.stdout), (2, ""))
        self.assertRegex(ended.stderr, r"\Aringbell compare: [^\n]*--help[^\n]*\n\Z")

    def test_prints_its_version(self) -> None:
        self.assertRegex(ringbell("--version").stdout, r"\Aringbell \d+\.\d+\.\d+\n\Z")

    def test_says_that_the_disk_is_full(self) -> None:
        with open("/dev/full", "w", encoding="utf-8") as full:
            ended = subprocess.run([PROGRAM, "doctor", "--no-measure"], stdout=full, text=True,
                                   stderr=subprocess.PIPE, timeout=60, check=False)
        self.assertEqual(ended.returncode, 1)
        self.assertIn("writing to standard output failed", ended.stderr)


class Doctor(unittest.TestCase):
    def test_prints_findings_as_json(self) -> None:
        ended = ringbell("doctor", "--json")
        told = json.loads(ended.stdout)
        self.assertEqual(ended.stderr, "")
        self.assertEqual(ended.returncode, 1 if told["missing"] else 0)
        names = [finding["name"] for finding in told["findings"]]
        self.assertEqual(len(names), len(set(names)))
        self.assertLessEqual({"kernel", "names", "wake-up", "remove-ipc", "runtime-dir"},
                             set(names))
        for finding in told["findings"]:
            self.assertIn(finding["level"], LEVELS)
            self.assertTrue(finding["figure"] and finding["why"], finding)
        self.assertEqual(told["missing"] + told["costs"],
                         sum(finding["level"] != "good" for finding in told["findings"]))

    def test_gives_the_reason_of_whatever_is_not_good(self) -> None:
        text = ringbell("doctor", "--no-measure").stdout
        costs = re.findall(r"^(?:costs|missing) ", text, re.MULTILINE)
        self.assertEqual(text.count("why:"), len(costs))
        everything = ringbell("doctor", "--no-measure", "--all").stdout
        self.assertEqual(everything.count("why:"), everything.count("\n        why:"))
        self.assertGreater(everything.count("why:"), len(costs))

    def test_has_no_colours_where_nobody_looks(self) -> None:
        self.assertNotIn("\x1b", ringbell("doctor", "--no-measure").stdout)


if __name__ == "__main__":
    unittest.main()
