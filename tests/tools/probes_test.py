#!/usr/bin/python3
"""The probes for tracers: they are there, each costs one nop, and what is written of them is so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

from command_line import BINARY, EMULATED, LIBRARY, not_emulated

ROOT = Path(__file__).resolve().parents[2]
X86_64 = os.uname().machine == "x86_64" and not EMULATED
OBJDUMP = "aarch64-linux-gnu-objdump" if EMULATED else "objdump"
PROBED = LIBRARY if LIBRARY.exists() else Path(BINARY)  # where the library's code is
HEADER = [Path("/usr/include/sys/sdt.h"), *Path("/usr/include").glob("*/sys/sdt.h")]


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


class Probe:
    """One place in the program's code."""

    def __init__(self, note: re.Match[str]) -> None:
        self.name = note["name"]
        self.location = int(note["location"], 16)
        self.semaphore = int(note["semaphore"], 16)
        self.arguments = re.findall(r"-?\d+@", note["arguments"])  # size, then where it stands


def probes() -> list[Probe]:
    """Those of this project."""
    found = re.finditer(
        r"Provider: ringbell\n\s+Name: (?P<name>\w+)\n\s+Location: (?P<location>0x\w+), "
        r"Base: 0x\w+, Semaphore: (?P<semaphore>0x\w+)\n\s+Arguments:(?P<arguments>.*)",
        run("readelf", "--notes", "--wide", PROBED))
    return [Probe(note) for note in found]


def documented() -> dict[str, int]:
    """Name and number of arguments, as docs/operations.md has them."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| `(\w+)` \| ([^|]*) \|", text.split("## Probes")[1])
    return {name: arguments.count("`") // 2 for name, arguments in rows}


class Probes(unittest.TestCase):
    def setUp(self) -> None:
        if not any(path.exists() for path in HEADER):
            self.skipTest("sys/sdt.h is not there: apt-get install systemtap-sdt-dev")
        for tool in ["readelf", OBJDUMP]:
            if shutil.which(tool) is None:
                self.skipTest(f"{tool} is not installed")

    def test_each_is_documented_with_its_arguments_and_no_other(self) -> None:
        self.assertEqual({probe.name: len(probe.arguments) for probe in probes()}, documented())

    def test_each_is_one_nop_and_has_no_semaphore(self) -> None:
        for probe in probes():
            code = run(OBJDUMP, "--disassemble", "--no-show-raw-insn",
                       f"--start-address={probe.location}",
                       f"--stop-address={probe.location + 16}", PROBED)
            instructions = re.findall(r"(?m)^\s+([0-9a-f]+):\s+(\w+)", code)
            self.assertEqual(instructions[0], (f"{probe.location:x}", "nop"), probe.name)
            length = int(instructions[1][0], 16) - probe.location
            self.assertEqual(length, 1 if X86_64 else 4, probe.name)
            self.assertEqual(probe.semaphore, 0, probe.name)

    def test_scripts_watch_probes_and_arguments_that_there_are(self) -> None:
        known = documented()
        scripts = sorted((ROOT / "tools" / "probes").glob("*.bt"))
        self.assertEqual([path.name for path in scripts], ["sleepers.bt", "wake_latency.bt"])
        for script in scripts:
            text = script.read_text(encoding="utf-8")
            used = re.findall(r"(?ms)^usdt:([^:\n]+):ringbell:(\w+)$(.*?)^}", text)
            self.assertTrue(used)
            for file, name, body in used:
                if LIBRARY.exists():
                    self.assertEqual(file, f"/usr/lib/{LIBRARY.readlink()}", script.name)
                self.assertIn(name, known, script.name)
                for argument in re.findall(r"\barg(\d)", body):
                    self.assertLess(int(argument), known[name], f"{script.name}: {name}")

    @not_emulated("bpftrace traces programs of its own architecture")
    def test_bpftrace_compiles_the_scripts_for_the_probes_of_the_program(self) -> None:
        if shutil.which("bpftrace") is None:
            self.skipTest("bpftrace is not installed: apt-get install bpftrace")
        if os.geteuid() != 0:
            self.skipTest("bpftrace runs for root only")
        for script in (ROOT / "tools" / "probes").glob("*.bt"):
            text = re.sub(r"/usr/lib/libringbell[.\w]+", str(PROBED.resolve()),
                          script.read_text(encoding="utf-8"))
            ended = subprocess.run(["bpftrace", "-d", "-e", text], capture_output=True, text=True,
                                   timeout=60, check=False)
            for name in re.findall(r":ringbell:(\w+)", text):
                self.assertRegex(ended.stdout, rf'define i64 @"usdt:[^"]+:ringbell:{name}"',
                                 f"{script.name}: {ended.stderr[-500:]}")


if __name__ == "__main__":
    unittest.main()
