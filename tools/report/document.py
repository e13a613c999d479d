"""BENCHMARKS.md: the sections around the tables. Every figure comes from the rows."""

from __future__ import annotations

from collections.abc import Sequence

from report import machine, open_loop, peers, tables, text
from report.load import Results
from report.provenance import commands, commit, warnings
from report.readme import figures_tables
from report.settings import ASLEEP, AWAKE, SETTINGS, Setting, message_sizes
from report.states import states_of, summary
from report.targets import targets_summary, targets_table

READING = """\
Medians over the repeats of a run; in small print the smallest and largest repeat, then how many
times better than the plain 64 KiB pipe of the same table the row is (above 1× is faster than the
pipe). Every ratio is formed within one repeat, then the median is taken, so it may differ a little
from the quotient of two printed medians. – was not measured. † was split into parts, because the
message is larger than the transport's limit."""

METHOD = """\
- **Two processes**, never two threads, each pinned: to a CPU of its own (*two CPUs*) or both to the
  same (*one CPU*).
- **Waits.** *spin* and *polled* never sleep: the kernel's transports run with O_NONBLOCK or
  IPC_NOWAIT and try again, so that a ring is not compared with a sleeper. On one CPU a side that
  finds nothing yields. *park* spins for a while and then sleeps on a futex, *eventfd* on an
  eventfd, *blocking* in the system call. Between two CPUs the answer comes while *park* still
  spins; the rows *never spinning* are those that always sleep.
- **Every row that sleeps comes twice**: with the machine as it is, and with quick wake-ups
  (/dev/cpu_dma_latency held at 0, for all transports alike).
- **Round trip**: one message there and one back, payload written and read on each side, for a fixed
  time after the warm-up. The histograms of all repeats are merged; their buckets are off by at most
  0.4 %, and a single duration is a multiple of the clock's step. A percentile stands where 100
  samples or more lie beyond it; *max* is the largest of all repeats.
- **Throughput**: one direction, as fast as it goes. The ring is far smaller than what passes
  through it, so it wraps many times. The receiver verifies the sequence number and the length of
  every message, and the content by a checksum in the rows that say so.
- **Open loop**: a message is due at a fixed time, whatever became of those before it, and its
  latency counts from then until the receiver has it, verified. So a pause of either side counts for
  every message that was due meanwhile. Loads are shares of what the same loops carry at most, with
  their two readings of the clock for each message, measured right before.
- **File to file**: a real file goes from one process's disk file to the other's. Through the ring
  read(2) fills claimed ring space and write(2) empties peeked ring space; the others read, send,
  receive and write. Copies are counted, not asserted: the growth of rchar + wchar in /proc/PID/io
  of both processes over the file's size. Queues' bytes, which the kernel leaves out there, are
  counted by the wrapper and shown apart. SHA-256 of both files must agree.
- **Floors** are measured in the same run, without any transport: what the hardware and the kernel
  take at least. Those that ringbell's spinning rows are judged by are measured once more right
  before and right after each of these rows, because the CPUs of a virtual machine move."""

THROUGHPUT_UNIT = (f"Messages per second below {text.size(tables.GB_FROM_BYTES)}, "
                   "payload bytes per second from there on.")

SILENT = """\
- **One machine, one run.** Other processors, kernels and compilers order the transports
  differently in places. Ratios travel better than absolute figures; measure on yours:
  `./dev compare`.
- **CPUs are not isolated.** Interrupts, other processes and, on a virtual machine, other guests
  land in the tails. *max* is one event and says more about the host than about the transport.
- **On a virtual machine wake-ups belong to the hypervisor.** A halted virtual CPU is woken by it,
  which decides nearly all of a sleeping round trip across CPUs; bare metal is much faster there,
  for every transport.
- **The two CPUs of a virtual machine are not always the same pair.** Where the host moves them from
  one shared cache to two, handing a line over takes several times as long, for minutes. Rows that
  say how long it took before and after them are kept apart by it: a table has rows of one state. Of
  other rows only the spread over the repeats shows it.
- **The ring stays in the cache.** It is small and warm and nothing else competes for the cache; an
  application with a large working set will see less.
- **Spinning costs a CPU on each side**: *CPU a message* is what the kernel charged both processes,
  over all messages; no other figure counts it.
- **One pair at a time.** No contention between many writers and readers, no second NUMA node.
- **Loaned rows touch no payload**: they show what handing over costs, not moving data.
- **Round trips are a closed loop.** One starts when the one before has ended, so a pause is counted
  once, not for every message that would have arrived meanwhile. *Open loop* counts it for all."""


def benchmarks(results: Results, plots: Sequence[str], plots_path: str) -> str:
    """The whole document, the shortest answers first.

    `plots` are file names inside `plots_path`, which is relative to the document.
    """
    main, *others = states_of(results)
    seen = main.results
    sections = [
        _head(results), _short(results), _targets(seen), machine.section(results),
        _method(results), _measured(seen, plots, plots_path), _failures(results),
        f"## What these figures do not say\n\n{SILENT}"]
    sections += [f"# In the other state of the machine: {other.name}\n\n"
                 + _measured(other.results, (), "") for other in others]
    return "\n\n".join(section for section in sections if section) + "\n"


def _measured(results: Results, plots: Sequence[str], path: str) -> str:
    """Everything that is measured, of one state."""
    sections = [
        _floors(results), *(_round_trip(results, s, plots, path) for s in SETTINGS),
        _throughput(results, SETTINGS[0], plots, path),
        _throughput_elsewhere(results, plots, path), _open_loop(results, plots, path),
        _special(results), _rings(results), peers.section(results, plots, path),
        _files(results, plots, path)]
    return "\n\n".join(section for section in sections if section)


def _head(results: Results) -> str:
    lines = [f"<!-- Generated from a comparison's JSON Lines; do not edit.\n     "
             f"{commands(results.meta)} -->",
             "# Benchmarks",
             f"This file is generated by `{commands(results.meta)}`; no figure in it is typed by "
             f"hand. Commit {commit(results.meta)}, "
             f"{text.escape(results.meta.get('date') or 'date unknown')}."]
    lines += [f"> [!WARNING]\n> {warning}" for warning in warnings(results.meta)]
    return "\n\n".join(lines)


def _short(results: Results) -> str:
    parts = ["## In short", figures_tables(results),
             "Medians, two processes on two CPUs, the machine as it is; of pipes with 64 KiB and "
             "1 MiB buffers the better.", summary(results)]
    return "\n\n".join(part for part in parts if part)


def _method(results: Results) -> str:
    counts = []
    for waits, kind in ((AWAKE, "awake"), (ASLEEP, "asleep")):
        taken = [r.number("samples") for r in results.rows
                 if r.bench == "round_trip" and r.wait in waits]
        known = [int(n) for n in taken if n]
        if known:
            counts.append(f"at least {min(known):,} for rows {kind}")
    samples = f"\n\nSamples in a round-trip row: {', '.join(counts)}." if counts else ""
    if isinstance(step := results.meta.get("clock_step_ns"), int):
        samples += f" The clock moves in steps of {step} ns."
    return (f"## What was measured, and how\n\n{METHOD}{samples}\n\n"
            f"**Reading the tables.** {READING}")


def _targets(results: Results) -> str:
    return ("## Targets\n\nSet before the measuring; computed from the rows below. "
            f"{targets_summary(results)}\n\n{targets_table(results)}")


def _floors(results: Results) -> str:
    parts = [part for part in (tables.floors(results), tables.memcpy(results),
                               _floor_ratios(results)) if part]
    return "## Floors\n\n" + "\n\n".join(parts) if parts else ""


def _floor_ratios(results: Results) -> str:
    table = tables.against_memcpy(results)
    return "ringbell's one-way throughput on two CPUs over memcpy's:\n\n" + table if table else ""


def _plot(name: str, alt: str, plots: Sequence[str], plots_path: str) -> str:
    return f"![{alt}]({plots_path}/{name})" if name in plots else ""


def _round_trip(results: Results, setting: Setting, plots: Sequence[str], path: str) -> str:
    table = tables.round_trip_by_size(results, setting)
    if not table:
        return ""
    tails = [(size, tables.round_trip_tails(results, setting, size))
             for size in message_sizes(results, "round_trip")]
    open_sizes = (8, 56) if setting is SETTINGS[0] else (56,)
    shown = "\n\n".join(t for size, t in tails if t and size in open_sizes)
    rest = "\n\n".join(t for size, t in tails if t and size not in open_sizes)
    parts = [f"## Round trip. {setting.title}", setting.note,
             _plot(f"latency_{setting.slug}.svg", f"Round trip by size. {setting.title}", plots,
                   path), table, shown,
             text.folded("Tails at the other sizes", rest) if rest else ""]
    return "\n\n".join(part for part in parts if part)


def _throughput(results: Results, setting: Setting, plots: Sequence[str], path: str) -> str:
    table = tables.throughput_by_size(results, setting)
    if not table:
        return ""
    parts = [f"## Throughput. {setting.title}", THROUGHPUT_UNIT, _throughput_body(
        table, setting, plots, path)]
    return "\n\n".join(parts)


def _throughput_elsewhere(results: Results, plots: Sequence[str], path: str) -> str:
    """The other placements and waits, folded: few ask, and the tables are wide."""
    found = [text.folded(s.title, _throughput_body(table, s, plots, path)) for s in SETTINGS[1:]
             if (table := tables.throughput_by_size(results, s))]
    return "\n\n".join(["## Throughput elsewhere", THROUGHPUT_UNIT, *found]) if found else ""


def _throughput_body(table: str, setting: Setting, plots: Sequence[str], path: str) -> str:
    parts = [_plot(f"throughput_{setting.slug}.svg", f"Throughput by size. {setting.title}", plots,
                   path), table]
    return "\n\n".join(part for part in parts if part)


OPEN_LOOP_NOTE = """\
Messages at a fixed rate, each timed from when it was due until the receiver had it. Columns are
shares of the row's own capacity. On a machine that is taken away for milliseconds now and then, the
tails are that: at p99 and beyond the transports are told apart only where they differ by more."""


def _open_loop(results: Results, plots: Sequence[str], path: str) -> str:
    parts = []
    for setting in open_loop.settings(results):
        tables_of = [open_loop.table(results, setting, size)
                     for size in open_loop.sizes(results, setting)]
        parts += [f"**{setting.title}**", *(t for t in tables_of if t)]
    if not parts:
        return ""
    return "\n\n".join(part for part in (
        "## Open loop: latency by load", OPEN_LOOP_NOTE,
        _plot("open_loop.svg", "Latency by load", plots, path), *parts) if part)


def _special(results: Results) -> str:
    parts = []
    for what, title in (("loaned", "Loaned: claimed and peeked, payload untouched"),
                        ("batch", "Batches: messages shown with one store, or written by one call"),
                        ("checksum", "Content verified by a checksum")):
        found = [f"{bench.replace('_', ' ').capitalize()}, in small print times the plain row:"
                 f"\n\n{table}" for bench in ("round_trip", "throughput")
                 if (table := tables.special(results, bench, what))]
        if found:
            parts.append(f"## {title}\n\n" + "\n\n".join(found))
    return "\n\n".join(parts)


RINGS_NOTE = """\
Two processes on two CPUs, spinning, one of them on each side. The rings of core stand bare in
memory that both inherited: no channel, no doorbell. For comparison the channel's row from above.
Floors are the ring of lines, for calls of 8 B one line handed to and fro. A lossy broadcast has no
one-way rate: its writer never waits; a call has none, because there is one at a time."""


def _rings(results: Results) -> str:
    found = [table for bench in ("round_trip", "throughput")
             if (table := tables.rings(results, bench))]
    return "\n\n".join(["## The rings", RINGS_NOTE, *found]) if found else ""


def _files(results: Results, plots: Sequence[str], path: str) -> str:
    table = tables.file_copies(results)
    if not table:
        return ""
    sizes = sorted({r.number("file_bytes") or 0 for r in results.rows if r.bench == "file_copy"})
    told = ", ".join(text.size(int(size)) for size in sizes if size)
    parts = ["## File to file: two copies against four",
             f"A file of {told}." if told else "",
             _plot("copies.svg", "Copies of each byte", plots, path), table,
             tables.file_notes(results)]
    return "\n\n".join(part for part in parts if part)


def _failures(results: Results) -> str:
    table = tables.failures(results)
    kinds = sorted({" ".join(t for t in (r.bench, r.transport, r.wait, r.placement) if t)
                    for r in results.unknown})
    left = (f"Left out, being of kinds that this report does not know: {len(results.unknown)} "
            f"row(s): {text.escape('; '.join(kinds))}." if kinds else "")
    if not table and not left:
        return ""
    return "\n\n".join(p for p in ("## Rows that could not run", table, left) if p)
