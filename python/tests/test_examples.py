"""Each example runs, and says what it should."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"

SAID = {
    "camera": r"30 frames, [\d.]+ GB/s\n",
    "desk": r"90 questions of 3 peers answered\n",
    "ticker": r"(one|two): (\d+) ticks, the last at 1.0029, 0 missed\n"
              r"(one|two): (\d+) ticks, the last at 1.0029, 0 missed\n",
    "worker_pool": r"30 jobs done, [012] of 3 workers killed\n",
}


def test_there_are_no_others() -> None:
    assert sorted(SAID) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", SAID)
def test_an_example_runs(name: str) -> None:
    if name == "camera":
        pytest.importorskip("numpy")
    ended = subprocess.run([sys.executable, EXAMPLES / f"{name}.py", "30"], timeout=60, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert (ended.returncode, bool(re.fullmatch(SAID[name], ended.stdout))) == (0, True), (
        ended.stdout)


# The camera's example, of which one end cannot be opened.
CAMERA_WITHOUT = """
import sys
import ringbell

def refuse(ring):
    raise OSError("no end of it can be opened")

ringbell.{end}.open = refuse
import camera
sys.argv[1:] = ["30"]
camera.main()
"""


@pytest.mark.parametrize("end", ["Sender", "Receiver"])
def test_a_camera_without_an_end_ends(end: str) -> None:
    pytest.importorskip("numpy")
    ended = subprocess.run([sys.executable, "-c", CAMERA_WITHOUT.format(end=end)], cwd=EXAMPLES,
                           timeout=60, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           check=False)
    assert ended.returncode == 1 and "no end of it can be opened" in ended.stdout
