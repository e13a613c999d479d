"""A virtual machine that runs Debian's own kernel: its packages, its disk, its console."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
BUSYBOX = Path("/bin/busybox")
PASSED, FAILED = 33, 35  # QEMU's status: twice what power_off was given, and one
BOOT_MODULES = ["virtio_pci", "virtio_blk"]
TEST_MODULES = ["zram", "lzo", "lzo_rle", "lz4", "zstd", "loop"]  # zram chooses one by default


class Trouble(Exception):
    """Why there is no such machine here."""


# Where Debian has which kernel: the suite ("": the machine's own sources) and the packages.
KERNELS = {
    "5.10": ("bullseye", ["linux-image-cloud-amd64", "linux-headers-cloud-amd64"]),
    "6.1": ("", ["linux-image-cloud-amd64", "linux-headers-cloud-amd64"]),
    "6.12": ("", ["linux-image-6.12-cloud-amd64", "linux-headers-6.12-cloud-amd64"]),
}


def run(*command: str | Path, **options) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], check=True, **options)


class Kernel:
    """A kernel's packages, unpacked: nothing of them is installed."""

    def __init__(self, version: str):
        self.folder = ROOT / "build" / "vm" / version
        suite, packages = KERNELS[version]
        unpack = [ROOT / "tools" / "everywhere" / "unpack.sh", "amd64", self.folder]
        if suite:
            unpack += ["--suite", suite]
        try:
            run(*unpack, "--matching", "^linux-", *packages)
        except subprocess.CalledProcessError as failed:
            raise Trouble(f"kernel {version} is not to be had, see above") from failed
        self.image = next((self.folder / "boot").glob("vmlinuz-*"))
        self.release = self.image.name.removeprefix("vmlinuz-")
        self.modules = self.folder / "lib" / "modules" / self.release
        if not (self.modules / "modules.dep").exists():
            run(BUSYBOX, "depmod", "-b", self.folder, self.release)

    def with_dependencies(self, names: list[str]) -> list[Path]:
        """The modules of these names in the order in which they can be loaded; built in: none."""
        needs, path_of = {}, {}
        for line in (self.modules / "modules.dep").read_text(encoding="utf-8").splitlines():
            module, _, others = line.partition(":")
            # Paths are relative to this folder, or from the top: kmod and busybox differ.
            needs[module] = others.split()
            path_of[Path(module).name.split(".")[0].replace("-", "_")] = module
        order: list[str] = []

        def add(module: str) -> None:
            for other in needs[module]:
                add(other)
            if module not in order:
                order.append(module)

        for name in names:
            if name in path_of:
                add(path_of[name])
        return [self.modules / module.split(f"{self.release}/")[-1] for module in order]


def lay_modules(kernel: Kernel, names: list[str], into: Path) -> None:
    into.mkdir(parents=True)
    modules = kernel.with_dependencies(names)
    for module in modules:
        shutil.copy(module, into)
    (into / "order").write_text("".join(module.name + "\n" for module in modules),
                                encoding="utf-8")


def lay_busybox(into: Path) -> None:
    (into / "bin").mkdir(parents=True)
    shutil.copy(BUSYBOX, into / "bin" / "busybox")
    for applet in run(BUSYBOX, "--list", capture_output=True, text=True).stdout.split():
        if applet != "busybox":
            (into / "bin" / applet).symlink_to("busybox")


def libraries_of(program: Path) -> list[Path]:
    lines = run("ldd", program, capture_output=True, text=True).stdout.splitlines()
    words = [word for line in lines for word in line.split()]
    return [Path(word) for word in words if word.startswith("/")]


class Disk:
    """The machine's files, from which the ext4 image is made."""

    def __init__(self, work: Path, kernel: Kernel):
        self.work, self.kernel = work, kernel
        self.tree = work / "disk"
        shutil.rmtree(work, ignore_errors=True)
        lay_busybox(self.tree)
        for folder in ["dev", "proc", "sys", "run", "root", "etc", "tests", "tmp"]:
            (self.tree / folder).mkdir()
        (self.tree / "tmp").chmod(0o1777)
        (self.tree / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n", encoding="utf-8")
        lay_modules(kernel, TEST_MODULES, self.tree / "modules")
        shutil.copy(HERE / "run_tests", self.tree)
        run("gcc", "-O2", "-static", HERE / "power_off.c", "-o", self.tree / "tests" / "power_off")
        self.list: list[str] = []

    def add_program(self, program: Path) -> None:
        run("strip", "-o", self.tree / "tests" / program.name, program)
        for library in libraries_of(program):
            target = self.tree / str(library).lstrip("/")
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(library, target)

    def add_modules(self, modules: list[Path]) -> None:
        (self.tree / "ringbell").mkdir()
        for module in modules:
            shutil.copy(module, self.tree / "ringbell")
        shutil.copy(HERE / "complaints", self.tree / "tests")

    def add_command(self, seconds: int, command: str) -> None:
        self.list.append(f"{seconds} {command}\n")

    def image(self) -> Path:
        (self.tree / "tests" / "list").write_text("".join(self.list), encoding="utf-8")
        image = self.work / "disk.ext4"
        megabytes = int(run("du", "-sm", self.tree, capture_output=True,
                            text=True).stdout.split()[0]) + 200
        run("mke2fs", "-qF", "-t", "ext4", "-E", "root_owner=0:0", "-d", self.tree, image,
            f"{megabytes}M")
        return image

    def initramfs(self) -> Path:
        tree = self.work / "initramfs"
        shutil.rmtree(tree, ignore_errors=True)  # of the machine that hung
        (tree / "bin").mkdir(parents=True)
        for folder in ["dev", "proc", "root"]:
            (tree / folder).mkdir()
        shutil.copy(BUSYBOX, tree / "bin" / "busybox")
        (tree / "bin" / "sh").symlink_to("busybox")
        shutil.copy(HERE / "init", tree)
        lay_modules(self.kernel, BOOT_MODULES, tree / "modules")
        archive = self.work / "initramfs.cpio"
        names = run("find", ".", cwd=tree, capture_output=True).stdout
        with archive.open("wb") as out:
            run("cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0", cwd=tree, input=names,
                stdout=out)
        return archive


def boot(disk: Disk, *, kvm: bool, seconds: int, memory: str = "768M", extra: str = "",
         counting: bool = False, threads: str = "multi") -> int:
    """Runs the machine to its end; its console goes to WORK/console. What QEMU said at its end.

    `counting`: one CPU, whose clock goes on by a nanosecond for each instruction. `threads`:
    "multi", one for each CPU that is emulated; "single", one for both in turn.
    """
    how = ["-smp", "2", "-accel", "kvm" if kvm else f"tcg,thread={threads}"]
    if counting:
        how = ["-smp", "1", "-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]
    command = ["qemu-system-x86_64", "-nodefaults", "-no-reboot", "-display", "none", *how,
               "-m", memory,
               "-cpu", "host" if kvm else "max", "-kernel", disk.kernel.image,
               "-initrd", disk.initramfs(), "-append",
               f"console=ttyS0 quiet panic=-1 no_timer_check mitigations=off {extra}",
               "-drive", f"file={disk.image()},if=virtio,format=raw,cache=unsafe",
               "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
               "-serial", f"file:{disk.work / 'console'}"]
    try:
        return subprocess.run([str(word) for word in command], check=False, timeout=seconds,
                              stdin=subprocess.DEVNULL).returncode
    except subprocess.TimeoutExpired:
        return -1
