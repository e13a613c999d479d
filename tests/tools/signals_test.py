#!/usr/bin/python3
"""SIGTERM and SIGINT at any moment: every subcommand ends at once, and nothing is left.

RINGBELL_MOMENTS=50 RINGBELL_LIMIT_S=0.2: so many moments for each, on a machine that is at rest.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
import unittest
from pathlib import Path

from command_line import CommandTest

MOMENTS = int(os.environ.get("RINGBELL_MOMENTS", "2"))
LIMIT_S = float(os.environ.get("RINGBELL_LIMIT_S", "30"))
SEED = int(os.environ.get("RINGBELL_SEED", str(time.time_ns())))
LATEST_S = 0.4


class Signals(CommandTest):
    def setUp(self) -> None:
        super().setUp()
        # A shell that starts this in the background ignores it, and so would every program here.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.random = random.Random(SEED)
        self.large = self.folder / "large"
        with self.large.open("wb") as file:
            file.truncate(512 << 20)
        self.pipe = self.folder / "pipe"
        os.mkfifo(self.pipe)

    def members_of(self, group: int) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, 0)
            return True
        return False

    def end_at_moments(self, *arguments: str, after=lambda: None, **options) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            for _ in range(MOMENTS):
                moment = self.random.uniform(0, LATEST_S)
                with self.subTest(arguments=arguments, number=number, moment=moment, seed=SEED):
                    self.end_once(number, moment, arguments, options)
                    after()

    def end_once(self, number: int, moment: float, arguments: tuple, options: dict) -> None:
        process = self.start(*arguments, start_new_session=True, **options)
        drains = [] if "stdout" in options else [process.stdout]
        time.sleep(moment)
        sent = time.monotonic()
        process.send_signal(number)
        process.wait(timeout=60)
        self.assertLess(time.monotonic() - sent, LIMIT_S)
        for pipe in drains:
            pipe.close()
        self.await_that(lambda: not self.members_of(process.pid))
        self.assertFalse(list(Path("/dev/shm").glob(f"ringbell-*-{process.pid}")))
        if arguments[0] in ("send", "replay"):  # the beginning of the stream is kept for a receiver
            self.assertEqual(self.ringbell("clean", "--yes").returncode, 0)
        self.assertEqual(self.left_names(), [])

    def test_streams(self) -> None:
        self.end_at_moments("send", "feed", stdin=subprocess.PIPE)
        self.end_at_moments("send", "--capacity", "256M", "feed", stdin=subprocess.PIPE)
        with self.large.open("rb") as file:
            self.end_at_moments("send", "feed", stdin=file)
        self.end_at_moments("recv", "feed")

    def test_recordings(self) -> None:
        recording = str(self.folder / "recording")
        self.end_at_moments("record", "feed", "-o", recording)
        feeding = self.start("record", "fed", "-o", recording, "--count", "100")
        sent = self.ringbell("send", "--raw", "--lines", "fed", input=b"a line\n" * 100)
        self.assertEqual((feeding.wait(timeout=60), sent.returncode), (0, 0))
        self.end_at_moments("replay", "--loop", recording, "feed")
        self.end_at_moments("replay", "--loop", "--max", recording, "feed")

    def test_copies_leave_no_half_copy(self) -> None:
        copy = self.folder / "copy"

        def whole_or_none() -> None:
            if copy.exists():  # it was done before the signal; the next one must not find it
                self.assertEqual(copy.stat().st_size, self.large.stat().st_size)
                copy.unlink()

        for source, more in ((self.large, []), (self.pipe, []), (self.large, ["--progress"]),
                             (self.large, ["--capacity", "256M"])):
            # A pipe that is open for writing somewhere has no end: the reading child blocks.
            held = os.open(self.pipe, os.O_RDWR)
            self.end_at_moments("cp", *more, str(source), str(copy), after=whole_or_none)
            os.close(held)

    def test_verifying(self) -> None:
        self.end_at_moments("cp", "--verify", str(self.large), str(self.folder / "copy"))

    def test_looks(self) -> None:
        self.end_at_moments("ls")
        self.end_at_moments("top", "--interval", "5", stdin=subprocess.PIPE)
        self.end_at_moments("explain", "memory")
        self.end_at_moments("doctor")

    def test_clean_while_it_asks(self) -> None:
        with self.start("send", "feed", stdin=subprocess.PIPE) as left:
            self.await_that(lambda: self.has_come("feed"))
            left.kill()
        process = self.start("clean", stdin=subprocess.PIPE)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=60), -signal.SIGTERM)
        self.assertEqual(self.left_names(), ["feed.ring"])

    def test_measurements(self) -> None:
        self.end_at_moments("bench", "latency", stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    unittest.main()
