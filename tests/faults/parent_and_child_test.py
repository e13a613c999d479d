#!/usr/bin/python3
"""examples/parent_and_child.cpp ends, whatever call of its parent fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

PROGRAM = os.environ.get("RINGBELL_PARENT_AND_CHILD",
                         "build/release/examples/example_parent_and_child")


@unittest.skipIf(shutil.which("strace") is None, "strace is not installed")
@unittest.skipIf("RINGBELL_EMULATOR" in os.environ, "strace sees the emulator's system calls, too")
class ParentAndChild(unittest.TestCase):
    def test_its_child_learns_of_an_end_that_the_parent_cannot_open(self) -> None:
        # strace without -f: the calls of the parent alone. A child that waits holds the pipe open.
        with tempfile.TemporaryDirectory() as folder:
            trace = Path(folder) / "trace"
            self.assertEqual(self.run_under("-o", trace, "-e", "trace=fcntl").returncode, 0)
            calls = trace.read_text(encoding="utf-8").count("fcntl(")
        self.assertGreater(calls, 0)
        statuses = [self.run_under("-o", "/dev/null", "-e", "trace=fcntl", "-e",
                                   f"inject=fcntl:error=ENOLCK:when={number}").returncode
                    for number in range(1, calls + 1)]
        self.assertEqual(set(statuses) - {0}, {1}, statuses)

    def run_under(self, *options: str | Path) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["strace", *options, PROGRAM], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=30, check=False)


if __name__ == "__main__":
    unittest.main()
