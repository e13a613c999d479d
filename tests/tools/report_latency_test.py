#!/usr/bin/python3
"""Percentiles of merged repeats, true maxima and .hgrm files, from made-up histograms."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from report.__main__ import main  # noqa: E402
from report.latency import curve, figure, merged, percentile  # noqa: E402
from report.load import Results, load  # noqa: E402
from report.pages import write_pages  # noqa: E402


def trip(buckets: list[list[float]], repeat: int, **fields: Any) -> dict[str, Any]:
    return {"bench": "round_trip", "transport": "pipe", "wait": "polled", "placement": "two_cpus",
            "message_bytes": 56, "repeat": repeat, "buckets": buckets, **fields}


class Latency(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def results(self, *rows: dict[str, Any]) -> Results:
        path = self.folder / "run.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in ({"bench": "meta"}, *rows)))
        return load(path)

    def test_repeats_are_merged(self) -> None:
        rows = self.results(trip([[100, 900], [200, 90]], 0),
                            trip([[100, 100], [5000, 10]], 1)).rows
        samples = merged(rows)
        self.assertEqual(samples, {100.0: 1000, 200.0: 90, 5000.0: 10})
        self.assertEqual(percentile(samples, 0.5), 100)

    def test_no_percentile_has_fewer_than_a_hundred_samples_beyond_it(self) -> None:
        rows = self.results(*(trip([[100, 4500], [300, 60]], r, p99_ns=250, p50_ns=100)
                              for r in range(3))).rows
        self.assertEqual(figure(rows, "p99_ns").median, 300)  # of 13,680, and not of 4,560
        self.assertFalse(figure(rows, "p999_ns"))
        self.assertEqual(len(figure(rows, "p50_ns").by_repeat), 3)  # with its spread

    def test_the_maximum_is_that_of_all_repeats(self) -> None:
        rows = self.results(*(trip([[100, 10]], r, max_ns=ns)
                              for r, ns in enumerate((900, 70_000, 1200)))).rows
        self.assertEqual(figure(rows, "max_ns").median, 70_000)

    def test_rows_without_buckets_keep_their_own_figures(self) -> None:
        rows = self.results(*({**trip([], r), "p99_ns": 200 + r} for r in range(3))).rows
        self.assertEqual(figure(rows, "p99_ns").median, 201)

    def test_strange_buckets_are_passed_over(self) -> None:
        rows = self.results(trip([[100, 5], [1], ["x", 3], [7, -1]], 0)).rows  # type: ignore
        self.assertEqual(merged(rows), {100.0: 5})

    def test_what_a_message_cost_stands_beside_its_latency(self) -> None:
        self.results(*(trip([[100, 10]], r, p50_ns=100, max_ns=100, cpu_ns_per_message=210)
                       for r in range(3)))
        write_pages(load(self.folder / "run.jsonl"), [], self.folder)
        text = (self.folder / "round_trip.md").read_text()
        self.assertRegex(text, r"\| 56 B \| p50 .* \| CPU a message \|")
        self.assertRegex(text, r"\| pipe .* \| 210 ns \|")

    def test_a_curve_ends_where_too_few_samples_lie_beyond(self) -> None:
        rows = self.results(trip([[100, 900], [200, 90], [300, 10]], 0),
                            trip([[100, 900], [200, 90], [300, 10]], 1)).rows
        self.assertEqual(curve(rows), [(1.0, 100.0), (10.0, 200.0)])
        self.assertEqual(curve([]), [])

    def test_each_point_has_a_file_as_hdrhistogram_writes_it(self) -> None:
        self.results(trip([[100, 90], [2000, 10]], 0), trip([[100, 100]], 1),
                     trip([[50, 1]], 0, loaned=True))
        with contextlib.redirect_stderr(io.StringIO()) as errors:
            status = main([str(self.folder / "run.jsonl"), "--hgrm", str(self.folder / "h")])
        self.assertEqual((status, errors.getvalue()), (0, ""))
        names = sorted(path.name for path in (self.folder / "h").iterdir())
        self.assertEqual(names, ["round_trip-pipe-polled-two_cpus-56B-loaned.hgrm",
                                 "round_trip-pipe-polled-two_cpus-56B.hgrm"])
        lines = (self.folder / "h" / names[1]).read_text().splitlines()
        self.assertEqual(lines[0].split(),
                         ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"])
        self.assertEqual(lines[2].split(), ["100.000", "0.950000000000", "190", "20.00"])
        self.assertEqual(lines[3].split(), ["2000.000", "1.000000000000", "200", "inf"])
        self.assertIn("Total count    =          200", lines[-1])


if __name__ == "__main__":
    unittest.main()
