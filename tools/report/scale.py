"""What it costs to have many: channels, subscribers, writers, ends.

A row of the bench `scale` says in `count` how many there were, in `kind` of what, and in one of
METRICS what that cost; `wait` is how the reader waited for them.
"""

from __future__ import annotations

from collections.abc import Callable

from report import text
from report.load import Figure, Results, Row, figure_of
from report.settings import label

METRICS: dict[str, tuple[str, Callable[[float], str]]] = {
    "ns_per_message": ("a message", text.duration),
    "p50_ns": ("wake-up, p50", text.duration),
    "attaches_per_s": ("attach and detach", text.message_rate),
    "memory_bytes": ("memory of each", lambda value: text.size(int(value))),
    "descriptors": ("descriptors of each", lambda value: text.significant(value)),
    "idle_cpu_ns_per_s": ("CPU a second, all idle", text.duration),
}
Series = dict[tuple[str, str], dict[int, Figure]]  # (kind, name) -> count -> figure


def series(results: Results, metric: str) -> Series:
    """The lines of one figure, by how many there were."""
    rows: dict[tuple[str, str], dict[int, list[Row]]] = {}
    for row in results.rows:
        count = row.raw.get("count")
        if row.bench == "scale" and isinstance(count, int) and row.number(metric):
            name = " ".join(part for part in (label(row.transport, ""), row.wait) if part)
            key = (str(row.raw.get("kind") or "channels"), name)
            rows.setdefault(key, {}).setdefault(count, []).append(row)
    return {key: {count: figure_of(of_count, metric) for count, of_count in sorted(counts.items())}
            for key, counts in rows.items()}


def table(results: Results) -> str:
    """One table for each figure; empty without such rows."""
    parts = []
    for metric, (title, form) in METRICS.items():
        lines = series(results, metric)
        counts = sorted({count for of_line in lines.values() for count in of_line})
        if lines:
            parts.append(text.table([title, "of", *map(str, counts)], [
                [text.escape(name), text.escape(kind),
                 *(text.stacked(of_line.get(count, Figure()), form) for count in counts)]
                for (kind, name), of_line in lines.items()], left=2))
    return "\n\n".join(parts)
