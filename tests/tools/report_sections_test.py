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

    def test_rates_have_a_table_of_their_own_beside_loads(self) -> None:
        rows = [META, *(trip("pipe", "polled", 700, bench="open_loop", capacity_per_s=2e6, **of)
                        for of in ({"load": 0.5}, {"rate_intended_per_s": 1e4},
                                   {"rate_intended_per_s": 1e6}))]
        page = self.page(rows, "open_loop.md")
        self.assertIn("| 56 B: p50, p99, p99.9 | capacity | 50 % |\n", page)
        self.assertIn("| 56 B: p50, p99, p99.9 | capacity | 10.0 K/s | 1.00 M/s |\n", page)

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

    def test_each_end_that_comes_goes_or_sleeps_has_its_figures(self) -> None:
        rows = [META, {"bench": "scale", "kind": "writers", "transport": "ringbell_queue",
                       "wait": "", "count": 64, "memory_bytes": 2048.0, "descriptors": 2.03,
                       "attaches_per_s": 3000.0},
                {"bench": "scale", "kind": "sleepers", "transport": "ringbell_queue", "wait": "",
                 "count": 64, "idle_cpu_ns_per_s": 3e6}]
        page = self.page(rows, "scale.md")
        for line in ("| ringbell queue | writers | 2 KiB |", "| ringbell queue | writers | 2.03 |",
                     "| ringbell queue | writers | 3.00 K/s |",
                     "| ringbell queue | sleepers | 3.00 ms |"):
            self.assertIn(line, page)

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


class Copies(ReportTest):
    @unittest.skipUnless(importlib.util.find_spec("matplotlib"), "matplotlib is not installed")
    def test_what_is_not_counted_has_a_speed_and_no_bar(self) -> None:
        rows = [META, *({"bench": "file_copy", "transport": transport, "wait": "polled",
                         "placement": "two_cpus", "file_bytes": 100, "bytes_per_s": speed,
                         "sha256_match": True, **more}
                        for transport, speed, more in (("pipe", 1e9, {"copies_per_byte": 4.0}),
                                                       ("splice", 3e9, {"note": "not counted"})))]
        folder = self.folder / "plots"
        self.assertEqual(self.report(self.write(rows), "--plots", folder), (0, ""))
        drawn = (folder / "copies.svg").read_text()
        for said in ("splice through a pipe", " not counted", " 4.00", "3.00 GB/s"):
            self.assertIn(said, drawn)
        self.assertIn("- splice through a pipe: not counted", self.page(rows, "files.md"))


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

    def test_what_the_host_takes_away_is_said_for_each_cpu(self) -> None:
        rows = [META, *({"bench": "floor", "name": "hiccups", "placement": "one_cpu", "cpu": cpu,
                         "p999_ns": 40, "max_ns": 3e6 * (1 + repeat), "lost_share": 0.02,
                         "repeat": repeat} for cpu in (0, 1) for repeat in (0, 1)),
                {"bench": "end", "complete": True, "steal_share": 0.0125}]
        section = self.page(rows, "machine.md")
        for cpu in (0, 1):
            self.assertIn(f"| CPU {cpu} | 40.0 ns | – | 6.00 ms | 2.00 % |", section)
        self.assertIn("gave 1.2 % to others", section)
        self.assertNotIn("hiccups", self.benchmarks(rows))

    def test_findings_that_are_none_are_left_out(self) -> None:
        for doctor in (None, "ill", [1, "x"], [{"level": "fine"}]):
            self.assertNotIn("doctor", self.page([{**META, "doctor": doctor}], "machine.md"))


if __name__ == "__main__":
    unittest.main()
