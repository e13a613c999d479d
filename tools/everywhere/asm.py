#!/usr/bin/python3
"""The instructions of the paths that every message takes (tests/asm/hot_paths.cpp).

usage: asm.py [x86-64|arm64]... [--check|--write]

Without an option they are printed. --check compares them with tests/asm/ARCHITECTURE.txt: no
function may be longer than it is there (g++ 12 only: other compilers count otherwise), and a full
barrier stands in none of them, but for the compare-exchange by which a queue's slot changes hands.
--write writes those files anew. Without an architecture: both; the one that has no compiler here is
left out, and that is said.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "tests" / "asm" / "hot_paths.cpp"
COMPILERS = {"x86-64": "x86_64-linux-gnu-g++", "arm64": "aarch64-linux-gnu-g++"}
FULL_BARRIERS = {
    "x86-64": r"[ml]fence|lock\b|xchg\w*\s.*\(",
    "arm64": r"d[ms]b\b|swp\w*|cas\w*|ldx?a?xr\w*|stl?xr\w*",
}
# On x86-64 it is a full barrier as well.
EXCHANGE_IN_A_QUEUE = re.compile(r".*mpmc.*: a full barrier: lock cmpxchg", re.IGNORECASE)
FLAGS = ["-std=c++20", "-O2", "-DNDEBUG", "-g0", "-fno-exceptions", "-fno-rtti", "-S", "-o-",
         "-fno-asynchronous-unwind-tables", "-fno-stack-protector", "-fcf-protection=none"]
Listing = dict[str, list[str]]


def compile_to_text(compiler: str, source: Path, include: Path) -> str:
    include.mkdir(parents=True, exist_ok=True)
    link = include / "ringbell"
    link.mkdir(exist_ok=True)
    core = link / "core"
    if not core.is_symlink():
        core.symlink_to(ROOT / "core")
    flags = [flag for flag in FLAGS if not (flag.startswith("-fcf") and "aarch64" in compiler)]
    assembly = subprocess.run([compiler, *flags, f"-I{include}", str(source)], check=True,
                              text=True, capture_output=True).stdout
    return subprocess.run(["c++filt"], input=assembly, check=True, text=True,
                          capture_output=True).stdout


def functions(assembly: str) -> Listing:
    """Each function's lines: instructions, and the labels that they jump to."""
    found: Listing = {}
    lines: list[str] | None = None
    for line in assembly.splitlines():
        if typed := re.match(r"\s+\.type\s+(.*), [@%]function", line):
            lines = found[typed[1]] = []
        elif lines is None or re.match(r"\s*[#/]|\s+\.", line):
            continue
        elif re.match(r"\.L(FB|FE|fe|VL|C)\w*:", line):
            continue
        elif re.match(r"\.L\w+:", line) or line.startswith("\t"):
            lines.append(line.expandtabs(8).rstrip())
    # A part that the compiler set aside as seldom needed carries its function's name.
    return {name: lines for name, lines in sorted(found.items()) if lines}


def count(lines: list[str]) -> int:
    return sum(not line.startswith(".L") for line in lines)


def text(architecture: str, version: str, listing: Listing) -> str:
    head = (f"# What g++ {version} -O2 makes of tests/asm/hot_paths.cpp for {architecture}.\n"
            "# Written by `./dev asm --write`; the counts are upper bounds.\n")
    return head + "".join(f"\n{name}: {count(lines)} instructions\n" + "\n".join(lines) + "\n"
                          for name, lines in listing.items())


def recorded_counts(path: Path) -> dict[str, int]:
    found = re.findall(r"^(\S.*): (\d+) instructions$", path.read_text(encoding="utf-8"), re.M)
    return {name: int(number) for name, number in found}


def barriers(architecture: str, listing: Listing) -> list[str]:
    pattern = re.compile(rf"\s+({FULL_BARRIERS[architecture]})")
    found = [f"{architecture}: {name}: a full barrier: {line.strip()}"
             for name, lines in listing.items() for line in lines if pattern.match(line)]
    return [line for line in found if not EXCHANGE_IN_A_QUEUE.match(line)]


def longer(architecture: str, listing: Listing, recorded: dict[str, int]) -> list[str]:
    found = []
    for name, lines in listing.items():
        if name not in recorded:
            found.append(f"{architecture}: {name} is new: ./dev asm --write")
        elif count(lines) > recorded[name]:
            found.append(f"{architecture}: {name}: {count(lines)} instructions, at most "
                         f"{recorded[name]}; if that is meant: ./dev asm --write")
    return found


def one(architecture: str, option: str, source: Path = SOURCE) -> list[str]:
    """What is wrong, after printing, writing or comparing as the option says."""
    compiler = COMPILERS[architecture]
    if not shutil.which(compiler):
        print(f"{architecture}: left out, {compiler} is not installed")
        return []
    version = subprocess.run([compiler, "-dumpversion"], check=True, text=True,
                             capture_output=True).stdout.strip()
    listing = functions(compile_to_text(compiler, source, ROOT / "build" / "asm" / "include"))
    path = ROOT / "tests" / "asm" / f"{architecture}.txt"
    if option == "--write":
        path.write_text(text(architecture, version, listing), encoding="utf-8")
        return barriers(architecture, listing)
    if option != "--check":
        print(text(architecture, version, listing))
        return []
    wrong = barriers(architecture, listing)
    if version.split(".", maxsplit=1)[0] == "12":
        wrong += longer(architecture, listing, recorded_counts(path))
    else:
        print(f"{architecture}: g++ {version}: instructions are counted for g++ 12 only")
    if not wrong:
        print(f"{architecture}: {len(listing)} functions, no full barrier, none longer than it was")
    return wrong


def main(arguments: list[str]) -> int:
    options = [word for word in arguments if word.startswith("-")]
    architectures = [word for word in arguments if not word.startswith("-")] or list(COMPILERS)
    if len(options) > 1 or set(options) - {"--check", "--write"} or \
            set(architectures) - set(COMPILERS):
        print(__doc__, file=sys.stderr)
        return 2
    wrong = [line for architecture in architectures
             for line in one(architecture, options[0] if options else "")]
    print("\n".join(wrong), end="\n" if wrong else "", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
