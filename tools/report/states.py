"""The states of the machine: which rows may be compared with which.

The two CPUs of a virtual machine now share a cache and now do not, and that changes within minutes.
A row may say how long a cache line took to and fro right before and right after it, in
`line_ns_before` and `line_ns_after`. The run's own lines fall into two clusters, near and far, or
into one; a row belongs to that of its lines. Tables, ratios and plots are made of the rows of one
state, so none of them crosses two. Rows that do not say it belong to every state.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from report import text
from report.load import Results, Row

NEAR, FAR, CHANGED = "near", "far", "changed"
# Lines of one state differ by less (90 to 170 ns were seen, and 420 to 540), those of two by more.
FACTOR = 2.0


def lines_of(row: Row) -> tuple[float, float] | None:
    """What a line took before and after the row in ns, None where it was not measured."""
    before, after = row.number("line_ns_before"), row.number("line_ns_after")
    return (before, after) if before and after else None


def boundary(lines: Iterable[float]) -> float | None:
    """Between the two clusters of what lines took; None where there is only one."""
    logs = sorted(math.log(ns) for ns in lines)
    if len(logs) < 2:
        return None

    # What is before each place, so that a long run is not summed up anew for each.
    sums = [0.0, *itertools.accumulate(logs)]
    squares = [0.0, *itertools.accumulate(value * value for value in logs)]

    def scatter(first: int, last: int) -> float:
        total = sums[last] - sums[first]
        return squares[last] - squares[first] - total * total / (last - first)

    # Equal values share a side: only where a value changes can the clusters meet.
    places = [i for i in range(1, len(logs)) if logs[i] > logs[i - 1]]
    if not places:
        return None
    at = min(places, key=lambda i: scatter(0, i) + scatter(i, len(logs)))
    low, high = statistics.median(logs[:at]), statistics.median(logs[at:])
    return math.exp((logs[at - 1] + logs[at]) / 2) if high - low > math.log(FACTOR) else None


def classified(rows: Sequence[Row]) -> list[Row]:
    """The same rows, each with its state; "" where no line was measured or there is one state."""
    known = [lines for row in rows if (lines := lines_of(row))]
    between = boundary([ns for lines in known for ns in lines])

    def state(row: Row) -> str:
        lines = lines_of(row)
        if lines is None or between is None:
            return ""
        sides = {ns > between for ns in lines}
        return CHANGED if len(sides) == 2 else FAR if sides == {True} else NEAR

    return [dataclasses.replace(row, state=state(row)) for row in rows]


@dataclass(frozen=True)
class State:
    """The rows of one state, and those that no state touches."""

    name: str  # "" where the run met only one
    line_ns: float  # the median of its lines; 0 where none was measured
    rows: int  # that belong to it alone
    results: Results


def states_of(results: Results) -> list[State]:
    """At least one; that of most rows first."""
    rows = classified(results.rows)
    names = sorted({row.state for row in rows} & {NEAR, FAR}) or [""]
    found = []
    for name in names:
        own = [row for row in rows if row.state == name]
        lines = [ns for row in own for ns in lines_of(row) or ()]
        kept = dataclasses.replace(results, rows=[r for r in rows if r.state in (name, "")])
        found.append(State(name, statistics.median(lines) if lines else 0.0, len(own), kept))
    return sorted(found, key=lambda state: (-state.rows, state.line_ns))


def summary(results: Results) -> str:
    """In a sentence or two, what states the run met; empty where it did not look."""
    states = states_of(results)
    if not states[0].line_ns:
        return ""
    said = ", ".join(f"{text.duration(s.line_ns)}" + (f" ({s.name}, {s.rows} rows)" if s.name
                                                      else "") for s in states)
    changed = sum(row.state == CHANGED for row in classified(results.rows))
    return (f"A cache line between the two CPUs and back took {said}." +
            (" Near and far are two machines: no ratio is formed between them." if len(states) > 1
             else "") +
            (f" {changed} rows are left out, because the state changed during each of their tries."
             if changed else ""))
