"""What the tests of the bridge share: a nats-server on loopback, bridges, and a load to check.

No test depends on when its processes run: it waits for what it needs, for as long as that takes.
What a failed test's processes said is printed, with the rings and the ends of the servers' logs.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "tools"))

from command_line import PATIENCE_S, PROGRAM, CommandTest  # noqa: E402, F401

LOAD = os.environ.get("RINGBELL_LOAD", "build/release/tests/bridge_load")
SUBJECT = "test.orders"


def free_port() -> int:
    """Below those that the kernel gives to clients: none of them takes it meanwhile."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port


class NatsServer:
    """On a port and a store of its own, which it comes back to after it was killed."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port, self.monitor = free_port(), free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.log = folder / f"nats.{self.port}.log"
        self.command = ["nats-server", "-a", "127.0.0.1", "-p", str(self.port), "-m",
                        str(self.monitor), "-js", "-sd", str(folder / f"store.{self.port}"),
                        "-l", str(self.log), *options]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as one:
                    one.settimeout(5)
                    if one.recv(4) == b"INFO":
                        return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise AssertionError(f"nats-server does not come: {self.log.read_text()}")
            time.sleep(0.02)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def subscribers(self, subject: str = SUBJECT) -> set[int]:
        """The server's numbers of the connections that subscribe to it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.monitor}/connz?subs=1",
                                    timeout=PATIENCE_S) as answer:
            connections = json.load(answer)["connections"]
        return {each["cid"] for each in connections
                if subject in each.get("subscriptions_list", [])}


class BridgeTest(CommandTest):
    verdicts: unittest.TestResult | None = None

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        self.verdicts = result
        return super().run(result)

    def setUp(self) -> None:
        super().setUp()
        self.before = self.failed()
        self.started: list[subprocess.Popen[bytes]] = []
        self.said: dict[int, tuple[bytes, str]] = {}  # by the process' number
        self.servers: list[NatsServer] = []
        self.counters: dict[int, Path] = {}  # of bridges, likewise
        if shutil.which("nats-server") is None:
            self.skipTest("nats-server is not installed; it is in the package nats-server")
        ended = self.ringbell("bridge", "out", "none", "--subject", "a", "--wait", "0",
                              "--to", "nats://127.0.0.1:1")
        if b"libnats-dev" in ended.stderr:
            self.skipTest("ringbell was built without libnats; it is in the package libnats-dev")

    def tearDown(self) -> None:
        if self.failed() > self.before:
            self.explain()
        super().tearDown()

    def failed(self) -> int:
        """How many tests have failed, or parts of them."""
        return len(self.verdicts.failures) + len(self.verdicts.errors) if self.verdicts else 0

    def explain(self) -> None:
        print(f"--- {self.id()} failed. Its processes, rings and servers:")
        with contextlib.suppress(subprocess.TimeoutExpired):
            print(self.ringbell("ls").stdout.decode())
        for process in self.started:
            status = process.poll()
            print("$", *map(str, process.args), f"-> {status}" if status is not None else "runs")
            process.kill()
            said = self.said.get(process.pid)
            with contextlib.suppress(subprocess.TimeoutExpired, ValueError, OSError):
                said = said or self.finish(process)
            for text in (said[-2].decode(errors="replace"), said[-1]) if said else ():
                print(text[-2000:], end="" if text.endswith("\n") else "\n" * bool(text))
            counters = self.counters.get(process.pid)
            if counters is not None and counters.exists():
                print(*(f"{name} {count}" for name, count in self.metrics(counters).items()))
        for server in self.servers:
            if server.log.exists():
                print(f"... {server.log.name}:\n{server.log.read_text()[-4000:]}")
        sys.stdout.flush()

    def finish(self, process: subprocess.Popen[bytes]) -> tuple[int, bytes, str]:
        ended = super().finish(process)
        self.said[process.pid] = ended[1:]
        return ended

    def start(self, *arguments: str, **options) -> subprocess.Popen[bytes]:
        process = super().start(*arguments, **options)
        self.started.append(process)
        return process

    def add_server(self, *options: str) -> NatsServer:
        server = NatsServer(self.folder, *options)
        self.servers.append(server)
        self.addCleanup(server.kill)
        return server

    def server(self, *options: str) -> NatsServer:
        server = self.add_server(*options)
        server.start()
        return server

    def bridge(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Its counters are in a file."""
        path = self.folder / f"bridge.{len(self.started)}.prom"
        process = self.start("bridge", *arguments, "--metrics", str(path))
        self.counters[process.pid] = path
        return process

    def out(self, ring: str, server: NatsServer, *options: str) -> subprocess.Popen[bytes]:
        return self.bridge("out", ring, "--to", server.url, "--subject", SUBJECT, *options)

    def into(self, ring: str, server: NatsServer, *options: str) -> subprocess.Popen[bytes]:
        return self.bridge("in", ring, "--from", server.url, "--subject", SUBJECT, *options)

    def into_core(self, ring: str, server: NatsServer,
                  *options: str) -> subprocess.Popen[bytes]:
        """It subscribes already: of a core subject what comes before that is lost."""
        before = server.subscribers()
        process = self.into(ring, server, *options)
        self.await_that(lambda: bool(server.subscribers() - before))
        return process

    def await_connected(self, bridge: subprocess.Popen[bytes], times: int = 1) -> None:
        """It has its end of the ring then."""
        self.await_that(lambda: self.counted(bridge, "connects") >= times)

    def load(self, *arguments: str) -> subprocess.Popen[bytes]:
        return self.start_program(LOAD, *arguments)

    def start_program(self, *command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self._end, process)
        self.started.append(process)
        return process

    def gate(self, variable: str) -> Path:
        """A file that a load which is started from now on waits for; load.cpp has the names."""
        path = self.folder / variable
        self.environment[variable] = str(path)
        return path

    def metrics(self, path: Path) -> dict[str, int]:
        return {name: int(value) for name, value in
                re.findall(r"(?m)^ringbell_bridge_(\w+)_total\S* (\d+)$", path.read_text())}

    def counted(self, bridge: subprocess.Popen[bytes], what: str) -> int:
        """As the bridge wrote it last: once a second, when a connection came, and at its end."""
        path = self.counters[bridge.pid]
        return self.metrics(path)[what] if path.exists() else 0

    def counts_of(self, receiving: subprocess.Popen[bytes]) -> dict[str, int]:
        """What `load receive` says."""
        _, said, errors = self.finish(receiving)
        self.assertEqual(errors, "")
        return {name: int(count) for name, count in re.findall(r"(\w+) (\d+)", said.decode())}

    def expect_all(self, receiving: subprocess.Popen[bytes], records: int) -> None:
        self.assertEqual(self.counts_of(receiving),
                         {"records": records, "lost": 0, "doubled": 0, "late": 0, "spoilt": 0})

    def send_lines(self, name: str, lines: list[bytes], *options: str) -> subprocess.Popen[bytes]:
        source = self.folder / f"lines.{name}"
        source.write_bytes(b"".join(line + b"\n" for line in lines))
        with source.open("rb") as file:
            return self.start("send", "--raw", "--lines", *options, name, stdin=file)

    def receive_lines(self, name: str, count: int) -> subprocess.Popen[bytes]:
        return self.start("recv", "--raw", "--lines", "--count", str(count), name)

    def interrupt(self, process: subprocess.Popen[bytes],
                  number: int = signal.SIGINT) -> tuple[int, bytes, str]:
        """As finish(), after a signal that it was ready for, if it still ran."""
        self.await_that(lambda: process.poll() is not None or self.catches(process, number))
        process.send_signal(number)
        return self.finish(process)

    def end(self, *bridges: subprocess.Popen[bytes]) -> None:
        for bridge in bridges:
            self.assertEqual(self.interrupt(bridge)[::2], (130, ""))
