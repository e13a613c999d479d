"""Builds the extension module with the project's own CMake build, which stands one folder above."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = pathlib.Path(__file__).resolve().parent.parent


def version() -> str:
    text = (ROOT / "transport" / "base" / "version.h").read_text(encoding="utf-8")
    return ".".join(re.findall(r"^#define RINGBELL_VERSION_[A-Z]+ (\d+)$", text, re.MULTILINE))


def build_module(folder: pathlib.Path) -> None:
    """The project's own build, of the Python package alone."""
    off = [f"-DRINGBELL_{part}=OFF" for part in
           ("BUILD_TESTS", "BUILD_BENCH", "BUILD_TOOLS", "BUILD_EXAMPLES", "BUILD_SHARED",
            "INSTALL", "WERROR")]
    if shutil.which("ccache"):
        off.append(f"-DCMAKE_CXX_COMPILER_LAUNCHER={ROOT / 'cmake' / 'ccache.sh'}")
    subprocess.run(["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja",
                    "-DCMAKE_BUILD_TYPE=Release", "-DRINGBELL_BUILD_PYTHON=ON",
                    f"-DPython3_EXECUTABLE={sys.executable}", *off], check=True)
    subprocess.run(["cmake", "--build", str(folder), "--target", "ringbell_python"], check=True)


class CMakeBuild(build_ext):
    def build_extension(self, ext: Extension) -> None:
        # A build folder that has the module already, or one of its own.
        folder = pathlib.Path(os.environ.get("RINGBELL_BUILD") or self.build_temp).resolve()
        if "RINGBELL_BUILD" not in os.environ:
            build_module(folder)
        made, = (folder / "python" / "ringbell").glob("_ringbell*.so")
        target = pathlib.Path(self.get_ext_fullpath(ext.name)).resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(made, target)


# What setuptools writes stays out of the sources.
SCRATCH = ROOT / "build" / "pip"
SCRATCH.mkdir(parents=True, exist_ok=True)
setup(version=version(), ext_modules=[Extension("ringbell._ringbell", [])],
      cmdclass={"build_ext": CMakeBuild},
      options={"build": {"build_base": str(SCRATCH)}, "egg_info": {"egg_base": str(SCRATCH)}})
