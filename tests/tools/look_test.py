#!/usr/bin/python3
"""ringbell ls, inspect and clean: looks at rings that others use, or have left."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from command_line import EMULATED, PROGRAM, CommandTest


class Looks(CommandTest):
    def sender(self, name: str, text: bytes = b"x" * 1000) -> subprocess.Popen[bytes]:
        """One that has sent and waits for its input to go on."""
        process = self.start("send", name, stdin=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.flush()
        self.await_that(lambda: self.has_come(name))
        return process

    def facts(self, name: str) -> dict:
        ended = self.ringbell("inspect", "--json", name)
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        return json.loads(ended.stdout)

    def listed(self) -> dict[str, dict]:
        ended = self.ringbell("ls", "--json")
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        return {entry["name"]: entry for entry in json.loads(ended.stdout)}

    def test_nothing_is_there_at_first(self) -> None:
        self.assertEqual(self.listed(), {})
        self.assertEqual(self.ringbell("ls").stdout, b"")
        self.assertEqual(self.ringbell("clean").returncode, 0)

    def test_the_living_and_the_dead_are_listed(self) -> None:
        dead = self.sender("dead")
        dead.kill()
        dead.wait()
        alive = self.sender("alive")
        listed = self.listed()
        self.assertEqual({name: entry["alive"] for name, entry in listed.items()},
                         {"alive": True, "dead": False})
        self.assertEqual(listed["alive"]["kind"], "channel")
        self.assertEqual(listed["alive"]["creator_pid"], alive.pid)
        self.assertGreaterEqual(listed["alive"]["size_bytes"], 2 << 20)
        text = self.ringbell("ls").stdout.decode()
        self.assertRegex(text, r"(?m)^alive +channel .* alive +\d+$")
        self.assertRegex(text, r"(?m)^dead +channel .* dead +\d+$")

    def test_a_ring_is_inspected_while_it_is_used(self) -> None:
        sending = self.sender("used")
        # The header of the stream and one piece.
        self.await_that(lambda: self.facts("used")["fill"]["records"] == 2)
        facts = self.facts("used")
        self.assertEqual(facts["kind"], "channel")
        self.assertEqual(facts["capacity_bytes"], 2 << 20)
        self.assertGreater(facts["fill"]["bytes"], 1000)
        writer, reader = facts["sides"]
        self.assertEqual((writer["role"], writer["pid"], writer["alive"], writer["state"]),
                         ("writer", sending.pid, True, "open"))
        self.assertEqual((reader["alive"], reader["state"]), (False, "absent"))
        self.assertEqual([by["pid"] for by in facts["mapped_by"]], [sending.pid])
        self.assertGreater(facts["mapped_by"][0]["resident_bytes"], 0)
        self.assertEqual(facts["mapped_by"][0]["command"],
                         "qemu-aarch64" if EMULATED else "ringbell")

        receiving = self.start("recv", "used")
        self.await_that(lambda: self.facts("used")["sides"][1]["parked"])
        facts = self.facts("used")
        self.assertEqual(facts["fill"]["records"], 0)
        self.assertEqual(facts["sides"][1]["pid"], receiving.pid)
        self.assertEqual({by["pid"] for by in facts["mapped_by"]}, {sending.pid, receiving.pid})
        self.assertRegex(self.ringbell("inspect", "used").stdout.decode(),
                         rf"(?m)^reader +pid {receiving.pid}, open, alive, parked$")
        # Looking disturbed neither side.
        assert sending.stdin is not None
        sending.stdin.write(b"the rest")
        sending.stdin.close()
        sending.stdin = None
        self.assertEqual(self.finish(receiving), (0, b"x" * 1000 + b"the rest", ""))
        self.assertEqual(self.finish(sending)[0], 0)

    def test_a_ring_on_a_disk_is_said_to_be_on_one(self) -> None:
        self.sender("quick")
        facts = self.facts("quick")
        self.assertEqual((facts["file_system"], facts["on_disk"]), ("tmpfs", False))
        self.assertNotIn(b"disk", self.ringbell("inspect", "quick").stdout)
        folder = tempfile.TemporaryDirectory(dir="/var/tmp")
        self.addCleanup(folder.cleanup)
        kind = subprocess.run(["stat", "-f", "-c", "%T", folder.name], capture_output=True,
                              text=True, check=True, timeout=30).stdout.strip()
        if kind == "tmpfs":
            self.skipTest("/var/tmp is in memory here")
        self.names = Path(folder.name) / "names"
        self.environment["RINGBELL_DIR"] = str(self.names)
        self.sender("slow")
        facts = self.facts("slow")
        self.assertTrue(facts["on_disk"])
        self.assertNotEqual(facts["file_system"], "tmpfs")
        self.assertIn(f"on {facts['file_system']}, a disk: ",
                      self.ringbell("inspect", "slow").stdout.decode())

    def test_what_is_no_ring_is_refused(self) -> None:
        ended = self.ringbell("inspect", "none")
        self.assertEqual((ended.returncode, ended.stdout), (1, b""))
        self.expect_line(ended.stderr.decode(), "there is no none.ring in .*ringbell ls")
        self.names.mkdir(mode=0o700)  # looking made none
        (self.names / "fake.ring").write_bytes(b"x" * 10_000)
        ended = self.ringbell("inspect", "fake")
        self.assertEqual((ended.returncode, ended.stdout), (1, b""))
        self.expect_line(ended.stderr.decode(), "fake.ring: ")
        self.expect_line(self.ringbell("inspect", "../x").stderr.decode(), "name")

    def test_drain_of_what_was_never_set_aside_is_done(self) -> None:
        ended = self.ringbell("drain", "orders")
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        self.assertIn(b"nothing is left", ended.stdout)

    def test_drain_tells_what_is_left_and_waits(self) -> None:
        sending = self.sender("orders")
        self.set_aside("orders")
        ended = self.ringbell("drain", "--wait", "0", "orders")
        self.assertEqual(ended.returncode, 3)
        self.assertRegex(ended.stdout.decode(), r"orders\.1\.past: \d+ records,.*no process reads")
        self.assertIn(b"orders.1.past", self.ringbell("ls").stdout)
        self.assertEqual(self.ringbell("inspect", "orders.1.past").returncode, 0)
        waiting = self.start("drain", "orders")
        reading = self.start("recv", "orders")
        assert sending.stdin is not None
        sending.stdin.close()
        self.assertEqual(reading.wait(60), 0)
        self.assertEqual(sending.wait(60), 0)
        self.assertEqual(waiting.wait(60), 0)

    def set_aside(self, name: str) -> Path:
        """As a sender with other options would do it."""
        past = self.names / f"{name}.1.past"
        (self.names / f"{name}.ring").rename(past)
        return past

    def test_drain_removes_what_is_empty(self) -> None:
        sending, other = self.sender("orders"), self.sender("other")
        receiving = self.start("recv", "orders")
        self.await_that(lambda: self.facts("orders")["fill"]["records"] == 0)
        for name in ["orders", "other"]:
            self.set_aside(name)
        for process in [receiving, sending, other]:
            process.kill()
            process.wait()
        ended = self.ringbell("drain", "--wait", "0", "orders")
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        self.assertEqual([path.name for path in self.names.glob("*.past")], ["other.1.past"])

    def test_drain_tells_of_what_this_version_cannot_read(self) -> None:
        sending = self.sender("orders")
        receiving = self.start("recv", "orders")
        self.await_that(lambda: self.facts("orders")["sides"][1]["alive"])
        with self.set_aside("orders").open("r+b") as ring:
            ring.seek(8)
            ring.write(b"\x63")  # another layout's version
        ended = self.ringbell("drain", "--wait", "0", "orders")
        self.assertEqual(ended.returncode, 3)
        self.assertIn(b"read by a program of another version", ended.stdout)
        for process in [receiving, sending]:
            process.kill()
            process.wait()
        ended = self.ringbell("drain", "orders")
        self.assertEqual((ended.returncode, ended.stdout), (1, b""))
        self.expect_line(ended.stderr.decode(), "must read it, or `ringbell clean` removes it")

    def test_clean_removes_the_dead_and_only_them(self) -> None:
        alive = self.sender("alive")
        for name in ["dead-1", "dead-2"]:
            dead = self.sender(name)
            dead.kill()
            dead.wait()
        ended = self.ringbell("clean", "--dry-run")
        self.assertEqual([line.split()[0] for line in ended.stdout.splitlines()],
                         [b"dead-1", b"dead-2"])
        for answer in [b"", b"n\n"]:
            ended = self.ringbell("clean", input=answer)
            self.assertEqual(ended.returncode, 1)
            self.assertIn(b"remove 2 names? [y/N]", ended.stderr)
        self.assertEqual(len(self.left_names()), 3)
        self.assertEqual(self.ringbell("clean", input=b"y\n").returncode, 0)
        self.assertEqual(self.left_names(), ["alive.ring"])
        ended = self.ringbell("clean", "--yes", "--json")
        self.assertEqual((ended.returncode, json.loads(ended.stdout)), (0, []))
        self.assertIsNone(alive.poll())

    def test_top_shows_rates_and_lag(self) -> None:
        self.sender("slow")
        ended = self.ringbell("top", "--times", "2", "--interval", "0.2")
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        shown = ended.stdout.decode()
        self.assertEqual(shown.count("ringbell top: 1 ring, by rate\n"), 2)
        self.assertRegex(shown, r"(?m)^slow +channel +0 B/s +1\.\d+ KiB +0%  \d+ +-$")
        self.assertNotIn("\x1b", shown)

    def test_a_ring_that_lost_its_name_is_listed_as_lost(self) -> None:
        sending = self.sender("feed")
        self.assertIs(self.listed()["feed"]["lost"], False)
        (self.names / "feed.ring").unlink()
        lost = self.listed()["feed"]
        self.assertEqual((lost["lost"], lost["kind"], lost["creator_pid"], lost["folder"]),
                         (True, "channel", sending.pid, str(self.names.resolve())))
        self.assertRegex(self.ringbell("ls").stdout.decode(), r"(?m)^feed +channel .* lost +\d+$")
        shown = self.ringbell("top", "--times", "1", "--interval", "0.1").stdout.decode()
        self.assertRegex(shown, r"(?m)^feed \(lost\) +channel ")
        self.assertEqual(self.facts(lost["path"])["sides"][0]["pid"], sending.pid)
        self.expect_line(self.ringbell("inspect", "feed").stderr.decode(),
                         f"no feed.ring .* lost this name: ringbell inspect {lost['path']}")
        # Another of the name stands beside it.
        self.sender("feed")
        listed = json.loads(self.ringbell("ls", "--json").stdout)
        self.assertEqual([(entry["name"], entry["lost"]) for entry in listed],
                         [("feed", False), ("feed", True)])
        sending.kill()
        sending.wait()
        self.assertEqual([entry["lost"] for entry in json.loads(
            self.ringbell("ls", "--json").stdout)], [False])

    def test_a_ring_that_was_renamed_is_listed_as_lost_too(self) -> None:
        sending = self.sender("feed")
        (self.names / "feed.ring").rename(self.names / "feed.ring\x1bbak")
        listed = json.loads(self.ringbell("ls", "--json").stdout)
        self.assertEqual([(entry["name"], entry["lost"], entry["creator_pid"])
                          for entry in listed], [("feed.ring?bak", True, sending.pid)])
        self.assertEqual(self.facts(listed[0]["path"])["sides"][0]["pid"], sending.pid)
        # Under another name it is one that can be found.
        (self.names / "feed.ring\x1bbak").rename(self.names / "other.ring")
        listed = json.loads(self.ringbell("ls", "--json").stdout)
        self.assertEqual([(entry["name"], entry["lost"]) for entry in listed], [("other", False)])

    def test_a_look_outlives_a_ring_that_is_cut_meanwhile(self) -> None:
        """A process that may write to a file of tmpfs can cut it: SIGBUS for what maps it."""
        path = self.names / "feed.ring"
        lines = 30_000  # a look takes a while
        sending = self.start("send", "--raw", "--lines", "feed", stdin=subprocess.PIPE)
        assert sending.stdin is not None
        sending.stdin.write(b"x\n" * lines)
        sending.stdin.flush()
        self.await_that(lambda: self.has_come("feed")
                        and self.facts("feed")["fill"]["records"] >= lines)
        whole = path.read_bytes()
        sending.kill()
        over = threading.Event()

        def cut() -> None:
            while not over.wait(random.uniform(0, 0.01)):
                os.truncate(path, 0)
                path.write_bytes(whole)

        def was_cut() -> bool:
            ended = self.ringbell("inspect", "feed")
            self.assertIn(ended.returncode, (0, 1))
            return b"it was cut while it was looked at" in ended.stderr

        cutting = threading.Thread(target=cut)
        cutting.start()
        try:
            self.await_that(was_cut)
        finally:
            over.set()
            cutting.join()

    def test_top_on_a_terminal_obeys_keys(self) -> None:
        tmux = shutil.which("tmux")
        if tmux is None:
            self.skipTest("tmux is not installed")
        self.sender("b")
        self.sender("a")
        server = [tmux, "-S", str(self.folder / "tmux")]

        def screen() -> str:
            return subprocess.run([*server, "capture-pane", "-p"], capture_output=True, text=True,
                                  check=True, timeout=30).stdout

        command = (f"RINGBELL_DIR={self.names} {Path(PROGRAM).resolve()} top; echo status $?; "
                   "sleep 60")
        subprocess.run([*server, "-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "10",
                        command], check=True, timeout=30)
        try:
            self.await_that(lambda: "2 rings, by rate" in screen())
            subprocess.run([*server, "send-keys", "n"], check=True, timeout=30)
            self.await_that(lambda: "2 rings, by name" in screen())
            self.assertLess(screen().index("\na "), screen().index("\nb "))
            subprocess.run([*server, "send-keys", "q"], check=True, timeout=30)
            self.await_that(lambda: "status 0" in screen())
            self.assertNotIn("by name", screen())
        finally:
            subprocess.run([*server, "kill-server"], check=True, timeout=30)


if __name__ == "__main__":
    unittest.main()
