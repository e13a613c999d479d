"""The recipes of packaging/ are well formed, and what they name exists: neither Conan nor vcpkg is
in Debian, so they are read and not run."""

import ast
import json
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PORT = (ROOT / "packaging/vcpkg/portfile.cmake").read_text(encoding="utf-8")
MANIFEST = json.loads((ROOT / "packaging/vcpkg/vcpkg.json").read_text(encoding="utf-8"))
CONAN = (ROOT / "packaging/conan/conanfile.py").read_text(encoding="utf-8")
VERSION = ".".join(re.findall(r"^#define RINGBELL_VERSION_[A-Z]+ (\d+)$", (
    ROOT / "transport/base/version.h").read_text(encoding="utf-8"), re.MULTILINE))
# What the library itself looks for, by the names of the package managers.
NEEDED = {"fmt", "tl-expected", "liburing"}


def options_of_cmake():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return set(re.findall(r"^\s*option\((\w+)", text, re.MULTILINE))


class Recipes(unittest.TestCase):
    def test_the_port_has_the_library_s_version_and_dependencies(self):
        self.assertEqual(MANIFEST["version"], VERSION)
        named = {d for d in MANIFEST["dependencies"] if isinstance(d, str)}
        self.assertEqual(named, NEEDED)

    def test_the_port_sets_options_that_exist(self):
        named = set(re.findall(r"-D(\w+)=", PORT))
        self.assertGreater(len(named), 3)
        self.assertLessEqual(named, options_of_cmake())

    def test_the_recipe_of_conan_is_a_class_with_the_same_dependencies(self):
        recipe, = [node for node in ast.parse(CONAN).body if isinstance(node, ast.ClassDef)]
        values = {node.targets[0].id: node.value for node in recipe.body
                  if isinstance(node, ast.Assign)}
        required = ast.literal_eval(values["requires"])
        self.assertEqual({name.split("/")[0] for name in required}, NEEDED)
        self.assertIn("set_version", {node.name for node in recipe.body
                                      if isinstance(node, ast.FunctionDef)})
        parts = re.search(r"for part in (\[.*\]):", CONAN)
        for part in [*ast.literal_eval(parts[1]), "SHARED"]:
            self.assertIn(f"RINGBELL_BUILD_{part}", options_of_cmake())

    def test_both_name_what_the_library_looks_for(self):
        text = (ROOT / "transport/CMakeLists.txt").read_text(encoding="utf-8")
        found = set(re.findall(r"find_package\(([\w-]+) REQUIRED", text)) - {"PkgConfig"}
        found |= set(re.findall(r"pkg_check_modules\((\w+) REQUIRED", text))
        self.assertEqual(found, NEEDED)


if __name__ == "__main__":
    unittest.main()
