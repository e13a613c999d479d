"""What a process that replaces another waits for."""

from __future__ import annotations

import time

from ._ringbell import names


def wait_drained(name: str, timeout: float | None = None) -> bool:
    """Waits until nothing is left in rings that were set aside for newer ones of this name
    (replace="when_drained"). False: the time is up (seconds; None: for ever); `ringbell drain NAME`
    says what is left, and which process reads it.

    Raises: NotPermittedError, SystemCallError.
    """
    end = None if timeout is None else time.monotonic() + timeout
    while any(each.newer == name for each in names()):
        if end is not None and time.monotonic() >= end:
            return False
        time.sleep(0.05)
    return True
