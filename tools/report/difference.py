"""Two runs side by side: what changed by more than the repeats explain."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from report import needs
from report.load import Figure, Results, Row, figure_of
from report.needs import Candidate
from report.settings import AWAKE
from report.states import CHANGED, FAR, NEAR, classified

# What is compared of each bench, and whether more of it is better.
METRICS = {
    "round_trip": [("p50_ns", False), ("p99_ns", False)],
    "throughput": [("messages_per_s", True)],
    "open_loop": [("p50_ns", False), ("p99_ns", False), ("capacity_per_s", True)],
    "file_copy": [("bytes_per_s", True)],
    "floor": [("p50_ns", False), ("bytes_per_s", True)],
    "scale": [("ns_per_message", False), ("p50_ns", False)],
}
OF_THE_CLOCK = {"hiccups"}  # its median is a turn of an idle loop; its tail stands on machine.md
NO_DIFFERENCE = "no difference seen"
# Of three repeats and three more of the same, one pair in ten has ranges that do not overlap, so of
# a thousand rows a hundred: ranges must be further apart than that, and the change worth a line.
APART = 2.0  # times the larger range
LEAST, LEAST_OF_ONE = 0.10, 0.25  # the change of the medians; where a single repeat hides the noise
# The rows of the others are the control: both runs have them unchanged, so what they moved by is
# the machine's, from one hour to the next. Of so many pairs that differ in nothing, one says so.
FALSE_ALARM = 1 / 20
LEAST_CONTROLS = 3

Key = tuple[Any, ...]


@dataclasses.dataclass(frozen=True)
class Machine:
    """What the machine made of rows of one kind: logarithms of after / before."""

    shift: float = 0.0  # of their median
    bar: float = 0.0  # how much further from it chance alone takes none of them


@dataclasses.dataclass(frozen=True)
class _Pair:
    """One figure in both runs."""

    key: Key
    metric: str
    more_is_better: bool
    old: Figure
    new: Figure

    def change(self) -> float:
        """Its logarithm."""
        return math.log(self.new.median / self.old.median)

    def kind(self) -> tuple[Any, ...]:
        """Of one kind are those that the machine slows down alike."""
        bench, _, wait, placement, *_, state, _load, _rate, _many = self.key
        return bench, self.metric, placement, state, wait in AWAKE

    def is_control(self) -> bool:
        return not self.key[1].startswith("ringbell")


def _machine(pairs: Sequence[_Pair], comparisons: int) -> Machine:
    """By the controls of one kind; Machine() where there are too few."""
    changes = [pair.change() for pair in pairs if pair.is_control()]
    if len(changes) < LEAST_CONTROLS:
        return Machine()
    shift = statistics.median(changes)
    spread = 1.4826 * statistics.median([abs(change - shift) for change in changes])
    # Bonferroni's correction: each of so many comparisons may be wrong that much more seldom.
    deviations = statistics.NormalDist().inv_cdf(1 - FALSE_ALARM / 2 / comparisons)
    return Machine(shift, deviations * spread)


def _key(row: Row) -> Key:
    return (row.bench, row.transport, row.wait, row.placement, row.message_bytes, row.quick_wake,
            row.loaned, row.batch, row.checksum, row.state, row.load,
            0 if row.load else row.number("rate_intended_per_s") or 0,
            f"{row.raw.get('count')} {row.raw.get('kind')}" if row.bench == "scale" else "")


def _title(key: Key) -> str:
    (bench, transport, wait, placement, size, quick, loaned, batch, checksum, state, load, rate,
     many) = key
    words = [bench.replace("_", " "), transport, wait, placement.replace("_", " "),
             f"{size} B" if size else "", "quick wake-ups" if quick else "",
             "loaned" if loaned else "", f"batches of {batch}" if batch > 1 else "",
             "with checksums" if checksum else "", f"CPUs {state}" if state else "",
             f"{100 * load:g} % load" if load else "",
             f"{rate:g} a second" if rate else "", many]
    return ", ".join(word for word in words if word)


def _by_key(rows: list[Row]) -> dict[Key, list[Row]]:
    """Rows during which the machine's state changed belong to none."""
    groups: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        if row.state != CHANGED:
            groups[_key(row)].append(row)
    return groups


def verdict(before: Figure, after: Figure, more_is_better: bool,
            machine: Machine = Machine()) -> str:
    """What the repeats' ranges and the machine allow to say. REQUIRES: both were measured."""
    gap = max(after.low - before.high, before.low - after.high)
    range_of_repeats = max(before.high - before.low, after.high - after.low)
    change = after.median / before.median - 1
    alone = min(len(before.by_repeat), len(after.by_repeat)) < 2
    if (gap <= APART * range_of_repeats
            or abs(math.log1p(change)) < math.log1p(LEAST_OF_ONE if alone else LEAST)
            or abs(math.log1p(change) - machine.shift) < machine.bar):
        return NO_DIFFERENCE
    better = (change > 0) == more_is_better
    return f"{'better' if better else 'worse'}: {100 * change:+.1f} %"


def _headlines(before: tuple[Results, list[Row]], after: tuple[Results, list[Row]]) -> list[str]:
    """The ratios of the table by need, of both runs, within a state; and why they differ."""
    lines = {}
    for state in (NEAR, FAR, ""):
        old, new = (needs.headlines(dataclasses.replace(
            results, rows=[row for row in rows if row.state in (state, "")]))
            for results, rows in (before, after))
        for what in (what for what in old if what in new):
            (was, *sides), (is_now, *later) = old[what], new[what]
            seen = "".join(sorted(set().union(*(side.states for side in (*sides, *later)))))
            if seen == state:  # what no state touches stands there once
                change = is_now.median / was.median - 1
                told = "" if abs(change) < LEAST else _why(sides, later, was, is_now)
                lines[what, state] = (f"| {what}{f', CPUs {state}' if state else ''} | "
                                      f"{_spread(was)} | {_spread(is_now)} | {100 * change:+.1f} % "
                                      f"| {told} |")
    if not lines:
        return []
    return ["Headline ratios, ringbell to the best rival, 1 where they are level:", "",
            "| headline | before | after | change | why |", "| --- | --- | --- | --- | --- |",
            *lines.values(), ""]


def _why(before: list[Candidate], after: list[Candidate], was: Figure, is_now: Figure) -> str:
    """What a ratio that changed by a tenth or more rests on."""
    for old, new in zip(before, after):
        if old.name != new.name:
            return f"{new.name} is best in place of {old.name}"
    if verdict(was, is_now, True) == NO_DIFFERENCE:
        return "no more than the repeats explain"
    return "; ".join(f"{old.name} {100 * (new.figure.median / old.figure.median - 1):+.1f} %"
                     for old, new in zip(before, after))


def _spread(figure: Figure) -> str:
    return f"{figure.median:.4g} ({figure.low:.4g} … {figure.high:.4g})"


def _pairs(earlier: dict[Key, list[Row]], later: dict[Key, list[Row]]) -> list[_Pair]:
    pairs = []
    for key in (key for key in earlier if key in later and key[1] not in OF_THE_CLOCK):
        for metric, more_is_better in METRICS[key[0]]:
            old, new = figure_of(earlier[key], metric), figure_of(later[key], metric)
            if old and new:
                pairs.append(_Pair(key, metric, more_is_better, old, new))
    return pairs


def difference(before: Results, after: Results) -> str:
    """A Markdown table: every row that both runs have, those that differ first."""
    # The states of both runs together: one of them may have met only one.
    rows = classified(before.rows + after.rows)
    earlier, later = _by_key(rows[:len(before.rows)]), _by_key(rows[len(before.rows):])
    pairs = _pairs(earlier, later)
    kinds: dict[tuple[Any, ...], list[_Pair]] = defaultdict(list)
    for pair in pairs:
        kinds[pair.kind()].append(pair)
    machine = {kind: _machine(of_kind, len(pairs)) for kind, of_kind in kinds.items()}
    lines: list[tuple[bool, str]] = []
    for pair in pairs:
        said = verdict(pair.old, pair.new, pair.more_is_better, machine[pair.kind()])
        cells = [_title(pair.key), pair.metric, _spread(pair.old), _spread(pair.new), said]
        lines.append((said == NO_DIFFERENCE, f"| {' | '.join(cells)} |"))
    single = any(min(len(pair.old.by_repeat), len(pair.new.by_repeat)) < 2 for pair in pairs)
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
    out += _headlines((before, rows[:len(before.rows)]), (after, rows[len(before.rows):]))
    out += ["Median (smallest … largest repeat). What is said to differ changed by more than "
            f"{100 * LEAST:g} % ({100 * LEAST_OF_ONE:g} % where there is a single repeat) and by "
            f"more than {APART:g} times what the repeats of either run differ among themselves; "
            "and by more than rows of the same kind without ringbell did, which is the machine's.",
            "",
            "| row | figure | before | after | |", "| --- | --- | --- | --- | --- |"]
    return "\n".join(out + [text for _, text in lines]) + "\n"
