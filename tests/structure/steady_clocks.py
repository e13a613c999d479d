"""No wall clock in core, transport and capi: a clock that is set would end waits early, or late.

usage: steady_clocks.py ROOT         check a tree; one line a violation, exit status 1 if any
       steady_clocks.py --self-test  check the checker against violations made on purpose
"""

import re
import sys

import checker

FOLDERS = ["core", "transport", "capi"]
SUFFIXES = {".hpp", ".cpp", ".h", ".c"}

# Clocks that can be set, and calls whose time-outs are told by them.
FORBIDDEN = re.compile(
    r"\b(system_clock|high_resolution_clock|utc_clock|file_clock"
    r"|CLOCK_REALTIME\w*|CLOCK_TAI|FUTEX_CLOCK_REALTIME|TFD_TIMER_CANCEL_ON_SET"
    r"|gettimeofday|ftime|timespec_get|clock_settime|settimeofday"
    r"|pthread_mutex_timedlock|pthread_cond_timedwait|pthread_rwlock_timed\w+"
    r"|sem_timedwait|mq_timed\w+)\b"
    r"|(?<![\w.>])(?:std::|::)?time\s*\((?:nullptr|NULL|0|&)"
)
COMMENT = re.compile(r"//.*$")

# Dates for people to read, and ages of files, by which nothing waits.
DATES = [
    ("transport/memory/region.cpp", "system_clock::now().time_since_epoch()"),
    ("transport/names/names.cpp", "std::time(nullptr) - status.st_ctime"),
]


def violations(root):
    """Each violation in the tree at root, and how many files were looked at."""
    found, files = [], 0
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in SUFFIXES:
                continue
            files += 1
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                clock = FORBIDDEN.search(COMMENT.sub("", line))
                name = path.relative_to(root)
                is_date = any(str(name) == file and date in line for file, date in DATES)
                if clock and not is_date:
                    found.append(f"{name}:{number}: {clock[0]} follows the wall clock")
    return found, files


SAMPLES = [
    ("core/a.hpp", "using Clock = std::chrono::system_clock;\n", "system_clock"),
    ("transport/b.cpp", "  ::clock_gettime(CLOCK_REALTIME, &now);\n", "CLOCK_REALTIME"),
    ("transport/memory/c.cpp", "std::chrono::high_resolution_clock::now();\n", "high_res"),
    ("transport/d.cpp", "op | FUTEX_CLOCK_REALTIME;\n", "FUTEX_CLOCK_REALTIME"),
    ("transport/e.cpp", "const auto now = ::time(nullptr);\n", "time("),
    ("capi/f.cpp", "gettimeofday(&now, nullptr);\n", "gettimeofday"),
    ("transport/ok.cpp", "using Clock = std::chrono::steady_clock;\n", ""),
    ("transport/ok.cpp", "clock_gettime(CLOCK_MONOTONIC, &now);  // no system_clock\n", ""),
    ("transport/ok.cpp", "loop.time(0); run_time(nullptr);\n", ""),
    ("transport/memory/region.cpp", "now = system_clock::now().time_since_epoch();\n", ""),
    ("transport/memory/region.cpp", "until = system_clock::now() + timeout;\n", "system_clock"),
    ("bench/ok.cpp", "using Clock = std::chrono::system_clock;\n", ""),
]


if __name__ == "__main__":
    sys.exit(checker.main(__doc__, "steady clocks", violations, SAMPLES))
