"""Made-up rows with plausible values, in the form that a comparison writes."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Iterator
from typing import Any

SIZES = (8, 56, 256, 1024, 4096, 65536, 1048576)
QUICK_SIZES = (8, 56, 4096, 65536)
KERNEL = {  # base round trip in ns, bytes per ns, polled and on two CPUs
    "pipe": (1780, 3.3), "pipe_1m": (1800, 4.2), "fifo": (1850, 3.2), "unix_stream": (3400, 7.5),
    "unix_seqpacket": (2900, 8.9), "posix_mq": (2050, 3.4), "sysv_mq": (2270, 2.7),
    "tcp": (5700, 5.1)}
QUEUES = {"posix_mq": 8192, "sysv_mq": 8192}
WAKE_NS = {("two_cpus", False): 70e3, ("two_cpus", True): 3.2e3,
           ("one_cpu", False): 1.0e3, ("one_cpu", True): 1.0e3}
FILE_BYTES = 268435456


class Synthetic:
    """Plausible rows; the same seed gives the same rows."""

    def __init__(self, sizes: tuple[int, ...], repeats: int, seed: int = 2) -> None:
        self.sizes, self.repeats = sizes, repeats
        self.random = random.Random(seed)

    def rows(self, mode: str, dirty: bool) -> Iterator[dict[str, Any]]:
        """The whole file, meta first."""
        yield {"bench": "meta", "commit": "3f9c2d7a81b04e5596aa0c1d2e3f405162738495",
               "dirty": dirty, "cpu": "Synthetic CPU @ 2.60GHz", "kernel": "6.18.0",
               "compiler": "g++ 12.2.0", "flags": "-O3 -march=x86-64-v3",
               "date": "2026-11-21T04:05:06Z", "cpus": [0, 1], "mode": mode,
               "repeats": self.repeats, "hypervisor": "KVM", "capacity_bytes": 262144,
               "doctor": [
                   {"name": "kernel", "level": "good", "figure": "6.18.0", "why": "newer is better",
                    "remedy": ""},
                   {"name": "idle", "level": "costs", "figure": "driver none, governor none",
                    "why": "a halted CPU has to be woken", "remedy": "echo 1 | tee /sys/x"}]}
        for repeat in range(self.repeats):
            yield from self._floors(repeat)
            for transport, wait, placement, quick in self._who():
                for size in self.sizes:
                    yield from self._measure(transport, wait, placement, quick, size, repeat)
            yield from self._apart(repeat)
            yield from self._asleep(repeat)
            yield from self._rings(repeat)
            yield from self._open_loop(repeat)
            yield from self._files(repeat)
        yield {"bench": "round_trip", "transport": "tcp", "wait": "polled",
               "placement": "one_cpu", "message_bytes": 8, "error": "no loopback | here"}

    def _noise(self, value: float) -> float:
        return round(value * self.random.uniform(0.97, 1.03), 1)

    def _who(self) -> Iterator[tuple[str, str, str, bool | None]]:
        for placement in ("two_cpus", "one_cpu"):
            yield "ringbell", "spin", placement, None
            yield from ((t, "polled", placement, None) for t in KERNEL
                        if (t, placement) != ("tcp", "one_cpu"))
            for quick in (False, True) if placement == "two_cpus" else (False,):
                yield "ringbell", "park", placement, quick
                yield "ringbell", "eventfd", placement, quick
                yield from ((t, "blocking", placement, quick) for t in KERNEL)

    def _measure(self, transport: str, wait: str, placement: str, quick: bool | None, size: int,
                 repeat: int) -> Iterator[dict[str, Any]]:
        base, speed = KERNEL.get(transport, (290.0, 17.5))
        key = {"transport": transport, "wait": wait, "placement": placement,
               "message_bytes": size, "repeat": repeat}
        if quick is not None:
            key["quick_wake"] = quick
        if size > QUEUES.get(transport, size):
            key |= {"split": True, "parts": -(-size // QUEUES[transport])}
        sleep = 0.0 if quick is None else WAKE_NS[(placement, quick)]
        busy = 900.0 if placement == "one_cpu" and quick is None else 0.0
        p50 = self._noise(base + sleep + busy + 2 * size / speed)
        yield {"bench": "round_trip", **key, "samples": 10000 if sleep else 100000, "p50_ns": p50,
               "p90_ns": p50 * 1.1, "p99_ns": p50 * 1.6, "p999_ns": p50 * 6, "max_ns": p50 * 90}
        cost = 4.9 if transport == "ringbell" else base / 4
        rate = self._noise(1e9 / (cost + size / speed))
        spins = transport == "ringbell" and wait == "spin"
        limit = {"limit_per_s": round(1.3 * rate, 1)} if spins else {}
        yield {"bench": "throughput", **key, "messages_per_s": rate, "bytes_per_s": rate * size,
               "verified": True, **limit}

    def _apart(self, repeat: int) -> Iterator[dict[str, Any]]:
        spin = {"transport": "ringbell", "wait": "spin", "placement": "two_cpus",
                "repeat": repeat}
        for size in self.sizes:
            p50 = self._noise(295)
            yield {"bench": "round_trip", **spin, "message_bytes": size, "loaned": True,
                   "samples": 100000, "p50_ns": p50, "p90_ns": p50 * 1.1, "p99_ns": p50 * 1.5,
                   "p999_ns": p50 * 5, "max_ns": p50 * 80}
        for transport, wait, size, per_s in (
                ("ringbell", "spin", 8, 430e6), ("ringbell", "spin", 56, 120e6),
                ("pipe", "polled", 8, 24e6), ("pipe", "polled", 56, 21e6)):
            rate = self._noise(per_s)
            yield {"bench": "throughput", **spin, "transport": transport, "wait": wait,
                   "message_bytes": size, "batch": 16, "messages_per_s": rate,
                   "bytes_per_s": rate * size, "verified": True}
        yield {"bench": "throughput", **spin, "message_bytes": 4096, "checksum": True,
               "messages_per_s": 1e6, "bytes_per_s": 4096e6, "verified": True}

    def _asleep(self, repeat: int) -> Iterator[dict[str, Any]]:
        for quick in (False, True):
            p50 = self._noise(WAKE_NS[("two_cpus", quick)] + 800)
            yield {"bench": "round_trip", "transport": "ringbell", "wait": "park",
                   "placement": "two_cpus", "quick_wake": quick, "spin_first": False,
                   "message_bytes": 56, "repeat": repeat, "samples": 10000, "p50_ns": p50,
                   "p90_ns": p50 * 1.1, "p99_ns": p50 * 1.5, "p999_ns": p50 * 5,
                   "max_ns": p50 * 80}

    def _rings(self, repeat: int) -> Iterator[dict[str, Any]]:
        for ring, ns in (("mpmc", 310), ("fan_in", 300), ("broadcast", 290), ("lossy", 295),
                         ("call", 140)):
            for size in self.sizes:
                key = {"transport": f"ringbell_{ring}", "wait": "spin", "placement": "two_cpus",
                       "message_bytes": size, "repeat": repeat}
                p50 = self._noise(ns)
                floor = {"floor_p50_ns": self._noise(135 if ring == "call" else 281)}
                yield {"bench": "round_trip", **key, "samples": 100000, "p50_ns": p50,
                       "p90_ns": p50 * 1.1, "p99_ns": p50 * 1.5, "p999_ns": p50 * 5,
                       "max_ns": p50 * 80, **(floor if size == 8 else {})}
                if ring not in ("lossy", "call"):
                    rate = self._noise(1e9 / (ns / 60 + size / 17.5))
                    yield {"bench": "throughput", **key, "messages_per_s": rate,
                           "bytes_per_s": rate * size, "verified": True}

    def _open_loop(self, repeat: int) -> Iterator[dict[str, Any]]:
        for transport, wait in (("ringbell", "spin"), ("pipe", "polled"), ("tcp", "polled")):
            base, _ = KERNEL.get(transport, (290.0, 0.0))
            capacity = self._noise(2e9 / base)
            for load in (0.1, 0.5, 0.9):
                p50 = self._noise(base / 2 / (1 - load))
                yield {"bench": "open_loop", "transport": transport, "wait": wait,
                       "placement": "two_cpus", "message_bytes": 56, "load": load,
                       "rate_intended_per_s": capacity * load, "repeat": repeat,
                       "capacity_per_s": capacity, "rate_achieved_per_s": capacity * load,
                       "samples": 40000, "p50_ns": p50, "p90_ns": p50 * 2, "p99_ns": p50 * 8,
                       "p999_ns": p50 * 90, "max_ns": p50 * 900, "verified": True}

    def _floors(self, repeat: int) -> Iterator[dict[str, Any]]:
        for name, size, p50 in (("two_lines", 8, 290), ("one_line", 48, 135),
                                ("ring_of_lines", 8, 281), ("ring_of_lines", 56, 283)):
            yield {"bench": "floor", "name": name, "message_bytes": size, "repeat": repeat,
                   "placement": "two_cpus", "p50_ns": self._noise(p50)}
        for size in self.sizes:
            yield {"bench": "floor", "name": "memcpy", "message_bytes": size, "repeat": repeat,
                   "placement": "two_cpus", "bytes_per_s": self._noise(20e9)}
        for name in ("futex", "eventfd"):
            for (placement, quick), wake in WAKE_NS.items():
                yield {"bench": "floor", "name": name, "placement": placement, "repeat": repeat,
                       "quick_wake": quick, "message_bytes": 0, "p50_ns": self._noise(wake + 700)}

    def _files(self, repeat: int) -> Iterator[dict[str, Any]]:
        ours = [("ringbell", "spin"), ("ringbell", "park"), ("ringbell_uring", "park")]
        for transport, wait in ours + [(t, w) for t in KERNEL for w in ("polled", "blocking")]:
            copies = 2.0 if transport.startswith("ringbell") else 4.0
            wrapped = FILE_BYTES * 2 if transport in QUEUES else 0
            speed = self._noise(2.1e9 if copies == 2.0 else 1.2e9)
            yield {"bench": "file_copy", "transport": transport, "wait": wait, "repeat": repeat,
                   "placement": "two_cpus", "file_bytes": FILE_BYTES,
                   "kernel_copied_bytes": int(FILE_BYTES * copies) - wrapped,
                   "wrapper_copied_bytes": wrapped, "copies_per_byte": copies,
                   "seconds": FILE_BYTES / speed, "bytes_per_s": speed, "sha256_match": True,
                   **({"quick_wake": False} if wait not in ("spin", "polled") else {}),
                   **({"note": "queue bytes counted by the wrapper"} if wrapped else {})}


def quick_run() -> str:
    """The text of fixture.jsonl."""
    return "".join(json.dumps(row, separators=(",", ":")) + "\n"
                   for row in Synthetic(QUICK_SIZES, 1).rows("quick", True))


@functools.cache
def full_run() -> list[dict[str, Any]]:
    """Every size, three repeats."""
    return list(Synthetic(SIZES, 3).rows("full", False))
