"""clang-tidy's findings in each source and header, by clangd.

clang-tidy looks at all that a source includes, 40 s for a file that includes CLI11 or GoogleTest;
clangd runs the same checks (.clang-tidy) over the file itself, in 4 s. It leaves out the static
analyzer and bugprone-use-after-move, which clang-tidy then runs alone.

usage: tidy.py BUILD FILE ...   one line a finding, exit status 1 if any
       tidy.py BUILD --self-test
"""

import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# clangd instantiates no template of a header that it does not have to: what only such a one uses
# passes for unused. g++ has the same warnings, and errors for them.
NOT_ITS_TO_SAY = {"-Wunneeded-internal-declaration", "-Wunused-const-variable", "-Wunused-function"}
FINDING = re.compile(r"^E\[[\d:.]+\] \[(?P<check>[^\]]+)\] Line (?P<line>\d+): (?P<text>.*)$")


def findings(build, path):
    """The findings in one file; what else went wrong is one too."""
    run = subprocess.run(
        ["clangd", f"--check={path}", "--check-lines=1-1", f"--compile-commands-dir={build}",
         "--clang-tidy", "--log=error", "-j=1"],
        capture_output=True, text=True, timeout=600, check=False)
    found = [f"{path}:{line['line']}: {line['text']} [{line['check']}]"
             for line in map(FINDING.match, run.stderr.splitlines())
             if line and line["check"] not in NOT_ITS_TO_SAY]
    if run.returncode != 0 and not any(map(FINDING.match, run.stderr.splitlines())):
        found = [f"{path}: clangd ended with {run.returncode}: {run.stderr.strip()}"]
    return found


def self_test(build):
    """A finding of the compiler's and one of clang-tidy's are found, nothing in a clean file."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder:
        bad, good = Path(folder) / "bad.cpp", Path(folder) / "good.cpp"
        bad.write_text("int* nothing() { int unused; return 0; }\n")
        good.write_text("int* nothing() { return nullptr; }\n")
        found = " ".join(findings(build, bad))
        right = ("-Wunused-variable" in found and "modernize-use-nullptr" in found
                 and findings(build, good) == [])
    print("tidy: self-test " + ("passed" if right else f"failed: {found}"))
    return 0 if right else 1


def main():
    build, *files = sys.argv[1:]
    if files == ["--self-test"]:
        return self_test(build)
    with ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count()))) as pool:
        found = [line for lines in pool.map(lambda file: findings(build, file), files)
                 for line in lines]
    print("\n".join([*found, f"tidy: {len(files)} files, {len(found)} findings"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
