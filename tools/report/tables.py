"""The tables of docs/results, one function each; each returns Markdown or an empty text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from report import latency, text
from report.load import Figure, Results, Row, figure_of
from report.settings import (RINGS, Setting, beside, is_peer, label, latency_floor, members,
                             memcpy_floor, message_sizes, order, pipe)

PERCENTILES = (("p50", "p50_ns"), ("p90", "p90_ns"), ("p99", "p99_ns"), ("p99.9", "p999_ns"),
               ("p99.99", "p9999_ns"), ("max", "max_ns"))
WAKES = {False: "as it is", True: "quick"}
PLACES = {"two_cpus": "two CPUs", "one_cpu": "one CPU"}
GB_FROM_BYTES = 1024  # throughput of messages from this size on is told in bytes per second


def name(transport: str, wait: str) -> str:
    """The row's label, ours in bold."""
    shown = text.escape(label(transport, wait))
    return f"**{shown}**" if transport.startswith("ringbell") else shown


def throughput_cell(figure: Figure, message_bytes: int) -> tuple[Figure, Callable[[float], str]]:
    """Messages per second as they are, or as bytes per second for large messages."""
    if message_bytes < GB_FROM_BYTES:
        return figure, text.message_rate
    return figure.scaled(message_bytes), text.byte_rate


def round_trip_by_size(results: Results, setting: Setting) -> str:
    """p50 by size; in small print the spread over repeats and the pipe's time over this one's."""
    sizes = message_sizes(results, "round_trip")
    rows = []
    for transport, wait in members(results, "round_trip", setting):
        cells = [name(transport, wait)]
        for size in sizes:
            own = results.figure("round_trip", "p50_ns", transport=transport, message_bytes=size,
                                 **setting.match(wait))
            pipes = pipe(results, "round_trip", "p50_ns", setting, size)
            times = pipes.over(own) if transport != "pipe" else Figure()
            cells.append(text.stacked(own, text.duration,
                                      text.ratio(times.median) if times else ""))
        rows.append(cells)
    return text.table(["p50", *map(text.size, sizes)], rows) if rows else ""


def round_trip_tails(results: Results, setting: Setting, message_bytes: int) -> str:
    """Every percentile at one size, with the ratios to the pipe and to the floor, and the CPU."""
    rows = []
    for transport, wait in members(results, "round_trip", setting):
        fields = {"transport": transport, "message_bytes": message_bytes, **setting.match(wait)}
        rows_here = results.select("round_trip", **fields)
        values = [latency.figure(rows_here, metric) for _, metric in PERCENTILES]
        if not any(values):
            continue
        pipes = pipe(results, "round_trip", "p50_ns", setting, message_bytes)
        floor = latency_floor(results, setting, wait, message_bytes)
        rows.append([name(transport, wait), *(text.figure(v, text.duration) for v in values),
                     text.figure(figure_of(rows_here, "cpu_ns_per_message"), text.duration),
                     text.figure(pipes.over(values[0]), text.ratio),
                     text.figure(values[0].over(floor), text.ratio)])
    header = [text.size(message_bytes), *(p for p, _ in PERCENTILES), "CPU a message",
              "pipe ÷ this", "this ÷ floor"]
    for column in (len(header) - 1, header.index("CPU a message")):  # no floor, not measured
        if all(row[column] == text.NOTHING for row in rows):
            rows = [[*row[:column], *row[column + 1:]] for row in rows]
            header = [*header[:column], *header[column + 1:]]
    return text.table(header, rows) if rows else ""


def throughput_by_size(results: Results, setting: Setting) -> str:
    """One-way throughput by size; in small print the spread and this rate over the pipe's."""
    sizes = message_sizes(results, "throughput")
    rows = []
    for transport, wait in members(results, "throughput", setting):
        cells = [name(transport, wait)]
        for size in sizes:
            own = results.figure("throughput", "messages_per_s", transport=transport,
                                 message_bytes=size, **setting.match(wait))
            pipes = pipe(results, "throughput", "messages_per_s", setting, size)
            times = own.over(pipes) if transport != "pipe" else Figure()
            cells.append(text.stacked(*throughput_cell(own, size),
                                      text.ratio(times.median) if times else ""))
        rows.append(cells)
    return text.table(["one way", *map(text.size, sizes)], rows) if rows else ""


def rings(results: Results, bench: str) -> str:
    """The bare rings, spinning on two CPUs, under the channel; in small print spread and ratio.

    The ratio is that to the floor beside the row for round trips. One way it is that to the
    channel, and the channel's that to what lines carry.
    """
    known = {r.transport for r in results.select(bench)}
    sizes = [s for s in message_sizes(results, bench)
             if any(results.select(bench, transport=ring, message_bytes=s) for ring in RINGS)]
    rows = []
    for transport in ("ringbell", *(ring for ring in RINGS if ring in known)):
        cells = [f"**{RINGS.get(transport, 'a channel (SpscRing)')}**"]
        for size in sizes:
            fields = {"transport": transport, "wait": "spin", "placement": "two_cpus",
                      "message_bytes": size}
            if bench == "round_trip":
                own = results.figure(bench, "p50_ns", **fields)
                floor = own.over(beside(results, bench, "floor_p50_ns", size, transport))
                cells.append(text.stacked(own, text.duration,
                                          f"{text.ratio(floor.median)} floor" if floor else ""))
                continue
            own = results.figure(bench, "messages_per_s", **fields)
            if transport in RINGS:
                times = own.over(results.figure(bench, "messages_per_s",
                                                **{**fields, "transport": "ringbell"}))
                shown = text.ratio(times.median) if times else ""
            else:
                share = own.over(beside(results, bench, "limit_per_s", size))
                shown = f"{text.ratio(share.median)} limit" if share else ""
            cells.append(text.stacked(*throughput_cell(own, size), shown))
        rows.append(cells)
    title = "p50" if bench == "round_trip" else "one way"
    return text.table([title, *map(text.size, sizes)], rows) if sizes else ""


def special(results: Results, bench: str, what: str) -> str:
    """Rows that stand apart by `what` ("loaned", "batch" or "checksum") against plain ones."""
    apart_by = {"loaned": lambda r: r.loaned, "batch": lambda r: r.batch > 1 and not r.loaned,
                "checksum": lambda r: r.checksum and r.batch == 1 and not r.loaned}[what]
    chosen = [r for r in results.rows
              if r.bench == bench and apart_by(r) and not is_peer(r)]
    if not chosen:
        return ""
    sizes = sorted({r.message_bytes for r in chosen})
    keys = {(r.transport, r.wait, r.placement, r.quick_wake, r.batch) for r in chosen}
    rows = []
    for transport, wait, placement, quick, batch in sorted(
            keys, key=lambda k: (PLACES.get(k[2]) == "one CPU", k[3], order(k[0], k[1]), k[4])):
        fields = {"transport": transport, "wait": wait, "placement": placement,
                  "quick_wake": quick}
        apart = {**fields, "batch": batch, "loaned": what == "loaned"}
        if what == "checksum":
            apart, fields = {**apart, "checksum": True}, {**fields, "checksum": False}
        mark = f"batches of {batch}" if batch > 1 else what
        where = PLACES[placement] + (", quick wake-ups" if quick else "")
        rows.append([name(transport, wait), f"{mark}, {where}",
                     *(_special_cell(results, bench, size, apart, fields) for size in sizes)])
    return text.table(["", "", *map(text.size, sizes)], rows, left=2)


def _special_cell(results: Results, bench: str, size: int, apart: dict, plain: dict) -> str:
    """The figure, its spread, and how many times better than the plain row it is."""
    metric = "p50_ns" if bench == "round_trip" else "messages_per_s"
    own = results.figure(bench, metric, message_bytes=size, **apart)
    other = results.figure(bench, metric, message_bytes=size, **plain)
    times = other.over(own) if bench == "round_trip" else own.over(other)
    shown = text.ratio(times.median) if times else ""
    if bench == "round_trip":
        return text.stacked(own, text.duration, shown)
    # Whole messages even when loaned: no byte of a loaned payload is touched.
    if apart["loaned"]:
        return text.stacked(own, text.message_rate, shown)
    return text.stacked(*throughput_cell(own, size), shown)


def floors(results: Results) -> str:
    """The bare round trips: what no transport of that kind can beat on this machine."""
    titles = {"one_line": "cache ping-pong over one line", "two_lines": "cache ping-pong over two "
              "lines", "ring_of_lines": "ring of lines (flag in the line, no ring logic)",
              "futex": "bare futex", "eventfd": "bare eventfd",
              "lines_one_way": "lines one way, handed over in chunks: time a line"}
    names = list(titles)
    found = {(r.transport, r.placement, r.quick_wake, r.message_bytes)
             for r in results.select("floor") if r.transport not in ("memcpy", "hiccups")}
    rows = []
    for floor, placement, quick, size in sorted(found, key=lambda f: (
            names.index(f[0]) if f[0] in names else len(names), f[0], f[1] == "one_cpu", *f[2:])):
        value = results.figure("floor", "p50_ns", transport=floor, placement=placement,
                               quick_wake=quick, message_bytes=size)
        wake = WAKES[quick] if floor in ("futex", "eventfd") else ""
        rows.append([titles.get(floor, text.escape(floor)), PLACES[placement], wake,
                     text.size(size) if size else "", text.figure(value, text.duration),
                     spread_or_nothing(value, text.duration)])
    header = ["floor", "placement", "wake-ups", "carries", "p50", "repeats"]
    return text.table(header, rows, left=3) if rows else ""


def spread_or_nothing(value: Figure, form: Callable[[float], str]) -> str:
    """The spread for a column of its own."""
    return text.spread(value, form) or text.NOTHING


def memcpy(results: Results) -> str:
    """memcpy through a shared buffer, bytes per second by size."""
    sizes = sorted({r.message_bytes for r in results.select("floor", transport="memcpy")})
    cells = [text.stacked(memcpy_floor(results, size), text.byte_rate) for size in sizes]
    return text.table(["", *map(text.size, sizes)], [["memcpy", *cells]]) if sizes else ""


def copies_per_byte(row: Row) -> float | None:
    """Copies of each payload byte, as written by the run, else counted bytes over the file's."""
    told, size = row.number("copies_per_byte"), row.number("file_bytes")
    if told is not None or size is None:
        return told
    counted = (row.number("kernel_copied_bytes") or 0) + (row.number("wrapper_copied_bytes") or 0)
    return counted / size if counted else None


def wrapper_share(row: Row) -> float | None:
    """The part of copies_per_byte that the kernel's counters leave out."""
    wrapped, size = row.number("wrapper_copied_bytes"), row.number("file_bytes")
    return wrapped / size if wrapped and size else None


FileKey = tuple[str, str, str, bool]


def file_groups(results: Results) -> dict[FileKey, list[Row]]:
    """file_copy rows by (transport, wait, placement, quick_wake), in table order."""
    groups: dict[FileKey, list[Row]] = defaultdict(list)
    for row in results.rows:
        if row.bench == "file_copy":
            groups[(row.transport, row.wait, row.placement, row.quick_wake)].append(row)
    return dict(sorted(groups.items(), key=lambda g: (
        g[0][2] == "one_cpu", g[0][1] in ("park", "eventfd", "blocking"), g[0][3],
        order(g[0][0], g[0][1]))))


def file_speed(row: Row) -> float | None:
    """Bytes of the file per second."""
    seconds, size = row.number("seconds"), row.number("file_bytes")
    return row.number("bytes_per_s") or (size / seconds if size and seconds else None)


def file_copies(results: Results) -> str:
    """File to file: copies per byte, speed, the ratio to the 1 MiB pipe that waits the same way."""
    groups = file_groups(results)
    rows = []
    for (transport, wait, placement, quick), group in groups.items():
        kernel_wait = "polled" if wait in ("spin", "polled") else "blocking"
        pipes = figure_of(groups.get(("pipe_1m", kernel_wait, placement, quick), []), file_speed)
        speed, share = figure_of(group, file_speed), figure_of(group, wrapper_share)
        waits = wait + (", quick wake-ups" if quick else "")
        rows.append([
            name(transport, "") if transport.startswith("ringbell") else name(transport, wait),
            f"{waits}, {PLACES[placement]}",
            _two_decimals(figure_of(group, copies_per_byte)), _two_decimals(share),
            text.figure(speed, text.byte_rate), spread_or_nothing(speed, text.byte_rate),
            text.figure(speed.over(pipes), text.ratio),
            "equal" if all(r.raw.get("sha256_match") is True for r in group) else "not checked"])
    header = ["transport", "waits", "copies per byte", "of these not seen by the kernel", "speed",
              "repeats", "this ÷ pipe (1 MiB)", "SHA-256"]
    return text.table(header, rows, left=2) if rows else ""


def _two_decimals(value: Figure) -> str:
    return f"{value.median:.2f}" if value else text.NOTHING


def file_notes(results: Results) -> str:
    """What the run noted beside its file_copy rows, each once."""
    notes: dict[str, list[str]] = defaultdict(list)
    for (transport, wait, _, _), group in file_groups(results).items():
        for row in group:
            shown = name(transport, wait)
            if row.raw.get("note") and shown not in notes[str(row.raw["note"])]:
                notes[str(row.raw["note"])].append(shown)
    return "\n".join(f"- {', '.join(names)}: {text.escape(note)}" for note, names in notes.items())


def failures(results: Results) -> str:
    """Rows that could not run, those with the same reason together."""
    groups: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for row in results.failed:
        wait = row.wait + (", quick wake-ups" if row.quick_wake else "")
        where = PLACES.get(row.placement, row.placement)
        groups[(row.bench, row.transport, wait, where, row.error)].add(row.message_bytes)
    merged: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (bench, transport, wait, where, error), sizes in groups.items():
        told = ", ".join(text.size(size) for size in sorted(sizes) if size)
        what = " · ".join(t for t in (bench.replace("_", " "), wait, where, told) if t)
        merged[(transport, error)].append(text.escape(what))
    rows = [[name(transport, ""), "<br>".join(what), text.escape(error)]
            for (transport, error), what in merged.items()]
    return text.table(["transport", "rows", "reason"], rows, left=3) if rows else ""
