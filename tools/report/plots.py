"""SVG plots by matplotlib, readable on white and on dark pages, the same bytes for the same run.

The background is transparent and every colour is a mid-tone. Families of transports share a
colour of the Okabe-Ito palette and differ by dash and marker, so no reader depends on colour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402  (the backend has to be chosen first)
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure as Canvas  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullLocator  # noqa: E402

from report import latency, open_loop, scale, text  # noqa: E402
from report.load import Figure, Results, Row, figure_of  # noqa: E402
from report.settings import RINGS, SETTINGS, Setting, label, message_sizes, order  # noqa: E402
from report.states import State  # noqa: E402
from report.tables import copies_per_byte, file_groups, file_speed  # noqa: E402

INK = "#7b7b7b"  # 4.2:1 on white, 4.5:1 on GitHub's dark page
OURS = "#d9600a"
LABEL_GAP_PX = 13
COLUMNS = 2  # of panels
BARS = 6  # of the plot of copies
# How the reader waits for many, and of which of ringbell's rings of many.
DASHES = {"epoll": (0, (4, 1.5)), "waiting": (0, (4, 1.5)), "poll": (0, (4, 1.5)),
          "io_uring": (0, (1, 1.2)), "io_uring-futex": (0, (1, 3)), "WaitSet": (0, (5, 1, 1, 1))}
MARKERS = {"queue": "s", "lossy": "^", "collector": "D"}
SHOWN = SETTINGS[:3]  # the classes that plots show
NINES = {1.0: "0", 2.0: "50", 10.0: "90", 100.0: "99", 1e3: "99.9", 1e4: "99.99", 1e5: "99.999"}
STYLES = {  # (transport, wait or any): colour, dash, marker
    ("ringbell", "eventfd"): (OURS, (0, (4, 1.5)), "D"),
    ("ringbell", ""): (OURS, "-", "o"),
    ("ringbell_asleep", "eventfd"): (OURS, (0, (1, 2.5)), "h"),
    ("ringbell_asleep", ""): (OURS, (0, (1, 1)), "p"),
    ("ringbell_uring", ""): (OURS, (0, (1, 1)), "v"),
    ("pipe", ""): ("#2b84c6", "-", "s"),
    ("pipe_1m", ""): ("#2b84c6", (0, (4, 1.5)), "^"),
    ("vmsplice", ""): ("#2b84c6", (0, (1, 2.5)), "d"),
    ("splice", ""): ("#2b84c6", (0, (1, 1.2)), "d"),
    ("sendfile", ""): ("#8a8a8a", "-", "d"),
    ("copy_file_range", ""): ("#8a8a8a", (0, (4, 1.5)), "d"),
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
    ("iceoryx2", ""): ("#8a8a8a", (0, (4, 1.5)), "*"),
    ("aeron", ""): ("#b9679b", "-", ">"),
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
    """One transport's points: message size in bytes, load in percent, or count -> figure."""

    transport: str
    wait: str
    points: list[tuple[float, Figure]]
    name: str = ""
    apart: dict[str, Any] = field(default_factory=dict)  # of the style

    @property
    def style(self) -> dict[str, Any]:
        """Colour, dash, marker and weight."""
        known = STYLES.get((self.transport, self.wait)) or STYLES.get((self.transport, ""))
        colour, dash, marker = known or (INK, "-", ".")
        ours = self.transport.startswith("ringbell")
        return {"color": colour, "linestyle": dash, "marker": marker, "zorder": 4 if ours else 3,
                "linewidth": 2.8 if ours else 1.4, "markersize": 6.5 if ours else 4.5,
                **self.apart}

    def draw(self, axes: Axes) -> None:
        """The medians as a line, from the smallest to the largest repeat as a band."""
        places = [place for place, _ in self.points]
        axes.plot(places, [figure.median for _, figure in self.points], **self.style)
        if any(len(figure.by_repeat) > 1 for _, figure in self.points):
            axes.fill_between(places, [figure.low for _, figure in self.points],
                              [figure.high for _, figure in self.points], linewidth=0, alpha=0.2,
                              color=self.style["color"])


def write_plots(states: Sequence[State], folder: Path) -> list[str]:
    """Writes every plot that has rows into `folder`; returns their file names.

    Each is of one state of the machine, the first of those that have most panels of it.

    A plot of an earlier run that has no rows now is removed, so that none is out of date.
    """
    folder.mkdir(parents=True, exist_ok=True)
    makers: dict[str, Callable[[Results], Canvas | None]] = {
        "percentiles.svg": percentiles, "latency.svg": latency_by_size,
        "throughput.svg": throughput, "open_loop.svg": latency_by_load, "copies.svg": copies,
        "scale.svg": by_count}
    written = []
    with pyplot.rc_context(SETUP):
        for name, make in makers.items():
            drawn = [(c, s) for s in states if (c := make(s.results))]
            if not drawn:
                (folder / name).unlink(missing_ok=True)
                continue
            canvas, state = max(drawn, key=lambda one: len(one[0].axes))
            if state.name:
                first = canvas.axes[0]
                first.set_title(f"{first.get_title(loc='left')}, CPUs {state.name}")
            # "tight": the page grows until no label is cut.
            canvas.savefig(folder / name, transparent=True, metadata={"Date": None},
                           bbox_inches="tight")
            for other, _ in drawn:
                pyplot.close(other)
            written.append(name)
    return written


def _rows(results: Results, bench: str, setting: Setting) -> dict[tuple[str, str], list[Row]]:
    """The plain rows of a class, bare rings left out, in table order."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in results.select(bench, checksum=False):
        if setting.has(row) and row.transport not in RINGS:
            found.setdefault((row.transport, row.wait), []).append(row)
    return dict(sorted(found.items(), key=lambda item: order(*item[0])))


def _by_size(results: Results, bench: str, metric: str, setting: Setting) -> list[Line]:
    lines = []
    for (transport, wait), rows in _rows(results, bench, setting).items():
        points = [(size, figure) for size in message_sizes(results, bench) if size and (
            figure := figure_of([r for r in rows if r.message_bytes == size], metric))]
        if points:
            lines.append(Line(transport, wait, points))
    return lines


def _draw(panels: list[tuple[str, list[Line]]], form: Callable[[float], str],
          dress: Callable[[Axes, list[Line]], None]) -> Canvas | None:
    """A panel for each title that has lines, their names at its right; `dress` does the x axis."""
    shown = [(title, lines) for title, lines in panels if lines]
    if not shown:
        return None
    # No wider than a page shows with letters that can be read.
    columns = min(len(shown), COLUMNS)
    rows = -(-len(shown) // columns)
    canvas, grid = pyplot.subplots(rows, columns, figsize=(6.2 * columns, 4.8 * rows),
                                   squeeze=False)
    canvas.subplots_adjust(wspace=1.1, hspace=0.35)
    for axes in grid.flat[len(shown):]:
        axes.remove()
    for axes, (title, lines) in zip(grid.flat, shown):
        for line in lines:
            line.draw(axes)
        axes.set_title(title)
        dress(axes, lines)
        _logarithmic(axes, form)
        _name_at_the_right(canvas, axes, lines)
    return canvas


def _ticks(axes: Axes, shown: dict[float, str], name: str, base: float = 10) -> None:
    axes.set_xscale("log", base=base)
    axes.set_xticks(list(shown), list(shown.values()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(name)


def _places(lines: list[Line]) -> list[float]:
    return sorted({place for line in lines for place, _ in line.points})


def _sizes(axes: Axes, lines: list[Line]) -> None:
    sizes = _places(lines)
    _ticks(axes, {size: text.size(int(size)) for size in sizes}, "message size", base=2)
    if len(sizes) > 4:
        axes.tick_params(axis="x", labelsize=8.5)


def latency_by_size(results: Results) -> Canvas | None:
    """Round trip by size: p50 in each class, the spread of the repeats as a band."""
    return _draw([(f"p50: {_brief(setting)}", _by_size(results, "round_trip", "p50_ns", setting))
                  for setting in SHOWN], text.duration, _sizes)


def throughput(results: Results) -> Canvas | None:
    """One way, awake on two CPUs: bytes per second by size in one panel."""
    return _draw([(f"One way: {_brief(SHOWN[0])}",
                   _by_size(results, "throughput", "bytes_per_s", SHOWN[0]))], text.byte_rate,
                 _sizes)


def _brief(setting: Setting) -> str:
    sleep = "asleep" if setting.waits[0] == "park" else "awake"
    return f"{sleep}, {setting.placement.replace('_', ' ').replace('cpu', 'CPU')}"


def percentiles(results: Results) -> Canvas | None:
    """Latency by percentile, the axis in nines: as far as 100 samples lie beyond."""
    def dress(axes: Axes, lines: list[Line]) -> None:
        for line in axes.lines:
            line.set_marker("")
        last = _places(lines)[-1]
        _ticks(axes, {at: told for at, told in NINES.items() if at <= last * 1.01},
               "percentile of the round trip")

    panels = []
    for setting in SHOWN:
        curves = [(who, latency.curve([row for row in rows if row.message_bytes == 56]))
                  for who, rows in _rows(results, "round_trip", setting).items()]
        panels.append((f"56 B: {_brief(setting)}", [
            Line(*who, [(nines, Figure({0: ns})) for nines, ns in curve])
            for who, curve in curves if curve]))
    return _draw(panels, text.duration, dress)


def latency_by_load(results: Results) -> Canvas | None:
    """The first class and size of the open loop: p50 and, beside it, p99 if known, by load."""
    settings = open_loop.settings(results)
    if not settings:
        return None
    size = open_loop.sizes(results, settings[0])[0]
    rows = [r for r in open_loop.rows_of(results, settings[0]) if r.message_bytes == size]
    panels = []
    for metric in ("p50_ns", "p99_ns"):  # in a short run no p99 has samples enough
        lines = [Line(*who, [(round(100 * load, 2), f) for load, f in of_who.items() if f])
                 for who, of_who in open_loop.by_load(rows, metric).items()]
        panels.append((f"{metric.removesuffix('_ns')} from the intended time, {text.size(size)}",
                       [line for line in lines if line.points]))
    return _draw(panels, text.duration,
                 lambda axes, _: axes.set_xlabel("load, % of the transport's own capacity"))


def by_count(results: Results) -> Canvas | None:
    """What a message costs, and a wake-up, by how many channels, subscribers or writers."""
    panels: dict[str, list[Line]] = {}
    for metric, what in (("ns_per_message", "a message"), ("p50_ns", "a wake-up, p50")):
        for (kind, name), counts in scale.series(results, metric).items():
            ours = "ringbell" if name.startswith("ringbell") else name.split()[0].lower()
            marker = next((MARKERS[word] for word in name.split() if word in MARKERS), None)
            apart = {"linestyle": DASHES.get(name.split()[-1], "-"),
                     **({"marker": marker} if marker else {}),
                     **({"color": "#0f9a73"} if ours == "zeromq" else {})}  # not the pipe's
            panels.setdefault(f"{what}, of how many {kind}", []).append(
                Line(ours, "", list(counts.items()), name, apart))
    return _draw(list(panels.items()),
                 text.duration, lambda axes, lines: _ticks(
                     axes, {count: f"{count:g}" for count in _places(lines)}, "how many"))


def _logarithmic(axes: Axes, form: Callable[[float], str]) -> None:
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: _plain(form(v))))
    if high / low < 60:
        axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())


def _plain(shown: str) -> str:
    """An axis label without the zeros that only a measured figure needs: 1.00 us -> 1 us."""
    number, unit = shown.split(" ", 1)
    return f"{float(number):g} {unit}"


def _name_at_the_right(canvas: Canvas, axes: Axes, lines: list[Line]) -> None:
    """Writes each line's name beside its last point, moved apart until none overlaps."""
    axes.get_xlim(), axes.get_ylim()  # settles the scale, on which the transform below rests
    to_px = axes.transData.transform
    last = {id(line): (line.points[-1][0], line.points[-1][1].median) for line in lines}
    ends = sorted(((to_px(last[id(line)]), line) for line in lines), key=lambda e: e[0][1])
    gap = LABEL_GAP_PX * canvas.dpi / 72
    wanted = [end[1] for end, _ in ends]
    box = axes.get_window_extent()
    heights = _apart(wanted, gap, box.y0, box.y1)
    for (end, line), height in zip(ends, heights):
        ours = line.transport.startswith("ringbell")
        axes.annotate(
            line.name or label(line.transport, line.wait), xy=last[id(line)], xycoords="data",
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
    """File to file: copies of each byte, and speed with the spread of the repeats."""
    fastest: dict[str, tuple[str, Figure, Figure]] = {}
    for (transport, wait, placement, quick), rows in file_groups(results).items():
        speed, count = figure_of(rows, file_speed), figure_of(rows, copies_per_byte)
        best = fastest.get(transport)
        if placement == "two_cpus" and not quick and speed and (
                best is None or speed.median > best[1].median):
            fastest[transport] = (label(transport, wait), speed, count)
    if not fastest:
        return None
    # ringbell and, of the rest, the fastest; in the order of the speed.
    chosen = sorted(fastest, key=lambda name: (name != "ringbell", -fastest[name][1].median))
    bars = sorted(chosen[:BARS], key=lambda name: -fastest[name][1].median)
    canvas, (left, right) = pyplot.subplots(1, 2, figsize=(9.6, 0.8 + 0.42 * len(bars)),
                                            sharey=True)
    for place, transport in enumerate(bars):
        name, speed, count = fastest[transport]
        colour = Line(transport, "", []).style["color"]
        weight = "bold" if transport.startswith("ringbell") else "normal"
        copied = count.median if count else 0.0
        left.barh(place, copied, color=colour, height=0.66)
        left.text(copied, place, f" {copied:.2f}" if count else " not counted", va="center",
                  fontweight=weight)
        right.barh(place, speed.median, color=colour, height=0.66, ecolor=INK, capsize=3,
                   xerr=[[speed.median - speed.low], [speed.high - speed.median]])
        right.text(speed.high, place, f"   {text.byte_rate(speed.median)}", va="center",
                   fontweight=weight)
    left.set_yticks(range(len(bars)), [fastest[transport][0] for transport in bars])
    left.invert_yaxis()
    for axes, title in ((left, "copies of each byte"), (right, "speed, file to file")):
        axes.grid(False)
        axes.tick_params(axis="y", length=0)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        axes.set_xlim(0, axes.get_xlim()[1] * 1.1)
        axes.set_title(title)
    return canvas
