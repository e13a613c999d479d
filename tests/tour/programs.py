"""The programs of docs/tour.md. Run as a script: one C++ program of all of them, which runs the one
that its argument names, `channel-1`."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOUR = ROOT / "docs/tour.md"


def programs_in(text, language):
    """The code and its first line, by name: the pattern's, and which of its two it is."""
    found = {}
    for section in re.finditer(r"^## (\w+): .*?(?=^## |\Z)", text, re.DOTALL | re.MULTILINE):
        blocks = re.finditer(rf"^```{language}\n(.*?)^```$", section[0], re.DOTALL | re.MULTILINE)
        for number, block in enumerate(blocks, 1):
            line = text.count("\n", 0, section.start() + block.start(1)) + 1
            found[f"{section[1].lower()}-{number}"] = (block[1], line)
    return found


def source_of(text):
    lines = ["#include <cmath>", "#include <cstdio>", "#include <string_view>", "",
             '#include "tests/structure/documentation.hpp"', ""]
    programs = programs_in(text, "cpp")
    for name, (code, line) in programs.items():
        lines += [f"static void {name.replace('-', '_')}() {{", f'#line {line} "{TOUR}"', code, "}"]
    lines += ["int main(int count, char** arguments) {",
              '  const std::string_view wanted = count > 1 ? arguments[1] : "";']
    lines += [f'  if (wanted == "{name}") return {name.replace("-", "_")}(), 0;'
              for name in programs]
    return "\n".join([*lines, "  return 2;", "}", ""])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(source_of(TOUR.read_text(encoding="utf-8")), encoding="utf-8")
