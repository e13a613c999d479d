"""One file to play with: the rows of one or two runs, the page and Plotly, for a browser alone.

The page (page.html) chooses, this module hands it what to choose from: a point for everything that
was measured, its repeats' histograms merged, and the states of the machine row by row.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from report import latency, scale, text
from report.load import BadInput, Results, Row, figure_of
from report.provenance import described, run_name
from report.settings import RINGS, SETTINGS, label, order
from report.states import classified, lines_of

# Where Debian's packages put it: python3-plotly, libjs-plotly.
SCRIPTS = ("/usr/share/python3-plotly/plotly.js", "/usr/share/javascript/plotly/plotly.min.js",
           "/usr/share/nodejs/plotly.js/dist/plotly.min.js")
METRICS = (*latency.SHARES, "max_ns", "messages_per_s", "bytes_per_s", "cpu_ns_per_message")


def plotly() -> Path | None:
    """Its script, if it is installed."""
    return next((Path(name) for name in SCRIPTS if Path(name).exists()), None)


def write_html(runs: Sequence[Results], path: Path) -> None:
    """Raises BadInput where Plotly is missing."""
    script = plotly()
    if script is None:
        raise BadInput("--html needs Plotly: apt-get install python3-plotly")
    page = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    data = json.dumps([_run(run) for run in runs], separators=(",", ":"))
    # No text of a run, and none of the script, may end the element that it stands in.
    page = page.replace("/*DATA*/", "const RUNS = " + data.replace("<", "\\u003c") + ";")
    library = script.read_text(encoding="utf-8").replace("</script", "<\\/script")
    page = page.replace("/*PLOTLY*/", library)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _run(results: Results) -> dict[str, Any]:
    meta, rows = results.meta, classified(results.rows)
    points: dict[tuple[Any, ...], list[Row]] = {}
    for row in sorted(rows, key=lambda row: order(row.transport, row.wait)):
        if row.bench in ("round_trip", "throughput"):
            points.setdefault((row.bench, _name(row), _setting(row), row.message_bytes, row.state),
                              []).append(row)
    lines = [(number, *lines, row.state) for number, row in enumerate(rows)
             if (lines := lines_of(row))]
    return {"name": run_name(meta), "partial": results.partial,
            "about": f"{described(meta)}, commit {str(meta.get('commit', 'unknown'))[:12]}, "
                     f"{meta.get('date', '')}, {meta.get('cpu', '')}",
            "points": [_point(key, of_key) for key, of_key in points.items()], "lines": lines,
            "scale": [{"kind": kind, "name": name, "metric": title,
                       "points": [[count, figure.median] for count, figure in of_line.items()]}
                      for metric, (title, _) in scale.METRICS.items()
                      for (kind, name), of_line in scale.series(results, metric).items()]}


def _name(row: Row) -> str:
    words = [label(row.transport, row.wait)]
    words += [word for word, holds in (("loaned", row.loaned), (f"{row.batch} at once",
              row.batch > 1), ("with checksums", row.checksum)) if holds]
    return ", ".join(words) + (" (bare ring)" if row.transport in RINGS else "")


def _setting(row: Row) -> str:
    return next(setting.title for setting in SETTINGS if setting.has(row))


def _point(key: tuple[Any, ...], rows: list[Row]) -> dict[str, Any]:
    bench, name, setting, size, state = key
    figures = {}
    for metric in METRICS:
        figure = latency.figure(rows, metric)
        if figure:
            figures[metric] = [figure.median, figure.low, figure.high]
    samples = figure_of(rows, "samples")
    return {"bench": bench, "name": name, "setting": setting, "size": size, "state": state,
            "told": text.size(size), "repeats": len(rows), "figures": figures,
            "samples": sum(samples.by_repeat.values()) if samples else 0,
            "curve": latency.curve(rows) if bench == "round_trip" else []}
