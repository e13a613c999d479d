"""What a reader came for: ringbell and the best rival by need, and where ringbell does not win.

A rival is whatever the run measured in the same class, at its best: of pipes, queues, sockets and
other libraries the row with the best median. Both sides wait alike, and both send one by one or
both in batches: a batch costs a pipe one system call where sixteen messages cost it sixteen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from report import text
from report.load import Figure, Results, Row, figure_of
from report.settings import RINGS, SETTINGS, Setting, label, message_sizes
from report.states import NEAR, State, states_of
from report.tables import copies_per_byte, file_groups, file_speed, throughput_cell

AWAKE, ONE_CPU, APART = SETTINGS[:3]
LEVEL = 1.02  # medians nearer than this are level
BENCHES = {"round_trip": "Round trip", "throughput": "One way"}


@dataclass(frozen=True)
class Candidate:
    """One way to do it, and what it took."""

    name: str
    transport: str
    figure: Figure
    cpu: Figure  # ns of CPU a message, both processes together
    states: frozenset[str]

    @property
    def ours(self) -> bool:
        """Whether it is ringbell."""
        return self.transport.startswith("ringbell")


@dataclass(frozen=True)
class Question:
    """One line of the table by need."""

    need: str
    what: str
    bench: str
    setting: Setting
    message_bytes: int
    transport: str = "ringbell"  # ours
    batch: int = 1

    def candidates(self, results: Results) -> list[Candidate]:
        """What the run has for it, and of ringbell only what it asks for."""
        found = candidates(results, self.bench, self.setting, self.message_bytes,
                           batch=self.batch)
        return [c for c in found if c.transport == self.transport or not c.ours]


QUESTIONS = (
    Question("two CPUs to burn", "round trip, 56 B", "round_trip", AWAKE, 56),
    Question("", "one way, 56 B, one by one", "throughput", AWAKE, 56),
    Question("", "one way, 56 B, 16 at once", "throughput", AWAKE, 56, batch=16),
    Question("must sleep, two CPUs", "round trip, 56 B, never spinning", "round_trip", APART, 56,
             "ringbell_asleep"),
    Question("", "round trip, 56 B, ringbell spins first", "round_trip", APART, 56),
    Question("", "one way, 56 B", "throughput", APART, 56),
    Question("one CPU", "round trip, 56 B", "round_trip", ONE_CPU, 56),
    Question("", "round trip, 4 KiB", "round_trip", ONE_CPU, 4096),
    Question("", "one way, 56 B", "throughput", ONE_CPU, 56),
    Question("64 KiB and more", "round trip, 64 KiB", "round_trip", AWAKE, 65536),
    Question("", "one way, 64 KiB", "throughput", AWAKE, 65536),
    Question("", "one way, 1 MiB", "throughput", AWAKE, 1 << 20),
)


def _metric(bench: str) -> str:
    return "p50_ns" if bench == "round_trip" else "messages_per_s"


def _candidate(name: str, transport: str, rows: list[Row],
               metric: str | Callable[[Row], float | None]) -> Candidate:
    return Candidate(name, transport, figure_of(rows, metric),
                     figure_of(rows, "cpu_ns_per_message"), frozenset(r.state for r in rows))


def candidates(results: Results, bench: str, setting: Setting, message_bytes: int,
               loaned: bool = False, batch: int = 1) -> list[Candidate]:
    """Everything that was measured at one point, bare rings and checksums left out."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in results.rows:
        if (row.bench == bench and row.message_bytes == message_bytes and setting.has(row)
                and row.loaned == loaned and row.batch == batch and not row.checksum
                and row.transport not in RINGS):
            groups.setdefault((row.transport, row.wait), []).append(row)
    at_once = f", {batch} at once" if batch > 1 else ""
    found = [_candidate(label(transport, wait).replace(":", "") + at_once, transport, rows,
                        _metric(bench)) for (transport, wait), rows in groups.items()]
    return [candidate for candidate in found if candidate.figure]


def file_candidates(results: Results) -> list[Candidate]:
    """Each way to copy the file on two CPUs, and its copies in the name."""
    found = []
    for (transport, wait, placement, quick), rows in file_groups(results).items():
        copies = figure_of(rows, copies_per_byte)
        if placement == "two_cpus" and not quick and figure_of(rows, file_speed):
            told = f", {copies.median:.2g} copies" if copies else ""
            found.append(_candidate(f"{label(transport, wait)}{told}", transport, rows, file_speed))
    return found


def best(found: Sequence[Candidate], less_is_better: bool) -> Candidate | None:
    """That with the best median."""
    choose = min if less_is_better else max
    return choose(found, key=lambda c: c.figure.median, default=None)


def table(results: Results) -> str:
    """A line for each question; a pair of columns for each state that the run met."""
    states = sorted(states_of(results), key=lambda state: state.name != NEAR)
    header = ["need", "what"]
    for state in states:
        where = f", CPUs {state.name}" if state.name else ""
        header += [f"ringbell{where}", f"best rival{where}", "times better"]
    rows = [[f"**{q.need}**" if q.need else "", q.what,
             *_all_cells(states, q.candidates, q.bench, q.message_bytes)] for q in QUESTIONS]
    rows.append(["**a file**", "its copy", *_all_cells(states, file_candidates, "file_copy", 0)])
    return text.table(header, rows, left=2)


def headlines(results: Results) -> dict[str, tuple[Figure, Candidate, Candidate]]:
    """Each question that was measured: how many times better ringbell is, it and the rival."""
    asked = {(f"{q.setting.title}: {q.what}"): (q.candidates(results), q.bench)
             for q in QUESTIONS}
    asked["File to file"] = (file_candidates(results), "file_copy")
    found = {}
    for what, (all_of_it, bench) in asked.items():
        less = bench == "round_trip"
        own = best([c for c in all_of_it if c.ours], less)
        rival = best([c for c in all_of_it if not c.ours], less)
        if own and rival:
            found[what] = (advantage(own, rival, less), own, rival)
    return found


def _all_cells(states: Sequence[State], of: Callable[[Results], list[Candidate]], bench: str,
               message_bytes: int) -> list[str]:
    cells: list[str] = []
    for place, state in enumerate(states):
        found = of(state.results)
        stateless = all(candidate.states == {""} for candidate in found)
        if place and found and stateless:  # one CPU knows no near and far
            cells += ["as there", "", ""]
        else:
            cells += _cells(found, bench, message_bytes)
    return cells


def _cells(found: list[Candidate], bench: str, message_bytes: int) -> list[str]:
    less = bench == "round_trip"
    own = best([c for c in found if c.ours], less)
    rival = best([c for c in found if not c.ours], less)
    shown = [_cell(candidate, bench, message_bytes) for candidate in (own, rival)]
    times = advantage(own, rival, less) if own and rival else Figure()
    return [*shown, text.figure(times, text.ratio)]


def advantage(own: Candidate, rival: Candidate, less_is_better: bool) -> Figure:
    """How many times better ringbell is; below 1 where it is worse."""
    return (rival.figure.over(own.figure) if less_is_better else own.figure.over(rival.figure))


def _told(figure: Figure, bench: str, message_bytes: int
          ) -> tuple[Figure, Callable[[float], str]]:
    if bench == "round_trip":
        return figure, text.duration
    if bench == "file_copy":
        return figure, text.byte_rate
    return throughput_cell(figure, message_bytes)


def _cell(candidate: Candidate | None, bench: str, message_bytes: int) -> str:
    if candidate is None:
        return text.NOTHING
    cpu = f"CPU {text.duration(candidate.cpu.median)}" if candidate.cpu else ""
    name = candidate.name
    if candidate.ours:
        name = "" if bench != "file_copy" and name == "ringbell spin" else name
    return text.stacked(*_told(candidate.figure, bench, message_bytes), cpu, text.escape(name))


@dataclass(frozen=True)
class Loss:
    """A point at which a rival's median is better than ringbell's."""

    where: str
    what: str
    state: str
    bench: str
    message_bytes: int
    own: Candidate
    rival: Candidate

    @property
    def times(self) -> Figure:
        """How many times better ringbell is: less than 1."""
        return advantage(self.own, self.rival, self.bench == "round_trip")

    def said(self) -> str:
        """In a few words, both figures and whether the repeats' ranges overlap."""
        own, rival = (text.figure(*_told(c.figure, self.bench, self.message_bytes))
                      for c in (self.own, self.rival))
        apart = (self.own.figure.low > self.rival.figure.high
                 or self.own.figure.high < self.rival.figure.low)
        return (f"{self.what} {own} ({self.own.name}), {self.rival.name} {rival}: "
                f"{text.ratio(self.times.median)}"
                + ("" if apart else ", the repeats overlap")
                + (f", CPUs {self.state}" if self.state else ""))


def losses(results: Results) -> Iterator[Loss]:
    """Every point of the run at which a rival is better, state by state; one CPU once."""
    seen: set[tuple[str, str, str]] = set()
    for state in states_of(results):
        for loss in _losses_in(state):
            key = (loss.where, loss.what, loss.own.name)
            if loss.state or key not in seen:
                seen.add(key)
                yield loss


def _losses_in(state: State) -> Iterator[Loss]:
    results = state.results
    for bench, spoken in BENCHES.items():
        for setting in SETTINGS:
            for size in message_sizes(results, bench):
                for loaned, batch in _kinds(results, bench):
                    found = candidates(results, bench, setting, size, loaned, batch)
                    what = text.size(size) + (", loaned" if loaned else "")
                    # On one CPU a side that spins keeps its peer off: both rows say the same.
                    apart = setting.placement == "two_cpus"
                    for ours in ("ringbell", *(["ringbell_asleep"] if apart else [])):
                        yield from _judged(found, ours, f"{spoken}. {setting.title}", what, bench,
                                           size, state.name)
    yield from _judged(file_candidates(results), "ringbell", "File to file", "", "file_copy", 0,
                       state.name)


def _kinds(results: Results, bench: str) -> list[tuple[bool, int]]:
    """(loaned, batch) of the rows that are judged by each other."""
    return sorted({(row.loaned, row.batch) for row in results.rows if row.bench == bench})


def _judged(found: list[Candidate], ours: str, where: str, what: str, bench: str, size: int,
            state: str) -> Iterator[Loss]:
    less = bench == "round_trip"
    own = best([c for c in found if c.transport == ours
                or (bench == "file_copy" and c.ours)], less)
    rival = best([c for c in found if not c.ours], less)
    if own and rival and advantage(own, rival, less).median < 1 / LEVEL:
        stateless = own.states == rival.states == {""}
        yield Loss(where, what, "" if stateless else state, bench, size, own, rival)


def where_it_does_not_win(results: Results, most: int | None = None) -> str:
    """A line for each class of waiting, its worst points first, `most` of them or all."""
    groups: dict[str, list[Loss]] = {}
    for loss in losses(results):
        groups.setdefault(loss.where, []).append(loss)
    lines = []
    for where, found in groups.items():
        found.sort(key=lambda loss: loss.times.median)
        told = "; ".join(loss.said().strip() for loss in found[:most])
        more = len(found) - len(found[:most])
        lines.append(f"- **{where}**: {text.escape(told)}"
                     + (f"; and {more} more." if more else "."))
    return "\n".join(lines)
