#!/usr/bin/python3
"""Each errno that an ioctl can end with stands in a table of kernel/README.md, and no other."""

import re
import unittest
from pathlib import Path

KERNEL = Path(__file__).resolve().parents[2] / "kernel"
# What the calls of a process can end with comes from these.
SOURCES = ["main.c", "device.c", "memory.c", "session.c", "ring.c"]
# What a module's calls return, which ringbell.h tells.
OF_MODULES = {"EAGAIN", "EMSGSIZE", "ENOSPC", "EOWNERDEAD", "EPIPE", "ERESTARTSYS", "ESHUTDOWN",
              "ETIMEDOUT"}


class Errnos(unittest.TestCase):
    def test_table_is_what_the_sources_return(self) -> None:
        returned = set()
        for name in SOURCES:
            text = (KERNEL / name).read_text(encoding="utf-8")
            returned |= set(re.findall(r"-(E[A-Z0-9]+)\b", text))
        table = (KERNEL / "README.md").read_text(encoding="utf-8")
        first_columns = re.findall(r"^\| (`E[^|]*) \|", table, re.MULTILINE)
        told = set(re.findall(r"E[A-Z0-9]+", " ".join(first_columns)))
        self.assertEqual(told, returned - OF_MODULES)

    def test_dkms_has_the_projects_version(self) -> None:
        header = (KERNEL.parent / "transport/base/version.h").read_text(encoding="utf-8")
        numbers = re.findall(r"#define RINGBELL_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header)
        self.assertIn(f'PACKAGE_VERSION="{".".join(numbers)}"',
                      (KERNEL / "dkms.conf").read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
