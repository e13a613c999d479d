"""Which folder may include which, and what core may not touch at all.

usage: include_direction.py ROOT         check a tree; one line a violation, exit status 1 if any
       include_direction.py --self-test  check the checker against violations made on purpose
"""

import re
import sys

import checker

# core <- transport <- everything else. Tests may look into all: they test it; the command measures.
MAY_INCLUDE = {
    "core": {"core"},
    "transport": {"core", "transport"},
    "capi": {"core", "transport", "capi"},
    "bench": {"core", "transport", "bench"},
    "tools": {"core", "transport", "bench", "tools"},
    "examples": {"core", "transport", "capi", "examples"},
    "tests": {"core", "transport", "capi", "bench", "tools", "tests"},
}

# core makes no system call, allocates nothing, throws nothing and does no I/O, so these headers,
# which do none of that, are all that it may include. A longer list needs a reason.
CORE_HEADERS = set(
    "algorithm array atomic bit cassert climits compare concepts cstddef cstdint cstring iterator "
    "limits numeric optional ratio span tuple type_traits utility variant version "
    "immintrin.h emmintrin.h xmmintrin.h arm_acle.h".split()
)
CORE_FORBIDDEN = re.compile(
    r"\b(throw|try|catch|new|delete(?!\s*;)|malloc|calloc|realloc|free(?=\s*\()|typeid|"
    r"dynamic_cast|"
    r"std::(?:string|vector|function|mutex|thread)|printf|syscall)\b"
)

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])\'(?:\\.|[^\'\\\n])+\'', re.DOTALL
)


def blank(match):
    """The same number of lines, so that line numbers stay right."""
    text = match.group(0)
    return '""' if text[0] == '"' else "\n" * text.count("\n") + " "


def without_comments(text):
    return COMMENT_OR_STRING.sub(lambda m: m.group(0) if m.group(0)[0] == '"' else blank(m), text)


def folder_of(root, path, quote, target):
    """The folder of this project that an include names, or None for anything else."""
    if quote == '"':
        beside = (path.parent / target).resolve()
        if beside.is_file() and beside.is_relative_to(root):
            return beside.relative_to(root).parts[0]
    parts = target.split("/")
    if parts[0] == "ringbell":
        return {"ringbell.hpp": "transport", "ringbell.h": "capi"}.get(parts[1], parts[1])
    first = next((part for part in parts if part != ".."), "")
    return first if first in MAY_INCLUDE and len(parts) > 1 else None


def violations_of(root, folder, path):
    text = without_comments(path.read_text(encoding="utf-8"))
    name = path.relative_to(root)
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start(2)) + 1
        quote, target = match.groups()
        reached = folder_of(root, path, quote, target)
        if reached is not None:
            if reached not in MAY_INCLUDE[folder]:
                yield f"{name}:{line}: {folder} may not include {target}, of {reached}"
        elif folder == "core" and target not in CORE_HEADERS:
            yield f"{name}:{line}: core may not include <{target}>"
    if folder == "core":
        code = COMMENT_OR_STRING.sub(blank, INCLUDE.sub("", text))
        for number, line in enumerate(code.split("\n"), 1):
            for word in CORE_FORBIDDEN.findall(line):
                yield f"{name}:{number}: core may not use {word}"


def violations(root):
    """Each violation in the tree at root, and how many files were looked at."""
    found, files = [], 0
    for folder in MAY_INCLUDE:
        for path in sorted((root / folder).rglob("*.[hc]*")):
            if path.suffix not in {".hpp", ".cpp", ".h", ".c"}:
                continue
            files += 1
            found.extend(violations_of(root, folder, path))
    return found, files


SAMPLES = [
    ("core/a.hpp", "#include <ringbell/transport/memory/region.hpp>\n", "of transport"),
    ("core/b.hpp", "#include <ringbell/ringbell.hpp>\n", "of transport"),
    ("core/c.hpp", '#include "../transport/memory/region.hpp"\n', "of transport"),
    ("core/d.hpp", "\n\n# include <unistd.h>\n", "core/d.hpp:3: core may not include <unistd.h>"),
    ("core/e.hpp", "#include <sys/mman.h>\n", "<sys/mman.h>"),
    ("core/f.hpp", "#include <vector>\n", "<vector>"),
    ("core/g.hpp", "inline void f() { throw 1; }\n", "core may not use throw"),
    ("core/h.hpp", "inline int* f() { return new int; }\n", "core may not use new"),
    ("core/i.hpp", "#include <ringbell/tests/x.hpp>\n", "of tests"),
    ("core/ok.hpp", "#include <ringbell/core/a.hpp>\n#include <atomic>\n// throw new\n"
     "struct S { S(const S&) = delete; bool try_claim(); };  /* #include <vector> */\n", ""),
    ("transport/a.hpp", '#include "bench/harness/histogram.hpp"\n', "of bench"),
    ("transport/b.cpp", "#include <ringbell/tools/x.hpp>\n", "of tools"),
    ("transport/c.cpp", '#include "tests/support/x.hpp"\n', "of tests"),
    ("transport/deep/d.cpp", '#include "../../examples/x.hpp"\n', "of examples"),
    ("transport/e.cpp", "#include <ringbell/ringbell.h>\n", "of capi"),
    ("capi/a.hpp", "#include <ringbell/tools/x.hpp>\n", "of tools"),
    ("capi/ok.cpp", "#include <ringbell/ringbell.h>\n#include <ringbell/ringbell.hpp>\n", ""),
    ("transport/ok.cpp", "#include <sys/mman.h>\n#include <ringbell/core/a.hpp>\n", ""),
    ("bench/a.cpp", '#include "tests/support/x.hpp"\n', "of tests"),
    ("bench/ok.cpp", '#include "bench/x.hpp"\n#include <ringbell/ringbell.hpp>\n', ""),
    ("tools/a.cpp", '#include "tests/support/x.hpp"\n', "of tests"),
    ("tools/ok.cpp", '#include "bench/harness/histogram.hpp"\n', ""),
    ("bench/b.cpp", '#include "tools/x.hpp"\n', "of tools"),
    ("examples/a.cpp", '#include "bench/harness/histogram.hpp"\n', "of bench"),
    ("tests/bench/ok.cpp", '#include "bench/harness/histogram.hpp"\n', ""),
]


if __name__ == "__main__":
    sys.exit(checker.main(__doc__, "include direction", violations, SAMPLES,
                          ["transport/memory/region.hpp", "examples/x.hpp"]))
