#!/usr/bin/python3
"""`ringbell bench` as a person runs it."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import time
import unittest
from collections.abc import Callable
from typing import Any, TypeVar

from command_line import PATIENCE_S, CommandTest, not_emulated

T = TypeVar("T")

ONE_CPU = str(min(os.sched_getaffinity(0)))
SHORT = {"round-trip": ("--samples", "100"), "wake": ("--samples", "100"),
         "throughput": ("--duration", "0.02"), "open-loop": ("--duration", "0.02"),
         "scale": ("--duration", "0.01", "--samples", "100")}


class Bench(CommandTest):
    def rows(self, kind: str, *options: str) -> list[dict[str, Any]]:
        """Of a short run: what it wrote as JSON Lines in place of a table."""
        ended = self.ringbell("bench", kind, *SHORT.get(kind, ()), "--json", "-", *options)
        if b"nothing of it can be measured here" in ended.stderr:
            return []
        self.assertEqual(ended.returncode, 0, ended.stderr)
        rows = [json.loads(line) for line in ended.stdout.splitlines()]
        self.assertEqual((rows[0]["bench"], rows[0]["mode"]), ("meta", f"bench {kind}"))
        return rows[1:]

    def measured(self, measure: Callable[[], T], is_done: Callable[[T], Any]) -> T:
        """Other work may keep the CPU from what a rate asks for: then once more, for a while."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            made = measure()
            if is_done(made) or time.monotonic() > deadline:
                return made

    def refuse(self, said: str, *arguments: str) -> None:
        ended = self.ringbell("bench", *arguments)
        self.assertEqual((ended.returncode, ended.stdout), (2, b""))
        self.expect_line(ended.stderr.decode(), said)

    def test_round_trips_on_one_cpu_have_the_chosen_size_wait_and_samples(self) -> None:
        rows = self.rows("round-trip", "--cpu", ONE_CPU, "--size", "8,2K", "--wait", "park",
                         "--transport", "ringbell,pipe", "--repeats", "2")
        trips = [(r["transport"], r["wait"], r["message_bytes"], r["repeat"])
                 for r in rows if r["bench"] == "round_trip"]
        self.assertEqual(trips, [(who, wait, size, repeat) for repeat in (0, 1)
                                 for size in (8, 2048)
                                 for who, wait in (("ringbell", "park"), ("pipe", "blocking"))])
        self.assertTrue(all(r["placement"] == "one_cpu" for r in rows))
        self.assertTrue(all(r["samples"] == 100 for r in rows))
        self.assertEqual({r["name"] for r in rows if r["bench"] == "floor"}, {"futex", "eventfd"})

    def test_a_stream_is_verified_to_the_last_byte(self) -> None:
        rows = self.rows("throughput", "--cpu", ONE_CPU, "--size", "56", "--verify",
                         "--transport", "ringbell", "--repeats", "1")
        self.assertEqual([r["bench"] for r in rows], ["throughput"])
        self.assertTrue(rows[0]["verified"] and rows[0]["checksum"])
        self.assertGreater(rows[0]["verified_messages"], 0)

    @not_emulated("too slow to send when it is time to")
    def test_the_open_loop_has_a_row_for_each_load_and_rate(self) -> None:
        def measure() -> list[dict[str, Any]]:
            return self.rows("open-loop", "--cpu", ONE_CPU, "--transport", "pipe", "--repeats", "1",
                             "--load", "10,50", "--rate", "2k")

        rows = self.measured(measure, lambda rows: rows and not any("error" in r for r in rows))
        self.assertEqual([r.get("load") for r in rows], [0.1, 0.5, None])
        self.assertEqual(rows[2]["rate_intended_per_s"], 2000)
        self.assertTrue(all(r["verified"] and r["p50_ns"] > 0 and r["samples"] > 0 for r in rows))

    @unittest.skipUnless(importlib.util.find_spec("matplotlib"), "matplotlib is not installed")
    @not_emulated("too slow to send when it is time to")
    def test_the_open_loop_is_plotted(self) -> None:
        ended = self.measured(
            lambda: self.ringbell("bench", "open-loop", "--cpu", ONE_CPU, "--transport", "pipe",
                                  "--repeats", "1", *SHORT["open-loop"], "--plot",
                                  str(self.folder)),
            lambda ended: b"nothing of it can be measured here" not in ended.stderr)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("pipe", (self.folder / "open_loop.svg").read_text())
        self.assertIn("plot: ", ended.stdout.decode())

    def test_nobody_spins_where_the_wake_up_is_measured(self) -> None:
        rows = self.rows("wake", "--cpu", ONE_CPU, "--transport", "ringbell", "--repeats", "1",
                         "--wait", "park")
        trips = [r for r in rows if r["bench"] == "round_trip"]
        self.assertTrue(all(r["spin_first"] is False for r in trips))
        self.assertEqual({r["quick_wake"] for r in trips}, {False, True})

    @unittest.skipUnless(len(os.sched_getaffinity(0)) > 1, "needs two CPUs")
    def test_many_have_a_row_for_each_count_and_figure(self) -> None:
        rows = self.rows("scale", "--count", "1,3", "--transport", "pipe", "--repeats", "1")
        self.assertEqual({(r["bench"], r["transport"]) for r in rows}, {("scale", "pipe")})
        self.assertEqual({r["count"] for r in rows}, {1, 3})
        self.assertEqual({r["kind"] for r in rows},
                         {"channels", "subscribers", "writers", "sleepers"})
        for figure in ("ns_per_message", "p50_ns", "attaches_per_s", "idle_cpu_ns_per_s"):
            self.assertTrue(any(figure in row for row in rows), figure)

    def test_a_file_is_copied_and_nothing_is_left(self) -> None:
        rows = self.rows("file-copy", "--cpu", ONE_CPU, "--size", "1M", "--wait", "park",
                         "--transport", "ringbell", "--repeats", "1", "--dir", str(self.folder))
        self.assertEqual([(r["file_bytes"], r["sha256_match"]) for r in rows], [(1 << 20, True)])
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_the_table_says_where_it_was_measured_and_how_the_sides_waited(self) -> None:
        ended = self.ringbell("bench", "round-trip", "--samples", "100", "--repeats", "1", "--wait",
                              "park", "--cpu", ONE_CPU, "--transport", "ringbell")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        table = ended.stdout.decode()
        self.assertIn(f"both processes on CPU {ONE_CPU}", table)
        self.assertIn("round trip: one CPU, asleep", table)
        self.assertRegex(table, r"ringbell park +56 B .* [num]?s\n")

    def test_what_will_not_do_is_refused_in_one_line(self) -> None:
        self.refuse("--cpu: '100000'", "round-trip", "--cpu", "100000")
        self.refuse("--size: '4'", "throughput", "--size", "4")
        self.refuse("--wait: no way 'sleep'", "round-trip", "--wait", "sleep")
        self.refuse("does not sleep", "wake", "--wait", "spin")
        self.refuse("no transport 'pigeon'", "round-trip", "--transport", "pigeon")
        self.refuse("two are wanted", "backings", "--cpu", ONE_CPU)
        self.refuse("two are wanted", "scale", "--cpu", ONE_CPU)
        self.refuse("--count", "scale", "--count", "1001")
        self.refuse("no transport 'pigeon' of which", "scale", "--transport", "pigeon")
        self.refuse("--rate: 'fast'", "open-loop", "--rate", "fast")
        self.refuse("24 to", "open-loop", "--size", "8")
        self.refuse("--samples", "round-trip", "--samples", "1")
        self.refuse("--cpu", "--cpu", "0")

    def test_ctrl_c_ends_it_with_the_signals_status_and_what_there_is(self) -> None:
        process = self.start("bench", "throughput", "--cpu", ONE_CPU, "--duration", "30",
                             "--transport", "pipe", "--json", str(self.folder / "rows"))
        self.await_that(lambda: (self.folder / "rows").exists() and bool(
            self.children_of(process.pid)))
        children = self.children_of(process.pid)
        process.send_signal(signal.SIGINT)
        status, _, errors = self.finish(process)
        self.assertEqual(status, 128 + signal.SIGINT)
        self.assertIn("interrupted by SIGINT", errors)
        self.await_that(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children))

    @staticmethod
    def children_of(pid: int) -> list[str]:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            return children.read().split()


class OfPython(CommandTest):
    def refuse(self, said: str, *arguments: str) -> None:
        ended = self.ringbell("bench", *arguments)
        self.assertEqual((ended.returncode, ended.stdout), (2, b""))
        self.expect_line(ended.stderr.decode(), said)

    def test_the_first_python_in_path_runs_it(self) -> None:
        python = self.folder / "python3"
        python.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        self.environment["PATH"] = f"{self.folder}:{self.environment['PATH']}"
        for options in ([], ["--quick"]):
            ended = self.ringbell("bench", "--lang", "python", *options)
            self.assertEqual((ended.returncode, ended.stderr), (0, b""))
            words = ended.stdout.decode().split()
            self.assertRegex(words[1], r"/(python_)?bench\.py$")
            self.assertEqual([words[0], *words[2:]], ["-B", *options])

    def test_it_says_what_a_python_without_ringbell_lacks(self) -> None:
        (self.folder / "numpy.py").touch()
        (self.folder / "ringbell.py").write_text('raise ModuleNotFoundError(name="ringbell")',
                                                 encoding="utf-8")
        self.environment["PYTHONPATH"] = str(self.folder)
        ended = self.ringbell("bench", "--lang", "python")
        self.assertEqual((ended.returncode, ended.stdout), (1, b""))
        self.expect_line(ended.stderr.decode(), "no ringbell; .* python3-ringbell .* python3-numpy")

    @not_emulated("its script finds the emulator in PATH")
    def test_it_needs_a_python(self) -> None:
        self.environment["PATH"] = str(self.folder)
        ended = self.ringbell("bench", "--lang", "python")
        self.assertEqual((ended.returncode, ended.stdout), (1, b""))
        self.expect_line(ended.stderr.decode(), "starting python3 failed: .*; install python3")

    def test_it_is_asked_for_in_place_of_a_kind(self) -> None:
        self.refuse("name no KIND", "--lang", "python", "round-trip")
        self.refuse("name no KIND", "--quick", "round-trip")
        self.refuse("a KIND is wanted")
        self.refuse("a KIND is wanted", "--quick")
        self.refuse("cobol", "--lang", "cobol")


if __name__ == "__main__":
    unittest.main()
