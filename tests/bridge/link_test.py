#!/usr/bin/python3
"""A bridge between two network namespaces, as between two hosts, whose link is cut under load.

RINGBELL_BRIDGE_CUT_S=30: for so long. RINGBELL_BRIDGE_RECORDS=1000000 RINGBELL_BRIDGE_SECONDS=60:
so many records, spread over so long.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import unittest

from nats_server import LOAD, PROGRAM, BridgeTest

CUT_S = float(os.environ.get("RINGBELL_BRIDGE_CUT_S", "5"))
RECORDS = int(os.environ.get("RINGBELL_BRIDGE_RECORDS", "20000"))
SECONDS = os.environ.get("RINGBELL_BRIDGE_SECONDS", "4")


class Link(BridgeTest):
    def setUp(self) -> None:
        super().setUp()
        if shutil.which("ip") is None:
            self.skipTest("ip is not installed; it is in the package iproute2")
        self.hosts = [f"ringbell-{os.getpid()}-{n}" for n in "ab"]
        for host in self.hosts:
            if subprocess.run(["ip", "netns", "add", host], capture_output=True,
                              check=False).returncode != 0:
                self.skipTest("this user may not make network namespaces")
            self.addCleanup(subprocess.run, ["ip", "netns", "del", host], check=False)
        self.ip("link", "add", "veth", "type", "veth", "peer", "name", "veth", "netns",
                self.hosts[1])
        for n, host in enumerate(self.hosts):
            for name in ("lo", "veth"):
                self.ip("link", "set", name, "up", host=host)
            self.ip("addr", "add", f"10.213.77.{n + 1}/24", "dev", "veth", host=host)

    def ip(self, *arguments: str, host: str = "") -> None:
        subprocess.run(["ip", "-n", host or self.hosts[0], *arguments], check=True)

    def at(self, host: str, *command: str) -> subprocess.Popen[bytes]:
        return self.start_program("ip", "netns", "exec", host, *command)

    def test_nothing_is_lost_or_doubled_when_the_link_is_cut(self) -> None:
        here, there = self.hosts
        url = "nats://10.213.77.1:4222"
        self.at(here, "nats-server", "-a", "10.213.77.1", "-p", "4222", "-js", "-sd",
                str(self.folder / "store"))
        out = self.at(here, PROGRAM, "bridge", "out", "near", "--to", url, "--subject", "link",
                      "--durable", "--linger", "300us", "--metrics", str(self.folder / "out"))
        self.counters[out.pid] = self.folder / "out"
        last = self.gate("RINGBELL_LOAD_LAST")
        self.at(there, PROGRAM, "bridge", "in", "far", "--from", url, "--subject", "link",
                "--durable")
        receiving = self.at(there, LOAD, "receive", "far", str(RECORDS))
        sending = self.at(here, LOAD, "send", "channel", "near", str(RECORDS), SECONDS)
        self.await_that(lambda: self.counted(out, "records") > 0)
        time.sleep(1)
        self.ip("link", "set", "veth", "down")
        time.sleep(CUT_S)
        self.ip("link", "set", "veth", "up")
        last.touch()
        receiving.wait(10 * (float(SECONDS) + CUT_S) + 60)
        self.expect_all(receiving, RECORDS)
        self.assertEqual(self.finish(sending)[0], 0)
        print(f"cuts 1, of {CUT_S:g} s, lost 0, doubled 0", flush=True)


if __name__ == "__main__":
    unittest.main()
