#!/usr/bin/python3
"""ringbell cp, as a person uses it."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from command_line import PROGRAM, as_other_user, not_emulated


def copy(*arguments: str | Path, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, "cp", *map(str, arguments)], text=True, capture_output=True,
                          timeout=100, check=False, stdin=subprocess.DEVNULL, **options)


class Copy(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.source = self.folder / "source"
        self.source.write_bytes(os.urandom(5_000_003))
        self.copied = self.folder / "copied"

    def expect_same(self, one: Path, other: Path) -> None:
        self.assertEqual(hashlib.sha256(one.read_bytes()).digest(),
                         hashlib.sha256(other.read_bytes()).digest())

    def expect_failure(self, ended: subprocess.CompletedProcess[str], said: str) -> None:
        self.assertEqual(ended.returncode, 1)
        self.assertRegex(ended.stderr, rf"\Aringbell: [^\n]*{said}[^\n]*\n\Z")

    def test_copies_a_file_and_its_mode(self) -> None:
        self.source.chmod(0o640)
        ended = copy(self.source, self.copied)
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, "", ""))
        self.expect_same(self.source, self.copied)
        self.assertEqual(self.copied.stat().st_mode & 0o777, 0o640)

    def test_copies_into_a_folder(self) -> None:
        inside = self.folder / "inside"
        inside.mkdir()
        self.assertEqual(copy(self.source, inside).returncode, 0)
        self.expect_same(self.source, inside / "source")

    def test_copies_an_empty_file_and_files_of_unknown_size(self) -> None:
        self.source.write_bytes(b"")
        self.assertEqual(copy(self.source, self.copied, "--verify").returncode, 0)
        self.assertEqual(self.copied.read_bytes(), b"")
        self.assertEqual(copy("/proc/version", self.copied).returncode, 0)
        self.assertEqual(self.copied.read_text(), Path("/proc/version").read_text())

    def test_replaces_a_longer_file(self) -> None:
        self.copied.write_bytes(b"x" * 9_000_000)
        ended = copy(self.source, self.copied, "--verify", "--capacity", "64K")
        self.assertEqual(ended.returncode, 0)
        self.expect_same(self.source, self.copied)

    def test_shows_its_progress(self) -> None:
        ended = copy(self.source, self.copied, "--progress")
        self.assertRegex(ended.stderr, r"\A4\.77 MiB  0:0\d  \S+ .iB/s  100 %\n\Z")

    def test_says_what_is_not_there(self) -> None:
        self.expect_failure(copy(self.folder / "none", self.copied), "none failed: No such file")
        self.assertFalse(self.copied.exists())
        self.expect_failure(copy(self.source, self.folder / "none" / "x"), "No such file")

    def test_refuses_folders_and_the_source_itself(self) -> None:
        self.expect_failure(copy(self.folder, self.copied), "is a folder")
        before = self.source.read_bytes()
        self.expect_failure(copy(self.source, self.source), "is the source itself")
        self.expect_failure(copy(self.source, self.folder), "is the source itself")
        self.assertEqual(self.source.read_bytes(), before)

    def test_says_that_it_may_not(self) -> None:
        self.source.chmod(0)
        options = as_other_user(self.folder) if os.geteuid() == 0 else {}
        self.expect_failure(copy(self.source, self.copied, **options), "Permission denied")

    def test_says_that_the_disk_is_full(self) -> None:
        self.expect_failure(copy(self.source, "/dev/full"), "No space left")

    def test_a_copy_that_fails_leaves_what_was_there_before(self) -> None:
        self.copied.write_bytes(b"before")
        ended = copy(self.source, self.copied, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (3_000_000, 3_000_000)))
        self.assertEqual(ended.returncode, 1)
        self.assertTrue(self.copied.exists(), "it was not made by this copy")

    def test_verify_finds_a_difference(self) -> None:
        # A source whose size is said to be 0.
        ended = copy("/proc/sys/kernel/random/uuid", self.copied, "--verify")
        self.assertEqual((ended.returncode, ended.stdout), (5, ""))
        self.assertIn("differs from", ended.stderr)
        # One byte of so many is another by the time that the copy is compared.
        stop = threading.Event()

        def spoil() -> None:
            while not stop.is_set():
                if self.copied.stat().st_size > 0:
                    with self.copied.open("r+b") as file:
                        file.write(other)

        self.source.write_bytes(os.urandom(64 << 20))
        other = bytes([self.source.read_bytes()[0] ^ 1])
        self.copied.write_bytes(b"")
        spoiling = threading.Thread(target=spoil)
        spoiling.start()
        ended = copy(self.source, self.copied, "--verify")
        stop.set()
        spoiling.join()
        self.assertEqual((ended.returncode, ended.stdout), (5, ""))

    def test_refuses_sizes_that_are_none(self) -> None:
        for size in ["12", "1X", "-1", "2T"]:
            ended = copy(self.source, self.copied, "--capacity", size)
            self.assertEqual((ended.returncode, ended.stdout), (2, ""), size)
            self.assertIn("--capacity", ended.stderr)

    @not_emulated("the emulator and its shell need descriptors, too")
    def test_ends_however_few_descriptors_it_may_have(self) -> None:
        # Either process may run out of them, before or after it has opened its end of the ring.
        copied = False
        for most in range(3, 40):
            ended = copy(self.source, self.copied, preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (most, most)))  # noqa: B023
            if ended.returncode == 0:
                self.expect_same(self.source, self.copied)
                copied = True
                break
            self.assertIn(ended.returncode, (1, 127), most)
            self.assertFalse(self.copied.exists(), most)
        self.assertTrue(copied)

    @not_emulated("strace sees the emulator's system calls, too")
    def test_ends_if_its_writing_process_cannot_open_its_end(self) -> None:
        # strace without -f: the calls of the process that forks and writes, each failing once.
        if shutil.which("strace") is None:
            self.skipTest("strace is not installed")
        # More than the ring takes: a process that filled it for no reader would hang.
        self.source.write_bytes(os.urandom(300_003))
        copying = [PROGRAM, "cp", "--capacity", "64K", self.source, self.copied]
        for call, errno, what in [("fcntl", "ENOLCK", b"'s role failed"),
                                  ("openat", "EMFILE", b"reopening the region")]:
            seen = False
            occurrences = self.calls_after_the_loader(call, copying)
            # How many files are opened before differs from run to run.
            for occurrence in [*occurrences] * 3:
                if seen and occurrence == occurrences[0]:
                    break
                ended = subprocess.run(
                    ["strace", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                     f"inject={call}:error={errno}:when={occurrence}", *copying],
                    stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
                if ended.returncode == 0:
                    self.expect_same(self.source, self.copied)
                    self.copied.unlink()
                else:
                    self.assertEqual(ended.returncode, 1, ended.stderr)
                    self.assertFalse(self.copied.exists(), ended.stderr)
                    seen |= what in ended.stderr
            self.assertTrue(seen, f"{call} of Receiver::open was not made to fail")

    @not_emulated("strace sees the emulator's system calls, too")
    def test_ends_if_its_reading_process_ends_before_it_begins(self) -> None:
        # It alone asks for its parent, and ends if that is another process.
        if shutil.which("strace") is None:
            self.skipTest("strace is not installed")
        ended = subprocess.run(
            ["strace", "-f", "-o", "/dev/null", "-e", "trace=getppid", "-e",
             "inject=getppid:retval=1", PROGRAM, "cp", self.source, self.copied],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertFalse(self.copied.exists())

    def calls_after_the_loader(self, call: str, copying: list) -> range:
        """The numbers of these calls of the process that writes, and a few more."""
        trace = self.folder / "trace"
        subprocess.run(["strace", "-o", trace, "-e", f"trace={call}", *copying],
                       stdin=subprocess.DEVNULL, timeout=30, check=True)
        self.copied.unlink()
        calls = [line for line in trace.read_text().splitlines() if line.startswith(f"{call}(")]
        libraries = [number for number, line in enumerate(calls, 1) if ".so" in line]
        return range(max(libraries, default=0) + 1, len(calls) + 4)

    @not_emulated("strace sees the emulator's system calls, too")
    def test_a_file_that_was_made_in_vain_is_removed(self) -> None:
        if shutil.which("strace") is None:
            self.skipTest("strace is not installed")
        ended = subprocess.run(
            ["strace", "-o", "/dev/null", "-e", "trace=ftruncate", "-e",
             "inject=ftruncate:error=ENOSPC:when=1", PROGRAM, "cp", self.source, self.copied],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
        self.expect_failure(ended, "emptying .* failed: No space left")
        self.assertFalse(self.copied.exists())

    def test_an_interrupted_copy_leaves_nothing(self) -> None:
        for number in [signal.SIGINT, signal.SIGTERM]:
            with subprocess.Popen([PROGRAM, "cp", "/dev/zero", self.copied],
                                  stderr=subprocess.PIPE, text=True) as running:
                while not self.copied.exists() or self.copied.stat().st_size == 0:
                    time.sleep(0.01)
                running.send_signal(number)
                self.assertEqual(running.wait(timeout=30), 128 + number)
                self.assertEqual(running.stderr.read(), "")
            self.assertFalse(self.copied.exists())


if __name__ == "__main__":
    unittest.main()
