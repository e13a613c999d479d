"""The exceptions of ringbell, one class for each kind of failure."""

from __future__ import annotations


class Error(Exception):
    """What every exception of ringbell is.

    code: the kind, as the library names it ("peer_dead"); errno: of the system call that failed,
    or 0; fate: of a Client's call, as Client.fate has it. The text says what was tried, on what,
    and what to do about it.
    """

    code: str = "error"
    errno: int = 0
    fate: str = "none"


class InvalidArgumentError(Error, ValueError):
    """The caller asked for something that cannot be."""


class SystemCallError(Error):
    """A system call failed; errno says how."""


class NoSpaceError(Error):
    """There are no memory, pages or disk left for it."""


class NotPermittedError(Error):
    """The kernel says that this process may not."""


class UnsupportedError(Error):
    """This kernel, build or end does not have it."""


class NotARegionError(Error):
    """The file is not, or not safely, a ring of this kind."""


class VersionMismatchError(Error):
    """A ring of another layout version."""


class BusyError(Error):
    """The place is taken by a living process."""


class OtherRingError(BusyError):
    """The name is in use for a ring of another kind, or with other options."""


class NoPlaceError(BusyError):
    """There are as many living processes as there can be."""


class CorruptError(Error):
    """The other side wrote something impossible; the ring is unusable."""


class ClosedError(Error):
    """The other side closed in order."""


class PeerDeadError(Error):
    """The other side is gone without closing."""


class EvictedError(PeerDeadError):
    """This very end was taken for dead: open it anew."""


class StaleError(Error):
    """A file that was in use when the power went: start anew."""


class NoReaderError(Error):
    """A reader is required, and none has come."""


class DroppedError(Error):
    """The server gave the call up without an answer."""


class TooLargeError(Error, ValueError):
    """The message does not fit."""


class NotFoundError(Error, LookupError):
    """No process and no file has this name."""


class TimedOutError(Error):
    """The other side is there but did not answer in time."""


class CancelledError(Error):
    """The caller ended it before its end."""


class EndClosedError(Error, ValueError):
    """This end was closed by its own process."""


class GivenBackError(Error, ValueError):
    """The message, or the room for one, is no longer in hand."""


class ViewsError(Error, BufferError):
    """Something still looks at the bytes of a message that is to be given back."""


class InUseError(Error, RuntimeError):
    """Another call of this end is under way: in another thread, or below this one."""


class ForkError(Error, RuntimeError):
    """The end belongs to the process that opened it, and this is a child of that one."""


class WrongTypeError(Error, TypeError):
    """The message is no whole number of items of this dtype, or not of this shape."""


_CLASSES: dict[str, type[Error]] = {
    "invalid_argument": InvalidArgumentError,
    "system": SystemCallError,
    "no_space": NoSpaceError,
    "permission": NotPermittedError,
    "unsupported": UnsupportedError,
    "not_a_region": NotARegionError,
    "version_mismatch": VersionMismatchError,
    "busy": BusyError,
    "other_ring": OtherRingError,
    "no_place": NoPlaceError,
    "evicted": EvictedError,
    "stale": StaleError,
    "no_reader": NoReaderError,
    "dropped": DroppedError,
    "corrupt": CorruptError,
    "closed": ClosedError,
    "peer_dead": PeerDeadError,
    "too_large": TooLargeError,
    "not_found": NotFoundError,
    "timed_out": TimedOutError,
    "cancelled": CancelledError,
    "end_closed": EndClosedError,
    "given_back": GivenBackError,
    "views_alive": ViewsError,
    "in_use": InUseError,
    "forked": ForkError,
    "wrong_type": WrongTypeError,
}


def make(code: str, message: str, errno: int = 0, fate: str = "none") -> Error:
    """The exception of this code, to be raised."""
    error = _CLASSES.get(code, Error)(message)
    error.code = code
    error.errno = errno
    error.fate = fate
    return error
