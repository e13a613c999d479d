"""Measures ringbell for Python beside what Python has: two processes, forked, on this machine.

usage: bench.py [--quick] [--repeats N] [--write FILE]

Each row is the median of several runs, taken in turn so that all meet the same machine; messages
are numbered and checked. Baseline: multiprocessing.Pipe with send_bytes, which does not pickle.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import platform
import resource
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import shared_memory
from typing import Any

try:
    import numpy as np
    import ringbell
except ImportError as missing:
    sys.exit(f"ringbell: Python has no {missing.name or missing}; the benchmark takes "
             "python3-ringbell (or `pip install .` in the sources) and python3-numpy, and "
             "measures python3-zmq too")

try:
    import zmq
except ImportError:
    zmq = None  # left out

FRAME = (1080, 1920, 3)
FRAME_BYTES = 1080 * 1920 * 3
NUMBER = struct.Struct("<Q")
Send = Callable[[bytes], object]
Receive = Callable[[], bytes]


class Way:
    """A way for messages from one process to another. Ends are opened in their own process."""

    name = ""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes

    def sender(self) -> Send:
        raise NotImplementedError

    def receiver(self) -> Receive:
        raise NotImplementedError


class Ringbell(Way):
    name = "ringbell"
    wait = ringbell.Wait()

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.ring = ringbell.Ring.channel(capacity_bytes=max(1 << 18, 4 * size_bytes))

    def sender(self) -> Send:
        self.end: Any = ringbell.Sender.open(self.ring, wait=self.wait)
        return self.end.send

    def receiver(self) -> Receive:
        self.end = ringbell.Receiver.open(self.ring, wait=self.wait)
        return self.end.receive


class RingbellSpinning(Ringbell):
    name = "ringbell, spinning"
    wait = ringbell.Wait(kind="spin")


class RingbellInPlace(Ringbell):
    """Frames are handed over where they stand."""

    name = "ringbell, in place"

    def sender(self) -> Send:
        super().sender()

        def send(message: bytes) -> None:
            with self.end.loan_array(self.size_bytes) as a:
                a[:8] = np.frombuffer(message[:8], "u1")
        return send

    def receiver(self) -> Receive:
        super().receiver()
        arrays = self.end.arrays("u1", self.size_bytes)
        return lambda: next(arrays)[:8].tobytes()


class Pipe(Way):
    name = "multiprocessing.Pipe, send_bytes"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.reader, self.writer = multiprocessing.Pipe(duplex=False)

    def sender(self) -> Send:
        return self.writer.send_bytes

    def receiver(self) -> Receive:
        return self.reader.recv_bytes


class PicklingPipe(Pipe):
    name = "multiprocessing.Pipe, send"

    def sender(self) -> Send:
        return self.writer.send

    def receiver(self) -> Receive:
        return self.reader.recv


class Queue(Way):
    name = "multiprocessing.Queue"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.queue: Any = multiprocessing.Queue(64 if size_bytes < 1 << 20 else 4)

    def sender(self) -> Send:
        return lambda message: self.queue.put(bytes(message))  # it is pickled later

    def receiver(self) -> Receive:
        return self.queue.get


class SharedMemory(Way):
    """One place, handed to and fro under a Condition; copied in and out."""

    name = "shared_memory and Condition"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.memory = shared_memory.SharedMemory(create=True, size=size_bytes)
        self.turn = multiprocessing.Condition()
        self.full = multiprocessing.Value("b", 0, lock=False)

    def sender(self) -> Send:
        def send(message: bytes) -> None:
            with self.turn:
                while self.full.value:
                    self.turn.wait()
                self.memory.buf[:len(message)] = message
                self.full.value = 1
                self.turn.notify()
        return send

    def receiver(self) -> Receive:
        def receive() -> bytes:
            with self.turn:
                while not self.full.value:
                    self.turn.wait()
                message = bytes(self.memory.buf[:self.size_bytes])
                self.full.value = 0
                self.turn.notify()
                return message
        return receive

    def __del__(self) -> None:
        self.memory.close()
        if multiprocessing.parent_process() is None:
            self.memory.unlink()


class PlainPipe(Way):
    name = "os.pipe"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.reader, self.writer = os.pipe()

    def sender(self) -> Send:
        def send(message: bytes) -> None:
            left = memoryview(message)
            while left:
                left = left[os.write(self.writer, left):]
        return send

    def receiver(self) -> Receive:
        def receive() -> bytes:
            parts = os.read(self.reader, self.size_bytes)
            if len(parts) == self.size_bytes:
                return parts
            whole = bytearray(parts)
            while len(whole) < self.size_bytes:
                whole += os.read(self.reader, self.size_bytes - len(whole))
            return bytes(whole)
        return receive

    def __del__(self) -> None:
        os.close(self.reader)
        os.close(self.writer)


class ZeroMq(Way):
    name = "pyzmq, PUSH and PULL over ipc"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.folder = tempfile.TemporaryDirectory()
        self.address = f"ipc://{self.folder.name}/z"

    def sender(self) -> Send:
        self.socket = CONTEXT().socket(zmq.PUSH)
        self.socket.connect(self.address)
        return self.socket.send

    def receiver(self) -> Receive:
        self.socket = CONTEXT().socket(zmq.PULL)
        self.socket.bind(self.address)
        return self.socket.recv

    def __del__(self) -> None:
        self.socket.close(linger=0)


WAYS: list[type[Way]] = [Ringbell, RingbellSpinning, Pipe, PicklingPipe, Queue, SharedMemory,
                         PlainPipe]
if zmq is not None:
    WAYS.append(ZeroMq)
    CONTEXT = zmq.Context.instance  # one in each process


CPUS = sorted(os.sched_getaffinity(0))


@contextmanager
def child(body: Callable[[], None]) -> Iterator[None]:
    """Runs body, which has no end of its own, in another process on another CPU."""
    def run() -> None:
        os.sched_setaffinity(0, {CPUS[-1]})
        body()

    os.sched_setaffinity(0, {CPUS[0]})
    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    try:
        yield
        assert process.exitcode is None, "the other process failed"
    finally:
        process.kill()
        process.join()


def wrong(number: int) -> AssertionError:
    return AssertionError(f"message {number} is not what was sent")


def rate(work: Callable[[range], None], seconds: float) -> float:
    """How many numbers a second work() is done with, after a warm-up of a fifth of the time."""
    number = 0
    found = 0.0
    for span in (seconds / 5, seconds):
        first, start = number, time.perf_counter()
        batch = 1
        while (spent := time.perf_counter() - start) < span:
            work(range(number, number + batch))
            number += batch
            batch = max(1, int((number - first) / (time.perf_counter() - start) / 100))
        found = (number - first) / spent
    return found


def cpu_seconds() -> float:
    """What this process and the children that it has waited for have computed."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def stream(kind: type[Way], size_bytes: int, seconds: float) -> tuple[float, float]:
    """Messages a second, one way, and the CPU time of a message, of both sides together."""
    way = kind(size_bytes)
    rest = bytes(size_bytes - NUMBER.size)

    def send_all() -> None:
        send, pack = way.sender(), NUMBER.pack
        if size_bytes < 4096:
            for number in itertools.count():
                send(pack(number) + rest)
        message: Any = bytearray(size_bytes)
        for number in itertools.count():
            NUMBER.pack_into(message, 0, number)
            send(message)

    before = cpu_seconds()
    counted = 0

    def receive_all(numbers: range) -> None:
        nonlocal counted
        for number in numbers:
            if unpack(receive())[0] != number:
                raise wrong(number)
        counted = numbers.stop

    with child(send_all):
        receive, unpack = way.receiver(), NUMBER.unpack_from
        found = rate(receive_all, seconds)
    return found, (cpu_seconds() - before) / counted


def round_trip(kind: type[Way], size_bytes: int, seconds: float) -> tuple[float, ...]:
    """Seconds of a round trip: the median of all, each timed by itself."""
    to, back = kind(size_bytes), kind(size_bytes)

    def echo() -> None:
        receive, send = to.receiver(), back.sender()
        while True:
            send(receive())

    with child(echo):
        send, receive = to.sender(), back.receiver()
        took: list[int] = []

        def call(numbers: range) -> None:
            for number in numbers:
                message = NUMBER.pack(number)
                start = time.perf_counter_ns()
                send(message)
                answer = receive()
                took.append(time.perf_counter_ns() - start)
                if answer != message:
                    raise wrong(number)

        rate(call, seconds)
    return (statistics.median(took[len(took) // 6:]) / 1e9,)


Rows = dict[str, tuple[float, ...]]


def measure(ways: list[type[Way]], run: Callable[[type[Way]], tuple[float, ...]],
            repeats: int) -> Rows:
    """The medians of each value that run() returns."""
    found: dict[str, list[tuple[float, ...]]] = {}
    for _ in range(repeats):
        for way in ways:
            found.setdefault(way.name, []).append(run(way))
    return {name: tuple(map(statistics.median, zip(*values))) for name, values in found.items()}


def machine() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        cpu = next((line.split(":", 1)[1].strip() for line in info if "model name" in line), "?")
    load = os.getloadavg()[0]
    others = (f"busy with other work: a load of {load:.1f} before the run"
              if load > 0.5 else "idle before the run")
    return (f"{cpu}, {os.cpu_count()} CPUs, {others}. Linux {platform.release()}, Python "
            f"{platform.python_version()}, ringbell {ringbell.__version__}, nice "
            f"{os.getpriority(os.PRIO_PROCESS, 0)}")


def table(title: str, heads: list[str], rows: Rows, texts: list[Callable[[float], str]],
          larger_is_better: list[bool]) -> list[str]:
    """Each value with how many times better it is than the baseline's."""
    lines = ["", "| " + " | ".join([title, *heads]) + " |",
             "| --- |" + " ---: |" * len(heads)]
    for name, values in rows.items():
        cells = [name]
        for value, base, text, larger in zip(values, rows[Pipe.name], texts, larger_is_better):
            ratio = value / base if larger else base / value
            cells.append(f"{text(value)} ({ratio:.1f} x)")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def goal(what: str, here: str, reached: bool) -> str:
    return f"| {what} | {here} | {'yes' if reached else 'no'} |"


def stream_table(title: str, unit: str, rows: Rows) -> list[str]:
    return table(title, [f"{unit} a second", "CPU time of each"], rows,
                 [lambda v: f"{v:,.0f}", lambda v: f"{v * 1e6:,.2f} us"], [True, False])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="once, and a fifth of the time")
    parser.add_argument("--repeats", type=int, default=5, help="how many runs of each (5)")
    parser.add_argument("--write", metavar="FILE", help="also write the tables to this file")
    options = parser.parse_args()
    seconds, repeats = (0.2, 1) if options.quick else (1.0, options.repeats)
    lines = ["# ringbell for Python, measured", "",
             "Written by `./dev python bench --write FILE`. Medians of "
             f"{repeats} runs of {seconds} s; messages one way, and round trips, between two "
             "forked processes, each on its own CPU.", "", machine() + "."]
    if len(CPUS) == 1:
        WAYS.remove(RingbellSpinning)  # it needs a CPU to itself
        lines[2] = lines[2].replace("each on its own CPU", "both on the only CPU")
    goals = []
    for size in (8, 1024):
        rows = measure(WAYS, lambda way, s=size: stream(way, s, seconds), repeats)
        lines += stream_table(f"{size} bytes, one way", "messages", rows)
        times = rows[Ringbell.name][0] / rows[Pipe.name][0]
        goals.append(goal(f"messages of {size} bytes: 5 x multiprocessing.Pipe or more",
                          f"{times:.1f} x", times >= 5))
    rows = measure(WAYS, lambda way: round_trip(way, 8, seconds), repeats)
    lines += table("8 bytes, to and back", ["median"], rows, [lambda v: f"{v * 1e6:,.2f} us"],
                   [False])
    spun = rows.get(RingbellSpinning.name, rows[Ringbell.name])[0] * 1e6
    goals.append(goal("a round trip, spinning: less than 2 us", f"{spun:.2f} us", spun < 2))
    rows = measure([RingbellInPlace, *WAYS], lambda way: stream(way, FRAME_BYTES, seconds), repeats)
    lines += stream_table("frames of 1920 x 1080 x 3 bytes, one way", "frames", rows)
    times = rows[RingbellInPlace.name][0] / rows[Pipe.name][0]
    goals.append(goal("frames in place: 20 x multiprocessing.Pipe or more", f"{times:.0f} x",
                      times >= 20))
    lines += ["", "| goal | here | reached |", "| --- | ---: | --- |", *goals]
    lines += ["", "In brackets: how many times better than multiprocessing.Pipe with send_bytes, "
              "which does not pickle. CPU time is of both sides together. In place, a frame is "
              "handed over: its number is written into it and read there; all others copy it."]
    print("\n".join(lines))
    if options.write:
        with open(options.write, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
