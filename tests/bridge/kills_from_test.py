#!/usr/bin/python3
"""From the other rings to a channel through JetStream, while bridges and server are killed.

What the table in docs/beyond.md promises of each.
"""

from __future__ import annotations

import time
import unittest

from killing import KillTest

RECORDS = 6000
SECONDS = 4.0
VISIT = 16  # messages that a collector takes from a lane before it looks at the next


class KillsFrom(KillTest):
    def test_a_topic_that_still_has_everything(self) -> None:
        for kind in ("topic", "lossy-topic"):
            with self.subTest(kind=kind):
                counted, _ = self.kill_while_it_runs(kind, "channel", RECORDS, SECONDS,
                                                     ("--linger", "300us"))
                self.assertEqual(counted, {"records": RECORDS, "lost": 0, "doubled": 0, "late": 0,
                                           "spoilt": 0})

    def test_records_that_wait_in_a_file_come_once(self) -> None:
        for kind in ("channel", "topic"):
            with self.subTest(kind=kind):
                counted, _ = self.kill_while_it_runs(
                    kind, "channel", RECORDS, SECONDS,
                    ("--linger", "300us", "--overflow", f"spill:{self.folder}"))
                self.assertEqual(counted, {"records": RECORDS, "lost": 0, "doubled": 0, "late": 0,
                                           "spoilt": 0})
                (self.folder / "near.spill").unlink()

    def test_a_message_in_hand_may_come_twice_from_a_queue(self) -> None:
        self.at_least_once("queue", 1)

    def test_a_visit_to_a_lane_may_come_twice_from_a_collector(self) -> None:
        self.at_least_once("collector", VISIT)

    def test_a_queue_with_a_file(self) -> None:
        self.at_least_once("queue", 1, "--overflow", f"spill:{self.folder}")

    def at_least_once(self, kind: str, in_hand: int, *options: str) -> None:
        counted, kills = self.kill_while_it_runs(kind, "channel", RECORDS // 3, SECONDS, options)
        self.assertEqual(counted["lost"], 0)
        self.assertLessEqual(counted["doubled"], kills["out"] * in_hand)

    def test_what_a_lossy_topic_no_longer_had_is_counted(self) -> None:
        server = self.server()
        bridge = self.into("far", server, "--durable")
        begin = lambda: self.out("near", server, "--durable", "--linger", "300us")
        out = begin()
        receiving = self.load("receive", "far", str(RECORDS))
        self.environment["RINGBELL_LOAD_SLOTS"] = "256"
        ready, last = (self.gate(f"RINGBELL_LOAD_{when}") for when in ("AFTER", "LAST"))
        self.load("send", "lossy-topic", "near", str(RECORDS), "10")
        self.await_connected(out)
        ready.touch()
        for _ in range(2):
            before = self.counted(bridge, "records")
            self.await_that(lambda before=before: self.counted(bridge, "records") > before)
            out.kill()
            out.wait()
            time.sleep(1)  # of which half a second is more than the ring keeps
            out = begin()
        self.await_connected(out)
        last.touch()
        counted = self.counts_of(receiving)
        self.assertGreater(counted["lost"], 0)
        self.assertEqual(counted["doubled"] + counted["late"] + counted["spoilt"], 0)
        self.await_that(lambda: self.counted(bridge, "records") == counted["records"])
        self.assertEqual(self.counted(bridge, "lost"), counted["lost"])
        print(f"kills 2, lost {counted['lost']}, all counted", flush=True)
        bridge.kill()


if __name__ == "__main__":
    unittest.main()
