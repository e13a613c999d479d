#!/usr/bin/python3
"""Headers and library, by every compiler that is installed.

usage: compilers.py [--only TEXT]

By each compiler, in C++20 and in C++23: the public headers, with more warnings than the project's
own; programs of core alone, without exceptions and run-time type information, which are run; the
library, as few sources of many (CMAKE_UNITY_BUILD). The C header in each standard of C. In front of
C libraries that are smaller and older than the machine's the library is compiled: musl's, with
clang's C++ library, and glibc 2.31 with the headers of Linux 5.10, of which Debian 11's packages
are unpacked; core's programs are also linked with musl and run.
A warning is a failure. --only: those whose name has this text. Prints each with its time, what
failed, which compilers are missing (Debian 12 has no others, nor have its backports: no g++ 13 and
14, no clang 17 and 18), and `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "compilers"
INCLUDE = BUILD / "include"
# README's minimum, up to what Debian has.
COMPILERS = ["g++-11", "g++-12", "g++-13", "g++-14", "clang++-14", "clang++-15", "clang++-16",
             "clang++-17", "clang++-18", "clang++-19"]
STANDARDS = {"C++20": "20", "C++23": "23"}
C_STANDARDS = ["c99", "c11", "c17", "c2x"]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wundef", "-Werror"]
MORE_WARNINGS = ["-Wold-style-cast", "-Woverloaded-virtual", "-Wnon-virtual-dtor", "-Wextra-semi",
                 "-Wsign-conversion", "-Wdouble-promotion", "-Wformat=2", "-Wmissing-declarations"]
# What only one of the two knows, or means something by.
WARNINGS_OF = {
    "g++": ["-Wcast-align=strict", "-Wuseless-cast", "-Weffc++", "-Wlogical-op",
            "-Wduplicated-cond", "-Wduplicated-branches", "-Wredundant-decls"],
    "clang++": ["-Wcast-align", "-Wnewline-eof", "-Wcomma", "-Wunreachable-code", "-Wdeprecated"],
}
# What clang 19 tells of the C++ library of g++ 12 itself.
LIBRARY_FLAGS = {"clang++-19": "-Wno-deprecated-declarations"}
C_WARNINGS = ["-Wstrict-prototypes", "-Wc++-compat", "-Wold-style-definition"]
ALONE = ["-fno-exceptions", "-fno-rtti", "-O2"]
# Of core alone; the second is two processes.
CORE_PROGRAMS = ["core_alone", "core_two_processes"]
SECONDS_A_COMMAND = 1800
LINES_SHOWN = 60
# The other libraries that the library includes.
LIBRARIES = ["tl", "fmt", "liburing", "liburing.h"]
AT_A_TIME = 8  # sources
OLDER = "glibc 2.31: the library"
OLD_SUITE, OLD_PACKAGES = "bullseye", ["libc6-dev", "linux-libc-dev"]
Command = list[str]


@dataclass(frozen=True)
class Job:
    """Commands, one after the other."""
    name: str
    commands: list[Command]


def link(link_path: Path, target: Path) -> None:
    link_path.parent.mkdir(parents=True, exist_ok=True)
    link_path.unlink(missing_ok=True)
    link_path.symlink_to(target)


def prepare_include() -> None:
    for folder in ("core", "transport", "capi"):
        link(INCLUDE / "ringbell" / folder, ROOT / folder)
    for header in ("transport/ringbell.hpp", "capi/ringbell.h"):
        link(INCLUDE / "ringbell" / Path(header).name, ROOT / header)


def public_headers() -> list[str]:
    """Those that are installed."""
    text = (ROOT / "cmake" / "install.cmake").read_text(encoding="utf-8")
    private = re.search(r"set\(RINGBELL_PRIVATE_HEADERS([^)]*)\)", text)
    left_out = {"ringbell.hpp", *(private[1].split() if private else [])}
    headers = [f"core/{path.name}" for path in sorted((ROOT / "core").glob("*.hpp"))]
    for path in sorted((ROOT / "transport").rglob("*.hpp")):
        name = str(path.relative_to(ROOT / "transport"))
        if name not in left_out:
            headers.append(f"transport/{name}")
    return ["ringbell.hpp", "ringbell.h", *headers]


def write_source(name: str, lines: list[str]) -> str:
    source = BUILD / name
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(source)


def warnings_of(compiler: str) -> list[str]:
    return [*WARNINGS, *MORE_WARNINGS, *WARNINGS_OF[compiler.split("-", maxsplit=1)[0]]]


def compiled_and_run(source: str, kind: str, compile_by: Command,
                     link_with: Command) -> list[Command]:
    program = str(BUILD / f"{source}.{kind}")
    return [[*compile_by, f"-I{INCLUDE}", str(ROOT / "tests" / "package" / f"{source}.cpp"),
             *link_with, "-o", program], [program]]


def standard_option(standard: str) -> str:
    """Older clangs know C++23 by the name that it had while it was made."""
    return "-std=c++2b" if standard == "23" else f"-std=c++{standard}"


def jobs_of(compiler: str, headers: str) -> Iterator[Job]:
    warnings = warnings_of(compiler)
    for name, standard in STANDARDS.items():
        option = standard_option(standard)
        yield Job(f"{compiler}, {name}: the public headers", [
            [compiler, option, "-fsyntax-only", *warnings, f"-I{INCLUDE}", headers]])
        yield Job(f"{compiler}, {name}: core without exceptions", [
            command for source in CORE_PROGRAMS for command in compiled_and_run(
                source, f"{compiler}.{standard}", [compiler, option, *ALONE, *warnings],
                ["-nodefaultlibs", "-lc", "-lgcc"])])
        folder = str(BUILD / f"library.{compiler}.{standard}")
        without = [f"-DRINGBELL_BUILD_{part}=OFF" for part in ("TESTS", "BENCH", "TOOLS",
                                                               "EXAMPLES")]
        yield Job(f"{compiler}, {name}: the library, in one", [
            ["cmake", "-S", str(ROOT), "-B", folder, "-G", "Ninja",
             f"-DCMAKE_CXX_COMPILER={compiler}", f"-DCMAKE_CXX_STANDARD={standard}",
             "-DCMAKE_UNITY_BUILD=ON", "-DRINGBELL_PRECOMPILE=OFF", "-DCMAKE_BUILD_TYPE=Debug",
             f"-DCMAKE_CXX_FLAGS_DEBUG=-O0 {LIBRARY_FLAGS.get(compiler, '')}", *without],
            ["cmake", "--build", folder, "--parallel", "1", "--target", "ringbell"]])


def jobs_in_c() -> Iterator[Job]:
    source = str(ROOT / "examples" / "from_c.c")
    every = write_source("every_header.c", ["#include <ringbell/ringbell.h>"] * 2)
    for compiler in ("gcc", "clang", "musl-gcc"):
        if shutil.which(compiler):
            yield Job(f"{compiler}: the C header", [
                [compiler, f"-std={standard}", "-fsyntax-only", *WARNINGS, *C_WARNINGS,
                 f"-I{INCLUDE}", every] for standard in C_STANDARDS])
            yield Job(f"{compiler}: a program in C", [
                [compiler, "-std=gnu11", "-fsyntax-only", *WARNINGS, f"-I{INCLUDE}", source]])


def machine_triple() -> str:
    return subprocess.run(["gcc", "-dumpmachine"], check=True, text=True,
                          capture_output=True).stdout.strip()


def libraries_in(folder: Path) -> Path:
    for name in LIBRARIES:
        link(folder / name, Path("/usr/include") / name)
    return folder


def including(folders: list[Path]) -> Command:
    """These and no others."""
    return ["-nostdinc", *(option for folder in folders for option in ("-isystem", str(folder)))]


def against(name: str, command: Command, folders: list[Path]) -> Job:
    """The library's sources, a few at a time, with no headers but of these folders."""
    sources = sorted([*(ROOT / "transport").rglob("*.cpp"), *(ROOT / "capi").rglob("*.cpp")])
    several = [write_source(f"several/{start}.cpp", [
        f'#include "{path}"' for path in sources[start:start + AT_A_TIME]])
        for start in range(0, len(sources), AT_A_TIME)]
    return Job(name, [[*command, "-std=c++20", "-fsyntax-only", f"-I{INCLUDE}",
                       *including(folders), source] for source in several])


def on_musl(triple: str) -> Iterator[Job]:
    """Debian has no C++ library for musl; the headers of clang's know it."""
    target = triple.replace("gnu", "musl")
    musl, objects = Path("/usr/include") / target, Path("/usr/lib") / target
    library = Path("/usr/lib/llvm-14/include/c++/v1")
    if not (musl.is_dir() and library.is_dir() and shutil.which("clang++-14")):
        return
    others = libraries_in(BUILD / "beside_musl")
    for name in ("linux", "asm-generic"):
        link(others / name, Path("/usr/include") / name)
    link(others / "asm", Path("/usr/include") / triple / "asm")
    own = Path(output_of("clang++-14", "-print-resource-dir")) / "include"
    compiler = ["clang++-14", "-target", target, "-D_LIBCPP_HAS_MUSL_LIBC"]
    folders = [library, own, musl, others]
    yield against("musl: the library", compiler, folders)
    start, begin, c_library, end = [
        str(objects / part) for part in ("crt1.o", "crti.o", "libc.a", "crtn.o")]
    link_with = ["-nostdlib", "-static", start, begin, c_library, output_of(
        "gcc", "-print-libgcc-file-name"), c_library, end]
    yield Job("musl: core without exceptions", [
        command for source in CORE_PROGRAMS for command in compiled_and_run(
            source, "musl", [*compiler, "-std=c++20", *ALONE, *WARNINGS, *including(folders)],
            link_with)])


def against_older(triple: str) -> Job:
    old = BUILD / OLD_SUITE
    subprocess.run([ROOT / "tools/everywhere/unpack.sh", output_of("dpkg", "--print-architecture"),
                    old, "--suite", OLD_SUITE, "--matching", "^(libc6|linux-libc)",
                    *OLD_PACKAGES], check=True)
    library = Path("/usr/include/c++/12")
    own = Path(output_of("g++-12", "-print-file-name=include"))
    return against(OLDER, ["g++-12"], [
        library, Path("/usr/include") / triple / "c++/12", own, old / "usr/include" / triple,
        old / "usr/include", libraries_in(BUILD / "beside_older")])


def output_of(*command: str) -> str:
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout.strip()


def execute(command: Command) -> str:
    """What it said, if it failed."""
    ended = subprocess.run(command, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, errors="replace", cwd=ROOT, check=False,
                           timeout=SECONDS_A_COMMAND)
    if ended.returncode == 0:
        return ""
    lines = ended.stdout.splitlines()
    return "\n".join([" ".join(command), *lines[:LINES_SHOWN], f"(status {ended.returncode})"])


def run(job: Job) -> bool:
    started = time.monotonic()
    said = next(filter(None, map(execute, job.commands)), "")
    seconds = f"{time.monotonic() - started:.0f} s"
    print(f"FAILED  {job.name} ({seconds})\n{said}" if said else f"ok      {job.name} ({seconds})",
          flush=True)
    return not said


def every_job(present: list[str], only: str) -> Iterator[Job]:
    headers = write_source("every_header.cpp",
                           [f"#include <ringbell/{header}>" for header in public_headers()] * 2)
    for compiler in present:
        yield from jobs_of(compiler, headers)
    yield from jobs_in_c()
    triple = output_of("gcc", "-dumpmachine")
    yield from on_musl(triple)
    if "g++-12" in present and only in OLDER:
        yield against_older(triple)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--only", default="")
    options = parser.parse_args(arguments)
    prepare_include()
    present = [compiler for compiler in COMPILERS if shutil.which(compiler)]
    jobs = [job for job in every_job(present, options.only) if options.only in job.name]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        passed = list(pool.map(run, jobs))
    if missing := [compiler for compiler in COMPILERS if compiler not in present]:
        print(f"not installed: {', '.join(missing)}")
    print(f"{passed.count(True)} passed, {passed.count(False)} failed")
    return 0 if passed and all(passed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
