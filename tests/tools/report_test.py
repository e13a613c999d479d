#!/usr/bin/python3
"""Tests of tools/report.py, on a synthetic run.

--write-fixture regenerates fixture.jsonl, a quick run, from synthetic.py.
"""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FIXTURE = HERE / "fixture.jsonl"
sys.path.insert(0, str(HERE.parents[1] / "tools"))

from report import readme, tables, text  # noqa: E402
from report.__main__ import main  # noqa: E402
from report.load import BadInput, Figure, Results, load  # noqa: E402
from report.pages import write_pages  # noqa: E402
from report.settings import SETTINGS  # noqa: E402
from report.targets import Target, all_targets  # noqa: E402
from synthetic import full_run, quick_run  # noqa: E402


class ReportTest(unittest.TestCase):
    """A folder of its own for every test."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, rows: list[dict[str, Any]]) -> Path:
        path = self.folder / "run.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def results(self, rows: list[dict[str, Any]]) -> Results:
        return load(self.write(rows))

    def report(self, *arguments: object) -> tuple[int, str]:
        """Exit status and stderr."""
        with contextlib.redirect_stderr(io.StringIO()) as errors:
            try:
                status = main([str(a) for a in arguments])
            except SystemExit as ended:
                status = int(ended.code or 0)
        return status, errors.getvalue()

    def benchmarks(self, rows: list[dict[str, Any]]) -> str:
        path = self.folder / "BENCHMARKS.md"
        status, errors = self.report(self.write(rows), "--benchmarks", path)
        self.assertEqual((status, errors), (0, ""))
        return path.read_text()

    def page(self, rows: list[dict[str, Any]], name: str) -> str:
        """One of docs/results, without plots; empty where there is nothing to say."""
        folder = self.folder / "pages"
        folder.mkdir(exist_ok=True)
        write_pages(self.results(rows), [], folder)
        return (folder / name).read_text() if (folder / name).exists() else ""

    def target(self, rows: list[dict[str, Any]], start: str) -> Target:
        found = [t for t in all_targets(self.results(rows)) if t.what.startswith(start)]
        self.assertEqual(len(found), 1, start)
        return found[0]


META = {"bench": "meta", "commit": "abc", "dirty": False}


def trip(transport: str, wait: str, p50_ns: float, **more: Any) -> dict[str, Any]:
    """A round-trip row of 56 bytes on two CPUs."""
    return {"bench": "round_trip", "transport": transport, "wait": wait, "placement": "two_cpus",
            "message_bytes": 56, "p50_ns": p50_ns, "p99_ns": p50_ns * 2, **more}


class Numbers(ReportTest):
    def test_figures_have_three_significant_digits_and_the_unit_that_fits(self) -> None:
        for ns, shown in ((0.274, "0.274 ns"), (299, "299 ns"), (999.7, "1.00 us"),
                          (1780, "1.78 us"), (72000, "72.0 us"), (15.36e9, "15.4 s")):
            self.assertEqual(text.duration(ns), shown)
        self.assertEqual(text.message_rate(208.6e6), "209 M/s")
        self.assertEqual(text.byte_rate(17.46e9), "17.5 GB/s")
        self.assertEqual([text.size(s) for s in (8, 1024, 65536, 1 << 20)],
                         ["8 B", "1 KiB", "64 KiB", "1 MiB"])

    def test_a_ratio_is_formed_within_each_repeat(self) -> None:
        ratio = Figure({0: 10.0, 1: 40.0, 2: 5.0}).over(Figure({0: 5.0, 1: 10.0}))
        self.assertEqual(ratio.by_repeat, {0: 2.0, 1: 4.0})

    def test_a_ratio_to_something_unmeasured_is_unmeasured(self) -> None:
        self.assertFalse(Figure({0: 1.0}).over(Figure()))

    def test_text_from_outside_cannot_break_a_table(self) -> None:
        self.assertEqual(text.escape("a|b\n<c>"), "a\\|b &lt;c&gt;")


class Loading(ReportTest):
    def test_repeats_are_shown_as_median_with_smallest_and_largest(self) -> None:
        rows = [META, *(trip("ringbell", "spin", p50, repeat=r)
                        for r, p50 in enumerate((310, 290, 300)))]
        table = tables.round_trip_by_size(self.results(rows), SETTINGS[0])
        self.assertIn("300 ns<br><sub>290–310 ns", table)

    def test_repeats_without_a_number_are_all_kept(self) -> None:
        results = self.results([META, trip("pipe", "polled", 1), trip("pipe", "polled", 3)])
        self.assertEqual(results.figure("round_trip", "p50_ns", transport="pipe").median, 2)

    def test_loaned_batched_and_quick_rows_do_not_mix_with_plain_ones(self) -> None:
        results = self.results([META, trip("ringbell", "park", 9, quick_wake=False),
                                trip("ringbell", "park", 1, quick_wake=True),
                                trip("ringbell", "park", 2, loaned=True),
                                trip("ringbell", "park", 3, batch=16)])
        found = results.figure("round_trip", "p50_ns", transport="ringbell", quick_wake=False)
        self.assertEqual(found.by_repeat, {0: 9.0})

    def test_a_row_with_a_checksum_stands_in_only_where_no_other_row_is(self) -> None:
        slow = trip("pipe", "polled", 7, checksum=True)
        alone = self.results([META, slow])
        beside = self.results([META, slow, trip("pipe", "polled", 5)])
        self.assertEqual(alone.figure("round_trip", "p50_ns").median, 7)
        self.assertEqual(beside.figure("round_trip", "p50_ns").median, 5)

    def test_figures_that_were_not_verified_are_not_used(self) -> None:
        results = self.results([META, {"bench": "throughput", "transport": "pipe",
                                       "wait": "polled", "message_bytes": 8,
                                       "messages_per_s": 1e9, "verified": False}])
        self.assertEqual((len(results.rows), len(results.failed)), (0, 1))

    def test_figures_that_are_no_finite_numbers_count_as_missing(self) -> None:
        for value in ("fast", None, True, float("nan"), float("inf"), -1, 0):
            results = self.results([META, trip("pipe", "polled", 1) | {"p50_ns": value}])
            self.assertFalse(results.figure("round_trip", "p50_ns"), value)


class BadFiles(ReportTest):
    def refuse(self, path: Path, reason: str) -> None:
        status, errors = self.report(path, "--benchmarks", self.folder / "B.md")
        self.assertEqual(status, 1)
        self.assertEqual(errors.count("\n"), 1, errors)
        self.assertIn(reason, errors)
        self.assertFalse((self.folder / "B.md").exists())

    def test_a_missing_file_and_a_directory_are_refused_in_one_line(self) -> None:
        self.refuse(self.folder / "none.jsonl", "No such file")
        self.refuse(self.folder, "directory")

    def test_a_file_without_rows_is_refused_in_one_line(self) -> None:
        for content in ("", "\n \n"):
            path = self.folder / "run.jsonl"
            path.write_text(content)
            self.refuse(path, "is empty")

    def test_what_is_not_json_lines_is_refused_with_its_line(self) -> None:
        path = self.folder / "run.jsonl"
        for content in ('{"bench":"meta"}\n{"bench":', '{"bench":"meta"}\n[1]'):
            path.write_text(content)
            self.refuse(path, "run.jsonl:2 is not JSON Lines")
        path.write_bytes(b"\xff\xfe")
        self.refuse(path, "not UTF-8")

    def test_a_file_without_a_meta_line_is_refused_in_one_line(self) -> None:
        self.refuse(self.write([trip("pipe", "polled", 1)]), "no meta line")

    def test_a_size_that_is_no_whole_number_is_refused_with_its_line(self) -> None:
        self.refuse(self.write([META, trip("pipe", "polled", 1, message_bytes="8")]),
                    "run.jsonl:2: message_bytes is not a whole number")

    def test_wrong_usage_ends_with_status_two(self) -> None:
        for arguments in ((), (FIXTURE,), (FIXTURE, "--plots"), (FIXTURE, "--nonsense"),
                          (FIXTURE, FIXTURE, "--readme", "y"), (FIXTURE, FIXTURE, FIXTURE)):
            self.assertEqual(self.report(*arguments)[0], 2, arguments)

    def test_a_place_that_cannot_be_written_is_told_in_one_line(self) -> None:
        (self.folder / "file").write_text("")
        status, errors = self.report(FIXTURE, "--benchmarks", self.folder / "file" / "B.md")
        self.assertEqual((status, errors.count("\n")), (1, 1))


class Targets(ReportTest):
    def test_a_target_on_the_limit_is_met_and_beyond_it_is_not(self) -> None:
        floor = {"bench": "floor", "name": "ring_of_lines", "message_bytes": 56, "p50_ns": 100}
        for p50, met in ((110, True), (110.01, False)):
            target = self.target([META, floor, trip("ringbell", "spin", p50)],
                                 "round trip, spin, 56 B: this ÷ ring of lines")
            self.assertIs(target.met, met)

    def test_rounding_never_hides_a_missed_target(self) -> None:
        floor = {"bench": "floor", "name": "ring_of_lines", "message_bytes": 56, "p50_ns": 100}
        target = self.target([META, floor, trip("ringbell", "spin", 110.01)],
                             "round trip, spin, 56 B: this ÷ ring of lines")
        self.assertEqual(target.got, "1.1001×")

    def test_what_lines_carry_is_another_share_where_they_have_far_to_go(self) -> None:
        for line_ns, met in ((170.0, True), (250.0, False)):
            row = {"bench": "throughput", "transport": "ringbell", "wait": "spin",
                   "placement": "two_cpus", "message_bytes": 56, "messages_per_s": 46e6,
                   "limit_per_s": 100e6,
                   "line_ns_before": line_ns, "line_ns_after": line_ns}
            target = self.target([META, row], "throughput, spin, 56 B: this ÷ what lines carry")
            self.assertIs(target.met, met)
            self.assertEqual(target.got, "0.460×")
            ring = {**row, "transport": "ringbell_mpmc", "messages_per_s": 23e6}
            table = tables.rings(self.results([META, row, ring]), "throughput")
            self.assertIn("0.460× limit", table)
            self.assertIn("0.500×", table)

    def test_a_target_without_its_rows_is_not_measured(self) -> None:
        self.assertTrue(all(t.met is None for t in all_targets(self.results([META]))))

    def test_one_wrong_count_of_copies_misses_the_target(self) -> None:
        rows = [META, *({"bench": "file_copy", "transport": "ringbell", "wait": wait,
                         "file_bytes": 100, "copies_per_byte": copies}
                        for wait, copies in (("spin", 2.0), ("park", 2.03)))]
        self.assertIs(self.target(rows, "file to file, ringbell").met, False)

    def test_copies_are_computed_where_the_run_gave_only_the_counts(self) -> None:
        rows = [META, {"bench": "file_copy", "transport": "posix_mq", "wait": "polled",
                       "file_bytes": 100, "kernel_copied_bytes": 200,
                       "wrapper_copied_bytes": 200}]
        table = tables.file_copies(self.results(rows))
        self.assertIn("| POSIX queue | polled, two CPUs | 4.00 | 2.00 |", table)

    def test_every_target_of_a_full_run_is_measured(self) -> None:
        self.assertNotIn(None, [t.met for t in all_targets(self.results(full_run()))])


class Documents(ReportTest):
    def test_the_document_says_first_that_it_is_generated_and_how(self) -> None:
        head = self.benchmarks(full_run())[:200]
        self.assertIn("Generated", head)
        self.assertIn("./dev compare --full --json run.jsonl && ./dev report run.jsonl", head)

    def test_a_dirty_or_quick_run_is_warned_of(self) -> None:
        self.assertEqual(self.benchmarks(full_run()).count("[!WARNING]"), 0)
        dirty = [json.loads(line) for line in quick_run().splitlines()]
        self.assertEqual(self.benchmarks(dirty).count("[!WARNING]"), 2)

    def test_the_first_screen_and_the_whole_are_short(self) -> None:
        document = self.benchmarks(full_run())
        self.assertLessEqual(len(document.encode()), 25_000)
        self.assertLessEqual(document.split("## What was measured")[0].count("\n"), 60)

    def test_every_class_of_waiting_has_its_round_trip_table(self) -> None:
        document = self.page(full_run(), "round_trip.md")
        for setting in SETTINGS[:5]:
            self.assertIn(f"## Round trip. {setting.title}\n", document)

    def test_ratios_to_the_pipe_and_to_the_floor_are_computed(self) -> None:
        floor = {"bench": "floor", "name": "ring_of_lines", "message_bytes": 56, "p50_ns": 200}
        document = self.page([META, floor, trip("ringbell", "spin", 300),
                              trip("pipe", "polled", 1800)], "round_trip.md")
        self.assertIn("| **ringbell spin** | 300 ns | – | 600 ns | – | – | – | 6.00× | 1.50× |",
                      document)

    def test_the_bare_rings_have_a_table_of_their_own_with_their_floors(self) -> None:
        spin = {"placement": "two_cpus", "message_bytes": 8}
        rows = [META, trip("ringbell", "spin", 280, **spin),
                trip("ringbell_call", "spin", 140, floor_p50_ns=125, **spin)]
        self.assertIn("| **CallLine** | 140 ns<br><sub>1.12× floor</sub> |",
                      self.page(rows, "rings.md"))
        self.assertNotIn("CallLine", self.page(rows, "round_trip.md"))

    def test_split_messages_are_marked(self) -> None:
        document = self.page([META, trip("posix_mq", "polled", 300, split=True)],
                             "round_trip.md")
        self.assertIn("300 ns †", document)

    def test_rows_that_could_not_run_are_listed_with_their_reason(self) -> None:
        document = self.benchmarks([META, *(
            {"bench": "round_trip", "transport": "tcp", "wait": "polled", "placement": "one_cpu",
             "message_bytes": size, "error": "no | loopback"} for size in (8, 56))])
        self.assertIn("| TCP loopback | round trip · polled · one CPU · 8 B, 56 B | "
                      "no \\| loopback |", document)

    def test_rows_of_an_unknown_kind_are_counted(self) -> None:
        document = self.benchmarks([META, {"bench": "quantum"}])
        self.assertIn("kinds that this report does not know: 1 row(s): quantum two_cpus", document)

    def test_a_run_of_nothing_but_meta_still_makes_a_report(self) -> None:
        self.assertIn("not measured", self.benchmarks([{"bench": "meta"}]))

    def test_every_line_of_a_table_has_as_many_cells_as_its_head(self) -> None:
        cells, pages = 0, [self.benchmarks(full_run()), self.page(full_run(), "round_trip.md")]
        pages += [path.read_text() for path in sorted((self.folder / "pages").iterdir())]
        for line in "\n".join(pages).splitlines():
            count = line.replace("\\|", "").count("|") if line.startswith("|") else 0
            self.assertTrue(not count or not cells or count == cells, line)
            cells = count


class Readme(ReportTest):
    OLD = f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n"

    def test_only_the_text_between_the_markers_is_replaced(self) -> None:
        path = self.folder / "README.md"
        path.write_text(self.OLD)
        for _ in range(2):
            self.assertEqual(self.report(FIXTURE, "--readme", path), (0, ""))
            new = path.read_text()
            self.assertTrue(new.startswith(f"before\n{readme.BEGIN}\n| need | what |"))
            self.assertTrue(new.endswith(f"(BENCHMARKS.md).\n\n> [!WARNING]\n> The working tree "
                                         "had uncommitted changes: these figures do not belong "
                                         "to the commit alone.\n\n> [!WARNING]\n> A quick run: "
                                         "few samples, and rows left out. Make a record with "
                                         f"`./dev compare --full`.\n{readme.END}\nafter\n"))
            self.assertNotIn("old", new)

    def test_a_readme_without_markers_is_left_alone(self) -> None:
        path = self.folder / "README.md"
        path.write_text("nothing here\n")
        benchmarks = self.folder / "B.md"
        status, errors = self.report(FIXTURE, "--readme", path, "--benchmarks", benchmarks)
        self.assertEqual((status, errors.count("\n")), (1, 1))
        self.assertEqual(path.read_text(), "nothing here\n")
        self.assertFalse(benchmarks.exists())

    def test_figures_that_are_missing_become_dashes(self) -> None:
        block = readme.figures(self.results([META]), "BENCHMARKS.md")
        self.assertIn("| **two CPUs to burn** | round trip, 56 B | – | – | – |", block)

    def test_markers_in_the_wrong_order_are_refused(self) -> None:
        with self.assertRaises(BadInput):
            readme.replace_figures(f"{readme.END}{readme.BEGIN}", "", "README.md")


@unittest.skipUnless(importlib.util.find_spec("matplotlib"), "matplotlib is not installed")
class Plots(ReportTest):
    def test_the_same_run_gives_the_same_bytes_and_every_linked_plot_exists(self) -> None:
        document = self.folder / "B.md"
        for folder in ("one", "two"):
            status = self.report(FIXTURE, "--results", self.folder / folder,
                                 "--benchmarks", document)
            self.assertEqual(status, (0, ""))
        one, two = ({p.name: p.read_bytes() for p in (self.folder / f).iterdir()}
                    for f in ("one", "two"))
        self.assertEqual(one, two)
        pages = "".join(p.read_text() for p in (self.folder / "two").glob("*.md"))
        told = document.read_text()
        for name in two:
            self.assertIn(f"]({name})" if name.endswith(".svg") else f"](two/{name})",
                          pages if name.endswith(".svg") else told)
        self.assertTrue(all(b"<text" in svg for name, svg in one.items() if name.endswith("svg")))

    def test_the_rows_are_kept_whole_and_can_be_reported_on_again(self) -> None:
        self.assertEqual(self.report(FIXTURE, "--results", self.folder / "r"), (0, ""))
        (kept,) = (self.folder / "r").glob("*.jsonl.gz")
        self.assertEqual(kept.name, "quick-2026-11-21T0405.jsonl.gz")
        self.assertEqual(gzip.decompress(kept.read_bytes()), FIXTURE.read_bytes())
        self.assertEqual(load(kept), load(FIXTURE))
        kept.write_bytes(kept.read_bytes()[:100])
        status, errors = self.report(kept, "--benchmarks", self.folder / "B.md")
        self.assertEqual((status, errors.count("\n")), (1, 1))

    def test_no_more_is_drawn_than_there_are_rows_for(self) -> None:
        run = self.write([META, trip("ringbell", "spin", 300, message_bytes=8)])
        folder = self.folder / "plots"
        folder.mkdir()
        (folder / "copies.svg").write_text("of an earlier run")
        (folder / "mine.svg").write_text("not the report's")
        self.assertEqual(self.report(run, "--plots", folder), (0, ""))
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["latency.svg", "mine.svg"])

    def test_no_label_lies_on_another(self) -> None:
        from report.plots import _apart
        heights = _apart([5.0, 5.0, 6.0, 99.0], 10, 0, 100)
        self.assertTrue(all(b - a >= 10 for a, b in zip(heights, heights[1:])), heights)
        self.assertLessEqual(heights[-1], 100)


class Peers(ReportTest):
    ROWS = [META, trip("ringbell", "spin", 200), trip("ringbell", "spin", 100, loaned=True),
            trip("pipe", "polled", 1000),
            trip("iceoryx", "polled", 500, peer_version="2.0.3"),
            trip("iceoryx", "polled", 400, loaned=True, peer_version="2.0.3"),
            trip("ringbell", "park", 3000, quick_wake=False),
            trip("nng", "blocking", 9000, quick_wake=False, loaned=True)]

    def test_a_run_without_other_libraries_says_nothing_of_them(self) -> None:
        self.assertNotIn("Other libraries", self.benchmarks(full_run()))

    def test_each_library_stands_beside_ringbell_copied_and_loaned(self) -> None:
        found = self.benchmarks(self.ROWS).split("## Other libraries")[1].split("\n## ")[0]
        self.assertIn("| iceoryx, loaned | 400 ns", self.page(self.ROWS, "peers.md"))
        self.assertIn("Versions: iceoryx 2.0.3.", found)
        self.assertIn("| **ringbell spin** | 200 ns |", found)
        self.assertIn("| iceoryx | 500 ns<br><sub>2.50×</sub> |", found)
        self.assertIn("| iceoryx, loaned | 400 ns<br><sub>4.00×</sub> |", found)
        # ringbell's sleeping rows are copied ones.
        self.assertIn("| nng, loaned | 9.00 us<br><sub>3.00×</sub> |", found)

    def test_a_guest_is_a_library_whatever_its_name(self) -> None:
        rows = [*self.ROWS, trip("gull", "polled", 600, guest=True, peer_version="1, abc")]
        found = self.page(rows, "peers.md")
        self.assertIn("| gull | 600 ns<br><sub>3.00×</sub> |", found)
        self.assertIn("gull: measured in turn by programs of their own", found)
        self.assertIn("gull 1, abc", found)
        self.assertNotIn("gull", self.page(rows, "round_trip.md"))
        self.assertNotIn("programs of their own", self.page(self.ROWS, "peers.md"))

    def test_a_rate_is_compared_the_other_way_round(self) -> None:
        def one_way(transport: str, wait: str, rate: float) -> dict[str, Any]:
            return {"bench": "throughput", "transport": transport, "wait": wait,
                    "placement": "two_cpus", "message_bytes": 8, "messages_per_s": rate,
                    "verified": True}
        found = self.page([META, one_way("ringbell", "spin", 8e6),
                           one_way("zeromq", "polled", 2e6)], "peers.md")
        self.assertIn("| ZeroMQ | 2.00 M/s<br><sub>4.00×</sub> |", found)

    def test_in_no_other_page_than_their_own_but_among_the_rivals(self) -> None:
        document = self.page(self.ROWS, "round_trip.md")
        self.assertNotIn("iceoryx", document)
        self.assertNotIn("nng", document)
        self.assertIn("500 ns<br><sub>iceoryx</sub> | 2.50×", self.benchmarks(self.ROWS))


class Fixture(unittest.TestCase):
    def test_the_fixture_is_what_the_generator_writes(self) -> None:
        self.assertEqual(FIXTURE.read_text(), quick_run(), "run this file with --write-fixture")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write-fixture"]:
        FIXTURE.write_text(quick_run())
    else:
        unittest.main()
