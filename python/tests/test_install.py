"""pip installs the package into a venv, as the README says, from a build that is there."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import venv

import pytest
import ringbell

PACKAGE = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(ringbell.__file__).resolve().parent.parent.parent

PROGRAM = """
import ringbell
from ringbell import aio
assert ringbell.__file__.startswith({prefix!r}), ringbell.__file__
assert ringbell.__version__ == {version!r}
ring = ringbell.Ring.channel()
ringbell.Sender.open(ring).send(b"x")
assert ringbell.Receiver.open(ring).receive() == b"x"
import importlib.resources
assert (importlib.resources.files("ringbell") / "py.typed").is_file()
assert (importlib.resources.files("ringbell") / "_ringbell.pyi").is_file()
"""


def check(python: pathlib.Path | str, prefix: pathlib.Path, environment: dict[str, str]) -> None:
    program = PROGRAM.format(prefix=str(prefix), version=ringbell.__version__)
    subprocess.run([python, "-c", program], check=True, timeout=60, env=environment, cwd=prefix)


def test_a_debian_package_has_it(tmp_path: pathlib.Path) -> None:
    config = BUILD / "python" / "cpack.cmake"
    if not config.is_file() or shutil.which("dpkg-deb") is None:
        pytest.skip("the package under test is not in a build folder, or this is not Debian")
    subprocess.run(["cpack", "--config", config, "-B", tmp_path], check=True, timeout=120,
                   stdout=subprocess.DEVNULL)
    made, = tmp_path.glob("python3-ringbell_*.deb")
    subprocess.run(["dpkg-deb", "-x", made, tmp_path / "root"], check=True, timeout=60)
    fields = subprocess.run(["dpkg-deb", "-f", made], check=True, timeout=60, text=True,
                            stdout=subprocess.PIPE).stdout
    assert "Package: python3-ringbell\n" in fields
    assert "libc6" in fields and "Recommends: python3-numpy\n" in fields
    place = tmp_path / "root" / "usr" / "lib" / "python3" / "dist-packages"
    assert not list(place.rglob("*.pyc"))
    check(sys.executable, tmp_path, {**os.environ, "PYTHONPATH": str(place)})


def test_pip_installs_it(tmp_path: pathlib.Path) -> None:
    if not (BUILD / "CMakeCache.txt").is_file():
        pytest.skip("the package under test is not in a build folder")
    venv.create(tmp_path / "venv", system_site_packages=True, with_pip=False, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python3"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-index",
                    "--no-deps", "--disable-pip-version-check", PACKAGE],
                   check=True, timeout=300, env={**environment, "RINGBELL_BUILD": str(BUILD)})
    check(python, tmp_path, environment)
    assert not list(PACKAGE.glob("*.egg-info")) and not (PACKAGE / "build").exists()
