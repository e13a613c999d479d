#!/usr/bin/python3
"""What `./dev compilers` compiles, and what it makes of what a compiler says."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "everywhere"))

import compilers  # noqa: E402  # pylint: disable=wrong-import-position

INSTALLED = [compiler for compiler in compilers.COMPILERS if shutil.which(compiler)]
# A header that a warning is given for.
WARNED_OF = {
    "-Wcast-align=strict": "inline int* as_int(char* at) { return reinterpret_cast<int*>(at); }",
    "-Wuseless-cast": "inline int same(int number) { return static_cast<int>(number); }",
    "-Weffc++": "struct Holder { Holder() {} int number; };",
    "-Wold-style-cast": "inline int cut(long number) { return (int)number; }",
    "-Wconversion": "inline short cut(int number) { return number; }",
}


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

    @unittest.skipUnless(INSTALLED, "no compiler is installed by the name of its version")
    def test_the_public_headers_are_free_of_the_warnings_that_users_may_have_on(self) -> None:
        compiler = INSTALLED[0]
        with contextlib.redirect_stdout(io.StringIO()) as said:
            status = compilers.main(["--only", f"{compiler}, C++20: the public headers"])
        self.assertEqual(status, 0, said.getvalue())
        self.assertIn("1 passed, 0 failed", said.getvalue())

    def test_each_of_these_warnings_fails(self) -> None:
        compiler = next((name for name in INSTALLED if name.startswith("g++")), None)
        if compiler is None:
            self.skipTest("no g++ of a version of its own is installed")
        for option, text in WARNED_OF.items():
            source = compilers.write_source("bad.cpp", [text])
            headers = next(job for job in compilers.jobs_of(compiler, source)
                           if "headers" in job.name)
            with self.subTest(option):
                passed, said = self.run_job(*headers.commands)
                self.assertFalse(passed)
                self.assertIn(f"[-Werror={option[2:].split('=')[0]}", said)

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
