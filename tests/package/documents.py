"""The installed documents are whole: what they and the installed headers refer to is installed.

A header refers to one as `(PATH.md)` or `(PATH.md, Heading)`, the path being that in the sources,
or below transport/, and below share/doc/ringbell. What only a developer needs is not installed:
SOURCES_ONLY.

usage: documents.py DOCUMENTS HEADERS
       documents.py --self-test
"""

import re
import sys
import tempfile
from pathlib import Path

SOURCES_ONLY = ("bench/", "bridge/", "tests/", "tools/", "CONTRIBUTING.md")
LINK = re.compile(r"\]\(([^)#:]+)[)#]")
REFERENCE = re.compile(r"\b((?:[\w-]+/)*[\w-]*\.md|README)\b(?:, ([A-Z][\w ]*\w))?")


def headings(page):
    """Of sections, and of paragraphs that begin in bold."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^#+ (.*)$", text, re.MULTILINE) + re.findall(
        r"^(?:- )?\*\*(.+?)\.?\*\*", text, re.MULTILINE)


def broken_links(documents):
    """Of README and what is in docs/."""
    for page in [documents / "README.md", *sorted(documents.glob("docs/*.md"))]:
        text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"),
                      flags=re.DOTALL | re.MULTILINE)
        for link in LINK.findall(text):
            target = (page.parent / link).resolve()
            name = str(target.relative_to(documents.resolve()))
            if not target.exists() and not name.startswith(SOURCES_ONLY):
                yield f"{page.relative_to(documents)} links to {link}, which is not installed"


def broken_references(documents, headers):
    """Of headers, in their comments."""
    for header in sorted([*headers.rglob("*.hpp"), *headers.rglob("*.h")]):
        lines = [re.sub(r"^\s*(//|\*|/\*)", "", line)
                 for line in header.read_text(encoding="utf-8").splitlines()
                 if re.match(r"\s*(//|\*|/\*)|.*\s//", line)]
        text = re.sub(r"\s+", " ", " ".join(line.split("//")[-1] for line in lines))
        for path, heading in REFERENCE.findall(text):
            page = next((at / path for at in (documents, documents / "transport")
                         if (at / path).is_file()), None)
            if path.startswith(SOURCES_ONLY):
                continue
            if page is None:
                yield f"{header.relative_to(headers)} refers to {path}, which is not installed"
            elif heading and heading not in headings(page):
                yield f"{header.relative_to(headers)}: {path} has no heading '{heading}'"


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        documents, headers = Path(folder, "doc"), Path(folder, "include")
        (documents / "docs").mkdir(parents=True)
        (documents / "transport" / "names").mkdir(parents=True)
        headers.mkdir()
        (documents / "README.md").write_text("[a](docs/a.md) [t](tests/x.md) [b](docs/b.md)\n")
        (documents / "docs" / "a.md").write_text("# A\n[up](../README.md#x) [no](../c.cpp)\n")
        (documents / "transport" / "names" / "README.md").write_text("# names\n\n## Two users\n")
        (headers / "good.hpp").write_text(
            "int x;  // (names/README.md,\n// Two users), and (docs/a.md)\n")
        (headers / "bad.hpp").write_text("// By name (README, Names).\n// (docs/a.md, Missing)\n")
        assert list(broken_links(documents)) == [
            "README.md links to docs/b.md, which is not installed",
            "docs/a.md links to ../c.cpp, which is not installed"]
        assert list(broken_references(documents, headers)) == [
            "bad.hpp refers to README, which is not installed",
            "bad.hpp: docs/a.md has no heading 'Missing'"]


def main(arguments):
    if arguments == ["--self-test"]:
        self_test()
        return 0
    documents, headers = map(Path, arguments)
    wrong = [*broken_links(documents), *broken_references(documents, headers)]
    print(*wrong, f"{len(wrong)} documents or headings are missing", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
