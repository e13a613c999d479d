#!/usr/bin/python3
"""ringbell bridge service: calls from NATS to a ring's server, and back, with their time-outs."""

from __future__ import annotations

import subprocess
import time
import unittest

from nats_client import NatsClient
from nats_server import BridgeTest, NatsServer

SUBJECT = "test.calc"


class Services(BridgeTest):
    def service(self, ring: str, server: NatsServer, option: str,
                *more: str) -> subprocess.Popen[bytes]:
        return self.bridge("service", ring, option, server.url, "--subject", SUBJECT, *more)

    def client(self, server: NatsServer) -> NatsClient:
        client = NatsClient(server.port)
        self.addCleanup(client.close)
        return client

    def await_service(self, client: NatsClient) -> None:
        """Until its bridge subscribes; before that NATS says that there is none."""
        self.await_that(lambda: "Status" not in client.request(SUBJECT, b"")[0])

    def call(self, ring: str, request: str, seconds: str = "30") -> tuple[int, bytes, str]:
        return self.finish(self.load("call", ring, request, seconds))

    def test_requests_are_answered_by_a_ring(self) -> None:
        server = self.server()
        bridge = self.service("calc", server, "--from", "--timeout", "50s")
        serving = self.load("serve", "calc")
        client = self.client(server)
        self.await_service(client)
        for text in (b"", b"abc", b"x" * 500, bytes(range(256))):
            self.assertEqual(client.request(SUBJECT, text), ({}, text[::-1]))
        headers, body = client.request(SUBJECT, b"x" * 513)
        self.assertEqual((headers["Nats-Service-Error-Code"], body), ("413", b""))
        self.assertEqual(client.request(SUBJECT, b"still there")[1], b"ereht llits")
        # Without a server NATS itself refuses; the next server goes on.
        serving.kill()
        self.await_that(lambda: client.request(SUBJECT, b"a")[0].get("Status") == "503")
        self.load("serve", "calc")
        self.await_service(client)
        self.assertEqual(client.request(SUBJECT, b"ab")[1], b"ba")
        bridge.terminate()
        self.assertEqual(self.finish(bridge)[0], 143)

    def test_the_time_of_a_request_is_carried(self) -> None:
        server = self.server()
        self.service("calc", server, "--from", "--timeout", "100s")  # longer than this client waits
        self.load("serve", "calc")
        client = self.client(server)
        self.await_service(client)
        done = self.folder / "done"
        begin = time.monotonic()
        headers, _ = client.request(SUBJECT, f"await {done}".encode(),
                                    {"Ringbell-Timeout": "1000000000"})
        self.assertEqual(headers["Nats-Service-Error-Code"], "504")
        self.assertGreaterEqual(time.monotonic() - begin, 1)
        # The next call waits until the server is free again, for as long as it may.
        headers, _ = client.request(SUBJECT, b"a", {"Ringbell-Timeout": "100000000"})
        self.assertEqual(headers["Nats-Service-Error-Code"], "504")
        done.touch()
        for wrong in ("soon", "-1", "1s"):
            headers, body = client.request(SUBJECT, b"ab", {"Ringbell-Timeout": wrong})
            self.assertEqual((headers, body), ({}, b"ba"), "the bridge's own time holds")

    def test_calls_of_a_ring_are_answered_by_nats(self) -> None:
        server = self.server()
        self.service("calc", server, "--to", "--timeout", "20s", "--message-bytes", "64")
        responder = self.client(server)
        responder.subscribe(SUBJECT)
        calling = self.load("call", "calc", "hello", "60")
        _, reply, headers, payload = responder.next()
        self.assertEqual((headers, payload), ({"Ringbell-Timeout": "20000000000"}, b"hello"))
        responder.publish(reply, b"good day")
        self.assertEqual(self.finish(calling), (0, b"good day\n", ""))
        for answer, more in ((b"x" * 5000, None), (b"", {"Nats-Service-Error-Code": "500"})):
            calling = self.load("call", "calc", "hello", "60")
            responder.publish(responder.next()[1], answer, headers=more)
            status, said, _ = self.finish(calling)
            self.assertEqual((status, said[:6]), (1, b"error "))

    def test_what_nats_does_not_answer_in_time_fails(self) -> None:
        server = self.server()
        self.service("calc", server, "--to", "--timeout", "300ms")
        status, said, _ = self.call("calc", "no responder")
        self.assertEqual((status, said[:6]), (1, b"error "))
        responder = self.client(server)
        responder.subscribe(SUBJECT)
        status, said, _ = self.call("calc", "a silent one")
        self.assertEqual((status, said[:6]), (1, b"error "))
        reply = responder.next()[1]
        said = b""
        while said != b"in time\n":  # which a busy machine may miss, too
            late = reply
            calling = self.load("call", "calc", "the next", "60")
            reply = responder.next()[1]
            responder.publish(late, b"too late")
            responder.publish(reply, b"in time")
            status, said, _ = self.finish(calling)
            self.assertIn((status, said[:6]), ((0, b"in tim"), (1, b"error ")))

    def test_a_service_on_another_machine(self) -> None:
        server = self.server()
        far = self.service("far", server, "--from", "--timeout", "30s")
        near = self.service("near", server, "--to", "--timeout", "30s")
        self.load("serve", "far")
        self.await_service(self.client(server))
        for text in ("abc", "x" * 400):
            self.assertEqual(self.call("near", text), (0, text[::-1].encode() + b"\n", ""))
        # The caller's own time ends first; its call is in no later one's way.
        done = self.folder / "done"
        self.assertEqual(self.call("near", f"await {done}", "0.1")[:2], (3, b"time is up\n"))
        done.touch()
        self.assertEqual(self.call("near", "ab")[:2], (0, b"ba\n"))
        # While NATS is gone calls wait; one that was on its way fails, and none is made twice.
        server.kill()
        self.assertIn(self.call("near", "ab", "0.5")[0], (1, 3))
        server.start()
        self.await_that(lambda: self.call("near", "cd")[:2] == (0, b"dc\n"))
        for bridge in (near, far):
            bridge.terminate()
            self.assertEqual(self.finish(bridge)[0], 143)
        self.assertNotIn("near.ring", self.left_names())

    def test_services_that_will_not_do(self) -> None:
        for arguments, said in [(["--timeout", "soon"], "will not do"),
                                (["--clients", "0", "--to", "nats://127.0.0.1:1"], "clients"),
                                (["--from", "nats://127.0.0.1:1", "--to", "nats://127.0.0.1:1"],
                                 "excludes"),
                                (["--to", "nats://127.0.0.1:1", "--message-bytes", "9G"], "")]:
            ended = self.ringbell("bridge", "service", "calc", "--subject", "a", "--wait", "0.1",
                                  *arguments)
            self.assertEqual(ended.returncode, 2, ended.stderr)
            self.expect_line(ended.stderr.decode(), said)


if __name__ == "__main__":
    unittest.main()
