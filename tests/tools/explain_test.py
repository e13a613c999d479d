#!/usr/bin/python3
"""`ringbell explain memory` against what a test can see of the kernel by itself."""

from __future__ import annotations

import json
import os
import re
import unittest
from pathlib import Path

from command_line import CommandTest, not_emulated

SHARED = ["memfd", "POSIX shared memory", "file on a tmpfs", "System V shared memory",
          "anonymous, MAP_SHARED"]
REGION_PAGES = 2 + 2 * 16  # header, control, both images of 64 KiB


class ExplainMemory(CommandTest):
    def setUp(self) -> None:
        super().setUp()
        ended = self.ringbell("explain", "memory", "--json")
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        self.lines = json.loads(ended.stdout)

    def measured(self, subject: str, name: str) -> str:
        found = [line["measured"] for line in self.lines
                 if (line["subject"], line["name"]) == (subject, name)]
        self.assertEqual(len(found), 1, f"{subject}: {name}")
        return found[0]

    def test_every_line_says_what_was_measured_and_why(self) -> None:
        for line in self.lines:
            self.assertEqual(list(line), ["subject", "name", "measured", "why"])
            self.assertTrue(line["measured"] and line["why"].endswith("."), line)

    @not_emulated("no pages are mapped a second time (mremap with an old size of 0)")
    def test_mappings_are_shared_and_name_their_files(self) -> None:
        paths = dict(zip(SHARED, ["/memfd:", "/dev/shm/", "/dev/shm/", "/SYSV", "/dev/zero"]))
        for subject, path in paths.items():
            self.assertRegex(self.measured(subject, "mapping"), rf"rw-s {path}.*\[.*sh.*\]")

    @not_emulated("page faults are the emulator's")
    def test_each_page_costs_a_fault(self) -> None:
        for subject in SHARED:
            found = re.match(r"(\d+) page faults to touch (\d+) pages",
                             self.measured(subject, "faults"))
            assert found is not None
            self.assertEqual(int(found[2]), REGION_PAGES)
            # The creator has touched the header, and perhaps the control lines.
            self.assertGreaterEqual(int(found[1]), REGION_PAGES - 2)
            self.assertLessEqual(int(found[1]), REGION_PAGES + 4)

    @not_emulated("frames are of the emulator's addresses")
    def test_frames_are_the_same_in_both_images_and_both_processes(self) -> None:
        page = b""
        if os.geteuid() == 0:
            with Path("/proc/self/pagemap").open("rb") as pagemap:
                pagemap.seek(id(page) // 4096 * 8)
                page = pagemap.read(8)
        told = int.from_bytes(page, "little") & ((1 << 55) - 1) != 0
        expected = "16 of 16 pages are the same frame" if told else "hidden: "
        for subject in SHARED:
            for name in ["images", "two processes"]:
                self.assertIn(expected, self.measured(subject, name), subject)

    def test_a_hole_is_filled_by_a_touch_and_not_by_a_read(self) -> None:
        self.assertEqual(self.measured("a hole in a file", "allocation"),
                         "read(2) of 65536 bytes: 0 pages allocated; a touch: 1")

    def test_a_private_mapping_leaves_the_shared_one_at_its_first_store(self) -> None:
        self.assertEqual(self.measured("a private mapping", "store"),
                         "before its first store it sees the other's 1, after it still 1 where the "
                         "file has 2")

    def test_a_system_v_segment_is_a_file_with_its_attaches_counted(self) -> None:
        self.assertRegex(self.measured("a System V segment", "file"),
                         r"^mapped twice: 2 attaches; .* /SYSV00000000 \(deleted\)$")

    def test_a_mapping_survives_its_descriptor(self) -> None:
        self.assertRegex(self.measured("close(2)", "mapping"),
                         r"/memfd:.* is still mapped: 7 reads back as 7$")

    def test_a_store_is_read_before_it_is_written_back(self) -> None:
        self.assertRegex(self.measured("write-back of a file", "msync"),
                         r"^(read\(2\) gives 'R'|none)")

    def test_swap_is_looked_for(self) -> None:
        with Path("/proc/swaps").open(encoding="utf-8") as swaps:
            there = len(swaps.readlines()) > 1
        expected = "pages swapped out" if there else "this machine has no swap"
        self.assertIn(expected, self.measured("swap", "pages"))

    def test_nothing_is_left_behind(self) -> None:
        # Another one may be explaining beside this one.
        left = [path.name for path in Path("/dev/shm").iterdir()
                if path.name.startswith("ringbell-explain")
                and not Path("/proc", path.name.rpartition("-")[2]).exists()]
        self.assertEqual(left, [])

    def test_a_device_is_mapped_as_well(self) -> None:
        ended = self.ringbell("explain", "memory", "--device", "/dev/zero")
        self.assertEqual(ended.returncode, 0)
        self.assertRegex(ended.stdout.decode(),
                         r"(?s)/dev/zero\n  mapping +1 mapping: r--s /dev/zero")
        self.assertIn("4 page faults to touch 4 pages", ended.stdout.decode())

    def test_a_device_that_cannot_be_had_is_said_to_be_so(self) -> None:
        ended = self.ringbell("explain", "memory", "--device", "/dev/null")
        self.assertEqual(ended.returncode, 0)
        self.assertIn(b"none here: ", ended.stdout)


if __name__ == "__main__":
    unittest.main()
