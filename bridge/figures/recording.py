#!/usr/bin/python3
"""How fast `ringbell record` writes beside dd on the same disk, and how punctual a replay is.

usage: recording.py BUILD [--folder DIR] [--mebibytes N] [--rounds N] [--into PAGE]

The folder is on the disk that is measured (the current one). Both writers sync at the end, which
is in the time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "record"))

from page import print_into  # noqa: E402
from recordings import CHANNEL, file_header, packet  # noqa: E402

SIZES = (64, 1024, 65_536)
GAP_NS = 1_000_000
MESSAGES = 5000


class Measurement:
    def __init__(self, build: Path, folder: Path) -> None:
        self.ringbell = build / "tools" / "ringbell"
        self.rings = build / "bridge" / "ringbell-bridge-rings"
        self.folder = folder
        self.environment = {**os.environ, "RINGBELL_DIR": str(folder / "names")}

    def start(self, *command: str | Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE)

    def synced(self, path: Path, begin: float) -> float:
        """MiB/s of a file that was just written."""
        descriptor = os.open(path, os.O_WRONLY)
        os.fdatasync(descriptor)
        took = time.monotonic() - begin
        size = os.fstat(descriptor).st_size
        os.close(descriptor)
        path.unlink()
        return size / took / (1 << 20)

    def dd(self, mebibytes: int) -> float:
        path = self.folder / "dd"
        begin = time.monotonic()
        subprocess.run(["dd", "if=/dev/zero", f"of={path}", "bs=256K", f"count={mebibytes * 4}",
                        "status=none"], check=True)
        return self.synced(path, begin)

    def record(self, mebibytes: int, size: int) -> float:
        path = self.folder / "recording.pcap"
        count = (mebibytes << 20) // size
        recording = self.start(self.ringbell, "record", "ring", "-o", path)
        begin = time.monotonic()
        sending = self.start(self.rings, "send", "ring", str(count), str(size))
        statuses = recording.wait(600), sending.wait(600)
        rate = self.synced(path, begin)
        if statuses != (0, 0):
            raise SystemExit(f"recordings: failed with {statuses}")
        return rate

    def replay_errors_us(self) -> list[float]:
        """How much later than the earliest each message came, beside its time in the file."""
        path = self.folder / "timed.pcap"
        path.write_bytes(b"".join([
            file_header(), packet(1, 1, CHANNEL + b"ring"),
            *(packet(2, 1, struct.pack("<Q", n), n * GAP_NS) for n in range(MESSAGES)),
            packet(4, 1, struct.pack("<QQ", MESSAGES, 8 * MESSAGES))]))
        times = self.folder / "times"
        with times.open("wb") as file:  # which takes all while the replay is still waited for
            receiving = subprocess.Popen([self.rings, "times", "again", str(MESSAGES)],
                                         env=self.environment, stdout=file)
        subprocess.run([self.ringbell, "replay", path, "again"], env=self.environment, check=True)
        receiving.wait(60)
        came = [int(ns) for ns in times.read_text(encoding="utf-8").split()]
        late = [at - n * GAP_NS for n, at in enumerate(came)]
        return [(each - min(late)) / 1000 for each in late]


def measure(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        measurement = Measurement(options.build.resolve(), Path(folder).resolve())
        rates: dict[str, list[float]] = {}
        for _ in range(options.rounds):
            rates.setdefault("`dd bs=256K`", []).append(measurement.dd(options.mebibytes))
            for size in SIZES:
                rates.setdefault(f"`ringbell record`, messages of {size} bytes", []).append(
                    measurement.record(options.mebibytes, size))
        errors = sorted(measurement.replay_errors_us())
    base = statistics.median(rates["`dd bs=256K`"])
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, {options.mebibytes} MiB, "
          f"median of {options.rounds}:\n\n| | MiB/s of the file | beside dd |\n"
          "| --- | ---: | ---: |")
    for name, values in rates.items():
        print(f"| {name} | {statistics.median(values):,.0f} "
              f"| {statistics.median(values) / base:.2f} x |")
    print(f"\nReplay, {MESSAGES} messages {GAP_NS / 1e6:g} ms apart, behind the earliest: "
          f"p50 {errors[len(errors) // 2]:.1f} us, p99 {errors[len(errors) * 99 // 100]:.1f} us, "
          f"most {errors[-1]:.1f} us.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--into", type=Path)
    options = parser.parse_args()
    print_into(options.into, "./dev record", lambda: measure(options))


if __name__ == "__main__":
    main()
