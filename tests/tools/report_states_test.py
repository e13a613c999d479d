#!/usr/bin/python3
"""No ratio crosses the states of the machine: made-up runs in which both were met."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import random
import re
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from report.__main__ import main  # noqa: E402
from report.difference import difference  # noqa: E402
from report.load import Results, load  # noqa: E402
from report.pages import write_pages  # noqa: E402
from report.states import CHANGED, FAR, NEAR, boundary, classified, states_of  # noqa: E402
from synthetic import full_run  # noqa: E402

META = {"bench": "meta", "commit": "c0ffee", "dirty": False, "date": "2026-11-21", "mode": "full"}
NEAR_NS, FAR_NS = 130.0, 480.0


def trip(transport: str, p50_ns: float, line_ns: float | tuple[float, float], repeat: int = 0
         ) -> dict[str, Any]:
    before, after = line_ns if isinstance(line_ns, tuple) else (line_ns, line_ns)
    wait = "spin" if transport == "ringbell" else "polled"
    return {"bench": "round_trip", "transport": transport, "wait": wait, "placement": "two_cpus",
            "message_bytes": 56, "repeat": repeat, "samples": 1000, "p50_ns": p50_ns,
            "p90_ns": p50_ns, "p99_ns": p50_ns, "p999_ns": p50_ns, "max_ns": p50_ns,
            "line_ns_before": before, "line_ns_after": after}


class States(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, rows: list[dict[str, Any]], name: str = "run.jsonl") -> Path:
        path = self.folder / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def results(self, *rows: dict[str, Any], name: str = "run.jsonl") -> Results:
        return load(self.write([META, *rows], name))

    def document(self, rows: list[dict[str, Any]]) -> str:
        """The page of round trips."""
        write_pages(load(self.write(rows)), [], self.folder)
        return (self.folder / "round_trip.md").read_text()

    def benchmarks(self, rows: list[dict[str, Any]]) -> str:
        path = self.folder / "BENCHMARKS.md"
        with contextlib.redirect_stderr(io.StringIO()) as errors:
            self.assertEqual(main([str(self.write(rows)), "--benchmarks", str(path)]), 0,
                             errors.getvalue())
        return path.read_text()

    @staticmethod
    def ratios(document: str) -> set[str]:
        """Of the tables."""
        return set(re.findall(r"([\d.]+)×", "".join(
            line for line in document.splitlines() if line.startswith("|"))))

    def test_the_clusters_are_found_where_the_run_has_them(self) -> None:
        noise = random.Random(5)
        near = [noise.uniform(90, 170) for _ in range(200)]
        far = [noise.uniform(420, 540) for _ in range(20)]
        between = boundary(near + far)
        assert between is not None
        self.assertTrue(max(near) < between < min(far))
        self.assertIsNone(boundary(near))
        self.assertIsNone(boundary(far))
        self.assertIsNone(boundary([130.0] * 5))
        self.assertIsNone(boundary([]))

    def test_a_row_belongs_to_the_state_of_its_lines(self) -> None:
        results = self.results(
            trip("ringbell", 150, 120), trip("pipe", 2000, 160), trip("pipe", 4000, 450, 1),
            trip("tcp", 6000, 500), trip("fifo", 3000, (130, 460)), trip("fifo", 3000, (460, 130)),
            {**trip("ringbell", 900, NEAR_NS), "placement": "one_cpu", "line_ns_before": None})
        self.assertEqual([row.state for row in classified(results.rows)],
                         [NEAR, NEAR, FAR, FAR, CHANGED, CHANGED, ""])

    def test_lines_of_one_state_may_differ(self) -> None:
        rows = [trip("ringbell", 150, (90, 170)), trip("pipe", 2000, (165, 95)),
                trip("tcp", 6000, (430, 530))]
        self.assertEqual([row.state for row in classified(self.results(*rows).rows)],
                         [NEAR, NEAR, FAR])
        self.assertEqual([row.state for row in classified(self.results(*rows[:2]).rows)], ["", ""])

    def test_a_run_of_one_state_or_of_none_is_left_whole(self) -> None:
        for line_ns in (NEAR_NS, FAR_NS):
            states = states_of(self.results(trip("ringbell", 150, line_ns),
                                            trip("pipe", 2000, line_ns * 1.2)))
            self.assertEqual([(s.name, len(s.results.rows)) for s in states], [("", 2)])
        old = {k: v for k, v in trip("pipe", 2000, 1).items() if not k.startswith("line_ns")}
        self.assertEqual([s.name for s in states_of(self.results(old))], [""])

    def test_no_ratio_is_formed_between_near_and_far(self) -> None:
        # ringbell met the near state only, the pipe the far one only.
        rows = [META, *(trip("ringbell", 150, NEAR_NS, r) for r in range(3)),
                *(trip("pipe", 4100, FAR_NS, r) for r in range(3))]
        text = self.document(rows)
        # The pipe is compared with itself, and nothing else with anything.
        self.assertEqual(self.ratios(text), {"1.00"})
        short = self.benchmarks(rows)
        self.assertNotRegex(short, r"\| (\*\*no\*\*|yes) \|")  # a target met or missed
        self.assertIn("| round trip, 56 B | 150 ns | – | – | – | 4.10 us<br><sub>pipe (64 KiB)"
                      "</sub> | – |", short)
        self.assertIn("At no point", short)
        self.assertIn("| **ringbell spin** | 150 ns |", text)
        self.assertIn("| pipe (64 KiB) | 4.10 us |", text)
        self.assertIn("(near, 3 rows)", text)
        self.assertIn("(far, 3 rows)", text)

    @unittest.skipUnless(importlib.util.find_spec("matplotlib"), "matplotlib is not installed")
    def test_a_plot_says_of_which_state_it_is_and_stands_in_its_page(self) -> None:
        rows = [META, *(trip("tcp", 9000, NEAR_NS, r) for r in range(3)),
                {"bench": "file_copy", "transport": "ringbell", "wait": "spin", "file_bytes": 8,
                 "copies_per_byte": 2.0, "bytes_per_s": 1e9, "line_ns_before": FAR_NS,
                 "line_ns_after": FAR_NS}]
        folder = self.folder / "results"
        self.assertEqual(main([str(self.write(rows)), "--results", str(folder)]), 0)
        self.assertIn("CPUs near", (folder / "latency.svg").read_text())
        self.assertIn("CPUs far", (folder / "copies.svg").read_text())
        self.assertIn("](copies.svg)", (folder / "files.md").read_text())

    def test_each_state_has_its_own_ratios(self) -> None:
        text = self.document([META, trip("ringbell", 100, NEAR_NS), trip("pipe", 2000, NEAR_NS),
                              trip("ringbell", 500, FAR_NS, 1), trip("pipe", 4000, FAR_NS, 1)])
        first, second = text.split("# CPUs far\n")
        self.assertIn("# CPUs near\n", first)
        self.assertEqual(self.ratios(first), {"1.00", "20.0"})
        self.assertEqual(self.ratios(second), {"1.00", "8.00"})

    def test_what_the_state_left_during_every_try_is_in_no_table(self) -> None:
        text = self.document([META, trip("ringbell", 100, NEAR_NS), trip("pipe", 2000, NEAR_NS),
                              trip("tcp", 7770, (NEAR_NS, FAR_NS))])
        self.assertNotIn("7.77 us", text)
        self.assertIn("1 rows are left out", text)

    def test_two_runs_are_compared_within_a_state(self) -> None:
        before = self.results(*(trip("ringbell", 100 + r, NEAR_NS, r) for r in range(3)))
        after = self.results(*(trip("ringbell", 500 + r, FAR_NS, r) for r in range(3)),
                             name="after.jsonl")
        told = difference(before, after)
        self.assertIn("0 figures in both", told)
        self.assertNotIn("worse", told)
        both = self.results(*(trip("ringbell", 500 + r, FAR_NS, r) for r in range(3)),
                            *(trip("ringbell", 130 + r, NEAR_NS, r + 3) for r in range(3)),
                            name="both.jsonl")
        told = difference(before, both)
        self.assertIn("CPUs near", told)
        self.assertIn("worse: +29.7 %", told)
        self.assertNotIn("CPUs far", told)

    def test_a_regression_of_a_third_is_found_and_one_of_three_percent_in_the_noise_is_not(self
                                                                                         ) -> None:
        """The same run measured again, both states in it, with one transport slower."""
        noise = random.Random(11)

        def run(name: str, factor: float) -> Results:
            rows = []
            for row in full_run():
                p50 = row.get("p50_ns")
                if row["bench"] != "round_trip" or row["placement"] != "two_cpus" or not p50:
                    continue
                far = noise.random() < 0.3
                slower = factor if row["transport"] == "ringbell" else 1.0
                value = p50 * (3 if far else 1) * slower * noise.uniform(0.96, 1.04)
                rows.append({**row, **{k: value for k in ("p50_ns", "p99_ns")},
                             "line_ns_before": FAR_NS if far else NEAR_NS,
                             "line_ns_after": FAR_NS if far else NEAR_NS})
            return self.results(*rows, name=name)

        def verdicts(factor: float, transport: str) -> list[str]:
            told = difference(run("a.jsonl", 1.0), run(f"b{factor}.jsonl", factor))
            # Single repeats of a state have no spread: only what has one says anything.
            return [line.split("|")[-2].strip() for line in told.splitlines()
                    if line.startswith(f"| round trip, {transport}, ") and "p50_ns" in line
                    and all("…" in cell and len(set(re.findall(r"[\d.e+]+", cell))) > 1
                            for cell in line.split("|")[3:5])]

        third = verdicts(1.30, "ringbell")
        self.assertGreater(len(third), 10)
        self.assertGreater(sum(v.startswith("worse") for v in third), 0.8 * len(third))
        self.assertFalse(any(v.startswith("better") for v in third))
        little = verdicts(1.03, "ringbell")
        self.assertGreater(len(little), 10)
        for verdict in (*little, *verdicts(1.0, "ringbell"), *verdicts(1.30, "pipe")):
            self.assertEqual(verdict, "no difference seen")


if __name__ == "__main__":
    unittest.main()
