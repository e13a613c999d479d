"""Two runs side by side: what changed by more than the repeats differ among themselves."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from report.load import Figure, Results, Row, figure_of
from report.states import CHANGED, classified

# What is compared of each bench, and whether more of it is better.
METRICS = {
    "round_trip": [("p50_ns", False), ("p99_ns", False)],
    "throughput": [("messages_per_s", True)],
    "open_loop": [("p50_ns", False), ("p99_ns", False), ("capacity_per_s", True)],
    "file_copy": [("bytes_per_s", True)],
    "floor": [("p50_ns", False), ("bytes_per_s", True)],
}
NO_DIFFERENCE = "no difference seen"

Key = tuple[Any, ...]


def _key(row: Row) -> Key:
    return (row.bench, row.transport, row.wait, row.placement, row.message_bytes, row.quick_wake,
            row.loaned, row.batch, row.checksum, row.state, row.load,
            0 if row.load else row.number("rate_intended_per_s") or 0)


def _title(key: Key) -> str:
    bench, transport, wait, placement, size, quick, loaned, batch, checksum, state, load, rate = key
    words = [bench.replace("_", " "), transport, wait, placement.replace("_", " "),
             f"{size} B" if size else "", "quick wake-ups" if quick else "",
             "loaned" if loaned else "", f"batches of {batch}" if batch > 1 else "",
             "with checksums" if checksum else "", f"CPUs {state}" if state else "",
             f"{100 * load:g} % load" if load else "",
             f"{rate:g} a second" if rate else ""]
    return ", ".join(word for word in words if word)


def _by_key(rows: list[Row]) -> dict[Key, list[Row]]:
    """Rows during which the machine's state changed belong to none."""
    groups: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        if row.state != CHANGED:
            groups[_key(row)].append(row)
    return groups


def verdict(before: Figure, after: Figure, more_is_better: bool) -> str:
    """What the ranges of the repeats allow to say. REQUIRES: both were measured."""
    if before.low <= after.high and after.low <= before.high:
        return NO_DIFFERENCE
    better = (after.median > before.median) == more_is_better
    change = 100 * (after.median / before.median - 1)
    return f"{'better' if better else 'worse'}: {change:+.1f} %"


def _spread(figure: Figure) -> str:
    return f"{figure.median:.4g} ({figure.low:.4g} … {figure.high:.4g})"


def difference(before: Results, after: Results) -> str:
    """A Markdown table: every row that both runs have, those that differ first."""
    # The states of both runs together: one of them may have met only one.
    rows = classified(before.rows + after.rows)
    earlier, later = _by_key(rows[:len(before.rows)]), _by_key(rows[len(before.rows):])
    lines: list[tuple[bool, str]] = []
    single = False
    for key in (key for key in earlier if key in later):
        for metric, more_is_better in METRICS[key[0]]:
            old = figure_of(earlier[key], metric)
            new = figure_of(later[key], metric)
            if not old or not new:
                continue
            single = single or len(old.by_repeat) < 2 or len(new.by_repeat) < 2
            said = verdict(old, new, more_is_better)
            cells = [_title(key), metric, _spread(old), _spread(new), said]
            lines.append((said == NO_DIFFERENCE, f"| {' | '.join(cells)} |"))
    lines.sort(key=lambda line: line[0])  # stable: the order of the run within each part
    missing = len(set(earlier) ^ set(later))
    same = sum(undecided for undecided, _ in lines)
    out = [f"Before: {before.meta.get('commit', 'unknown')}, {before.meta.get('date', '')}. "
           f"After: {after.meta.get('commit', 'unknown')}, {after.meta.get('date', '')}.", "",
           f"{len(lines)} figures in both, {len(lines) - same} differ, of {same} "
           f"{NO_DIFFERENCE}; {missing} rows stand in only one.", ""]
    if before.meta.get("cpu") != after.meta.get("cpu"):
        out += ["The two runs are of different machines.", ""]
    if single:
        out += ["Some have a single repeat, so their noise is not known: ./dev compare --full "
                "repeats three times.", ""]
    out += ["Median (smallest … largest repeat); overlapping ranges tell nothing apart.", "",
            "| row | figure | before | after | |", "| --- | --- | --- | --- | --- |"]
    return "\n".join(out + [text for _, text in lines]) + "\n"
