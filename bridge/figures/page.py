"""Puts what a tool measured into a page, between the marks that name the tool."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path


def print_into(page: Path | None, tool: str, measure: Callable[[], None]) -> None:
    """Runs it, and shows what it prints; in the page that takes the place of the last time's."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        measure()
    print(printed.getvalue(), end="")
    if page is None:
        return
    begin, end = f"<!-- {tool} -->\n", f"<!-- end of {tool} -->\n"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"figures: {page} has no place for {tool}")
    page.write_text(f"{before}{begin}\n{printed.getvalue()}\n{end}{after}", encoding="utf-8")
