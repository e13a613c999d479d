"""What Doxygen is to read of a file, by its rules: the sources have plain comments.

A comment that stands alone documents what follows it, one behind code documents that code, and the
first of a file documents the file. Lines that are set off by more spaces are pictures or code, and
stay as they are. What befriends another is left out: it would be taken for a member. Pages keep
their tables and links; a link to a folder is text."""

import re
import sys
from pathlib import Path

ALONE = re.compile(r"^(\s*)//(?: |$)(.*)$")
FRIEND = re.compile(r"^\s*friend [^()]*;")
BEHIND = re.compile(r"^(\s*[^\s/].*?[;,{(])  // (.*)$|^(\s*\w+(?: = \S+)?)  // (.*)$")


def block(lines, indent, is_file):
    """The lines of one comment as a Doxygen comment."""
    yield f"{indent}/**" + (" @file" if is_file else "")
    drawn = False
    for line in lines:
        picture = line.startswith("  ") or (drawn and not line)
        if picture != drawn:
            yield f"{indent}@verbatim" if picture else f"{indent}@endverbatim"
            drawn = picture
        yield indent + (line if picture else escaped(line))
    if drawn:
        yield f"{indent}@endverbatim"
    yield f"{indent}*/"


def escaped(text):
    return re.sub(r"([@\\<>#%&])", r"\\\1", text)


def source(text):
    lines, first = text.split("\n"), True
    while lines:
        match = ALONE.match(lines[0])
        if not match:
            line = FRIEND.sub("", lines.pop(0))
            behind = BEHIND.match(line)
            if behind:
                code, comment = (group for group in behind.groups() if group is not None)
                line = f"{code}  ///< {escaped(comment)}"
            yield line
            continue
        comment, indent = [], match.group(1)
        while lines and (match := ALONE.match(lines[0])) and match.group(1) == indent:
            comment.append(match.group(2))
            lines.pop(0)
        yield from block(comment, indent, first)
        first = False


def c_header(text):
    """C comments stand alone or behind a declaration as well."""
    text = re.sub(r"^/\* (?!-)", "/** @file\n * ", text, count=1)
    text = re.sub(r"^/\* (?!-)", "/** ", text, flags=re.MULTILINE)
    return re.sub(r"(?<=\S)( +)/\* ", r"\1/**< ", text)


def page(text):
    return re.sub(r"\[([^\]]+)\]\((?!http)[^)]*\)", r"\1", text)


def main(path):
    text = Path(path).read_text(encoding="utf-8")
    kind = Path(path).suffix
    print(page(text) if kind == ".md" else c_header(text) if kind == ".h"
          else "\n".join(source(text)))


if __name__ == "__main__":
    main(sys.argv[1])
