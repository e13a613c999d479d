"""Words that comments, messages and documents do without: they speak of the reader, the writer, the
peer, the process (docs/glossary.md), never of persons.

usage: plain_words.py ROOT         check a tree; one line a violation, exit status 1 if any
       plain_words.py --self-test  check the checker against violations made on purpose
"""

import re
import sys
import tokenize

import checker

FOLDERS = ["core", "transport", "capi", "bridge", "kernel", "bench", "tests", "tools", "examples",
           "cmake", "docs", "python"]
PATTERNS = ["*.hpp", "*.cpp", "*.h", "*.c", "*.py", "*.md"]
TOP_LEVEL = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]

ROLES = ("reader|writer|peer|process|sender|receiver|one|publisher|subscriber|participant|owner"
         "|client|server|member|collector|contributor|caller|end|ends|readers|writers|claim|lane")
PERSONS = re.compile(r"\b(who|whom|whoever|nobody|somebody|anybody|everybody|he|him|liars?"
                     rf"|the (?:dead|living)(?! (?:{ROLES})\b))\b(?![-_(:]|\.\w)", re.IGNORECASE)
# A comment to the end of its line, or a text in quotation marks, whichever begins first.
SPOKEN_C = re.compile(r'(?://|/\*|^\s*\* )(?P<comment>.*)|"(?P<text>(?:[^"\\]|\\.)*)"')
QUOTED = re.compile(r"`[^`]*`")


def spoken(path):
    """The lines of a file that are read by people: (number, text)."""
    if path.suffix == ".md":
        fenced = False
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            fenced ^= line.lstrip().startswith("```")
            if not fenced:
                yield number, line
    elif path.suffix == ".py":
        with path.open("rb") as source:
            for token in tokenize.tokenize(source.readline):
                if token.type == tokenize.COMMENT or token.string.startswith('"""'):
                    for offset, line in enumerate(token.string.splitlines()):
                        yield token.start[0] + offset, line
    else:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("#include"):
                continue
            for found in SPOKEN_C.finditer(line):
                # A text without a space is a name, not a sentence.
                if found["comment"] or " " in (found["text"] or ""):
                    yield number, found["comment"] or found["text"]


def violations(root):
    """Each violation in the tree at root, and how many files were looked at."""
    paths = [path for folder in FOLDERS for pattern in PATTERNS
             for path in sorted((root / folder).rglob(pattern))]
    paths += [root / name for name in TOP_LEVEL if (root / name).is_file()]
    found = []
    for path in paths:
        if path.name == "plain_words.py":
            continue
        for number, text in spoken(path):
            for word in PERSONS.finditer(QUOTED.sub("", text)):
                found.append(f"{path.relative_to(root)}:{number}: \"{word[0]}\" in: {text.strip()}")
    return found, len(paths)


SAMPLES = [
    ("core/a.hpp", "int a;  // whoever parks sets it\n", '"whoever"'),
    ("transport/b.cpp", 'fail("somebody holds the name");\n', '"somebody"'),
    ("docs/c.md", "The living readers are told by the living.\n", '"the living"'),
    ("tools/d.py", "a = 1  # he waits\n", '"he"'),
    ("tools/e.py", '"""\nNobody reads it.\n"""\n', '"Nobody"'),
    ("kernel/f.c", "/*\n * Whoever parks sets it.\n */\n", '"Whoever"'),
    ("core/ok.hpp", "// The dead reader's message comes again.\nbool who(int nobody);\n", ""),
    ("docs/ok.md", "```\n# whoever\n```\n`who`: an option.\n", ""),
    ("tests/ok.cpp", '#include <tests/who.hpp>\nconst char* name = "nobody";\n', ""),
]

if __name__ == "__main__":
    sys.exit(checker.main(__doc__, "plain words", violations, SAMPLES))
