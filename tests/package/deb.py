"""The Debian packages: they install into an empty root, a program finds the library there, its own
package would depend on libringbell0, and their removal leaves nothing behind. lintian, where it is
installed, finds no error. Run as: deb.py BUILD_FOLDER SCRATCH_FOLDER COMPILER EXAMPLE
Ends with status 77 where dpkg may not install: without root, or where there is no dpkg."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

SKIPPED = 77
# Some of what each must have, and what stands in its Depends.
PACKAGES = {
    "libringbell0": (["usr/lib/libringbell.so.0"], "libc6"),
    "libringbell-dev": (
        ["usr/include/ringbell/ringbell.h", "usr/lib/libringbell.a", "usr/lib/libringbell.so",
         "usr/lib/cmake/ringbell/ringbell-config.cmake", "usr/lib/pkgconfig/ringbell.pc"],
        "libexpected-dev"),
    "ringbell": (
        ["usr/bin/ringbell", "usr/share/man/man1/ringbell.1.gz",
         "usr/share/bash-completion/completions/ringbell",
         "usr/share/zsh/vendor-completions/_ringbell",
         "usr/share/fish/vendor_completions.d/ringbell.fish"], "libc6"),
    "ringbell-dbgsym": (["usr/lib/debug/.build-id/"], ""),
}
# 3 MB is the aim. Two thirds of it are the benchmark's code, an instance for each transport at -O3;
# nothing in it goes unused (--gc-sections takes 20 KB away).
COMMAND_BYTES = 4_000_000


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


def sections_of(file):
    return run("readelf", "-SW", file, stdout=subprocess.PIPE).stdout


def look_at(name, package):
    files, depends = PACKAGES[name]
    listed = run("dpkg-deb", "--contents", package, stdout=subprocess.PIPE).stdout
    for file in [*files, f"usr/share/doc/{name}/copyright", f"usr/share/doc/{name}/changelog.gz"]:
        assert f" ./{file}" in listed, f"{name} has no {file}"
    fields = run("dpkg-deb", "--field", package, "Package", "Version", "Depends", "Section",
                 stdout=subprocess.PIPE).stdout
    print(fields)
    assert f"Package: {name}\n" in fields and depends in fields, fields


def shared_library_dependencies(program, root):
    """What dpkg-shlibdeps says that a package with this program depends on."""
    package = program.parent / "package"
    (package / "debian").mkdir(parents=True)
    (package / "debian/control").write_text("Source: a\n\nPackage: a\nArchitecture: any\n",
                                            encoding="utf-8")
    here = root / "var/lib/dpkg/info/libringbell0.shlibs"
    return run("dpkg-shlibdeps", "-O", f"-l{root}/usr/lib", f"-L{here}", program, cwd=package,
               stdout=subprocess.PIPE).stdout


def main(build, scratch, compiler, example):
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
    for name, package in packages.items():
        look_at(name, package)
    if shutil.which("lintian"):
        run("lintian", "--fail-on", "error", "--display-level", ">=error", "--allow-root",
            *packages.values())

    # What they depend on is in the real root.
    dpkg = ["dpkg", f"--root={root}", "--force-depends", "--no-triggers"]
    run(*dpkg, "--install", *packages.values())
    assert b"/usr/lib/libringbell.so.0" in (root / "etc/ld.so.cache").read_bytes()
    command = root / "usr/bin/ringbell"
    assert ".debug_info" not in sections_of(command)
    if "CMAKE_BUILD_TYPE:STRING=Release" in (build / "CMakeCache.txt").read_text():
        assert command.stat().st_size < COMMAND_BYTES, command.stat()
    for file in [command, (root / "usr/lib/libringbell.so").resolve()]:
        build_id = re.search(r"Build ID: (..)(\w+)", run("readelf", "-n", file,
                                                         stdout=subprocess.PIPE).stdout)
        symbols = root / "usr/lib/debug/.build-id" / build_id[1] / f"{build_id[2]}.debug"
        assert ".symtab" in sections_of(symbols), file
    program = scratch / "program"
    run(compiler, "-std=c++20", f"-I{root}/usr/include", example, f"-L{root}/usr/lib", "-lringbell",
        "-o", program)
    run(program, env={"LD_LIBRARY_PATH": f"{root}/usr/lib"})
    assert "libringbell.so.0" in run("ldd", program, stdout=subprocess.PIPE).stdout
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
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
