#!/usr/bin/python3
"""From channel to channel through JetStream, while the bridges and the server are killed.

RINGBELL_BRIDGE_RECORDS=1000000 RINGBELL_BRIDGE_SECONDS=120: so many records, spread over so long.
"""

from __future__ import annotations

import os
import unittest

from killing import KillTest

RECORDS = int(os.environ.get("RINGBELL_BRIDGE_RECORDS", "60000"))
SECONDS = float(os.environ.get("RINGBELL_BRIDGE_SECONDS", "12"))


class Kills(KillTest):
    def nothing_lost_or_doubled(self, *options: str) -> None:
        counted, _ = self.kill_while_it_runs("channel", "channel", RECORDS, SECONDS, options)
        self.assertEqual((counted["records"], counted["lost"], counted["doubled"],
                          counted["late"]), (RECORDS, 0, 0, 0))

    def test_nothing_is_lost_or_doubled(self) -> None:
        self.nothing_lost_or_doubled()

    def test_nothing_is_lost_or_doubled_in_batches(self) -> None:
        self.nothing_lost_or_doubled("--linger", "300us")


if __name__ == "__main__":
    unittest.main()
