"""Each system call fails once, with each errno that it can have: what becomes of that?

usage: faults.py SUBJECT RINGBELL [--only TEXT] [--sample N]

Every kind of end (subject.cpp) and every subcommand (commands.py) run under strace, which makes one
occurrence of one call fail. Judged: it ends by itself in time and by no signal, with status 0 only
if all went through; the process that it works with learns of it; nothing is left; the same process
succeeds at its next try.
"""

import argparse
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bridges import bridge_cases, server_for
from case import PATIENCE_S, Case
from commands import command_cases

REFUSED = 10  # of the subject: an Error, and all is well


class End(Case):
    """A kind of end: the subject judges itself. It stops itself before it begins, for strace."""

    begin = None

    def __init__(self, program, kind):
        super().__init__(kind, lambda _: [program, kind])

    def strace(self, folder, *options):
        subject = subprocess.Popen(
            self.command(folder), cwd=folder,
            env={**os.environ, "RINGBELL_DIR": str(folder / "names")}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
            start_new_session=True)
        os.waitid(os.P_PID, subject.pid, os.WSTOPPED | os.WNOWAIT)
        with subprocess.Popen(["strace", "-f", "-qq", "-p", str(subject.pid), *options],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as tracer:
            status = Path(f"/proc/{subject.pid}/status")
            while re.search(r"^TracerPid:\t0$", status.read_text(), re.MULTILINE):
                if tracer.poll() is not None:
                    raise SystemExit("faults: strace may not attach here")
                time.sleep(0.001)
            os.kill(subject.pid, signal.SIGCONT)
            # Its first try is over, or it has ended; the next one is without strace.
            if not select.select([subject.stdout], [], [], PATIENCE_S)[0]:
                os.killpg(subject.pid, signal.SIGKILL)
            tracer.terminate()
        return subject

    def faults(self):
        """A loop's thread ends by one poll and write of an eventfd with room: neither can fail."""
        return [fault for fault in super().faults()
                if self.name != "event-loop" or fault.call not in ("poll", "write")]

    def judge(self, folder, status):
        meaning = {20: "wrong data", 21: "the next try fails too", 22: "descriptors are left",
                   23: "threads are left", 24: "names are left", 25: "its child hangs",
                   26: "mappings are left", 27: "it waits for a child that is gone"}
        if status in (0, REFUSED):
            return None
        return meaning.get(status, f"status {status}")


def cases(subject, ringbell, with_nats):
    kinds = subprocess.run([subject], capture_output=True, text=True, check=False).stdout.split()
    made = [End(subject, kind) for kind in kinds]
    return made + command_cases(ringbell) + bridge_cases(ringbell, with_nats)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subject", type=Path)
    parser.add_argument("ringbell", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--sample", type=int, default=0)
    asked = parser.parse_args()
    if shutil.which("strace") is None:
        raise SystemExit("faults: strace is not installed")
    all_cases = cases(str(asked.subject.resolve()), str(asked.ringbell.resolve()),
                      "bridge" in asked.only)
    chosen = [case for case in all_cases if asked.only in case.name]
    with server_for(chosen), ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = [fault for found in pool.map(lambda case: list(case.faults()), chosen)
                  for fault in found]
        if asked.sample and len(faults) > asked.sample:
            faults = [faults[i * len(faults) // asked.sample] for i in range(asked.sample)]
        found = 0
        for fault, wrong in zip(faults, pool.map(lambda f: f.case.try_fault(f), faults)):
            if wrong:
                found += 1
                print(f"{fault.case.name}: {fault.call} number {fault.number} fails with "
                      f"{fault.errno}: {wrong}", flush=True)
    print(f"{len(faults)} calls failed, {found} of them badly")
    return 1 if found or not faults else 0


if __name__ == "__main__":
    sys.exit(main())
