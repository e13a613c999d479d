"""What the tests share that kill the bridges and the server while records go from ring to ring."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable

from nats_server import BridgeTest

SEED = int(os.environ.get("RINGBELL_SEED", str(time.time_ns())))
LEAST_KILLS = 4
ALL = (("out",), ("in",), ("server",), ("out", "in"), ("out", "in", "server"))


class KillTest(BridgeTest):
    def kill_while_it_runs(self, kind: str, into: str, records: int, seconds: float,
                           out_options: tuple[str, ...] = (),
                           choices: tuple[tuple[str, ...], ...] = ALL,
                           slots: int = 0) -> tuple[dict[str, int], dict[str, int]]:
        """What the receiver counted, and how often each was killed.

        The rings are of these kinds. All that was sent has come through, or it fails. The last
        record is sent when enough was killed.
        """
        generator = random.Random(SEED)
        print(f"RINGBELL_SEED={SEED}", flush=True)
        server = self.server()
        last = self.gate("RINGBELL_LOAD_LAST")
        start = {"out": lambda: self.out("near", server, "--durable", *out_options),
                 "in": lambda: self.into("far", server, "--durable", "--as", into,
                                         "--message-bytes", "256")}
        running = {name: begin() for name, begin in start.items()}
        receiving = self.load("receive", "far", str(records))
        if slots != 0:
            self.environment["RINGBELL_LOAD_SLOTS"] = str(slots)
        sending = self.load("send", kind, "near", str(records), str(seconds))
        deadline = time.monotonic() + seconds * 5 + 120
        kills = {"out": 0, "in": 0, "server": 0}
        while receiving.poll() is None:
            if time.monotonic() > deadline:
                self.fail("not all has come")
            time.sleep(generator.uniform(0.05, 0.6))
            for name in generator.choice(choices):
                if name == "server":
                    server.kill()
                    time.sleep(generator.uniform(0, 0.3))
                    server.start()
                elif name == "out" and sending.poll() == 0:
                    continue  # all is delivered, and it may have ended
                else:
                    self.start_anew(name, running, start)
                kills[name] += 1
            if sum(kills.values()) >= LEAST_KILLS:
                last.touch()
        counted = self.counts_of(receiving)
        self.assertIn(sending.poll(), (None, 0))
        last.unlink()
        self.end_all(*running.values(), sending)
        how = "in batches" if "--linger" in out_options else "a record a message"
        print(f"{kind} -> {into}, {how}: records {counted['records']}, "
              f"kills {sum(kills.values())}, lost {counted['lost']}, doubled {counted['doubled']}",
              flush=True)
        self.assertEqual(counted["spoilt"], 0)
        return counted, kills

    def start_anew(self, name: str, running: dict[str, subprocess.Popen[bytes]],
                   start: dict[str, Callable[[], subprocess.Popen[bytes]]]) -> None:
        """After it was killed."""
        self.assertIsNone(running[name].poll(), f"{name} ended by itself")
        running[name].kill()
        running[name].wait()
        running[name] = start[name]()

    def end_all(self, *processes: subprocess.Popen[bytes]) -> None:
        for process in processes:
            process.kill()
            process.wait()
        self.ringbell("clean", "--yes")  # for the next of this test
