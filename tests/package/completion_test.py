#!/usr/bin/python3
"""The completions, in the shells that they are for: each command and option of the program is
offered by a zsh at a terminal, and by fish."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "tools"))

from command_line import PROGRAM  # noqa: E402  # pylint: disable=wrong-import-position
from manual_test import commands, help_of, options_in  # noqa: E402  # pylint: disable=C0413

COMPLETION = ROOT / "tools" / "completion"
PATIENCE_S = 60
ZSHRC = """fpath=({folder} $fpath)
autoload -U compinit && compinit -D -u
unset zle_bracketed_paste
LISTMAX=0 PS1='ready> '
"""


class Terminal:
    """A zsh that takes its input from a terminal, which is large enough to list everything."""

    def __init__(self, folder: Path, path: str):
        (folder / ".zshrc").write_text(ZSHRC.format(folder=COMPLETION), encoding="utf-8")
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 500, 200, 0, 0))
        self.shell = subprocess.Popen(
            ["zsh", "-d", "-i"], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={"ZDOTDIR": str(folder), "HOME": str(folder), "TERM": "vt100", "PATH": path})
        os.close(slave)
        self.read_until("ready> ")

    def close(self) -> None:
        self.shell.kill()
        self.shell.wait()
        os.close(self.master)

    def read_until(self, said: str) -> str:
        """What is said until this pattern is in it, without what moves the cursor."""
        text, deadline = "", time.monotonic() + PATIENCE_S
        while not re.search(said, text, re.DOTALL):
            ready = select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]
            if not ready:
                raise AssertionError(f"zsh does not say {said!r}: {text!r}")
            text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[\0\a]", "",
                           os.read(self.master, 65536).decode())
        return text

    def after_tab(self, line: str) -> str:
        os.write(self.master, line.encode() + b"\t")
        # Another widget of the line editor, whose turn comes after the completion's.
        os.write(self.master, b"\x15echo complete-$((40 + 2))\n")
        return self.read_until(r"complete-42.*ready> ")


class Completions(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "ringbell").symlink_to(Path(PROGRAM).resolve())
        self.path = f"{self.folder}:{os.environ['PATH']}"

    def expect_all(self, wanted: set[str], text: str, what: str) -> None:
        offered = set(re.findall(r"(?<![\w-])[a-z-]+", text))
        self.assertLessEqual(wanted, offered, what)

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh_offers_every_command_and_option(self) -> None:
        shell = Terminal(self.folder, self.path)
        self.addCleanup(shell.close)
        self.expect_all(set(commands()), shell.after_tab("ringbell "), "commands")
        self.assertIn("ringbell inspect", shell.after_tab("ringbell insp"))
        for name in commands():
            shown = shell.after_tab(f"ringbell {name} --")
            self.expect_all(options_in(help_of(name)), shown, name)
            self.assertNotIn("_arguments:", shown)

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish_offers_every_command_and_option(self) -> None:
        self.assertEqual(self.fish("ringbell "), set(commands()))
        self.assertEqual(self.fish("ringbell insp"), {"inspect"})
        for name in commands():
            self.assertEqual(self.fish(f"ringbell {name} --"), options_in(help_of(name)), name)
        for kind in commands("bench"):
            self.assertEqual(self.fish(f"ringbell bench {kind} --"),
                             options_in(help_of("bench", kind)), kind)
        self.assertEqual(self.fish("ringbell bench "), set(commands("bench")))

    def fish(self, line: str) -> set[str]:
        script = f"source {COMPLETION / 'ringbell.fish'}; complete --do-complete='{line}'"
        ended = subprocess.run(
            ["fish", "--no-config", "-c", script], text=True, capture_output=True, check=True,
            timeout=PATIENCE_S, cwd=self.folder, env={"HOME": str(self.folder), "PATH": self.path})
        self.assertEqual(ended.stderr, "")
        return {offer.split("\t")[0] for offer in ended.stdout.splitlines()}


if __name__ == "__main__":
    unittest.main()
