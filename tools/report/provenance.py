"""Where a run came from: its commit, the commands, and what makes it less than a record."""

from __future__ import annotations

import re
from typing import Any

from report import text
from report.load import Results


def commands(meta: dict[str, Any]) -> str:
    """The two commands that make this document from nothing."""
    mode = meta.get("mode")
    flag = f"--{mode} " if mode in ("quick", "full") else ""
    peers = "--peers " if meta.get("peers") else ""
    return f"./dev compare {flag}{peers}--json run.jsonl && ./dev report run.jsonl"


def described(meta: dict[str, Any]) -> str:
    """What kind of run it was."""
    mode, repeats = text.escape(meta.get("mode") or "unknown"), meta.get("repeats")
    times = {1: ", each point once", 3: ", each point three times"}.get(repeats, "")
    kind = {"plain": "A plain run", "full": "A full run", "quick": "A quick run"}.get(
        mode, f"A run ({mode})")
    return kind + times


def run_name(meta: dict[str, Any]) -> str:
    """A file name for the run: its mode and date, to the minute."""
    name = f"{meta.get('mode') or 'run'}-{str(meta.get('date') or 'undated')[:16]}"
    return re.sub(r"[^A-Za-z0-9-]", "", name)


def warnings(results: Results) -> list[str]:
    """What makes a run less than a record."""
    meta, found = results.meta, []
    if results.partial:
        found.append(f"A partial run: {results.partial}. What had been measured until then is "
                     "here, the rest is missing.")
    if meta.get("dirty") is not False:
        found.append("The working tree had uncommitted changes: these figures do not belong to "
                     "the commit alone." if meta.get("dirty") else
                     "Whether the working tree had uncommitted changes is not recorded.")
    if meta.get("mode") == "quick":
        found.append("A quick run: few samples, and rows left out. Make a record with "
                     "`./dev compare --full`.")
    return found


def commit(meta: dict[str, Any]) -> str:
    """The commit in short, marked when the tree was dirty."""
    name = text.escape(meta.get("commit") or "unknown")[:12]
    return f"`{name}`" + (" with uncommitted changes" if meta.get("dirty") else "")
