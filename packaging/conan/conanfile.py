"""Conan 2: the library and its headers, from the checkout that this file stands in."""

import re
from pathlib import Path

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout

ROOT = Path(__file__).resolve().parent.parent.parent


class Ringbell(ConanFile):
    name = "ringbell"
    license = "Apache-2.0"
    description = "Messages between processes through rings in shared memory"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False]}
    default_options = {"shared": False}
    requires = ("fmt/[>=9 <11]", "tl-expected/[>=1.0 <2]", "liburing/[>=2.2 <3]")

    def set_version(self):
        lines = (ROOT / "transport/base/version.h").read_text(encoding="utf-8")
        numbers = re.findall(r"^#define RINGBELL_VERSION_[A-Z]+ (\d+)$", lines, re.MULTILINE)
        self.version = ".".join(numbers)

    def validate(self):
        check_min_cppstd(self, 20)

    def layout(self):
        cmake_layout(self, src_folder=str(ROOT))

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        for part in ["TESTS", "BENCH", "TOOLS", "EXAMPLES"]:
            toolchain.cache_variables[f"RINGBELL_BUILD_{part}"] = False
        toolchain.cache_variables["RINGBELL_BUILD_SHARED"] = bool(self.options.shared)
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()

    def package_info(self):
        self.cpp_info.libs = ["ringbell"]
        self.cpp_info.set_property("cmake_target_name", "ringbell::ringbell")
