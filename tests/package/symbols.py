"""What the libraries show, hold and say: exported symbols, writable globals, ways to print.

The list of what is expected has lines of these kinds:
    api NAME       exported by the shared library
    private NAME   exported for the command alone, in the symbol version RINGBELL_PRIVATE
    internal NAME  shared by the library's own sources, and hidden
    state NAME     a writable global
A function of namespace ringbell or of the C API stands there by its name, everything else by the
class or namespace that it belongs to. What prints is never expected.

usage: symbols.py --shared FILE --static FILE --expected LIST [--write]
       symbols.py --self-test COMPILER    check the checker against violations made on purpose
--write makes the list what the libraries are.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

MAP = Path(__file__).resolve().parents[2] / "transport" / "ringbell.map"
PRINTS = re.compile(
    r"^(stdout|stderr|v?f?printf|v?dprintf|__v?f?printf_chk|f?puts|f?putc|putchar|fwrite|perror|"
    r"v?syslog|psignal|std::c(out|err|log)|fmt::v\d+::v?print)\b"
)
LOCAL = re.compile(r"^(guard variable for )|(\[abi:\w+\])|\(anonymous namespace\)::")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def owner(name):
    """The name under which a demangled symbol is listed."""
    name = re.sub(r"^(vtable|typeinfo|typeinfo name|VTT) for ", "", name)
    name = name.split("(")[0].split(" ")[-1]
    while "<" in name:
        name, before = re.sub(r"<[^<>]*>", "", name), name
        if name == before:
            break
    parts = name.split("::")
    return "::".join(parts if len(parts) <= 2 else parts[:-1])


def functions(file, *options):
    """Owners of the symbols that the linker would find in a file, and the symbols' versions."""
    found = set()
    for line in run("nm", "-C", "--defined-only", *options, file).splitlines():
        match = re.match(r"^[0-9a-f]+ ([A-Za-z]) (.*?)(?:@@(\w+))?$", line)
        if match and re.match(r".*\bringbell(::|_)", match.group(2)):
            found.add((match.group(1), owner(match.group(2)), match.group(3)))
    return found


def writable(file):
    """Names of the variables that can change: those in .data, .bss and their thread-local kin."""
    found = set()
    for line in run("objdump", "-t", "-C", file).splitlines():
        match = re.match(r"^[0-9a-f]+ .{7} (\S+)\t[0-9a-f]+ (?:\.hidden )?(.*)$", line)
        if not match or match.group(2) == match.group(1):
            continue
        section, name = match.groups()
        if re.match(r"\.(data|bss|tdata|tbss)(\.|$)|\*COM\*", section) \
                and not section.startswith(".data.rel.ro") and not name.startswith("DW.ref."):
            found.add(LOCAL.sub("", name))
    return found


def printing(file):
    names = (line.split(" U ")[-1] for line in run("nm", "-C", "-u", file).splitlines())
    return {name for name in names if PRINTS.match(re.sub(r"@.*$", "", name))}


def described(shared, static):
    shown = functions(shared, "-D")
    private = {name for _, name, version in shown if version == "RINGBELL_PRIVATE"}
    api = {name for _, name, version in shown if version != "RINGBELL_PRIVATE"}
    internal = {name for kind, name, _ in functions(static) if kind == "T"} - api - private
    lines = [f"api {name}" for name in api]
    lines += [f"private {name}" for name in private]
    lines += [f"internal {name}" for name in internal]
    lines += [f"state {name}" for name in writable(static)]
    return sorted(lines)


def violations(shared, static, expected):
    got = described(shared, static)
    for line in sorted(set(got) - set(expected)):
        yield f"not in the list: {line}"
    for line in sorted(set(expected) - set(got)):
        yield f"only in the list: {line}"
    for name in sorted(printing(static)):
        yield f"the library must not print: {name}"


SAMPLES = [
    ("", ""),
    ("RINGBELL_API void extra() {}", "not in the list: api ringbell::extra"),
    ("struct RINGBELL_API Uring { void read(); }; void Uring::read() {}",
     "not in the list: private ringbell::Uring"),
    ("void shared_by_sources() {}", "not in the list: internal ringbell::shared_by_sources"),
    ("int counter = 1;", "not in the list: state ringbell::counter"),
    ("static thread_local int last; RINGBELL_API int* wanted() { return &last; }",
     "not in the list: state ringbell::last"),
    ("RINGBELL_API void wanted() { std::puts(__func__); }", "must not print: puts"),
    ("const char* const kNames[] = {\"a\", \"b\"};"
     "RINGBELL_API const char* wanted(int i) { return kNames[i]; }", ""),
]


def self_test(compiler):
    failures = 0
    for code, expected in SAMPLES:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "a.cpp")
            if "wanted" not in code:
                code += "RINGBELL_API void wanted() {}"
            source.write_text(
                "#include <cstdio>\n#define RINGBELL_API [[gnu::visibility(\"default\")]]\n"
                f"namespace ringbell {{ {code} }}\n", encoding="utf-8")
            run(compiler, "-fPIC", "-fvisibility=hidden", "-c", source, "-o", f"{folder}/a.o")
            run(compiler, "-shared", f"{folder}/a.o", f"-Wl,--version-script={MAP}", "-o",
                f"{folder}/a.so")
            run("ar", "crs", f"{folder}/a.a", f"{folder}/a.o")
            found = list(violations(f"{folder}/a.so", f"{folder}/a.a", ["api ringbell::wanted"]))
        right = len(found) == 1 and expected in found[0] if expected else not found
        if not right:
            failures += 1
            print(f"self-test: {code}: expected {expected or 'nothing'!r}, found {found}")
    print(f"self-test: {len(SAMPLES) - failures} of {len(SAMPLES)} samples judged rightly")
    return failures


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    for name in ["--shared", "--static", "--expected", "--self-test"]:
        parser.add_argument(name)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return 1 if self_test(options.self_test) else 0
    listed = Path(options.expected)
    if options.write:
        lines = described(options.shared, options.static)
        listed.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    found = list(violations(options.shared, options.static,
                            listed.read_text(encoding="utf-8").splitlines()))
    if found:
        print("\n".join(found))
        print(f"If that is meant: mark what users call with RINGBELL_API, then\n  {sys.executable} "
              f"{' '.join(sys.argv)} --write")
    print(f"symbols: {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
