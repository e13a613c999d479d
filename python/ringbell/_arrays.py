"""Messages as numpy arrays, where they stand.

An array that was handed out is taken away when its message is given back: it becomes an empty
array of the dtype `given_back_to_the_ring`, which raises when it is indexed, filled or computed
with. Arrays that were made from it (slices, reshaped ones) cannot be: while they live nothing is
given back, and ViewsError says so. A message from an end that does not read in place is copied into
an array of its own, which stays.

How it is known that others live: `handed`, the array that the caller gets, is a view of `base`, as
is everything that numpy makes from `handed`; so `base` has as many references as there are views. A
memoryview of `handed` is looked for only if there ever was one: that takes a while. What cannot be
known: a library that took the array's address (torch.from_numpy), and iterators (`a.flat`). Give
those a copy.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from . import _ringbell
from ._errors import ClosedError, make

_Shape = Sequence[int]


def _import_numpy() -> Any:
    try:
        import numpy
    except ImportError as error:
        raise make("unsupported", "arrays need numpy; install python3-numpy") from error
    return numpy


def _layout(dtype: Any, shape: int | _Shape | None) -> tuple[Any, tuple[int, ...]]:
    """The dtype and shape, checked as far as they can be without a message."""
    numpy = _import_numpy()
    dtype = numpy.dtype(dtype)
    if dtype.hasobject:
        raise make("wrong_type", f"{dtype} has Python objects, which are of one process only")
    if dtype.itemsize == 0:
        raise make("wrong_type", f"{dtype} has no size")
    shape = (-1,) if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
    if sum(length == -1 for length in shape) > 1 or any(length < -1 for length in shape):
        raise make("invalid_argument", f"a shape has at most one -1, and nothing less: {shape}")
    return dtype, shape


def _check_type(end: Any, dtype: Any) -> None:
    """Raises WrongTypeError if the ring is for messages of another size than a record dtype has."""
    said = end.message_type
    if said is not None and dtype.names is not None and dtype.itemsize != said.size_bytes:
        raise make("wrong_type", f"this ring is for messages of {said.name} ({said.size_bytes} "
                   f"bytes); {dtype} has {dtype.itemsize}")


def type_of(name: str, dtype: Any, version: int = 0) -> Any:
    """The Type of this name (the C++ one's) for items of a numpy dtype.

    A record is laid out as in C if its dtype was made with align=True.

    Raises: WrongTypeError, InvalidArgumentError, UnsupportedError (no numpy).
    """
    dtype, _ = _layout(dtype, None)
    return _ringbell.Type(name, dtype.itemsize, dtype.alignment, version)


def _known(shape: _Shape) -> int:
    """How many items the lengths that are known make."""
    count = 1
    for length in shape:
        count *= length if length != -1 else 1
    return count


def _check_fits(size_bytes: int, dtype: Any, shape: _Shape) -> None:
    step = _known(shape) * dtype.itemsize
    fits = step > 0 and size_bytes % step == 0 if -1 in shape else size_bytes == step
    if not fits:
        raise make("wrong_type",
                   f"a message of {size_bytes} bytes is no array of {dtype} and shape {shape}")


class _Handed:
    """An array that was handed out; its message calls this before it is given back."""

    def __init__(self, base: Any, handed: Any) -> None:
        self._base, self._handed = weakref.ref(base), weakref.ref(handed)

    def is_there(self) -> bool:
        return self._base() is not None

    def __call__(self) -> None:
        """Empties it. Raises ViewsError if others look at its memory."""
        base, handed = self._base(), self._handed()
        if base is None:
            return
        # `base` itself, the argument of getrefcount, and `handed`; every view more is another's.
        others = sys.getrefcount(base) - 2 - (handed is not None)
        if handed is not None and _ringbell._had_buffers(handed):
            others += sum(type(user).__name__ in ("managedbuffer", "PickleBuffer")
                          for user in gc.get_referrers(handed))
        if others > 0:
            raise make("views_alive", "an array of this message is still there, a part of it or a "
                       "buffer: delete it, or copy what is to be kept, and give the message back "
                       "again")
        if handed is not None:
            dtype = _import_numpy().dtype([("given_back_to_the_ring", "V1")])
            handed.__setstate__(((0,), dtype, False, b""))


def array(message: Any, dtype: Any = "u1", shape: int | _Shape | None = None) -> Any:
    """The message as an array, in place, of this dtype and shape (one -1 is worked out).

    Until the message is given back: then it raises. Read-only, unless it is room for a message.

    Raises: WrongTypeError (the size is another), GivenBackError, UnsupportedError (no numpy); as
    the message's own calls.
    """
    numpy = _import_numpy()
    message._check()
    dtype, shape = _layout(dtype, shape)
    _check_fits(len(message), dtype, shape)
    if message._before_end is not None and message._before_end.is_there():
        raise make("invalid_argument", "this message has an array already; make views of that")
    base = numpy.frombuffer(message, dtype)
    handed = base.reshape(shape)
    message._before_end = _Handed(base, handed)
    return handed


class _ArrayRoom:
    """Room for an array: a context manager that commits it, or gives it up after an exception."""

    def __init__(self, loan: Any, handed: Any) -> None:
        self._loan, self._handed = loan, handed

    def __enter__(self) -> Any:
        handed, self._handed = self._handed, None
        return handed

    def __exit__(self, *failure: Any) -> None:
        self._loan.__exit__(*failure)

    def commit(self) -> bool:
        self._handed = None
        return bool(self._loan.commit())

    def abort(self) -> None:
        self._handed = None
        self._loan.abort()


def loan_array(end: Any, shape: int | _Shape, dtype: Any = "u1",
               timeout: float | None = None) -> Any:
    """Room for an array, uninitialised, in the ring itself: `with end.loan_array(shape) as a`.

    None: the time is up. Committed at the end of the `with`, given up after an exception.

    Raises: WrongTypeError, InvalidArgumentError, UnsupportedError (no numpy); as loan().
    """
    dtype, shape, size = _whole(end, dtype, shape)
    room = end.loan(size, timeout)
    return None if room is None else _ArrayRoom(room, array(room, dtype, shape))


def _whole(end: Any, dtype: Any, shape: int | _Shape) -> tuple[Any, tuple[int, ...], int]:
    """A dtype and shape without -1, and how many bytes they take."""
    dtype, shape = _layout(dtype, shape)
    _check_type(end, dtype)
    if -1 in shape:
        raise make("invalid_argument", f"room needs a whole shape: {shape}")
    return dtype, shape, _known(shape) * dtype.itemsize


def loan_value_array(end: Any, shape: int | _Shape, dtype: Any = "u1", key: int = 0) -> Any:
    """Room for an array, uninitialised, in the state itself: `with writer.loan_array(shape) as a`.

    Readers see it at the end of the `with`, and never after an exception.

    Raises: WrongTypeError, InvalidArgumentError, UnsupportedError (no numpy); as loan().
    """
    dtype, shape, size = _whole(end, dtype, shape)
    room = end.loan(size, key)
    return _ArrayRoom(room, array(room, dtype, shape))


def get_array(end: Any, dtype: Any = "u1", shape: int | _Shape | None = None, key: int = 0) -> Any:
    """The newest value, copied into an array of its own; None: there is none yet. Never waits.

    In place it is `reader.look().array(dtype, shape)`.

    Raises: WrongTypeError, UnsupportedError (no numpy); as get().
    """
    dtype, shape = _layout(dtype, shape)
    _check_type(end, dtype)
    buffer = _import_numpy().empty(end.max_value_bytes, "u1")
    size = end.get_into(buffer, key)
    if size is None:
        return None
    _check_fits(size, dtype, shape)
    return buffer[:size].view(dtype).reshape(shape)


def newest_arrays(end: Any, dtype: Any = "u1", shape: int | _Shape | None = None,
                  timeout: float | None = None, newest: bool = False) -> Iterator[Any]:
    """Messages as arrays, each where it stands and valid until the next one is asked for.

    newest: always the newest message that is there; older ones are passed over. Ends when the
    other side closes, or when nothing came for `timeout` seconds. The message of a loop that is
    left early is not given back: it comes again.

    Raises: WrongTypeError (and the message stays), ViewsError, UnsupportedError (no numpy); as
    peek().
    """
    return _in_place(end, end.peek_newest if newest else end.peek, dtype, shape, timeout)


def arrays_in_place(end: Any, dtype: Any = "u1", shape: int | _Shape | None = None,
                    timeout: float | None = None) -> Iterator[Any]:
    """Messages as arrays, each where it stands and valid until the next one is asked for.

    Ends when the other side closes, or when nothing came for `timeout` seconds. The message of a
    loop that is left early is not given back: it comes again.

    Raises: WrongTypeError (and the message stays), ViewsError, UnsupportedError (no numpy); as
    peek().
    """
    return _in_place(end, end.peek, dtype, shape, timeout)


def _in_place(end: Any, peek: Callable[[float | None], Any], dtype: Any,
              shape: int | _Shape | None, timeout: float | None) -> Iterator[Any]:
    dtype, shape = _layout(dtype, shape)
    _check_type(end, dtype)
    while True:
        try:
            message = peek(timeout)
        except ClosedError:
            return
        if message is None:
            return
        try:
            yield array(message, dtype, shape)
            message.release()
        finally:
            if message.is_open:
                message._put_down()


def arrays_of_topic(end: Any, dtype: Any = "u1", shape: int | _Shape | None = None,
                    timeout: float | None = None) -> Iterator[Any]:
    """Messages as arrays: of a lossless topic in place, each valid until the next one is asked for;
    of a lossy one of their own.

    Ends when the publisher closes, or when nothing came for `timeout` seconds.

    Raises: WrongTypeError, ViewsError, UnsupportedError (no numpy); as receive().
    """
    of_each = arrays_in_place if end.reads_in_place else arrays_copied
    return of_each(end, dtype, shape, timeout)


def arrays_copied(end: Any, dtype: Any = "u1", shape: int | _Shape | None = None,
                  timeout: float | None = None) -> Iterator[Any]:
    """Messages as arrays of their own, copied out of the topic.

    Ends when the publisher closes, or when nothing came for `timeout` seconds.

    Raises: WrongTypeError, UnsupportedError (no numpy); as receive().
    """
    numpy = _import_numpy()
    dtype, shape = _layout(dtype, shape)
    _check_type(end, dtype)
    while True:
        buffer = numpy.empty(end.max_message_bytes, "u1")
        try:
            size = end.receive_into(buffer, timeout)
        except ClosedError:
            return
        if size is None:
            return
        _check_fits(size, dtype, shape)
        yield buffer[:size].view(dtype).reshape(shape)


def array_of_bytes(data: bytes, dtype: Any, shape: int | _Shape | None) -> Any:
    """As arrays_copied() gives them, of one message; read-only."""
    dtype, shape = _layout(dtype, shape)
    _check_fits(len(data), dtype, shape)
    return _import_numpy().frombuffer(data, dtype).reshape(shape)


def install(module: Any) -> None:
    """Gives the classes of the extension module what is written here."""
    methods: list[tuple[str, Callable[..., Any], list[str]]] = [
        ("array", array, ["InHand"]),
        ("loan_array", loan_array, ["Sender", "QueueSender", "Contributor", "Client",
                                    "Publisher"]),
        ("loan_array", loan_value_array, ["StateWriter"]),
        ("get_array", get_array, ["StateReader"]),
        ("arrays", newest_arrays, ["Receiver"]),
        ("arrays", arrays_in_place, ["QueueReceiver", "Collector"]),
        ("arrays", arrays_of_topic, ["Subscriber"]),
    ]
    for name, function, owners in methods:
        for owner in owners:
            setattr(getattr(module, owner), name, function)
    setattr(module.Type, "of", staticmethod(type_of))
