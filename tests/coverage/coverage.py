"""Which lines and branches do the tests run?

usage: coverage.py BUILD  the report, in BUILD/report.txt and BUILD/html; fails if a goal is missed,
                          or if tests/coverage_exceptions lacks something or has too much
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
EXCEPTIONS = ROOT / "tests/coverage_exceptions"
# Of a folder: percent of its lines, and of its branches, each of which has two ways. A folder that
# stands in another counts in both.
GOALS = {"core": (100, 99), "transport": (98, 94), "transport/memory": (98, 94), "capi": (98, 94)}
# What is looked at beside them, without a goal.
BESIDE = ["tools", "bridge"]


class File:
    """A source: how often each line of code ran, and which way each branch went."""

    def __init__(self):
        self.lines = {}
        self.branches = {}

    def add(self, lines, branches):
        """What another program saw of it, or another instance of a template."""
        for line, count in lines.items():
            self.lines[line] = max(count, self.lines.get(line, 0))
        for place, ways in branches:
            seen = self.branches.get(place, (False, False))
            self.branches[place] = (seen[0] or ways[0], seen[1] or ways[1])

    def missed_lines(self):
        return sorted(line for line, count in self.lines.items() if count == 0)

    def missed_branches(self):
        """(line, column, the ways not gone); neither way where the branch was not reached."""
        return [(line, column, tuple(way for way, gone in zip(("true", "false"), ways) if not gone))
                for (line, column, *_), ways in sorted(self.branches.items()) if not all(ways)]

    def missed(self):
        """Every line on which something is missing."""
        return {*self.missed_lines(), *(line for line, _, _ in self.missed_branches())}


class Count:
    def __init__(self, files=()):
        self.lines = sum(len(file.lines) for file in files)
        self.lines_run = self.lines - sum(len(file.missed_lines()) for file in files)
        self.ways = 2 * sum(len(file.branches) for file in files)
        self.ways_gone = self.ways - sum(
            len(ways) for file in files for _, _, ways in file.missed_branches())

    @staticmethod
    def percent(part, whole):
        return 100.0 * part / whole if whole else 100.0

    def percents(self):
        return self.percent(self.lines_run, self.lines), self.percent(self.ways_gone, self.ways)

    def __str__(self):
        lines, branches = self.percents()
        return (f"{lines:6.1f} % of {self.lines:5} lines  {branches:6.1f} % of {self.ways:5} ways "
                "of branches")


def lines_of(segments):
    """How often each line ran, as llvm-cov counts: the most of what begins in it or goes on."""
    lines, begun, before = {}, {}, None
    for segment in segments:
        begun.setdefault(segment[0], []).append(segment)
    if not segments:
        return lines
    for line in range(segments[0][0], segments[-1][0] + 1):
        here = begun.get(line, [])
        counts = [count for _, _, count, counted, entry, gap in here
                  if counted and entry and not gap]
        skipped = here and not here[0][3] and here[0][4]
        goes_on = before is not None and before[3]
        if not skipped and (goes_on or counts):
            lines[line] = max([*counts, before[2] if goes_on else 0])
        before = here[-1] if here else before
    return lines


def branches_of(entries):
    return [((entry[0], entry[1], entry[2], entry[3]), (entry[4] > 0, entry[5] > 0))
            for entry in entries]


def in_tree(path, root):
    """The file's name from the root of the tree, whichever link it was found by, or nothing."""
    path = Path(path).resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) else None


def folded_in(shown, root=ROOT):
    """Where conditions stand that the compiler has decided, as in `if constexpr`: what is exported
    does not tell them from those that no test comes to."""
    found, name = {}, None
    for line in shown.splitlines():
        if line.startswith("/") and line.endswith(":"):
            name = in_tree(line[:-1], root)
        elif name and line.endswith("[Folded - Ignored]"):
            place = re.search(r"Branch \((\d+):(\d+)\)", line)
            found.setdefault(name, set()).add((int(place[1]), int(place[2])))
    return found


def read(exported, folded, root=ROOT):
    """The files of the tree in what llvm-cov exports."""
    files = {}
    for entry in exported["data"][0]["files"]:
        name = in_tree(entry["filename"], root)
        if name:
            file = files.setdefault(name, File())
            file.add(lines_of(entry["segments"]), branches_of(entry.get("branches", [])))
    for name, places in folded.items():
        file = files.get(name, File())
        file.branches = {place: ways for place, ways in file.branches.items()
                         if any(ways) or place[:2] not in places}
    for name, file in files.items():
        text = (root / name).read_text(encoding="utf-8").splitlines()
        file.branches = {place: ways for place, ways in file.branches.items()
                         if "= default;" not in text[place[0] - 1]}  # the compiler's own
    return {name: files[name] for name in sorted(files)}


def spans(place, text):
    """The lines of each occurrence; any white space stands for any other."""
    loose = r"\s+".join(re.escape(word) for word in place.split())
    return [range(text.count("\n", 0, found.start()) + 1, text.count("\n", 0, found.end()) + 2)
            for found in re.finditer(loose, text)]


def excepted(listed, files, root=ROOT):
    """The lines that the list excuses, by file; and what is wrong with the list, a line each."""
    excused, wrong = {}, []
    for entry in listed:
        by_chance = entry.get("by_chance", False)
        if {*entry, "by_chance"} != {"file", "reason", "places", "by_chance"} or not (
                entry["reason"] and entry["places"] and isinstance(by_chance, bool)):
            wrong.append(f"an exception has a file, a reason and places: {entry}")
            continue
        name = entry["file"]
        path = root / name
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        missed = files[name].missed() if name in files else set()
        for place in entry["places"]:
            found = spans(place, text)
            if len(found) != 1:
                wrong.append(f"{name} has {len(found)} times: {place}")
            elif not by_chance and not missed & set(found[0]):
                wrong.append(f"{name}: all of it is run now, so it is no exception: {place}")
            else:
                excused.setdefault(name, set()).update(found[0])
    return excused, wrong


def in_folder(folder, files):
    return [file for name, file in files.items() if name.startswith(f"{folder}/")]


def missing(files, excused, folders):
    """What is neither run nor excused, a line for each line of a source."""
    found = []
    for name, file in files.items():
        if not any(name.startswith(f"{folder}/") for folder in folders):
            continue
        unrun = set(file.missed_lines())
        ways = {}
        for line, _, gone in file.missed_branches():
            ways.setdefault(line, []).append(" and ".join(gone))
        for line in sorted(file.missed() - excused.get(name, set())):
            what = ("not run" if line in unrun
                    else f"a branch is never {', another never '.join(ways[line])}")
            found.append(f"{name}:{line}: {what}")
    return found


def judge(files, listed, root=ROOT, goals=None):
    """The folders and all else of the report, and what fails it."""
    goals = GOALS if goals is None else goals
    folders, rest, failures = [], [], []
    for folder in [*goals, *BESIDE]:
        here = in_folder(folder, files)
        if not here:
            if folder in goals:
                failures.append(f"{folder}: nothing of it was seen")
            continue
        count = Count(here)
        folders.append(f"{folder:44} {count}")
        for got, goal, what in zip(count.percents(), goals.get(folder, (0, 0)),
                                   ("lines", "branches")):
            if got < goal:
                failures.append(f"{folder}: {got:.1f} % of the {what} are run, "
                                f"the goal is {goal} %")
    for name, file in files.items():
        if any(name.startswith(f"{folder}/") for folder in [*goals, *BESIDE]):
            rest.append(f"{name:44} {Count([file])}")
    excused, wrong = excepted(listed, files, root)
    failures += [f"coverage_exceptions: {each}" for each in wrong]
    lacking = missing(files, excused, goals)
    if lacking:
        failures.append(f"{len(lacking)} lines with something that no test runs are not listed "
                        "in tests/coverage_exceptions")
    return folders, [*rest, *lacking], failures


def objects(build):
    """Every program that was built of counted sources; llvm-cov passes over what counts nothing."""
    return sorted(path for folder in ("tests", "tools") for path in (build / folder).rglob("*")
                  if path.is_file() and not path.is_symlink() and os.access(path, os.X_OK)
                  and path.read_bytes()[:4] == b"\x7fELF")


def call(*words):
    """What it prints. Its warnings, of functions that no program calls, are no news."""
    done = subprocess.run([str(word) for word in words], check=False, capture_output=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr.decode())
    return done.stdout


def make(build):
    profiles = sorted((build / "profiles").glob("*.profraw"))
    if not profiles:
        print(f"coverage: no test has left anything in {build}/profiles", file=sys.stderr)
        return 1
    merged = build / "merged.profdata"
    call("llvm-profdata", "merge", "-sparse", *profiles, "-o", merged)
    first, *others = objects(build)
    programs = [first, *(word for other in others for word in ("-object", other)),
                f"-instr-profile={merged}", "-ignore-filename-regex=/(tests|bench|examples)/"]
    exported = call("llvm-cov", "export", *programs, "-skip-functions", "-skip-expansions")
    show = ["llvm-cov", "show", *programs, "-show-branches=count", "-show-instantiations=false"]
    call(*show, "-format=html", f"-output-dir={build / 'html'}")
    files = read(json.loads(exported), folded_in(call(*show).decode()))
    listed = tomllib.loads(EXCEPTIONS.read_text(encoding="utf-8")).get("exception", [])
    folders, rest, failures = judge(files, listed)
    report = "\n".join([*folders, *rest])
    (build / "report.txt").write_text(f"{report}\n", encoding="utf-8")
    print("\n".join(folders))
    print(f"coverage: {build}/report.txt has every file, {build}/html/index.html every line")
    print("".join(f"coverage: {failure}\n" for failure in failures), end="", file=sys.stderr)
    return 1 if failures else 0


def main():
    words = sys.argv[1:]
    if len(words) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    return make(Path(words[0]).resolve())


if __name__ == "__main__":
    sys.exit(main())
