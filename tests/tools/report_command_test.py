#!/usr/bin/python3
"""`ringbell report` as a person runs it, and a comparison that Ctrl-C ends."""

from __future__ import annotations

import importlib.util
import json
import signal
import unittest
from pathlib import Path

from command_line import CommandTest

FIXTURE = str(Path(__file__).with_name("fixture.jsonl"))
MATPLOTLIB = importlib.util.find_spec("matplotlib")


class Report(CommandTest):
    @unittest.skipUnless(MATPLOTLIB, "python3-matplotlib is not installed")
    def test_a_run_becomes_a_document_and_its_results(self) -> None:
        ended = self.ringbell("report", FIXTURE, "--out", str(self.folder))
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, b"", b""))
        document = (self.folder / "BENCHMARKS.md").read_text(encoding="utf-8")
        self.assertIn("A quick run", document)
        self.assertIn("](results/round_trip.md)", document)
        self.assertTrue((self.folder / "results" / "latency.svg").exists())

    @unittest.skipUnless(importlib.util.find_spec("plotly"), "python3-plotly is not installed")
    def test_one_run_or_two_become_a_page(self) -> None:
        for runs in ((FIXTURE,), (FIXTURE, FIXTURE)):
            page = self.folder / f"{len(runs)}.html"
            ended = self.ringbell("report", *runs, "--html", str(page))
            self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, b"", b""))
            self.assertEqual(page.read_text(encoding="utf-8").count('"about":'), len(runs))

    def test_two_runs_are_compared(self) -> None:
        ended = self.ringbell("report", FIXTURE, FIXTURE)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn(b", 0 differ, ", ended.stdout)

    @unittest.skipUnless(MATPLOTLIB, "python3-matplotlib is not installed")
    def test_a_comparison_that_ctrl_c_ended_has_a_report_that_is_called_partial(self) -> None:
        rows = self.folder / "run.jsonl"
        process = self.start("compare", "--sizes", "56", "--transports", "pipe", "--json",
                             str(rows), "--out", str(self.folder / "out"))
        self.await_that(lambda: rows.exists() and b'"floor"' in rows.read_bytes())
        process.send_signal(signal.SIGINT)
        status, _, errors = self.finish(process)
        self.assertEqual(status, 1)
        self.assertIn("interrupted by SIGINT", errors)
        written = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
        self.assertEqual((written[-1]["bench"], written[-1]["complete"]), ("end", False))
        ended = self.ringbell("report", str(rows), "--out", str(self.folder))
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        self.assertIn("A partial run: interrupted by SIGINT.",
                      (self.folder / "BENCHMARKS.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
