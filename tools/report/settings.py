"""Placements and waits: the classes of rows that may fairly stand in one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from report.load import Figure, Results, Row, figure_of

# In the order of the tables; transports that are not named here follow under their own name.
TRANSPORTS = {
    "ringbell": "ringbell",
    "ringbell_asleep": "ringbell, never spinning:",
    "ringbell_uring": "ringbell + io_uring",
    "pipe": "pipe (64 KiB)",
    "pipe_1m": "pipe (1 MiB)",
    "vmsplice": "pipe by vmsplice",
    "splice": "splice through a pipe",
    "sendfile": "sendfile",
    "copy_file_range": "copy_file_range",
    "fifo": "FIFO",
    "unix_stream": "UNIX stream",
    "unix_seqpacket": "UNIX seqpacket",
    "posix_mq": "POSIX queue",
    "sysv_mq": "System V queue",
    "tcp": "TCP loopback",
}
# Rings of core, bare, which have a section of their own, and what each is.
RINGS = {
    "ringbell_mpmc": "MpmcRing",
    "ringbell_fan_in": "FanIn, 64 idle lanes",
    "ringbell_broadcast": "BroadcastRing, lossless",
    "ringbell_lossy": "BroadcastRing, lossy",
    "ringbell_call": "CallLine",
}
# Other libraries, which have a section of their own too.
PEERS = {
    "zeromq": "ZeroMQ",
    "nng": "nng",
    "boost_queue": "Boost message_queue",
    "iceoryx": "iceoryx",
    "iceoryx2": "iceoryx2",
    "aeron": "Aeron",
}
# Ends of rings of many, in rows of the bench `scale`.
ENDS = {
    "ringbell_topic": "ringbell topic",
    "ringbell_lossy_topic": "ringbell topic, lossy",
    "ringbell_collector": "ringbell collector",
    "ringbell_queue": "ringbell queue",
}
AWAKE = ("spin", "polled")
ASLEEP = ("park", "eventfd", "blocking")


@dataclass(frozen=True)
class Setting:
    """One class: a placement, whether the waiting side sleeps, and with which kind of wake-up."""

    slug: str  # in file names
    title: str
    placement: str
    waits: tuple[str, ...]
    quick_wake: bool
    note: str

    def has(self, row: Row) -> bool:
        """Whether the row belongs here. Rows that never sleep have no kind of wake-up."""
        return (row.placement == self.placement and row.wait in self.waits
                and (self.waits == AWAKE or row.quick_wake == self.quick_wake))

    def match(self, wait: str) -> dict[str, Any]:
        """The fields that select this class's rows of one wait."""
        fields: dict[str, Any] = {"placement": self.placement, "wait": wait}
        return fields if self.waits == AWAKE else {**fields, "quick_wake": self.quick_wake}

    @property
    def kernel_wait(self) -> str:
        """How the kernel's transports wait in this class."""
        return self.waits[-1]


SETTINGS = (
    Setting("two_cpus_polled", "Awake: spinning or polled, each process on its own CPU",
            "two_cpus", AWAKE, False,
            "The fair fight: no side sleeps, so no scheduler and no wake-up is in the figures."),
    Setting("one_cpu_sleeping", "Asleep, both processes on one CPU",
            "one_cpu", ASLEEP, False,
            "Every message costs a switch from one process to the other."),
    Setting("two_cpus_sleeping", "Asleep, each process on its own CPU, the machine as it is",
            "two_cpus", ASLEEP, False,
            "A halted CPU has to be woken first, which on a virtual machine is the hypervisor's "
            "work: it dwarfs what the transports do."),
    Setting("two_cpus_sleeping_quick", "Asleep, each process on its own CPU, quick wake-ups",
            "two_cpus", ASLEEP, True,
            "The same while /dev/cpu_dma_latency is held at 0, for every transport."),
    Setting("one_cpu_polled", "Awake, both processes on one CPU",
            "one_cpu", AWAKE, False,
            "A side that finds nothing yields the CPU (sched_yield) and looks again."),
    Setting("one_cpu_sleeping_quick", "Asleep, both processes on one CPU, quick wake-ups",
            "one_cpu", ASLEEP, True,
            "For completeness: one CPU that is never idle has no halt to avoid."),
)


def order(transport: str, wait: str) -> tuple[int, str, int]:
    """The place of a row in every table."""
    names, waits = [*TRANSPORTS, *PEERS], ("spin", "park", "eventfd", "polled", "blocking")
    place = names.index(transport) if transport in names else len(names)
    return place, transport, waits.index(wait) if wait in waits else len(waits)


def label(transport: str, wait: str) -> str:
    """What a person calls the row; the kernel's wait is clear from the table."""
    name = {**TRANSPORTS, **RINGS, **PEERS, **ENDS}.get(transport, transport)
    return f"{name} {wait}" if wait in ("spin", "park", "eventfd") else name


def is_peer(row: Row) -> bool:
    """Whether it is of another library: built in, or measured by a program of its own."""
    return row.transport in PEERS or bool(row.raw.get("guest"))


def members(results: Results, bench: str, setting: Setting) -> list[tuple[str, str]]:
    """(transport, wait) of every plain row of `bench` in this class, in table order.

    Not those of the bare rings and of other libraries, which have tables of their own.
    """
    found = {(r.transport, r.wait) for r in results.select(bench)
             if setting.has(r) and r.transport not in RINGS and not is_peer(r)}
    return sorted(found, key=lambda member: order(*member))


def peer_members(results: Results, bench: str, setting: Setting) -> list[tuple[str, str]]:
    """ringbell and the other libraries, in table order; none if there is no other library."""
    found = {(r.transport, r.wait) for loaned in (False, True)
             for r in results.select(bench, loaned=loaned)
             if setting.has(r) and (is_peer(r) or r.transport == "ringbell")}
    others = any(transport != "ringbell" for transport, _ in found)
    return sorted(found, key=lambda member: order(*member)) if others else []


def message_sizes(results: Results, bench: str) -> list[int]:
    """Every message size of `bench`, in bytes."""
    return sorted({r.message_bytes for r in results.rows if r.bench == bench})


def pipe(results: Results, bench: str, metric: str, setting: Setting, message_bytes: int) -> Figure:
    """The plain pipe's figure in this class."""
    return results.figure(bench, metric, transport="pipe", message_bytes=message_bytes,
                          **setting.match(setting.kernel_wait))


def beside(results: Results, bench: str, metric: str, message_bytes: int,
           transport: str = "ringbell") -> Figure:
    """The floor measured right before and after a spinning row on two CPUs."""
    return results.figure(bench, metric, transport=transport, wait="spin", placement="two_cpus",
                          message_bytes=message_bytes)


def latency_floor(results: Results, setting: Setting, wait: str, message_bytes: int) -> Figure:
    """The round trip in ns that nothing of this wait can beat here: bare lines, futex, eventfd."""
    if setting.waits == AWAKE and setting.placement == "two_cpus":
        near = beside(results, "round_trip", "floor_p50_ns", message_bytes)
        if near:
            return near
    if setting.waits == AWAKE:
        return results.figure("floor", "p50_ns", transport="ring_of_lines",
                              placement=setting.placement, message_bytes=message_bytes)
    name = "eventfd" if wait == "eventfd" else "futex"
    return results.figure("floor", "p50_ns", transport=name, placement=setting.placement,
                          quick_wake=setting.quick_wake)


def memcpy_floor(results: Results, message_bytes: int) -> Figure:
    """memcpy's bytes per second at this size: beside ringbell's row, else at the start."""
    near = beside(results, "throughput", "floor_bytes_per_s", message_bytes)
    if near:
        return near
    def rate(row: Row) -> float | None:
        ns = row.number("p50_ns")
        return row.number("bytes_per_s") or (message_bytes / ns * 1e9 if ns else None)

    rows = results.select("floor", transport="memcpy", message_bytes=message_bytes)
    first = {r.placement for r in rows}
    placement = "two_cpus" if "two_cpus" in first else "one_cpu"
    return figure_of([r for r in rows if r.placement == placement], rate)
