"""What the tests of the command share: the program, and a folder of names of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path

PROGRAM = os.environ.get("RINGBELL_PROGRAM", "build/release/tools/ringbell")
PATIENCE_S = 120
# What runs the command where it is another machine's: qemu-user, which is slow.
EMULATED = "RINGBELL_EMULATOR" in os.environ
BINARY = os.environ.get("RINGBELL_BINARY", PROGRAM)  # and this is then a script
LIBRARY = Path(BINARY).resolve().parents[1] / "transport" / "libringbell.so"
if EMULATED:
    PATIENCE_S *= 5
# What --help lists. Those tests that try each take a new one in.
COMMANDS = {"bench", "bridge", "clean", "compare", "cp", "doctor", "drain", "explain", "inspect",
            "ls", "metrics", "record", "recv", "replay", "report", "send", "show", "top"}


def copy_program(to: Path) -> Path:
    """The program, and the library that it loads, if any, which it finds beside itself."""
    if LIBRARY.exists():
        shutil.copy(LIBRARY, to.parent / LIBRARY.readlink())
    return Path(shutil.copy(PROGRAM, to))


def as_other_user(folder: Path) -> dict:
    """Options of subprocess, for root: run by a user that may not enter the project's folder.

    The program is copied into this one, which is opened to all.
    """
    folder.chmod(0o755)
    return {"executable": copy_program(folder / "program"), "user": 65534}


def not_emulated(why: str) -> Callable:
    """Skips a test where the command is emulated; `./dev arm64` tells why."""
    return unittest.skipIf(EMULATED, f"qemu-user: {why}")


class CommandTest(unittest.TestCase):
    """Names in a folder that ends with the test; every process that is started ends with it."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(dir="/dev/shm")
        self.addCleanup(folder.cleanup)
        self.names = Path(folder.name) / "names"
        self.environment = {**os.environ, "RINGBELL_DIR": str(self.names)}
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def start(self, *arguments: str, **options) -> subprocess.Popen[bytes]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen([PROGRAM, *arguments], env=self.environment,
                                   **{**pipes, **options})
        self.addCleanup(self._end, process)
        return process

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

    def ringbell(self, *arguments: str, **options) -> subprocess.CompletedProcess[bytes]:
        pipes = {} if "input" in options else {"stdin": subprocess.DEVNULL}
        return subprocess.run([PROGRAM, *arguments], env=self.environment, capture_output=True,
                              timeout=PATIENCE_S, check=False, **{**pipes, **options})

    def finish(self, process: subprocess.Popen[bytes]) -> tuple[int, bytes, str]:
        """Status, stdout and stderr."""
        out, errors = process.communicate(timeout=PATIENCE_S)
        return process.returncode, out or b"", (errors or b"").decode()

    def expect_line(self, errors: str, said: str) -> None:
        self.assertRegex(errors, rf"\Aringbell: [^\n]*{said}[^\n]*\n\Z")

    def await_that(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            self.assertLess(time.monotonic(), deadline, "it did not come about")
            time.sleep(0.01)

    def await_that_it_catches(self, process: subprocess.Popen[bytes], number: int) -> None:
        """Before, the signal would end it as any program; on a busy machine that takes a while."""
        self.await_that(lambda: self.catches(process, number))

    @staticmethod
    def catches(process: subprocess.Popen[bytes], number: int) -> bool:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        caught = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
        return bool(int(caught[0], 16) >> (number - 1) & 1)

    def left_names(self) -> list[str]:
        return sorted(p.name for p in self.names.glob("*.ring")) if self.names.exists() else []

    def has_come(self, name: str) -> bool:
        return (self.names / f"{name}.ring").exists()

    def expect_all_subcommands(self, test: Path, call: str) -> None:
        """`test` makes this call for each that the program lists."""
        said = self.ringbell("--help").stdout.decode()
        listed = set(re.findall(r"(?m)^  ([a-z]+) ", said.split("Subcommands:")[-1]))
        self.assertEqual(listed, COMMANDS, f"of {PROGRAM}")
        source = test.read_text(encoding="utf-8")
        for command in COMMANDS:
            self.assertIn(f'{call}("{command}"', source)
