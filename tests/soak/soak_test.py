#!/usr/bin/python3
"""The soak: a short one of all rings, and that it sees what drifts and what comes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import soak

PLAYER = os.environ.get("RINGBELL_SOAK_PLAYER", "build/release/tests/ringbell-soak-player")
PROGRAM = os.environ.get("RINGBELL_PROGRAM", "build/release/tools/ringbell")
SECONDS = 12


def samples(memory_kb=lambda i: 5000, descriptors=lambda i: 12,
            p50_us=lambda i: 50) -> soak.Samples:
    made = soak.Samples()
    for i in range(100):
        made.memory_kb.append(memory_kb(i))
        made.descriptors.append(descriptors(i))
        made.p50_us.append(p50_us(i))
        made.p99_us.append(4 * p50_us(i))
        made.messages += 1000
    return made


class Drift(unittest.TestCase):
    def test_what_stays_does_not_drift(self) -> None:
        self.assertEqual(soak.drifts(samples()), [])

    def test_what_grows_at_first_only_does_not(self) -> None:
        warming = samples(memory_kb=lambda i: min(5000, 3000 + 1000 * i),
                          descriptors=lambda i: min(12, 3 + i))
        self.assertEqual(soak.drifts(warming), [])

    def test_leaks_are_seen(self) -> None:
        self.assertRegex(soak.drifts(samples(descriptors=lambda i: 12 + i // 10))[0], "descriptors")
        self.assertRegex(soak.drifts(samples(memory_kb=lambda i: 5000 + 40 * i))[0], "memory")

    def test_latency_that_grows_is_seen(self) -> None:
        self.assertRegex(soak.drifts(samples(p50_us=lambda i: 50 + 40 * i))[0], "latency")

    def test_nothing_seen_is_not_nothing_wrong(self) -> None:
        self.assertEqual(len(soak.drifts(soak.Samples())), 2)

    def test_the_page_says_what_was_wrong(self) -> None:
        text = soak.page(0.5, {"queue": samples()}, {"kills": 7}, ["queue: it fell over"])
        for what in ("0.5 hours", "7 kills", "| queue | 100000 | 50 -> 50", "- queue: it fell"):
            self.assertIn(what, text)
        self.assertIn("Nothing came wrong", soak.page(0.5, {"queue": samples()}, {}, []))


class Run(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(dir="/dev/shm")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_all_rings_live_through_a_short_one(self) -> None:
        ran = subprocess.run(
            [sys.executable, "-B", soak.__file__, str(SECONDS / 3600), "--player", PLAYER, "--out",
             self.folder / "out"], capture_output=True, text=True, check=False, timeout=100)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        for ring in soak.RINGS:
            self.assertRegex(ran.stdout, rf"\| {ring} \|")
        self.assertRegex(ran.stdout, r"[1-9]\d* kills")

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
