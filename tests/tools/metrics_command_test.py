#!/usr/bin/python3
"""ringbell metrics: over HTTP, to Prometheus itself, and every way to be refused."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import unittest
import urllib.request

from command_line import PATIENCE_S, CommandTest, as_other_user

OPEN = "application/openmetrics-text"


class Metrics(CommandTest):
    def ring(self, name: str) -> subprocess.Popen[bytes]:
        """A ring with something in it, and its sender."""
        process = self.start("send", name, stdin=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write(b"x" * 1000)
        process.stdin.flush()
        self.await_that(lambda: self.has_come(name))
        return process

    def serve(self, where: str = "127.0.0.1:0") -> tuple[subprocess.Popen[bytes], str, int]:
        """A server, and where it is."""
        process = self.start("metrics", "--listen", where)
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        if not line:
            _, _, errors = self.finish(process)
            if "without cpp-httplib" in errors:
                self.skipTest("built without cpp-httplib")
            self.fail(errors)
        host, port = line.removeprefix("http://").removesuffix("/metrics\n").rsplit(":", 1)
        return process, host, int(port)

    def get(self, host: str, port: int, path: str = "/metrics",
            accept: str = "") -> tuple[int, str, str]:
        """Status, type and text of the answer."""
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path, headers={"Accept": accept} if accept else {})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read().decode()
        finally:
            connection.close()

    def test_it_answers_each_time_anew_in_the_format_that_is_asked_for(self) -> None:
        process, host, port = self.serve()
        self.assertEqual(self.get(host, port)[2], "")
        self.ring("used")
        status, kind, text = self.get(host, port)
        self.assertEqual((status, kind), (200, "text/plain; version=0.0.4; charset=utf-8"))
        self.assertIn('ringbell_participants{ring="used",role="writer"} 1\n', text)
        self.assertNotIn("# EOF", text)
        status, kind, text = self.get(host, port, accept=f"{OPEN};version=1.0.0,text/plain;q=0.5")
        self.assertEqual((status, kind), (200, f"{OPEN}; version=1.0.0; charset=utf-8"))
        self.assertTrue(text.endswith("# EOF\n"))
        self.assertEqual(self.get(host, port, "/")[0], 404)
        self.assertEqual(self.get(host, port, "/metrics/../../etc/passwd")[0], 404)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.finish(process), (128 + signal.SIGTERM, b"", ""))

    def test_a_client_that_says_nothing_holds_no_other_up(self) -> None:
        _, host, port = self.serve()
        with socket.create_connection((host, port), timeout=PATIENCE_S):
            self.assertEqual(self.get(host, port)[0], 200)

    def test_a_signal_before_the_first_request_ends_it(self) -> None:
        process, _, _ = self.serve()
        process.send_signal(signal.SIGINT)
        self.assertEqual(self.finish(process)[0], 128 + signal.SIGINT)

    def test_a_port_in_use_is_one_line(self) -> None:
        _, host, port = self.serve()
        ended = self.ringbell("metrics", "--listen", f"{host}:{port}")
        self.assertEqual((ended.returncode, ended.stdout), (1, b""))
        self.expect_line(ended.stderr.decode(), f"{host}:{port} failed: Address already in use")

    def test_an_address_that_cannot_be_is_one_line(self) -> None:
        for where in ["9464", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", ":80", "a:-1", ""]:
            ended = self.ringbell("metrics", "--listen", where)
            self.assertEqual((ended.returncode, ended.stdout), (2, b""), where)
            self.expect_line(ended.stderr.decode(), "ADDRESS:PORT")
        self.serve()  # or it skips here
        ended = self.ringbell("metrics", "--listen", "no.such.host.invalid:0")
        self.assertEqual((ended.returncode, ended.stdout), (1, b""))
        self.expect_line(ended.stderr.decode(), "listening on no.such.host.invalid:0 failed")
        ended = self.ringbell("metrics", "--listen", "127.0.0.1:0", "--textfile", "x")
        self.assertEqual(ended.returncode, 2)

    def test_a_damaged_ring_is_one_line_and_the_others_are_told(self) -> None:
        self.ring("good")
        (self.names / "bad.ring").write_bytes(b"x" * 10_000)
        ended = self.ringbell("metrics")
        self.assertEqual(ended.returncode, 0)
        self.expect_line(ended.stderr.decode(), "bad.ring: ")
        self.assertIn(b'ringbell_ring_info{ring="good"', ended.stdout)
        self.assertIn(b'ringbell_unreadable_ring{ring="bad"} 1\n', ended.stdout)

    def test_a_textfile_that_cannot_be_written_is_one_line_and_leaves_nothing(self) -> None:
        self.ring("used")
        missing = self.folder / "none" / "x.prom"
        ended = self.ringbell("metrics", "--textfile", str(missing))
        self.assertEqual((ended.returncode, ended.stdout), (1, b""))
        self.expect_line(ended.stderr.decode(), "No such file")
        taken = self.folder / "folder.prom"
        taken.mkdir()
        ended = self.ringbell("metrics", "--textfile", str(taken))
        self.assertEqual(ended.returncode, 1)
        self.expect_line(ended.stderr.decode(), "renaming .* failed")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["folder.prom"])

    def test_a_folder_without_rights_is_one_line(self) -> None:
        if os.geteuid() != 0:
            self.skipTest("not root")
        self.ring("used")
        closed = self.folder / "closed"
        closed.mkdir(mode=0o755)
        ended = self.ringbell("metrics", "--textfile", str(closed / "x.prom"),
                              **as_other_user(self.folder))
        self.assertEqual(ended.returncode, 1)
        self.expect_line(ended.stderr.decode(), "")
        self.assertEqual(list(closed.iterdir()), [])

    def test_prometheus_scrapes_it(self) -> None:
        if shutil.which("prometheus") is None:
            self.skipTest("prometheus is not installed: apt-get install prometheus")
        self.ring("used")
        _, host, port = self.serve()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            own = free.getsockname()[1]
        configuration = self.folder / "prometheus.yml"
        configuration.write_text(f"""scrape_configs:
- job_name: ringbell
  scrape_interval: 1s
  static_configs:
  - targets: ['{host}:{port}']
""", encoding="utf-8")
        log = (self.folder / "log").open("wb")
        self.addCleanup(log.close)
        prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={self.folder}/d",
             f"--web.listen-address=127.0.0.1:{own}"], stdout=log, stderr=log)
        self.addCleanup(self._end, prometheus)

        def ask(query: str) -> list[dict]:
            self.assertIsNone(prometheus.poll(), (self.folder / "log").read_text("utf-8"))
            try:
                with urllib.request.urlopen(
                        f"http://127.0.0.1:{own}/api/v1/query?query={query}", timeout=10) as answer:
                    return json.load(answer)["data"]["result"]
            except OSError:
                time.sleep(0.2)
                return []

        self.await_that(lambda: bool(ask("ringbell_written_bytes_total")))
        found = ask("ringbell_written_bytes_total")[0]
        self.assertEqual(found["metric"]["ring"], "used")
        self.assertGreater(float(found["value"][1]), 1000)
        self.assertEqual(ask("up")[0]["value"][1], "1")


if __name__ == "__main__":
    unittest.main()
