"""A client of NATS' own protocol, as programs without ringbell speak it."""

from __future__ import annotations

import socket


class NatsClient:
    """One connection. Nothing waits longer than a minute."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.socket.makefile("rb")
        self.count = 0
        assert self.file.readline().startswith(b"INFO")
        self.send(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n')
        self.flush()

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def flush(self) -> None:
        """The server has seen all that was sent."""
        self.send(b"PING\r\n")
        while self.file.readline() != b"PONG\r\n":
            pass

    def subscribe(self, subject: str) -> None:
        self.count += 1
        self.send(f"SUB {subject} {self.count}\r\n".encode())
        self.flush()

    def publish(self, subject: str, payload: bytes, reply: str = "",
                headers: dict[str, str] | None = None) -> None:
        lines = b"NATS/1.0\r\n" + b"".join(f"{name}: {value}\r\n".encode()
                                            for name, value in (headers or {}).items()) + b"\r\n"
        if headers:
            sizes = f"{len(lines)} {len(lines) + len(payload)}"
            self.send(f"HPUB {subject} {reply} {sizes}\r\n".encode() + lines + payload + b"\r\n")
        else:
            self.send(f"PUB {subject} {reply} {len(payload)}\r\n".encode() + payload + b"\r\n")

    def next(self) -> tuple[str, str, dict[str, str], bytes]:
        """Subject, where the answer goes, headers and payload of the next message."""
        while True:
            words = self.file.readline().split()
            if words and words[0] == b"PING":
                self.send(b"PONG\r\n")
            if not words or words[0] not in (b"MSG", b"HMSG"):
                continue
            with_headers = words[0] == b"HMSG"
            begin = int(words[-2]) if with_headers else 0
            body = self.file.read(int(words[-1]) + 2)[:-2]
            reply = words[3].decode() if len(words) == (6 if with_headers else 5) else ""
            head = body[:begin].decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
            if head[0].startswith("NATS/1.0 "):
                headers["Status"] = head[0].split()[1]
            return words[1].decode(), reply, headers, body[begin:]

    def request(self, subject: str, payload: bytes,
                headers: dict[str, str] | None = None) -> tuple[dict[str, str], bytes]:
        """Headers and payload of the answer."""
        inbox = f"_INBOX.test.{id(self)}.{self.count}"
        self.subscribe(inbox)
        self.publish(subject, payload, inbox, headers)
        return self.next()[2:]
