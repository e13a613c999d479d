"""Rows and figures out of the JSON Lines that a comparison writes.

The first line is the `meta` object; every other line is one measurement. Unknown fields are kept
and ignored, unknown benches are counted as left out, missing rows are simply missing figures.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import math
import statistics
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

BENCHES = ("round_trip", "throughput", "open_loop", "file_copy", "floor", "scale")
PLACEMENTS = ("two_cpus", "one_cpu")
WAITS = ("spin", "park", "eventfd", "polled", "blocking")


class BadInput(Exception):
    """The input cannot be reported on; the message is one line for the user."""


@dataclass(frozen=True)
class Figure:
    """One quantity over the repeats of a run: repeat number -> value. Empty: not measured."""

    by_repeat: dict[int, float] = field(default_factory=dict)
    split: bool = False  # the message was larger than the transport's limit

    def __bool__(self) -> bool:
        return bool(self.by_repeat)

    @property
    def median(self) -> float:
        """REQUIRES: measured at least once."""
        return statistics.median(self.by_repeat.values())

    @property
    def low(self) -> float:
        """The smallest repeat. REQUIRES: measured at least once."""
        return min(self.by_repeat.values())

    @property
    def high(self) -> float:
        """The largest repeat. REQUIRES: measured at least once."""
        return max(self.by_repeat.values())

    def scaled(self, factor: float) -> Figure:
        """Every repeat times `factor`."""
        return Figure({r: v * factor for r, v in self.by_repeat.items()}, self.split)

    def over(self, other: Figure) -> Figure:
        """The ratio self / other, formed within each repeat that both have, else of the medians.

        Neighbours in time share the machine's mood, so a ratio within a repeat is the steadier one.
        """
        if not self or not other:
            return Figure()
        common = [r for r in self.by_repeat if other.by_repeat.get(r, 0) > 0]
        if common:
            return Figure({r: self.by_repeat[r] / other.by_repeat[r] for r in common})
        return Figure({0: self.median / other.median}) if other.median > 0 else Figure()


@dataclass(frozen=True)
class Row:
    """One line of the file, its key fields made uniform; `raw` holds the line as it was."""

    bench: str
    transport: str
    wait: str
    placement: str
    message_bytes: int
    quick_wake: bool
    loaned: bool
    batch: int
    checksum: bool
    load: float  # of the open loop: the share of the capacity that was asked for, or 0
    error: str
    raw: dict[str, Any]
    state: str = ""  # of the machine, where the run met two (report.states)

    def number(self, metric: str) -> float | None:
        """The finite, positive figure called `metric`, else None."""
        value = self.raw.get(metric)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        return float(value) if math.isfinite(value) and value > 0 else None


@dataclass(frozen=True)
class Results:
    """A whole run."""

    meta: dict[str, Any]
    rows: list[Row]  # those with figures
    failed: list[Row]  # those with an error in place of figures
    unknown: list[Row]  # those that this report has no table for
    partial: str = ""  # why it is not the whole run, or empty
    end: dict[str, Any] = field(default_factory=dict)  # the last line, where there is one

    @cached_property
    def _by_transport(self) -> dict[tuple[str, str], list[Row]]:
        """(bench, transport) -> rows: a full run has thousands, asked for thousands of times."""
        index: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.rows:
            index[(row.bench, row.transport)].append(row)
        return index

    def select(self, bench: str, **match: Any) -> list[Row]:
        """Rows of `bench` whose fields equal `match`; plain ones unless `match` says otherwise."""
        wanted = {"loaned": False, "batch": 1, **match}
        transport = wanted.pop("transport", None)
        rows = self.rows if transport is None else self._by_transport.get((bench, transport), [])
        return [row for row in rows if row.bench == bench
                and all(getattr(row, name) == value for name, value in wanted.items())]

    def figure(self, bench: str, metric: str, **match: Any) -> Figure:
        """The figure `metric` of the rows that match; rows with a checksum only if no other."""
        rows = self.select(bench, **match)
        return figure_of([r for r in rows if not r.checksum] or rows, metric)


def figure_of(rows: Iterable[Row], metric: str | Callable[[Row], float | None]) -> Figure:
    """Collects one figure from rows that are each other's repeats."""
    values: dict[int, float] = {}
    split = False
    for row in rows:
        value = row.number(metric) if isinstance(metric, str) else metric(row)
        if value is None:
            continue
        repeat = row.raw.get("repeat")
        if not isinstance(repeat, int) or repeat in values:
            repeat = max(values, default=-1) + 1
        values[repeat] = value
        split = split or row.raw.get("split") is True
    return Figure(values, split)


def load(path: Path) -> Results:
    """Reads the file. Raises BadInput with one line that says what is wrong and where."""
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"cannot read {path}: {reason}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not JSON Lines: not UTF-8 text") from error
    objects = [(number, _parse(path, number, line))
               for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not objects:
        raise BadInput(f"{path} is empty; make it with ./dev compare --json {path}")
    metas = [o for _, o in objects if o.get("bench") == "meta"]
    if not metas:
        raise BadInput(f"{path} has no meta line; make it with ./dev compare --json {path}")
    rows = [_row(path, n, o) for n, o in objects if o.get("bench") not in ("meta", "end")]
    ends = [o for _, o in objects if o.get("bench") == "end"]
    return dataclasses.replace(_sort(metas[0], rows, _why_partial(metas[0], ends)),
                               end=ends[-1] if ends else {})


def _why_partial(meta: dict[str, Any], ends: list[dict[str, Any]]) -> str:
    """A comparison announces its last line in its first; without it the run did not come to it."""
    if ends:
        return "" if ends[-1].get("complete") is True else str(ends[-1].get("why") or "cut short")
    return "it was killed, or is not over" if meta.get("has_end") is True else ""


def _parse(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}:{number} is not JSON Lines: {error}") from error
    if not isinstance(value, dict):
        raise BadInput(f"{path}:{number} is not JSON Lines: an object is wanted on every line")
    return value


def _row(path: Path, number: int, raw: dict[str, Any]) -> Row:
    def count(name: str, default: int) -> int:
        value = raw.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise BadInput(f"{path}:{number}: {name} is not a whole number")
        return value

    bench = str(raw.get("bench", ""))
    return Row(
        bench=bench,
        transport=_transport_of(raw, bench),
        wait=str(raw.get("wait", "")),
        placement=str(raw.get("placement") or "two_cpus"),
        message_bytes=count("message_bytes", 0),
        quick_wake=raw.get("quick_wake") is True,
        loaned=raw.get("loaned") is True,
        batch=count("batch", 1) or 1,
        checksum=raw.get("checksum") is True,
        load=_load_of(raw),
        error=_error_of(raw),
        raw=raw)


def _transport_of(raw: dict[str, Any], bench: str) -> str:
    """Rows that never spin before they sleep stand apart, as a transport of their own."""
    name = str(raw.get("name" if bench == "floor" else "transport", ""))
    return f"{name}_asleep" if raw.get("spin_first") is False else name


def _load_of(raw: dict[str, Any]) -> float:
    value = raw.get("load")
    known = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if known and math.isfinite(value) and value > 0 else 0.0


def _error_of(raw: dict[str, Any]) -> str:
    """Why the row carries no usable figures, or an empty text. Unverified bytes are an error."""
    if raw.get("error"):
        return str(raw["error"])
    if raw.get("verified") is False:
        return "what arrived was not what was sent (verified: false); the figures are not used"
    if raw.get("sha256_match") is False:
        return "the two files differ (SHA-256); the figures are not used"
    return ""


def _sort(meta: dict[str, Any], rows: list[Row], partial: str) -> Results:
    def known(row: Row) -> bool:
        if row.bench == "scale":
            return isinstance(row.raw.get("count"), int)
        if row.bench == "floor":
            return row.placement in PLACEMENTS
        return row.bench in BENCHES and row.placement in PLACEMENTS and row.wait in WAITS

    return Results(
        meta=meta,
        rows=[r for r in rows if not r.error and known(r)],
        failed=[r for r in rows if r.error],
        unknown=[r for r in rows if not r.error and not known(r)],
        partial=partial)
