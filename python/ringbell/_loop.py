"""An event loop in one thread over a WaitSet: handlers of ends, descriptors, times and signals."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Union

from . import _ringbell
from ._errors import CancelledError, make

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

    from ._ringbell import Event

    _Source = Union[_ringbell.End, FileDescriptorLike]

_Handler = Callable[["Event"], object]
_POLLIN = 1


class Loop:
    """What is to be done when an end, a descriptor or a time is ready, or a signal comes.

        with ringbell.Loop() as loop:
            loop.on(orders, lambda event: print(orders.receive(0)))
            loop.on(server, lambda event: server.serve(answer, 1, 0))
            loop.on(socket, lambda event: print(socket.recv(100)))
            loop.every(1.0, lambda event: print("a second"))
            loop.on_signal(signal.SIGINT)
            loop.run()

    A handler is called again and again while its member is ready: it takes something, or removes
    the member. If nothing is left to take and nothing will come (Event.what is "closed", "dead" or
    "failed") it is called once more, and its member removed. What it raises comes out of run() or
    turn(); what the others are called for comes with the next turn.

    Raises: SystemCallError.
    """

    def __init__(self, *, wait: _ringbell.Wait | None = None) -> None:
        self._set = _ringbell.WaitSet() if wait is None else _ringbell.WaitSet(wait=wait)
        self._handlers: dict[int, _Handler] = {}
        self._signals: dict[int, tuple[int, Callable[[int], object] | None]] = {}  # by our id
        self._before: dict[int, Any] = {}  # by signal, the handler that it had
        self._came: deque[int] = deque()
        # A pipe's ends, and what signals woke before.
        self._wake: tuple[int, int, int] | None = None
        self._due: deque[Event] = deque()
        self._next = -1
        self._stopped = False

    def on(self, source: _Source, handler: _Handler, *, size_bytes: int | None = None,
           events: int = _POLLIN) -> int:
        """Calls handler(event) while it is ready: an end, a descriptor or what has a fileno().

        size_bytes: of a Sender or Contributor, the room that it waits for. events: of a descriptor,
        select.POLLIN and the like. Returns an id for remove().

        Raises: as WaitSet.add().
        """
        if isinstance(source, (_ringbell.Sender, _ringbell.Contributor)):
            if size_bytes is None:
                raise make("invalid_argument", "a Sender waits for room of some size: size_bytes")
            number = self._set.add(source, size_bytes)
        elif isinstance(source, _ringbell.End):
            number = self._set.add(source)  # type: ignore[call-overload]
        else:
            number = self._set.add(source, events)
        self._handlers[number] = handler
        return number

    def after(self, seconds: float, handler: _Handler) -> int:
        """Calls handler(event) once, when the time is over. Raises: as WaitSet.add_timer()."""
        number = self._set.add_timer(seconds)
        self._handlers[number] = handler
        return number

    def every(self, seconds: float, handler: _Handler) -> int:
        """Calls handler(event) after each such time. Raises: as WaitSet.add_timer()."""
        number = self._set.add_timer(seconds, seconds)
        self._handlers[number] = handler
        return number

    def on_signal(self, number: int, handler: Callable[[int], object] | None = None) -> int:
        """Calls handler(number) each time the signal has come, in its turn; without one, stops.

        Several of one signal are each called. It alone does not keep run() going.

        Raises: InvalidArgumentError, outside of the main thread, or for a signal that cannot come.
        """
        if threading.current_thread() is not threading.main_thread():
            raise make("invalid_argument", "Python gives signals to its main thread alone")
        if number not in self._before:
            if self._wake is None:
                self._watch_signals()
            try:
                self._before[number] = signal.signal(number, self._note)
            except (OSError, ValueError) as error:
                raise make("invalid_argument", f"signal {number} cannot be waited for") from error
        own, self._next = self._next, self._next - 1
        self._signals[own] = (number, handler)
        return own

    def remove(self, number: int) -> None:
        """Its handler is called no more. An id that is none: nothing happens.

        Raises: EndClosedError, ForkError, InUseError.
        """
        if number in self._signals:
            which, _ = self._signals.pop(number)
            if all(which != other for other, _ in self._signals.values()):
                signal.signal(which, self._before.pop(which))
            return
        if self._handlers.pop(number, None) is not None:
            self._set.remove(number)

    def turn(self, timeout: float | None = None) -> int:
        """Waits until something is ready, calls its handlers, and returns how many.

        0: the time is up, or stop() was called.

        Raises: what a handler raises; as WaitSet.wait().
        """
        called = self._call_for_signals()
        if called == 0 and not self._due:
            try:
                self._due.extend(self._set.wait(timeout))
            except CancelledError:
                return 0
        while self._due:
            event = self._due.popleft()
            handler = self._handlers.get(event.id)
            if handler is not None:
                called += 1
                self._call(handler, event)
        return called + self._call_for_signals()

    def run(self) -> None:
        """Turns until stop(), or until there is nothing left to wait for. Raises: as turn()."""
        woken = 0 if self._wake is None else 1
        while not self._stopped and len(self._handlers) > woken:
            self.turn()
            woken = 0 if self._wake is None else 1
        self._stopped = False

    def stop(self) -> None:
        """Ends run(), the next one if none is under way; from a handler or another thread."""
        self._stopped = True
        self._set.interrupt()

    def close(self) -> None:
        """Gives the signals back; its members stay what they are. Raises: nothing."""
        self._signals.clear()
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before.clear()
        if self._wake is not None:
            readable, writable, before_fd = self._wake
            self._wake = None
            signal.set_wakeup_fd(before_fd)
            self._set.close()
            os.close(readable)
            os.close(writable)
        self._set.close()

    def __enter__(self) -> Loop:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def _call(self, handler: _Handler, event: Event) -> None:
        try:
            handler(event)
        finally:
            if event.what != "ready" or event.id not in self._set:
                self.remove(event.id)

    # A signal's handler in C writes to a pipe at once, which ends the wait; Python's own handler,
    # which runs before that wait returns here, says which signal it was.
    def _watch_signals(self) -> None:
        readable, writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wake = (readable, writable, signal.set_wakeup_fd(writable, warn_on_full_buffer=False))
        self._handlers[self._set.add(readable, _POLLIN)] = self._drain

    def _drain(self, _event: Event) -> None:
        assert self._wake is not None
        try:
            while os.read(self._wake[0], 4096):
                pass
        except BlockingIOError:
            pass

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number not in self._came:
            self._came.append(number)

    def _call_for_signals(self) -> int:
        called = 0
        while self._came:
            number = self._came.popleft()
            for own, (which, handler) in list(self._signals.items()):
                if which != number or own not in self._signals:
                    continue
                called += 1
                if handler is None:
                    self._stopped = True
                else:
                    handler(number)
        return called
