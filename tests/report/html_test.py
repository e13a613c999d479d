#!/usr/bin/python3
"""The report to play with, in a browser: Debian's Chromium, without a window or a network.

Skipped where Chromium, its driver, Selenium or Plotly is missing; `./dev test -L report` installs
them (tools/packages.txt, [html]).
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from report.html import plotly  # noqa: E402

SECONDS = 60  # for a page to come up, or to follow a choice, on a busy machine
AWAKE = "Awake: spinning or polled, each process on its own CPU"
P50_NS = {("ringbell", 56): (131.5, 129.25, 140.0), ("pipe", 56): (1830.0, 1790.5, 1841.0),
          ("ringbell", 4096): (1261.0, 1250.0, 1290.5), ("pipe", 4096): (2400.0, 2380.0, 2444.0)}


def missing() -> str:
    """The packages that these tests need and the machine lacks."""
    there = {"chromium": shutil.which("chromium"), "chromium-driver": shutil.which("chromedriver"),
             "python3-selenium": importlib.util.find_spec("selenium"), "python3-plotly": plotly()}
    return " ".join(package for package, found in there.items() if not found)


def run_of(factor: float, line_ns: float = 120.0, **meta: Any) -> str:
    """JSON Lines of a small run, its latencies times `factor`."""
    rows: list[dict[str, Any]] = [{"bench": "meta", "commit": "c0ffee", "dirty": False,
                                   "cpu": "</script><!-- A CPU", "mode": "full",
                                   "date": "2026-11-21T04:05:06Z", "repeats": 3, **meta}]
    for (transport, size), repeats in P50_NS.items():
        wait = "spin" if transport == "ringbell" else "polled"
        for repeat, p50_ns in enumerate(repeats):
            ns = p50_ns * factor
            key = {"transport": transport, "wait": wait, "placement": "two_cpus",
                   "message_bytes": size, "repeat": repeat, "line_ns_before": line_ns,
                   "line_ns_after": line_ns, "cpu_ns_per_message": 2 * ns}
            rows.append({"bench": "round_trip", **key, "samples": 20000, "p50_ns": ns,
                         "buckets": [[ns * 0.9, 9000], [ns, 10000], [ns * 3, 1000]]})
            rows.append({"bench": "throughput", **key, "verified": True,
                         "messages_per_s": 1e9 / ns, "bytes_per_s": size * 1e9 / ns})
    rows += [{"bench": "scale", "kind": "channels", "transport": "ringbell", "wait": "epoll",
              "count": count, "ns_per_message": 5.0 * count * factor} for count in (1, 10, 100)]
    return "".join(json.dumps(row) + "\n" for row in rows)


@unittest.skipIf(missing(), f"not installed: {missing()}")
class Page(unittest.TestCase):
    """One browser for all; each test loads its page from file://."""

    @classmethod
    def setUpClass(cls) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu",
                         "--disable-dev-shm-usage", "--window-size=1400,1000",
                         f"--user-data-dir={folder.name}/profile",
                         "--host-resolver-rules=MAP * ~NOTFOUND"):
            options.add_argument(argument)
        options.binary_location = shutil.which("chromium")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        cls.browser = webdriver.Chrome(service=Service(shutil.which("chromedriver")),
                                       options=options)
        cls.addClassCleanup(cls.browser.quit)
        cls.browser.set_page_load_timeout(SECONDS)

    def load(self, *runs: str) -> None:
        """Makes the page of these runs and opens it; anything said on the console fails."""
        files = []
        for number, run in enumerate(runs):
            files.append(self.folder / f"run{number}.jsonl")
            files[-1].write_text(run)
        page = self.folder / "page.html"
        made = subprocess.run(["/usr/bin/python3", "-B", ROOT / "tools" / "report.py", *files,
                               "--html", page], capture_output=True, text=True, check=False)
        self.assertEqual((made.returncode, made.stderr), (0, ""))
        self.browser.get_log("browser")
        self.browser.get(page.as_uri())
        self.wait_for("return document.querySelectorAll('#plot .legendtoggle').length > 0")
        self.addCleanup(lambda: self.assertEqual(self.browser.get_log("browser"), []))

    def wait_for(self, script: str) -> None:
        from selenium.webdriver.support.ui import WebDriverWait
        WebDriverWait(self.browser, SECONDS).until(lambda browser: browser.execute_script(script))

    def choose(self, **choices: str) -> None:
        from selenium.webdriver.common.by import By
        from selenium.webdriver.support.ui import Select
        for name, shown in choices.items():
            Select(self.browser.find_element(By.ID, name)).select_by_visible_text(shown)

    def row(self, metric: str) -> str:
        from selenium.webdriver.common.by import By
        return self.browser.find_element(By.ID, f"figure-{metric}").text

    def curves(self) -> list[str]:
        """The names of those that are drawn."""
        return self.browser.execute_script(
            "return document.getElementById('plot').data.filter(d => (d.visible ?? true) === true)"
            ".map(d => d.name)")

    def test_the_figure_of_a_chosen_point_is_that_of_the_run(self) -> None:
        self.load(run_of(1))
        for (transport, size), (median, low, high) in P50_NS.items():
            self.choose(view="round trip by size", setting=AWAKE,
                        size="56 B" if size == 56 else "4 KiB",
                        point="ringbell spin" if transport == "ringbell" else "pipe (64 KiB)")
            ordered = sorted((median, low, high))
            self.assertEqual(self.row("p50_ns"),
                             f"p50_ns {ordered[1]:g} ({ordered[0]:g} … {ordered[2]:g})")

    def test_a_click_on_a_legend_entry_hides_its_curve(self) -> None:
        from selenium.webdriver.common.by import By
        self.load(run_of(1))
        self.assertEqual(self.curves(), ["ringbell spin", "pipe (64 KiB)"])
        self.browser.find_elements(By.CSS_SELECTOR, "#plot .legendtoggle")[1].click()
        self.wait_for("return document.querySelectorAll('#plot .scatterlayer .trace').length === 1")
        self.assertEqual(self.curves(), ["ringbell spin"])

    def test_every_view_of_two_runs_has_both_beside_each_other(self) -> None:
        self.load(run_of(1), run_of(1.3))
        for view in ("latency spectrum", "round trip by size", "one way by size"):
            self.choose(view=view)
            self.assertEqual(sorted(self.curves()), ["A: pipe (64 KiB)", "A: ringbell spin",
                                                     "B: pipe (64 KiB)", "B: ringbell spin"], view)
        self.choose(view="scale")
        self.assertEqual(self.curves(), ["A: a message, channels: ringbell epoll",
                                         "B: a message, channels: ringbell epoll"])
        self.choose(view="states of the machine")
        self.assertEqual(len(self.curves()), 4)
        self.choose(view="round trip by size", size="56 B", point="ringbell spin")
        self.assertIn("131.5 (129.25 … 140) 170.9", self.row("p50_ns"))

    def test_near_and_far_are_chosen_and_never_drawn_together(self) -> None:
        far = "".join(line + "\n" for line in run_of(3, line_ns=460.0).splitlines()[1:])
        self.load(run_of(1) + far)
        for state, told in (("near", "131.5 (129.25 … 140)"), ("far", "394.5 (387.75 … 420)")):
            self.choose(view="round trip by size", size="56 B", state=state, point="ringbell spin")
            self.assertEqual(self.row("p50_ns"), f"p50_ns {told}")
            self.assertEqual(len(self.curves()), 2)

    def test_a_partial_run_says_so(self) -> None:
        self.load(run_of(1, has_end=True))
        self.assertIn("A partial run: it was killed", self.browser.page_source)


if __name__ == "__main__":
    unittest.main()
