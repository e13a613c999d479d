"""How the soak tells time, what it makes of what it has seen, and the page that says so."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

PATIENCE_S = 60


class LivedTime:
    """Seconds in which this process ran. passed() is called again and again; when the last call is
    too long ago, the process was not let.
    """

    LONGEST_STEP_S = 3

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.last = clock()
        self.lived = 0.0
        self.stood_still = 0.0

    def passed(self) -> float:
        now = self.clock()
        step, self.last = now - self.last, now
        if step > self.LONGEST_STEP_S:
            self.stood_still += step
        else:
            self.lived += step
        return self.lived


def wait_for(process: subprocess.Popen, patience_s: float = PATIENCE_S) -> int | None:
    """Its exit status; nothing, if it did not end in time."""
    time_here = LivedTime()
    while process.poll() is None and time_here.passed() < patience_s:
        time.sleep(0.01)
    return process.poll()


# --- judging -------------------------------------------------------------------------------------

FEWEST_OF_LATENCY = 40


@dataclass
class Samples:
    """What was seen of one watched player, in the order of time."""

    memory_kb: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    p50_us: list[float] = field(default_factory=list)
    p99_us: list[float] = field(default_factory=list)
    messages: int = 0


def quarters(values: list) -> tuple[list, list]:
    """The first quarter, without the start, and the last."""
    size = max(1, len(values) // 4)
    start = min(len(values) // 20, size - 1)
    return values[start:size], values[-size:]


def drifts(samples: Samples) -> list[str]:
    """What grew from the first quarter to the last, beyond what varies by itself."""
    found = []
    watched = (("descriptors", samples.descriptors, lambda first: first + 1),
               ("KiB of memory", samples.memory_kb, lambda first: first * 1.1 + 512))
    for name, values, top in watched:
        if len(values) < 4:
            found.append(f"{name}: too few samples")
            continue
        first, last = (max(part) for part in quarters(values))
        if last > top(first):
            found.append(f"{name}: {first} at first, {last} in the end")
    # Those that write tell no latency; in a few samples one player that was stopped is the median.
    if len(samples.p50_us) >= FEWEST_OF_LATENCY:
        first, last = (statistics.median(part) for part in quarters(samples.p50_us))
        if last > 4 * first + 1000:
            found.append(f"latency: {first:.0f} us at first, {last:.0f} us in the end")
    return found


def page(hours: float, samples: dict[str, Samples], done: dict[str, int], wrong: list[str],
         stood_still_s: float = 0) -> str:
    """The summary, as Markdown."""
    lines = [f"# {hours:.3g} hours of ringbell", ""]
    if stood_still_s:
        lines += [f"All of it stood still for another {stood_still_s:.0f} s, not by its own doing.",
                  ""]
    lines += [
             "Done to the players: " + ", ".join(f"{n} {what}" for what, n in done.items()) + ".",
             "",
             "The player of each ring that lives all the time, in the first quarter and the last:",
             "", "| ring | messages | p50, us | p99, us | KiB of memory | descriptors |",
             "| --- | ---: | ---: | ---: | ---: | ---: |"]

    def both(values: list, of) -> str:
        return " -> ".join(f"{of(part):.0f}" for part in quarters(values)) if values else "-"

    for ring, seen in samples.items():
        cells = [ring, str(seen.messages or "-"), both(seen.p50_us, statistics.median),
                 both(seen.p99_us, statistics.median), both(seen.memory_kb, max),
                 both(seen.descriptors, max)]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "What was wrong:" if wrong else "Nothing came wrong, and nothing drifted.", ""]
    return "\n".join(lines + [f"- {what}" for what in wrong]) + "\n"
