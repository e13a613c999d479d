"""Faults put in on purpose: does a test notice each of them?

usage: mutants.py --check           every fault's place is still in the source, exactly once
       mutants.py --prepare FOLDER  a copy of the tree there, with all faults behind RINGBELL_FAULT
       mutants.py --targets         what must be built of it
       mutants.py --run FOLDER BUILD [--only TEXT] [--sample N]
                                    each fault against its tests; TEXT: a part of the file's name,
                                    or numbers 3,5,8; N: so many, spread over all
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import places

GIB = 1 << 30
# A fault may fill memory: it shall end its own program and no other. A file may be larger than the
# machine's memory, so its size is limited as well. And where the kernel must end a process, it
# shall be this one.
LIMITS = ["choom", "--adjust", "1000", "--", "prlimit", "--core=0", f"--as={24 * GIB}",
          f"--fsize={2 * GIB}"]
# A second failure shows that the first one was no accident.
TIMES = 2


def files_of_tree(faults):
    """All but the test sources that no fault names a test of: there is less to build."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=places.ROOT, check=True, capture_output=True, text=True).stdout
    names = {name for name in listed.split("\0") if name and (places.ROOT / name).is_file()}
    suites = {suite for fault in faults for entry in fault.tests
              for suite in re.findall(r"(?:^\w+ |:)[*]?(\w+)", entry)}
    wanted = re.compile(rf"(TEST(_F|_P)?|SUITE(_P)?)\(({'|'.join(suites)})\b")
    for folder in {entry.split()[0] for fault in faults for entry in fault.tests}:
        names -= {name for name in names
                  if re.fullmatch(rf"tests/{folder}/\w+_test\.cpp", name)
                  and not wanted.search((places.ROOT / name).read_text(encoding="utf-8"))}
    return names


def write_if_new(path, content, mode):
    """Untouched files keep their times, so that only what changed is built again."""
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def prepare(folder):
    listed = places.load()
    faults = places.by_file(listed)
    names = files_of_tree(listed)
    for name in names:
        source = places.ROOT / name
        content = source.read_bytes()
        if name in faults:
            text = places.switched(content.decode(), faults[name])
            header = places.HERE / "fault.hpp"
            content = f'#include "{header}"\n#line 1\n{text}'.encode()
        write_if_new(folder / name, content, source.stat().st_mode)
    for path in folder.rglob("*"):
        if path.is_file() and str(path.relative_to(folder)) not in names:
            path.unlink()


class Test:
    """One entry of a fault's tests.

    `FOLDER FILTER` of GoogleTest's, `capi NAME` of a C program's, or `FOLDER SCRIPT [CASES]`.
    """

    def __init__(self, entry, folder, build):
        self.entry = entry
        kind, name = entry.split(" ", 1)
        self.counts = False  # says how many tests it ran
        if name.split()[0].endswith(".py"):
            self.target = "ringbell-tests-bridge" if kind == "bridge" else "ringbell-command"
            script, *cases = name.split()
            self.command = ["/usr/bin/python3", "-B", str(folder / "tests" / kind / script), *cases]
        elif kind == "capi" and name.isidentifier():
            self.target = f"capi_{name}"
            self.command = [str(build / "tests/capi" / self.target)]
        else:
            self.counts = True
            self.target = f"test_{kind}"
            place = f"tests/{kind}" if kind in {"capi", "hostile"} else "tests"
            self.command = [str(build / place / self.target), f"--gtest_filter={name}"]
        self.environment = {"RINGBELL_PROGRAM": str(build / "tools/ringbell"),
                            "RINGBELL_LOAD": str(build / "tests/bridge_load")}


def apart():
    """Shared memory, IPC, processes and abstract sockets of its own, where these may be had."""
    words = ["unshare", "--mount", "--ipc", "--net", "--pid", "--fork", "--kill-child",
             "--mount-proc", "sh", "-c",
             'mount -t tmpfs -o size=2g none /dev/shm && (ip link set lo up; "$@"); exit $?', "sh"]
    tried = subprocess.run([*words, "true"], check=False, capture_output=True)
    return words if tried.returncode == 0 else []


class Broken(Exception):
    """What a test says that fails without any fault, or that is none."""


class Runner:
    def __init__(self, folder, build):
        self.folder, self.build = folder, build
        self.apart = apart()
        self.right = {}  # by entry: how it went without a fault
        self.turns = {}  # by entry: one tries it first, the others wait for what came of it
        self.turn = threading.Lock()

    def run(self, test, key, limit):
        """The exit status, or None if it had to be ended; what it said; the seconds."""
        environment = {**os.environ, **test.environment, "RINGBELL_FAULT": str(key)}
        start = time.monotonic()
        with subprocess.Popen(
                [*LIMITS, *self.apart, *test.command], cwd=self.folder, env=environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, errors="replace", start_new_session=True) as process:
            try:
                said, _ = process.communicate(timeout=limit)
                status = process.returncode
            except subprocess.TimeoutExpired:
                status, said = None, ""
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return status, said, time.monotonic() - start

    def without_fault(self, test):
        """Seconds that it takes; None: it tries nothing here. Raises Broken if it fails."""
        with self.turn:
            turn = self.turns.setdefault(test.entry, threading.Lock())
        with turn:
            if test.entry not in self.right:
                self.right[test.entry] = self.try_right(test)
            right = self.right[test.entry]
        if isinstance(right, Broken):
            raise right
        return right

    def try_right(self, test):
        status, said, seconds = self.run(test, 0, 300)
        if status != 0:
            return Broken(f"{said}\nwithout any fault `{test.entry}` fails (status {status})")
        if test.counts and not re.search(r"Running [1-9]\d* tests?", said):
            return Broken(f"`{test.entry}` is no test")
        passed = re.search(r"PASSED  \] (\d+) test", said)
        return None if passed and passed[1] == "0" else seconds

    def notices(self, test, fault):
        """How, or nothing."""
        seconds = self.without_fault(test)
        if seconds is None:
            return None
        how = None
        for _ in range(TIMES):
            status, said, _ = self.run(test, fault.key, max(10, 10 * seconds))
            if status == 0:
                return None
            failed = re.search(r"^\[  FAILED  \] (\S+?),? ", said, re.MULTILINE)
            how = failed[1].rstrip(",") if failed else test.entry
            if status is None:
                how += " (it hangs)"
        return how

    def try_fault(self, fault):
        """True: noticed. None: no test of it can run here."""
        tests = [Test(entry, self.folder, self.build) for entry in fault.tests]
        start = time.monotonic()
        for test in tests:
            try:
                how = self.notices(test, fault)
            except Broken as wrong:
                print(f"{fault}: NOT TRIED: {wrong}", flush=True)
                return False
            if how:
                print(f"{fault}: noticed by {how} ({time.monotonic() - start:.1f} s)", flush=True)
                return True
        if all(self.right[test.entry] is None for test in tests):
            print(f"{fault}: its tests are skipped here", flush=True)
            return None
        print(f"{fault}: NOT NOTICED by {', '.join(fault.tests)}\n    {fault.promise}", flush=True)
        return False


def chosen(faults, only, sample):
    if only and re.fullmatch(r"[\d,]+", only):
        numbers = {int(number) for number in only.split(",") if number}
        faults = [fault for fault in faults if fault.number in numbers]
    elif only:
        faults = [fault for fault in faults if only in fault.file]
    if sample and len(faults) > sample:
        faults = [faults[i * len(faults) // sample] for i in range(sample)]
    return faults


def run(folder, build, only, sample):
    faults = places.load()
    if places.problems(faults):
        return check()
    faults = chosen(faults, only, sample)
    runner = Runner(folder, build)
    # Side by side where they cannot meet; many only wait until it is clear that a test hangs.
    with ThreadPoolExecutor(2 * os.cpu_count() if runner.apart else 1) as pool:
        results = list(pool.map(runner.try_fault, faults))
    skipped = results.count(None)
    noticed = results.count(True)
    more = f", {skipped} not tried" if skipped else ""
    print(f"{len(faults)} faults, {noticed} noticed{more}")
    return 0 if faults and noticed + skipped == len(faults) else 1


def check():
    faults = places.load()
    found = places.problems(faults)
    print("\n".join([*found, f"mutants: {len(faults)} faults, {len(found)} without their place"]))
    return 1 if found or not faults else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, add_help=False)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--targets", action="store_true")
    parser.add_argument("--prepare", type=Path)
    parser.add_argument("--run", type=Path, nargs=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--sample", type=int, default=0)
    asked = parser.parse_args()
    if asked.check:
        return check()
    if asked.targets:
        faults = chosen(places.load(), asked.only, asked.sample)
        here = Path()
        entries = {entry for fault in faults for entry in fault.tests}
        print("\n".join(sorted({Test(entry, here, here).target for entry in entries})))
        return 0
    if asked.prepare:
        prepare(asked.prepare.resolve())
        return 0
    if asked.run:
        folder, build = (path.resolve() for path in asked.run)
        return run(folder, build, asked.only, asked.sample)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
