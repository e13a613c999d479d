#!/usr/bin/python3
"""ringbell bridge through JetStream, while nothing is killed.

A reader that comes before the next bridge finds a ring whose writer is gone, and ends with it.
"""

from __future__ import annotations

import signal
import time
import unittest

from nats_server import BridgeTest


class Durable(BridgeTest):
    def test_either_side_may_come_first(self) -> None:
        for first in ("out", "in"):
            server = self.server()
            lines = [b"%d" % n for n in range(5000)]
            ring = f"far.{first}"
            if first == "in":
                bridge = self.into(ring, server, "--durable")
                self.await_connected(bridge)
            out = self.out("near", server, "--durable", "--linger", "200us")
            self.assertEqual(self.finish(self.send_lines("near", lines))[0], 0)
            self.assertEqual(self.finish(out), (0, b"", ""))
            if first == "out":
                bridge = self.into(ring, server, "--durable")
            came = self.finish(self.receive_lines(ring, len(lines)))[1].splitlines()
            self.assertTrue(came == lines)
            self.end(bridge)

    def test_a_full_stream_makes_the_writer_wait(self) -> None:
        server = self.server()
        out = self.out("near", server, "--durable", "--store", "256K")
        lines = [b"%09d" % n * 20 for n in range(3_000)]
        sending = self.send_lines("near", lines)
        assert out.stderr is not None
        said = out.stderr.readline().decode()
        self.expect_line(said, "near, test.orders: the server refuses: maximum bytes exceeded")
        self.assertIsNone(sending.poll())
        self.assertIsNone(out.poll())
        bridge = self.into("far", server, "--durable", "--purge", "--capacity", "8M")
        came = self.finish(self.receive_lines("far", len(lines)))[1].splitlines()
        self.assertTrue(came == lines)
        self.assertEqual(self.finish(sending)[0], 0)
        self.assertEqual(self.finish(out), (0, b"", ""))
        self.end(bridge)

    # None of these is acknowledged: the ring is full before the first fetch is done.
    def test_a_killed_inbound_bridge_is_followed_where_its_tag_says(self) -> None:
        server = self.server()
        out = self.out("near", server, "--durable")
        lines = [b"%05d" % n * 8 for n in range(2000)]
        self.assertEqual(self.finish(self.send_lines("near", lines))[0], 0)
        self.assertEqual(self.finish(out)[0], 0)
        for _ in range(3):
            bridge = self.into("far", server, "--durable", "--capacity", "4K")
            self.await_that(lambda bridge=bridge: self.counted(bridge, "stalls") > 0)
            bridge.kill()
            bridge.wait()
        bridge = self.into("far", server, "--durable", "--capacity", "4K")
        self.await_connected(bridge)
        came = self.finish(self.receive_lines("far", len(lines)))[1].splitlines()
        self.assertTrue(came == lines)
        self.end(bridge)

    def test_an_interrupted_bridge_goes_on_where_it_was(self) -> None:
        server = self.server()
        last = self.gate("RINGBELL_LOAD_LAST")
        sending = self.load("send", "channel", "near", "30000", "3")
        for _ in range(3):
            bridge = self.into("far", server, "--durable", "--capacity", "8M")
            out = self.out("near", server, "--durable", "--linger", "100us")
            self.await_connected(bridge)
            self.await_connected(out)
            time.sleep(0.3)  # amid the records, if they are quick: any moment will do
            self.assertEqual(self.interrupt(out)[0], 130)
            self.assertEqual(self.interrupt(bridge, signal.SIGTERM)[0], 143)
        last.touch()
        bridge = self.into("far", server, "--durable", "--capacity", "8M")
        self.await_connected(bridge)
        receiving = self.load("receive", "far", "30000")
        out = self.out("near", server, "--durable", "--keep")
        self.expect_all(receiving, 30_000)
        self.assertEqual(self.finish(sending)[0], 0)
        self.end(bridge, out)

    def test_other_rings(self) -> None:
        server = self.server()
        lines = [b"%d" % n for n in range(500)]
        for kind in ("queue", "topic", "collector"):
            subject = f"test.{kind}"
            bridge = self.bridge("in", f"far.{kind}", "--from", server.url, "--subject", subject,
                                 "--durable", "--as", kind)
            recording = self.start("record", f"far.{kind}", "-o", str(self.folder / kind),
                                   "--count", "500")
            out = self.bridge("out", "near", "--to", server.url, "--subject", subject, "--durable")
            self.assertEqual(self.finish(self.send_lines("near", lines))[0], 0)
            self.assertEqual(self.finish(out)[0], 0)
            self.assertEqual(self.finish(recording), (0, b"", ""))
            self.end(bridge)
            # And out of such a ring, which stays as long as its writer.
            sending = self.load("send", kind, "again", "500", "0.1")
            out = self.bridge("out", "again", "--to", server.url, "--subject", f"again.{kind}",
                              "--durable")
            bridge = self.bridge("in", "last", "--from", server.url, "--subject", f"again.{kind}",
                                 "--durable")
            self.expect_all(self.load("receive", "last", "500"), 500)
            self.end(bridge, out)
            sending.kill()
            sending.wait()
            self.ringbell("clean", "--yes")


if __name__ == "__main__":
    unittest.main()
