#!/usr/bin/python3
"""The table by need, where ringbell does not win, and runs that were cut short."""

from __future__ import annotations

import json
import re
from typing import Any
from unittest import mock, main as run_tests

from report_test import META, ReportTest, trip

from report import html, needs
from report.needs import QUESTIONS

NEAR = {"line_ns_before": 120.0, "line_ns_after": 130.0}
FAR = {"line_ns_before": 450.0, "line_ns_after": 470.0}
ONE_CPU = {"placement": "one_cpu", "quick_wake": False}


def one_way(transport: str, wait: str, rate: float, **more: Any) -> dict[str, Any]:
    return {"bench": "throughput", "transport": transport, "wait": wait, "placement": "two_cpus",
            "message_bytes": 56, "messages_per_s": rate, "bytes_per_s": rate * 56,
            "verified": True, **more}


class Needs(ReportTest):
    def line(self, rows: list[dict[str, Any]], need: str, what: str) -> list[str]:
        """The cells of one question behind its two names."""
        table = needs.table(self.results(rows)).splitlines()[2:]
        at = next(i for i, line in enumerate(table) if f"**{need}**" in line)
        line = next(line for line in table[at:] if f"| {what} |" in line)
        return [cell.strip() for cell in line.split("|")[3:-1]]

    def test_the_best_rival_of_all_kinds_stands_beside_ringbell(self) -> None:
        rows = [META, trip("ringbell", "spin", 200, cpu_ns_per_message=400),
                trip("pipe", "polled", 2000), trip("tcp", "polled", 6000),
                trip("iceoryx", "polled", 900, cpu_ns_per_message=1800),
                trip("ringbell_call", "spin", 1), trip("pipe", "blocking", 1, quick_wake=False),
                trip("pipe", "polled", 1, checksum=True), trip("nng", "polled", 1, loaned=True)]
        self.assertEqual(self.line(rows, "two CPUs to burn", "round trip, 56 B"),
                         ["200 ns<br><sub>CPU 400 ns</sub>",
                          "900 ns<br><sub>CPU 1.80 us<br>iceoryx</sub>", "4.50×"])

    def test_one_by_one_stands_beside_one_by_one_and_batches_beside_batches(self) -> None:
        awake, singly, batched = ("two CPUs to burn", "one way, 56 B, one by one",
                                  "one way, 56 B, 16 at once")
        rows = [META, one_way("ringbell", "spin", 20e6), one_way("pipe", "polled", 2e6),
                one_way("boost_queue", "polled", 4e6), one_way("pipe", "polled", 40e6, batch=16)]
        self.assertEqual(self.line(rows, awake, singly),
                         ["20.0 M/s", "4.00 M/s<br><sub>Boost message_queue</sub>", "5.00×"])
        # A rival's batches without ringbell's form no ratio.
        self.assertEqual(self.line(rows, awake, batched),
                         ["–", "40.0 M/s<br><sub>pipe (64 KiB), 16 at once</sub>", "–"])
        rows += [one_way("ringbell", "spin", 80e6, batch=16),
                 one_way("ringbell", "spin", 900e6, batch=64)]
        self.assertEqual(self.line(rows, awake, singly)[2], "5.00×")
        self.assertEqual(self.line(rows, awake, batched),
                         ["80.0 M/s<br><sub>ringbell spin, 16 at once</sub>",
                          "40.0 M/s<br><sub>pipe (64 KiB), 16 at once</sub>", "2.00×"])

    def test_a_row_that_spins_first_does_not_stand_for_one_that_must_sleep(self) -> None:
        rows = [META, trip("ringbell", "park", 300, quick_wake=False),
                trip("ringbell", "park", 9000, quick_wake=False, spin_first=False),
                trip("unix_stream", "blocking", 6000, quick_wake=False)]
        self.assertEqual(self.line(rows, "must sleep, two CPUs",
                                   "round trip, 56 B, never spinning")[2], "0.667×")
        self.assertEqual(self.line(rows, "must sleep, two CPUs",
                                   "round trip, 56 B, ringbell spins first")[2], "20.0×")

    def test_near_and_far_have_columns_of_their_own_and_one_cpu_has_none(self) -> None:
        rows = [META, trip("ringbell", "spin", 150, **NEAR), trip("pipe", "polled", 1500, **NEAR),
                trip("ringbell", "spin", 600, **FAR), trip("pipe", "polled", 3000, **FAR),
                trip("ringbell", "park", 5000, **ONE_CPU), trip("pipe", "blocking", 4000,
                                                                **ONE_CPU)]
        header = needs.table(self.results(rows)).splitlines()[0]
        self.assertLess(header.index("ringbell, CPUs near"), header.index("ringbell, CPUs far"))
        cells = self.line(rows, "two CPUs to burn", "round trip, 56 B")
        self.assertEqual((cells[2], cells[5]), ("10.0×", "5.00×"))
        self.assertEqual(self.line(rows, "one CPU", "round trip, 56 B")[2:4],
                         ["0.800×", "as there"])

    def test_every_question_of_a_full_run_has_an_answer(self) -> None:
        from synthetic import full_run
        table = needs.table(self.results(full_run()))
        self.assertEqual(len(table.splitlines()), 2 + len(QUESTIONS) + 1)
        self.assertNotIn("–  |", table)
        self.assertNotIn("| – |", table)


class Losses(ReportTest):
    def lost(self, *rows: dict[str, Any]) -> str:
        return needs.where_it_does_not_win(self.results([META, *rows]))

    def test_each_point_at_which_a_rival_is_better_is_said_with_both_figures(self) -> None:
        said = self.lost(trip("ringbell", "park", 7300, message_bytes=4096, **ONE_CPU),
                         trip("pipe", "blocking", 5100, message_bytes=4096, **ONE_CPU),
                         trip("ringbell", "park", 1000, **ONE_CPU),
                         trip("pipe", "blocking", 2000, **ONE_CPU))
        self.assertEqual(said, "- **Round trip. Asleep, both processes on one CPU**: 4 KiB "
                               "7.30 us (ringbell park), pipe (64 KiB) 5.10 us: 0.699×.")

    def test_nothing_is_said_where_medians_are_level_or_better(self) -> None:
        self.assertEqual(self.lost(trip("ringbell", "spin", 1010), trip("pipe", "polled", 1000)),
                         "")
        self.assertEqual(self.lost(one_way("ringbell", "spin", 9e6),
                                   one_way("pipe", "polled", 8e6)), "")
        self.assertIn("At no point", self.benchmarks([META, trip("ringbell", "spin", 1),
                                                      trip("pipe", "polled", 2)]))

    def test_batches_are_judged_by_batches(self) -> None:
        rows = [one_way("ringbell", "spin", 20e6), one_way("ringbell", "spin", 30e6, batch=16)]
        self.assertEqual(self.lost(*rows, one_way("pipe", "polled", 25e6, batch=16)), "")
        said = self.lost(*rows, one_way("pipe", "polled", 40e6, batch=16))
        self.assertEqual(said, "- **One way. Awake: spinning or polled, each process on its own "
                               "CPU**: 56 B 30.0 M/s (ringbell spin, 16 at once), pipe (64 KiB), "
                               "16 at once 40.0 M/s: 0.750×.")
        fast = self.lost(*rows, one_way("pipe", "polled", 25e6))
        self.assertIn("20.0 M/s (ringbell spin), pipe (64 KiB) 25.0 M/s: 0.800×.", fast)

    def test_repeats_that_overlap_are_said_to(self) -> None:
        rows = [trip("ringbell", "spin", ns, repeat=r) for r, ns in enumerate((110, 120, 130))]
        rows += [trip("pipe", "polled", ns, repeat=r) for r, ns in enumerate((100, 105, 112))]
        self.assertIn("0.875×, the repeats overlap.", self.lost(*rows))
        apart = [{**row, "p50_ns": row["p50_ns"] * (2 if row["transport"] == "ringbell" else 1)}
                 for row in rows]
        self.assertNotIn("overlap", self.lost(*apart))

    def test_no_rival_of_the_other_state_wins(self) -> None:
        self.assertEqual(self.lost(trip("ringbell", "spin", 600, **FAR),
                                   trip("pipe", "polled", 500, **NEAR)), "")
        said = self.lost(trip("ringbell", "spin", 600, **FAR), trip("pipe", "polled", 500, **FAR),
                         trip("ringbell", "spin", 100, **NEAR), trip("tcp", "polled", 500, **NEAR))
        self.assertIn("500 ns: 0.833×, CPUs far.", said)
        self.assertNotIn("near", said)

    def test_loaned_is_judged_by_loaned(self) -> None:
        said = self.lost(trip("ringbell", "spin", 200), trip("iceoryx", "polled", 150, loaned=True),
                         trip("ringbell", "spin", 180, loaned=True))
        self.assertIn("56 B, loaned 180 ns (ringbell spin), iceoryx 150 ns: 0.833×", said)

    def test_with_both_states_and_many_losses_the_first_screen_stays_short(self) -> None:
        rows = [META]
        for size in (8, 56, 256, 1024, 4096, 65536, 1 << 20):
            for state in (NEAR, FAR):
                for wait, other in (("spin", "polled"), ("park", "blocking")):
                    for place in ("two_cpus", "one_cpu"):
                        for quick in (False, True):
                            key = {"placement": place, "message_bytes": size, "quick_wake": quick,
                                   **(state if place == "two_cpus" else {})}
                            rows += [trip("ringbell", wait, 9000, **key),
                                     trip("pipe", other, 5000, **key),
                                     one_way("ringbell", wait, 1e6, **key),
                                     one_way("pipe", other, 2e6, **key)]
        document = self.benchmarks(rows)
        self.assertLessEqual(document.split("## What was measured")[0].count("\n"), 60)
        self.assertLessEqual(len(document.encode()), 25_000)
        self.assertRegex(document, r"; and \d+ more\.")
        self.assertNotRegex(self.page(rows, "losses.md"), r"and \d+ more")


class CutShort(ReportTest):
    ROWS = [{**META, "has_end": True}, trip("ringbell", "spin", 200)]

    def test_a_run_without_its_last_line_is_partial(self) -> None:
        self.assertRegex(self.benchmarks(self.ROWS),
                         r"\[!WARNING\]\n> A partial run: it was killed, or is not over\.")

    def test_a_run_that_was_interrupted_says_by_what(self) -> None:
        rows = [*self.ROWS, {"bench": "end", "complete": False, "why": "interrupted by SIGINT"}]
        self.assertIn("> A partial run: interrupted by SIGINT. ", self.benchmarks(rows))

    def test_a_whole_run_and_one_of_before_there_was_a_last_line_are_not(self) -> None:
        whole = [*self.ROWS, {"bench": "end", "complete": True}]
        for rows in (whole, [META, self.ROWS[1]]):
            document = self.benchmarks(rows)
            self.assertNotIn("partial", document)
            self.assertNotIn("does not know", document)

    def test_the_document_says_which_kind_of_run_it_was(self) -> None:
        for mode, repeats, said in (("plain", 1, "A plain run, each point once"),
                                    ("full", 3, "A full run, each point three times")):
            self.assertIn(f"\n{said}, commit ",
                          self.benchmarks([{**META, "mode": mode, "repeats": repeats}]))

    def test_without_plotly_one_line_says_how_to_get_it(self) -> None:
        page = self.folder / "run.html"
        with mock.patch.object(html, "SCRIPTS", ()):
            status, errors = self.report(self.write(self.ROWS), "--html", page)
        self.assertEqual((status, errors),
                         (1, "report: --html needs Plotly: apt-get install python3-plotly\n"))
        self.assertFalse(page.exists())

    def test_no_text_of_a_run_can_end_the_pages_script(self) -> None:
        library, page = self.folder / "plotly.js", self.folder / "run.html"
        library.write_text("'</script>'")
        with mock.patch.object(html, "SCRIPTS", (str(library),)):
            run = self.write([{**META, "cpu": "</script><!--<script>"}, *self.ROWS[1:]])
            self.assertEqual(self.report(run, "--html", page), (0, ""))
        written = page.read_text()
        self.assertEqual(len(re.findall("</script", written)), 3)
        data = re.search(r"const RUNS = (.*);</script>", written)
        assert data is not None
        self.assertIn("</script><!--<script>", json.loads(data[1])[0]["about"])


if __name__ == "__main__":
    run_tests()
