"""What the tests of the bridge share: a nats-server on loopback, bridges, and a load to check."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "tools"))

from command_line import PATIENCE_S, PROGRAM, CommandTest  # noqa: E402, F401

LOAD = os.environ.get("RINGBELL_LOAD", "build/release/tests/bridge_load")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class NatsServer:
    """On a port and a store of its own, which it comes back to after it was killed."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.log = folder / f"nats.{self.port}.log"
        self.command = ["nats-server", "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd",
                        str(folder / f"store.{self.port}"), "-l", str(self.log), *options]
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


class BridgeTest(CommandTest):
    def setUp(self) -> None:
        super().setUp()
        if shutil.which("nats-server") is None:
            self.skipTest("nats-server is not installed; it is in the package nats-server")
        ended = self.ringbell("bridge", "out", "none", "--subject", "a", "--wait", "0",
                              "--to", "nats://127.0.0.1:1")
        if b"libnats-dev" in ended.stderr:
            self.skipTest("ringbell was built without libnats; it is in the package libnats-dev")

    def server(self, *options: str) -> NatsServer:
        server = NatsServer(self.folder, *options)
        self.addCleanup(server.kill)
        server.start()
        return server

    def out(self, ring: str, server: NatsServer, *options: str) -> subprocess.Popen[bytes]:
        return self.start("bridge", "out", ring, "--to", server.url, "--subject", "test.orders",
                          *options)

    def into(self, ring: str, server: NatsServer, *options: str) -> subprocess.Popen[bytes]:
        return self.start("bridge", "in", ring, "--from", server.url, "--subject", "test.orders",
                          *options)

    def load(self, *arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([LOAD, *arguments], env=self.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(self._end, process)
        return process

    def metrics(self, path: Path) -> dict[str, int]:
        return {name: int(value) for name, value in
                re.findall(r"(?m)^ringbell_bridge_(\w+)_total\S* (\d+)$", path.read_text())}

    def counted(self, path: Path, what: str) -> int:
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

    def end(self, *bridges: subprocess.Popen[bytes]) -> None:
        for bridge in bridges:
            bridge.send_signal(signal.SIGINT)
            self.assertEqual(self.finish(bridge)[::2], (130, ""))
