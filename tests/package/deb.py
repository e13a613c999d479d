"""The Debian packages: they install into an empty root, a program finds the library there, its own
package would depend on libringbell0, and their removal leaves nothing behind. lintian, where it is
installed, finds no error. Run as: deb.py BUILD_FOLDER SCRATCH_FOLDER EXAMPLE COMPILER...
$EMULATOR runs what another architecture is for. Ends with status 77 where dpkg may not install:
without root, or where there is no dpkg."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

SKIPPED = 77
# Some of what each must have, and what stands in its Depends: @ is its own version.
PACKAGES = {
    "libringbell0": (["usr/lib/libringbell.so.0"], ["libc6 (>= 2."]),
    "libringbell-dev": (
        ["usr/include/ringbell/ringbell.h", "usr/lib/libringbell.a", "usr/lib/libringbell.so",
         "usr/lib/cmake/ringbell/ringbell-config.cmake", "usr/lib/pkgconfig/ringbell.pc"],
        ["libringbell0 (= @)", "libexpected-dev"]),
    "ringbell": (
        ["usr/bin/ringbell", "usr/share/man/man1/ringbell.1.gz",
         "usr/share/bash-completion/completions/ringbell",
         "usr/share/zsh/vendor-completions/_ringbell",
         "usr/share/fish/vendor_completions.d/ringbell.fish"],
        ["libringbell0 (= @)", "libc6 (>= 2.", "python3"]),
    "ringbell-dbgsym": (["usr/lib/debug/.build-id/"], []),
}
COMMAND_BYTES = 3_000_000
EMULATOR = os.environ.get("EMULATOR", "").split()
# What readelf calls an architecture of Debian's.
MACHINES = {"amd64": "X86-64", "arm64": "AArch64"}


def run(*command, **options):
    print("+", *command, flush=True)
    return subprocess.run(command, check=True, text=True, **options)


def files_below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def give_shell(root):
    """The package's scripts run inside the root: a shell, ldconfig, and what these load."""
    for program in ["/bin/sh", "/sbin/ldconfig", "/sbin/ldconfig.real"]:
        if Path(program).exists():
            listed = subprocess.run(["ldd", program], text=True, capture_output=True).stdout
            needed = [word for word in listed.split() if word.startswith("/")]
            for file in [program, *needed]:
                (root / file[1:]).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, root / file[1:])


def said_by(*command, **options):
    return run(*command, stdout=subprocess.PIPE, **options).stdout


def sections_of(file):
    return said_by("readelf", "-SW", file)


def look_at(name, package, architecture):
    files, depends = PACKAGES[name]
    listed = said_by("dpkg-deb", "--contents", package)
    for file in [*files, f"usr/share/doc/{name}/copyright", f"usr/share/doc/{name}/changelog.gz"]:
        assert f" ./{file}" in listed, f"{name} has no {file}"
    fields = said_by("dpkg-deb", "--field", package, "Package", "Version", "Architecture",
                     "Depends", "Section")
    print(fields)
    assert f"Package: {name}\n" in fields and f"Architecture: {architecture}\n" in fields, fields
    version = re.search(r"Version: (.*)", fields)[1]
    for depend in depends:
        assert depend.replace("@", version) in fields, (depend, fields)


def shared_library_dependencies(program, root):
    """What dpkg-shlibdeps says that a package with this program depends on."""
    package = program.parent / "package"
    (package / "debian").mkdir(parents=True)
    (package / "debian/control").write_text("Source: a\n\nPackage: a\nArchitecture: any\n",
                                            encoding="utf-8")
    here = root / "var/lib/dpkg/info/libringbell0.shlibs"
    return said_by("dpkg-shlibdeps", "-O", f"-l{root}/usr/lib", f"-L{here}", program, cwd=package)


def look_at_command(command, root, release):
    """It is small, and takes the library from where the loader looks."""
    assert not release or command.stat().st_size < COMMAND_BYTES, command.stat()
    dynamic = said_by("readelf", "-d", command)
    assert "[libringbell.so.0." in dynamic and not re.search(r"\((RUN|R)PATH\)", dynamic), dynamic
    run(*EMULATOR, command, "--version", env={**os.environ, "LD_LIBRARY_PATH": f"{root}/usr/lib"})


def look_at_programs(root, command, of_machine):
    """What is installed is for this machine, stripped, and its symbols stand apart."""
    for file in [command, (root / "usr/lib/libringbell.so").resolve()]:
        assert of_machine in said_by("readelf", "-h", file), file
        assert not re.search(r"\.(debug_info|symtab)", sections_of(file)), file
        build_id = re.search(r"Build ID: (..)(\w+)", said_by("readelf", "-n", file))
        symbols = root / "usr/lib/debug/.build-id" / build_id[1] / f"{build_id[2]}.debug"
        assert re.search(r"\.debug_line .*\.symtab", sections_of(symbols), re.DOTALL), file


def main(build, scratch, example, *compiler):
    if os.geteuid() != 0 or not shutil.which("dpkg"):
        print("skipped: only root can install a package, with dpkg")
        return SKIPPED
    shutil.rmtree(scratch, ignore_errors=True)
    root = scratch / "root"
    for folder in ["updates", "info"]:
        (root / "var/lib/dpkg" / folder).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    (root / "etc").mkdir()
    give_shell(root)
    before = files_below(root)

    run("cpack", "-G", "DEB", "--config", build / "CPackConfig.cmake", "-B", scratch / "made",
        stdout=subprocess.DEVNULL)
    packages = {path.name.split("_")[0]: path for path in (scratch / "made").glob("*.deb")}
    assert packages.keys() == PACKAGES.keys(), packages
    native = said_by("dpkg", "--print-architecture").strip()
    architecture = "arm64" if EMULATOR else native
    for name, package in packages.items():
        look_at(name, package, architecture)
    assert re.match(r"libringbell 0\.\d+ libringbell0 \(>= ",
                    said_by("dpkg-deb", "--info", packages["libringbell0"], "shlibs"))
    if shutil.which("lintian"):
        run("lintian", "--fail-on", "error", "--display-level", ">=error", "--allow-root",
            *packages.values())

    # What they depend on is in the real root.
    dpkg = ["dpkg", f"--root={root}", "--force-depends", "--force-architecture", "--no-triggers"]
    run(*dpkg, "--install", *packages.values())
    release = "CMAKE_BUILD_TYPE:STRING=Release" in (build / "CMakeCache.txt").read_text()
    command = root / "usr/bin/ringbell"
    look_at_programs(root, command, MACHINES[architecture])
    look_at_command(command, root, release)
    program = scratch / "program"
    run(*compiler, "-std=c++20", f"-I{root}/usr/include", example, f"-L{root}/usr/lib",
        "-lringbell", "-o", program)
    run(*EMULATOR, program, env={**os.environ, "LD_LIBRARY_PATH": f"{root}/usr/lib"})
    assert "[libringbell.so.0." in said_by("readelf", "-d", program)
    if architecture == native:  # whose ldconfig and whose packages dpkg knows
        assert b"/usr/lib/libringbell.so.0" in (root / "etc/ld.so.cache").read_bytes()
        depends = shared_library_dependencies(program, root)
        assert re.search(r"\blibringbell0 \(>= ", depends), depends

    run(*dpkg, "--purge", *packages)
    own = ["var/", "etc/ld.so.cache"]  # of dpkg and ldconfig
    left = {name for name in files_below(root) - before if not name.startswith(tuple(own))}
    assert not left and not (root / "usr/include").exists(), f"left behind: {left}"
    assert b"libringbell" not in (root / "etc/ld.so.cache").read_bytes()
    shutil.rmtree(scratch)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
