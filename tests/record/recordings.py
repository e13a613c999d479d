"""What the tests of recordings share."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "tools"))

from command_line import CommandTest  # noqa: E402

FILE_HEADER = 24
HEADERS = 32  # of a packet: pcap's and ringbell's


class Recordings(CommandTest):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.folder / "file.pcap"

    def feed(self, name: str, messages: list[bytes]) -> subprocess.Popen[bytes]:
        """A program that sends these plain messages, a line each."""
        feeding = self.start("send", "--raw", "--lines", name, stdin=subprocess.PIPE)
        assert feeding.stdin is not None
        feeding.stdin.write(b"".join(message + b"\n" for message in messages))
        feeding.stdin.close()
        feeding.stdin = None
        return feeding

    def record(self, messages: list[bytes], *options: str) -> None:
        """A recording of a channel."""
        recording = self.start("record", "orders", "-o", str(self.file), *options)
        self.assertEqual(self.finish(self.feed("orders", messages)), (0, b"", ""))
        self.assertEqual(self.finish(recording), (0, b"", ""))

    def shown(self, *options: str, status: int = 0) -> list[dict]:
        ended = self.ringbell("show", "--json", str(self.file), *options)
        self.assertEqual(ended.returncode, status, ended.stderr)
        return [json.loads(line) for line in ended.stdout.splitlines()]

    def contents(self, status: int = 0) -> list[bytes]:
        return [bytes.fromhex(line["hex"]) for line in self.shown(status=status) if "hex" in line]

    def replay(self, *options: str, name: str = "again", receive: tuple[str, ...] = (),
               ) -> tuple[int, bytes, str]:
        """Status of the replay, what a receiver of lines got, and what the replay said."""
        receiving = self.start("recv", "--raw", "--lines", name, *receive)
        replaying = self.start("replay", str(self.file), name, *options)
        status, _, errors = self.finish(replaying)
        return status, self.finish(receiving)[1], errors


def file_header(link_type: int = 147, magic: int = 0xA1B23C4D) -> bytes:
    return struct.pack("<IHHiIII", magic, 2, 4, 0, 0, 262_144, link_type)


def packet(kind: int, ring: int, payload: bytes, at_ns: int = 0, flags: int = 0,
           version: int = 1) -> bytes:
    size = 16 + len(payload)
    return struct.pack("<IIII", 1_700_000_000 + at_ns // 10**9, at_ns % 10**9, size, size) + \
        struct.pack("<BBBBIQ", version, kind, ring, flags, 0, 0) + payload


def recording_of(ring: int, shape: bytes, messages: list[bytes], gap_ns: int = 1_000_000,
                 end: bool = True) -> bytes:
    made = [file_header(), packet(1, ring, shape + b"ring")]
    made += [packet(2, ring, message, n * gap_ns) for n, message in enumerate(messages)]
    if end:
        made.append(packet(4, ring, struct.pack("<QQ", len(messages), sum(map(len, messages)))))
    return b"".join(made)


CHANNEL = struct.pack("<QQIIIIQ", 65536, 0, 8, 0, 2, 8, 0)
