"""The Python in the documents runs, each document from its top to its end."""

from __future__ import annotations

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

SAID = {"python/README.md": "b'buy 100'\n", "docs/guide.md": "255.0\n1.5\n",
        "docs/coming_from.md": "b'ONE' b'TWO'\n"}


@pytest.mark.parametrize("document", SAID)
def test_a_document_s_code_runs(document: str, capsys: pytest.CaptureFixture[str]) -> None:
    if document == "docs/guide.md":
        pytest.importorskip("numpy")
    text = (ROOT / document).read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        exec(compile(block, document, "exec"), names)
    assert capsys.readouterr().out == SAID[document]
