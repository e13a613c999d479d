#!/usr/bin/python3
"""The commands of docs/containers.md, run as they stand there: each shows what the page says, and
leaves nothing."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from command_line import PATIENCE_S, PROGRAM, copy_program

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "containers.md"
BUILD = Path(PROGRAM).resolve().parents[1]

# What is printed by the commands of each section; one expression for each block of them.
SHOWS = {
    "A container's memory limit is an Error": [r" of 67108864 \(/sys/fs/cgroup/\S*rb/memory\.", ""],
    "Kernels": [r"\A.*kernel .*", r"\[  PASSED  \] 2 tests"],
    "Pages of 16 and 64 KiB": [r"\[  PASSED  \] \d{2,} tests"],
    "Names on a disk": [r"(?s)/var/tmp/rb on (?!tmpfs).* a disk: .*\nhello\n"],
    "Without O_TMPFILE, without /proc": [r"(?s)/proc.*\nhello\n", r"\[  PASSED  \] 2 tests"],
    "Two namespaces of pids, one folder": [r"\Ahello\n\Z"],
    "Two users, and a third": [
        r"(?s)\A(?=.*Permission denied).*\nfeed +channel .* alive .*\nhello\n.*mode 0660"
        r".*\nmine +channel .*\nhello\n\Z",
        r"\[  PASSED  \] \d{2,} tests",
        r"(?s)\nfeed +channel .* alive .*\nmemory .* /dev/shm/ringbell-61001/feed\.ring"
        r".*\nfeed +channel .*\nhello\n\Z",
    ],
    "A flood of guests": [r"\d+ guests: a good peer was in after [\d.]+ ms at most"],
    "A wait that is ended": [r"130\n\Z"],
    "Signals, at any moment": [r"(?m)^OK"],
}
# The page's pauses are for a machine that does nothing else.
PAUSES = "sleep() { command sleep $((3 * $1)); }\n"
# What takes minutes takes less here; the tests themselves run as long as they do elsewhere.
SHORTER = {"RINGBELL_FLOOD=10000": "RINGBELL_FLOOD=1000",
           "RINGBELL_MOMENTS=50": "RINGBELL_MOMENTS=1"}


def sections() -> dict[str, list[str]]:
    """The blocks of commands below each heading."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"(?m)^## ", PAGE.read_text(encoding="utf-8"))[1:]:
        heading, _, body = part.partition("\n")
        blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", body, re.MULTILINE)
        found[heading] = [re.sub(r"(?m)^    ", "", block).strip("\n") for block in blocks]
    return found


@unittest.skipUnless(os.geteuid() == 0, "the commands are for root")
class Containers(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(dir=BUILD)  # on a disk, as /var/tmp is
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        programs = tempfile.TemporaryDirectory()
        self.addCleanup(programs.cleanup)
        Path(programs.name).chmod(0o755)  # other users run it, too
        copy_program(Path(programs.name) / "ringbell")
        self.path = f"{programs.name}:{os.environ['PATH']}"

    def run_block(self, block: str) -> str:
        """What it prints, in a private /dev/shm and /var/tmp, where it leaves nothing."""
        for long, short in SHORTER.items():
            block = block.replace(long, short)
        block = block.replace("build/release/", f"{BUILD}/").replace("$PWD/", "")
        script = ("mount -t tmpfs -o mode=1777 none /dev/shm && "
                  "mount --bind \"$1\" /var/tmp || exit 99\n"
                  f"{PAUSES}{block}\nwait\nls -A /dev/shm /var/tmp > \"$2\"\n")
        environment = {**os.environ, "PATH": self.path, "RINGBELL_PROGRAM": PROGRAM}
        for name in ("RINGBELL_DIR", "XDG_RUNTIME_DIR"):
            environment.pop(name, None)
        disk = self.folder / "disk"
        disk.mkdir(mode=0o777, exist_ok=True)
        left = self.folder / "left"
        ended = subprocess.run(["unshare", "--mount", "bash", "-c", script, "bash", disk, left],
                               env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                               timeout=4 * PATIENCE_S)
        if ended.returncode == 99:
            self.skipTest(f"nothing can be mounted here: {ended.stdout}")
        self.assertEqual(left.read_text(encoding="utf-8"), "/dev/shm:\n\n/var/tmp:\n", ended.stdout)
        return ended.stdout

    def show(self, heading: str, blocks: list[str] | None = None) -> None:
        blocks = sections()[heading] if blocks is None else blocks
        self.assertEqual(len(blocks), len(SHOWS[heading]))
        for block, shown in zip(blocks, SHOWS[heading]):
            if shown:
                self.assertRegex(self.run_block(block), shown, block)

    def test_every_section_is_run(self) -> None:
        self.assertEqual(list(sections()), list(SHOWS))

    def test_a_memory_limit(self) -> None:
        heading = "A container's memory limit is an Error"
        commands, first_of_version_1 = sections()[heading]
        if Path("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists():
            commands = "\n".join([first_of_version_1, *commands.splitlines()[1:]])
        group = re.match(r"group=([^;]+);", commands)
        assert group is not None
        self.show(heading, [commands, first_of_version_1])
        self.assertFalse(Path(group[1]).exists())

    def test_kernels(self) -> None:
        self.needs("tests/test_transport")
        self.show("Kernels")

    def test_pages(self) -> None:
        self.needs("tests/libpage_shim.so", "tests/test_transport")
        self.show("Pages of 16 and 64 KiB")

    def test_names(self) -> None:
        self.needs("tests/test_transport")
        for heading in ("Names on a disk", "Without O_TMPFILE, without /proc",
                        "Two namespaces of pids, one folder"):
            with self.subTest(heading):
                self.show(heading)

    def test_users(self) -> None:
        self.needs("tests/test_transport")
        self.show("Two users, and a third")

    def test_a_flood(self) -> None:
        self.needs("tests/test_transport")
        self.show("A flood of guests")

    def test_signals(self) -> None:
        for heading in ("A wait that is ended", "Signals, at any moment"):
            with self.subTest(heading):
                self.show(heading)

    def needs(self, *files: str) -> None:
        for file in files:
            if not (BUILD / file).exists():
                self.skipTest(f"{BUILD / file} is not built")


if __name__ == "__main__":
    unittest.main()
