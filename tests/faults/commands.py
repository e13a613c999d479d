"""The subcommands: each alone, or beside another one at the other side of a ring."""

import filecmp
import os
import re
import struct
import subprocess
import time

from bridges import CHANNEL, LINES, TEXT, recording_of
from case import Beside, Case

LEFT_OUT = {
    "bench": "it takes seconds, and uses the ends that subject.cpp makes fail",
    "bridge": "it needs a nats-server: ./dev faults --only bridge",
    "compare": "it takes minutes",
    "report": "it makes no ring, and draws with Python",
}


def left_out_wrongly(ringbell, cases):
    """Subcommands that no case is of, and for which LEFT_OUT has no reason; or that are in both."""
    said = subprocess.run([ringbell, "--help"], capture_output=True, text=True, check=True).stdout
    listed = set(re.findall(r"(?m)^  ([a-z]+) ", said.split("Subcommands:")[-1]))
    covered = {case.name.split()[0] for case in cases} & listed
    return sorted((listed - covered) ^ LEFT_OUT.keys())


class Copy(Case):
    def __init__(self, ringbell, *options):
        super().__init__(" ".join(["cp", *options]), lambda folder: [
            ringbell, "cp", *options, str(folder / "from"), str(folder / "to")])
        self.verified = "--verify" in options

    def prepare(self, folder):
        (folder / "from").write_bytes(os.urandom(700_001))

    def judge(self, folder, status):
        there = (folder / "to").exists()
        whole = there and filecmp.cmp(folder / "from", folder / "to", False)
        if status == 0 and not whole:
            return "status 0, but no whole copy"
        # A whole one that could not be compared is kept.
        if status != 0 and there and not (self.verified and whole):
            return f"status {status}, and a copy is left"
        return None if status in (0, 1, 4, 141) else f"status {status}"


def leave_dead(ringbell, folder, name, line=b""):
    """A ring whose sender was killed, after it had sent the line, if any. Its pid."""
    ring = folder / "names" / f"{name}.ring"
    environment = {**os.environ, "RINGBELL_DIR": str(folder / "names")}
    shape = "--lines" if line else "--raw"  # which alone begins with a header
    with subprocess.Popen([ringbell, "send", shape, name], stdin=subprocess.PIPE,
                          env=environment) as sender:
        sender.stdin.write(line)
        sender.stdin.flush()
        while not ring.exists():
            time.sleep(0.001)
        # The header of the stream and the line.
        while line and b'"records": 2' not in subprocess.run(
                [ringbell, "inspect", "--json", name], env=environment, capture_output=True,
                check=False).stdout:
            time.sleep(0.001)
        sender.kill()
        return sender.pid


class Stream(Beside):
    """`send` and `recv`, of which one is under strace."""

    SIDES = {"send": "{ringbell} recv --wait 1 {shape} x >to & "
                     "{strace} {ringbell} send --wait 1 {shape} x <from; "
                     "own=$?; wait $!; echo $own $?",
             "recv": "{ringbell} send --wait 1 {shape} x <from & {wait} "
                     "{strace} {ringbell} recv --wait 1 {own} x >to; "
                     "own=$?; wait $!; echo $own $?"}
    INPUTS = {"": None, "--lines": TEXT,
              "--messages": b"".join(struct.pack("<I", len(line)) + line for line in LINES)}
    before = b""  # what comes of a stream that was cut
    statuses_known = frozenset({0, 1, 3, 4, 6, 141})

    def __init__(self, ringbell, side, shape="", own=None, wait=""):
        super().__init__(f"{side} {shape if own is None else own}".strip())
        self.ringbell, self.side, self.shape = ringbell, side, shape
        self.own, self.wait, self.script = shape if own is None else own, wait, self.SIDES[side]

    def names(self, folder):
        wait = self.wait.format(ringbell=self.ringbell)
        return {"ringbell": self.ringbell, "shape": self.shape, "own": self.own, "wait": wait}

    def prepare(self, folder):
        (folder / "from").write_bytes(self.INPUTS[self.shape] or os.urandom(700_001))

    def judge(self, folder, status):
        own, other = self.statuses(folder)
        sent, received = (own, other) if self.side == "send" else (other, own)
        source = self.before + (folder / "from").read_bytes()
        arrived = (folder / "to").read_bytes() if (folder / "to").exists() else b""
        if not {own, other} <= self.statuses_known:
            return f"statuses: send {sent}, recv {received}"
        whole = 6 if self.before else 0
        if received in (0, whole) and (received, arrived) != (whole, source):
            return f"recv said {received} of a stream that is not whole"
        if not source.startswith(arrived):
            return "wrong data"
        return None


class Next(Stream):
    """The receiver of a stream that was cut and of the one behind it, whose sender has come."""

    before = b"cut\n"
    JOINED = "while {ringbell} inspect --json x | grep -q '\"records\": 2,'; do :; done;"

    def __init__(self, ringbell):
        super().__init__(ringbell, "recv", "--lines", "--next", self.JOINED)

    def prepare(self, folder):
        super().prepare(folder)
        leave_dead(self.ringbell, folder, "x", self.before)


class Look(Case):
    """What looks at rings: with status 0 it says what it says without a fault, or less is known.

    A lock that cannot be asked for counts as held; what may not be opened, as another user's.
    """

    OTHER = "status 0, but it says something else"
    output = "output"

    def __init__(self, ringbell, *words, varies=False):
        super().__init__(" ".join(words), lambda _: [ringbell, *words])
        self.ringbell, self.varies, self.said = ringbell, varies, None

    def prepare(self, folder):
        pid = leave_dead(self.ringbell, folder, "dead")
        (folder / "pid").write_text(str(pid))

    def said_in(self, folder):
        """Without what differs from run to run."""
        said = (folder / self.output).read_text(errors="replace")
        said = re.sub(rf"\b{(folder / 'pid').read_text()}\b", "PID", said)
        said = re.sub(r"[-\d]{10}T[:\d]{8}Z|\d{10}\.\d+", "TIME", said)
        said = re.sub(" +", " ", said.replace(str(folder), "FOLDER"))
        return said.split("PID BRIDGE\n")[0]  # bridges have no folder

    def judge(self, folder, status):
        if status == 0 and not self.varies:
            said = self.said_in(folder)
            if self.said is None:
                self.said = said  # the first run is one without a fault
            if said != self.said:
                return f"{self.OTHER}:\n{said}"
        return super().judge(folder, status)

    def try_fault(self, fault):
        wrong = super().try_fault(fault)
        less_is_known = fault.call == "fcntl" or (fault.call, fault.errno) == ("openat", "EACCES")
        return None if wrong and wrong.startswith(self.OTHER) and less_is_known else wrong


class Show(Look):
    """A recording."""

    def prepare(self, folder):
        (folder / "pid").write_text("none")
        (folder / "file").write_bytes(recording_of(1, CHANNEL, LINES))


class Top(Look):
    """It leaves out what it cannot look at this time: what was listed may have gone."""

    def judge(self, folder, status):
        wrong = super().judge(folder, status)
        return None if wrong and "top: 0 rings" in wrong else wrong


class Metrics(Look):
    """They say themselves of a ring that it could not be looked at."""

    def judge(self, folder, status):
        wrong = super().judge(folder, status)
        return None if wrong and "ringbell_unreadable_ring{" in wrong else wrong


class MetricsFile(Metrics):
    """The old one or the new one, and whole."""

    output = "textfile"

    def judge(self, folder, status):
        beside = [path.name for path in folder.glob("textfile.*")]
        return f"{beside} is left" if beside else super().judge(folder, status)


class Remove(Look):
    """What removes the ring of a dead process."""

    left = "dead.ring"

    def judge(self, folder, status):
        wrong = super().judge(folder, status)
        if not wrong and status == 0 and (folder / "names" / self.left).exists():
            return f"{self.OTHER}: {self.left} is still there"
        return wrong


class Drain(Remove):
    """One that was set aside, in which nothing is left."""

    left = "dead.1.past"

    def prepare(self, folder):
        super().prepare(folder)
        names = folder / "names"
        (names / "dead.ring").rename(names / self.left)

    def judge(self, folder, status):
        return None if status == 3 else super().judge(folder, status)  # it says that it is left


def command_cases(ringbell):
    return [
        Copy(ringbell), Copy(ringbell, "--verify"),
        *(Stream(ringbell, side, shape) for side in Stream.SIDES for shape in Stream.INPUTS),
        Next(ringbell),
        Look(ringbell, "ls"), Look(ringbell, "inspect", "dead"), Metrics(ringbell, "metrics"),
        Top(ringbell, "top", "--times", "1", "--interval", "0.1"),
        MetricsFile(ringbell, "metrics", "--textfile", "textfile"),
        Show(ringbell, "show", "file"),
        Remove(ringbell, "clean", "--yes"), Drain(ringbell, "drain", "--wait", "0", "dead"),
        # What they say is measured.
        Look(ringbell, "doctor", "--no-measure", varies=True),
        Look(ringbell, "explain", "memory", varies=True),
    ]
