#!/usr/bin/python3
"""ringbell bridge through a real nats-server on loopback: core subjects, files, refusals."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
import unittest

from nats_client import NatsClient
from nats_server import PATIENCE_S, SUBJECT, BridgeTest


class Core(BridgeTest):
    def test_records_arrive(self) -> None:
        server = self.server()
        bridge = self.into_core("far", server)
        lines = [b"record %d" % n for n in range(2000)]
        receiving = self.receive_lines("far", len(lines))
        out = self.out("near", server)
        sending = self.send_lines("near", lines)
        self.assertTrue(self.finish(receiving)[1].splitlines() == lines)
        self.assertEqual(self.finish(sending)[0], 0)
        self.assertEqual(self.finish(out), (0, b"", ""))
        self.end(bridge)
        for what, count in (("records", len(lines)), ("messages", len(lines)), ("lost", 0)):
            self.assertEqual(self.counted(bridge, what), count, what)

    def test_batches_carry_many_records(self) -> None:
        server = self.server()
        bridge = self.into_core("far", server)
        lines = [b"record %d" % n for n in range(20_000)]
        receiving = self.receive_lines("far", len(lines))
        out = self.out("near", server, "--linger", "2ms")
        sending = self.send_lines("near", lines)
        self.assertTrue(self.finish(receiving)[1].splitlines() == lines)
        self.assertEqual(self.finish(sending)[0], 0)
        self.assertEqual(self.finish(out)[0], 0)
        self.assertEqual(self.counted(out, "records"), len(lines))
        self.assertLess(self.counted(out, "messages") * 10, len(lines))
        self.end(bridge)

    def test_a_record_that_none_follows_waits_for_no_other(self) -> None:
        """It goes at once, in one piece with the question whether it has come; libnats' own thread,
        which waits for more, would send it alone."""
        together = 0
        with socket.create_server(("127.0.0.1", 0)) as listener:
            out = self.bridge("out", "near", "--subject", SUBJECT, "--to",
                              f"nats://127.0.0.1:{listener.getsockname()[1]}")
            sending = self.start("send", "--raw", "--lines", "near", stdin=subprocess.PIPE)
            listener.settimeout(PATIENCE_S)
            server, _ = listener.accept()
        with server:
            server.settimeout(PATIENCE_S)
            server.sendall(b'INFO {"server_id":"a","max_payload":1048576}\r\n')

            def piece() -> bytes:
                try:
                    came = server.recv(1 << 16)
                    server.sendall(b"PONG\r\n" * came.count(b"PING\r\n"))
                except ConnectionError:  # it has ended, and waits for no answer
                    return b""
                return came

            for number in range(20):
                sending.stdin.write(b"record %d\n" % number)
                sending.stdin.flush()
                came = b""
                while b"PUB " not in came:
                    came = piece()
                    self.assertTrue(came, "it hung up")
                together += came.rfind(b"PING\r\n") > came.rfind(b"PUB ")
                time.sleep(0.1)  # until nothing is under way
            sending.stdin.close()
            sending.stdin = None
            while piece():
                pass
        self.assertGreater(together, 0)  # not each time, where others have the CPU
        self.assertEqual(self.finish(sending)[0], 0)
        self.assertEqual(self.finish(out)[0], 0)

    def test_what_is_lost_is_counted(self) -> None:
        """By the positions that each message says, here those of a bridge that is none."""
        server = self.server()
        bridge = self.into_core("far", server)
        client = NatsClient(server.port)
        self.addCleanup(client.close)
        for begin, line in ((0, b"one"), (1, b"two"), (4, b"five")):
            client.publish(SUBJECT, line, f"_rb.source.{begin}")
        self.assertEqual(self.finish(self.receive_lines("far", 3))[1], b"one\ntwo\nfive\n")
        status, _, said = self.interrupt(bridge)
        self.assertEqual(status, 130)
        self.expect_line(said, "records 3, messages 3, lost 2")
        self.assertEqual(self.counted(bridge, "lost"), 2)

    def test_the_ring_fills_while_the_server_is_gone(self) -> None:
        server = self.server()
        bridge = self.into_core("far", server)
        out = self.out("near", server)
        first = self.send_lines("near", [b"first"])
        receiving = self.receive_lines("far", 1)
        self.assertEqual(self.finish(receiving)[1], b"first\n")
        self.assertEqual(self.finish(first)[0], 0)
        self.assertEqual(self.finish(out)[0], 0)
        out = self.out("near", server)
        lines = [b"%09d" % n * 10 for n in range(50_000)]  # more than the ring holds
        sending = self.start("send", "--raw", "--lines", "near", stdin=subprocess.PIPE)
        self.await_connected(out)
        server.kill()
        source = self.folder / "more"
        source.write_bytes(b"".join(line + b"\n" for line in lines))
        feeding = subprocess.Popen(["cat", source], stdout=sending.stdin)
        self.addCleanup(self._end, feeding)
        sending.stdin.close()
        sending.stdin = None
        time.sleep(1)
        self.assertIsNone(sending.poll(), "the writer waits")
        server.start()
        self.assertEqual(self.finish(sending)[0], 0)
        self.assertEqual(self.finish(out)[0], 0)
        self.assertEqual(self.interrupt(bridge)[0], 130)  # and says perhaps that it had no server

    def test_top_shows_the_counters(self) -> None:
        server = self.server()
        bridge = self.into("far", server)
        out = self.out("near", server)
        self.await_that(lambda: b"test.orders => far: records 0" in self.top())
        self.assertEqual(self.finish(self.send_lines("near", [b"one", b"two"]))[0], 0)
        self.assertEqual(self.finish(out)[0], 0)
        self.assertNotRegex(self.top(), b"(?m)^%d " % out.pid)
        self.assertRegex(self.top(), b"(?m)^%d +test.orders => far: records " % bridge.pid)
        self.end(bridge)
        self.assertNotRegex(self.top(), b"(?m)^%d " % bridge.pid)

    def top(self) -> bytes:
        ended = self.ringbell("top", "--times", "1", "--interval", "0.1")
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        return ended.stdout


class Files(BridgeTest):
    def config(self, text: str) -> str:
        path = self.folder / "bridge.toml"
        path.write_text(text)
        return str(path)

    def test_pairs_of_a_file(self) -> None:
        server = self.server()
        pairs = "".join(f'''
[[out]]
ring = "near.{n}"
subject = "pair.{n}"
durable = true
linger = "200us"
[[in]]
ring = "far.{n}"
subject = "pair.{n}"
durable = true
capacity = "64K"
''' for n in range(2))
        path = self.config(f'server = "{server.url}"\n{pairs}')
        self.assertEqual(self.ringbell("bridge", "check", path).stdout, b"4 pairs\n")
        metrics = self.folder / "bridge.prom"
        bridge = self.start("bridge", "run", path, "--metrics", str(metrics))
        lines = [b"%d" % n for n in range(1000)]
        sending = [self.send_lines(f"near.{n}", lines) for n in range(2)]
        for n in range(2):
            self.assertTrue(self.finish(self.receive_lines(f"far.{n}", 1000))[1].split() == lines)
        for process in sending:
            self.assertEqual(self.finish(process)[0], 0)
        status, _, said = self.interrupt(bridge)
        self.assertEqual(status, 130)
        self.assertIn("near.0 -> pair.0: records 1000", said)
        self.assertIn('direction="in"} 1000', metrics.read_text())

    def test_files_that_will_not_do(self) -> None:
        good = '[[out]]\nring = "a"\nsubject = "b"\n'
        for text, said in [("", "there is no"), ("[[out]\n", "bridge.toml:1: "),
                           ("speed = 1\n" + good, "'speed' is no key here"),
                           (good + "durabel = true\n", "bridge.toml:4: 'durabel' is no key here"),
                           (good + "durable = 1\n", "of another type"),
                           (good + 'linger = "soon"\n', "'linger' cannot be that"),
                           ('[[out]]\nring = "A"\nsubject = "b"\n', "name"),
                           ('[[out]]\nring = "a"\nsubject = "b c"\n', "no subject"),
                           ('[[out]]\nring = "a"\n', "no subject"),
                           ("out = 3\n", "write ..out.. for each pair"),
                           ('server = "http://x"\n' + good, "no URL"),
                           (good + 'stream = "S"\n', "durable"),
                           ('[[in]]\nring = "a"\nsubject = "b"\nas = "heap"\n', "'as'"),
                           ('[[service]]\nring = "a"\nsubject = "b"\ndirection = "up"\n',
                            "'direction'"),
                           ('[[service]]\nring = "a"\nsubject = "b"\ndirection = "out"\n'
                            "clients = 0\n", "no ring"),
                           ('[[in]]\nring = "a"\nsubject = "b"\ncapacity = "3T"\n', "no ring")]:
            ended = self.ringbell("bridge", "check", self.config(text))
            self.assertEqual(ended.returncode, 2, (text, ended.stderr))
            self.expect_line(ended.stderr.decode(), said)
        service = '[[service]]\nring = "a"\nsubject = "b"\ndirection = "out"\ntimeout = "2s"\n'
        self.assertEqual(self.ringbell("bridge", "check", self.config(service)).stdout, b"1 pair\n")
        ended = self.ringbell("bridge", "check", str(self.folder / "absent"))
        self.assertNotEqual(ended.returncode, 0)
        self.assertEqual(ended.stderr.count(b"\n"), 1)


class Refusals(BridgeTest):
    def refused(self, status: int, said: str, *arguments: str) -> None:
        ended = self.ringbell("bridge", *arguments, "--wait", "0.2")
        self.assertEqual((ended.returncode, ended.stdout), (status, b""), ended.stderr)
        self.expect_line(ended.stderr.decode(), said)
        self.assertEqual(self.left_names(), [])

    def test_command_lines(self) -> None:
        for arguments, said in [
                (["out", "near", "--subject", "a b"], "no subject"),
                (["out", "near", "--subject", "a.*"], "no subject"),
                (["out", "near", "--subject", ""], "no subject"),
                (["out", "near", "--subject", "a", "--to", "localhost"], "no URL"),
                (["out", "near", "--subject", "a", "--to", "nats://"], "no URL"),
                (["out", "near", "--subject", "a", "--stream", "S"], "durable"),
                (["out", "near", "--subject", "a", "--durable", "--stream", "a b"], "no name"),
                (["out", "near", "--subject", "a", "--durable", "--overflow", "drop-oldest"],
                 "block"),
                (["out", "near", "--subject", "a", "--overflow", "drop"], "will not do"),
                (["in", "far", "--subject", "a", "--as", "topic", "--message-bytes", "8",
                  "--mark-losses"], "16 bytes"),
                (["out", "NEAR", "--subject", "a"], "name"),
                (["out", "near", "--subject", "a", "--linger", "1"], "no time"),
                (["in", "far", "--subject", "a", "--as", "heap"], "will not do"),
                (["in", "far", "--subject", "a", "--capacity", "1"], "no ring")]:
            self.refused(2, said, *arguments)

    def test_servers_that_are_none(self) -> None:
        for direction, option in (("out", "--to"), ("in", "--from")):
            arguments = [direction, "ring", "--subject", "a", option]
            self.refused(3, "nats://127.0.0.1:1", *arguments, "nats://127.0.0.1:1")
            self.refused(3, "nats://no.such.host.invalid", *arguments,
                         "nats://no.such.host.invalid:4222")

    def test_servers_that_fall_silent_while_they_greet(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"nats://127.0.0.1:{listener.getsockname()[1]}"
            accepted = []

            def greet() -> None:
                while True:
                    try:
                        accepted.append(listener.accept()[0])
                        accepted[-1].sendall(b'INFO {"server_id":"a","max_payload":1048576}\r\n')
                    except OSError:
                        return

            threading.Thread(target=greet, daemon=True).start()
            self.refused(3, url, "in", "ring", "--subject", "a", "--from", url)
            bridge = self.start("bridge", "out", "ring", "--subject", "a", "--to", url)
            self.await_that(lambda: len(accepted) == 2)
            bridge.terminate()
            self.assertEqual(self.finish(bridge)[0], 143)
            listener.shutdown(socket.SHUT_RDWR)
            for one in accepted:
                one.close()

    def test_signals_end_what_waits(self) -> None:
        server = self.server()
        for url in ("nats://127.0.0.1:1", server.url):
            for arguments in (["out", "ring", "--to", url], ["in", "ring", "--from", url]):
                for moment in (0.1, 0.7):
                    bridge = self.start("bridge", *arguments, "--subject", "a", "--durable")
                    time.sleep(moment)
                    bridge.send_signal(signal.SIGTERM)
                    status, said, errors = self.finish(bridge)
                    self.assertIn(status, (143, -signal.SIGTERM))  # or before it could notice
                    self.assertEqual((said, errors), (b"", ""))
                    self.assertEqual(self.left_names(), [])

    def test_wrong_credentials(self) -> None:
        server = self.server("--user", "alice", "--pass", "secret")
        for url in (server.url, server.url.replace("//", "//alice:wrong@")):
            self.refused(1, "uthorization", "out", "ring", "--subject", "a", "--to", url)
            self.refused(1, "uthorization", "in", "ring", "--subject", "a", "--from", url)
        ended = self.ringbell("bridge", "out", "ring", "--subject", "a", "--to",
                              server.url.replace("//", "//alice:wrong@"), "--wait", "0.2")
        self.assertNotIn(b"wrong@", ended.stderr)
        self.refused(1, "absent", "out", "ring", "--subject", "a", "--to", server.url,
                     "--credentials", str(self.folder / "absent"))

    def test_servers_without_jetstream(self) -> None:
        server = self.add_server()
        server.command.remove("-js")
        server.start()
        self.refused(1, "JetStream", "out", "ring", "--subject", "a", "--to", server.url,
                     "--durable")

    def test_streams_of_others(self) -> None:
        server = self.server()
        feeding = self.send_lines("near", [b"a"])
        out = self.start("bridge", "out", "near", "--to", server.url, "--subject", "mine",
                         "--durable", "--stream", "S")
        self.assertEqual(self.finish(out)[0], 0)
        self.finish(feeding)
        self.refused(1, "stream S is of other subjects", "out", "ring", "--subject", "other",
                     "--to", server.url, "--durable", "--stream", "S")
        self.refused(1, "belongs to another stream", "out", "ring", "--subject", "mine",
                     "--to", server.url, "--durable", "--stream", "T")

    def test_records_that_are_too_large_stay(self) -> None:
        config = self.folder / "small.conf"
        config.write_text("max_payload: 1024\n")
        server = self.server("-c", str(config))
        for options in ((), ("--linger", "1ms"), ("--durable",)):
            feeding = self.send_lines("near", [b"small", b"x" * 2000])
            out = self.out("near", server, *options)
            status, _, said = self.finish(out)
            self.assertEqual(status, 1)
            self.expect_line(said, "a record of 2000 bytes does not fit")
            receiving = self.start("recv", "--raw", "--lines", "near")
            left = self.finish(receiving)[1].splitlines()
            # Durable, what the server had not acknowledged stays, too.
            self.assertIn(left, ([b"x" * 2000], [b"small", b"x" * 2000]))
            self.assertEqual(self.finish(feeding)[0], 0)


if __name__ == "__main__":
    unittest.main()
