"""Where a run came from: its commit, the commands, and what makes it less than a record."""

from __future__ import annotations

from typing import Any

from report import text


def commands(meta: dict[str, Any]) -> str:
    """The two commands that make this document from nothing."""
    mode = meta.get("mode")
    flag = f"--{mode} " if mode in ("quick", "full") else ""
    return f"./dev compare {flag}--json run.jsonl && ./dev report run.jsonl"


def warnings(meta: dict[str, Any]) -> list[str]:
    """What makes a run less than a record."""
    found = []
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
