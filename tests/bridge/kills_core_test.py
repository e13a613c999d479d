#!/usr/bin/python3
"""From channel to channel through a core subject, while the bridges and the server are killed.

What is lost is lost, but nothing comes twice, and what comes is in order and whole.
"""

from __future__ import annotations

import random
import time
import unittest

from killing import LEAST_KILLS, SEED, KillTest

RECORDS = 60_000
SECONDS = 8.0


class KillsOfCore(KillTest):
    def at_most_once(self, kind: str, *options: str, visit: int = 0) -> None:
        """But for a visit to a collector's lane, whose messages come again when a reader died."""
        generator = random.Random(SEED)
        print(f"RINGBELL_SEED={SEED}", flush=True)
        server = self.server()
        last = self.gate("RINGBELL_LOAD_LAST")
        start = {"out": lambda: self.out("near", server, *options),
                 "in": lambda: self.into("far", server)}
        running = {name: begin() for name, begin in start.items()}
        receiving = self.load("receive", "far", str(RECORDS))
        sending = self.load("send", kind, "near", str(RECORDS), str(SECONDS))
        kills = dict.fromkeys((*running, "server"), 0)
        until = time.monotonic() + SECONDS / 2
        while time.monotonic() < until or sum(kills.values()) < LEAST_KILLS:
            time.sleep(generator.uniform(0.05, 0.3))
            name = generator.choice(("out", "out", "in", "server"))
            if name == "server":
                server.kill()
                server.start()
            else:
                self.start_anew(name, running, start)
            kills[name] += 1
        # Once both are there the last record comes through.
        before = server.subscribers()
        self.start_anew("in", running, start)
        self.await_that(lambda: bool(server.subscribers() - before))
        self.await_connected(running["out"])
        last.touch()
        counted = self.counts_of(receiving)
        last.unlink()
        self.end_all(*running.values(), sending)
        print(f"{kind}, core: kills {sum(kills.values())}, lost {counted['lost']}, "
              f"doubled {counted['doubled']}", flush=True)
        self.assertGreater(counted["records"], 0)
        self.assertLessEqual(counted["doubled"], kills["out"] * visit)
        self.assertEqual((counted["late"], counted["spoilt"]), (0, 0))

    def test_nothing_comes_twice(self) -> None:
        self.at_most_once("channel")

    def test_nothing_comes_twice_in_batches(self) -> None:
        self.at_most_once("channel", "--linger", "300us")

    def test_nothing_comes_twice_from_other_rings(self) -> None:
        for kind in ("queue", "topic", "lossy-topic"):
            with self.subTest(kind=kind):
                self.at_most_once(kind)

    def test_a_visit_to_a_lane_may_come_twice_from_a_collector(self) -> None:
        self.at_most_once("collector", visit=16)


if __name__ == "__main__":
    unittest.main()
