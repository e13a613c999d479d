#!/usr/bin/python3
"""Recordings as files: cut, full, compressed, rotated, and what is none."""

from __future__ import annotations

import json
import random
import struct
import subprocess
import time
import unittest

from recordings import CHANNEL, FILE_HEADER, HEADERS, Recordings, file_header, packet, recording_of


class Files(Recordings):
    def test_a_cut_anywhere_leaves_the_whole_messages_before_it(self) -> None:
        messages = [b"message %d" % n for n in range(20)]
        self.record(messages)
        whole = self.file.read_bytes()
        begin = FILE_HEADER + HEADERS + 40 + len("orders")
        ends = [begin]
        for message in messages:
            ends.append(ends[-1] + HEADERS + len(message))
        self.assertEqual(len(whole), ends[-1] + HEADERS + 16)
        cuts = [0, 1, FILE_HEADER, begin - 1, begin, *ends[1:4], ends[3] + 1, ends[4] - 1, ends[20],
                len(whole) - 1, random.randrange(len(whole))]
        for size in cuts:
            self.file.write_bytes(whole[:size])
            kept = sum(end <= size for end in ends[1:])
            with self.subTest(size=size, kept=kept):
                ended = self.ringbell("show", "--json", str(self.file))
                self.assertEqual(ended.returncode, 4, ended.stderr)
                self.expect_line(ended.stderr.decode(), f"cut after {kept} message")
                self.assertEqual(ended.stdout.count(b'"hex"'), kept)
        self.file.write_bytes(whole[:ends[7] + 5])
        status, came, errors = self.replay("--max")
        self.assertEqual((status, came), (4, b"".join(m + b"\n" for m in messages[:7])))
        self.expect_line(errors, "cut after 7 messages")

    def test_kill_9_at_any_moment_keeps_what_was_given_back(self) -> None:
        generator = random.Random(20)
        for compress in ([], ["--compress", "zstd"]):
            for _ in range(4):
                recording = self.start("record", "orders", "-o", str(self.file), "--overwrite",
                                       *compress)
                lines = [b"%d" % n for n in range(25_000)]  # the ring takes them all
                source = self.folder / "lines"
                source.write_bytes(b"\n".join(lines) + b"\n")
                with source.open("rb") as file:
                    feeding = self.start("send", "--raw", "--lines", "orders", stdin=file)
                self.await_that(lambda: self.file.exists() and self.file.stat().st_size > 100)
                time.sleep(generator.uniform(0, 0.05))
                recording.kill()
                recording.wait()
                # None are left, and no ring, if the recording had them all.
                receiving = self.start("recv", "--raw", "--lines", "--wait", "3", "orders")
                rest = self.finish(receiving)[1].split()
                self.finish(feeding)
                cut = self.ringbell("show", "--json", str(self.file))
                self.assertIn(cut.returncode, (0, 4))
                kept = [bytes.fromhex(json.loads(line)["hex"])
                        for line in cut.stdout.splitlines() if b'"hex"' in line]
                # Nothing is lost: what is not in the file, the next receiver has.
                self.assertTrue(kept == lines[:len(kept)])
                if rest:
                    self.assertTrue(rest == lines[-len(rest):])
                self.assertGreaterEqual(len(kept) + len(rest), len(lines))

    def test_compressed_files(self) -> None:
        messages = [b"the same again and again %d" % n for n in range(5000)]
        self.record(messages, "--compress", "zstd")
        self.assertEqual(self.file.read_bytes()[:4], b"\x28\xb5\x2f\xfd")
        self.assertLess(self.file.stat().st_size, sum(map(len, messages)))
        self.assertTrue(self.contents() == messages)
        self.file.write_bytes(self.file.read_bytes()[:-40])
        kept = self.contents(status=4)
        self.assertTrue(kept == messages[:len(kept)])

    def test_files_that_are_rotated(self) -> None:
        messages = [b"message %d" % n + b"x" * 500 for n in range(50)]
        self.record(messages, "--rotate", "8K")
        parts = sorted(path.name for path in self.folder.glob("*.pcap"))
        self.assertEqual(parts, ["file.1.pcap", "file.2.pcap", "file.3.pcap", "file.pcap"])
        self.assertEqual(self.contents(), messages)
        self.assertEqual(self.replay("--max")[1], b"".join(m + b"\n" for m in messages))
        (self.folder / "file.2.pcap").unlink()
        ended = self.ringbell("show", str(self.file))
        self.assertEqual(ended.returncode, 4)
        self.expect_line(ended.stderr.decode(), "file.2.pcap, in which it goes on")

    def test_pipes(self) -> None:
        recording = self.start("record", "orders", "-o", "-")
        feeding = self.feed("orders", [b"one", b"two"])
        status, made, errors = self.finish(recording)
        self.assertEqual((status, errors), (0, ""))
        self.finish(feeding)
        self.assertIn(b"2 messages", self.ringbell("show", "-", input=made).stdout)

    def test_files_that_are_there_are_kept(self) -> None:
        self.file.write_bytes(b"precious")
        feeding = self.feed("orders", [b"one"])
        ended = self.ringbell("record", "orders", "-o", str(self.file))
        self.assertEqual(ended.returncode, 1)
        self.expect_line(ended.stderr.decode(), "--overwrite")
        self.assertEqual(self.file.read_bytes(), b"precious")
        self.record_again(feeding)

    def record_again(self, feeding: subprocess.Popen[bytes]) -> None:
        """The refused recorder has taken nothing, and its writer still waits."""
        ended = self.ringbell("record", "orders", "-o", str(self.file), "--overwrite")
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        self.assertEqual(self.finish(feeding)[0], 0)
        self.assertEqual(self.contents(), [b"one"])

    def test_a_full_disk(self) -> None:
        disk = self.folder / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk],
                          capture_output=True, check=False).returncode != 0:
            self.skipTest("this user may not mount a small tmpfs")
        try:
            self.file = disk / "file.pcap"
            recording = self.start("record", "orders", "-o", str(self.file))
            lines = [b"%06d" % n * 10 for n in range(10_000)]
            feeding = self.feed("orders", lines)
            status, _, errors = self.finish(recording)
            self.assertEqual(status, 1)
            self.expect_line(errors, "No space left on device")
            kept = self.contents(status=4)
            receiving = self.start("recv", "--raw", "--lines", "orders")
            rest = self.finish(receiving)[1].split()
            self.finish(feeding)
            self.assertTrue(kept == lines[:len(kept)])
            self.assertTrue(rest == lines[-len(rest):])
            self.assertGreaterEqual(len(kept) + len(rest), len(lines))
        finally:
            subprocess.run(["umount", disk], check=True)


class Refusals(Recordings):
    def test_files_that_are_no_recordings(self) -> None:
        begin = packet(1, 1, CHANNEL + b"ring")
        cases = {
            b"not a capture at all": "no recording",
            file_header(link_type=1) + begin: "its packets are EN10MB",
            file_header() + packet(2, 1, b"x"): "its beginning is missing",
            file_header() + packet(1, 1, b"short"): "its beginning is missing",
            file_header() + packet(1, 1, CHANNEL, version=9): "version 9",
        }
        for contents, said in cases.items():
            self.file.write_bytes(contents)
            for verb in (["show", str(self.file)], ["replay", str(self.file), "again"]):
                ended = self.ringbell(*verb)
                self.assertEqual(ended.returncode, 1, (said, ended.stderr))
                self.expect_line(ended.stderr.decode(), said)
        self.assertEqual(self.left_names(), [])

    def test_recordings_of_rings_that_cannot_be(self) -> None:
        shapes = [(9, CHANNEL), (6, struct.pack("<QQIIIIQ", 0, 0, 0, 64, 4, 8, 0)),
                  (1, struct.pack("<QQIIIIQ", 3, 0, 8, 0, 2, 8, 0)),
                  (2, struct.pack("<QQIIIIQ", 0, 64, 0, 4, 8, 8, 0)), (0, CHANNEL)]
        for kind, shape in shapes:
            self.file.write_bytes(recording_of(kind, shape, [b"a"]))
            ended = self.ringbell("replay", str(self.file), "again")
            self.assertEqual(ended.returncode, 1, (kind, ended.stderr))
            self.assertEqual(ended.stderr.count(b"\n"), 1)

    def test_packets_that_make_no_sense(self) -> None:
        begin = file_header() + packet(1, 1, CHANNEL + b"ring")
        one = packet(2, 1, b"one")
        end = packet(4, 1, struct.pack("<QQ", 1, 3))
        for rest, said in [(packet(4, 1, b""), "some of it is missing"),
                           (packet(4, 1, struct.pack("<QQ", 2, 3)), "some of it is missing"),
                           (packet(7, 1, b"") + end, "no known kind"),
                           (packet(2, 1, b"x", flags=1) + end, "a message is not whole"),
                           (b"\xff" * 64, "cut after 1 message: ")]:
            self.file.write_bytes(begin + one + rest)
            ended = self.ringbell("show", str(self.file))
            self.assertEqual(ended.returncode, 4, (said, ended.stderr))
            self.expect_line(ended.stderr.decode(), said)

    def test_command_lines(self) -> None:
        self.file.write_bytes(recording_of(1, CHANNEL, [b"a"]))
        for arguments, status in [(["record", "x"], 2), (["record", "x", "-o", ""], 2),
                                  (["record", "x", "-o", "f", "--rotate", "1"], 2),
                                  (["record", "x", "-o", "f", "--compress", "gzip"], 2),
                                  (["record", "x", "-o", "f", "--tee", "x"], 2),
                                  (["record", "x", "-o", "-", "--rotate", "1M"], 2),
                                  (["record", "x", "-o", str(self.file), "--wait", "0.1"], 3),
                                  (["record", "../x", "-o", "f", "--wait", "0"], 1),
                                  (["replay", str(self.file), "A"], 1),
                                  (["replay", "absent", "x"], 1), (["show", "absent"], 1),
                                  (["replay", str(self.file), "x", "--speed", "0"], 2),
                                  (["replay", str(self.file), "x", "--speed", "2", "--max"], 2),
                                  (["replay", str(self.file), "x", "--from", "2", "--to", "1"], 2),
                                  (["replay", "-", "x", "--loop"], 2),
                                  (["replay", str(self.file), "x", "--wait", "0.1"], 3)]:
            ended = self.ringbell(*arguments)
            self.assertEqual(ended.returncode, status, (arguments, ended.stderr))
            self.expect_line(ended.stderr.decode(), "")


if __name__ == "__main__":
    unittest.main()
