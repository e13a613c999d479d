#!/usr/bin/python3
"""From a channel to the other rings through JetStream, while bridges and server are killed.

What the table in docs/beyond.md promises of each: nothing is lost, and only the death of the
inbound bridge repeats something.
"""

from __future__ import annotations

import unittest

from killing import KillTest

RECORDS = 6000
SECONDS = 4.0


class KillsInto(KillTest):
    def into_kind(self, kind: str) -> None:
        counted, _ = self.kill_while_it_runs("channel", kind, RECORDS, SECONDS)
        self.assertEqual(counted["lost"], 0)

    def test_into_a_queue(self) -> None:
        self.into_kind("queue")

    def test_into_a_topic(self) -> None:
        self.into_kind("topic")

    def test_into_a_collector(self) -> None:
        self.into_kind("collector")

    def test_a_living_inbound_bridge_repeats_nothing(self) -> None:
        for kind in ("queue", "topic", "collector"):
            with self.subTest(kind=kind):
                counted, _ = self.kill_while_it_runs(
                    "channel", kind, RECORDS // 2, SECONDS / 2,
                    choices=(("out",), ("server",), ("out", "server")))
                self.assertEqual(counted, {"records": RECORDS // 2, "lost": 0, "doubled": 0,
                                           "late": 0, "spoilt": 0})


if __name__ == "__main__":
    unittest.main()
