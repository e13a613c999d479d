#!/usr/bin/python3
"""Each subcommand with each of the eight combinations of its first three descriptors closed."""

from __future__ import annotations

import itertools
import os
import subprocess
import unittest

from command_line import PATIENCE_S, PROGRAM, CommandTest

TEXT = b"a stream\n"
COMBINATIONS = [set(some) for count in range(4) for some in itertools.combinations(range(3), count)]


def closing(fds: set[int]):
    """For preexec_fn: it runs after the child's streams are in their places."""
    def close() -> None:
        for fd in fds:
            os.close(fd)
    return close


class StandardStreams(CommandTest):
    def run_without(self, fds: set[int], *arguments: str) -> tuple[int, bytes, str]:
        ended = subprocess.run([PROGRAM, *arguments], env=self.environment, input=TEXT,
                               capture_output=True, timeout=PATIENCE_S, check=False,
                               preexec_fn=closing(fds))
        return ended.returncode, ended.stdout, ended.stderr.decode()

    def expect(self, fds: set[int], needed: int, *arguments: str) -> bytes:
        """Status 0, or 1 and the reason if it lacks what it needs. Returns its output."""
        status, output, errors = self.run_without(fds, *arguments)
        if needed in fds:
            self.assertEqual((status, output), (1, b""), (fds, arguments))
            if 2 not in fds:
                self.expect_line(errors, "standard (input|output) is closed")
        else:
            self.assertEqual((status, errors), (0, ""), (fds, arguments))
        return output

    def test_what_prints_needs_its_output(self) -> None:
        for fds in COMBINATIONS:
            for arguments in [["ls"], ["ls", "--json"], ["clean", "--yes"],
                              ["--version"], ["ls", "--help"]]:
                if "--" in arguments[-1] and arguments[-1] in ("--version", "--help"):
                    status, output, _ = self.run_without(fds, *arguments)
                    self.assertEqual((status, bool(output)), (1, False) if 1 in fds else (0, True))
                else:
                    self.expect(fds, 1, *arguments)
        for fds in COMBINATIONS:
            if 1 not in fds:
                continue
            for arguments in [["top"], ["doctor"], ["bench", "round-trip"], ["compare", "--quick"],
                              ["report", "none.jsonl"], ["inspect", "none"]]:
                self.expect(fds, 1, *arguments)

    def test_inspect_and_top_read_no_other_descriptor(self) -> None:
        sending = self.start("send", "seen", stdin=subprocess.PIPE)
        self.await_that(lambda: self.has_come("seen"))
        for fds in COMBINATIONS:
            self.expect(fds, 1, "inspect", "seen")
        sending.kill()

    def test_send_needs_its_input(self) -> None:
        for fds in COMBINATIONS:
            if 0 in fds:
                self.expect(fds, 0, "send", "--wait", "0", "stream")
                self.assertEqual(self.left_names(), [])
                continue
            receiving = self.start("recv", "stream")
            self.expect(fds, 0, "send", "stream")
            self.assertEqual(self.finish(receiving), (0, TEXT, ""))

    def test_recv_needs_its_output_before_it_takes_anything(self) -> None:
        for fds in COMBINATIONS:
            sending = self.start("send", "stream", stdin=subprocess.PIPE)
            assert sending.stdin is not None
            sending.stdin.write(TEXT)
            sending.stdin.close()
            self.await_that(lambda: self.has_come("stream"))
            output = self.expect(fds, 1, "recv", "stream")
            if 1 in fds:
                self.assertIsNone(sending.poll())
                output = self.ringbell("recv", "stream").stdout
            self.assertEqual(output, TEXT)
            self.assertEqual(sending.wait(timeout=PATIENCE_S), 0)

    def test_cp_needs_none(self) -> None:
        source, copy = self.folder / "source", self.folder / "copy"
        source.write_bytes(TEXT * 100_000)
        for fds in COMBINATIONS:
            self.expect(fds, -1, "cp", "--progress" if fds == {2} else "--verify",
                        str(source), str(copy))
            self.assertEqual(copy.read_bytes(), source.read_bytes())
            copy.unlink()


if __name__ == "__main__":
    unittest.main()
