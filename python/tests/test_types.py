"""The stub says what there is, no more and no less; each call has a documentation."""

from __future__ import annotations

import ast
import pathlib

import pytest
import ringbell
from ringbell import _ringbell

FOLDER = pathlib.Path(ringbell.__file__).parent
STUBS = [ast.parse((FOLDER / name).read_text("utf-8"))
         for name in ("_ringbell.pyi", "_ringbell_more.pyi")]
CLASSES = {node.name: node for stub in STUBS for node in stub.body
           if isinstance(node, ast.ClassDef)}
# Of the bases the stub says what all that derive from them have.
BASES = {"End", "InHand"}


def said_of(name: str) -> set[str]:
    """The names of a class in the stub, with those of its bases."""
    node = CLASSES[name]
    names = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in CLASSES:
            names |= said_of(base.id)
    return names


def there_in(name: str) -> set[str]:
    ignored = set(dir(object)) | {"__module__", "__weakref__", "_pybind11_conduit_v1_"}
    return set(dir(getattr(_ringbell, name))) - ignored


@pytest.mark.parametrize("name", [name for name in CLASSES
                                  if not name.startswith("_") and name not in BASES])
def test_a_class_has_what_the_stub_says(name: str) -> None:
    private = {"_before_end", "_check"}
    said = said_of(name) - {"__init__"}
    assert said == there_in(name) - private


@pytest.mark.parametrize("name", [name for name in ringbell.__all__ if name != "__version__"])
def test_what_is_exported_is_there_and_documented(name: str) -> None:
    value = getattr(ringbell, name)
    assert value.__doc__ and value.__module__.startswith("ringbell")
    if isinstance(value, type) and name not in BASES:
        for call in said_of(name) if name in CLASSES else ():
            found = getattr(value, call)
            if callable(found) and not call.startswith("_"):
                assert found.__doc__ and "Raises" in found.__doc__ or call in QUIET, call


# Calls that cannot fail but by being misused.
QUIET = {"interrupt", "arm", "disarm", "peer", "evict", "answered", "abandon", "channel", "queue",
         "topic", "collector", "service", "state", "lag", "fill", "subscribers", "number",
         "changed", "name_lost", "require_reader", "recover"}
