#!/usr/bin/python3
"""What the documentation shows is true: its code compiles, and the files that it names are there.

A block fenced as ```cpp or ```c is a whole program if it includes something. Otherwise it is the
body of a function which is given what documentation.hpp, or documentation.h, declares."""

import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
SHOWN_TO_USERS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMPILERS = {
    "cpp": ["c++", "-std=c++20", "-Wall", "-Wextra", "-Wno-unused"],
    "c": ["cc", "-std=c11", "-Wpedantic", "-Wall", "-Wextra", "-Wno-unused"],
}


def include_tree(folder):
    """Headers in the shape in which they are installed, as cmake/include_tree.cmake has it."""
    (folder / "ringbell").mkdir()
    for name in ["core", "transport", "capi"]:
        (folder / "ringbell" / name).symlink_to(ROOT / name)
    for name in ["transport/ringbell.hpp", "capi/ringbell.h"]:
        (folder / "ringbell" / Path(name).name).symlink_to(ROOT / name)
    return folder


def blocks(text, language):
    """The code and the line it begins at of each block in this language."""
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield match.group(1), text.count("\n", 0, match.start(1)) + 1


def sources_of(text, language, name):
    """One source for each whole program, and one for all other blocks together."""
    header = {"cpp": "documentation.hpp", "c": "documentation.h"}[language]
    bodies = [f'#include "{HERE / header}"\n']
    for code, line in blocks(text, language):
        origin = f'#line {line} "{name}"\n'
        if "#include" in code:
            yield origin + code
        else:
            bodies.append(f"int block_at_{line}(DOCUMENTED) {{\n{origin}{code}\nreturn 0;\n}}\n")
    if len(bodies) > 1:
        yield "".join(bodies)


def errors_of(text, language, name):
    with tempfile.TemporaryDirectory() as folder:
        tree = include_tree(Path(folder))
        errors = ""
        for source in sources_of(text, language, name):
            command = [*COMPILERS[language], "-Werror", "-fsyntax-only", f"-I{tree}", "-x",
                       {"cpp": "c++"}.get(language, language), "-"]
            errors += subprocess.run(command, input=source, text=True, check=False,
                                     capture_output=True).stderr
    return errors


class Documentation(unittest.TestCase):
    def test_readme_shows_the_example_that_is_run(self) -> None:
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        shown = [code for code, _ in blocks(readme, "cpp") if "#include" in code]
        self.assertEqual(shown, [(ROOT / "examples/hello.cpp").read_text(encoding="utf-8")])

    def test_every_file_that_is_linked_to_is_there(self) -> None:
        for page in SHOWN_TO_USERS:
            text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"),
                          flags=re.DOTALL | re.MULTILINE)
            for link in re.findall(r"\]\(([^)#:]+)[)#]", text):
                self.assertTrue((page.parent / link).exists(), f"{page.name} links to {link}")

    def test_every_block_of_code_compiles(self) -> None:
        seen = 0
        for page in SHOWN_TO_USERS:
            text = page.read_text(encoding="utf-8")
            for language in COMPILERS:
                seen += len(list(blocks(text, language)))
                self.assertEqual("", errors_of(text, language, page.name))
        self.assertGreater(seen, 0)

    def test_a_block_that_does_not_compile_is_noticed(self) -> None:
        self.assertIn("a.md:3:", errors_of("x\n```cpp\nsender.sing();\n```\n", "cpp", "a.md"))
        self.assertIn("a.md:2:", errors_of("```c\nringbell_sing(sender);\n```\n", "c", "a.md"))


if __name__ == "__main__":
    unittest.main()
