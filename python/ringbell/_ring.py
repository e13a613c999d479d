"""How a Ring goes to a child of multiprocessing: as its descriptors, by spawn as well as fork."""

from __future__ import annotations

from typing import Any

from ._ringbell import Ring


def _attach(descriptors: list[Any]) -> Ring:
    import os

    fds = [descriptor.detach() for descriptor in descriptors]
    try:
        return Ring.attach(fds)
    finally:
        for fd in fds:
            os.close(fd)


def _reduce(ring: Ring) -> tuple[Any, ...]:
    from multiprocessing import context, reduction

    context.assert_spawning(ring)
    return _attach, ([reduction.DupFd(fd) for fd in ring.fds],)


def install(ring_class: type[Ring]) -> None:
    """Teaches Ring to be an argument of multiprocessing.Process; nothing else may pickle it."""
    setattr(ring_class, "__reduce__", _reduce)
