#!/usr/bin/python3
"""What `./dev vm` makes of a console, and which modules it loads in which order."""

from __future__ import annotations

import shutil
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "everywhere" / "vm"))

import modules  # noqa: E402  # pylint: disable=wrong-import-position
import machine  # noqa: E402  # pylint: disable=wrong-import-position
import vm  # noqa: E402  # pylint: disable=wrong-import-position

CONSOLE = """\r
[    0.03] printed by the kernel
vm: Linux 6.1.0-56-cloud-amd64, 2 CPUs, up for 5.1 s\r
vm: begin ./test_transport --gtest_filter=*\r
[ RUN      ] SwapTest.RingSurvives\r
[       OK ] SwapTest.RingSurvives (12 ms)\r
[  FAILED  ] Backing/BackingTest.Frames/memfd, where GetParam() = memfd (3 ms)\r
[  SKIPPED ] HugePageTest.MemfdHasThem (0 ms)\r
[  SKIPPED ] 1 test, listed below:\r
[  FAILED  ] 1 test, listed below:\r
vm: end 1\r
"""
REPORT = """<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="(empty)" tests="5" failures="0" disabled="0" skipped="4" hostname="" time="1">
<testcase name="core/A.B" classname="core/A.B" time="1" status="run"><system-out/></testcase>
<testcase name="transport/A.C&lt;int&gt;" classname="a" time="1" status="notrun">
<skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>
<system-out>Note: Google Test filter = A/B.C/1
no swap</system-out></testcase>
<testcase name="core/B.D" classname="b" time="1" status="notrun">
<skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/><system-out>no huge pages</system-out>
</testcase>
<testcase name="bench/Peers.E" classname="c" time="1" status="notrun">
<skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/><system-out>x is not installed</system-out>
</testcase>
<testcase name="kernel/K.E" classname="d" time="1" status="notrun">
<skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/><system-out>no module</system-out></testcase>
</testsuite>
"""


class Console(unittest.TestCase):
    def test_each_test_counts_once(self) -> None:
        results = vm.Results(CONSOLE)
        self.assertEqual(results.passed, ["SwapTest.RingSurvives"])
        self.assertEqual(results.failed, ["Backing/BackingTest.Frames/memfd"])
        self.assertEqual(results.skipped, {"HugePageTest.MemfdHasThem": "test_transport"})

    def test_what_another_run_does_is_not_skipped(self) -> None:
        results = vm.Results("vm: begin A=1 ./a --x\n[  SKIPPED ] A.B (1 ms)\nvm: end 0\n"
                             "vm: begin echo 1 >/b/c; A=1 ./a\n[       OK ] A.B (1 ms)\n"
                             "vm: end 0\n")
        self.assertEqual((results.passed, results.skipped, results.failed), (["A.B"], {}, []))

    def test_a_program_that_dies_has_failed(self) -> None:
        results = vm.Results("vm: begin ./a\n[       OK ] A.B (1 ms)\nvm: end 139\n")
        self.assertEqual((results.passed, results.failed), (["A.B"], ["a (status 139)"]))

    def test_a_machine_that_stops_has_failed(self) -> None:
        results = vm.Results("vm: begin ./a\n[       OK ] A.B (1 ms)\n")
        self.assertEqual(results.failed, ["a (it never ended)"])

    def test_what_a_failed_test_said_is_told(self) -> None:
        results = vm.Results("vm: begin ./a\n[ RUN      ] A.A\nfine\n[       OK ] A.A (1 ms)\n"
                             "[ RUN      ] A.B\nexpected 1\n[  FAILED  ] A.B (1 ms)\nvm: end 1\n")
        self.assertEqual((results.failed, results.failures), (["A.B"], ["expected 1"]))

    def test_a_machine_that_hung_is_known_by_what_its_kernel_says(self) -> None:
        self.assertTrue(vm.has_hung("[ 8.6] rcu: INFO: rcu_preempt self-detected stall on CPU\n"))
        self.assertTrue(vm.has_hung("[ 70.1] watchdog: BUG: soft lockup - CPU#0 stuck\n"))
        self.assertFalse(vm.has_hung(CONSOLE))


class Figures(unittest.TestCase):
    def test_each_way_stands_beside_the_ring_in_its_direction(self) -> None:
        table = vm.figures("figure: from the kernel by a ring|0|200\r\nother\n"
                           "figure: from the kernel by read(2), one each|1|500\n"
                           "figure: to the kernel by a ring|0|100\n")
        self.assertEqual([line.split()[-3:] for line in table[1:]],
                         [["0", "200", "1.0"], ["1", "500", "2.5"], ["0", "100", "1.0"]])
        self.assertEqual(vm.figures(""), [])


class SkippedOnBoth(unittest.TestCase):
    def test_only_what_is_skipped_here_too(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "tests" / "some"
            program.parent.mkdir()
            program.write_text("#!/bin/sh\necho \"$1\" >$0.asked\n"
                               "echo '[  SKIPPED ] A.B (0 ms)'\necho '[       OK ] A.C (0 ms)'\n",
                               encoding="utf-8")
            program.chmod(0o755)
            skipped = {"A.B": "some", "A.C": "some"}
            self.assertEqual(vm.skipped_here_too(Path(folder), skipped), ["A.B"])
            self.assertEqual(Path(f"{program}.asked").read_text(encoding="utf-8"),
                             "--gtest_filter=A.B:A.C\n")


class SkippedHere(unittest.TestCase):
    def skipped(self, of_modules: bool) -> vm.SkippedHere:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "tests.xml"
            report.write_text(REPORT, encoding="utf-8")
            return vm.SkippedHere(report, of_modules)

    def test_is_tried_there_unless_it_lacks_a_package(self) -> None:
        here = self.skipped(of_modules=False)
        self.assertEqual(here.tests, [("transport", "A/B.C/1"), ("core", "B.D")])
        self.assertEqual(here.lack_packages, ["bench/Peers.E"])
        self.assertEqual(here.of(Path("test_transport")), ["A/B.C/1"])
        self.assertEqual(here.of(Path("test_core_stress")), ["B.D"])
        self.assertEqual(here.of(Path("test_crash")), [])

    def test_is_tried_with_the_modules_if_it_is_of_theirs(self) -> None:
        self.assertEqual(self.skipped(of_modules=True).tests, [("kernel", "K.E")])

    def test_is_nothing_where_no_test_ran(self) -> None:
        self.assertEqual(vm.SkippedHere(Path("/nowhere"), False).tests, [])


class SecondBoot(unittest.TestCase):
    @unittest.skipUnless(shutil.which("cpio"), "cpio is not installed")
    def test_has_what_the_first_one_had(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            disk = machine.Disk.__new__(machine.Disk)
            disk.work = Path(folder)
            disk.kernel = machine.Kernel.__new__(machine.Kernel)
            disk.kernel.with_dependencies = lambda _: []
            with mock.patch.object(machine, "BUSYBOX", Path("/bin/true")):
                sizes = [disk.initramfs().stat().st_size for _ in range(2)]
            self.assertEqual(sizes[0], sizes[1])


class Modules(unittest.TestCase):
    def test_what_a_module_needs_comes_first(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            kernel = machine.Kernel.__new__(machine.Kernel)
            kernel.release, kernel.modules = "6.1.0", Path(folder)
            (kernel.modules / "modules.dep").write_text(
                "kernel/zram.ko: kernel/zs-malloc.ko kernel/lz4.ko\nkernel/zs-malloc.ko:\n"
                "kernel/lz4.ko: kernel/lz4_compress.ko\nkernel/lz4_compress.ko:\n"
                "kernel/other.ko:\n", encoding="utf-8")
            order = [path.name for path in kernel.with_dependencies(["zram", "built_in"])]
        self.assertEqual(order, ["zs-malloc.ko", "lz4_compress.ko", "lz4.ko", "zram.ko"])

    def test_headers_include_from_where_they_are_unpacked(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            kernel = machine.Kernel.__new__(machine.Kernel)
            kernel.release, kernel.folder = "6.1.0-cloud", Path(folder)
            headers = Path(folder) / "usr" / "src" / "linux-headers-6.1.0-cloud"
            headers.mkdir(parents=True)
            (headers / "Makefile").write_text("include /usr/src/linux-headers-common/Makefile\n",
                                              encoding="utf-8")
            for _ in range(2):  # also when it was done before
                self.assertEqual(modules.headers_of(kernel), headers)
                self.assertEqual(
                    (headers / "Makefile").read_text(encoding="utf-8"),
                    f"include {folder}/usr/src/linux-headers-common/Makefile\n")


if __name__ == "__main__":
    unittest.main()
