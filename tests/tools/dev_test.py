#!/usr/bin/python3
"""What ./dev says and does about packages and words it does not know, in a copy of its folder where
dpkg-query, apt-get and sudo are stand-ins."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REAL_TOOLS = ["awk", "bash", "cat", "comm", "dirname", "env", "sed", "sort",
              "tail"]
ORDINARY_USER = 65534
AS_ROOT = "as root: apt-get install --no-install-recommends clang clang-format"


class Dev(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.folder.chmod(0o755)
        shutil.copy(ROOT / "dev", self.folder)
        (self.folder / "tests").mkdir()
        shutil.copy(ROOT / "tests" / "campaigns.sh", self.folder / "tests")
        (self.folder / "tools").mkdir()
        (self.folder / "tools" / "packages.txt").write_text(
            "[build]\nshellcheck\n[lint]\nclang-format  # layout\nshellcheck\nclang\n",
            encoding="utf-8")
        self.programs = self.folder / "programs"
        self.programs.mkdir()
        for tool in REAL_TOOLS:
            (self.programs / tool).symlink_to(str(shutil.which(tool)))
        self.stand_in("dpkg-query", "echo installed shellcheck; echo config-files clang; exit 1")
        self.stand_in("git", "true")
        self.stand_in("xargs", "true")

    def stand_in(self, name: str, script: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/usr/bin/env bash\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def dev(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.folder / "dev", *arguments], env={"PATH": str(self.programs)}, text=True,
            capture_output=True, stdin=subprocess.DEVNULL, timeout=120, check=False,
            user=ORDINARY_USER if os.geteuid() == 0 else None)

    def expect_one_line(self, ended: subprocess.CompletedProcess[str], line: str) -> None:
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertEqual(ended.stderr, f"dev: {line}\n")

    def test_says_what_is_missing_where_nobody_may_install_it(self) -> None:
        self.expect_one_line(
            self.dev("format"), f"packages are missing and this is not root and there is no sudo; "
            f"{AS_ROOT}")

    def test_does_not_wait_for_a_password(self) -> None:
        self.stand_in("sudo", '[[ $1 == -n ]] || read -r; echo "password required" >&2; exit 1')
        self.expect_one_line(
            self.dev("format"), f"packages are missing and sudo refuses, or wants a password; "
            f"{AS_ROOT}")

    def test_installs_only_what_is_missing_with_sudo(self) -> None:
        self.stand_in("sudo", '[[ $1 == -n ]] && shift && exec "$@"')
        self.stand_in("true", "")
        self.stand_in("apt-get", 'echo "apt-get ${*: -1}"')
        ended = self.dev("format")
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertEqual(ended.stdout.splitlines(), [
            "dev: installing clang clang-format", "apt-get update", "apt-get clang-format"])

    def test_says_what_to_do_when_apt_get_fails(self) -> None:
        self.stand_in("sudo", '[[ $1 == -n ]] && shift && exec "$@"')
        self.stand_in("true", "")
        self.stand_in("apt-get", 'echo "E: no network" >&2; exit 100')
        ended = self.dev("format")
        self.assertEqual(ended.returncode, 1)
        self.assertEqual(ended.stderr.splitlines(), [
            "E: no network", f"dev: apt-get failed, see above; put it right, or {AS_ROOT}"])

    def test_installs_nothing_where_nothing_is_missing(self) -> None:
        self.stand_in("dpkg-query", "printf 'installed %s\\n' shellcheck clang clang-format")
        ended = self.dev("format")
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, "", ""))

    def test_crash_runs_the_kills_to_the_full_and_tells_of_a_failure(self) -> None:
        self.stand_in("dpkg-query", "printf 'installed %s\\n' shellcheck clang clang-format")
        self.stand_in("cmake", "true")
        self.stand_in("nproc", "echo 1")
        program = self.folder / "build" / "release" / "tests" / "test_crash"
        program.parent.mkdir(parents=True)
        program.write_text(
            '#!/usr/bin/env bash\necho "$RINGBELL_CRASH_STEPS $RINGBELL_CRASH_KILLS $*"\nexit 1\n',
            encoding="utf-8")
        program.chmod(0o755)
        lives = self.folder / "tests" / "tools" / "stream_lives_test.py"
        lives.parent.mkdir(parents=True)
        lives.write_text(
            "import os\nprint('lives', os.environ['RINGBELL_LIVES_SECONDS'])\n", encoding="utf-8")
        ended = self.dev("crash", "--gtest_filter=Mpmc*")
        self.assertEqual(
            (ended.returncode, ended.stderr), (1, "dev: a process did not survive, see above\n"))
        self.assertEqual(ended.stdout, "all 10000 --gtest_filter=Mpmc*\nlives 300\n")

    def test_mutants_copies_the_tree_builds_what_is_tried_and_runs_it(self) -> None:
        self.stand_in("dpkg-query", "printf 'installed %s\\n' shellcheck clang clang-format")
        self.stand_in("cmake", 'echo "cmake $1 $2" "${*: -1}"')
        self.stand_in("nproc", "echo 1")
        script = self.folder / "tests" / "mutants" / "mutants.py"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text("import sys\nprint(*sys.argv[1:])\n", encoding="utf-8")
        self.assertEqual(self.dev("mutants", "--check").stdout, "--check\n")
        ended = self.dev("mutants", "--only", "capi")
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertEqual(ended.stdout.splitlines(), [
            "--prepare build/mutants/tree", "cmake -S build/mutants/tree "
            "-DCMAKE_CXX_FLAGS_DEBUG=-O0 -g0 -w -DNDEBUG",
            "cmake --build build/mutants/build --targets --only capi",
            "--run build/mutants/tree build/mutants/build --only capi"])

    def test_faults_builds_the_subject_and_the_command_and_runs_them(self) -> None:
        self.stand_in("dpkg-query", "printf 'installed %s\\n' shellcheck clang clang-format")
        self.stand_in("cmake", 'echo "cmake ${*: -2}"')
        self.stand_in("nproc", "echo 1")
        script = self.folder / "tests" / "faults" / "faults.py"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text("import sys\nprint(*sys.argv[1:])\n", encoding="utf-8")
        ended = self.dev("faults", "--sample", "9")
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertEqual(ended.stdout.splitlines()[-2:], [
            "cmake ringbell-fault-subject ringbell-command",
            "build/release/tests/ringbell-fault-subject build/release/tools/ringbell --sample 9"])

    def test_coverage_begins_anew_unless_it_is_told_which_tests(self) -> None:
        self.stand_in("dpkg-query", "printf 'installed %s\\n' shellcheck clang clang-format")
        self.stand_in("cmake", "true")
        self.stand_in("nproc", "echo 1")
        self.stand_in("ctest", 'echo "ctest ${*: -2}"')
        (self.programs / "rm").symlink_to(str(shutil.which("rm")))
        script = self.folder / "tests" / "coverage" / "coverage.py"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text("import sys\nprint(*sys.argv[1:])\nsys.exit(1)\n", encoding="utf-8")
        before = self.folder / "build" / "coverage" / "profiles" / "a.profraw"
        before.parent.mkdir(parents=True)
        before.touch()
        self.folder.chmod(0o777)
        for path in self.folder.joinpath("build").rglob("*"):
            path.chmod(0o777)
        ended = self.dev("coverage", "-R", "Collector")
        self.assertEqual(ended.stdout.splitlines(), ["ctest -R Collector", "build/coverage"])
        self.assertEqual((ended.returncode, ended.stderr), (
            1, "dev: the coverage is not what it should be, see above\n"))
        self.assertTrue(before.exists())
        script = self.folder / "tests" / "faults" / "faults.py"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text("print('faults')\n", encoding="utf-8")
        self.assertEqual(self.dev("coverage").stdout.splitlines()[1:],
                         ["faults", "build/coverage"])
        self.assertFalse(before.exists())

    def test_arm64_unpacks_the_libraries_builds_what_is_run_and_runs_it(self) -> None:
        (self.folder / "tools" / "packages.txt").write_text(
            "[build]\nshellcheck\nlibfmt-dev\n[arm64]\nclang\n", encoding="utf-8")
        self.stand_in("dpkg-query", "printf 'installed %s\\n' shellcheck clang libfmt-dev")
        self.stand_in("cmake", 'echo "cmake ${*: -2}"')
        self.stand_in("nproc", "echo 1")
        (self.programs / "grep").symlink_to(str(shutil.which("grep")))
        everywhere = self.folder / "tools" / "everywhere"
        everywhere.mkdir()
        (everywhere / "unpack.sh").write_text('#!/usr/bin/env bash\necho "$1 $2 ${*: 5}"\n',
                                              encoding="utf-8")
        (everywhere / "unpack.sh").chmod(0o755)
        (everywhere / "arm64.py").write_text(
            "import sys\nprint('one two' if '--targets' in sys.argv else sys.argv[1:])\n",
            encoding="utf-8")
        ended = self.dev("arm64", "--filter", "core/*")
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertEqual(ended.stdout.splitlines(), [
            "arm64 build/arm64-root libfmt-dev", "cmake --preset arm64",
            "cmake --target one two", "['--filter', 'core/*']"])

    def test_musl_builds_a_cxx_library_before_what_needs_it_and_runs_that(self) -> None:
        self.stand_in("dpkg-query", "printf 'installed %s\\n' shellcheck clang clang-format")
        self.stand_in("cmake", 'echo "cmake $1 $2" >&2')
        self.stand_in("ctest", 'echo "ctest $2 ${*: -2}" >&2')
        self.stand_in("nproc", "echo 1")
        library = self.folder / "tools" / "everywhere" / "musl" / "library.sh"
        library.parent.mkdir(parents=True)
        library.write_text("#!/usr/bin/env bash\necho library >&2\n", encoding="utf-8")
        library.chmod(0o755)
        log = self.folder / "build" / "musl"
        log.mkdir(parents=True)
        log.chmod(0o777)
        ended = self.dev("musl", "-R", "channels")
        self.assertEqual((ended.returncode, ended.stdout), (0, ""))
        self.assertEqual(ended.stderr.splitlines(), [
            "library", "cmake -S tools/everywhere/musl", "cmake --build build/musl/tests",
            "ctest build/musl/tests -R channels"])

    def test_soak_wants_a_number_of_hours(self) -> None:
        for words in ([], ["long"], ["-1"]):
            ended = self.dev("soak", *words)
            self.assertEqual((ended.returncode, ended.stdout), (2, ""))
            self.assertIn("a number of hours", ended.stderr)

    def test_busy_tests_run_three_times_and_leave_nothing_that_spins(self) -> None:
        self.stand_in("dpkg-query", "printf 'installed %s\\n' shellcheck clang clang-format")
        self.stand_in("cmake", "true")
        self.stand_in("nproc", "echo 1")
        self.stand_in("ctest", 'echo "ctest ${*: -2}"')
        ended = self.dev("test", "--busy", "-L", "core")
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        rounds = [f"== round {n} of 3, beside 4 processes that spin" for n in (1, 2, 3)]
        self.assertEqual(ended.stdout.splitlines(),
                         [line for each in rounds for line in (each, "ctest -L core")])
        dev = str(self.folder / "dev").encode()
        self.assertFalse([path for path in Path("/proc").glob("[0-9]*/cmdline")
                          if dev in self.words_of(path)])
        self.stand_in("ctest", "exit 1")
        ended = self.dev("test", "--busy")
        self.assertEqual((ended.returncode, ended.stderr),
                         (1, "dev: a test fails on a busy machine, see above\n"))

    def test_what_the_failed_tests_said_stands_at_the_end(self) -> None:
        self.stand_in("dpkg-query", "printf 'installed %s\\n' shellcheck clang clang-format")
        self.stand_in("cmake", "true")
        self.stand_in("nproc", "echo 1")
        logs = self.folder / "build" / "release" / "Testing" / "Temporary"
        logs.mkdir(parents=True)
        (logs / "LastTestsFailed.log").write_text("2:core/Ring.Two\n", encoding="utf-8")
        (logs / "LastTest.log").write_text("".join(
            f"{n}/3 Testing: core/Ring.{name}\nsaid by {name}\n"
            for n, name in enumerate(("One", "Two", "Three"), 1)), encoding="utf-8")
        self.stand_in("ctest", "echo all of them; exit 8")
        ended = self.dev("test")
        self.assertEqual((ended.returncode, ended.stderr), (1, ""))
        self.assertEqual(ended.stdout.splitlines(),
                         ["all of them", "2/3 Testing: core/Ring.Two", "said by Two"])

    @staticmethod
    def words_of(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError:
            return b""

    def test_compare_takes_packages_and_configures_again_for_its_peers_only_if_asked(self) -> None:
        (self.folder / "tools" / "packages.txt").write_text(
            "[build]\nshellcheck\n[peers]\nlibnng-dev\n", encoding="utf-8")
        self.stand_in("sudo", '[[ $1 == -n ]] && shift && exec "$@"')
        self.stand_in("true", "")
        self.stand_in("apt-get", 'echo "apt-get ${*: -1}"')
        self.stand_in("cmake", 'echo "cmake $*" >&2')
        self.stand_in("nproc", "echo 1")
        program = self.folder / "build" / "release" / "bench" / "ringbell-compare"
        program.parent.mkdir(parents=True)
        (self.folder / "CMakePresets.json").write_text("", encoding="utf-8")
        os.utime(self.folder / "CMakePresets.json", (0, 0))
        (self.folder / "build" / "release" / "build.ninja").write_text("", encoding="utf-8")
        program.write_text('#!/usr/bin/env bash\necho "compare $*"\n', encoding="utf-8")
        program.chmod(0o755)
        ended = self.dev("compare", "--quick")
        self.assertEqual((ended.returncode, ended.stdout), (0, "compare --quick\n"))
        self.assertEqual(
            ended.stderr, "cmake --build --preset release --parallel 1 --target ringbell-compare\n")
        ended = self.dev("compare", "--quick", "--peers")
        self.assertEqual((ended.returncode, ended.stdout.splitlines()), (0, [
            "dev: installing libnng-dev", "apt-get update", "apt-get libnng-dev",
            "compare --quick --peers"]))
        self.assertEqual(ended.stderr.splitlines(), [
            "cmake --preset release",
            "cmake --build --preset release --parallel 1 --target ringbell-compare"])

    def test_refuses_an_unknown_verb(self) -> None:
        ended = self.dev("measure")
        self.assertEqual((ended.returncode, ended.stdout), (2, ""))
        self.assertEqual(ended.stderr, "dev: unknown verb 'measure'; ./dev help lists them\n")


if __name__ == "__main__":
    unittest.main()
