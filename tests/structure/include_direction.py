"""Which folder may include which, and what core may not touch at all.

usage: include_direction.py ROOT         check a tree; one line a violation, exit status 1 if any
       include_direction.py --self-test  check the checker against violations made on purpose
"""

import re
import sys

import checker

# core <- transport <- everything else. Tests may look into all: they test it; the command measures.
# The kernel's modules know nothing of the library.
MAY_INCLUDE = {
    "core": {"core"},
    "transport": {"core", "transport"},
    "capi": {"core", "transport", "capi"},
    "bridge": {"core", "transport", "bridge"},
    "python": {"core", "transport", "python"},
    "bench": {"core", "transport", "bench"},
    "tools": {"core", "transport", "bridge", "bench", "tools"},
    "examples": {"core", "transport", "capi", "examples"},
    "kernel": {"kernel"},
    "tests": {"core", "transport", "capi", "bridge", "kernel", "bench", "tools", "tests"},
}

# Within a folder each room may include itself and what stands in earlier lines; rooms of one line
# do not know each other. What stands beside the rooms (ringbell.hpp) may include them all.
ROOMS = {
    "transport": [["base"], ["memory", "sleep", "liveness"], ["names"], ["ends"],
                  ["connect", "uring", "typed", "waitset"]],
}

# core makes no system call, allocates nothing, throws nothing and does no I/O, so these headers,
# which do none of that, are all that it may include. A longer list needs a reason.
CORE_HEADERS = set(
    "algorithm array atomic bit cassert climits compare concepts cstddef cstdint cstring iterator "
    "limits numeric optional ratio span tuple type_traits utility variant version "
    "immintrin.h emmintrin.h xmmintrin.h cpuid.h arm_acle.h".split()
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


def place_of(root, path, quote, target):
    """What an include names, as the parts of its path in this project; None for anything else."""
    if quote == '"':
        beside = (path.parent / target).resolve()
        if beside.is_file() and beside.is_relative_to(root):
            return beside.relative_to(root).parts
    parts = target.split("/")
    if parts[0] == "ringbell":
        alone = {"ringbell.hpp": "transport", "ringbell.h": "capi"}.get(parts[1])
        return (alone, parts[1]) if alone else tuple(parts[1:])
    parts = [part for part in parts if part != ".."]
    return tuple(parts) if parts and parts[0] in MAY_INCLUDE and len(parts) > 1 else None


def room_floor(folder, parts):
    """The room of a file, and its line in ROOMS; None for what stands beside the rooms."""
    room = parts[1] if len(parts) > 2 else None
    for floor, rooms in enumerate(ROOMS.get(folder, [])):
        if room in rooms:
            return room, floor
    return None


def points_up(name, reached):
    """Whether an include within a folder reaches a room that its own room may not know."""
    own, other = room_floor(name[0], name), room_floor(reached[0], reached)
    if own is None or name[0] != reached[0]:
        return False
    if other is None:  # beside the rooms, above them all
        return name[0] in ROOMS and len(reached) == 2
    return own[0] != other[0] and other[1] >= own[1]


def violations_of(root, folder, path):
    text = without_comments(path.read_text(encoding="utf-8"))
    name = path.relative_to(root)
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start(2)) + 1
        quote, target = match.groups()
        reached = place_of(root, path, quote, target)
        if reached is not None:
            if reached[0] not in MAY_INCLUDE[folder]:
                yield f"{name}:{line}: {folder} may not include {target}, of {reached[0]}"
            elif points_up(name.parts, reached):
                yield f"{name}:{line}: {'/'.join(name.parts[:2])} may not include {target}"
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
    ("transport/base/up.hpp", "#include <ringbell/transport/memory/region.hpp>\n",
     "transport/base may not include"),
    ("transport/base/all.hpp", "#include <ringbell/ringbell.hpp>\n",
     "transport/base may not include"),
    ("transport/memory/side.cpp", "#include <ringbell/transport/sleep/wait.hpp>\n",
     "transport/memory may not include"),
    ("transport/names/up.cpp", '#include "../ends/sender.hpp"\n',
     "transport/names may not include"),
    ("transport/uring/side.cpp", "#include <ringbell/transport/connect/listener.hpp>\n",
     "transport/uring may not include"),
    ("transport/ends/ok.cpp", "#include <ringbell/transport/names/names.hpp>\n"
     '#include "transport/ends/sender.hpp"\n#include "../memory/region.hpp"\n', ""),
    ("transport/ringbell.hpp", "#include <ringbell/transport/uring/uring.hpp>\n", ""),
    ("bench/a.cpp", '#include "tests/support/x.hpp"\n', "of tests"),
    ("bench/ok.cpp", '#include "bench/x.hpp"\n#include <ringbell/ringbell.hpp>\n', ""),
    ("transport/f.cpp", '#include "bridge/rings/x.hpp"\n', "of bridge"),
    ("bridge/a.cpp", '#include "tools/x.hpp"\n', "of tools"),
    ("tools/a.cpp", '#include "tests/support/x.hpp"\n', "of tests"),
    ("tools/ok.cpp", '#include "bench/harness/histogram.hpp"\n', ""),
    ("bench/b.cpp", '#include "tools/x.hpp"\n', "of tools"),
    ("examples/a.cpp", '#include "bench/harness/histogram.hpp"\n', "of bench"),
    ("tests/bench/ok.cpp", '#include "bench/harness/histogram.hpp"\n', ""),
]


if __name__ == "__main__":
    sys.exit(checker.main(__doc__, "include direction", violations, SAMPLES,
                          ["transport/memory/region.hpp", "transport/ends/sender.hpp",
                           "examples/x.hpp"]))
