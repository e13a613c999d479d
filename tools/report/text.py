"""Numbers and Markdown for people: three significant digits, one unit for each figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from report.load import Figure

NOTHING = "–"


def significant(value: float, digits: int = 3) -> str:
    """`value` rounded to `digits` significant digits, without an exponent: 1.78, 72.0, 1540."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else NOTHING
    exponent = math.floor(math.log10(abs(value)))
    rounded = round(value, digits - 1 - exponent)
    exponent = math.floor(math.log10(abs(rounded)))  # 9.996 became 10.0
    return f"{rounded:.{max(0, digits - 1 - exponent)}f}"


def _scaled(value: float, units: Sequence[tuple[float, str]]) -> str:
    """`value` in the largest unit that it fills, judged after rounding: 999.7 ns is 1.00 us."""
    chosen = units[0]
    for factor, unit in units:
        if float(significant(value)) >= factor:
            chosen = (factor, unit)
    return f"{significant(value / chosen[0])} {chosen[1]}"


def duration(ns: float) -> str:
    """Nanoseconds as ns, us, ms or s."""
    return _scaled(ns, ((1, "ns"), (1e3, "us"), (1e6, "ms"), (1e9, "s")))


def message_rate(per_second: float) -> str:
    """Messages per second as /s, K/s, M/s or G/s."""
    return _scaled(per_second, ((1, "/s"), (1e3, "K/s"), (1e6, "M/s"), (1e9, "G/s")))


def byte_rate(bytes_per_second: float) -> str:
    """Bytes per second in powers of ten, up to GB/s."""
    units = ((1, "B/s"), (1e3, "KB/s"), (1e6, "MB/s"), (1e9, "GB/s"))
    return _scaled(bytes_per_second, units)


def size(size_bytes: int) -> str:
    """Bytes in powers of two where that is exact or shorter: 56 B, 64 KiB, 256 MiB."""
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size_bytes >= 1 << shift:
            return f"{size_bytes / (1 << shift):.4g} {unit}"
    return f"{size_bytes} B"


def ratio(value: float) -> str:
    """A ratio: 0.941×, 5.96×, 241×."""
    return f"{significant(value)}×"


def figure(value: Figure, form: Callable[[float], str]) -> str:
    """The median alone, or a dash."""
    if not value:
        return NOTHING
    return form(value.median) + (" †" if value.split else "")


def spread(value: Figure, form: Callable[[float], str]) -> str:
    """`min–max` of the repeats, empty where there is one repeat or no visible difference."""
    if len(value.by_repeat) < 2:
        return ""
    low, high = form(value.low), form(value.high)
    if low == high:
        return ""
    number, _, unit = low.partition(" ")
    same_unit = unit and high.endswith(" " + unit)
    return f"{number}–{high}" if same_unit else f"{low} – {high}"


def stacked(value: Figure, form: Callable[[float], str], *below: str) -> str:
    """A table cell: the median, under it in small print the spread and whatever else is given."""
    small = "<br>".join(text for text in (spread(value, form), *below) if text)
    return figure(value, form) + (f"<br><sub>{small}</sub>" if small and value else "")


def escape(text: object) -> str:
    """Text from outside, made harmless inside a Markdown table."""
    flat = " ".join(str(text).split())
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|")):
        flat = flat.replace(char, entity)
    return flat


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A Markdown table, the first `left` columns to the left and the others to the right."""
    marks = ["---" if i < left else "---:" for i in range(len(header))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, marks, *rows))


def folded(summary: str, body: str) -> str:
    """A block that GitHub shows closed."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"
