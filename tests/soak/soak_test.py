#!/usr/bin/python3
"""The soak: a short one of all rings, and that it sees what drifts and what comes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import judging
import soak

PLAYER = os.environ.get("RINGBELL_SOAK_PLAYER", "build/release/tests/ringbell-soak-player")
PROGRAM = os.environ.get("RINGBELL_PROGRAM", "build/release/tools/ringbell")
SECONDS = 12


def samples(memory_kb=lambda i: 5000, descriptors=lambda i: 12,
            p50_us=lambda i: 50) -> judging.Samples:
    made = judging.Samples()
    for i in range(100):
        made.memory_kb.append(memory_kb(i))
        made.descriptors.append(descriptors(i))
        made.p50_us.append(p50_us(i))
        made.p99_us.append(4 * p50_us(i))
        made.messages += 1000
    return made


class Drift(unittest.TestCase):
    def test_what_stays_does_not_drift(self) -> None:
        self.assertEqual(judging.drifts(samples()), [])

    def test_what_grows_at_first_only_does_not(self) -> None:
        warming = samples(memory_kb=lambda i: min(5000, 3000 + 1000 * i),
                          descriptors=lambda i: min(12, 3 + i))
        self.assertEqual(judging.drifts(warming), [])

    def test_leaks_are_seen(self) -> None:
        leaking = samples(descriptors=lambda i: 12 + i // 10)
        self.assertRegex(judging.drifts(leaking)[0], "descriptors")
        self.assertRegex(judging.drifts(samples(memory_kb=lambda i: 5000 + 40 * i))[0], "memory")

    def test_latency_that_grows_is_seen(self) -> None:
        self.assertRegex(judging.drifts(samples(p50_us=lambda i: 50 + 40 * i))[0], "latency")

    def test_nothing_seen_is_not_nothing_wrong(self) -> None:
        self.assertEqual(len(judging.drifts(judging.Samples())), 2)

    def test_the_page_says_what_was_wrong(self) -> None:
        text = judging.page(0.5, {"queue": samples()}, {"kills": 7}, ["queue: it fell over"])
        for what in ("0.5 hours", "7 kills", "| queue | 100000 | 50 -> 50", "- queue: it fell"):
            self.assertIn(what, text)
        self.assertIn("Nothing came wrong", judging.page(0.5, {"queue": samples()}, {}, []))


class Time(unittest.TestCase):
    def test_a_step_that_is_too_long_is_not_lived(self) -> None:
        now = [100.0]
        lived = judging.LivedTime(lambda: now[0])
        for step in (1, 2, 180, 1):
            now[0] += step
            lived.passed()
        self.assertEqual((lived.lived, lived.stood_still), (4, 180))

    def test_the_page_says_how_long_all_stood_still(self) -> None:
        self.assertIn("another 180 s", judging.page(0.5, {}, {}, [], 180))
        self.assertNotIn("another", judging.page(0.5, {}, {}, []))

    def test_a_process_that_does_not_end_in_time_is_told(self) -> None:
        with subprocess.Popen(["sleep", "60"]) as process:
            self.assertIsNone(judging.wait_for(process, 0.1))
            process.kill()
            self.assertEqual(judging.wait_for(process), -signal.SIGKILL)


class Run(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(dir="/dev/shm")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_all_rings_live_through_a_short_one(self) -> None:
        with subprocess.Popen(
                [sys.executable, "-B", soak.__file__, str(SECONDS / 3600), "--player", PLAYER,
                 "--out", self.folder / "out"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True) as process:
            time.sleep(SECONDS / 2)
            process.send_signal(signal.SIGSTOP)
            time.sleep(judging.LivedTime.LONGEST_STEP_S + 1)
            process.send_signal(signal.SIGCONT)
            said, _ = process.communicate(timeout=200)
        self.assertEqual(process.returncode, 0, said)
        for ring in soak.RINGS:
            self.assertRegex(said, rf"\| {ring} \|")
        self.assertRegex(said, r"[1-9]\d* kills")
        self.assertRegex(said, r"stood still for another [1-9]\d* s")

    def test_a_signal_ends_it_early_with_the_page(self) -> None:
        with subprocess.Popen(
                [sys.executable, "-B", soak.__file__, "1", "--player", PLAYER, "--out",
                 self.folder / "out"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True) as process:
            time.sleep(SECONDS)
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=100)
        self.assertEqual(process.returncode, 0, said)
        self.assertRegex(said, r"# 0\.00\d+ hours of ringbell")

    def test_a_player_complains_of_what_is_no_message(self) -> None:
        names = {**os.environ, "RINGBELL_DIR": str(self.folder / "names")}
        with subprocess.Popen([PLAYER, "channel", "reads", "x"], env=names,
                              stderr=subprocess.PIPE) as reads:
            subprocess.run([PROGRAM, "send", "x"], env=names, input=b"no message", check=False,
                           timeout=60)
            self.assertEqual(reads.wait(60), 1)
            self.assertRegex(reads.stderr.read(), b"bytes came")


if __name__ == "__main__":
    unittest.main()
