"""`record` and `replay` beside a sender and a receiver, `bridge` beside a nats-server."""

import contextlib
import json
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from case import Beside

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests" / "bridge"), str(ROOT / "tests" / "record")]

from nats_client import NatsClient  # noqa: E402
from nats_server import NatsServer  # noqa: E402
from recordings import CHANNEL, FILE_HEADER, recording_of  # noqa: E402

TOLD_TO_END = 143
LINES = [b"%03d" % n * 20 for n in range(200)]
TEXT = b"".join(line + b"\n" for line in LINES)


def recorded(data):
    """The payloads of the messages that are whole, and whether the end is there."""
    messages, at = [], FILE_HEADER
    while at + 32 <= len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        if at + 16 + size > len(data):
            break
        kind = data[at + 17]
        if kind == 4:
            return messages, True
        if kind == 2:
            messages.append(data[at + 32:at + 16 + size])
        at += 16 + size
    return messages, False


class Record(Beside):
    """A sender beside it, which waits for the next reader if this one gives up."""

    script = ("{ringbell} send --raw --lines x <from & {strace} {ringbell} record --wait 2 x "
              "-o file; own=$?; [ $own = 0 ] || kill $!; wait $!; echo $own $?")

    def __init__(self, ringbell):
        super().__init__("record")
        self.ringbell = ringbell

    def names(self, folder):
        return {"ringbell": self.ringbell}

    def prepare(self, folder):
        (folder / "from").write_bytes(TEXT)

    def judge(self, folder, status):
        own, _ = self.statuses(folder)
        file = folder / "file"
        messages, ended = recorded(file.read_bytes()) if file.exists() else ([], False)
        if own not in (0, 1, 3, 4, 141):
            return f"status {own}"
        if own == 0 and not (ended and messages == LINES):
            return "status 0, but the recording is not whole"
        if messages != LINES[:len(messages)]:
            return "wrong data"
        return None


class Replay(Beside):
    script = ("{ringbell} recv --raw --lines --wait 5 x >to & {strace} {ringbell} replay --max "
              "--wait 2 file x; own=$?; [ $own = 0 ] || kill $!; wait $!; echo $own $?")

    def __init__(self, ringbell):
        super().__init__("replay")
        self.ringbell = ringbell

    def names(self, folder):
        return {"ringbell": self.ringbell}

    def prepare(self, folder):
        (folder / "file").write_bytes(recording_of(1, CHANNEL, LINES))

    def judge(self, folder, status):
        own, other = self.statuses(folder)
        came = (folder / "to").read_bytes()
        if own not in (0, 1, 3, 4):
            return f"status {own}"
        if own == 0 and (other != 0 or came != TEXT):
            return "status 0, but not all came"
        return None if TEXT.startswith(came) else "wrong data"


class Bridge(Beside):
    """Through JetStream: a stream of its own each time, or a consumer of one that has all.

    Not among all, which need no server. strace counts the calls of each thread by itself: what
    fails on a connection fails on the next one too, as if the server were gone for good, and a
    bridge tries again and again until it is told to end.
    """

    SIDES = {
        "out": ("{ringbell} send --raw --lines x <from",
                "bridge out x --to {url} --subject {own} --stream {own} --durable --wait 3"),
        "in": ("{ringbell} recv --raw --lines --count {count} --wait 25 x >to",
               "bridge in x --from {url} --subject all --stream ALL --consumer {own} --durable "
               "--count {count} --wait 3")}
    SCRIPT = ("{other} & other=$!; {{strace}} {{ringbell}} {bridge} & strace=$!; "
              "(exec >/dev/null 2>&1 3>&-; sleep 10; "
              "kill -TERM $(cat /proc/$strace/task/$strace/children)) & end=$!; "
              "wait $strace; own=$?; kill $end; [ $own = 0 ] || kill $other; wait $other; "
              "echo $own $?")
    server = None  # of all of them

    def __init__(self, ringbell, side):
        super().__init__(f"bridge {side}")
        other, bridge = self.SIDES[side]
        self.ringbell, self.side = ringbell, side
        self.script = self.SCRIPT.format(other=other, bridge=bridge)

    def names(self, folder):
        return {"ringbell": self.ringbell, "url": self.server.url, "own": folder.name,
                "count": len(LINES)}

    def prepare(self, folder):
        (folder / "from").write_bytes(TEXT)

    def in_stream(self, folder):
        client = NatsClient(self.server.port)
        said = json.loads(client.request(f"$JS.API.STREAM.INFO.{folder.name}", b"")[1])
        client.request(f"$JS.API.STREAM.DELETE.{folder.name}", b"")
        client.close()
        return said["state"]["messages"] if "state" in said else 0

    def judge(self, folder, status):
        own, other = self.statuses(folder)
        if own not in (0, 1, 3, TOLD_TO_END):
            return f"status {own}"
        if self.side == "out":
            count = self.in_stream(folder)
            if own == 0 and (other, count) != (0, len(LINES)):
                return f"status 0, but {count} of {len(LINES)} came; the sender's is {other}"
            return None if count <= len(LINES) else "some came twice"
        came = (folder / "to").read_bytes()
        if own == 0 and (other != 0 or came != TEXT):
            return f"status 0, but {came.count(10)} of {len(LINES)} came"
        return None if TEXT.startswith(came) else "wrong data"


@contextlib.contextmanager
def server_for(cases):
    """A nats-server as long as they need one, whose stream ALL has all lines."""
    if not any(isinstance(case, Bridge) for case in cases):
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        Bridge.server = NatsServer(Path(folder))
        Bridge.server.start()
        try:
            client = NatsClient(Bridge.server.port)
            client.request("$JS.API.STREAM.CREATE.ALL", json.dumps(
                {"name": "ALL", "subjects": ["all"], "storage": "memory", "retention": "limits",
                 "discard": "new", "num_replicas": 1, "max_consumers": -1, "max_msgs": -1,
                 "max_bytes": -1, "max_age": 0}).encode())
            for line in LINES:
                client.request("all", line)
            client.close()
            yield
        finally:
            Bridge.server.kill()


def bridge_cases(ringbell, with_nats):
    made = [Record(ringbell), Replay(ringbell)]
    if not with_nats:
        return made
    said = subprocess.run([ringbell, "bridge", "out", "x", "--subject", "a", "--wait", "0", "--to",
                           "nats://127.0.0.1:1"], capture_output=True, check=False).stderr
    if shutil.which("nats-server") is None or b"libnats-dev" in said:
        print("faults: no bridge: nats-server or libnats is not installed")
        return made
    return made + [Bridge(ringbell, "out"), Bridge(ringbell, "in")]
