#!/usr/bin/python3
"""A bridge through a cluster of three servers, of which each is killed under load."""

from __future__ import annotations

import time
import unittest

from nats_server import BridgeTest, free_port

RECORDS = 20_000
SECONDS = 12.0


class Cluster(BridgeTest):
    def test_nothing_is_lost_or_doubled_while_servers_are_killed(self) -> None:
        routes = [f"nats://127.0.0.1:{free_port()}" for _ in range(3)]
        servers = [self.server("-n", f"server{n}", "--cluster_name", "test", "--cluster", route,
                               "--routes", ",".join(routes)) for n, route in enumerate(routes)]
        url = ",".join(server.url for server in servers)
        common = ["--subject", "test.cluster", "--durable", "--replicas", "3"]
        self.bridge("out", "near", "--to", url, "--linger", "300us", *common)
        self.bridge("in", "far", "--from", url, *common)
        last = self.gate("RINGBELL_LOAD_LAST")
        receiving = self.load("receive", "far", str(RECORDS))
        sending = self.load("send", "channel", "near", str(RECORDS), str(SECONDS))
        kills = 0
        for server in servers:
            time.sleep(SECONDS / 6)
            server.kill()
            kills += 1
            time.sleep(SECONDS / 6)
            server.start()
        last.touch()
        self.expect_all(receiving, RECORDS)
        self.assertEqual(self.finish(sending)[0], 0)
        print(f"kills {kills}, lost 0, doubled 0", flush=True)


if __name__ == "__main__":
    unittest.main()
