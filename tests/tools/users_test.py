#!/usr/bin/python3
"""ringbell between users: a group's folder of names, and root that looks at another user's."""

from __future__ import annotations

import json
import os
import subprocess
import unittest

from command_line import CommandTest, as_other_user

GROUP = 61000
FIRST, SECOND, THIRD = 61001, 61002, 61003
OTHER = 65534


@unittest.skipUnless(os.geteuid() == 0, "only root can become other users")
class Users(CommandTest):
    def setUp(self) -> None:
        super().setUp()
        self.names.parent.chmod(0o755)
        self.names.mkdir()
        self.other = as_other_user(self.folder)

    def as_user(self, user: int, group: int = GROUP) -> dict:
        return {**self.other, "user": user, "group": group, "extra_groups": [group]}

    def sender(self, name: str, *arguments: str, **options) -> subprocess.Popen[bytes]:
        """One that has sent and waits for its input to go on."""
        process = self.start("send", *arguments, name, stdin=subprocess.PIPE, **options)
        assert process.stdin is not None
        process.stdin.write(b"hello")
        process.stdin.flush()
        self.await_that(lambda: self.has_come(name))
        return process

    def share(self) -> None:
        os.chown(self.names, 0, GROUP)
        self.names.chmod(0o2770)

    def test_users_of_a_group_share_what_is_sent_for_it(self) -> None:
        self.share()
        sending = self.sender("feed", "--group", **self.as_user(FIRST))
        listed = json.loads(self.ringbell("ls", "--json", **self.as_user(SECOND)).stdout)
        self.assertEqual([(entry["name"], entry["kind"], entry["alive"]) for entry in listed],
                         [("feed", "channel", True)])
        self.assertEqual(self.ringbell("inspect", "feed", **self.as_user(SECOND)).returncode, 0)
        self.expect_line(self.ringbell("recv", "--wait", "0", "feed",
                                       **self.as_user(THIRD, THIRD)).stderr.decode(),
                         "Permission denied.*RINGBELL_DIR")
        receiving = self.start("recv", "feed", **self.as_user(SECOND))
        assert sending.stdin is not None
        sending.stdin.close()
        sending.stdin = None
        self.assertEqual(self.finish(receiving), (0, b"hello", ""))
        self.assertEqual(self.finish(sending), (0, b"", ""))
        self.assertEqual(self.left_names(), [])

    def test_what_is_not_sent_for_the_group_is_its_makers_alone(self) -> None:
        self.share()
        self.sender("mine", **self.as_user(FIRST))
        self.expect_line(self.ringbell("recv", "--wait", "0", "mine",
                                       **self.as_user(SECOND)).stderr.decode(), "mode 0660")
        self.assertEqual(self.ringbell("inspect", "mine").returncode, 0, "root looks")

    def test_root_looks_at_the_rings_of_another_user(self) -> None:
        os.chown(self.names, OTHER, OTHER)
        self.names.chmod(0o700)
        sending = self.sender("feed", **self.other)
        self.expect_line(self.ringbell("ls").stderr.decode(), f"belongs to uid {OTHER}")
        of_other = ["--user", str(OTHER)]
        listed = json.loads(self.ringbell("ls", "--json", *of_other).stdout)
        self.assertEqual([(entry["name"], entry["creator_pid"]) for entry in listed],
                         [("feed", sending.pid)])
        facts = json.loads(self.ringbell("inspect", "--json", *of_other, "feed").stdout)
        self.assertEqual(facts["sides"][0]["pid"], sending.pid)
        self.assertEqual([by["pid"] for by in facts["mapped_by"]], [sending.pid])
        shown = self.ringbell("top", "--times", "1", "--interval", "0.1", *of_other)
        self.assertRegex(shown.stdout.decode(), r"(?m)^feed +channel ")
        (self.names / "feed.ring").unlink()
        listed = json.loads(self.ringbell("ls", "--json", *of_other).stdout)
        self.assertEqual([(entry["name"], entry["lost"]) for entry in listed], [("feed", True)])
        self.assertEqual(self.ringbell("ls", "--user", "none").returncode, 2)


if __name__ == "__main__":
    unittest.main()
