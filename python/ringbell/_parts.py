"""An answer in parts, as an iterator."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from ._errors import ClosedError, Error, make

if TYPE_CHECKING:
    from ._ringbell import Client, _Buffer


class Parts:
    """The parts of an answer, each as bytes, as they come.

    Closed, or gone, before its end it gives the rest up, which the server sees.
    """

    def __init__(self, client: Client, timeout: float | None) -> None:
        self._client: Client | None = client
        self._call = client._call_number
        self._timeout = timeout

    def __iter__(self) -> Parts:
        return self

    def __next__(self) -> bytes:
        client = self._client
        if client is None:
            raise StopIteration
        if client._call_number != self._call:
            raise make("invalid_argument", "the rest was given up: its client has called again")
        self._client = None
        try:
            part = client.next(self._timeout)
        except ClosedError as error:
            if error.fate == "served":
                raise StopIteration from None
            raise
        if part is None:
            raise _too_late(client)
        self._client = client
        return part

    def close(self) -> None:
        """Gives the rest up. Nothing happens if there is none. Raises: InUseError."""
        client, self._client = self._client, None
        if client is not None and not client.closed and client._call_number == self._call:
            client.abandon()

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        try:
            self.close()
        except Error:  # another call of the client is under way
            pass


def parts(client: Client, request: _Buffer, timeout: float | None = None) -> Parts:
    """Sends a bytes-like request: the parts of its answer, what a server gave by
    TakenRequest.send(), or respond() once. `timeout` is of each part.

    Raises: TimedOutError, and its fate says what comes of the call; as call().
    """
    if not client.begin(request, timeout):
        raise _too_late(client)
    return Parts(client, timeout)


def _too_late(client: Client) -> Error:
    return make("timed_out", "the server did not answer in time", 0, client.fate)


def install(client_class: type[Client]) -> None:
    """Gives Client what is written here."""
    setattr(client_class, "parts", parts)
