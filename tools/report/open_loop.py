"""Messages at a fixed rate: latency from the intended time, by load."""

from __future__ import annotations

from collections.abc import Callable

from report import latency, text
from report.load import Figure, Results, Row, figure_of
from report.settings import SETTINGS, Setting, label, order

SHOWN = (("p50_ns", "p50"), ("p99_ns", "p99"), ("p999_ns", "p99.9"))

Who = tuple[str, str]  # transport, wait


def settings(results: Results) -> list[Setting]:
    """The classes in which there are rows."""
    return [s for s in SETTINGS if rows_of(results, s)]


def rows_of(results: Results, setting: Setting) -> list[Row]:
    """The rows of this class."""
    return [r for r in results.select("open_loop") if setting.has(r)]


def sizes(results: Results, setting: Setting) -> list[int]:
    """Every message size of this class, in bytes."""
    return sorted({r.message_bytes for r in rows_of(results, setting)})


def by_load(rows: list[Row], metric: str) -> dict[Who, dict[float, Figure]]:
    """(transport, wait) -> share of the capacity -> figure, in table order.

    Where all were asked for by rates the share is that of the capacity of their own repeat.
    """
    loads = any(row.load for row in rows)
    return _figures(rows, metric, lambda row: row.load or (None if loads else _share(row)))


def by_rate(rows: list[Row], metric: str) -> dict[Who, dict[float, Figure]]:
    """(transport, wait) -> messages a second -> figure, of rows that were asked for by a rate."""
    return _figures(rows, metric,
                    lambda row: None if row.load else row.number("rate_intended_per_s"))


def _figures(rows: list[Row], metric: str, place: Callable[[Row], float | None]
             ) -> dict[Who, dict[float, Figure]]:
    found: dict[Who, dict[float, list[Row]]] = {}
    for row in rows:
        at = place(row)
        if at is not None:
            found.setdefault((row.transport, row.wait), {}).setdefault(at, []).append(row)
    return {who: {at: latency.figure(of_place, metric) for at, of_place in sorted(places.items())}
            for who, places in sorted(found.items(), key=lambda item: order(*item[0]))}


def _share(row: Row) -> float | None:
    rate, capacity = row.number("rate_intended_per_s"), row.number("capacity_per_s")
    return round(rate / capacity, 2) if rate and capacity else None


def table(results: Results, setting: Setting, message_bytes: int) -> str:
    """A line for each transport: its capacity, and p50, p99, p99.9 at each load, then rate."""
    rows = [r for r in rows_of(results, setting) if r.message_bytes == message_bytes]
    by_rates = any(row.load for row in rows) and any(not row.load for row in rows)
    parts = [_table(rows, message_bytes, by_load, lambda load: f"{100 * load:g} %"),
             _table(rows, message_bytes, by_rate, text.message_rate) if by_rates else ""]
    return "\n\n".join(part for part in parts if part)


def _table(rows: list[Row], message_bytes: int,
           by: Callable[[list[Row], str], dict[Who, dict[float, Figure]]],
           form: Callable[[float], str]) -> str:
    figures = {metric: by(rows, metric) for metric, _ in SHOWN}
    loads = sorted({load for of_who in figures["p50_ns"].values() for load in of_who})
    lines = []
    for who in figures["p50_ns"]:
        own = [r for r in rows if (r.transport, r.wait) == who]
        capacity = figure_of([r for r in own if r.load in (0, own[0].load)], "capacity_per_s")
        name = label(*who)
        cells = [f"**{name}**" if who[0].startswith("ringbell") else name,
                 text.figure(capacity, text.message_rate)]
        for load in loads:
            cells.append("<br>".join(text.figure(figures[metric][who].get(load, Figure()),
                                                 text.duration) for metric, _ in SHOWN))
        lines.append(cells)
    header = [f"{text.size(message_bytes)}: {', '.join(name for _, name in SHOWN)}", "capacity",
              *map(form, loads)]
    return text.table(header, lines) if lines else ""
