#!/usr/bin/python3
"""Tests on a kernel that users have: Debian's cloud kernel in QEMU.

usage: vm.py [--quick] [--kernel 5.10|6.1|6.12] [--kvm] [--build FOLDER]
       vm.py kernel [--filter PATTERN | --figures [--write]] [--kernel 5.10|6.1|6.12] [--kvm]
             [--build FOLDER]

Runs the tests of the machine (huge pages, swap, control groups, full disks), of transport and of
crash from the build folder; --quick: those of the machine and of regions; kernel: those of the
module, which is built for that kernel (kernel/README.md) and loaded there; --figures: how many
instructions a record takes from and to the kernel, by the ring and otherwise; --write: into
kernel/README.md, too. Prints what failed
and `N passed, N failed, N skipped`. A test that is skipped there is tried here, and what the last
whole `./dev test` skipped here is tried there: one that is skipped on both is a failure, for then
it runs nowhere. What only lacks a package here is told. --kvm uses the CPU's virtualisation, which
may hang inside another virtual machine; without it QEMU emulates.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path

import machine
import modules

QUICK = "HugePageTest.*:SwapTest.*:*Backing*:*Region*:*QuickWake*"
# The rest is too slow for an emulator: each step of a stepped process is a trap, each membarrier of
# a stress test interrupts a CPU that is a thread here.
FULL = "*:-*StepsTest*:SleepingSurvivorTest*:*StressTest*"
# These want free huge pages, others want none: a run of their own.
WITH_HUGE_PAGES = "*HugePagesAreUsedWhereFree*"
SECONDS_A_PROGRAM = 900
MOST_LINES = 40  # of what a test that failed has said

# What the kernel warns of ends the machine. Without the last word no test loads a module.
STRICT = "slub_debug=FZPU panic_on_warn=1 ringbell_may_be_loaded"
PLAIN = "ringbell_may_be_loaded"  # as users run it: slub's checks cost instructions
# A CPU that hangs for a minute ends the run, and says where; and what the other one does.
HANGS = ("softlockup_panic=1 watchdog_thresh=30 sysctl.kernel.softlockup_all_cpu_backtrace=1 "
         "rcupdate.rcu_cpu_stall_timeout=60 sysctl.kernel.panic_on_rcu_stall=1")


def test_programs(build: Path, folders: str) -> list[Path]:
    found = [path for path in sorted((build / "tests").iterdir())
             if re.search(rf"(^|_)({folders})(_|$)", path.name) and path.is_file() and
             os.access(path, os.X_OK)]
    if not found:
        raise machine.Trouble(f"no test programs in {build}/tests; build them first")
    return found


def command(program: Path, pattern: str, kvm: bool) -> str:
    emulated = "" if kvm else "RINGBELL_EMULATED=1 "
    return (f"{emulated}RINGBELL_CRASH_KILLS=20 ./{program.name} --gtest_color=no "
            f"'--gtest_filter={pattern}'")


def tests_of(program: Path, pattern: str) -> bool:
    listed = subprocess.run([program, "--gtest_list_tests", f"--gtest_filter={pattern}"],
                            check=True, capture_output=True, text=True).stdout
    return any(line.startswith("  ") for line in listed.splitlines())


class Results:
    """What the console told of each test."""

    def __init__(self, console: str):
        self.passed: list[str] = []
        self.failed: list[str] = []
        self.failures: list[str] = []  # what those said
        self.skipped: dict[str, str] = {}  # test: program
        program, failed_before = "", 0
        said: list[str] = []  # since a test began
        for line in console.replace("\r", "").splitlines():
            if began := re.match(r"vm: begin .*?\./(\S+)", line):
                program, failed_before = began[1], len(self.failed)
            elif ended := re.match(r"vm: end (\d+)", line):
                if ended[1] != "0" and len(self.failed) == failed_before:
                    self.failed.append(f"{program} (status {ended[1]})")
                program = ""
            elif line.startswith("[ RUN      ] "):
                said = []
            elif told := re.match(r"\[ +(OK|SKIPPED|FAILED) +\] (\S+?),? .*\((\d+) ms\)$", line):
                if told[1] == "OK":
                    self.passed.append(told[2])
                elif told[1] == "FAILED":
                    self.failed.append(told[2])
                    self.failures += said[-MOST_LINES:]
                else:
                    self.skipped[told[2]] = program
            else:
                said.append(line)
        if program:
            self.failed.append(f"{program} (it never ended)")
        for name in self.passed:  # in another run
            self.skipped.pop(name, None)


def has_hung(console: str) -> bool:
    return re.search(r"rcu: INFO: .* stall|soft lockup", console) is not None


def skipped_here_too(build: Path, skipped: dict[str, str]) -> list[str]:
    both = []
    for program in sorted(set(skipped.values())):
        names = [name for name, owner in skipped.items() if owner == program]
        told = subprocess.run([build / "tests" / program, "--gtest_filter=" + ":".join(names)],
                              check=False, capture_output=True, text=True).stdout
        both += [name for name in names if f"[  SKIPPED ] {name} (" in told]
    return both


class SkippedHere:
    """What the last whole `./dev test` skipped, by ctest's report: folder and test."""

    def __init__(self, report: Path, of_modules: bool):
        self.tests: list[tuple[str, str]] = []
        self.lack_packages: list[str] = []
        for case in xml.parse(report).iter("testcase") if report.exists() else []:
            folder, _, name = case.attrib["name"].partition("/")
            if case.find("skipped") is None or (folder == "kernel") != of_modules:
                continue
            said = case.findtext("system-out") or ""
            if filtered := re.search(r"Google Test filter = (\S+)", said):
                name = filtered[1]  # ctest's own has the values and types of parameters, too
            if re.search(r"\binstalled\b", said):
                self.lack_packages.append(f"{folder}/{name}")
            else:
                self.tests.append((folder, name))

    def of(self, program: Path) -> list[str]:
        folder = program.name.split("_")[1]
        return [name for of_folder, name in self.tests if of_folder == folder]


def add_module_tests(disk: machine.Disk, options: argparse.Namespace) -> None:
    disk.add_modules(modules.build(disk.kernel))
    disk.add_program(options.build / "tools" / "ringbell")
    for program in test_programs(options.build, "kernel"):
        disk.add_program(program)
        told = command(program, options.filter, options.kvm)
        disk.add_command(SECONDS_A_PROGRAM, "echo 4 >/proc/sys/kernel/printk; dmesg -c >/dev/null; "
                         f"RINGBELL_MODULES=/ringbell {told}")
    disk.add_command(60, "./complaints")


def add_tests(disk: machine.Disk, options: argparse.Namespace, here: SkippedHere) -> None:
    usual = {"transport": QUICK} if options.quick else {"transport": FULL, "crash": FULL}
    folders = {*usual, *(folder for folder, _ in here.tests)}
    for program in test_programs(options.build, "|".join(sorted(folders))):
        wanted = [usual[folder] for folder in usual if f"_{folder}" in program.name]
        pattern = ":".join([*here.of(program), *wanted])
        if tests_of(program, pattern):
            disk.add_program(program)
            disk.add_command(SECONDS_A_PROGRAM, command(program, pattern, options.kvm))
            if tests_of(program, WITH_HUGE_PAGES):
                pages = "/proc/sys/vm/nr_hugepages"
                disk.add_command(SECONDS_A_PROGRAM, f"echo 16 >{pages}; "
                                 f"{command(program, WITH_HUGE_PAGES, options.kvm)}; ended=$?; "
                                 f"echo 0 >{pages}; exit $ended")


def figures(console: str) -> list[str]:
    """A table of what the console tells: each way beside the ring in that direction."""
    found = re.findall(r"^figure: (.+ the kernel) by (.*)\|(\d+)\|(\d+)\r?$", console, re.MULTILINE)
    ring = {direction: int(count) for direction, way, _, count in found if way == "a ring"}
    rows = [f"{f'{direction} by {way}':<56}{copies:>7}{count:>14}"
            f"{int(count) / ring[direction]:>9.1f}" for direction, way, copies, count in found]
    heading = f"{'a record of 64 bytes':<56}{'copies':>7}{'instructions':>14}{'ratio':>9}"
    return [heading, *rows] if rows else []


def write_figures(machine_said: str, table: list[str]) -> None:
    """In the place of those that stand in kernel/README.md: the block that begins with a kernel."""
    readme = machine.ROOT / "kernel" / "README.md"
    block = f"    {machine_said}\n\n" + "".join(f"    {line}\n" for line in table)
    text = re.sub(r"^    Linux .*\n(?:\n?    .*\n)+", lambda _: block,
                  readme.read_text(encoding="utf-8"), count=1, flags=re.MULTILINE)
    readme.write_text(text, encoding="utf-8")


def console_of(disk: machine.Disk) -> str:
    return (disk.work / "console").read_text(encoding="utf-8", errors="replace")


def run_machine(disk: machine.Disk, kvm: bool, how: dict) -> tuple[int, str]:
    """QEMU's status, and what stands on the console.

    Where the kernel changes its own code, QEMU may go on for ever with what it translated of the
    old one for its other CPU (seen: at a breakpoint that is gone). On one thread it cannot, while a
    fault of ours hangs again: what hung runs once more.
    """
    status = machine.boot(disk, kvm=kvm, **how)
    if not kvm and has_hung(console_of(disk)):
        print("the machine hung, see build/vm/run/console.hung; once more, on one thread")
        (disk.work / "console").rename(disk.work / "console.hung")
        status = machine.boot(disk, kvm=False, threads="single", **how)
    return status, console_of(disk)


def run_programs(options: argparse.Namespace) -> int:
    started = time.monotonic()
    disk = machine.Disk(machine.ROOT / "build" / "vm" / "run", machine.Kernel(options.kernel))
    of_modules = options.what == "kernel"
    here = SkippedHere(options.build / "tests.xml", of_modules)
    if of_modules:
        add_module_tests(disk, options)
    else:
        add_tests(disk, options, here)
    checks = (PLAIN if options.figures else STRICT) if of_modules else ""
    how = {"seconds": 300 if options.quick else 3600, "extra": f"{HANGS} {checks}",
           "counting": options.figures}
    status, console = run_machine(disk, options.kvm, how)
    said = re.search(r"vm: (Linux .*?)\r?\n", console)
    machine_said = said[1] if said else "the machine never came up"
    print(machine_said)
    if options.figures:
        print("\n".join(figures(console)))
    if options.write and figures(console):
        write_figures(machine_said.split(", up for")[0], figures(console))
    results = Results(console)
    both = skipped_here_too(options.build, results.skipped)
    if options.filter == "*":
        told = [*both, *results.passed, *results.failed]
        both += [name for _, name in here.tests if name not in told]
    for name in here.lack_packages:
        print(f"lacks a package here: {name}")
    print("\n".join(results.failures), end="\n" if results.failures else "")
    for name in results.failed:
        print(f"failed: {name}")
    for name in both:
        print(f"failed: {name} is skipped in the machine and on this one: it runs nowhere")
    if status not in (machine.PASSED, machine.FAILED):
        print(f"failed: QEMU ended with {status}, see build/vm/run/console")
    if results.failed:
        print("see build/vm/run/console")
    print(f"{time.monotonic() - started:.0f} s")
    print(f"{len(results.passed)} passed, {len(results.failed) + len(both)} failed, "
          f"{len(results.skipped.keys() - set(both))} skipped")
    good = status == machine.PASSED and not results.failed and not both and results.passed
    return 0 if good else 1


def main() -> int:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("what", nargs="?", choices=["kernel"])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--filter", default="*")
    parser.add_argument("--figures", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--kernel", choices=machine.KERNELS, default="6.1")
    parser.add_argument("--kvm", action="store_true")
    parser.add_argument("--build", type=Path, default=machine.ROOT / "build" / "release")
    options = parser.parse_args()
    if options.figures:
        options.filter = "KernelFiguresTest.*"
    try:
        return run_programs(options)
    except machine.Trouble as trouble:
        print(f"vm: {trouble}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
