"""README's lines about installing, followed where a mount of its own stands in for /usr/local and
/etc: a program in C++ and one in C then find the library without being told where.
Run as: readme.py BUILD_FOLDER SCRATCH_FOLDER COMPILER
Ends with status 77 where no file system may be mounted."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SKIPPED = 77
# In front of each stands a layer that ends with the process.
LAYERED = ["/usr/local", "/etc", "/var/cache"]
ALONE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


def run(*command):
    print("+", *command, flush=True)
    subprocess.run(command, check=True)


def lines_of_readme():
    """The commands that install, as root types them."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(r"^## Install it$(.*?)^## ", text, re.MULTILINE | re.DOTALL)[1]
    commands = [line.split("  #")[0].strip() for line in section.splitlines()
                if line.startswith("    sudo ")]
    assert len(commands) == 2, commands
    return [command.removeprefix("sudo ").split() for command in commands]


def mount_layers(scratch):
    run("mount", "-t", "tmpfs", "layers", scratch)
    for number, place in enumerate(LAYERED):
        upper, work = scratch / f"upper{number}", scratch / f"work{number}"
        upper.mkdir()
        work.mkdir()
        run("mount", "-t", "overlay", "layer", "-o",
            f"lowerdir={place},upperdir={upper},workdir={work}", place)


def may_mount(scratch):
    tried = subprocess.run(
        [*ALONE, sys.executable, "-B", __file__, "--try", scratch], check=False,
        capture_output=True)
    return tried.returncode == 0


def follow(build, scratch, compiler):
    mount_layers(scratch)
    for command in lines_of_readme():
        run(*[str(build) if word == "build/release" else word for word in command])
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "ringbell"], check=True, text=True,
                           capture_output=True).stdout.split()
    for source, compiled_by in [("hello.cpp", [compiler, "-std=c++20"]), ("from_c.c", ["cc"])]:
        program = scratch / source.replace(".", "_")
        run(*compiled_by, ROOT / "examples" / source, *flags, "-o", program)
        run(program)
        loaded = subprocess.run(["ldd", program], check=True, text=True, capture_output=True).stdout
        assert "/usr/local/lib/libringbell.so" in loaded, loaded


def main(build, scratch, compiler):
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    if not shutil.which("unshare") or not may_mount(scratch):
        print("skipped: no file system may be mounted here")
        return SKIPPED
    run(*ALONE, sys.executable, "-B", __file__, "--follow", build, scratch, compiler)
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "--try":
        mount_layers(Path(sys.argv[2]))
    elif sys.argv[1] == "--follow":
        follow(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
    else:
        sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
