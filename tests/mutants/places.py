"""The faults of tests/mutants/*.toml: where each stands, and the sources with all of them in."""

import re
import tomllib
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MARKS = "«»"
FIELDS = {"promise", "file", "place", "fault", "tests"}


class Fault:
    """One line that is wrong on purpose, the promise it breaks, and the tests that must notice."""

    def __init__(self, number, entry, listed_in):
        self.number = number
        self.listed_in = listed_in
        self.promise = entry["promise"]
        self.file = entry["file"]
        self.place = entry["place"]
        self.fault = entry["fault"]
        self.tests = entry["tests"]
        self.line = 0
        # What switches it on: the same as long as the fault is, so that what was built stays so.
        text = "\0".join([self.file, self.place, self.fault])
        self.key = zlib.crc32(text.encode()) & 0x7FFFFFFF

    def __str__(self):
        return f"{self.number:3} {self.file}:{self.line}"

    def find(self, text):
        """Where the marked part (without marks, all of the place) begins and ends in the file.

        Any white space stands for any other: the layout of a source may change.
        """
        before, marked, after = self.place, None, ""
        if MARKS[0] in self.place:
            before, rest = self.place.split(MARKS[0])
            marked, after = rest.split(MARKS[1])
        else:
            before, marked = "", self.place
        loose = [re.sub(r"(?:\\\s)+|\s+", r"\\s+", re.escape(part))
                 for part in (before, marked, after)]
        found = list(re.finditer(f"(?:{loose[0]})({loose[1]})(?:{loose[2]})", text))
        if len(found) != 1:
            raise ValueError(f"{self.listed_in}: {self.file} has {len(found)} times: {self.place}")
        self.line = text.count("\n", 0, found[0].start(1)) + 1
        return found[0].span(1)


def load(folder=HERE):
    """Every fault, numbered from 1 in the order of the lists."""
    faults = []
    for path in sorted(folder.glob("*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["fault"]:
            if set(entry) != FIELDS or not entry["tests"] or not entry["promise"]:
                raise ValueError(f"{path.name}: a fault has {', '.join(sorted(FIELDS))}: {entry}")
            faults.append(Fault(len(faults) + 1, entry, path.name))
    return faults


def doubles(faults):
    """A line for each fault that is there before."""
    seen = set()
    return [f"{fault.listed_in}: twice the same fault: {fault.place}" for fault in faults
            if fault.key in seen or seen.add(fault.key)]


def switched(text, faults):
    """The source with these faults in it, each behind its number, and all else as it was."""
    places = {}
    for fault in faults:
        places.setdefault(fault.find(text), []).append(fault)
    made, end = [], 0
    for (start, stop), here in sorted(places.items()):
        if start < end:
            raise ValueError(f"{here[0].listed_in}: overlaps another fault: {here[0].place}")
        right = text[start:stop]
        is_statement = right.rstrip().endswith((";", "}"))
        for wrong in (each.fault.strip() for each in here):
            if is_statement and wrong and not wrong.endswith((";", "}")):
                raise ValueError(f"{here[0].listed_in}: no statement in place of one: {right}")
            if not is_statement and (not wrong or wrong.endswith(";")):
                raise ValueError(f"{here[0].listed_in}: no expression in place of one: {right}")
        if is_statement:
            wrong = [f"if (::ringbell_fault({f.key})) {{ {f.fault} }} else " for f in here]
            made += [text[end:start], *wrong, f"{{ {right} }}"]
        else:
            wrong = [f"::ringbell_fault({f.key}) ? ({f.fault}) : " for f in here]
            made += [text[end:start], "(", *wrong, f"({right}))"]
        end = stop
    return "".join(made) + text[end:]


def by_file(faults):
    files = {}
    for fault in faults:
        files.setdefault(fault.file, []).append(fault)
    return files


def problems(faults, root=ROOT):
    """What is wrong with the lists, a line each: a place that the source no longer has, say."""
    found = doubles(faults)
    for file, here in by_file(faults).items():
        if not (root / file).is_file():
            found.append(f"{here[0].listed_in}: there is no {file}")
            continue
        text = (root / file).read_text(encoding="utf-8")
        alone = []
        for fault in here:
            try:
                fault.find(text)
                alone.append(fault)
            except ValueError as wrong:
                found.append(str(wrong))
        try:
            switched(text, alone)
        except ValueError as wrong:
            found.append(str(wrong))
    return found
