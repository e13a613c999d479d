#!/usr/bin/python3
"""The code that README.md shows is the example that the tests compile and run."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Readme(unittest.TestCase):
    def test_the_embedding_example_is_the_one_that_is_compiled(self) -> None:
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        shown = re.findall(r"```cpp\n(.*?)```", readme, re.DOTALL)
        self.assertEqual(shown, [(ROOT / "examples/hello.cpp").read_text(encoding="utf-8")])

    def test_every_file_that_it_links_to_is_there(self) -> None:
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#:]+)\)", readme):
            self.assertTrue((ROOT / link).exists(), f"README.md links to {link}")


if __name__ == "__main__":
    unittest.main()
