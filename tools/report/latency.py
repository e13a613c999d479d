"""Latencies out of the rows' buckets: percentiles over all repeats, true maxima, .hgrm files.

A row carries its histogram as `buckets`, [value in ns, samples] each. Those of a point's repeats
are merged; a percentile stands where 100 samples or more lie beyond it: fewer say nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from report.load import Figure, Results, Row, figure_of

FEWEST_BEYOND = 100
SHARES = {"p50_ns": 0.5, "p90_ns": 0.9, "p99_ns": 0.99, "p999_ns": 0.999, "p9999_ns": 0.9999}


def merged(rows: Iterable[Row]) -> Counter[float]:
    """Value in ns -> samples, of all rows together; empty where none has buckets."""
    samples: Counter[float] = Counter()
    for row in rows:
        for bucket in row.raw.get("buckets") or ():
            match bucket:
                case [int() | float() as value, int() as count] if count > 0:
                    samples[float(value)] += count
    return samples


def percentile(samples: Counter[float], share: float) -> float | None:
    """The smallest value that this share does not exceed; None with too few beyond it."""
    total = samples.total()
    if total * (1 - share) < FEWEST_BEYOND * (1 - 1e-9):
        return None
    seen = 0
    for value, count in sorted(samples.items()):
        seen += count
        if seen >= share * total:
            return value
    return None


def curve(rows: Iterable[Row]) -> list[tuple[float, float]]:
    """The latency by 1 / (1 - share), from 1 on, as far as enough samples lie beyond it."""
    samples = merged(rows)
    total, seen, points = samples.total(), 0, []
    for value, count in sorted(samples.items()):
        beyond = total - seen  # samples of this value and above
        if beyond < FEWEST_BEYOND:
            break
        nines = total / beyond
        # So many points of the logarithmic axis are enough to draw.
        if not points or nines > points[-1][0] * 1.04:
            points.append((nines, value))
        seen += count
    return points


def figure(rows: Iterable[Row], metric: str) -> Figure:
    """A percentile of the merged repeats, the largest maximum, else the figure of each repeat."""
    rows = list(rows)
    own = figure_of(rows, metric)
    if metric == "max_ns":
        return Figure({0: own.high}, own.split) if own else own
    samples = merged(rows)
    if metric == "p50_ns" or metric not in SHARES or not samples:
        return own
    value = percentile(samples, SHARES[metric])
    return Figure({0: value}, own.split) if value else Figure()


def write_hgrm(results: Results, folder: Path) -> list[str]:
    """A file for each point in HdrHistogram's text form; returns their names."""
    points: dict[str, list[Row]] = {}
    for row in results.rows:
        if row.raw.get("buckets"):
            points.setdefault(_name(row), []).append(row)
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in points.items():
        (folder / name).write_text(_hgrm(merged(rows)), encoding="utf-8")
    return sorted(points)


def _name(row: Row) -> str:
    parts = [row.bench, row.transport, row.wait, row.placement, f"{row.message_bytes}B"]
    parts += [word for word, holds in (("quick_wake", row.quick_wake), ("loaned", row.loaned),
                                       (f"batch{row.batch}", row.batch > 1)) if holds]
    parts += [f"{100 * row.load:g}percent"] if row.load else []
    return re.sub(r"[^\w.-]", "_", "-".join(parts)) + ".hgrm"


def _hgrm(samples: Counter[float]) -> str:
    total = samples.total()
    lines = [f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}", ""]
    seen = 0
    for value, count in sorted(samples.items()):
        seen += count
        beyond = total - seen
        lines.append(f"{value:12.3f} {seen / total:2.12f} {seen:10d} "
                     f"{f'{total / beyond:14.2f}' if beyond else 'inf':>14}")
    mean = sum(value * count for value, count in samples.items()) / total
    deviation = (sum(count * (value - mean) ** 2 for value, count in samples.items()) / total) ** .5
    lines += [f"#[Mean    = {mean:12.3f}, StdDeviation   = {deviation:12.3f}]",
              f"#[Max     = {max(samples):12.3f}, Total count    = {total:12d}]", ""]
    return "\n".join(lines)
