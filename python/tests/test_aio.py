"""Ends in asyncio: rung by a descriptor, or by a thread that sleeps on a futex."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine

import pytest
import ringbell
from conftest import in_parts
from ringbell import aio

Test = Callable[[], Coroutine[None, None, None]]


def in_loop(test: Test) -> Callable[[], None]:
    """A test that is a coroutine."""
    def run() -> None:
        asyncio.run(asyncio.wait_for(test(), 60))
    run.__name__ = test.__name__
    return run


def channel(doorbell: str) -> tuple[ringbell.Sender, ringbell.Receiver]:
    ring = ringbell.Ring.channel(doorbell=doorbell, capacity_bytes=4096)
    return ringbell.Sender.open(ring), ringbell.Receiver.open(ring)


async def later(call: Callable[[], object], seconds: float = 0.05) -> None:
    await asyncio.sleep(seconds)
    call()


@pytest.mark.parametrize("doorbell", ["eventfd", "futex"])
def test_a_loop_is_woken_by_a_message(doorbell: str) -> None:
    async def body() -> None:
        sender, receiver = channel(doorbell)
        async with aio.Receiver(receiver) as messages:
            for i in range(10):
                task = asyncio.create_task(later(lambda: sender.send(b"%d" % i), 0.005))
                assert await messages.receive() == b"%d" % i
                await task
            assert await messages.receive(0.01) is None
            assert await messages.receive(0) is None
            task = asyncio.create_task(later(sender.close))
            assert [data async for data in messages] == []
            await task
        assert receiver.closed
    in_loop(body)()


@pytest.mark.parametrize("doorbell", ["eventfd", "futex"])
def test_other_tasks_run_while_one_waits(doorbell: str) -> None:
    async def body() -> None:
        sender, receiver = channel(doorbell)
        waiting = asyncio.create_task(aio.Receiver(receiver).receive())
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert not waiting.done()
        sender.send(b"now")
        assert await waiting == b"now"
    in_loop(body)()


@pytest.mark.parametrize("doorbell", ["eventfd", "futex"])
def test_a_wait_can_be_cancelled_and_nothing_is_lost(doorbell: str) -> None:
    async def body() -> None:
        sender, receiver = channel(doorbell)
        messages = aio.Receiver(receiver)
        waiting = asyncio.create_task(messages.receive())
        await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        sender.send(b"kept")
        assert await messages.receive() == b"kept"
    in_loop(body)()


@pytest.mark.parametrize("doorbell", ["eventfd", "futex"])
def test_a_full_ring_waits_for_its_reader(doorbell: str) -> None:
    async def body() -> None:
        sender, receiver = channel(doorbell)
        messages, to = aio.Receiver(receiver), aio.Sender(sender)

        async def send() -> None:
            for i in range(100):
                assert await to.send(bytes([i]) * 1000)
            to.close()

        task = asyncio.create_task(send())
        assert [data[0] async for data in messages] == list(range(100))
        await task
    in_loop(body)()


PAIRS: dict[str, Callable[[], tuple[aio.Sender, aio.Receiver]]] = {}


def pair(make: Callable[[], tuple[aio.Sender, aio.Receiver]]) -> None:
    PAIRS[make.__name__] = make


@pair
def queue() -> tuple[aio.Sender, aio.Receiver]:
    ring = ringbell.Ring.queue(messages=4)
    return (aio.Sender(ringbell.QueueSender.open(ring)),
            aio.Receiver(ringbell.QueueReceiver.open(ring)))


@pair
def collector() -> tuple[aio.Sender, aio.Receiver]:
    ring = ringbell.Ring.collector(capacity_bytes=4096)
    return (aio.Sender(ringbell.Contributor.open(ring)),
            aio.Receiver(ringbell.Collector.open(ring)))


@pair
def lossless() -> tuple[aio.Sender, aio.Receiver]:
    ring = ringbell.Ring.topic(policy="lossless", messages=4)
    return (aio.Sender(ringbell.Publisher.open(ring)),
            aio.Receiver(ringbell.Subscriber.open(ring)))


@pair
def lossy() -> tuple[aio.Sender, aio.Receiver]:
    ring = ringbell.Ring.topic(messages=256)
    return (aio.Sender(ringbell.Publisher.open(ring)),
            aio.Receiver(ringbell.Subscriber.open(ring)))


@pytest.mark.parametrize("make", PAIRS.values(), ids=PAIRS.keys())
def test_each_pattern_goes_through_a_loop(
        make: Callable[[], tuple[aio.Sender, aio.Receiver]]) -> None:
    async def body() -> None:
        to, messages = make()

        async def send() -> None:
            for i in range(100):
                assert await to.send(b"%d" % i)
                if i % 10 == 0:
                    await asyncio.sleep(0.002)

        task = asyncio.create_task(send())
        for i in range(100):
            assert await messages.receive() == b"%d" % i
        await task
    in_loop(body)()


def test_many_tasks_call_one_service() -> None:
    async def body() -> None:
        ring = ringbell.Ring.service(message_bytes=100)
        server, client = aio.Server(ringbell.Server.open(ring)), aio.Client(
            ringbell.Client.open(ring))

        async def answer(request: bytes) -> bytes:
            await asyncio.sleep(0.001)
            return request + b"!"

        serving = asyncio.create_task(server.serve(answer, 20))
        answers = await asyncio.gather(*(client.call(b"%d" % i) for i in range(20)))
        assert answers == [b"%d!" % i for i in range(20)]
        assert await serving == 20
        serving = asyncio.create_task(server.serve(bytes.upper, 1))
        assert await client.call(b"sync") == b"SYNC"
        await serving
    in_loop(body)()


def test_a_call_that_is_cancelled_is_abandoned() -> None:
    async def body() -> None:
        ring = ringbell.Ring.service()
        server, client = ringbell.Server.open(ring), aio.Client(ringbell.Client.open(ring))
        assert await client.call(b"late", 0.01) is None
        assert client.end.fate == "withdrawn"
        assert server.serve(bytes.upper, 1, 0) == 0
        calling = asyncio.create_task(client.call(b"cancelled"))
        await asyncio.sleep(0.02)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert server.serve(bytes.upper, 1, 0) == 0
        calling = asyncio.create_task(client.call(b"again"))
        await asyncio.sleep(0.02)
        assert server.serve(bytes.upper, 1) == 1
        assert await calling == b"AGAIN"
    in_loop(body)()


@pytest.mark.parametrize("doorbell", ["eventfd", "futex"])
def test_a_loop_notices_the_death_of_the_other_side(doorbell: str) -> None:
    ring = ringbell.Ring.channel(doorbell=doorbell)
    child = os.fork()
    if child == 0:
        sender = ringbell.Sender.open(ring)
        sender.send(b"last")
        time.sleep(60)
        os._exit(0)

    async def body() -> None:
        messages = aio.Receiver(ringbell.Receiver.open(ring))
        assert await messages.receive() == b"last"
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with pytest.raises(ringbell.PeerDeadError):
            await messages.receive()
    in_loop(body)()


def test_a_client_notices_the_death_of_its_server() -> None:
    ring = ringbell.Ring.service()
    child = os.fork()
    if child == 0:
        server = ringbell.Server.open(ring)
        server.receive()
        os.kill(os.getpid(), signal.SIGKILL)

    async def body() -> None:
        with pytest.raises(ringbell.PeerDeadError):
            await aio.Client(ringbell.Client.open(ring)).call(b"die")
    in_loop(body)()
    os.waitpid(child, 0)


def test_arrays_come_in_place() -> None:
    np = pytest.importorskip("numpy")

    async def body() -> None:
        ring = ringbell.Ring.channel(doorbell="eventfd")
        sender = ringbell.Sender.open(ring)
        messages = aio.Receiver(ringbell.Receiver.open(ring))
        for i in range(3):
            with sender.loan_array(10, "<i4") as a:
                a[:] = i
        task = asyncio.create_task(later(sender.close))
        old = None
        seen = []
        async for a in messages.arrays("<i4", 10):
            if old is not None:
                with pytest.raises(IndexError):
                    old[0]
            old = a
            seen.append(int(a.sum()))
        assert seen == [0, 10, 20]
        await task

        topic = ringbell.Ring.topic()
        ringbell.Publisher.open(topic).publish(np.arange(5, dtype="<i4"))
        kept = [a async for a in aio.Receiver(ringbell.Subscriber.open(topic)).arrays("<i4", 5, 0)]
        assert [a.tolist() for a in kept] == [[0, 1, 2, 3, 4]]
    in_loop(body)()


def test_an_end_that_never_sleeps_says_so() -> None:
    async def body() -> None:
        for ring, wait in [(ringbell.Ring.channel(), ringbell.Wait(kind="spin")),
                           (ringbell.Ring.channel(doorbell="none"), ringbell.Wait())]:
            messages = aio.Receiver(ringbell.Receiver.open(ring, wait=wait))
            with pytest.raises(ringbell.UnsupportedError):
                await messages.receive()
    in_loop(body)()


def test_closing_ends_a_wait_of_the_loop() -> None:
    async def body() -> None:
        _, receiver = channel("futex")
        messages = aio.Receiver(receiver)
        waiting = asyncio.create_task(messages.receive())
        await asyncio.sleep(0.02)
        messages.close()
        with pytest.raises(ringbell.EndClosedError):
            await asyncio.wait_for(waiting, 5)
        assert threading.active_count() < 50
    in_loop(body)()


def test_calls_of_one_client_are_under_way_at_a_time() -> None:
    async def body() -> None:
        ring = ringbell.Ring.service(tickets=4)
        client = aio.Client(ringbell.Client.open(ring))
        async with aio.Server(ringbell.Server.open(ring)) as server:
            calls = [asyncio.create_task(client.call(b"%d" % i)) for i in range(8)]
            taken = []
            for _ in range(5):  # four by ticket, one without
                request = await server.take(5)
                assert request is not None
                taken.append(request)
            assert await server.take(0.02) is None
            for request in reversed(taken):
                request.respond(request.request * 2)
            for _ in range(3):
                request = await server.take(5)
                assert request is not None
                request.respond(request.request * 2)
            assert await asyncio.gather(*calls) == [b"%d" % i * 2 for i in range(8)]
        client.close()
    in_loop(body)()


def test_answers_come_in_parts() -> None:
    async def body() -> None:
        ring = ringbell.Ring.service(tickets=2)
        server = ringbell.Server.open(ring)
        thread = in_parts(server, 3)
        client = aio.Client(ringbell.Client.open(ring))
        assert [part async for part in client.parts(b"3", 10)] == [b"part 0", b"part 1", b"part 2"]
        rest = client.parts(b"1000", 10)
        assert [await rest.__anext__(), await rest.__anext__()] == [b"part 0", b"part 1"]
        await rest.aclose()
        assert [part async for part in client.parts(b"1", 10)] == [b"part 0"]
        thread.join()
        with pytest.raises(ringbell.TimedOutError) as error:
            await client.parts(b"1", 0.01).__anext__()
        assert error.value.fate == "withdrawn"
        client.close()
    in_loop(body)()


def test_one_of_several_calls_may_fail_or_be_given_up() -> None:
    async def body() -> None:
        ring = ringbell.Ring.service(tickets=3)
        client = aio.Client(ringbell.Client.open(ring))
        server = ringbell.Server.open(ring)
        late = asyncio.create_task(client.call(b"late", 0.05))
        dropped = asyncio.create_task(client.call(b"dropped"))
        cancelled = asyncio.create_task(client.call(b"cancelled"))
        answered = asyncio.create_task(client.call(b"answered"))
        await asyncio.sleep(0.01)
        taken = {}
        for _ in range(4):
            request = server.take(5)
            taken[request.request] = request
        taken[b"dropped"].drop()
        with pytest.raises(ringbell.DroppedError):
            await dropped
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert await late is None
        assert taken[b"late"].is_cancelled() and taken[b"cancelled"].is_cancelled()
        taken[b"answered"].respond(b"yes")
        assert await answered == b"yes"
        waits = [asyncio.create_task(client.call(b"x")) for _ in range(3)]
        await asyncio.sleep(0.01)
        server.close()
        for call in waits:
            with pytest.raises(ringbell.ClosedError):
                await call
        client.close()
    in_loop(body)()


def test_a_state_is_awaited() -> None:
    async def body() -> None:
        ring = ringbell.Ring.state(value_bytes=8)
        end = ringbell.StateReader.open(ring)
        writer = ringbell.StateWriter.open(ring)
        async with aio.StateReader(end) as reader:
            assert not await reader.wait_changed(0.01)
            task = asyncio.create_task(later(lambda: writer.set(b"1"), 0.01))
            assert await reader.wait_changed(10) and end.get() == b"1"
            await task
            seen = []
            task = asyncio.create_task(later(lambda: writer.set(b"2"), 0.01))
            async for value in reader:
                seen.append(value)
                writer.close()
            assert seen == [b"2"]
            await task
    in_loop(body)()


def test_a_lossless_topic_is_awaited_in_place() -> None:
    async def body() -> None:
        ring = ringbell.Ring.topic(policy="lossless", messages=4, message_bytes=8)
        messages = aio.Receiver(ringbell.Subscriber.open(ring))
        publisher = ringbell.Publisher.open(ring)
        task = asyncio.create_task(later(lambda: publisher.publish(b"now"), 0.01))
        found = await messages.peek(10)
        assert found is not None and bytes(found.view) == b"now"
        found.release()
        await task
        messages.close()
    in_loop(body)()
