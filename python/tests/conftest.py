"""What the tests share: a folder of names for each, and the C++ side as a process."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator

import pytest
import ringbell

PEER = os.environ.get("RINGBELL_PEER", "")

# A shell that starts this in the background ignores it, and so would every test here.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    """The folder of the test's names; no descriptor may be left open after it."""
    folder = tempfile.mkdtemp(prefix="ringbell-python-", dir="/dev/shm")
    monkeypatch.setenv("RINGBELL_DIR", folder)
    yield pathlib.Path(folder)
    shutil.rmtree(folder)


class Peer:
    """A process of ringbell-python-peer (tests/peer.cpp)."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [PEER, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def said(self) -> str:
        """Its next line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self) -> None:
        """Lets it go on where it waits for a line."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def done(self, timeout: float = 60) -> None:
        """Waits until it has ended well."""
        _, errors = self.process.communicate(timeout=timeout)
        assert self.process.returncode == 0, errors

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def peer() -> Iterator[type[Peer]]:
    """Starts C++ processes; what is left of them is killed."""
    started: list[Peer] = []

    class Started(Peer):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)
            started.append(self)

    if not PEER:
        pytest.skip("RINGBELL_PEER is not set; ./dev python does that")
    yield Started
    for each in started:
        each.kill()
        for stream in (each.process.stdin, each.process.stdout, each.process.stderr):
            if stream is not None:
                stream.close()


def message(number: int, size: int) -> bytes:
    """As tests/peer.cpp makes it: byte k is (number + k) mod 251."""
    row = bytes(range(251)) * (size // 251 + 2)
    return row[number % 251:number % 251 + size]


def in_parts(server: ringbell.Server, calls: int) -> threading.Thread:
    """Answers each request, a number, with as many parts; a client may give the rest up."""
    def serve() -> None:
        for _ in range(calls):
            with server.take(10) as request:
                try:
                    for part in range(int(request.request)):
                        assert request.send(b"part %d" % part, 10)
                    request.finish()
                except ringbell.DroppedError:
                    assert request.is_cancelled()
    thread = threading.Thread(target=serve)
    thread.start()
    return thread
