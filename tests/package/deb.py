"""The Debian package: it installs into an empty root, a program finds it there, and its removal
leaves nothing behind. Run as: deb.py BUILD_FOLDER SCRATCH_FOLDER COMPILER EXAMPLE
Ends with status 77 where dpkg may not install: without root, or where there is no dpkg."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

SKIPPED = 77


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
    package, = (scratch / "made").glob("*.deb")
    fields = run("dpkg-deb", "--field", package, "Package", "Version", "Depends",
                 stdout=subprocess.PIPE).stdout
    print(fields)
    for wanted in ["Package: ringbell\n", "libc6", "libexpected-dev"]:
        assert wanted in fields, f"no {wanted!r} in its fields"

    # What it depends on is in the real root.
    dpkg = ["dpkg", f"--root={root}", "--force-depends", "--no-triggers"]
    run(*dpkg, "--install", package)
    assert b"/usr/lib/libringbell.so.0" in (root / "etc/ld.so.cache").read_bytes()
    program = scratch / "program"
    run(compiler, "-std=c++20", f"-I{root}/usr/include", example, f"-L{root}/usr/lib", "-lringbell",
        "-o", program)
    run(program, env={"LD_LIBRARY_PATH": f"{root}/usr/lib"})
    assert "libringbell.so.0" in run("ldd", program, stdout=subprocess.PIPE).stdout

    run(*dpkg, "--purge", "ringbell")
    own = ["var/", "etc/ld.so.cache"]  # of dpkg and ldconfig
    left = {name for name in files_below(root) - before if not name.startswith(tuple(own))}
    assert not left and not (root / "usr/include").exists(), f"left behind: {left}"
    assert b"libringbell" not in (root / "etc/ld.so.cache").read_bytes()
    shutil.rmtree(scratch)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
