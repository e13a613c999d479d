"""The table of figures in README.md, between its two markers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from report import text
from report.load import BadInput, Figure, Results, Row, figure_of
from report.provenance import commit, warnings
from report.settings import PEERS, TRANSPORTS, label
from report.states import states_of
from report.tables import copies_per_byte, file_speed

BEGIN = "<!-- figures:begin -->"
END = "<!-- figures:end -->"
PIPES = ("pipe", "pipe_1m")


@dataclass(frozen=True)
class Line:
    """One line of the table: which rows, which quantity, and whether less is better."""

    title: str
    bench: str
    message_bytes: int
    metric: str | Callable[[Row], float | None]
    form: Callable[[float], str]
    less_is_better: bool


LINES = (
    Line("round trip, 8 B", "round_trip", 8, "p50_ns", text.duration, True),
    Line("round trip, 56 B", "round_trip", 56, "p50_ns", text.duration, True),
    Line("round trip, 4 KiB", "round_trip", 4096, "p50_ns", text.duration, True),
    Line("throughput, 8 B", "throughput", 8, "messages_per_s", text.message_rate, False),
    Line("throughput, 64 KiB", "throughput", 65536, "bytes_per_s", text.byte_rate, False),
    Line("file to file, copies per byte", "file_copy", 0, copies_per_byte,
         lambda value: f"{value:.2f}", True),
    Line("file to file, speed", "file_copy", 0, file_speed, text.byte_rate, False),
)


def _candidates(results: Results, line: Line, transports: Iterable[str], waits: Iterable[str]
                ) -> dict[tuple[str, str], Figure]:
    """The figure of each (transport, wait) on two CPUs, the machine as it is."""
    found = {}
    for transport in transports:
        for wait in waits:
            rows = results.select(line.bench, transport=transport, wait=wait,
                                  placement="two_cpus", quick_wake=False,
                                  message_bytes=line.message_bytes)
            figure = figure_of([r for r in rows if not r.checksum] or rows, line.metric)
            if figure:
                found[(transport, wait)] = figure
    return found


def _best(candidates: dict[tuple[str, str], Figure], line: Line) -> tuple[tuple[str, str], Figure]:
    """The fastest of the candidates; no name and an empty figure if there is none."""
    if not candidates:
        return ("", ""), Figure()
    choose = min if line.less_is_better else max
    key = choose(candidates, key=lambda k: candidates[k].median)
    return key, candidates[key]


def _cells(results: Results, line: Line) -> list[str]:
    others = sorted({r.transport for r in results.rows if r.bench == line.bench}
                    - {"ringbell", "ringbell_uring", "fifo", *PIPES, *PEERS})  # a FIFO is a pipe
    columns = [(("ringbell",), ("spin",)), (PIPES, ("polled",)), (PIPES, ("blocking",)),
               (others, ("polled", "blocking"))]
    cells = [line.title]
    for place, (transports, waits) in enumerate(columns):
        (transport, wait), figure = _best(_candidates(results, line, transports, waits), line)
        shown = text.figure(figure, line.form)
        if place == 0 and figure:
            shown = f"**{shown}**"
        if place == 3 and figure:
            kind = ", sleeping" if wait == "blocking" else ""
            shown += f" ({text.escape(TRANSPORTS.get(transport) or label(transport, ''))}{kind})"
        cells.append(shown)
    return cells


def figures_table(results: Results) -> str:
    """The project in seven lines."""
    header = ["two processes, each on its own CPU", "ringbell, spinning", "pipe, polled",
              "pipe, sleeping", "best socket or queue"]
    return text.table(header, [_cells(results, line) for line in LINES])


def figures_tables(results: Results) -> str:
    """One table for each state that the run met."""
    states = states_of(results)
    if len(states) == 1:
        return figures_table(states[0].results)
    return "\n\n".join(f"CPUs {state.name}: a cache line takes {text.duration(state.line_ns)} to "
                       f"and fro.\n\n{figures_table(state.results)}" for state in states)


def figures(results: Results, benchmarks_path: str) -> str:
    """The block between the markers: a table, where it comes from, and a link."""
    meta = results.meta
    cpu = text.escape(meta.get("cpu") or "machine unknown")
    source = (f"Medians; of pipes with 64 KiB and 1 MiB the better. {cpu}, "
              f"{text.escape(str(meta.get('date') or 'date unknown'))[:10]}, commit "
              f"{commit(meta)}. Everything else, with floors, tails and what these figures do not "
              f"say: [BENCHMARKS.md]({benchmarks_path}).")
    notes = [f"> [!WARNING]\n> {warning}" for warning in warnings(meta)]
    return "\n\n".join([figures_tables(results), source, *notes])


def replace_figures(readme: str, block: str, path: str) -> str:
    """`readme` with the text between its markers replaced. Raises BadInput without markers."""
    begin, end = readme.find(BEGIN), readme.find(END)
    if begin < 0 or end < begin or readme.count(BEGIN) > 1 or readme.count(END) > 1:
        raise BadInput(f"{path} needs one {BEGIN} followed by one {END}")
    return f"{readme[:begin + len(BEGIN)]}\n{block}\n{readme[end:]}"
