#!/usr/bin/python3
"""ringbell send and recv, as people use them in two shells."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
import time
import unittest
from pathlib import Path

from command_line import PROGRAM, CommandTest, as_other_user, not_emulated

# RINGBELL_STREAM_BYTES=2147483648 is the whole of it.
STREAM_BYTES = int(os.environ.get("RINGBELL_STREAM_BYTES", 256 << 20))


class Streams(CommandTest):
    def test_a_large_file_arrives_whole(self) -> None:
        source = self.folder / "source"
        digest = hashlib.sha256()
        part = os.urandom(1_000_003)
        with source.open("wb") as file:
            for begin in range(0, STREAM_BYTES, len(part)):
                piece = part[:STREAM_BYTES - begin]
                file.write(piece)
                digest.update(piece)
        with source.open("rb") as file:
            sending = self.start("send", "big", stdin=file)
        receiving = self.start("recv", "big")
        assert receiving.stdout is not None
        received = hashlib.sha256()
        while piece := receiving.stdout.read(1 << 20):
            received.update(piece)
        self.assertEqual(receiving.wait(timeout=60), 0)
        self.assertEqual(self.finish(sending)[0], 0)
        self.assertEqual(received.digest(), digest.digest())
        self.assertEqual(self.left_names(), [])

    def test_the_receiver_may_come_first(self) -> None:
        receiving = self.start("recv", "first")
        time.sleep(0.3)
        self.assertEqual(self.ringbell("send", "first", input=b"hello").returncode, 0)
        self.assertEqual(self.finish(receiving), (0, b"hello", ""))

    def test_the_ring_has_the_capacity_that_was_asked_for(self) -> None:
        self.start("send", "small", "--capacity", "64K", stdin=subprocess.PIPE)
        self.await_that(lambda: self.has_come("small"))
        facts = json.loads(self.ringbell("inspect", "--json", "small").stdout)
        self.assertEqual(facts["capacity_bytes"], 64 << 10)

    def test_an_empty_stream_is_a_whole_one(self) -> None:
        receiving = self.start("recv", "empty")
        self.assertEqual(self.ringbell("send", "empty").returncode, 0)
        self.assertEqual(self.finish(receiving), (0, b"", ""))

    def test_streams_follow_each_other_under_one_name(self) -> None:
        for text in [b"one", b"two", b"three"]:
            receiving = self.start("recv", "again")
            self.assertEqual(self.ringbell("send", "again", input=text).returncode, 0)
            self.assertEqual(self.finish(receiving), (0, text, ""))

    def test_what_comes_from_a_pipe_is_passed_on_at_once(self) -> None:
        sending = self.start("send", "talk", stdin=subprocess.PIPE)
        receiving = self.start("recv", "talk")
        assert sending.stdin is not None and receiving.stdout is not None
        for word in [b"a", b"bc"]:
            sending.stdin.write(word)
            sending.stdin.flush()
            self.assertEqual(receiving.stdout.read1(), word)
        sending.stdin.close()
        self.assertEqual(receiving.wait(timeout=60), 0)
        self.assertEqual(sending.wait(timeout=60), 0)

    def test_lines_and_messages(self) -> None:
        receiving = self.start("recv", "lines")
        ended = self.ringbell("send", "--lines", "--count", "2", "lines", input=b"one\n\nthree\n")
        self.assertEqual(ended.returncode, 0)
        self.assertEqual(self.finish(receiving), (0, b"one\n\n", ""))
        receiving = self.start("recv", "--messages", "lines")
        self.assertEqual(self.ringbell("send", "--lines", "lines", input=b"ab\n").returncode, 0)
        self.assertEqual(self.finish(receiving), (0, struct.pack("<I", 2) + b"ab", ""))

    def test_plain_messages(self) -> None:
        receiving = self.start("recv", "--raw", "--lines", "plain")
        ended = self.ringbell("send", "--raw", "--lines", "plain", input=b"a\nb\n")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(self.finish(receiving), (0, b"a\nb\n", ""))

    def test_progress_is_said_on_stderr(self) -> None:
        source = self.folder / "source"
        source.write_bytes(b"x" * 1_000_000)
        receiving = self.start("recv", "--progress", "shown")
        with source.open("rb") as file:
            sending = self.start("send", "--progress", "shown", stdin=file)
        for process in [sending, receiving]:
            status, _, errors = self.finish(process)
            self.assertEqual(status, 0)
            self.assertRegex(errors, r"\A977 KiB  0:0\d  \S+ .i?B/s  100 %\n\Z")


class Ends(CommandTest):
    def endless(self, name: str) -> subprocess.Popen[bytes]:
        with open("/dev/zero", "rb") as zeros:
            return self.start("send", name, stdin=zeros)

    def flowing(self, name: str) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
        """An endless stream whose receiver writes to a file that grows."""
        sending = self.endless(name)
        with (self.folder / "received").open("wb") as file:
            receiving = self.start("recv", name, stdout=file)
        self.await_that(lambda: (self.folder / "received").stat().st_size > 0)
        return sending, receiving

    def test_a_sender_waits_until_all_was_taken(self) -> None:
        content = bytes(range(250)) * 8000  # fits into the ring, and not into the receiver's pipe
        (self.folder / "sent").write_bytes(content)
        receiving = self.start("recv", "slow")
        with (self.folder / "sent").open("rb") as file:
            sending = self.start("send", "slow", stdin=file)
        with self.assertRaises(subprocess.TimeoutExpired):
            sending.wait(0.5)
        self.assertEqual(self.finish(receiving), (0, content, ""))
        self.assertEqual(self.finish(sending), (0, b"", ""))

    def test_a_killed_sender_truncates_the_stream(self) -> None:
        sending, receiving = self.flowing("killed")
        sending.kill()
        status, _, errors = self.finish(receiving)
        self.assertEqual(status, 4)
        self.expect_line(errors, "the sender died before the end of the stream")

    def test_a_killed_receiver_ends_the_sender(self) -> None:
        sending, receiving = self.flowing("killed")
        receiving.kill()
        status, _, errors = self.finish(sending)
        self.assertEqual(status, 4)
        self.expect_line(errors, "the receiver died before the end of the stream")

    def test_interruptions_are_clean(self) -> None:
        for number in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]:
            sending, receiving = self.flowing("interrupted")
            sending.send_signal(number)
            self.assertEqual(self.finish(sending), (128 + number, b"", ""))
            status, _, errors = self.finish(receiving)
            self.assertEqual(status, 4)
            self.expect_line(errors, "the sender stopped before the end of the stream")
            self.assertEqual(self.left_names(), [])

    def test_an_interrupted_receiver_ends_the_sender(self) -> None:
        sending, receiving = self.flowing("interrupted")
        receiving.send_signal(signal.SIGINT)
        self.assertEqual(self.finish(receiving)[::2], (130, ""))
        status, _, errors = self.finish(sending)
        self.assertEqual(status, 4)
        self.expect_line(errors, "the receiver stopped before the end of the stream")

    @not_emulated("the emulator catches signals before the command does")
    def test_waiting_can_be_interrupted(self) -> None:
        for arguments in [["recv", "absent"], ["send", "absent"]]:
            waiting = self.start(*arguments)
            self.await_that_it_catches(waiting, signal.SIGINT)
            waiting.send_signal(signal.SIGINT)
            self.assertEqual(self.finish(waiting), (130, b"", ""))

    def test_a_full_disk_at_the_receiver(self) -> None:
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("this user may not mount a small tmpfs")
        try:
            sending = self.endless("full")
            with (disk / "received").open("wb") as file:
                receiving = self.start("recv", "full", stdout=file)
            status, _, errors = self.finish(receiving)
            self.assertEqual(status, 1)
            self.expect_line(errors, "No space left on device")
            self.assertEqual(self.finish(sending)[0], 4)
        finally:
            subprocess.run(["umount", disk], check=True)

    def test_a_closed_standard_output_is_no_news(self) -> None:
        sending = self.endless("closed")
        receiving = self.start("recv", "closed")
        assert receiving.stdout is not None
        self.assertEqual(receiving.stdout.read(10), b"\0" * 10)
        receiving.stdout.close()
        self.assertEqual(receiving.wait(timeout=60), 128 + signal.SIGPIPE)
        assert receiving.stderr is not None
        self.assertEqual(receiving.stderr.read(), b"")
        self.assertEqual(self.finish(sending)[0], 4)

    def test_a_receiver_may_take_only_so_much(self) -> None:
        sending = self.endless("some")
        receiving = self.start("recv", "--count", "5", "some")
        self.assertEqual(self.finish(receiving), (0, b"\0" * 5, ""))
        self.assertEqual(self.finish(sending)[0], 4)


class Refusals(CommandTest):
    def test_names_that_are_none(self) -> None:
        for name in ["", "../x", "a b", "A", ".hidden", "x" * 65, "a..b"]:
            for verb in ["send", "recv"]:
                ended = self.ringbell(verb, name)
                self.assertEqual((ended.returncode, ended.stdout), (1, b""), (verb, name))
                self.expect_line(ended.stderr.decode(), "name")

    def test_nobody_comes_in_time(self) -> None:
        for verb, said in [("recv", "no sender came"), ("send", "no receiver came")]:
            ended = self.ringbell(verb, "--wait", "0.2", "lonely")
            self.assertEqual((ended.returncode, ended.stdout), (3, b""))
            self.expect_line(ended.stderr.decode(), said)

    def test_a_second_receiver_is_refused(self) -> None:
        sending = self.start("send", "two", stdin=subprocess.PIPE)
        receiving = self.start("recv", "two")
        assert sending.stdin is not None and receiving.stdout is not None
        sending.stdin.write(b"a")
        sending.stdin.flush()
        self.assertEqual(receiving.stdout.read1(), b"a")
        ended = self.ringbell("recv", "two")
        self.assertEqual((ended.returncode, ended.stdout), (1, b""))
        self.expect_line(ended.stderr.decode(), f"in use by pid {receiving.pid}")
        sending.stdin.write(b"b")
        sending.stdin.close()
        self.assertEqual(receiving.stdout.read(), b"b")
        self.assertEqual((receiving.wait(timeout=60), sending.wait(timeout=60)), (0, 0))

    def test_a_second_sender_is_refused(self) -> None:
        sending = self.start("send", "two", stdin=subprocess.PIPE)
        self.await_that(lambda: self.has_come("two"))
        ended = self.ringbell("send", "two")
        self.assertEqual((ended.returncode, ended.stdout), (1, b""))
        self.expect_line(ended.stderr.decode(), f"in use by pid {sending.pid}")

    def test_folders_of_others_are_refused(self) -> None:
        self.names.mkdir(mode=0o755)
        self.names.chmod(0o755)
        ended = self.ringbell("recv", "--wait", "0", "open")
        self.assertEqual(ended.returncode, 1)
        self.expect_line(ended.stderr.decode(), "names")
        if os.geteuid() != 0:
            self.skipTest("only root can be another user")
        self.names.chmod(0o700)
        self.names.parent.chmod(0o755)
        ended = self.ringbell("recv", "--wait", "0", "open", **as_other_user(self.folder))
        self.assertEqual(ended.returncode, 1)
        self.expect_line(ended.stderr.decode(), "names")


class Terminal(CommandTest):
    def test_the_progress_line_is_written_again_and_again(self) -> None:
        tmux = shutil.which("tmux")
        if tmux is None:
            self.skipTest("tmux is not installed")
        server = ["tmux", "-S", str(self.folder / "tmux")]
        source = self.folder / "endless"
        os.mkfifo(source)
        command = (f"RINGBELL_DIR={self.names} {Path(PROGRAM).resolve()} "
                   f"send --progress shown < {source}; echo status $?; sleep 60")
        subprocess.run([*server, "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "10",
                        command], check=True, timeout=30)
        try:
            receiving = self.start("recv", "shown")
            with source.open("wb", buffering=0) as pipe:
                pipe.write(b"x" * 50_000)
                self.await_that(lambda: "48.8 KiB  0:0" in self.screen(server))
                # One line, however often it is written.
                self.assertEqual(self.screen(server).count("KiB  "), 1)
            self.assertEqual(self.finish(receiving)[0], 0)
            self.await_that(lambda: "status 0" in self.screen(server))
        finally:
            subprocess.run([*server, "kill-server"], check=True, timeout=30)

    def screen(self, server: list[str]) -> str:
        return subprocess.run([*server, "capture-pane", "-p"], capture_output=True, text=True,
                              check=True, timeout=30).stdout


if __name__ == "__main__":
    unittest.main()
