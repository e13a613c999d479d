#!/usr/bin/python3
"""Tests of single sections of the report."""

from __future__ import annotations

import importlib.util
import unittest

from report_test import META, ReportTest, trip

from report import open_loop
from report.difference import difference
from report.load import Figure
from report.settings import SETTINGS
from synthetic import full_run


class OpenLoop(ReportTest):
    def test_the_open_loop_has_a_table_by_load_with_each_transports_capacity(self) -> None:
        section = self.page(full_run(), "open_loop.md")
        self.assertIn("| 56 B: p50, p99, p99.9 | capacity | 10 % | 50 % | 90 % |", section)
        self.assertRegex(section, r"\| \*\*ringbell spin\*\* \| [67]\.\d+ M/s \| "
                                  r"\d+ ns<br>[0-9.]+ us<br>[0-9.]+ us \|")
        self.assertEqual(self.page([META, trip("pipe", "polled", 1)], "open_loop.md"), "")

    def test_a_rate_of_the_open_loop_counts_as_its_share_of_the_capacity(self) -> None:
        rows = self.results([META, trip("pipe", "polled", 700, bench="open_loop",
                                        rate_intended_per_s=2500.0, capacity_per_s=10000.0)])
        figures = open_loop.by_load(open_loop.rows_of(rows, SETTINGS[0]), "p50_ns")
        self.assertEqual(figures, {("pipe", "polled"): {0.25: Figure({0: 700.0})}})

    def test_loads_of_the_open_loop_are_compared_each_with_itself(self) -> None:
        rows = [META, *(trip("pipe", "polled", 100 * load, bench="open_loop", load=load)
                        for load in (0.5, 0.9))]
        told = difference(self.results(rows), self.results(rows))
        self.assertIn("open loop, pipe, polled, two cpus, 56 B, 50 % load", told)
        self.assertIn("4 figures in both, 0 differ", told)


class Scale(ReportTest):
    ROWS = [META, *({"bench": "scale", "kind": "channels", "transport": transport, "wait": wait,
                     "count": count, "ns_per_message": ns * count, "p50_ns": 5000}
                    for transport, wait, ns in (("ringbell", "epoll", 3), ("pipe", "epoll", 9))
                    for count in (1, 10, 100))]

    def test_what_many_cost_stands_in_a_page_by_how_many(self) -> None:
        page = self.page(self.ROWS, "scale.md")
        self.assertIn("| a message | of | 1 | 10 | 100 |", page)
        self.assertIn("| ringbell epoll | channels | 3.00 ns | 30.0 ns | 300 ns |", page)
        self.assertIn("| pipe (64 KiB) epoll | channels | 5.00 us |", page)
        self.assertEqual(self.page([META], "scale.md"), "")

    @unittest.skipUnless(importlib.util.find_spec("matplotlib"), "matplotlib is not installed")
    def test_and_is_drawn(self) -> None:
        folder = self.folder / "plots"
        self.assertEqual(self.report(self.write(self.ROWS), "--plots", folder), (0, ""))
        self.assertIn("ringbell epoll", (folder / "scale.svg").read_text())

    def test_each_number_is_compared_with_itself(self) -> None:
        told = difference(self.results(self.ROWS), self.results(self.ROWS))
        self.assertIn("12 figures in both, 0 differ", told)
        self.assertIn("scale, ringbell, epoll, two cpus, 100 channels", told)


class Machine(ReportTest):
    def test_the_doctors_findings_stand_with_the_machine_the_worst_first(self) -> None:
        def finding(name: str, level: str) -> dict[str, str]:
            return {"name": name, "level": level, "figure": f"{name} | seen", "why": "because",
                    "remedy": "mend it"}
        meta = {**META, "doctor": [finding("clock", "good"), finding("idle", "costs"),
                                   finding("memfd", "missing")]}
        section = self.page([meta], "machine.md")
        self.assertIn("1 good, 1 cost something, 1 missing.", section)
        worst = "| **missing**: memfd | memfd \\| seen | because | mend it |"
        self.assertIn(f"{worst}\n| costs: idle | idle \\| seen | because | mend it |\n", section)
        self.assertIn("| clock | clock \\| seen |", section.split("<details>")[1])

    def test_findings_that_are_none_are_left_out(self) -> None:
        for doctor in (None, "ill", [1, "x"], [{"level": "fine"}]):
            self.assertNotIn("doctor", self.page([{**META, "doctor": doctor}], "machine.md"))


if __name__ == "__main__":
    unittest.main()
