"""The faults of tests/mutants: each has its place in the source, and the machinery is right."""

import contextlib
import io
import os
import re
import stat
import tempfile
import unittest
import unittest.mock
from pathlib import Path

import mutants
import places


def fault(number, place, wrong, file="a.cpp"):
    entry = {"promise": "p", "file": file, "place": place, "fault": wrong, "tests": ["x y"]}
    return places.Fault(number, entry, "list.toml")


class PlacesTest(unittest.TestCase):
    def test_every_fault_has_its_place_in_the_source(self) -> None:
        faults = places.load()
        self.assertGreaterEqual(len(faults), 120)
        self.assertEqual(places.problems(faults), [])

    def test_every_test_that_is_named_is_there(self) -> None:
        sources = "\n".join(path.read_text(encoding="utf-8")
                            for path in places.ROOT.glob("tests/*/*_test.cpp"))
        suites = set(re.findall(r"TEST(?:_F|_P)?\((\w+)", sources))
        suites |= set(re.findall(r"SUITE\((\w+)", sources))
        for each in places.load():
            for entry in each.tests:
                kind, name = entry.split(" ", 1)
                if kind == "capi" and name.isidentifier():
                    self.assertTrue((places.ROOT / f"tests/capi/{name}.c").is_file(), entry)
                elif name.split()[0].endswith(".py"):
                    script, *tests = name.split()
                    text = (places.ROOT / f"tests/{kind}/{script}").read_text(encoding="utf-8")
                    for test in tests:
                        self.assertIn(f"{test.split('.')[-1]}(", text, entry)
                else:
                    self.assertIn(name.split(".")[0].split("/")[0].strip("*"), suites, entry)

    def test_an_expression_stands_behind_its_number(self) -> None:
        text = "int f() { return a + b; }\n"
        wrong = fault(7, "return «a + b»;", "a")
        self.assertEqual(places.switched(text, [wrong]), f"int f() {{ return (::ringbell_fault("
                         f"{wrong.key}) ? (a) : (a + b)); }}\n")

    def test_a_statement_stands_behind_its_number(self) -> None:
        wrong = fault(3, "«g();»", "")
        self.assertEqual(places.switched("f(); g();\n", [wrong]),
                         f"f(); if (::ringbell_fault({wrong.key})) {{  }} else {{ g(); }}\n")

    def test_one_place_may_have_several_faults(self) -> None:
        both = [fault(1, "x < «y»;", "y + 1"), fault(2, "x < «y»;", "0")]
        self.assertEqual(
            places.switched("x < y;", both),
            f"x < (::ringbell_fault({both[0].key}) ? (y + 1) : "
            f"::ringbell_fault({both[1].key}) ? (0) : (y));")

    def test_layout_does_not_matter(self) -> None:
        self.assertIn("? (true)", places.switched(
            "if (a &&\n      b) {\n", [fault(1, "if («a && b») {", "true")]))

    def test_what_does_not_compile_is_told(self) -> None:
        for place, wrong in (("f(«1»);", ""), ("f(«1»);", "g();"), ("«f(1);»", "false")):
            with self.assertRaises(ValueError):
                places.switched("f(1);\n", [fault(1, place, wrong)])

    def test_a_key_stays_with_its_fault_and_is_no_other_faults(self) -> None:
        self.assertEqual(fault(1, "f(«1»);", "2").key, fault(8, "f(«1»);", "2").key)
        self.assertNotEqual(fault(1, "f(«1»);", "2").key, fault(1, "f(«1»);", "3").key)
        self.assertEqual(len(places.doubles([fault(1, "f(«1»);", "2"), fault(2, "f(«1»);", "2")])),
                         1)

    def test_a_place_that_is_gone_or_there_twice_is_told(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "a.cpp").write_text("f(1);\ng();\ng();\n", encoding="utf-8")
            found = places.problems(
                [fault(1, "f(«2»);", "3"), fault(2, "«g();»", ""), fault(3, "x", "y", "b.cpp"),
                 fault(4, "f(«1»);", "2"), fault(5, "«f(1);»", "")], Path(folder))
        self.assertEqual(len(found), 4)
        self.assertIn("a.cpp has 0 times: f(«2»);", found[0])
        self.assertIn("a.cpp has 2 times: «g();»", found[1])
        self.assertIn("overlaps another fault", found[2])
        self.assertIn("there is no b.cpp", found[3])

    def test_a_fault_has_every_field(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "a.toml").write_text(
                '[[fault]]\npromise = "p"\nfile = "f"\nplace = "x"\nfault = ""\n', encoding="utf-8")
            with self.assertRaises(ValueError):
                places.load(Path(folder))


class RunnerTest(unittest.TestCase):
    """A test program that is a script: what it does depends on the number of the fault."""

    def judge(self, script):
        """What try_fault() says of fault 1 with this program, and what it prints."""
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "tests" / "test_x"
            program.parent.mkdir()
            program.write_text(f"#!/bin/bash\necho 'Running 1 test'\n{script}\n", encoding="utf-8")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
            runner = mutants.Runner(Path(folder), Path(folder))
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                result = runner.try_fault(fault(1, "x", "y"))
        return result, said.getvalue()

    def test_a_test_that_fails_has_noticed(self) -> None:
        result, said = self.judge(
            '[[ $RINGBELL_FAULT == 0 ]] || { echo "[  FAILED  ] A.B, x"; exit 1; }')
        self.assertTrue(result)
        self.assertIn("noticed by A.B", said)

    def test_a_test_that_passes_has_not(self) -> None:
        result, said = self.judge("exit 0")
        self.assertFalse(result)
        self.assertIn("NOT NOTICED by x y", said)

    def test_a_test_that_fails_now_and_then_has_not(self) -> None:
        once = Path(tempfile.mkdtemp()) / "once"
        result, _ = self.judge(
            f"[[ $RINGBELL_FAULT == 0 || -e {once} ]] || {{ > {once}; exit 1; }}")
        self.assertFalse(result)
        self.assertTrue(once.exists())
        once.unlink()
        os.rmdir(once.parent)

    def test_a_test_that_fails_without_a_fault_notices_nothing(self) -> None:
        result, said = self.judge("echo why; exit 1")
        self.assertIs(result, False)
        self.assertRegex(said, r"NOT TRIED: (?s:.*)why\n\nwithout any fault `x y` fails")

    def test_a_program_that_fills_memory_ends_alone(self) -> None:
        limits = [*mutants.LIMITS, "prlimit", f"--fsize={1 << 20}"]
        with unittest.mock.patch.object(mutants, "LIMITS", limits):
            result, _ = self.judge(
                "[[ $RINGBELL_FAULT == 0 ]] || head -c 2M /dev/zero > $(dirname $0)/much")
        self.assertTrue(result)


if __name__ == "__main__":
    unittest.main()
