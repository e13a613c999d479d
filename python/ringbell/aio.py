"""The ends of ringbell for asyncio: the calls that wait are coroutines.

    receiver = aio.Receiver(ringbell.Receiver.open("ticks"))
    async for tick in receiver: ...

    listener = aio.Listener(ringbell.Listener.open("orders"))
    connection = await listener.accept()
    orders = aio.Receiver(connection.receiver)

    client = aio.Client(ringbell.Client.open("prices"))
    answer = await client.call(b"EURUSD")
    answers = await asyncio.gather(*(client.call(each) for each in pairs))  # at the same time

A loop sleeps on the end's own descriptor (waitable_fd, add_reader). A channel that rings by futex
has none: there a thread sleeps in its place. Ends that never sleep (Wait(kind="spin"), doorbell
"none") raise UnsupportedError when they would have to. Calls of one end queue up behind each other,
but those of a client whose service has tickets: as many are under way at a time as it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Union, cast

from . import _ringbell
from ._arrays import array_of_bytes
from ._errors import ClosedError, NoPlaceError, UnsupportedError, make

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from ._ringbell import _Buffer, _Shape

__all__ = ["Client", "Listener", "Receiver", "Sender", "Server", "StateReader"]

_Sending = Union[_ringbell.Sender, _ringbell.QueueSender, _ringbell.Contributor,
                 _ringbell.Publisher]
_Receiving = Union[_ringbell.Receiver, _ringbell.QueueReceiver, _ringbell.Collector,
                   _ringbell.Subscriber]

_Got = TypeVar("_Got")
_End = TypeVar("_End", bound=_ringbell.End)
_Self = TypeVar("_Self", bound="_AsyncEnd[Any]")

# How long a loop sleeps before it asks whether the other side lives: no process rings when it dies.
_SLICE = 0.1
# For a look that asks after the other side as a waiting call does.
_A_MOMENT = 1e-9


async def _readable(fd: int, seconds: float) -> bool:
    """Sleeps until it is readable, which is true, or until the time is over."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[bool] = loop.create_future()

    def finish(value: bool) -> None:
        if not ready.done():
            ready.set_result(value)

    timer = loop.call_later(seconds, finish, False)
    loop.add_reader(fd, finish, True)
    try:
        return await ready
    finally:
        timer.cancel()
        loop.remove_reader(fd)


class _AsyncEnd(Generic[_End]):
    """What all have: an end, which is closed with this object."""

    def __init__(self, end: _End) -> None:
        self.end = end
        self._turn = asyncio.Lock()
        self._fd: int | None = None
        self._sleeper: ThreadPoolExecutor | None = None

    def close(self) -> None:
        """As the end's own."""
        if self._sleeper is not None:
            self._sleeper.shutdown(wait=False)
        self.end.close()

    async def __aenter__(self: _Self) -> _Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        traceback: TracebackType | None) -> None:
        self.close()

    def _descriptor(self) -> int:
        """What this end sleeps on, or -1: a futex. Raises UnsupportedError if it never sleeps."""
        if self._fd is None:
            try:
                self._fd = self.end.waitable_fd()
            except UnsupportedError:
                if not isinstance(self.end, (_ringbell.Sender, _ringbell.Receiver)):
                    raise
                self.end._sleep(0)
                self._fd = -1
                self._sleeper = ThreadPoolExecutor(1, "ringbell-aio")
        return self._fd

    async def _sleep(self, fd: int, seconds: float) -> bool:
        """Sleeps until rung, which is true, or until the time is over."""
        if fd >= 0:
            return await _readable(fd, seconds)
        assert isinstance(self.end, (_ringbell.Sender, _ringbell.Receiver))
        return await asyncio.get_running_loop().run_in_executor(self._sleeper, self.end._sleep,
                                                                seconds)

    async def _until(self, attempt: Callable[[float], _Got | None], arm: Callable[[], bool],
                     timeout: float | None) -> _Got | None:
        """Attempts until something comes of it, sleeping in between, or the time is up."""
        loop = asyncio.get_running_loop()
        end = None if timeout is None else loop.time() + timeout
        patience = 0.0
        while True:
            got = attempt(patience)
            if got is not None and got is not False:
                return got
            left = _SLICE if end is None else min(_SLICE, end - loop.time())
            if left <= 0:
                return None
            fd = self._descriptor()
            if arm():
                rung = await self._sleep(fd, left)
                patience = 0.0 if rung else _A_MOMENT
            else:
                await asyncio.sleep(0)


class Receiver(_AsyncEnd[_Receiving]):
    """Receiver, QueueReceiver, Collector or Subscriber."""

    async def receive(self, timeout: float | None = None) -> bytes | None:
        """As the end's own."""
        async with self._turn:
            return await self._until(self.end.receive, self.end.arm, timeout)

    async def peek(self, timeout: float | None = None) -> _ringbell.Message | None:
        """As the end's own. Raises: UnsupportedError, for a Subscriber of a lossy topic."""
        async with self._turn:
            return await self._until(self.end.peek, self.end.arm, timeout)

    def __aiter__(self: _Self) -> _Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            data = await self.receive()
        except ClosedError:
            raise StopAsyncIteration from None
        assert data is not None
        return data

    async def arrays(self, dtype: DTypeLike = "u1", shape: _Shape | None = None,
                     timeout: float | None = None) -> AsyncIterator[NDArray[Any]]:
        """As the end's own: an array in place is valid until the next one is asked for."""
        copied = isinstance(self.end, _ringbell.Subscriber) and not self.end.reads_in_place
        while True:
            try:
                found = await (self.receive(timeout) if copied else self.peek(timeout))
            except ClosedError:
                return
            if found is None:
                return
            if isinstance(found, bytes):
                yield array_of_bytes(found, dtype, shape)
                continue
            try:
                yield found.array(dtype, shape)
                found.release()
            finally:
                if found.is_open:
                    found._put_down()


class Sender(_AsyncEnd[_Sending]):
    """Sender, QueueSender, Contributor or Publisher."""

    async def send(self, message: _Buffer, timeout: float | None = None) -> bool:
        """As the end's own send() or publish()."""
        end = self.end
        put = end.publish if isinstance(end, _ringbell.Publisher) else end.send
        async with self._turn:
            return await self._until(lambda t: put(message, t), self._arm_for(message),
                                     timeout) is not None

    publish = send

    def _arm_for(self, message: _Buffer) -> Callable[[], bool]:
        end = self.end
        if isinstance(end, (_ringbell.QueueSender, _ringbell.Publisher)):
            return end.arm
        return partial(end.arm, memoryview(cast(bytes, message)).nbytes)


class StateReader(_AsyncEnd[_ringbell.StateReader]):
    """The reader of a state; what does not wait, get() and look(), is the end's own."""

    async def wait_changed(self, timeout: float | None = None, key: int = 0) -> bool:
        """As the end's own."""
        async with self._turn:
            return await self._until(lambda t: self.end.wait_changed(t, key), self.end.arm,
                                     timeout) is not None

    def __aiter__(self: _Self) -> _Self:
        return self

    async def __anext__(self) -> bytes:
        """The newest value of key 0, once there is a newer one."""
        try:
            await self.wait_changed()
        except ClosedError:
            raise StopAsyncIteration from None
        value = self.end.get()
        assert value is not None
        return value


class Client(_AsyncEnd[_ringbell.Client]):
    """A client whose calls do not block the loop.

    As many are under way at a time as the service's tickets, and one more; the next ones queue up.
    """

    def __init__(self, end: _ringbell.Client) -> None:
        super().__init__(end)
        self._waiting: dict[asyncio.Future[Any], Callable[[float], Any]] = {}
        self._watch: asyncio.Task[None] | None = None

    async def call(self, request: _Buffer, timeout: float | None = None) -> bytes | None:
        """As the end's own. A call that is cancelled, or whose time is up, is abandoned."""
        loop = asyncio.get_running_loop()
        end = None if timeout is None else loop.time() + timeout
        try:
            ticket = self.end.start(request)
        except NoPlaceError:  # the service has none, or all are out
            return await self._call_in_turn(request, end)
        with ticket:
            return await self._answer(ticket.wait, end)

    async def parts(self, request: _Buffer,
                    timeout: float | None = None) -> AsyncGenerator[bytes, None]:
        """As the end's own, by a ticket of the service. Raises: NoPlaceError, if it has none left.

        A server sends a part by TakenRequest.send(part, 0), or in a thread of its own.
        """
        loop = asyncio.get_running_loop()
        with self.end.start(request) as ticket:
            while True:
                end = None if timeout is None else loop.time() + timeout
                try:
                    part = await self._answer(ticket.next, end)
                except ClosedError as error:
                    if error.fate != "served":
                        raise
                    return
                if part is None:
                    raise make("timed_out", "the server did not answer in time", 0,
                               ticket.abandon())
                yield part

    async def _call_in_turn(self, request: _Buffer, end: float | None) -> bytes | None:
        """By the one call that needs no ticket."""
        loop = asyncio.get_running_loop()
        try:
            await asyncio.wait_for(self._turn.acquire(),
                                   None if end is None else max(0, end - loop.time()))
        except asyncio.TimeoutError:
            return None
        try:
            if not await self._answer(lambda t: self.end.begin(request, t), end):
                return None
            answered = False
            try:
                answered = bool(await self._answer(self.end._answered_for, end))
            finally:
                if not answered and not self.end.closed:
                    self.end.abandon()
            if not answered:
                return None
            with self.end.answer() as view:
                return bytes(view)
        finally:
            self._turn.release()

    async def _answer(self, attempt: Callable[[float], _Got | None],
                      end: float | None) -> _Got | None:
        """What `attempt` gives once it gives something, or None: the time is up.

        One task sleeps for all calls of this client: a descriptor has one that waits for it.
        """
        loop = asyncio.get_running_loop()
        got = attempt(0)
        if got is not None and got is not False:
            return got
        future: asyncio.Future[_Got] = loop.create_future()
        self._waiting[future] = attempt
        if self._watch is None or self._watch.done():
            self._watch = loop.create_task(self._watch_all())
        try:
            left = None if end is None else max(0, end - loop.time())
            done, _ = await asyncio.wait([future], timeout=left)
            return future.result() if done else None
        finally:
            self._waiting.pop(future, None)
            if future.done() and not future.cancelled():
                future.exception()  # it is known
            future.cancel()

    async def _watch_all(self) -> None:
        """Attempts what waits, sleeping in between, as long as anything does."""
        patience = 0.0
        while self._waiting:
            rung = True
            try:
                if not self._look(patience):
                    fd = self._descriptor()
                    if self.end.arm():
                        rung = await self._sleep(fd, _SLICE)
            except Exception as error:  # of the end, and so of each of its calls
                for future in self._waiting:
                    if not future.done():
                        future.set_exception(error)
            patience = 0.0 if rung else _A_MOMENT
            await asyncio.sleep(0)

    def _look(self, patience: float) -> bool:
        """Attempts each. Whether anything came of one."""
        came = False
        for future, attempt in list(self._waiting.items()):
            if future.done():
                continue
            try:
                got = attempt(patience)
            except Exception as error:
                future.set_exception(error)
            else:
                if got is None or got is False:
                    continue
                future.set_result(got)
            came = True
        return came


class Server(_AsyncEnd[_ringbell.Server]):
    """A server. serve() answers one request at a time, take() any number."""

    async def receive(self, timeout: float | None = None) -> bytes | None:
        """As the end's own; respond() answers."""
        async with self._turn:
            return await self._until(self.end.receive, self.end.arm, timeout)

    async def take(self, timeout: float | None = None) -> _ringbell.TakenRequest | None:
        """As the end's own: a request that is answered later, while others are received."""
        async with self._turn:
            return await self._until(self.end.take, self.end.arm, timeout)

    def respond(self, response: _Buffer) -> None:
        """As the end's own. It never waits."""
        self.end.respond(response)

    async def serve(self, function: Callable[[bytes], _Buffer | Awaitable[_Buffer]],
                    limit: int | None = None, timeout: float | None = None) -> int:
        """As the end's own; function may be a coroutine function."""
        served = 0
        while limit is None or served < limit:
            request = await self.receive(timeout)
            if request is None:
                break
            response = function(request)
            self.respond(await response if isinstance(response, Awaitable) else response)
            served += 1
        return served


class Listener:
    """A listener whose accept() does not block the loop; connecting is asyncio.to_thread's."""

    def __init__(self, listener: _ringbell.Listener) -> None:
        self.listener = listener
        self._turn = asyncio.Lock()

    def close(self) -> None:
        """As the listener's own."""
        self.listener.close()

    async def __aenter__(self) -> Listener:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        traceback: TracebackType | None) -> None:
        self.close()

    async def accept(self, timeout: float | None = None) -> _ringbell.Connection | None:
        """As the listener's own. Its ends are ends like others: aio.Sender(connection.sender)."""
        loop = asyncio.get_running_loop()
        end = None if timeout is None else loop.time() + timeout
        async with self._turn:
            while True:
                connection = self.listener.accept(0)
                if connection is not None:
                    return connection
                # The time of a handshake under way is looked at by accept() alone.
                left = _SLICE if end is None else min(_SLICE, end - loop.time())
                if left <= 0:
                    return None
                await _readable(self.listener.fileno(), left)
