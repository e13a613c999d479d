"""ringbell beside other libraries: what a run with --peers has to say."""

from __future__ import annotations

from report import text
from report.load import Figure, Results
from report.settings import SETTINGS, Setting, label, message_sizes, peer_members
from report.tables import name, throughput_cell

NOTE = """\
The same harness, placements and sizes; each library with its documented settings (`bench/peers`).
In small print how many times better ringbell is in the same repeat: copied against copied, and
against what is loaned ringbell's loaned records where it was measured so, else its copied ones.
*Loaned*: the program writes and reads the message where the library keeps it, and of it only the
sequence number; ZeroMQ and nng still carry all of it through the kernel, and their own threads
share the CPU of their process."""
OUR_WAITS = ("spin", "park")
HEADLINES = (56, 4096, 65536)


def section(results: Results, headline: bool = False) -> str:
    """Everything about other libraries, or only what is asked first; empty if the run had none."""
    parts = []
    for setting in SETTINGS[:3] if headline else SETTINGS:
        found = [shown for bench in ("round_trip", "throughput")
                 if (shown := against_ringbell(results, setting, bench, headline))]
        if found:
            parts.append("\n\n".join([f"### {setting.title}", *found]))
    if not parts:
        return ""
    versions = sorted({(r.transport, str(r.raw["peer_version"])) for r in results.rows
                       if r.raw.get("peer_version")})
    guests = sorted({label(r.transport, "") for r in results.rows if r.raw.get("guest")})
    told = ", ".join(f"{label(peer, '')} {text.escape(version)}" for peer, version in versions)
    return "\n\n".join([*(["## Other libraries"] if headline else []), NOTE,
                        *([f"{', '.join(guests)}: measured in turn by programs of their own, which "
                           "verify what they receive themselves."] if guests else []),
                        *([f"Versions: {told}."] if told else []), *parts])


def against_ringbell(results: Results, setting: Setting, bench: str, headline: bool) -> str:
    """A row for each library, copied and loaned, and under its figure ringbell's advantage."""
    sizes = [size for size in message_sizes(results, bench) if not headline or size in HEADLINES]
    rows = []
    for transport, wait in peer_members(results, bench, setting):
        for loaned in (False, True):
            fields = {"transport": transport, "loaned": loaned, **setting.match(wait)}
            own = [_figure(results, bench, size, fields) for size in sizes]
            if any(own):
                shown = name(transport, wait) + (", loaned" if loaned else "")
                rows.append([shown, *(_cell(results, setting, bench, size, figure, fields)
                                      for size, figure in zip(sizes, own))])
    title = "p50" if bench == "round_trip" else "one way"
    return text.table([title, *map(text.size, sizes)], rows) if rows else ""


def _figure(results: Results, bench: str, size: int, fields: dict) -> Figure:
    metric = "p50_ns" if bench == "round_trip" else "messages_per_s"
    return results.figure(bench, metric, message_bytes=size, **fields)


def _cell(results: Results, setting: Setting, bench: str, size: int, own: Figure,
          fields: dict) -> str:
    below = ""
    if fields["transport"] != "ringbell":
        ours = _ours(results, setting, bench, size, fields["loaned"])
        times = own.over(ours) if bench == "round_trip" else ours.over(own)
        below = text.ratio(times.median) if times else ""
    if bench == "round_trip":
        return text.stacked(own, text.duration, below)
    if fields["loaned"]:  # of a loaned payload no byte is touched
        return text.stacked(own, text.message_rate, below)
    return text.stacked(*throughput_cell(own, size), below)


def _ours(results: Results, setting: Setting, bench: str, size: int, loaned: bool) -> Figure:
    wait = next(wait for wait in OUR_WAITS if wait in setting.waits)
    fields = {"transport": "ringbell", **setting.match(wait)}
    found = _figure(results, bench, size, {**fields, "loaned": True}) if loaned else Figure()
    return found or _figure(results, bench, size, {**fields, "loaned": False})
