"""The Python programs of docs/tour.md: each pattern's two run at a time, in either order."""

from __future__ import annotations

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "tests" / "tour"))

from programs import TOUR, programs_in
from tour_test import SAID, said_by_two

PROGRAMS = programs_in(TOUR.read_text(encoding="utf-8"), "python")


@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("pattern", SAID)
def test_the_two_programs_of_a_pattern(pattern: str, first: int) -> None:
    pair = [[sys.executable, "-c", PROGRAMS[f"{pattern}-{number}"][0]] for number in (1, 2)]
    assert said_by_two(pair if first == 1 else pair[::-1]) == (SAID[pattern], [0, 0])
