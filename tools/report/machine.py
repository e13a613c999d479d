"""The machine that was measured: what the run says of it, and what the doctor found."""

from __future__ import annotations

from typing import Any

from report import latency, text
from report.load import Results, figure_of

META_NAMES = {"cpu": "CPU", "hypervisor": "hypervisor", "cpus": "CPUs used", "kernel": "kernel",
              "compiler": "compiler", "flags": "flags", "date": "date", "mode": "mode",
              "repeats": "repeats"}
NOT_SHOWN = {*META_NAMES, "bench", "commit", "dirty", "doctor"}
LEVELS = {"missing": "**missing**", "costs": "costs", "good": "good"}  # the worst first


def section(results: Results) -> str:
    """Its properties as a table, and the findings."""
    known = [k for k in META_NAMES if k in results.meta]
    others = [k for k in results.meta if k not in NOT_SHOWN]
    rows = [[META_NAMES.get(k, text.escape(k.removesuffix("_bytes").replace("_", " "))),
             _value(k, results.meta[k])] for k in known + others]
    parts = [text.table(["", ""], rows, left=2) if rows else "", _taken_away(results),
             _findings(results.meta)]
    body = "\n\n".join(part for part in parts if part)
    return f"## The machine\n\n{body}" if body else ""


def _taken_away(results: Results) -> str:
    """The pauses of a process that only reads the clock, on each CPU; and what the host took."""
    rows = []
    hiccups = results.select("floor", transport="hiccups")
    for cpu in sorted({str(r.raw.get("cpu")) for r in hiccups}):
        of_cpu = [r for r in hiccups if str(r.raw.get("cpu")) == cpu]
        lost = figure_of(of_cpu, "lost_share")
        cells = [text.figure(latency.figure(of_cpu, metric), text.duration)
                 for metric in ("p999_ns", "p9999_ns", "max_ns")]
        rows.append([f"CPU {text.escape(cpu)}", *cells,
                     text.figure(lost, lambda share: f"{text.significant(100 * share)} %")])
    stolen = results.end.get("steal_share")
    told = (f"Of the CPUs' time the host gave {100 * stolen:.2g} % to others during the run "
            "(steal time)." if isinstance(stolen, float) else "")
    shown = text.table(["idle hiccups: between two readings of the clock", "p99.9", "p99.99", "max",
                        "in gaps of 1 us and more"], rows) if rows else ""
    return "\n\n".join(part for part in (shown, told) if part)


def _value(key: str, value: Any) -> str:
    if isinstance(value, list):
        return text.escape(", ".join(map(str, value)))
    if key.endswith("_bytes") and isinstance(value, int) and not isinstance(value, bool):
        return text.size(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return text.escape(value if value not in (None, "") else "unknown")


def _findings(meta: dict[str, Any]) -> str:
    """What costs latency or is missing, each with its remedy; what is good is folded."""
    found = meta.get("doctor")
    findings = [f for f in found if isinstance(f, dict)] if isinstance(found, list) else []
    by_level = {level: [f for f in findings if f.get("level") == level] for level in LEVELS}
    if not any(by_level.values()):
        return ""
    worse = [[f"{LEVELS[level]}: {_cell(f, 'name')}", _cell(f, "figure"), _cell(f, "why"),
              _cell(f, "remedy")] for level in ("missing", "costs") for f in by_level[level]]
    good = [[_cell(f, "name"), _cell(f, "figure")] for f in by_level["good"]]
    counts = (f"{len(by_level['good'])} good, {len(by_level['costs'])} cost something, "
              f"{len(by_level['missing'])} missing")
    parts = [f"What `ringbell doctor` found before the run: {counts}.",
             text.table(["", "found", "why it matters", "what mends it"], worse, left=4)
             if worse else "",
             text.folded("What is good", text.table(["", "found"], good, left=2)) if good else ""]
    return "\n\n".join(part for part in parts if part)


def _cell(finding: dict[str, Any], key: str) -> str:
    return text.escape(finding.get(key) or "")
