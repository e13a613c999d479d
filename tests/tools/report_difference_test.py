#!/usr/bin/python3
"""Two runs side by side: what changed, and what did not."""

from __future__ import annotations

import contextlib
import io
import math
import random
import unittest
from typing import Any

from report_test import META, ReportTest, trip

from report.difference import NO_DIFFERENCE, difference, verdict
from report.load import Figure, Results
from report.settings import SETTINGS
from synthetic import SIZES, Synthetic, full_run


class TwoRuns(ReportTest):
    """Before and after."""

    @staticmethod
    def round_trips(*p50_ns: float) -> list[dict[str, Any]]:
        return [{"bench": "meta", "commit": "c0ffee"}] + [
            {"bench": "round_trip", "transport": "ringbell", "wait": "spin",
             "placement": "two_cpus", "message_bytes": 8, "repeat": i, "p50_ns": value}
            for i, value in enumerate(p50_ns)]

    def test_overlapping_ranges_are_no_difference(self) -> None:
        before = self.results(self.round_trips(130, 140, 150))
        self.assertIn(NO_DIFFERENCE,
                      difference(before, self.results(self.round_trips(145, 160, 170))))
        self.assertIn("1 figures in both, 0 differ",
                      difference(before, self.results(self.round_trips(145, 160, 170))))

    def test_ranges_apart_are_better_or_worse(self) -> None:
        before = self.results(self.round_trips(130, 140, 150))
        after = self.results(self.round_trips(70, 70, 70))
        self.assertIn("better: -50.0 %", difference(before, after))
        self.assertIn("worse: +100.0 %", difference(after, before))
        self.assertIn("140 (130 … 150) | 70 (70 … 70)", difference(before, after))

    def test_ranges_that_are_hardly_apart_are_no_difference(self) -> None:
        before = Figure({0: 100.0, 1: 110.0, 2: 104.0})
        self.assertEqual(verdict(before, Figure({0: 125.0, 1: 129.0, 2: 126.0}), False),
                         NO_DIFFERENCE)
        self.assertEqual(verdict(before, Figure({0: 131.0, 1: 139.0, 2: 135.0}), False),
                         "worse: +29.8 %")

    def test_a_small_change_and_one_of_single_repeats_need_more(self) -> None:
        steady = Figure({0: 100.0, 1: 100.1, 2: 100.2})
        for change, said in ((3, NO_DIFFERENCE), (9, NO_DIFFERENCE), (12, "worse: +12.0 %")):
            later = steady.scaled(1 + change / 100)
            self.assertEqual(verdict(steady, later, False), said)
        self.assertEqual(verdict(Figure({0: 100.0}), Figure({0: 120.0}), False), NO_DIFFERENCE)
        self.assertEqual(verdict(Figure({0: 100.0}), Figure({0: 130.0}), False), "worse: +30.0 %")

    def test_the_same_run_again_differs_in_no_line(self) -> None:
        """Whole runs: noise that no two share, and one with a transport slower by a third."""
        def again(seed: int, factor: float) -> Results:
            rows = []
            for row in Synthetic(SIZES, 3, seed).rows("full", False):
                slow = factor if row.get("transport") == "ringbell" else 1.0
                rows.append({**row, **{key: row[key] * slow for key in ("p50_ns", "p99_ns")
                                       if row.get(key)}})
            return self.results(rows)

        first = again(3, 1.0)
        for factor in (1.0, 1.03):
            self.assertIn(", 0 differ,", difference(first, again(4, factor)))
        told = [line for line in difference(first, again(4, 1.3)).splitlines()
                if "better:" in line or "worse:" in line]
        self.assertGreater(len(told), 50)
        self.assertTrue(all("ringbell" in line and "worse: +" in line for line in told))

    def test_what_the_machine_does_to_all_is_no_difference(self) -> None:
        """Rows drift from one hour to the next: as the rivals' do, so may ringbell's."""
        def an_hour_later(seed: int, own: float) -> Results:
            drift, rows = random.Random(seed), []
            factors: dict[tuple[Any, ...], float] = {}
            for row in Synthetic(SIZES, 3, seed).rows("full", False):
                point = tuple(row.get(name) for name in ("bench", "transport", "wait", "placement",
                                                         "message_bytes", "quick_wake", "loaned"))
                factor = factors.setdefault(point, 1.15 * math.exp(drift.gauss(0, 0.03)))
                factor *= own if row.get("transport") == "ringbell" else 1.0
                rows.append({**row, **{key: row[key] * factor for key in ("p50_ns", "p99_ns")
                                       if row.get(key)}})
            return self.results(rows)

        first = self.results(list(Synthetic(SIZES, 3, 3).rows("full", False)))
        self.assertIn(", 0 differ,", difference(first, an_hour_later(4, 1.0)).splitlines()[2])
        told = [line for line in difference(first, an_hour_later(4, 1.3)).splitlines()
                if "better:" in line or "worse:" in line]
        self.assertGreater(len(told), 50)
        self.assertTrue(all("ringbell" in line and "worse: +" in line for line in told))

    def test_headline_ratios_stand_side_by_side_within_a_state(self) -> None:
        def run(*rows: dict[str, Any]) -> Results:
            return self.results([META, *rows])
        near = {"line_ns_before": 120.0, "line_ns_after": 120.0}
        far = {"line_ns_before": 460.0, "line_ns_after": 460.0}
        one = {"placement": "one_cpu", "quick_wake": False}
        before = run(trip("ringbell", "spin", 200, **near), trip("pipe", "polled", 2000, **near),
                     trip("ringbell", "park", 5000, **one), trip("pipe", "blocking", 4000, **one))
        after = run(trip("ringbell", "spin", 200, **near), trip("pipe", "polled", 2600, **near),
                    trip("ringbell", "spin", 600, **far), trip("pipe", "polled", 3000, **far),
                    trip("ringbell", "park", 5000, **one), trip("tcp", "blocking", 3000, **one))
        told = [line for line in difference(before, after).splitlines() if "CPU: round" in line]
        title = SETTINGS[0].title
        self.assertEqual(told, [
            f"| {title}: round trip, 56 B, CPUs near | 10 (10 … 10) | 13 (13 … 13) | +30.0 % | "
            "ringbell spin +0.0 %; pipe (64 KiB) +30.0 % |",
            f"| {SETTINGS[1].title}: round trip, 56 B | 0.8 (0.8 … 0.8) | 0.6 (0.6 … 0.6) | "
            "-25.0 % | TCP loopback is best in place of pipe (64 KiB) |"])
        apart = difference(run(*[trip("ringbell", "spin", 200, **near),
                                 trip("pipe", "polled", 2000, **near)]),
                           run(*[trip("ringbell", "spin", 600, **far),
                                 trip("pipe", "polled", 3000, **far)]))
        self.assertNotIn("headline", apart)

    def test_more_of_a_rate_is_better(self) -> None:
        self.assertEqual(verdict(Figure({0: 100.0}), Figure({0: 150.0}), True), "better: +50.0 %")

    def test_says_that_the_noise_of_a_single_repeat_is_unknown(self) -> None:
        one = self.results(self.round_trips(130))
        self.assertIn("single repeat", difference(one, one))

    def test_prints_the_difference_of_two_files(self) -> None:
        before = self.write(full_run())
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            status, errors = self.report(before, before)
        self.assertEqual((status, errors), (0, ""))
        self.assertIn(", 0 differ, ", printed.getvalue())
        self.assertEqual(self.report(before, before, "--plots", "x")[0], 2)
        status, errors = self.report(before, self.folder / "none")
        self.assertEqual(status, 1)
        self.assertIn("cannot read", errors)


if __name__ == "__main__":
    unittest.main()
