#!/usr/bin/python3
"""The man page and the completions know what the program knows."""

from __future__ import annotations

import re
import shutil
import subprocess
import unittest
from pathlib import Path

from command_line import PROGRAM

TOOLS = Path(__file__).resolve().parents[2] / "tools"
BASH = TOOLS / "completion" / "ringbell.bash"
ZSH = TOOLS / "completion" / "_ringbell"


def help_of(*command: str) -> str:
    return subprocess.run([PROGRAM, *command, "--help"], text=True, capture_output=True,
                          check=True, timeout=60).stdout


def options_in(text: str) -> set[str]:
    return set(re.findall(r"(?m)^ +(?:-\w,)?(--[a-z-]+)", text.split("Examples:")[0]))


def commands() -> list[str]:
    listed = help_of().split("Subcommands:\n")[1].split("\n\n")[0]
    return re.findall(r"^  (\S+)", listed, re.MULTILINE)


class Manual(unittest.TestCase):
    def test_every_command_and_option_is_in_the_man_page(self) -> None:
        page = (TOOLS / "man" / "ringbell.1").read_text(encoding="utf-8").replace("\\-", "-")
        sections = {part.split('"')[0].split()[0]: part
                    for part in page.split('.SS "ringbell ')[1:]}
        self.assertEqual(sorted(sections), sorted(commands()))
        for name in commands():
            text = sections[name]
            shared = sections["send"] if "As of\n.BR send" in text else ""
            known = set(re.findall(r"--[a-z-]+", text))
            self.assertLessEqual(options_in(help_of(name)) - {"--help", "--version"},
                                 known | set(re.findall(r"--[a-z-]+", shared)), name)

    def test_every_exit_status_is_in_the_man_page(self) -> None:
        page = (TOOLS / "man" / "ringbell.1").read_text(encoding="utf-8")
        for status in re.findall(r"(?m)^  (\d)  ", help_of()):
            self.assertIn(f".B {status}\n", page)

    def test_the_man_page_is_well_formed(self) -> None:
        if shutil.which("man") is None:
            self.skipTest("man is not installed")
        ended = subprocess.run(["man", "--warnings", "-l", TOOLS / "man" / "ringbell.1"],
                               capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))


class Completion(unittest.TestCase):
    def complete(self, *words: str) -> set[str]:
        script = f'''source {BASH}; COMP_WORDS=({" ".join(f"'{w}'" for w in words)})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _ringbell; printf "%s\\n" "${{COMPREPLY[@]}}"'''
        ended = subprocess.run(["bash", "-c", script], text=True, capture_output=True, check=True,
                               timeout=60)
        self.assertEqual(ended.stderr, "")
        return set(ended.stdout.split())

    def test_bash_completes_every_command(self) -> None:
        self.assertEqual(self.complete("ringbell", ""), set(commands()) | {"--help", "--version"})
        self.assertEqual(self.complete("ringbell", "se"), {"send"})

    def test_bash_completes_every_option(self) -> None:
        for name in commands():
            self.assertEqual(self.complete("ringbell", name, "--"),
                             options_in(help_of(name)) | {"--help"}, name)

    def test_zsh_knows_every_command_and_option(self) -> None:
        text = ZSH.read_text(encoding="utf-8")
        for name in commands():
            self.assertRegex(text, rf"['\"]{name}:", name)
            branch = re.search(rf"(?ms)^    {name}\)(.*?);;", text)
            self.assertIsNotNone(branch, name)
            assert branch is not None
            stream = text.split("stream=(")[1].split("\n  )")[0]
            known = branch.group(1) + (stream if "$stream" in branch.group(1) else "")
            for option in options_in(help_of(name)):
                self.assertIn(option, known, name)

    def test_zsh_accepts_it(self) -> None:
        if shutil.which("zsh") is None:
            self.skipTest("zsh is not installed")
        subprocess.run(["zsh", "-n", ZSH], check=True, timeout=60)


if __name__ == "__main__":
    unittest.main()
