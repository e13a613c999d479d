"""SVG plots by matplotlib, readable on white and on dark pages, the same bytes for the same run.

The background is transparent and every colour is a mid-tone. Families of transports share a
colour of the Okabe-Ito palette and differ by dash and marker, so no reader depends on colour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402  (the backend has to be chosen first)
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure as Canvas  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullLocator  # noqa: E402

from report import open_loop, text  # noqa: E402
from report.load import Results, figure_of  # noqa: E402
from report.peers import plot_name  # noqa: E402
from report.settings import SETTINGS, Setting, label, members, message_sizes  # noqa: E402
from report.settings import peer_members  # noqa: E402
from report.tables import PLACES, copies_per_byte, file_groups  # noqa: E402
from report.tables import file_speed, wrapper_share  # noqa: E402

INK = "#7b7b7b"  # 4.2:1 on white, 4.5:1 on GitHub's dark page
OURS = "#d9600a"
LABEL_GAP_PX = 13
Who = Callable[[Results, str, Setting], list[tuple[str, str]]]  # whose lines a plot has
STYLES = {  # (transport, wait or any): colour, dash, marker
    ("ringbell", "eventfd"): (OURS, (0, (4, 1.5)), "D"),
    ("ringbell", ""): (OURS, "-", "o"),
    ("ringbell_asleep", "eventfd"): (OURS, (0, (1, 2.5)), "h"),
    ("ringbell_asleep", ""): (OURS, (0, (1, 1)), "p"),
    ("ringbell_uring", ""): (OURS, (0, (1, 1)), "v"),
    ("pipe", ""): ("#2b84c6", "-", "s"),
    ("pipe_1m", ""): ("#2b84c6", (0, (4, 1.5)), "^"),
    ("fifo", ""): ("#2b84c6", (0, (1, 1.2)), "x"),
    ("unix_stream", ""): ("#0f9a73", "-", "P"),
    ("unix_seqpacket", ""): ("#0f9a73", (0, (4, 1.5)), "X"),
    ("posix_mq", ""): ("#b9679b", "-", "<"),
    ("sysv_mq", ""): ("#b9679b", (0, (4, 1.5)), ">"),
    ("tcp", ""): ("#8a8a8a", "-", "*"),
    ("zeromq", ""): ("#2b84c6", "-", "s"),
    ("nng", ""): ("#0f9a73", (0, (4, 1.5)), "P"),
    ("boost_queue", ""): ("#b9679b", (0, (1, 1.2)), "<"),
    ("iceoryx", ""): ("#8a8a8a", "-", "*"),
}
SETUP = {
    "svg.fonttype": "none", "svg.hashsalt": "ringbell", "font.size": 10.5,
    "font.family": "sans-serif", "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK,
    "xtick.color": INK, "ytick.color": INK, "axes.grid": True, "grid.color": INK,
    "grid.alpha": 0.25, "grid.linewidth": 0.7, "axes.spines.top": False, "axes.spines.right": False,
    "axes.axisbelow": True, "axes.titlesize": 11.5, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "hatch.linewidth": 1.0,
}


@dataclass(frozen=True)
class Line:
    """One transport's points: message size in bytes, or load in percent -> figure."""

    transport: str
    wait: str
    points: list[tuple[float, float]]

    @property
    def style(self) -> dict[str, Any]:
        """Colour, dash, marker and weight."""
        known = STYLES.get((self.transport, self.wait)) or STYLES.get((self.transport, ""))
        colour, dash, marker = known or (INK, "-", ".")
        ours = self.transport.startswith("ringbell")
        return {"color": colour, "linestyle": dash, "marker": marker, "zorder": 4 if ours else 3,
                "linewidth": 2.8 if ours else 1.4, "markersize": 6.5 if ours else 4.5}


def write_plots(results: Results, folder: Path) -> list[str]:
    """Writes every plot that has rows into `folder`; returns their file names.

    A plot of an earlier run that has no rows now is removed, so that none is out of date.
    """
    folder.mkdir(parents=True, exist_ok=True)
    makers: dict[str, Callable[[], Canvas | None]] = {}
    for setting in SETTINGS:
        makers[f"latency_{setting.slug}.svg"] = lambda s=setting: latency(results, s)
        makers[f"throughput_{setting.slug}.svg"] = lambda s=setting: throughput(results, s)
        makers[plot_name(setting, "round_trip")] = (
            lambda s=setting: latency(results, s, peer_members))
        makers[plot_name(setting, "throughput")] = (
            lambda s=setting: throughput(results, s, peer_members))
    makers["open_loop.svg"] = lambda: latency_by_load(results)
    makers["copies.svg"] = lambda: copies(results)
    written = []
    with pyplot.rc_context(SETUP):
        for name, make in makers.items():
            canvas = make()
            if canvas is None:
                (folder / name).unlink(missing_ok=True)
                continue
            canvas.savefig(folder / name, transparent=True, metadata={"Date": None})
            pyplot.close(canvas)
            written.append(name)
    return written


def _lines(results: Results, bench: str, metric: str, setting: Setting, who: Who) -> list[Line]:
    lines = []
    for transport, wait in who(results, bench, setting):
        points = []
        for size in message_sizes(results, bench):
            value = results.figure(bench, metric, transport=transport, message_bytes=size,
                                   **setting.match(wait))
            if value and size > 0:
                points.append((size, value.median))
        if points:
            lines.append(Line(transport, wait, points))
    return lines


def latency(results: Results, setting: Setting, who: Who = members) -> Canvas | None:
    """Round trip by size: p50 as a line, p99 as a lighter dash above it."""
    lines = _lines(results, "round_trip", "p50_ns", setting, who)
    if not lines:
        return None
    canvas, axes = pyplot.subplots(figsize=(8.6, 5.2))
    for line in lines:
        axes.plot(*zip(*line.points), **line.style)
    for tail in _lines(results, "round_trip", "p99_ns", setting, who):
        axes.plot(*zip(*tail.points), linestyle="", marker="_", alpha=0.55, markersize=11,
                  markeredgewidth=2.2, color=tail.style["color"])
    _scales(axes, [s for line in lines for s, _ in line.points], text.duration)
    axes.set_title("Round trip: line p50, lighter dash p99")
    canvas.subplots_adjust(left=0.09, right=0.79, top=0.93, bottom=0.11)
    _name_at_the_right(canvas, axes, lines)
    return canvas


def throughput(results: Results, setting: Setting, who: Who = members) -> Canvas | None:
    """One-way throughput by size, in messages and in bytes per second."""
    lines = _lines(results, "throughput", "messages_per_s", setting, who)
    if not lines:
        return None
    canvas, (left, right) = pyplot.subplots(1, 2, figsize=(11.4, 5.0))
    in_bytes = [Line(line.transport, line.wait, [(s, v * s) for s, v in line.points])
                for line in lines]
    for axes, drawn in ((left, lines), (right, in_bytes)):
        for line in drawn:
            axes.plot(*zip(*line.points), **line.style)
    sizes = [s for line in lines for s, _ in line.points]
    _scales(left, sizes, text.message_rate)
    _scales(right, sizes, text.byte_rate)
    left.set_title("Messages per second, one way")
    right.set_title("Bytes per second, one way")
    canvas.subplots_adjust(left=0.075, right=0.845, top=0.93, bottom=0.115, wspace=0.24)
    _name_at_the_right(canvas, right, in_bytes)
    return canvas


def latency_by_load(results: Results) -> Canvas | None:
    """The first class and size of the open loop: p50 and, beside it, p99 if known, by load."""
    settings = open_loop.settings(results)
    if not settings:
        return None
    size = open_loop.sizes(results, settings[0])[0]
    rows = [r for r in open_loop.rows_of(results, settings[0]) if r.message_bytes == size]
    lines_of = {}
    for metric in ("p50_ns", "p99_ns"):  # in a short run no p99 has samples enough
        lines = [Line(*who, [(round(100 * load, 2), f.median) for load, f in of_who.items() if f])
                 for who, of_who in open_loop.by_load(rows, metric).items()]
        if lines := [line for line in lines if line.points]:
            lines_of[metric] = lines
    if not lines_of:
        return None
    canvas, (panels,) = pyplot.subplots(1, len(lines_of), figsize=(11.4, 5.0), sharey=True,
                                        squeeze=False)
    for axes, (metric, lines) in zip(panels, lines_of.items()):
        for line in lines:
            axes.plot(*zip(*line.points), **line.style)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: _plain(text.duration(v))))
        axes.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        axes.set_xlabel("load, % of the transport's own capacity")
        axes.set_title(f"{metric.removesuffix('_ns')} from the intended time, {text.size(size)}")
    canvas.subplots_adjust(left=0.075, right=0.845, top=0.93, bottom=0.115, wspace=0.08)
    _name_at_the_right(canvas, panels[-1], lines)
    return canvas


def _scales(axes: Axes, sizes: list[int], form: Callable[[float], str]) -> None:
    """Log-log; the sizes that were measured as x ticks, decades (or 1-2-5) as y ticks."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted(set(sizes))
    axes.set_xticks(ticks, [text.size(s) for s in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    if len(ticks) > 5:
        axes.tick_params(axis="x", labelsize=9)
    low, high = axes.get_ylim()
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: _plain(form(v))))
    if high / low < 60:
        axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    axes.set_xlabel("message size")


def _plain(shown: str) -> str:
    """An axis label without the zeros that only a measured figure needs: 1.00 us -> 1 us."""
    number, unit = shown.split(" ", 1)
    return f"{float(number):g} {unit}"


def _name_at_the_right(canvas: Canvas, axes: Axes, lines: list[Line]) -> None:
    """Writes each line's name beside its last point, moved apart until none overlaps."""
    axes.get_xlim(), axes.get_ylim()  # settles the scale, on which the transform below rests
    to_px = axes.transData.transform
    ends = sorted(((to_px(line.points[-1]), line) for line in lines), key=lambda e: e[0][1])
    gap = LABEL_GAP_PX * canvas.dpi / 72
    wanted = [end[1] for end, _ in ends]
    box = axes.get_window_extent()
    heights = _apart(wanted, gap, box.y0, box.y1)
    for (end, line), height in zip(ends, heights):
        ours = line.transport.startswith("ringbell")
        axes.annotate(
            label(line.transport, line.wait), xy=line.points[-1], xycoords="data",
            xytext=((box.x1 + 22 - box.x0) / box.width, (height - box.y0) / box.height),
            textcoords="axes fraction", va="center", ha="left", color=line.style["color"],
            fontweight="bold" if ours else "normal", fontsize=10,
            arrowprops={"arrowstyle": "-", "color": line.style["color"], "linewidth": 0.6,
                        "alpha": 0.7, "shrinkA": 2, "shrinkB": 4, "relpos": (0, 0.5)})


def _apart(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Heights near `wanted` (ascending), `gap` apart, inside [low, high] as far as they fit."""
    placed: list[float] = []
    for height in wanted:
        placed.append(max(height, placed[-1] + gap) if placed else max(height, low))
    ceiling = high
    for i in range(len(placed) - 1, -1, -1):
        placed[i] = min(placed[i], ceiling)
        ceiling = placed[i] - gap
    return placed


def copies(results: Results) -> Canvas | None:
    """Copies of each byte, file to file, as bars; what the kernel does not see is hatched."""
    bars = []
    placements = {key[2] for key in file_groups(results)}
    for (transport, wait, placement, quick), rows in file_groups(results).items():
        count, share = figure_of(rows, copies_per_byte), figure_of(rows, wrapper_share)
        speed = figure_of(rows, file_speed)
        if count:
            where = f", {PLACES[placement]}" if len(placements) > 1 else ""
            shown = f"{label(transport, '')}, {wait}{', quick' if quick else ''}{where}"
            bars.append((transport, shown, count.median, share.median if share else 0.0,
                         text.figure(speed, text.byte_rate)))
    if not bars:
        return None
    canvas, axes = pyplot.subplots(figsize=(8.6, 0.9 + 0.3 * len(bars)))
    for place, (transport, _, count, share, speed) in enumerate(bars):
        colour = Line(transport, "", []).style["color"]
        axes.barh(place, count - share, color=colour, height=0.66)
        if share:
            axes.barh(place, share, left=count - share, height=0.66, facecolor="none",
                      edgecolor=colour, hatch="////", linewidth=1)
        axes.text(count + 0.06, place, f"{count:.2f} copies, {speed}", va="center", fontsize=9.5,
                  fontweight="bold" if transport.startswith("ringbell") else "normal")
    axes.set_yticks(range(len(bars)), [shown for _, shown, _, _, _ in bars])
    axes.invert_yaxis()
    axes.grid(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, max(bar[2] for bar in bars) * 1.42)
    axes.set_title("Copies of each byte, file to file, and speed"
                   + (" (hatched: not seen by the kernel's counters)"
                      if any(bar[3] for bar in bars) else ""), x=-0.45)
    height = canvas.get_size_inches()[1]
    canvas.subplots_adjust(left=0.32, right=0.97, top=1 - 0.4 / height, bottom=0.35 / height)
    return canvas
