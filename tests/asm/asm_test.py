#!/usr/bin/python3
"""The hot paths keep their instructions: none longer than it was, and no full barrier in any."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "everywhere"))

import asm  # noqa: E402  # pylint: disable=wrong-import-position

BARRIERS = {
    "a fence": "void seen() { std::atomic_thread_fence(std::memory_order_seq_cst); }",
    "a store that is one": "void seen(std::atomic<long>& at) { at.store(1); }",
    "an addition": "long seen(std::atomic<long>& at) { return at.fetch_add(1); }",
}
# The atomic additions of AArch64 are calls of libgcc unless they are written out, and the store is
# stlr, no full barrier.
ARM64_OPTIONS = ["a fence"]


@functools.cache
def compiled_ends() -> asm.Listing:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "ringbell").mkdir()
        (Path(folder) / "ringbell" / "transport").symlink_to(ROOT / "transport")
        return asm.functions(asm.compile_to_text(
            asm.COMPILERS["x86-64"], ROOT / "tests" / "asm" / "typed_paths.cpp", Path(folder)))


class Asm(unittest.TestCase):
    def each_architecture(self):
        for architecture, compiler in asm.COMPILERS.items():
            with self.subTest(architecture):
                if shutil.which(compiler):
                    yield architecture
                else:
                    self.skipTest(f"{compiler} is not installed")

    def test_no_path_grew_and_none_has_a_full_barrier(self) -> None:
        for architecture in self.each_architecture():
            self.assertEqual(asm.one(architecture, "--check"), [])

    def test_full_barriers_are_noticed(self) -> None:
        for architecture in self.each_architecture():
            for what in BARRIERS if architecture == "x86-64" else ARM64_OPTIONS:
                with tempfile.TemporaryDirectory() as folder:
                    source = Path(folder) / "seen.cpp"
                    source.write_text(f'#include <atomic>\nextern "C" {BARRIERS[what]}\n',
                                      encoding="utf-8")
                    found = asm.one(architecture, "--check", source)
                self.assertTrue(any("seen: a full barrier" in line for line in found), what)

    def test_only_a_queue_may_exchange(self) -> None:
        exchange = ["        lock cmpxchgq   %rdx, (%rax)"]
        listing = {"mpmc_claim": exchange, "peek": exchange}
        self.assertEqual(asm.barriers("x86-64", listing),
                         ["x86-64: peek: a full barrier: lock cmpxchgq   %rdx, (%rax)"])
        fence = {"mpmc_claim": ["        lock orq        $0, (%rsp)"]}
        self.assertEqual(len(asm.barriers("x86-64", fence)), 1)

    def test_a_longer_path_is_noticed(self) -> None:
        listing = {"peek": ["        ret"] * 3, "release": ["        ret", ".L1:"]}
        self.assertEqual(asm.longer("x86-64", listing, {"peek": 3, "release": 1}), [])
        self.assertIn("peek: 3 instructions, at most 2",
                      asm.longer("x86-64", listing, {"peek": 2, "release": 1})[0])
        self.assertIn("peek is new", asm.longer("x86-64", listing, {"release": 1})[0])

    def test_what_is_checked_in_was_written_by_the_command(self) -> None:
        for architecture in self.each_architecture():
            recorded = asm.recorded_counts(ROOT / "tests" / "asm" / f"{architecture}.txt")
            self.assertGreaterEqual(recorded.keys(), {
                "spsc_claim", "spsc_commit", "spsc_peek", "spsc_release", "peer_waits",
                "mpmc_claim", "mpmc_commit", "mpmc_write", "mpmc_peek", "mpmc_release"})

    def listing_of_ends(self) -> asm.Listing:
        if not shutil.which(asm.COMPILERS["x86-64"]):
            self.skipTest("the compiler is not installed")
        return compiled_ends()

    # A vector that is loaded from two words on the stack waits until they have left the store
    # buffer, behind the stores into the ring: a message then costs a whole transfer more.
    def test_no_vector_is_made_of_words_on_the_stack(self) -> None:
        load = re.compile(r"\s+mov(dq[au]|[au]p[sd])\s+-?\d*\(%rsp\), %xmm")
        self.assertTrue(load.match("\tmovdqa\t32(%rsp), %xmm0"))
        listing = self.listing_of_ends()
        for name in ("send_bytes", "send_in_place", "receive_in_place"):
            self.assertEqual([line for line in listing[name] if load.match(line)], [], name)

    def test_a_type_costs_no_instruction(self) -> None:
        listing = self.listing_of_ends()
        for call in ["send", "receive"]:
            of_type, of_bytes = (asm.count(listing[f"{call}_{what}"])
                                 for what in ["typed", "bytes"])
            self.assertLessEqual(of_type, of_bytes, call)
            self.assertGreater(of_bytes, 20, f"{call}: the ring's own instructions are there")

    # What send shares with the typed send, the ring's write(), stands as a function of its own.
    def test_sending_costs_what_filling_in_place_does(self) -> None:
        listing = self.listing_of_ends()
        sent = sum(asm.count(lines) for name, lines in listing.items()
                   if name == "send_bytes" or "::try_send(" in name)
        self.assertGreater(sent, 100, "the ring's own instructions are there")
        self.assertLessEqual(sent, 1.1 * asm.count(listing["send_in_place"]))

    def test_a_bell_is_found_without_a_call(self) -> None:
        listing = self.listing_of_ends()
        for name in ("queue_commit", "queue_release", "contributor_commit"):
            self.assertEqual([line for line in listing[name] if "ringbell::Region::" in line], [])

    def test_unknown_words_are_refused(self) -> None:
        ended = subprocess.run([ROOT / "tools" / "everywhere" / "asm.py", "mips"], check=False,
                               capture_output=True, text=True)
        self.assertEqual((ended.returncode, ended.stdout), (2, ""))


if __name__ == "__main__":
    unittest.main()
