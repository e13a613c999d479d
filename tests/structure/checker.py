"""What the checks of this folder share: samples that prove a check, its arguments, its verdict."""

import sys
import tempfile
from pathlib import Path


def self_test(violations, samples, beside=()):
    """Judges each sample in a tree of its own, in which the empty files `beside` stand too.

    A sample is a path, its content, and a part of the one violation that it must bring ("" for
    none).
    """
    failures = 0
    for path, content, expected in samples:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder).resolve()
            for name in [path, *beside]:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).touch()
            (root / path).write_text(content, encoding="utf-8")
            found, _ = violations(root)
        right = len(found) == 1 and expected in found[0] if expected else not found
        if not right:
            failures += 1
            print(f"self-test: {path}: expected {expected or 'nothing'!r}, found {found}")
    print(f"self-test: {len(samples) - failures} of {len(samples)} samples judged rightly")
    return failures


def main(usage, title, violations, samples, beside=()):
    """The exit status. `violations(root)` returns what it found and how many files it looked at."""
    arguments = sys.argv[1:]
    if len(arguments) != 1:
        print(usage, file=sys.stderr)
        return 2
    if arguments[0] == "--self-test":
        return 1 if self_test(violations, samples, beside) else 0
    found, files = violations(Path(arguments[0]).resolve())
    print("\n".join(found + [f"{title}: {files} files, {len(found)} violations"]))
    return 1 if found or files == 0 else 0
