"""Messages where they stand: memoryviews that raise once the message is given back."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
import ringbell

Sending = ringbell.Sender | ringbell.QueueSender | ringbell.Contributor
Receiving = ringbell.Receiver | ringbell.QueueReceiver | ringbell.Collector
Pair = tuple[Sending, Receiving]


def channel() -> Pair:
    ring = ringbell.Ring.channel()
    return ringbell.Sender.open(ring), ringbell.Receiver.open(ring)


def queue() -> Pair:
    ring = ringbell.Ring.queue()
    return ringbell.QueueSender.open(ring), ringbell.QueueReceiver.open(ring)


def collector() -> Pair:
    ring = ringbell.Ring.collector()
    return ringbell.Contributor.open(ring), ringbell.Collector.open(ring)


@pytest.fixture(params=[channel, queue, collector])
def pair(request: pytest.FixtureRequest) -> Pair:
    make: Callable[[], Pair] = request.param
    return make()


def loan(sender: Sending, size: int) -> ringbell.Loan:
    room = sender.loan(size)
    assert room is not None
    return room


def peek(receiver: Receiving) -> ringbell.Message:
    found = receiver.peek(5)
    assert found is not None
    return found


def test_what_is_written_in_place_is_read_in_place(pair: Pair) -> None:
    sender, receiver = pair
    with loan(sender, 100) as view:
        assert not view.readonly and len(view) == 100
        view[:] = bytes(range(100))
    with peek(receiver) as view:
        assert view.readonly and bytes(view) == bytes(range(100))
    assert receiver.receive(0) is None


def test_the_same_message_comes_until_it_is_given_back(pair: Pair) -> None:
    sender, receiver = pair
    sender.send(b"one")
    sender.send(b"two")
    first = peek(receiver)
    assert peek(receiver) is first
    assert first.view is first.view
    assert (first.view, first.size_bytes, len(first)) == (b"one", 3, 3)
    assert first.release()
    assert receiver.receive() == b"two"


def test_an_exception_keeps_the_message_and_gives_up_the_room(pair: Pair) -> None:
    sender, receiver = pair
    with pytest.raises(KeyError):
        with loan(sender, 10):
            raise KeyError
    sender.send(b"message")
    with pytest.raises(KeyError):
        with peek(receiver) as view:
            raise KeyError
    with pytest.raises(ValueError, match="released memoryview"):
        view[0]
    assert receiver.receive() == b"message"
    assert receiver.receive(0) is None


def test_room_that_is_dropped_is_given_up_and_a_message_comes_again(pair: Pair) -> None:
    sender, receiver = pair
    loan(sender, 10)
    gc.collect()
    sender.send(b"message")
    peek(receiver)
    gc.collect()
    assert receiver.receive() == b"message"


def test_less_than_the_room_can_be_committed(pair: Pair) -> None:
    sender, receiver = pair
    room = loan(sender, 100)
    room.view[:3] = b"abc"
    with pytest.raises(ringbell.TooLargeError):
        room.commit(101)
    assert room.commit(3)
    assert receiver.receive() == b"abc"


def test_views_raise_once_they_were_given_back(pair: Pair) -> None:
    sender, receiver = pair
    room = loan(sender, 5)
    written = room.view
    written[:] = b"12345"
    room.commit()
    found = peek(receiver)
    read = found.view
    found.release()
    for view in (written, read):
        with pytest.raises(ValueError, match="released memoryview"):
            bytes(view)
    for back in (room, found):
        assert not back.is_open
        with pytest.raises(ringbell.GivenBackError):
            back.view
        with pytest.raises(ringbell.GivenBackError):
            memoryview(back)
        with pytest.raises(ringbell.GivenBackError):
            back.__enter__()
    with pytest.raises(ringbell.GivenBackError):
        found.release()
    with pytest.raises(ringbell.GivenBackError):
        room.commit()
    with pytest.raises(ringbell.GivenBackError):
        room.abort()


def test_nothing_is_given_back_while_something_looks_at_it(pair: Pair) -> None:
    sender, receiver = pair
    room = loan(sender, 8)
    part = room.view[2:4]
    with pytest.raises(ringbell.ViewsError):
        room.commit()
    assert receiver.receive(0) is None
    part[:] = b"ab"
    part.release()
    room.view[:2] = b"__"
    assert room.commit(4)

    found = peek(receiver)
    kept = memoryview(found)
    with pytest.raises(ringbell.ViewsError):
        found.release()
    with pytest.raises(ringbell.ViewsError):
        receiver.close()
    assert not receiver.closed
    assert kept == b"__ab"
    kept.release()
    found.release()
    receiver.close()
    assert receiver.closed


def test_what_is_in_hand_keeps_its_end_alive(pair: Pair) -> None:
    sender, receiver = pair
    sender.send(b"message")
    view = peek(receiver).view
    del receiver
    gc.collect()
    assert view == b"message"


def test_other_calls_wait_until_the_hand_is_empty(pair: Pair) -> None:
    sender, receiver = pair
    room = loan(sender, 8)
    with pytest.raises(ringbell.InvalidArgumentError):
        sender.send(b"x")
    with pytest.raises(ringbell.InvalidArgumentError):
        sender.loan(8)
    room.abort()
    sender.send(b"x")
    found = peek(receiver)
    for call in (receiver.receive, lambda: receiver.receive_into(bytearray(1000))):
        with pytest.raises(ringbell.InvalidArgumentError):
            call()
    found.release()


def test_views_of_requests_and_answers() -> None:
    ring = ringbell.Ring.service(message_bytes=100)
    server, client = ringbell.Server.open(ring), ringbell.Client.open(ring)
    room = client.loan(60)
    assert room is not None
    with room as view:
        view[:] = b"a" * 60
    asked = server.request(5)
    assert asked is not None and server.request(5) is asked
    request = asked.view
    assert request == b"a" * 60
    server.respond(request)  # its own view
    with pytest.raises(ValueError, match="released memoryview"):
        request[0]
    found = client.answer(5)
    assert found is not None
    with pytest.raises(ringbell.InvalidArgumentError):
        client.call(b"x")
    with found as answer:
        assert answer == b"a" * 60

    assert client.begin(b"short")
    asked = server.request(5)
    assert asked is not None
    with server.loan(3) as room:
        room[:] = b"abc"
    assert not asked.is_open
    found = client.answer(5)
    assert found is not None and bytes(found.view) == b"abc"
    found.release()

    assert client.begin(b"once more")
    asked = server.request(5)
    assert asked is not None
    part = asked.view[1:]
    with pytest.raises(ringbell.ViewsError):
        server.respond(b"x")
    del part
    server.respond(b"x")
    assert client.answered()
