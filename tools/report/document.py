"""BENCHMARKS.md: what a run says, the shortest answers first. Every figure comes from the rows."""

from __future__ import annotations

from collections.abc import Sequence

from report import needs, peers, tables, text
from report.load import Results
from report.pages import COPIES, failures, pages
from report.provenance import commands, commit, described, warnings
from report.settings import ASLEEP, AWAKE
from report.states import states_of, summary
from report.targets import targets_summary, targets_table

NEEDS_NOTE = """\
Medians of two processes, the machine as it is; in small print the smallest and largest repeat, the
CPU time that both processes together spent on a message, and what it was. A rival is whatever else
the run measured, at its best: pipe, socket, queue, another library. One by one stands beside one by
one, which is meant where nothing is said, batches beside batches: *16 at once* is one store of a
ring, one write of a pipe. Ratios are formed within one repeat and one state of the machine."""

METHOD = f"""\
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
  counted by the wrapper and shown apart; of splice, sendfile and copy_file_range it tells nothing
  that is a count of copies. SHA-256 of both files must agree. In short:
  {COPIES}
- **Floors** are measured in the same run, without any transport: what the hardware and the kernel
  take at least. Those that ringbell's spinning rows are judged by are measured once more right
  before and right after each of these rows, because the CPUs of a virtual machine move."""

LEFT_OUT = """\
Left out are those whose floor or rival says nothing: a memcpy through memory that the ring does
not use, a bare futex or a sleeping pipe beside a row that never sleeps, loaned payloads that no
process touches."""

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


def benchmarks(results: Results, written: Sequence[str], path: str) -> str:
    """The whole document, the shortest answers first.

    `written` are the names of pages, plots and rows in `path`, which is relative to the document.
    """
    seen = states_of(results)[0].results
    sections = [_head(results), _short(results, written, path), _method(results), _floors(seen),
                _targets(seen), peers.section(seen, headline=True), _failed(results, written, path),
                f"## What these figures do not say\n\n{SILENT}", _again(results),
                _everything(written, path)]
    return "\n\n".join(section for section in sections if section) + "\n"


def _head(results: Results) -> str:
    lines = [f"<!-- Generated from a comparison's JSON Lines; do not edit.\n     "
             f"{commands(results.meta)} -->", "# Benchmarks",
             f"{described(results.meta)}, commit {commit(results.meta)}, "
             f"{text.escape(results.meta.get('date') or 'date unknown')}; every figure is computed "
             f"from its rows by `{commands(results.meta)}`."]
    lines += [f"> [!WARNING]\n> {warning}" for warning in warnings(results)]
    return "\n\n".join(lines)


def _short(results: Results, written: Sequence[str], path: str) -> str:
    lost = needs.where_it_does_not_win(results, most=3)
    more = f" [All of them]({path}/losses.md)." if "losses.md" in written else ""
    parts = [_machine(results), "## By need", needs.table(results), NEEDS_NOTE,
             "## Where ringbell does not win",
             f"Where a rival's median is better, with ringbell's advantage, less than 1×.{more}"
             if lost else "At no point of this run is a rival's median better.", lost]
    plot = "latency.svg"
    if plot in written:
        parts.append(f"![Round trip by size]({path}/{plot})")
    return "\n\n".join(part for part in parts if part)


def _machine(results: Results) -> str:
    meta = results.meta
    known = [text.escape(meta[key]) for key in ("cpu", "kernel", "compiler") if meta.get(key)]
    if meta.get("hypervisor"):
        known.append("a virtual machine")
    states = summary(results)
    return " ".join(part for part in (f"{', '.join(known)}." if known else "", states) if part)


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
    return f"## What was measured, and how\n\n{METHOD}{samples}"


def _floors(results: Results) -> str:
    parts = [part for part in (tables.floors(results), tables.memcpy(results)) if part]
    return "## Floors\n\n" + "\n\n".join(parts) if parts else ""


def _targets(results: Results) -> str:
    return (f"## Targets\n\nSet before the measuring. {LEFT_OUT} {targets_summary(results)}\n\n"
            f"{targets_table(results)}")


def _failed(results: Results, written: Sequence[str], path: str) -> str:
    told = failures(results)
    if "failures.md" in written:
        told = f"{len(results.failed)}: [which, and why]({path}/failures.md)."
    return f"## Rows that could not run\n\n{told}" if told else ""


def _again(results: Results) -> str:
    return ("## How to reproduce\n\n```sh\n" + commands(results.meta).replace(" && ", "\n")
            + "\n./dev report BEFORE.jsonl AFTER.jsonl   # what changed, and what did not\n```")


def _everything(written: Sequence[str], path: str) -> str:
    titles = {name: title for name, (title, _) in pages().items()}
    lines = [f"- [{titles[name]}]({path}/{name})" for name in written if name in titles]
    lines += [f"- [{name}]({path}/{name}): the rows of this run" for name in written
              if name.endswith(".jsonl.gz")]
    return "## All else\n\n" + "\n".join(lines) if lines else ""
