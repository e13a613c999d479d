#!/usr/bin/python3
"""SIGTERM and SIGINT at any moment: every subcommand ends at once, and nothing is left.

RINGBELL_MOMENTS=50: so many moments for each.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

from command_line import CommandTest

MOMENTS = int(os.environ.get("RINGBELL_MOMENTS", "5"))
SEED = int(os.environ.get("RINGBELL_SEED", str(time.time_ns())))
LATEST_S = 0.4
# What the command promises; on a busy machine, so many times what it takes to say its version.
LIMIT_S = 0.2
LIMIT_IN_VERSIONS = 30
LARGE = ["--capacity", "256M"]
LIMIT_IN_LARGE = 0.75  # of what it takes to make such a ring: without give_up it is later
FREEINGS = 2  # what ends gives back a ring, or removes a copy: so many times what that takes
TRIES = 3
FIXTURE = Path(__file__).resolve().parent / "fixture.jsonl"


class Signals(CommandTest):
    def setUp(self) -> None:
        super().setUp()
        # A shell that starts this in the background ignores it, and so would every program here.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.random = random.Random(SEED)
        self.large = self.folder / "large"
        with self.large.open("wb") as file:
            file.truncate(512 << 20)
        self.pipe = self.folder / "pipe"
        os.mkfifo(self.pipe)
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir()
        self.environment["TMPDIR"] = str(self.scratch)
        self.kept: list[str] = []  # names of others

    def members_of(self, group: int) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, 0)
            return True
        return False

    def end_at_moments(self, *arguments: str, after=lambda: None, **options) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            for _ in range(MOMENTS):
                # The first moments of a program are its most delicate ones.
                moment = LATEST_S * self.random.random() ** 3
                with self.subTest(arguments=arguments, number=number, moment=moment, seed=SEED):
                    # Others may have had the CPU at one try, not at each.
                    late = []
                    for attempt in range(2 * TRIES):
                        taken_s = self.end_once(number, moment, arguments, options)
                        after()
                        limit_s = LIMIT_S if attempt < TRIES else self.limit_here(arguments)
                        if taken_s < limit_s:
                            break
                        late.append((taken_s, limit_s))
                    else:
                        self.fail(f"took so many seconds, of so many at most: {late}")

    def limit_here(self, arguments: tuple[str, ...]) -> float:
        """In seconds, by what a program takes now that ends as it should."""
        limits_s = [LIMIT_IN_VERSIONS * self.time_of_version() for _ in range(5)]
        freed_s = self.time_of_removal() if arguments[0] == "cp" else 0.0
        if LARGE[1] in arguments:
            made_s, given_back_s = self.times_of_large_ring()
            limits_s.append(LIMIT_IN_LARGE * made_s)
            freed_s += given_back_s
        return max(limits_s) + FREEINGS * freed_s

    def end_once(self, number: int, moment: float, arguments: tuple, options: dict) -> float:
        """The seconds that it took to end."""
        process = self.start(*arguments, start_new_session=True, **options)
        time.sleep(moment)
        sent = time.monotonic()
        process.send_signal(number)
        process.wait(timeout=60)
        taken_s = time.monotonic() - sent
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        self.await_that(lambda: not self.members_of(process.pid))
        self.assertFalse(list(Path("/dev/shm").glob(f"ringbell-*-{process.pid}")))
        if LARGE[1] in arguments:  # given up or done, and no other failure
            self.assertIn(process.returncode, (-number, 128 + number, 0))
        if arguments[0] in ("send", "replay"):  # the beginning of the stream is kept for a receiver
            self.assertEqual(self.ringbell("clean", "--yes").returncode, 0)
        self.assertEqual(self.left_names(), self.kept)
        self.assertEqual(list(self.scratch.iterdir()), [])
        return taken_s

    def time_of_version(self) -> float:
        begun = time.monotonic()
        self.assertEqual(self.ringbell("--version").returncode, 0)
        return time.monotonic() - begun

    def time_of_removal(self) -> float:
        copy = self.folder / "reference"
        shutil.copyfile(self.large, copy)
        begun = time.monotonic()
        copy.unlink()
        return time.monotonic() - begun

    def times_of_large_ring(self) -> tuple[float, float]:
        """To make it, and to give it back."""
        begun = time.monotonic()
        with self.start("send", *LARGE, "large", stdin=subprocess.PIPE) as sending:
            self.await_that(lambda: "large.ring" in self.left_names())
            made = time.monotonic()
            sending.kill()
        self.assertEqual(self.ringbell("clean", "--yes").returncode, 0)
        return made - begun, time.monotonic() - made

    def feed_of(self, name: str) -> subprocess.Popen[bytes]:
        """A sender that has sent and waits for its input to go on."""
        process = self.start("send", name, stdin=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write(b"x" * 1000)
        process.stdin.flush()
        self.await_that(lambda: self.has_come(name))
        return process

    def test_streams(self) -> None:
        self.end_at_moments("send", "feed", stdin=subprocess.PIPE)
        self.end_at_moments("send", *LARGE, "feed", stdin=subprocess.PIPE)
        with self.large.open("rb") as file:
            self.end_at_moments("send", "feed", stdin=file)
        self.end_at_moments("recv", "feed")

    def test_recordings(self) -> None:
        recording = str(self.folder / "recording")
        self.end_at_moments("record", "feed", "-o", recording)
        feeding = self.start("record", "fed", "-o", recording, "--count", "100000")
        sent = self.ringbell("send", "--raw", "--lines", "fed", input=b"a line\n" * 100_000)
        self.assertEqual((feeding.wait(timeout=60), sent.returncode), (0, 0))
        self.end_at_moments("replay", "--loop", recording, "feed")
        self.end_at_moments("replay", "--loop", "--max", recording, "feed")
        # Its output is a pipe that is not read, and soon full.
        self.end_at_moments("show", recording)
        self.end_at_moments("show", "--json", recording)

    def test_copies_leave_no_half_copy(self) -> None:
        copy = self.folder / "copy"

        def whole_or_none() -> None:
            if copy.exists():  # it was done before the signal; the next one must not find it
                self.assertEqual(copy.stat().st_size, self.large.stat().st_size)
                copy.unlink()

        for source, more in ((self.large, []), (self.pipe, []), (self.large, ["--progress"]),
                             (self.large, LARGE)):
            # A pipe that is open for writing somewhere has no end: the reading child blocks.
            held = os.open(self.pipe, os.O_RDWR)
            self.end_at_moments("cp", *more, str(source), str(copy), after=whole_or_none)
            os.close(held)

    def test_verifying(self) -> None:
        self.end_at_moments("cp", "--verify", str(self.large), str(self.folder / "copy"))

    def test_looks(self) -> None:
        self.feed_of("feed")
        self.kept = ["feed.ring"]
        self.end_at_moments("ls")
        self.end_at_moments("inspect", "feed")
        self.end_at_moments("top", "--interval", "5", stdin=subprocess.PIPE)
        self.end_at_moments("metrics")
        self.end_at_moments("metrics", "--textfile", str(self.folder / "metrics.prom"))
        self.end_at_moments("metrics", "--listen", "127.0.0.1:0")
        self.end_at_moments("explain", "memory")
        self.end_at_moments("doctor")
        self.assertEqual([path.name for path in self.folder.glob("metrics.prom.*")], [])

    def test_clean_and_drain_leave_what_is_in_use(self) -> None:
        self.feed_of("feed")
        self.feed_of("orders")
        (self.names / "orders.ring").rename(self.names / "orders.1.past")  # as if set aside
        self.kept = ["feed.ring"]
        self.end_at_moments("clean", stdin=subprocess.PIPE)
        self.end_at_moments("clean", "--yes")
        self.end_at_moments("drain", "orders")
        self.assertTrue((self.names / "orders.1.past").exists())

    def test_clean_while_it_asks(self) -> None:
        with self.start("send", "feed", stdin=subprocess.PIPE) as left:
            self.await_that(lambda: self.has_come("feed"))
            left.kill()
        process = self.start("clean", stdin=subprocess.PIPE)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=60), -signal.SIGTERM)
        self.assertEqual(self.left_names(), ["feed.ring"])

    def test_measurements(self) -> None:
        self.end_at_moments("bench", "latency", stdin=subprocess.DEVNULL)
        self.end_at_moments("compare", "--quick", "--json", str(self.folder / "rows"),
                            "--out", str(self.folder / "out"))
        self.end_at_moments("report", str(FIXTURE), "--out", str(self.folder / "out"))
        self.end_at_moments("report", str(FIXTURE), str(FIXTURE))

    def test_bridges_whose_server_does_not_come(self) -> None:
        server = "nats://127.0.0.1:1"
        self.feed_of("feed")
        self.kept = ["feed.ring"]
        config = self.folder / "bridge.toml"
        config.write_text(f'server = "{server}"\n[[out]]\nring = "feed"\nsubject = "a"\n',
                          encoding="utf-8")
        if b"libnats-dev" in self.ringbell("bridge", "check", str(config)).stderr:
            self.skipTest("ringbell was built without libnats; it is in the package libnats-dev")
        for arguments in (["out", "feed", "--subject", "a", "--to", server],
                          ["in", "new", "--subject", "a", "--from", server],
                          ["in", "new", "--subject", "a", "--durable", "--from", server],
                          ["service", "calls", "--subject", "a", "--to", server],
                          ["check", str(config)], ["run", str(config)]):
            self.end_at_moments("bridge", *arguments)

    def test_none_is_left_out(self) -> None:
        self.expect_all_subcommands(Path(__file__), "end_at_moments")


if __name__ == "__main__":
    unittest.main()
