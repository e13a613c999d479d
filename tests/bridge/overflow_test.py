#!/usr/bin/python3
"""What an outbound bridge does with what comes while the server is gone."""

from __future__ import annotations

import re
import signal
import subprocess
import unittest

from nats_server import PATIENCE_S, BridgeTest


class Overflow(BridgeTest):
    def test_the_oldest_are_dropped_and_the_other_side_says_how_many(self) -> None:
        server = self.server()
        bridge = self.into_core("far", server, "--mark-losses")
        out = self.out("near", server, "--overflow", "drop-oldest")
        sending = self.start("send", "--raw", "--lines", "near", "--capacity", "64K",
                             stdin=subprocess.PIPE)
        receiving = self.start("recv", "--raw", "--lines", "far")
        self.await_connected(out)
        assert sending.stdin is not None and out.stderr is not None
        sending.stdin.write(b"first\n")
        sending.stdin.flush()
        self.await_that(lambda: self.counted(bridge, "records") == 1)
        server.kill()
        lines = [b"%09d" % n * 10 for n in range(20_000)]  # thirty times what the ring holds
        self.assertEqual(self.feed(sending, lines).wait(PATIENCE_S), 0, "the writer does not wait")
        self.await_that(lambda: self.counted(out, "lost") > 10_000)
        self.assertIn(b"ringbell: near, test.orders: nats://127.0.0.1", out.stderr.readline())
        server.start()
        self.await_connected(out, 2)
        self.await_that(lambda: bool(server.subscribers()))
        sending.stdin.write(b"last\n")
        sending.stdin.close()
        sending.stdin = None
        self.assertEqual(self.finish(sending)[0], 0)
        status, _, said = self.finish(out)
        self.assertEqual(status, 0)
        self.assertRegex(said, r"(?m)^ringbell: near -> test.orders: records ")
        total = len(lines) + 2
        self.assertEqual(self.counted(out, "records") + self.counted(out, "lost"), total)
        self.assertGreater(self.counted(out, "records"), 250, "half of what the ring holds")

        self.await_that(lambda: self.counted(bridge, "records") + self.counted(bridge, "lost")
                        == total)
        self.end_with_losses(bridge)
        came = self.finish(receiving)[1]
        marks = [int.from_bytes(count, "little")
                 for count in re.findall(rb"(?s)ringbell(.{8})\n", came)]
        records = re.sub(rb"(?s)ringbell.{8}\n", b"", came).splitlines()
        self.assertEqual(sum(marks), self.counted(bridge, "lost"))
        self.assertEqual(len(records) + sum(marks), total)
        self.assertEqual((records[0], records[-1]), (b"first", b"last"))
        self.assertEqual(records[1:-1], sorted(set(records[1:-1])))

    def test_a_server_that_says_nothing_is_given_up(self) -> None:
        server = self.server()
        out = self.out("near", server, "--overflow", "drop-oldest")
        sending = self.start("send", "--raw", "--lines", "near", "--capacity", "64K",
                             stdin=subprocess.PIPE)
        self.await_connected(out)
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        self.addCleanup(server.process.send_signal, signal.SIGCONT)
        lines = [b"%09d" % n * 100 for n in range(20_000)]  # more than sockets hold
        self.assertEqual(self.feed(sending, lines).wait(PATIENCE_S), 0, "the writer does not wait")
        # What was on its way counts twice: it went out, and was not confirmed.
        self.await_that(lambda: self.counted(out, "records") + self.counted(out, "lost")
                        >= len(lines) - 500)
        self.assertGreater(self.counted(out, "lost"), 10_000)
        self.assertLessEqual(self.counted(out, "lost"), len(lines))
        out.kill()

    def feed(self, sending: subprocess.Popen[bytes], lines: list[bytes]) -> subprocess.Popen[bytes]:
        source = self.folder / "lines"
        source.write_bytes(b"".join(line + b"\n" for line in lines))
        feeding = subprocess.Popen(["cat", source], stdout=sending.stdin)
        self.addCleanup(self._end, feeding)
        return feeding

    def test_records_wait_in_a_file(self) -> None:
        server = self.server()
        spill = f"spill:{self.folder}"
        file = self.folder / "near.spill"
        bridge = self.into("far", server, "--durable", "--capacity", "8M")
        out = self.out("near", server, "--durable", "--overflow", spill)
        sending = self.start("send", "--raw", "--lines", "near", "--capacity", "64K",
                             stdin=subprocess.PIPE)
        assert sending.stdin is not None
        sending.stdin.write(b"first\n")
        sending.stdin.flush()
        self.await_that(file.exists)
        server.kill()
        lines = [b"%09d" % n * 10 for n in range(20_000)]  # thirty times what the ring holds
        self.assertEqual(self.feed(sending, lines).wait(PATIENCE_S), 0, "the writer does not wait")
        self.await_that(lambda: file.stat().st_size > 1_000_000)
        self.assertEqual(self.interrupt(out, signal.SIGTERM)[0], 143)
        server.start()
        out = self.out("near", server, "--durable", "--overflow", spill)
        sending.stdin.write(b"last\n")
        sending.stdin.close()
        sending.stdin = None
        came = self.finish(self.receive_lines("far", len(lines) + 2))[1].splitlines()
        self.assertTrue(came == [b"first", *lines, b"last"])
        self.assertEqual(self.finish(sending)[0], 0)
        self.assertEqual(self.finish(out)[0], 0)
        self.assertLess(file.stat().st_size, 100, "all of it is given back")
        bridge.terminate()

    def test_a_full_disk_makes_the_writer_wait(self) -> None:
        disk = self.folder / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk],
                          capture_output=True, check=False).returncode != 0:
            self.skipTest("this user may not mount a small tmpfs")
        self.addCleanup(subprocess.run, ["umount", "--lazy", disk], check=True)
        server = self.server()
        bridge = self.into("far", server, "--durable", "--capacity", "8M")
        out = self.out("near", server, "--durable", "--overflow", f"spill:{disk}")
        sending = self.start("send", "--raw", "--lines", "near", "--capacity", "64K",
                             stdin=subprocess.PIPE)
        self.await_that((disk / "near.spill").exists)
        server.kill()
        lines = [b"%09d" % n * 10 for n in range(20_000)]
        self.feed(sending, lines)
        assert sending.stdin is not None and out.stderr is not None
        sending.stdin.close()
        sending.stdin = None
        said = b""
        while b"No space left on device" not in said:
            said = out.stderr.readline()
            self.assertNotEqual(said, b"")
        self.assertIsNone(sending.poll())
        server.start()
        came = self.finish(self.receive_lines("far", len(lines)))[1].splitlines()
        self.assertTrue(came == lines)
        self.assertEqual(self.finish(sending)[0], 0)
        self.assertEqual(self.finish(out)[0], 0)
        bridge.terminate()

    def test_folders_that_will_not_do(self) -> None:
        server = self.server()
        sending = self.send_lines("near", [b"one"])
        (self.folder / "near.spill").write_bytes(b"something precious that is no spill")
        for folder, said in (("/nowhere", "/nowhere/near.spill"),
                             (self.folder, "near.spill is no")):
            ended = self.ringbell("bridge", "out", "near", "--to", server.url, "--subject", "a",
                                  "--overflow", f"spill:{folder}")
            self.assertEqual(ended.returncode, 1)
            self.expect_line(ended.stderr.decode(), said)
        self.assertEqual(self.finish(self.start("recv", "--raw", "--lines", "near"))[1], b"one\n")
        self.assertEqual(self.finish(sending)[0], 0)

    def end_with_losses(self, bridge: subprocess.Popen[bytes]) -> None:
        status, _, said = self.interrupt(bridge, signal.SIGTERM)
        self.assertEqual(status, 143)
        self.assertRegex(said, r"(?m)^ringbell: test.orders => far: records ")


if __name__ == "__main__":
    unittest.main()
