#!/usr/bin/python3
"""ringbell record, replay and show, and what Wireshark makes of a recording."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import time
import unittest

from recordings import CHANNEL, ROOT, Recordings, file_header, packet, recording_of

SCRIPT = ROOT / "tools" / "wireshark" / "ringbell.lua"


class Channels(Recordings):
    def test_what_is_recorded_is_replayed(self) -> None:
        messages = [b"one", b"two", b"three" * 1000]
        self.record(messages)
        self.assertEqual(self.contents(), messages)
        status, came, errors = self.replay("--max")
        self.assertEqual((status, came, errors), (0, b"".join(m + b"\n" for m in messages), ""))
        self.assertEqual(self.left_names(), [])

    def test_messages_longer_than_a_packet_stay_whole(self) -> None:
        recording = self.start("record", "long", "-o", str(self.file))
        sending = self.start("send", "--raw", "--lines", "--capacity", "8M", "long",
                             stdin=subprocess.PIPE)
        assert sending.stdin is not None
        # The longest line that it sends in one record, a few bytes more than a packet holds.
        part = os.urandom(262_140).replace(b"\n", b"n")
        sending.stdin.write(part + b"\n" + part[:100] + b"\n")
        sending.stdin.close()
        sending.stdin = None
        self.assertEqual(self.finish(sending)[0], 0)
        self.assertEqual(self.finish(recording)[0], 0)
        self.assertEqual(self.contents(), [part, part[:100]])
        self.assertEqual(self.replay("--max")[1], part + b"\n" + part[:100] + b"\n")

    def test_a_stream_of_send_is_passed_on_as_it_is(self) -> None:
        data = os.urandom(1_000_000)
        recording = self.start("record", "stream", "-o", str(self.file), "--tee", "out")
        receiving = self.start("recv", "out")
        self.assertEqual(self.ringbell("send", "stream", input=data).returncode, 0)
        self.assertEqual(self.finish(receiving), (0, data, ""))
        self.assertEqual(self.finish(recording)[0], 0)
        receiving = self.start("recv", "again")
        self.assertEqual(self.ringbell("replay", "--max", str(self.file), "again").returncode, 0)
        self.assertEqual(self.finish(receiving), (0, data, ""))

    def test_a_recorder_that_leaves_takes_nothing_that_it_did_not_write(self) -> None:
        feeding = self.feed("orders", [b"one", b"two", b"three"])
        ended = self.ringbell("record", "orders", "-o", str(self.file), "--count", "1")
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        receiving = self.start("recv", "--raw", "--lines", "orders")
        self.assertEqual(self.finish(receiving), (0, b"two\nthree\n", ""))
        self.assertEqual(self.finish(feeding)[0], 0)
        self.assertEqual(self.contents(), [b"one"])

    def test_a_slow_reader_behind_tee_holds_the_writer_up(self) -> None:
        recording = self.start("record", "orders", "-o", str(self.file), "--tee", "out")
        lines = [b"%07d" % n * 10 for n in range(100_000)]
        feeding = self.feed_endlessly("orders", lines)
        time.sleep(0.5)
        self.assertIsNone(feeding.poll())
        receiving = self.start("recv", "--raw", "--lines", "out")
        self.assertTrue(self.finish(receiving)[1] == b"".join(line + b"\n" for line in lines))
        self.assertEqual(self.finish(feeding)[0], 0)
        self.assertEqual(self.finish(recording)[0], 0)
        self.assertEqual(len(self.contents()), len(lines))

    def feed_endlessly(self, name: str, lines: list[bytes]) -> subprocess.Popen[bytes]:
        source = self.folder / "lines"
        source.write_bytes(b"".join(line + b"\n" for line in lines))
        with source.open("rb") as file:
            return self.start("send", "--raw", "--lines", name, stdin=file)

    def test_control_c_leaves_a_whole_file(self) -> None:
        feeding = self.start("send", "--raw", "--lines", "talk", stdin=subprocess.PIPE)
        recording = self.start("record", "talk", "-o", str(self.file))
        assert feeding.stdin is not None
        feeding.stdin.write(b"a\nb\n")
        feeding.stdin.flush()
        self.await_that(lambda: self.file.exists() and self.file.read_bytes()[-1:] == b"b")
        recording.send_signal(signal.SIGINT)
        self.assertEqual(self.finish(recording), (130, b"", ""))
        self.assertEqual(self.contents(), [b"a", b"b"])
        feeding.stdin.close()
        feeding.stdin = None

    def test_the_death_of_the_writer_is_in_the_file(self) -> None:
        feeding = self.start("send", "--raw", "--lines", "talk", stdin=subprocess.PIPE)
        recording = self.start("record", "talk", "-o", str(self.file))
        assert feeding.stdin is not None
        feeding.stdin.write(b"a\n")
        feeding.stdin.flush()
        self.await_that(lambda: self.file.exists() and self.file.read_bytes()[-1:] == b"a")
        feeding.kill()
        status, _, errors = self.finish(recording)
        self.assertEqual(status, 4)
        self.expect_line(errors, "died")
        self.assertTrue(self.shown()[-1]["writer_died"])
        self.assertEqual(self.replay("--max")[:2], (0, b"a\n"))


class OtherRings(Recordings):
    def replayed(self, kind: int, shape: bytes, messages: list[bytes]) -> None:
        """A recording by hand of a ring of this kind."""
        self.file.write_bytes(recording_of(kind, shape, messages))

    def test_rings_of_every_kind(self) -> None:
        # capacity, slots, record alignment, slot bytes, participants, payload alignment, part
        shapes = {
            2: (0, 64, 0, 72, 8, 8),
            3: (0, 64, 0, 72, 9, 8),
            4: (0, 4096, 0, 72, 1, 8),  # at 1 ms each the recorder may sleep for 4 s
            5: (65536, 0, 8, 0, 5, 8),
            9: (0, 64, 0, 72, 66, 8),
        }
        messages = [b"message %d" % n for n in range(20)]
        for kind, shape in shapes.items():
            with self.subTest(kind=kind):
                self.replayed(kind, struct.pack("<QQIIIIQ", *shape, 0), messages)
                source = self.file
                # The first loop is over before the recorder is there; it gets a later one.
                looping = self.start("replay", str(source), "copy", "--loop")
                self.file = self.folder / f"copy{kind}.pcap"
                ended = self.ringbell("record", "copy", "-o", str(self.file), "--count", "60")
                self.assertEqual((ended.returncode, ended.stderr), (0, b""))
                looping.send_signal(signal.SIGINT)
                self.assertEqual(self.finish(looping)[::2], (130, ""))
                came = self.contents()
                self.assertEqual(len(came), 60)
                start = messages.index(came[0])
                self.assertEqual(came, [messages[(start + n) % 20] for n in range(60)])
                head = self.shown()[0]
                kinds = {2: "queue", 3: "topic", 4: "lossy topic", 5: "collector",
                         9: "topic of several publishers"}
                self.assertEqual(head["kind"], kinds[kind])
                self.file = source
                self.ringbell("clean", "--yes")

    def test_what_was_missed_is_in_the_file(self) -> None:
        packets = [packet(3, 4, struct.pack("<Q", 17)), packet(2, 4, b"next")]
        end = packet(4, 4, struct.pack("<QQ", 1, 4))
        begin = packet(1, 4, struct.pack("<QQIIIIQ", 0, 64, 0, 72, 1, 8, 0) + b"ticks")
        self.file.write_bytes(file_header() + b"".join([begin, *packets, end]))
        self.assertEqual(self.shown()[1], {"missed": 17})
        self.assertIn("17 missed", self.ringbell("show", str(self.file)).stdout.decode())


class Times(Recordings):
    def timed(self, *options: str) -> float:
        receiving = self.start("recv", "--raw", "--lines", "again")
        begin = time.monotonic()
        ended = self.ringbell("replay", str(self.file), "again", *options)
        took = time.monotonic() - begin
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        self.came = self.finish(receiving)[1].split()
        return took

    def test_speeds(self) -> None:
        self.file.write_bytes(recording_of(1, CHANNEL, [b"%d" % n for n in range(11)], 60_000_000))
        self.assertGreaterEqual(self.timed(), 0.6)
        self.assertGreaterEqual(self.timed("--speed", "2"), 0.3)
        self.assertGreaterEqual(self.timed("--speed", "0.5"), 1.2)
        # Quick ones are quick, on a busy machine too: an hour's recording does not take an hour.
        self.file.write_bytes(recording_of(1, CHANNEL, [b"a", b"b"], 3600 * 10**9))
        self.assertLess(self.timed("--max"), 30)
        self.assertLess(self.timed("--speed", "1e6"), 30)

    def test_a_part_of_the_time(self) -> None:
        self.file.write_bytes(recording_of(1, CHANNEL, [b"%d" % n for n in range(10)], 10**9))
        self.timed("--max", "--from", "3", "--to", "5")
        self.assertEqual(self.came, [b"3", b"4", b"5"])
        self.assertLess(self.timed("--from", "9"), 9)
        self.assertEqual(self.came, [b"9"])
        self.timed("--max", "--count", "2")
        self.assertEqual(self.came, [b"0", b"1"])

    def test_loops(self) -> None:
        self.file.write_bytes(recording_of(1, CHANNEL, [b"a", b"b"]))
        self.timed("--loop", "--count", "5", "--max")
        self.assertEqual(self.came, [b"a", b"b", b"a", b"b", b"a"])
        self.file.write_bytes(recording_of(1, CHANNEL, []))
        ended = self.ringbell("replay", str(self.file), "again", "--loop")
        self.assertEqual(ended.returncode, 1)
        self.expect_line(ended.stderr.decode(), "no message")


class Wireshark(Recordings):
    def setUp(self) -> None:
        super().setUp()
        if shutil.which("tshark") is None:
            self.skipTest("tshark is not installed; it is in the package tshark")

    def test_tshark_dissects_a_recording(self) -> None:
        self.record([b"one", b"three"])
        shown = subprocess.run(
            ["tshark", "-X", f"lua_script:{SCRIPT}", "-r", self.file, "-T", "fields",
             "-e", "_ws.col.Protocol", "-e", "ringbell.kind", "-e", "ringbell.position",
             "-e", "ringbell.payload", "-e", "ringbell.name", "-e", "ringbell.messages"],
            capture_output=True, text=True, check=True, timeout=60).stdout
        positions = [line["position"] for line in self.shown() if "hex" in line]
        self.assertEqual([line.split("\t") for line in shown.splitlines()],
                         [["ringbell", "1", "0", "", "orders", ""],
                          ["ringbell", "2", str(positions[0]), b"one".hex(), "", ""],
                          ["ringbell", "2", str(positions[1]), b"three".hex(), "", ""],
                          ["ringbell", "4", "0", "", "", "2"]])

    def test_the_dissector_survives_any_packet(self) -> None:
        packets = [file_header()]
        for kind in range(6):
            whole = packet(kind, 1, CHANNEL + b"name")
            for size in (0, 1, 15, 16, 17, 24, 32, 55, 56, 57):
                short = whole[16:16 + size]
                packets.append(struct.pack("<IIII", 1, 0, len(short), len(short)) + short)
        self.file.write_bytes(b"".join(packets))
        shown = subprocess.run(["tshark", "-X", f"lua_script:{SCRIPT}", "-r", self.file, "-V"],
                               capture_output=True, text=True, check=True, timeout=60)
        self.assertNotIn("Lua Error", shown.stdout + shown.stderr)
        self.assertIn("Messages in this file", shown.stdout)

    def test_what_wireshark_saves_is_replayed(self) -> None:
        self.record([b"one", b"two"])
        saved = self.folder / "saved.pcapng"
        subprocess.run(["tshark", "-r", self.file, "-w", saved, "-F", "pcapng"], check=True,
                       capture_output=True, timeout=60)
        self.file = saved
        self.assertEqual(self.replay("--max")[1], b"one\ntwo\n")


if __name__ == "__main__":
    unittest.main()
