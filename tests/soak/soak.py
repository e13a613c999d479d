#!/usr/bin/python3
"""Every kind of ring at work for hours, while processes are killed, ended, stopped, made to lag and
signalled, the disk is full and the quota of CPU time changes; beside it, the campaigns of random
kills. Nothing may come wrong, and in the ends that live all the time memory, descriptors and
latency must not drift.

usage: soak.py HOURS --player FILE [--crash FILE] [--command FILE] [--out FOLDER]
       HOURS may be a fraction, such as 0.05. Prints a page, and writes it to FOLDER/soak.md.
       SIGINT and SIGTERM end it early, with the page.
Time in which all of it stood still (a container was frozen, the machine asleep) counts as none: for
the hours, and for how long a player may take to end. The page says how much that was.
Exit status: 0; 1 if something came wrong or drifted.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from judging import PATIENCE_S, LivedTime, Samples, drifts, page, wait_for

ROOT = Path(__file__).resolve().parent.parent.parent
DISK_BYTES = 16 << 20

# Of each ring: the player that lives all the time and is watched, and those that may die.
RINGS = {
    "channel": ("reads", ["writes"]),
    "channel-2": ("writes", ["reads"]),
    "queue": ("reads", ["reads", "writes", "writes"]),
    "lossy": ("reads", ["reads", "writes"]),
    "lossless": ("reads", ["reads", "writes"]),
    "collector": ("reads", ["writes", "writes"]),
    "service": ("writes", ["reads", "writes"]),
    "state": ("reads", ["reads", "writes"]),
}


# --- the machine ---------------------------------------------------------------------------------

class Disk:
    """A small file system for the names, which only this process and its children see; and System V
    objects of their own, which the campaigns count.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.filler = folder / "filler"
        libc = ctypes.CDLL(None, use_errno=True)
        new_mounts, new_ipc, private = 0x20000, 0x8000000, 0x40000 | 0x4000
        self.is_own = (os.geteuid() == 0 and libc.unshare(new_mounts | new_ipc) == 0
                       and libc.mount(None, b"/", None, private, None) == 0
                       and libc.mount(b"none", bytes(folder), b"tmpfs", 0,
                                      f"size={DISK_BYTES},mode=700".encode()) == 0)

    def fill(self, time_s: float) -> None:
        with contextlib.suppress(OSError), self.filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))
        time.sleep(time_s)
        self.filler.unlink(missing_ok=True)


class Quota:
    """A control group of the players, of version 1 or 2."""

    def __init__(self) -> None:
        top = Path("/sys/fs/cgroup")
        self.is_first = (top / "cpu/cpu.cfs_quota_us").exists()
        name = f"ringbell-soak-{os.getpid()}"
        self.folders = ([top / "cpu" / name, top / "cpuacct" / name] if self.is_first
                        else [top / name])
        with contextlib.suppress(OSError):
            if not self.is_first:
                (top / "cgroup.subtree_control").write_text("+cpu")
            for folder in self.folders:
                folder.mkdir()
        # An end looks for a quota when it is opened, so there is always one.
        self.most = (os.cpu_count() or 1) - 0.1
        self.is_there = self.change(self.most)
        # A group counts as one process, so all of it would count more than this one that is nice.
        share = 1.25 ** -os.nice(0)
        with contextlib.suppress(OSError):
            (self.folders[0] / ("cpu.shares" if self.is_first else "cpu.weight")).write_text(
                str(max(2, int((1024 if self.is_first else 100) * share))))

    def change(self, cpus: float) -> bool:
        quota = str(int(cpus * 100_000))
        file = "cpu.cfs_quota_us" if self.is_first else "cpu.max"
        try:
            (self.folders[0] / file).write_text(quota)
        except OSError:
            return False
        return True

    def inside(self, *command: str) -> list[str]:
        """The command that runs this one in the group."""
        if not self.is_there:
            return list(command)
        enter = "; ".join(f"echo $$ > {folder}/cgroup.procs" for folder in self.folders)
        return ["/bin/sh", "-c", f'{enter}; exec "$0" "$@"', *command]

    def remove(self) -> None:
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.rmdir()


# --- the players ---------------------------------------------------------------------------------

class Player:
    def __init__(self, soak: Soak, ring: str, does: str) -> None:
        self.soak, self.ring, self.does = soak, ring, does
        self.told = soak.out / f"{ring}-{does}-{id(self):x}.jsonl"
        self.complaint = self.told.with_suffix(".err")
        self.start()

    def start(self) -> None:
        with self.told.open("ab") as out, self.complaint.open("ab") as err:
            self.process = subprocess.Popen(
                self.soak.quota.inside(self.soak.player, self.ring.split("-")[0], self.does,
                                       self.ring),
                stdout=out, stderr=err, env=self.soak.environment, process_group=0)

    def judge_end(self, *expected: int) -> None:
        status = wait_for(self.process)
        if status is None:
            self.process.kill()
            status = self.process.wait()
            self.soak.wrong.append(f"{self.ring} {self.does}: it did not end when it was told to")
        if status not in expected:
            said = self.complaint.read_text(errors="replace").strip()
            self.soak.wrong.append(f"{self.ring} {self.does}: ended with {status}; {said}")

    def has_handlers(self) -> bool:
        """Before them, a signal that is to disturb it would end it."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            return int(status.split("SigCgt:")[1].split()[0], 16) >> (signal.SIGUSR2 - 1) & 1 == 1
        except (OSError, IndexError):
            return False

    def has_ring(self) -> bool:
        """What it has before says nothing of what it has later."""
        try:
            maps = Path(f"/proc/{self.process.pid}/maps").read_text()
            return any(line.split()[1].endswith("s") for line in maps.splitlines())
        except OSError:
            return False

    def await_ring(self) -> None:
        time_here = LivedTime()
        while (self.process.poll() is None and time_here.passed() < PATIENCE_S
               and not (self.has_handlers() and self.has_ring())):
            time.sleep(0.01)

    def sample(self, samples: Samples) -> None:
        proc = Path(f"/proc/{self.process.pid}")
        with contextlib.suppress(OSError, IndexError, ValueError):
            pages = int((proc / "statm").read_text().split()[1])
            samples.memory_kb.append(pages * os.sysconf("SC_PAGE_SIZE") // 1024)
            samples.descriptors.append(len(list((proc / "fd").iterdir())))

    def read_told(self, samples: Samples) -> None:
        for line in self.told.read_text().splitlines():
            with contextlib.suppress(ValueError):  # the last one may be half a line
                told = json.loads(line)
                samples.messages += told["messages"]
                samples.p50_us.append(told["p50_us"])
                samples.p99_us.append(told["p99_us"])


class Soak:
    def __init__(self, options: argparse.Namespace, seed: int) -> None:
        self.player = str(options.player)
        self.out = options.out
        self.roll = random.Random(seed)
        self.time = LivedTime()
        self.seconds = options.hours * 3600
        self.is_over = False
        self.wrong: list[str] = []
        self.done: dict[str, int] = {}
        names = self.out / "names"
        names.mkdir(parents=True, exist_ok=True)
        self.disk = Disk(names)
        self.environment = {**os.environ, "RINGBELL_DIR": str(names / "rings")}
        self.quota = Quota()
        self.watched = {ring: Player(self, ring, does) for ring, (does, _) in RINGS.items()}
        self.mortal = [Player(self, ring, does)
                       for ring, (_, others) in RINGS.items() for does in others]
        self.samples = {ring: Samples() for ring in RINGS}

    def count(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1

    # Each of these takes a moment, and leaves things as they were.

    def kill(self) -> None:
        player = self.roll.choice(self.mortal)
        player.process.kill()
        player.judge_end(-signal.SIGKILL)
        player.start()

    def end_in_order(self) -> None:
        player = self.roll.choice(self.mortal)
        player.process.terminate()
        player.judge_end(0, -signal.SIGTERM)  # which may come before it has its handler
        player.start()

    def stop(self) -> None:
        player = self.roll.choice([*self.mortal, *self.watched.values()])
        player.process.send_signal(signal.SIGSTOP)
        time.sleep(self.roll.uniform(0.05, 1.5))
        player.process.send_signal(signal.SIGCONT)

    def interrupt(self) -> None:
        for player in self.watched.values():
            player.process.send_signal(signal.SIGUSR1)

    def lag(self) -> None:
        player = self.roll.choice([*self.mortal, *self.watched.values()])
        if player.has_handlers():
            player.process.send_signal(signal.SIGUSR2)

    def fill_disk(self) -> None:
        if self.disk.is_own:
            self.disk.fill(self.roll.uniform(0.1, 1))

    def change_quota(self) -> None:
        self.quota.change(self.roll.choice([self.quota.most, self.quota.most, 0.5, 0.9]))

    def disturb(self) -> None:
        deeds = {"kills": self.kill, "ends in order": self.end_in_order, "stops": self.stop,
                 "laggards": self.lag, "rounds of signals": self.interrupt,
                 "full disks": self.fill_disk, "changes of the quota": self.change_quota}
        what = self.roll.choices(list(deeds), [8, 4, 4, 2, 2, 1, 1])[0]
        deeds[what]()
        self.count(what)

    def look(self) -> None:
        for ring, player in self.watched.items():
            player.sample(self.samples[ring])
        for player in [*self.watched.values(), *self.mortal]:
            if player.process.poll() is not None:
                player.judge_end()
                player.start()

    def finish(self) -> None:
        self.quota.change(self.quota.most)
        players = [*self.mortal, *self.watched.values()]
        for player in players:
            player.process.terminate()
        for player in players:
            player.judge_end(0, -signal.SIGTERM)
        self.quota.remove()
        for ring, samples in self.samples.items():
            self.watched[ring].read_told(samples)
            self.wrong += [f"{ring}: {drift}" for drift in drifts(samples)]
            if self.watched[ring].does == "reads" and samples.messages == 0:
                self.wrong.append(f"{ring}: no message came")
        if not self.disk.is_own:
            self.done["full disks (no file system could be mounted)"] = 0
        if not self.quota.is_there:
            self.done["changes of the quota (no control group could be made)"] = 0

    def measure_time(self) -> None:
        while not self.is_over:
            self.time.passed()
            time.sleep(0.1)

    def run(self) -> None:
        for player in self.watched.values():
            player.await_ring()
        threading.Thread(target=self.measure_time, daemon=True).start()
        next_look = 1.0
        while not self.is_over and len(self.wrong) < 20 and self.time.lived < self.seconds:
            self.disturb()
            if self.time.lived >= next_look:
                self.look()
                next_look = self.time.lived + 0.5
            time.sleep(self.roll.uniform(0.05, 0.4))
        self.is_over = True
        self.finish()


# --- the campaigns that there are ----------------------------------------------------------------

def campaign(command: list, environment: dict[str, str]) -> tuple[int, str, float]:
    """Exit status, what it said, and for how long all stood still meanwhile."""
    time_here = LivedTime()
    with tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=said,
                              stderr=subprocess.STDOUT, process_group=0) as process:
            while process.poll() is None:
                time_here.passed()
                time.sleep(0.1)
        said.seek(0)
        return process.returncode, said.read(), time_here.stood_still


def campaigns(options: argparse.Namespace, soak: Soak) -> None:
    """Random kills and random lives, again and again, until the time is up. They have deadlines of
    their own, by the clock: one that failed when all stood still says nothing.
    """
    commands = []
    if options.crash:
        commands.append(("campaigns of kills", [options.crash, "--gtest_filter=Random*",
                                                "--gtest_brief=1"]))
    if options.command:
        commands.append(("campaigns of streams", [sys.executable, "-B",
                                                  ROOT / "tests/tools/stream_lives_test.py"]))
    # How long a survivor takes says nothing while it is stopped beside all the others.
    environment = {**os.environ, "RINGBELL_CRASH_KILLS": "300", "RINGBELL_EMULATED": "1",
                   "RINGBELL_PROGRAM": str(options.command)}
    while commands and not soak.is_over:
        for what, command in commands:
            status, said, stood_still_s = campaign(command, environment)
            if status != 0 and stood_still_s:
                soak.count(f"{what} that were frozen and failed")
                continue
            soak.count(what)
            if status != 0:
                log = soak.out / f"campaign-{what.split()[-1]}-{soak.done[what]}.log"
                log.write_text(said)
                failed = [line for line in said.splitlines() if "FAILED" in line or "FAIL:" in line]
                soak.wrong.append(f"{what}: {'; '.join(failed[:3])} (see {log})")


def main() -> int:
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    parser.add_argument("hours", type=float)
    for name in ("--player", "--crash", "--command"):
        parser.add_argument(name, type=lambda text: Path(text).resolve(strict=True))
    parser.add_argument("--out", type=lambda text: Path(text).resolve(),
                        default=ROOT / "build/soak")
    options = parser.parse_args()
    if options.player is None or not 0 < options.hours < 10_000:
        parser.error("a positive number of hours is wanted, and --player")
    options.out.mkdir(parents=True, exist_ok=True)
    seed = int(os.environ.get("RINGBELL_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}", flush=True)
    soak = Soak(options, seed)
    for ends in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ends, lambda *_: setattr(soak, "is_over", True))
    beside = threading.Thread(target=campaigns, args=[options, soak])
    beside.start()
    soak.run()
    beside.join()
    text = page(soak.time.lived / 3600, soak.samples, soak.done, soak.wrong, soak.time.stood_still)
    (options.out / "soak.md").write_text(text)
    print(text, end="")
    return 1 if soak.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
