#!/usr/bin/python3
"""The tests in build/arm64, under qemu-user.

usage: arm64.py [--all | FOLDER...] [--filter PATTERN] [--targets]

Runs those of core and model, of these folders, or with --all of core, model, capi, transport, tools
and package: the Debian packages, which are made from there and installed. --filter: those whose
name (FOLDER/SUITE.TEST) matches. A program of core's or model's runs all of its tests in one
process, for an emulator starts slowly; of the other folders ctest runs each in a process of its
own, as everywhere, and of the scripts those that run what was built. Left out is what
tools/everywhere/arm64_skips.txt lists, with its reason; an entry that no test has the name of is an
error. Prints what failed, what was left out and why, which tests skipped themselves, and `N passed,
N failed, N skipped`. --targets: names what has to be built, and does nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "arm64"
SKIPS = ROOT / "tools" / "everywhere" / "arm64_skips.txt"
IN_ONE_PROCESS = ["core", "model"]
ONE_BY_ONE = ["capi", "transport", "tools", "package"]
TARGETS = {"package": ["ringbell", "ringbell_shared", "ringbell-command"]}
EMULATOR = ["qemu-aarch64", "-L", str(ROOT / "build" / "arm64-root")]
SECONDS_A_PROGRAM = 1800
LINES_SHOWN = 40  # of what a program said that failed


class Skip:
    """What cannot be had (a system call, time), why, and the patterns of the tests that need it."""

    def __init__(self, what: str, reason: str):
        self.what, self.reason = what, reason
        self.patterns: list[str] = []

    def matching(self, names: list[str]) -> list[str]:
        return [name for name in names
                if any(fnmatchcase(name, pattern) for pattern in self.patterns)]


def read_skips(text: str) -> list[Skip]:
    skips: list[Skip] = []
    for line in text.splitlines():
        if begun := re.fullmatch(r"\[([\w/]+)\] (.+)", line):
            skips.append(Skip(*begun.groups()))
        elif line.strip() and not line.startswith("#"):
            skips[-1].patterns.append(line.strip())
    return skips


def unused(skips: list[Skip], names: list[str]) -> list[str]:
    """The patterns that no test has the name of."""
    return [pattern for skip in skips for pattern in skip.patterns
            if not any(fnmatchcase(name, pattern) for name in names)]


def reasons_in(name: str) -> list[str]:
    """Of the tests that a script leaves out here: as it says them (command_line.py)."""
    script = ROOT / "tests" / f"{name}.py"
    text = script.read_text(encoding="utf-8") if script.exists() else ""
    return [f"{name}: {test} ({reason})" for reason, test in re.findall(
        r'^ *@not_emulated\("(.*)"\)\n *(?:class|def) (\w+)', text, re.MULTILINE)]


class Results:
    """What the programs told of each test."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.failed: list[str] = []
        self.skipped: list[str] = []
        self.not_emulated: list[str] = []  # tests within scripts

    def add_console(self, folder: str, program: str, console: str, status: int) -> None:
        """Of a program of GoogleTest's, which may have died amid its tests."""
        kinds = {"OK": self.passed, "FAILED": self.failed, "SKIPPED": self.skipped}
        before = len(self.failed)
        for kind, name in re.findall(r"^\[ +(OK|FAILED|SKIPPED) +\] (\S+?),? .*\(\d+ ms\)$",
                                     console, re.MULTILINE):
            kinds[kind].append(f"{folder}/{name}")
        if status != 0 and len(self.failed) == before:
            self.failed.append(f"{folder}/{program} (status {status})")

    def add_report(self, report: str, chosen: list[str]) -> None:
        """Of ctest, as JUnit's XML; what a failed test said is printed."""
        cases = {case.attrib["name"]: case for case in xml.fromstring(report).iter("testcase")}
        self.failed += [f"{name} (it was not run)" for name in chosen if name not in cases]
        for name in [name for name in chosen if name in cases]:
            case = cases[name]
            status = case.attrib["status"]
            if status == "run":
                self.passed.append(name)
                self.not_emulated += reasons_in(name)
            elif (skipped := case.find("skipped")) is not None and "SKIP_" in skipped.get(
                    "message", ""):
                self.skipped.append(name)
            else:
                self.failed.append(name)
                said = (case.findtext("system-out") or "").splitlines()
                print("\n".join([f"-- {name}", *said[-LINES_SHOWN:]]))


def emulated(*command: str) -> tuple[int, str]:
    with subprocess.Popen([*EMULATOR, *command], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT,
                          errors="replace", start_new_session=True) as running:
        try:
            console = running.communicate(timeout=SECONDS_A_PROGRAM)[0]
            return running.returncode, console
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            return -signal.SIGKILL, running.communicate()[0]


def programs_of(folder: str) -> list[Path]:
    return [path for path in sorted((BUILD / "tests").glob(f"test_{folder}*"))
            if path.is_file() and os.access(path, os.X_OK)]


def names_in(folder: str, listed: str) -> list[str]:
    """From what --gtest_list_tests prints."""
    suite, names = "", []
    for line in listed.splitlines():
        line = line.split("  # ")[0].rstrip()
        if line.startswith("  "):
            names.append(f"{folder}/{suite}{line.strip()}")
        else:
            suite = line
    return names


def run(folder: str, program: Path, every: list[str], chosen: list[str], results: Results) -> None:
    print(f"== {program.name}: {len(chosen)} tests", flush=True)
    started = time.monotonic()
    names = ":".join(name.split("/", 1)[1] for name in chosen)
    options = [] if chosen == every else [f"--gtest_filter={names}"]
    status, console = emulated(str(program), "--gtest_color=no", *options)
    results.add_console(folder, program.name, console, status)
    (BUILD / f"{program.name}.console").write_text(console, encoding="utf-8")
    if status:
        print("\n".join(console.splitlines()[-LINES_SHOWN:]))
    print(f"   {time.monotonic() - started:.0f} s", flush=True)


class Choice:
    """Which tests there are, and which of them are run."""

    def __init__(self, pattern: str, skips: list[Skip]):
        self.pattern, self.skips = pattern, skips
        self.names: list[str] = []

    def of(self, names: list[str]) -> list[str]:
        self.names += names
        return [name for name in names if fnmatchcase(name, self.pattern)
                and not any(skip.matching([name]) for skip in self.skips)]


def run_in_one_process(folder: str, choice: Choice, results: Results) -> None:
    for program in programs_of(folder):
        every = names_in(folder, emulated(str(program), "--gtest_list_tests")[1])
        if chosen := choice.of(every):
            run(folder, program, every, chosen, results)


def runs_here(name: str) -> bool:
    """Whether a test of ctest's runs anything of AArch64: a script only what was built."""
    script = ROOT / "tests" / f"{name}.py"
    if not script.exists():
        return True
    text = script.read_text(encoding="utf-8")
    return any(word in text for word in (
        "from command_line import", "RINGBELL_PROGRAM", "EMULATOR"))


def run_one_by_one(folders: list[str], choice: Choice, results: Results) -> None:
    ctest = ["ctest", "--test-dir", str(BUILD)]
    listed = subprocess.run([*ctest, "--show-only=json-v1"], check=True, text=True,
                            capture_output=True).stdout
    numbers = {test["name"]: number
               for number, test in enumerate(json.loads(listed)["tests"], start=1)}
    chosen = choice.of([name for name in numbers
                        if name.split("/")[0] in folders and runs_here(name)])
    if not chosen:
        return
    print(f"== {', '.join(folders)}: {len(chosen)} tests", flush=True)
    started = time.monotonic()
    wanted, report = BUILD / "wanted", BUILD / "report.xml"
    # From the first to the first by 1, and the others; ctest drops the file's last character.
    first, *others = [str(numbers[name]) for name in chosen]
    wanted.write_text(",".join([first, first, "1", *others]) + "\n", encoding="utf-8")
    with (BUILD / "ctest.console").open("wb") as console:
        subprocess.run([*ctest, "-I", str(wanted), "--parallel", str(os.cpu_count()),
                        "--output-junit", str(report)], stdin=subprocess.DEVNULL, stdout=console,
                       stderr=subprocess.STDOUT, check=False)
    results.add_report(report.read_text(encoding="utf-8", errors="replace"), chosen)
    print(f"   {time.monotonic() - started:.0f} s", flush=True)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--filter", default="*")
    parser.add_argument("--targets", action="store_true")
    options = parser.parse_args(arguments)
    every = [*IN_ONE_PROCESS, *ONE_BY_ONE]
    if unknown := set(options.folders) - set(every):
        parser.error(f"no tests of {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    folders = every if options.all else options.folders or IN_ONE_PROCESS
    if options.targets:
        print("\n".join(name for folder in folders for name in
                        TARGETS.get(folder, [f"ringbell-tests-{folder}"])))
        return 0
    skips = read_skips(SKIPS.read_text(encoding="utf-8"))
    choice = Choice(options.filter, skips)
    results = Results()
    for folder in folders:
        if folder in IN_ONE_PROCESS:
            run_in_one_process(folder, choice, results)
    if by_ctest := [folder for folder in folders if folder not in IN_ONE_PROCESS]:
        run_one_by_one(by_ctest, choice, results)
    return tell(choice, folders, results)


def tell(choice: Choice, folders: list[str], results: Results) -> int:
    left_out = 0
    for skip in choice.skips:
        if found := skip.matching(choice.names):
            print(f"left out for {skip.what} ({skip.reason}): {len(found)}")
            left_out += len(found)
    stale = [pattern for pattern in unused(choice.skips, choice.names)
             if pattern.split("/")[0] in folders]
    for name in results.not_emulated:
        print(f"left out within {name}")
    for name in results.skipped:
        print(f"skipped itself: {name}")
    for name in results.failed:
        print(f"failed: {name}; see build/arm64/*.console")
    for pattern in stale:
        print(f"failed: {SKIPS.name}: no test is named {pattern}")
    print(f"{len(results.passed)} passed, {len(results.failed) + len(stale)} failed, "
          f"{left_out + len(results.skipped) + len(results.not_emulated)} skipped")
    return 0 if results.passed and not results.failed and not stale else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
