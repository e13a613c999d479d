"""The modules of kernel/, built for a kernel whose packages are unpacked: none is loaded here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import machine

# More warnings, sparse's too, and each is an error. Not the compiler that the kernel was built
# with, which another Debian may have, nor type information, which takes a tool more.
OPTIONS = ["W=1", "KCFLAGS=-Werror", "C=1", "CF=-Wsparse-error", "CC=gcc",
           "CONFIG_DEBUG_INFO_BTF_MODULES="]


def headers_of(kernel: machine.Kernel) -> Path:
    """The build folder of this kernel, which includes from where it would be installed."""
    source = kernel.folder / "usr" / "src"
    headers = source / f"linux-headers-{kernel.release}"
    for makefile in source.glob("linux-headers-*/Makefile"):
        text = makefile.read_text(encoding="utf-8")
        makefile.write_text(text.replace(" /usr/src/", f" {source}/"), encoding="utf-8")
    return headers


def copy_sources(into: Path) -> None:
    """Only what changed is written, so that make builds only that."""
    sources = machine.ROOT / "kernel"
    for path in sorted(sources.rglob("*")):
        target = into / path.relative_to(sources)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif not target.exists() or target.read_bytes() != path.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def build(kernel: machine.Kernel) -> list[Path]:
    """The modules' files, ringbell.ko first: the others use it."""
    folder = kernel.folder.parent / f"{kernel.folder.name}.modules"
    folder.mkdir(exist_ok=True)
    copy_sources(folder)
    done = subprocess.run(["make", "-s", "-C", headers_of(kernel), f"M={folder}", *OPTIONS,
                           "modules"], check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise machine.Trouble(f"the modules cannot be built for {kernel.release}:\n{done.stdout}")
    return [folder / "ringbell.ko", *sorted(folder.glob("samples/*.ko"))]
