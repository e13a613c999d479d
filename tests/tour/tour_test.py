"""The programs of docs/tour.md do what they say: each pattern's two run at a time, in either order.
Those in Python are run by python/tests/test_tour.py."""

import os
import subprocess
import tempfile
import time
import unittest

from programs import TOUR, programs_in

PROGRAM = os.environ.get("RINGBELL_TOUR", "")
# What a pattern's two programs say together.
SAID = {
    "channel": "1: 100.25\n2: 100.25\n3: 100.25\n",
    "topic": "1: 100.25\n2: 100.25\n3: 100.25\n0 missed\n",
    "queue": "2\n3\n4\n",
    "collector": "started\nworks\ndone\n",
    "service": "2\n3\n4\n",
    "state": "level 3\n",
}


def said_by_two(commands):
    """What they print, each started a moment after the one before. One that has ended gives the
    other its Enter: the writer of a state stays until its reader has seen it."""
    with tempfile.TemporaryDirectory() as folder:
        started = []
        for command in commands:
            started.append(subprocess.Popen(command, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, text=True,
                                            env={**os.environ, "RINGBELL_DIR": folder}))
            time.sleep(0.2)
        end = time.monotonic() + 100
        while all(process.poll() is None for process in started) and time.monotonic() < end:
            time.sleep(0.01)
        said = [process.communicate(timeout=100)[0] for process in started]
        return "".join(said), [process.returncode for process in started]


@unittest.skipUnless(PROGRAM, "needs the programs that CMake builds")
class Tour(unittest.TestCase):
    def test_each_pattern_in_either_order(self):
        for pattern, said in SAID.items():
            pair = [[PROGRAM, f"{pattern}-{number}"] for number in (1, 2)]
            for commands in (pair, pair[::-1]):
                with self.subTest(pattern=pattern, first=commands[0][1]):
                    self.assertEqual(said_by_two(commands), (said, [0, 0]))

    def test_the_tour_has_two_programs_for_each_pattern(self):
        text = TOUR.read_text(encoding="utf-8")
        names = {f"{pattern}-{number}" for pattern in SAID for number in (1, 2)}
        for language in ("cpp", "python"):
            self.assertEqual(set(programs_in(text, language)), names)

    def test_a_program_has_ten_lines_at_most(self):
        text = TOUR.read_text(encoding="utf-8")
        for language in ("cpp", "python"):
            for name, (code, _) in programs_in(text, language).items():
                self.assertLessEqual(len(code.splitlines()), 10, name)


if __name__ == "__main__":
    unittest.main()
