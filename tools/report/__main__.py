"""The command line of the report."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from report.difference import difference
from report.document import benchmarks
from report.html import write_html
from report.latency import write_hgrm
from report.load import BadInput, Results, load
from report.pages import keep_rows, write_pages
from report.readme import figures, replace_figures
from report.states import states_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 bad input or no way to write, 2 usage."""
    options = _options(arguments)
    try:
        _run(options)
    except BadInput as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"report: cannot write {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="report", description="Turns the JSON Lines of ./dev compare --json into a report.")
    parser.add_argument("json", type=Path, help="what ./dev compare --json wrote, gzip or plain")
    parser.add_argument("later", type=Path, nargs="?", help="a later run: with --html beside the "
                        "first, else what changed is printed")
    parser.add_argument("--benchmarks", type=Path, metavar="PATH", help="write BENCHMARKS.md here")
    parser.add_argument("--results", type=Path, metavar="DIR", help="write every table, the plots "
                        "and the rows into DIR")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write SVG plots into DIR")
    parser.add_argument("--readme", type=Path, metavar="PATH",
                        help="replace the figures between the markers in this README.md")
    parser.add_argument("--html", type=Path, metavar="PATH",
                        help="write one file to play with, for a browser")
    parser.add_argument("--hgrm", type=Path, metavar="DIR",
                        help="write each point's histogram into DIR, as HdrHistogram does")
    options = parser.parse_args(arguments)
    of_one = (options.benchmarks, options.results, options.plots, options.readme, options.hgrm)
    if options.later and any(of_one):
        parser.error("two runs go with none but --html")
    if not (options.later or options.html or any(of_one)):
        parser.error("nothing to write: give --benchmarks PATH, --results DIR, --plots DIR, "
                     "--readme PATH, --html PATH or a second run")
    return options


def _run(options: argparse.Namespace) -> None:
    """Everything is read and checked before the first file is written."""
    results = load(options.json)
    later = load(options.later) if options.later else None
    if options.html:
        write_html([results, *([later] if later else [])], options.html)
    elif later:
        print(difference(results, later), end="")
    readme = _new_readme(options, results) if options.readme else ""
    if options.hgrm:
        write_hgrm(results, options.hgrm)
    if options.plots:
        _plots(results, options.plots)
    written = _results(options, results) if options.results else []
    if options.benchmarks:
        folder = options.benchmarks.parent
        folder.mkdir(parents=True, exist_ok=True)
        path = (Path(os.path.relpath(options.results, folder)).as_posix() if options.results
                else "")
        options.benchmarks.write_text(benchmarks(results, written, path), encoding="utf-8")
    if options.readme:
        options.readme.write_text(readme, encoding="utf-8")


def _new_readme(options: argparse.Namespace, results: Results) -> str:
    try:
        old = options.readme.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise BadInput(f"cannot read {options.readme}: {reason}") from error
    target = options.benchmarks or options.readme.parent / "BENCHMARKS.md"
    link = Path(os.path.relpath(target, options.readme.parent)).as_posix()
    return replace_figures(old, figures(results, link), str(options.readme))


def _results(options: argparse.Namespace, results: Results) -> list[str]:
    """The names of what it wrote."""
    plots = _plots(results, options.results)
    return [*write_pages(results, plots, options.results), *plots,
            keep_rows(options.json, results, options.results)]


def _plots(results: Results, folder: Path) -> list[str]:
    try:
        from report.plots import write_plots  # slow to load, and not needed for text
    except ImportError as error:
        raise BadInput("plots need matplotlib: apt-get install python3-matplotlib") from error
    return write_plots(states_of(results), folder)


if __name__ == "__main__":
    sys.exit(main())
