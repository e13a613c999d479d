"""The table of figures in README.md, between its two markers."""

from __future__ import annotations

from report import needs, text
from report.load import BadInput, Results
from report.provenance import commit, described, warnings
from report.states import summary

BEGIN = "<!-- figures:begin -->"
END = "<!-- figures:end -->"


def figures(results: Results, benchmarks_path: str) -> str:
    """The block between the markers: a table, where it comes from, and a link."""
    meta = results.meta
    cpu = text.escape(meta.get("cpu") or "machine unknown")
    source = (f"Medians; in small print the spread over the repeats and the CPU time that both "
              f"processes spent on a message. {summary(results)} {described(meta)}, {cpu}, "
              f"{text.escape(str(meta.get('date') or 'date unknown'))[:10]}, commit "
              f"{commit(meta)}. Where ringbell does not win, floors, tails and what these figures "
              f"do not say: [BENCHMARKS.md]({benchmarks_path}).")
    notes = [f"> [!WARNING]\n> {warning}" for warning in warnings(results)]
    return "\n\n".join([needs.table(results), source.replace("  ", " "), *notes])


def replace_figures(readme: str, block: str, path: str) -> str:
    """`readme` with the text between its markers replaced. Raises BadInput without markers."""
    begin, end = readme.find(BEGIN), readme.find(END)
    if begin < 0 or end < begin or readme.count(BEGIN) > 1 or readme.count(END) > 1:
        raise BadInput(f"{path} needs one {BEGIN} followed by one {END}")
    return f"{readme[:begin + len(BEGIN)]}\n{block}\n{readme[end:]}"
