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


def commands(*below: str) -> list[str]:
    """The subcommands of `ringbell`, or of one of its commands."""
    listed = help_of(*below).split("Subcommands:\n")[1].split("\n\n")[0]
    return re.findall(r"^  (\S+)", listed, re.MULTILINE)


def all_options_of(name: str) -> set[str]:
    """Of the command and of what stands below it."""
    text = help_of(name)
    below = commands(name) if "Subcommands:\n" in text else []
    return options_in(text).union(*(options_in(help_of(name, kind)) for kind in below))


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
            self.assertLessEqual(all_options_of(name) - {"--help", "--version"},
                                 known | set(re.findall(r"--[a-z-]+", shared)), name)

    def test_every_kind_of_benchmark_is_in_the_man_page(self) -> None:
        page = (TOOLS / "man" / "ringbell.1").read_text(encoding="utf-8").replace("\\-", "-")
        for kind in commands("bench"):
            self.assertIn(f".B {kind}\n", page)

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

    def test_bash_completes_every_kind_of_benchmark_and_its_options(self) -> None:
        self.assertEqual(self.complete("ringbell", "bench", ""), set(commands("bench")))
        for kind in commands("bench"):
            self.assertEqual(self.complete("ringbell", "bench", kind, "--"),
                             options_in(help_of("bench", kind)), kind)

    def test_zsh_knows_every_command_and_option(self) -> None:
        text = ZSH.read_text(encoding="utf-8")
        for name in commands():
            self.assertRegex(text, rf"['\"]{name}:", name)
            branch = re.search(rf"(?ms)^    {name}\)(.*?);;", text)
            self.assertIsNotNone(branch, name)
            assert branch is not None
            stream = text.split("stream=(")[1].split("\n  )")[0]
            known = branch.group(1) + (stream if "$stream" in branch.group(1) else "")
            if "$bench" in known:
                known += text.split("bench=(")[1].split("\n  )")[0]
            for option in all_options_of(name):
                self.assertIn(option, known, name)
            for kind in commands("bench") if name == "bench" else ():
                self.assertIn(kind, known)

    def test_zsh_accepts_it(self) -> None:
        if shutil.which("zsh") is None:
            self.skipTest("zsh is not installed")
        subprocess.run(["zsh", "-n", ZSH], check=True, timeout=60)


if __name__ == "__main__":
    unittest.main()
