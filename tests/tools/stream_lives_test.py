#!/usr/bin/python3
"""Random lives of `ringbell send` and `recv` on two names, with `clean`, `ls` and `rm` beside.

Some are killed, some interrupted, and now and then a name is removed under those that have it. What
must hold: what ends with 0 is whole, arrives once, and nowhere else; what does not says so and is a
beginning of one stream (with `--next`, of some, and then one that is whole); everything ends by
itself, and nothing is left. RINGBELL_LIVES_SECONDS (default 6) says how long, RINGBELL_SEED what is
rolled.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import signal
import subprocess
import threading
import time
import unittest
from dataclasses import dataclass, field
from pathlib import Path

from command_line import PATIENCE_S, PROGRAM, CommandTest

SECONDS = float(os.environ.get("RINGBELL_LIVES_SECONDS", "6"))
SEED = int(os.environ.get("RINGBELL_SEED", str(random.randrange(1 << 32))))
NAMES = ("a", "b")
WAIT_S = "1.5"
ENDS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
LARGEST = 6 << 20
LINE = 64  # the first one of a stream is no longer, and goes in one piece
BEGIN = re.compile(rb"stream \d+ of \d+ bytes\n")

DONE, FAILED, NOBODY, CUT, CUT_BEFORE = 0, 1, 3, 4, 6


@dataclass
class Life:
    name: str
    content: bytes          # what was sent, or what came
    status: int             # below zero: a signal ended it
    errors: str
    began: float
    goes_on: bool = False   # a receiver that goes on after a stream that was cut
    ended: float = field(default_factory=time.monotonic)

    @property
    def was_ended(self) -> bool:
        return self.status < 0 or self.status > 128

    @property
    def has_one_whole(self) -> bool:
        """The last one that came, or the one that was sent."""
        return self.status == DONE or (self.goes_on and self.status == CUT_BEFORE)

    @property
    def pieces(self) -> list[bytes]:
        """Of the streams that came, one each."""
        begins = {found.start() for found in BEGIN.finditer(self.content)}
        places = sorted({0, *begins, len(self.content)})
        return [self.content[begin:end] for begin, end in itertools.pairwise(places)]

    def overlaps(self, other: Life) -> bool:
        return self.name == other.name and self.began < other.ended and other.began < self.ended


def stream(number: int, random_source: random.Random) -> bytes:
    """One that no other looks like, from its first bytes on; a few are longer than the ring."""
    size = random_source.choice([0, 1, 1000, 70_000, random_source.randrange(LARGEST)])
    begin = f"stream {number} of {size} bytes\n".encode()
    return begin + random_source.randbytes(size)


class Campaign:
    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.sent: list[Life] = []
        self.received: list[Life] = []
        self.looked: list[tuple[list[str], int, str]] = []
        self.removed = 0
        self.hung: list[str] = []
        self.count = 0
        self.lock = threading.Lock()
        self.end = time.monotonic() + SECONDS

    def number(self) -> int:
        with self.lock:
            self.count += 1
            return self.count

    def is_over(self) -> bool:
        """On a machine that is busy with other things not before a stream has come whole."""
        late_s = time.monotonic() - self.end
        return late_s > PATIENCE_S or (late_s > 0 and any(life.status == DONE
                                                         for life in list(self.received)))

    def run(self, roll: random.Random, *arguments: str, content: bytes | None = None,
            into: Path | None = None) -> tuple[int, str]:
        """Feeds it in pieces, and ends it at a random moment in four of ten runs."""
        with open(into or os.devnull, "wb") as output:
            running = subprocess.Popen(
                [PROGRAM, *arguments], env=self.environment, stdout=output, stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL if content is None else subprocess.PIPE)
        if roll.random() < 0.4:
            killer = threading.Timer(roll.random() * 0.4, running.send_signal, [roll.choice(ENDS)])
            killer.start()
        if content is not None:
            self.feed(running, content, roll)
        try:
            _, errors = running.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            running.kill()
            _, errors = running.communicate()
            self.hung.append(" ".join(arguments))
        return running.returncode, errors.decode()

    @staticmethod
    def feed(running: subprocess.Popen[bytes], content: bytes, roll: random.Random) -> None:
        pipe, running.stdin = running.stdin, None
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):  # it ended before it had read all
            step = max(LINE, len(content) // roll.randrange(1, 6))
            for begin in range(0, len(content), step):
                pipe.write(content[begin:begin + step])
                pipe.flush()
                time.sleep(roll.random() * 0.02)
        with contextlib.suppress(BrokenPipeError):
            pipe.close()

    def send(self, seed: int) -> None:
        roll = random.Random(seed)
        while not self.is_over():
            name, began = roll.choice(NAMES), time.monotonic()
            content = stream(self.number(), roll)
            status, errors = self.run(roll, "send", "--wait", WAIT_S, name, content=content)
            with self.lock:
                self.sent.append(Life(name, content, status, errors, began))

    def receive(self, seed: int) -> None:
        roll = random.Random(seed)
        while not self.is_over():
            # Meanwhile what a sender left meets the next one.
            time.sleep(roll.choice([0, 1.5 * roll.random()]))
            name, began = roll.choice(NAMES), time.monotonic()
            into = self.folder / f"received{self.number()}"
            on = ["--next"] if roll.random() < 0.5 else []
            status, errors = self.run(roll, "recv", "--wait", WAIT_S, *on, name, into=into)
            with self.lock:
                self.received.append(
                    Life(name, into.read_bytes(), status, errors, began, bool(on)))
            into.unlink()

    def look(self, seed: int) -> None:
        roll = random.Random(seed)
        names = Path(self.environment["RINGBELL_DIR"])
        while not self.is_over():
            if roll.random() < 0.3:
                with contextlib.suppress(FileNotFoundError):
                    (names / f"{roll.choice(NAMES)}.ring").unlink()
                    self.removed += 1
            arguments = roll.choice([["ls"], ["ls", "--json"], ["clean", "--yes"]])
            ended = subprocess.run([PROGRAM, *arguments], env=self.environment, text=True,
                                   capture_output=True, timeout=PATIENCE_S, check=False)
            self.looked.append((arguments, ended.returncode, ended.stderr))
            time.sleep(roll.random() * 0.05)


class Lives(CommandTest):
    def campaign(self) -> Campaign:
        made = Campaign(self.folder, self.environment)
        roll = random.Random(SEED)
        threads = [threading.Thread(target=work, args=[roll.randrange(1 << 32)])
                   for work in [made.send] * 4 + [made.receive] * 3 + [made.look]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return made

    def test_what_ends_with_0_is_whole_and_arrives_once(self) -> None:
        made = self.campaign()
        with self.subTest(seed=SEED):
            self.assertEqual(made.hung, [], "did not end by itself")
            self.judge_statuses(made)
            self.judge_streams(made)
            for arguments, status, errors in made.looked:
                self.assertEqual((status, errors), (0, ""), arguments)
            self.assertEqual(self.ringbell("clean", "--yes").returncode, 0)
            self.assertEqual(self.left_names(), [])
        done = sum(life.has_one_whole for life in made.received)
        self.assertGreater(done, 0, "no stream arrived at all")
        print(f"seed {SEED}: {len(made.sent)} sends, {len(made.received)} recvs, {done} whole, "
              f"{sum(life.was_ended for life in made.sent + made.received)} ended by a signal, "
              f"{sum(life.status == CUT_BEFORE for life in made.received)} had another behind, "
              f"{made.removed} names removed")

    def judge_statuses(self, made: Campaign) -> None:
        refusals = "in use by pid|its beginning went to another receiver"
        for life in made.sent + made.received:
            if life.was_ended:
                continue
            self.assertIn(life.status, (DONE, FAILED, NOBODY, CUT, CUT_BEFORE), life.errors)
            # Also that of which the name was removed: its other side has not come, or has gone.
            self.assertRegex(life.errors, r"\A\Z" if life.status == DONE else r"\Aringbell: ")
            if life.status == FAILED:
                self.assertRegex(life.errors, refusals)
        # A sender is cut short by a receiver that was ended, never by one that ended well.
        for sent in made.sent:
            if sent.status == CUT:
                self.assertTrue(any(life.overlaps(sent) and life.status not in (DONE, NOBODY)
                                    for life in made.received), sent.errors)

    def judge_streams(self, made: Campaign) -> None:
        sent = {life.content.split(b"\n")[0]: life for life in made.sent}
        whole: set[bytes] = set()
        begun: set[bytes] = set()
        killed: set[bytes] = set()  # what a receiver had written when a signal ended it
        for life in made.received:
            pieces = life.pieces
            if life.status == DONE or not life.goes_on:
                self.assertEqual(len(pieces), int(life.has_one_whole or bool(life.content)))
            for piece in pieces:
                first = piece.split(b"\n")[0]
                self.assertIn(first, sent)
                self.assertTrue(sent[first].content.startswith(piece),
                                f"{first!r} goes on with something else")
                if life.was_ended:
                    killed.add(piece)
                else:
                    self.assertNotIn(first, begun, "it arrived more than once")
                    begun.add(first)
            if life.has_one_whole:
                first = pieces[-1].split(b"\n")[0]
                self.assertEqual(sent[first].content, pieces[-1], "it is not whole")
                whole.add(first)
        for first, life in sent.items():
            if life.status == DONE:
                self.assertTrue(first in whole or life.content in killed,
                                f"{first!r} was said to be taken, and did not arrive")


class AfterADeadOne(CommandTest):
    def cut(self, name: str) -> None:
        """A stream of which one line was sent before its sender died."""
        sending = self.start("send", "--lines", name, stdin=subprocess.PIPE)
        assert sending.stdin is not None
        sending.stdin.write(b"cut\n")
        sending.stdin.flush()
        self.await_that(lambda: self.has_come(name) and b'"records": 2' in self.records(name))
        sending.kill()
        sending.wait()

    def records(self, name: str) -> bytes:
        return self.ringbell("inspect", "--json", name).stdout

    def test_the_next_stream_goes_whole_to_the_next_receiver(self) -> None:
        self.cut("x")
        sending = self.start("send", "--lines", "x", stdin=subprocess.PIPE)
        assert sending.stdin is not None
        sending.stdin.write(b"whole\n")
        sending.stdin.close()
        self.await_that(lambda: b'"records": 2' not in self.records("x"))  # it has joined
        first = self.ringbell("recv", "x")
        self.assertEqual((first.returncode, first.stdout), (CUT_BEFORE, b"cut\n"))
        self.expect_line(first.stderr.decode(), "died before the end .* another stream follows")
        self.assertIsNone(sending.poll(), "its sender waits for the next receiver")
        second = self.ringbell("recv", "x")
        self.assertEqual((second.returncode, second.stdout), (DONE, b"whole\n"))
        self.assertEqual(sending.wait(timeout=PATIENCE_S), DONE)
        self.assertEqual(self.left_names(), [])

    def test_or_to_this_one_if_it_is_asked_to_go_on(self) -> None:
        self.cut("x")
        sending = self.start("send", "--lines", "x", stdin=subprocess.PIPE)
        assert sending.stdin is not None
        sending.stdin.write(b"whole\n")
        sending.stdin.close()
        self.await_that(lambda: b'"records": 2' not in self.records("x"))  # it has joined
        both = self.ringbell("recv", "--next", "x")
        self.assertEqual((both.returncode, both.stdout), (CUT_BEFORE, b"cut\nwhole\n"))
        self.assertEqual(sending.wait(timeout=PATIENCE_S), DONE)

    def test_a_stream_that_was_cut_alone_is_truncated(self) -> None:
        self.cut("x")
        ended = self.ringbell("recv", "x")
        self.assertEqual((ended.returncode, ended.stdout), (CUT, b"cut\n"))
        self.assertEqual(self.left_names(), [])


if __name__ == "__main__":
    unittest.main()
