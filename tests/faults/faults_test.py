#!/usr/bin/python3
"""./dev faults leaves no subcommand and no system call out unnoticed."""

from __future__ import annotations

import os
import unittest
from unittest import mock

import commands
from bridges import bridge_cases
from case import ERRNOS, NOT_FAILED, Case, errnos_of

PROGRAM = os.environ.get("RINGBELL_PROGRAM", "build/release/tools/ringbell")


class Faults(unittest.TestCase):
    def test_each_subcommand_is_made_to_fail_or_has_a_reason(self) -> None:
        cases = commands.command_cases(PROGRAM) + bridge_cases(PROGRAM, False)
        self.assertEqual(commands.left_out_wrongly(PROGRAM, cases), [])
        without_ls = [case for case in cases if case.name != "ls"]
        self.assertEqual(commands.left_out_wrongly(PROGRAM, without_ls), ["ls"])
        with mock.patch.dict(commands.LEFT_OUT, {"ls": "for no reason"}):
            self.assertEqual(commands.left_out_wrongly(PROGRAM, cases), ["ls"])

    def test_each_call_has_an_errno_or_a_reason(self) -> None:
        for calls in NOT_FAILED.values():
            self.assertEqual(calls & ERRNOS.keys(), set())
        self.assertEqual(errnos_of("openat"), ERRNOS["openat"])
        self.assertEqual(errnos_of("close"), [])
        case = Case("nothing", None)
        with mock.patch.object(case, "calls", lambda: {"openat": (3, 3), "not_a_call": (2, 1)}):
            self.assertEqual([fault.number for fault in case.faults()], [3] * len(ERRNOS["openat"]))
        with mock.patch.object(case, "calls", lambda: {"not_a_call": (2, 2)}):
            self.assertRaisesRegex(SystemExit, "not_a_call", list, case.faults())


if __name__ == "__main__":
    unittest.main()
