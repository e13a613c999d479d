#!/usr/bin/python3
"""What `./dev compilers` compiles, and what it makes of what a compiler says."""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "everywhere"))

import compilers  # noqa: E402  # pylint: disable=wrong-import-position


class Compilers(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(setattr, compilers, "BUILD", compilers.BUILD)
        compilers.BUILD = Path(folder.name)

    def test_the_public_headers_are_those_that_are_installed(self) -> None:
        headers = compilers.public_headers()
        for header in ("ringbell.hpp", "ringbell.h", "core/spsc_ring.hpp",
                       "transport/ends/sender.hpp"):
            self.assertIn(header, headers)
        self.assertNotIn("transport/memory/memfd.hpp", headers)
        self.assertEqual(len(headers), len(set(headers)))

    def test_each_compiler_has_headers_core_and_library_in_each_standard(self) -> None:
        names = [job.name for job in compilers.jobs_of("clang++-14", "headers.cpp")]
        self.assertEqual(names, [
            f"clang++-14, {standard}: {what}" for standard in ("C++20", "C++23")
            for what in ("the public headers", "core without exceptions", "the library, in one")])

    def test_every_source_of_the_library_stands_in_front_of_another_c_library(self) -> None:
        job = compilers.against("older", ["g++-12"], [Path("/old")])
        text = "".join(Path(command[-1]).read_text(encoding="utf-8") for command in job.commands)
        self.assertEqual(text.count("#include"), len(list((ROOT / "transport").rglob("*.cpp"))) +
                         len(list((ROOT / "capi").glob("*.cpp"))))
        self.assertIn("/old", job.commands[0])
        self.assertIn("-nostdinc", job.commands[0])

    def run_job(self, *commands: list[str]) -> tuple[bool, str]:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            passed = compilers.run(compilers.Job("a job", list(commands)))
        return passed, said.getvalue()

    def test_a_job_fails_with_its_first_command_that_does(self) -> None:
        self.assertEqual(self.run_job(["true"], ["true"])[0], True)
        passed, said = self.run_job(["true"], ["sh", "-c", "echo why; exit 3"], ["echo", "never"])
        self.assertFalse(passed)
        self.assertRegex(said, r"^FAILED  a job \(\d+ s\)\nsh -c .*\nwhy\n\(status 3\)\n$")


if __name__ == "__main__":
    unittest.main()
