"""The command line of the report."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from report.difference import difference
from report.document import benchmarks
from report.latency import write_hgrm
from report.load import BadInput, Results, load
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
    parser.add_argument("json", type=Path, help="what ./dev compare --json wrote")
    parser.add_argument("--benchmarks", type=Path, metavar="PATH", help="write BENCHMARKS.md here")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write SVG plots into DIR")
    parser.add_argument("--readme", type=Path, metavar="PATH",
                        help="replace the figures between the markers in this README.md")
    parser.add_argument("--hgrm", type=Path, metavar="DIR",
                        help="write each point's histogram into DIR, as HdrHistogram does")
    parser.add_argument("--against", type=Path, metavar="LATER",
                        help="print what changed from json to this later run")
    parser.add_argument("--plots-only", action="store_true", help="write nothing but the plots")
    options = parser.parse_args(arguments)
    if options.plots_only and not options.plots:
        parser.error("--plots-only needs --plots DIR")
    if options.plots_only and (options.benchmarks or options.readme):
        parser.error("--plots-only goes with neither --benchmarks nor --readme")
    if options.against and (options.benchmarks or options.plots or options.readme or options.hgrm):
        parser.error("--against goes with none of --benchmarks, --plots, --readme and --hgrm")
    if not (options.benchmarks or options.plots or options.readme or options.against
            or options.hgrm):
        parser.error("nothing to write: give --benchmarks PATH, --plots DIR or --readme PATH")
    return options


def _run(options: argparse.Namespace) -> None:
    """Everything is read and checked before the first file is written."""
    results = load(options.json)
    if options.against:
        print(difference(results, load(options.against)), end="")
        return
    if options.hgrm:
        write_hgrm(results, options.hgrm)
    readme = _new_readme(options, results) if options.readme else ""
    plots = _plots(options, results) if options.plots else []
    if options.benchmarks:
        folder = options.benchmarks.parent
        folder.mkdir(parents=True, exist_ok=True)
        path = Path(os.path.relpath(options.plots, folder)).as_posix() if options.plots else ""
        options.benchmarks.write_text(benchmarks(results, plots, path), encoding="utf-8")
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


def _plots(options: argparse.Namespace, results: Results) -> list[str]:
    try:
        from report.plots import write_plots  # slow to load, and not needed for text
    except ImportError as error:
        raise BadInput("plots need matplotlib: apt-get install python3-matplotlib") from error
    return write_plots(states_of(results)[0].results, options.plots)


if __name__ == "__main__":
    sys.exit(main())
