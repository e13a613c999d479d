"""What the project set out to reach, each target computed from the rows of one run.

None that is met by construction: document.LEFT_OUT says which those are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from report import text
from report.load import Figure, Results, figure_of
from report.settings import SETTINGS, latency_floor
from report.tables import copies_per_byte, file_groups, file_speed

SPIN = {"transport": "ringbell", "wait": "spin", "placement": "two_cpus"}
PIPE = {"transport": "pipe", "placement": "two_cpus"}
READ_AND_WRITE = ("pipe", "pipe_1m")
# From what a line takes to and fro on, two CPUs share no cache.
FAR_NS = 180


@dataclass(frozen=True)
class Target:
    """One line of the table; `met` is None where a row that it needs is missing."""

    what: str
    wanted: str
    got: str
    met: bool | None
    remark: str = ""


def _precise(value: float, limit: float) -> str:
    """A ratio with enough digits that its rounding does not hide on which side it lies."""
    digits = 3
    while digits < 6 and float(text.significant(value, digits)) == limit != value:
        digits += 1
    return text.significant(value, digits) + "×"


def _ratio(what: str, value: Figure, limit: float, at_most: bool, remark: str = "") -> Target:
    wanted = f"{'≤' if at_most else '≥'} {text.ratio(limit)}"
    if not value:
        return Target(what, wanted, text.NOTHING, None, remark)
    met = value.median <= limit if at_most else value.median >= limit
    spread = text.spread(value, text.ratio)
    got = _precise(value.median, limit) + (f"<br><sub>{spread}</sub>" if spread else "")
    return Target(what, wanted, got, met, remark)


def _rate(what: str, value: Figure, limit_per_s: float) -> Target:
    wanted = f"≥ {text.message_rate(limit_per_s)}"
    if not value:
        return Target(what, wanted, text.NOTHING, None)
    return Target(what, wanted, text.stacked(value, text.message_rate), value.median >= limit_per_s)


def _trip(results: Results, message_bytes: int, **match: Any) -> Figure:
    return results.figure("round_trip", "p50_ns", message_bytes=message_bytes, **match)


def _rate_of(results: Results, message_bytes: int, **match: Any) -> Figure:
    return results.figure("throughput", "messages_per_s", message_bytes=message_bytes, **match)


def all_targets(results: Results) -> list[Target]:
    """Every target, in the order in which they were set."""
    return [*_spinning_round_trip(results), *_throughput(results),
            *_unparked(results), *_parked(results), *_rings(results), *_file(results)]


def _spinning_round_trip(results: Results) -> Iterator[Target]:
    for size in (8, 56):
        own, shown = _trip(results, size, **SPIN), text.size(size)
        floor = latency_floor(results, SETTINGS[0], "spin", size)
        yield _ratio(f"round trip, spin, {shown}: this ÷ ring of lines", own.over(floor), 1.10,
                     at_most=True)
        polled = _trip(results, size, wait="polled", **PIPE)
        yield _ratio(f"round trip, spin, {shown}: polled pipe ÷ this", polled.over(own), 5,
                     at_most=False)


def _throughput(results: Results) -> Iterator[Target]:
    small, medium = _rate_of(results, 8, **SPIN), _rate_of(results, 56, **SPIN)
    yield _rate("throughput, spin, 8 B", small, 150e6)
    batches = sorted({r.batch for r in results.rows if r.bench == "throughput" and r.batch > 1
                      and r.message_bytes == 8 and r.transport == "ringbell"})
    batch = 16 if 16 in batches or not batches else batches[0]
    batched = _rate_of(results, 8, batch=batch, **SPIN)
    yield _ratio(f"throughput, spin, 8 B: batches of {batch} ÷ one by one", batched.over(small),
                 1.5, at_most=False)
    yield _rate("throughput, spin, 56 B", medium, 100e6)
    for size, near, far in ((56, 0.45, 0.8), (256, 0.5, 0.7), (4096, 0.9, 0.9), (65536, 0.9, 0.9)):
        line, limit = (results.figure("throughput", metric, message_bytes=size, **SPIN)
                       for metric in ("line_ns_before", "limit_per_s"))
        is_far = bool(line) and line.median >= FAR_NS
        yield _ratio(f"throughput, spin, {text.size(size)}: this ÷ what lines carry, "
                     f"{'far' if is_far else 'near'}", _rate_of(results, size, **SPIN).over(limit),
                     far if is_far else near, at_most=False)
    for size, limit in ((8, 40), (65536, 4)):
        own = _rate_of(results, size, **SPIN)
        polled = _rate_of(results, size, wait="polled", **PIPE)
        yield _ratio(f"throughput, spin, {text.size(size)}: this ÷ polled pipe", own.over(polled),
                     limit, at_most=False, remark=_best_pipe_remark(results, own, size))


def _best_pipe_remark(results: Results, own: Figure, size: int) -> str:
    """The ratio to the fastest of all pipe rows, if that is not the plain polled one."""
    rates = {}
    for transport, shown in (("pipe", "64 KiB"), ("pipe_1m", "1 MiB")):
        for wait, quick in (("polled", False), ("blocking", False), ("blocking", True)):
            rate = _rate_of(results, size, transport=transport, wait=wait, placement="two_cpus",
                            quick_wake=quick)
            if rate:
                rates[f"{wait} pipe of {shown}{', quick wake-ups' if quick else ''}"] = rate
    if not own or not rates:
        return ""
    best = max(rates, key=lambda name: rates[name].median)
    return f"{text.ratio(own.over(rates[best]).median)} against the fastest pipe row ({best})"


def _unparked(results: Results) -> Iterator[Target]:
    for size in (8, 56):
        park = _rate_of(results, size, **{**SPIN, "wait": "park", "quick_wake": False})
        yield _ratio(f"throughput, {text.size(size)}, two CPUs: park ÷ spin",
                     park.over(_rate_of(results, size, **SPIN)), 0.95, at_most=False)


def _parked(results: Results) -> Iterator[Target]:
    park = {"transport": "ringbell", "wait": "park"}
    pipes = _trip(results, 56, transport="pipe", wait="blocking", placement="one_cpu",
                  quick_wake=False)
    own = _trip(results, 56, placement="one_cpu", quick_wake=False, **park)
    yield _ratio("round trip, park, 56 B, one CPU: this ÷ sleeping pipe", own.over(pipes), 1,
                 at_most=True)
    for quick in (False, True):
        floor = results.figure("floor", "p50_ns", transport="futex", placement="two_cpus",
                               quick_wake=quick)
        kind = "quick wake-ups" if quick else "as it is"
        own = _trip(results, 56, placement="two_cpus", quick_wake=quick,
                    **{**park, "transport": "ringbell_asleep"})
        yield _ratio(f"round trip, park, never spinning, 56 B, two CPUs, {kind}: "
                     "this ÷ bare futex", own.over(floor), 1.15, at_most=True)


def _rings(results: Results) -> Iterator[Target]:
    call = {**SPIN, "transport": "ringbell_call"}
    own = _trip(results, 8, **call)
    floor = results.figure("round_trip", "floor_p50_ns", message_bytes=8, **call)
    yield _ratio("call, spin, 8 B: this ÷ one line", own.over(floor), 1.10, at_most=True)
    yield _ratio("call, spin, 8 B: this ÷ two SpscRings", own.over(_trip(results, 8, **SPIN)), 0.55,
                 at_most=True)
    broadcast = {**SPIN, "transport": "ringbell_broadcast"}
    yield _ratio("throughput, spin, 56 B: lossless broadcast to one ÷ SpscRing",
                 _rate_of(results, 56, **broadcast).over(_rate_of(results, 56, **SPIN)), 0.8,
                 at_most=False)


def _file(results: Results) -> Iterator[Target]:
    groups = file_groups(results)
    for wanted, ours in ((2.0, True), (4.0, False)):
        values = [figure_of([row], copies_per_byte) for key, rows in groups.items() for row in rows
                  if (key[0].startswith("ringbell") if ours else key[0] in READ_AND_WRITE)]
        yield _copies(wanted, "ringbell" if ours else "read and write through a pipe",
                      [v for v in values if v])
    speeds: dict[str, Figure] = {}
    for (transport, _, placement, _), rows in groups.items():
        speed = figure_of(rows, file_speed)
        best = speeds.get(transport)
        if placement == "two_cpus" and speed and (not best or speed.median > best.median):
            speeds[transport] = speed
    own, pipes = speeds.get("ringbell", Figure()), speeds.get("pipe_1m", Figure())
    yield _ratio("file to file, two CPUs: fastest ringbell ÷ fastest pipe (1 MiB)",
                 own.over(pipes), 1.5, at_most=False)


def _copies(wanted: float, whose: str, values: list[Figure]) -> Target:
    """Every row must be within 0.02 of the expected count, not the average of them."""
    what, shown = f"file to file, {whose}: copies per byte", f"{wanted:.2f} ± 0.02"
    if not values:
        return Target(what, shown, text.NOTHING, None)
    low, high = min(v.low for v in values), max(v.high for v in values)
    got = f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} – {high:.2f}"
    near = abs(low - wanted) <= 0.02 + 1e-9 and abs(high - wanted) <= 0.02 + 1e-9
    return Target(what, shown, got, near, f"all {len(values)} rows")


def targets_table(results: Results) -> str:
    """wanted, got, met."""
    verdict = {True: "yes", False: "**no**", None: "not measured"}
    rows = [[t.what, t.wanted, t.got, verdict[t.met], t.remark] for t in all_targets(results)]
    return text.table(["target", "wanted", "got", "met", "beside it"], rows, left=5)


def targets_summary(results: Results) -> str:
    """How many were met, missed and not measured, in a sentence."""
    targets = all_targets(results)
    verdicts = [t.met for t in targets]
    missed = "; ".join(t.what for t in targets if t.met is False)
    return (f"{verdicts.count(True)} of {len(verdicts)} met, {verdicts.count(False)} missed, "
            f"{verdicts.count(None)} not measured." + (f" Missed: {missed}." if missed else ""))
