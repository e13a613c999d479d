#!/usr/bin/python3
"""Each subcommand with each of the eight combinations of its first three descriptors closed."""

from __future__ import annotations

import itertools
import os
import subprocess
import unittest
from collections.abc import Callable
from pathlib import Path

from command_line import PATIENCE_S, PROGRAM, CommandTest

TEXT = b"a stream\n"
COMBINATIONS = [set(some) for count in range(4) for some in itertools.combinations(range(3), count)]
INPUT, OUTPUT = 0, 1
CLOSED = "standard (input|output) is closed"
FIXTURE = str(Path(__file__).with_name("fixture.jsonl"))
ONE_CPU = str(min(os.sched_getaffinity(0)))


def closing(fds: set[int]):
    """For preexec_fn: it runs after the child's streams are in their places."""
    def close() -> None:
        for fd in fds:
            os.close(fd)
    return close


class StandardStreams(CommandTest):
    def setUp(self) -> None:
        super().setUp()
        self.input = TEXT
        self.recording = self.folder / "recording"

    def run_without(self, fds: set[int], *arguments: str) -> tuple[int, bytes, str]:
        ended = subprocess.run([PROGRAM, *arguments], env=self.environment, input=self.input,
                               capture_output=True, timeout=PATIENCE_S, check=False,
                               preexec_fn=closing(fds))
        return ended.returncode, ended.stdout, ended.stderr.decode()

    def each_closed(self, *arguments: str, needs: tuple[int, ...] = (), status: int = 0,
                    errors: str = "", lacking: str = CLOSED,
                    after: Callable[[bytes | None], None] = lambda output: None) -> None:
        """Where it has what it needs it ends with `status` and `errors`, else with 1 and why.

        `after` is given what it wrote, nothing if it lacked something.
        """
        for fds in COMBINATIONS:
            with self.subTest(arguments=arguments, closed=fds):
                ended, output, said = self.run_without(fds, *arguments)
                lacks = not fds.isdisjoint(needs)
                self.assertEqual(ended, 1 if lacks else status, said)
                if 2 in fds:
                    self.assertEqual(said, "")
                elif lacks:
                    self.expect_line(said, lacking)
                else:
                    self.assertRegex(said, rf"\A{errors}\Z")
                if lacks or OUTPUT not in needs:
                    self.assertEqual(output, b"")
                else:
                    self.assertNotEqual(output, b"")
                after(None if lacks else output)

    def send(self, *options: str) -> subprocess.Popen[bytes]:
        """A sender of TEXT that waits for its reader."""
        sending = self.start("send", *options, "stream", stdin=subprocess.PIPE)
        assert sending.stdin is not None
        sending.stdin.write(TEXT)
        sending.stdin.close()
        sending.stdin = None
        self.await_that(lambda: self.has_come("stream"))
        return sending

    def record(self) -> bytes:
        sending = self.send("--raw", "--lines")
        ended = self.ringbell("record", "stream", "-o", str(self.recording))
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        self.assertEqual(self.finish(sending), (0, b"", ""))
        return self.recording.read_bytes()

    def test_the_program_itself(self) -> None:
        for arguments in (["--version"], ["--help"], ["ls", "--help"]):
            self.each_closed(*arguments, needs=(OUTPUT,),
                             lacking="writing to standard output failed")

    def test_looks_read_no_other_descriptor(self) -> None:
        self.start("send", "seen", stdin=subprocess.PIPE)
        self.await_that(lambda: self.has_come("seen"))
        self.each_closed("ls", needs=(OUTPUT,))
        self.each_closed("ls", "--json", needs=(OUTPUT,))
        self.each_closed("inspect", "seen", needs=(OUTPUT,))
        self.each_closed("top", "--times", "1", "--interval", "0.1", needs=(OUTPUT,))
        self.each_closed("metrics", needs=(OUTPUT,))
        self.each_closed("clean", "--yes", "--json", needs=(OUTPUT,))
        self.each_closed("drain", "seen", needs=(OUTPUT,))
        self.assertEqual(self.left_names(), ["seen.ring"])

    def test_clean_that_is_not_answered_removes_nothing(self) -> None:
        left = self.send()
        left.kill()
        left.wait()
        self.each_closed("clean", needs=(OUTPUT,), status=1, errors=".*nothing was removed\n")
        self.assertEqual(self.left_names(), ["stream.ring"])

    def test_explanations_and_measurements(self) -> None:
        self.each_closed("explain", "memory", needs=(OUTPUT,))
        here = self.ringbell("doctor", "--no-measure").returncode
        self.each_closed("doctor", "--no-measure", needs=(OUTPUT,), status=here)
        self.each_closed("bench", "round-trip", "--cpu", ONE_CPU, "--size", "8", "--samples", "100",
                         "--transport", "ringbell", "--repeats", "1", needs=(OUTPUT,))
        self.each_closed("compare", "--help", needs=(OUTPUT,))
        self.each_closed("report", FIXTURE, FIXTURE, needs=(OUTPUT,))

    def test_send_needs_its_input(self) -> None:
        receiving = [self.start("recv", "stream")]

        def after(output: bytes | None) -> None:
            if output is not None:
                self.assertEqual(self.finish(receiving.pop()), (0, TEXT, ""))
                receiving.append(self.start("recv", "stream"))

        self.each_closed("send", "stream", needs=(INPUT,), after=after)
        self.assertIsNone(receiving[0].poll())

    def test_recv_needs_its_output_before_it_takes_anything(self) -> None:
        sending = [self.send()]

        def after(output: bytes | None) -> None:
            if output is not None:
                self.assertEqual(output, TEXT)
                self.assertEqual(self.finish(sending.pop()), (0, b"", ""))
                sending.append(self.send())

        self.each_closed("recv", "stream", needs=(OUTPUT,), after=after)
        self.assertIsNone(sending[0].poll())

    def test_record_needs_none_but_to_write_to_its_output(self) -> None:
        sending = [self.send("--raw", "--lines")]

        def after(output: bytes | None) -> None:
            if output is not None:
                self.assertIn(TEXT.strip(), output or self.recording.read_bytes())
                self.assertEqual(self.finish(sending.pop()), (0, b"", ""))
                sending.append(self.send("--raw", "--lines"))

        self.each_closed("record", "stream", "-o", str(self.recording), "--overwrite", after=after)
        self.each_closed("record", "stream", "-o", "-", needs=(OUTPUT,), after=after)
        self.assertIsNone(sending[0].poll())

    def test_replay_needs_none_but_to_read_its_input(self) -> None:
        self.input = self.record()
        receiving = [self.start("recv", "--raw", "--lines", "again")]

        def after(output: bytes | None) -> None:
            if output is not None:
                self.assertEqual(self.finish(receiving.pop()), (0, TEXT, ""))
                receiving.append(self.start("recv", "--raw", "--lines", "again"))

        self.each_closed("replay", str(self.recording), "again", after=after)
        self.each_closed("replay", "-", "again", needs=(INPUT,), after=after)
        self.assertIsNone(receiving[0].poll())

    def test_show_needs_its_output_and_what_it_reads(self) -> None:
        self.input = self.record()
        self.each_closed("show", str(self.recording), needs=(OUTPUT,))
        self.each_closed("show", "-", needs=(INPUT, OUTPUT))

    def test_cp_needs_none(self) -> None:
        source, copy = self.folder / "source", self.folder / "copy"
        source.write_bytes(TEXT * 100_000)

        def after(_: bytes | None) -> None:
            self.assertEqual(copy.read_bytes(), source.read_bytes())
            copy.unlink()

        self.each_closed("cp", "--verify", str(source), str(copy), after=after)
        self.each_closed("cp", "--progress", str(source), str(copy), errors="(?s:.*)", after=after)

    def test_bridge_needs_none_but_to_print(self) -> None:
        server = "nats://127.0.0.1:1"  # none is there
        config = self.folder / "bridge.toml"
        config.write_text(f'server = "{server}"\n[[in]]\nring = "new"\nsubject = "a"\n',
                          encoding="utf-8")
        if b"libnats-dev" in self.ringbell("bridge", "check", str(config)).stderr:
            self.skipTest("ringbell was built without libnats; it is in the package libnats-dev")
        self.each_closed("bridge", "check", str(config), needs=(OUTPUT,),
                         lacking="writing to standard output failed")
        self.each_closed("bridge", "in", "new", "--subject", "a", "--from", server, "--wait", "0",
                         status=3, errors="ringbell: .*\n")

    def test_none_is_left_out(self) -> None:
        self.expect_all_subcommands(Path(__file__), "each_closed")


if __name__ == "__main__":
    unittest.main()
