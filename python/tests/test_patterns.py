"""Each pattern, within Python and between Python and C++, both ways."""

from __future__ import annotations

import threading
from typing import Literal

import pytest
import ringbell
from conftest import Peer, message

COUNT = 300
SIZES = [1, 47, 1000, 70_000]


def test_a_channel_takes_bytes_in_order() -> None:
    with ringbell.Sender.create("c") as sender, ringbell.Receiver.open("c") as receiver:
        assert sender.send(b"one") is True
        assert sender.send(bytearray(b"two")) is True
        assert sender.send(memoryview(b"xthreex")[1:6]) is True
        assert receiver.receive() == b"one"
        buffer = bytearray(8)
        assert receiver.receive_into(buffer) == 3
        assert buffer == b"two\0\0\0\0\0"
        assert receiver.receive(0.1) == b"three"
        assert receiver.receive(0) is None
        assert receiver.receive(0.01) is None
        assert sender.position > 0
        assert sender.peer() == receiver.peer() == "alive"


def test_iterating_ends_when_the_sender_closes() -> None:
    sender = ringbell.Sender.create("c")
    receiver = ringbell.Receiver.open("c")
    for i in range(5):
        sender.send(b"%d" % i)
    sender.close()
    assert list(receiver) == [b"0", b"1", b"2", b"3", b"4"]
    with pytest.raises(ringbell.ClosedError):
        receiver.receive()


def test_a_queue_gives_each_message_to_one_receiver() -> None:
    ring = ringbell.Ring.queue(messages=16, message_bytes=100)
    sender = ringbell.QueueSender.open(ring)
    one, two = ringbell.QueueReceiver.open(ring), ringbell.QueueReceiver.open(ring)
    for i in range(4):
        sender.send(b"%d" % i)
    assert [one.receive(0), two.receive(0), two.receive(0), one.receive(0)] == [
        b"0", b"1", b"2", b"3"]
    assert one.receive(0) is None
    assert not one.redelivered
    assert sender.max_message_bytes == 100


def test_a_message_in_the_hand_of_a_closed_receiver_goes_to_another() -> None:
    ring = ringbell.Ring.queue(messages=16, message_bytes=100)
    sender = ringbell.QueueSender.open(ring)
    one, two = ringbell.QueueReceiver.open(ring), ringbell.QueueReceiver.open(ring)
    sender.send(b"job")
    held = one.peek()
    assert held is not None and bytes(held.view) == b"job"
    one.close()
    assert two.receive() == b"job"
    assert two.redelivered


@pytest.mark.parametrize("policy", ["lossy", "lossless"])
def test_all_subscribers_of_a_topic_get_all(policy: str) -> None:
    ring = ringbell.Ring.topic(policy=policy, messages=16, message_bytes=32)
    publisher = ringbell.Publisher.open(ring)
    subscribers = [ringbell.Subscriber.open(ring) for _ in range(3)]
    for i in range(10):
        assert publisher.publish(b"%d" % i)
    for subscriber in subscribers:
        assert [subscriber.receive(0) for _ in range(11)] == [b"%d" % i for i in range(10)] + [None]
        assert subscriber.missed == 0
    publisher.close()
    assert list(subscribers[0]) == []


@pytest.mark.parametrize("policy", ["lossless", "lossy"])
def test_several_publish_in_one_order(policy: Literal["lossless", "lossy"]) -> None:
    def create() -> ringbell.Publisher:
        return ringbell.Publisher.create("t", policy=policy, messages=16, message_bytes=32,
                                         publishers=2)

    with create() as one, create() as other:
        subscribers = [ringbell.Subscriber.open("t") for _ in range(2)]
        for i in range(10):
            assert (one if i % 3 else other).publish(b"%d" % i)
        for subscriber in subscribers:
            assert [subscriber.receive(0) for _ in range(10)] == [b"%d" % i for i in range(10)]
        one.close()
        assert subscribers[0].receive(0) is None
    assert list(subscribers[0]) == []
    ring = ringbell.Ring.topic(policy=policy, publishers=2)
    with ringbell.Publisher.open(ring) as one, ringbell.Publisher.open(ring) as other:
        subscriber = ringbell.Subscriber.open(ring)
        assert one.publish(b"1") and other.publish(b"2")
        assert [subscriber.receive(0), subscriber.receive(0)] == [b"1", b"2"]
    with pytest.raises(ringbell.InvalidArgumentError, match="subscribers is 8; .* places for 64"):
        ringbell.Ring.topic(policy="lossless", publishers=2, subscribers=8)


def test_a_lapped_subscriber_learns_what_it_missed() -> None:
    with ringbell.Publisher.create("t", messages=8, message_bytes=8) as publisher:
        subscriber = ringbell.Subscriber.open("t")
        late = ringbell.Subscriber.open("t", start="newest")
        for i in range(100):
            publisher.publish(b"%d" % i)
        first = subscriber.receive(0)
        assert first is not None and subscriber.missed == int(first) > 0
        assert late.receive(0) is not None


def test_a_publisher_waits_for_its_subscribers() -> None:
    ring = ringbell.Ring.topic(policy="lossless", messages=4, message_bytes=8, subscribers=2)
    publisher = ringbell.Publisher.open(ring)
    assert publisher.subscribers() == 0
    assert publisher.wait_for_subscribers(1, 0.01) is False
    subscriber = ringbell.Subscriber.open(ring)
    assert publisher.wait_for_subscribers(1) is True
    assert publisher.subscribers() == 1
    with pytest.raises(ringbell.InvalidArgumentError):
        publisher.wait_for_subscribers(3)
    publisher.publish(b"x")
    assert (publisher.fill(), subscriber.lag()) == (1, 1)


def test_each_end_tells_how_far_it_is_behind() -> None:
    ring = ringbell.Ring.channel()
    sender, receiver = ringbell.Sender.open(ring), ringbell.Receiver.open(ring)
    sender.send(bytes(100))
    assert sender.fill() >= 100 and receiver.lag() >= 100
    ring = ringbell.Ring.queue()
    to, end = ringbell.QueueSender.open(ring), ringbell.QueueReceiver.open(ring)
    to.send(b"x")
    assert (to.fill(), end.lag()) == (1, 1)
    ring = ringbell.Ring.service()
    server, client = ringbell.Server.open(ring), ringbell.Client.open(ring)
    client.begin(b"x")
    assert server.lag() == 1


def test_the_newest_message_passes_the_older_ones_over() -> None:
    ring = ringbell.Ring.channel()
    sender, receiver = ringbell.Sender.open(ring), ringbell.Receiver.open(ring)
    assert receiver.peek_newest(0) is None
    for i in range(5):
        sender.send(b"%d" % i)
    with receiver.peek_newest() as view:
        assert view == b"4"
    assert receiver.receive(0) is None


@pytest.mark.parametrize("pattern", ["channel", "queue", "topic", "collector", "service"])
def test_a_message_of_nothing_is_a_message(pattern: str) -> None:
    ring = getattr(ringbell.Ring, pattern)()
    if pattern == "service":
        server, client = ringbell.Server.open(ring), ringbell.Client.open(ring)
        assert client.begin(b"")
        assert server.receive(0) == b""
        server.respond(b"")
        with client.answer() as view:
            assert view == b""
        return
    sender, receiver = {
        "channel": (ringbell.Sender, ringbell.Receiver),
        "queue": (ringbell.QueueSender, ringbell.QueueReceiver),
        "topic": (ringbell.Publisher, ringbell.Subscriber),
        "collector": (ringbell.Contributor, ringbell.Collector)}[pattern]
    to, end = sender.open(ring), receiver.open(ring)
    send = to.publish if pattern == "topic" else to.send
    assert send(b"") and send(b"x") and send(b"")
    assert [end.receive(0) for _ in range(4)] == [b"", b"x", b"", None]
    if pattern != "topic":
        with to.loan(5) as view:
            del view
        room = to.loan(5)
        assert room.commit(0)
        assert end.receive(0) is not None
        with end.peek(0) as view:
            assert len(view) == 0


def test_a_full_lossless_topic_waits() -> None:
    ring = ringbell.Ring.topic(policy="lossless", messages=4, message_bytes=8)
    publisher = ringbell.Publisher.open(ring)
    subscriber = ringbell.Subscriber.open(ring)
    assert [publisher.publish(b"x", 0) for _ in range(5)] == [True] * 4 + [False]
    assert publisher.publish(b"x", 0.01) is False
    assert subscriber.receive() == b"x"
    assert publisher.publish(b"x", 0.01) is True


def test_a_collector_tells_whose_a_message_is() -> None:
    with ringbell.Collector.create("logs", contributors=3) as collector:
        one, two = ringbell.Contributor.open("logs"), ringbell.Contributor.open("logs")
        two.send(b"from two")
        assert (collector.receive(), collector.lane) == (b"from two", two.lane)
        one.send(b"from one")
        assert (collector.receive(), collector.lane) == (b"from one", one.lane)
        assert collector.receive(0) is None
        assert collector.corrupt_lanes == 0


@pytest.mark.parametrize("size", [3, 48, 49, 5000])
def test_a_call_is_answered(size: int) -> None:
    ring = ringbell.Ring.service(clients=2, message_bytes=5000)
    server, client = ringbell.Server.open(ring), ringbell.Client.open(ring)
    request = message(size, size)
    assert client.begin(request)
    assert not client.answered()
    assert server.receive() == request
    server.respond(request[::-1])
    assert client.answered()
    answer = client.answer()
    assert answer is not None
    with answer as view:
        assert view == request[::-1]
    assert client.fate == "none"
    assert client.call(request, 0.01) is None  # not begun: taken back
    assert client.fate == "withdrawn"
    assert server.serve(lambda asked: asked, timeout=0) == 0
    assert client.begin(request)
    assert server.receive() == request
    assert not server.is_cancelled()
    assert client.answer(0.01) is None
    assert client.fate == "maybe_served"
    assert server.is_cancelled()
    assert server.serve(lambda asked: asked + b"!"[:5000 - size], limit=1) == 1
    assert server.serve(lambda asked: asked, timeout=0.01) == 0


def test_many_calls_of_a_client_are_under_way() -> None:
    ring = ringbell.Ring.service(clients=1, tickets=3)
    server, client = ringbell.Server.open(ring), ringbell.Client.open(ring)
    with pytest.raises(ringbell.InvalidArgumentError):
        client.wait_any(0)
    tickets = [client.start(b"%d" % i) for i in range(3)]
    with pytest.raises(ringbell.NoPlaceError):
        client.start(b"3")
    assert client.call(b"beside them", 0) is None
    assert client.wait_any(0) is False and tickets[0].wait(0) is None
    assert tickets[1].abandon() == tickets[1].fate == "withdrawn"
    with pytest.raises(ringbell.InvalidArgumentError):
        tickets[1].wait()
    taken = [server.take(10), server.take(10)]
    assert server.take(0) is None
    for request in reversed(taken):
        request.respond(request.request + b"!")
    assert client.wait_any(10) and tickets[2].answered()
    assert [tickets[0].wait(10), tickets[2].wait(10)] == [b"0!", b"2!"]
    assert tickets[0].wait(10) == b"0!" and tickets[0].fate == "served"
    with pytest.raises(ringbell.InvalidArgumentError):
        client.wait_any()
    with client.start(b"late") as ticket:
        request = server.take(10)
    assert ticket.fate == "maybe_served" and request.is_cancelled()
    client.close()
    with pytest.raises(ringbell.EndClosedError):
        tickets[0].wait()


def test_requests_are_answered_later_in_any_order_and_by_any_thread() -> None:
    ring = ringbell.Ring.service(clients=2, message_bytes=100)
    server = ringbell.Server.open(ring)
    one, two = ringbell.Client.open(ring), ringbell.Client.open(ring)
    assert one.begin(b"one") and two.begin(b"two")
    taken = [server.take(10), server.take(10)]
    assert server.take(0) is None
    assert not taken[0].is_cancelled()
    for request in reversed(taken):
        worker = threading.Thread(target=lambda: request.respond(request.request.upper()))
        worker.start()
        worker.join()
        assert request.is_cancelled() and request.request == b""
        with pytest.raises(ringbell.InvalidArgumentError):
            request.respond(b"again")
    for client, said in ((one, b"ONE"), (two, b"TWO")):
        with client.answer(10) as view:
            assert view == said
    one.begin(b"dropped")
    with server.take(10) as request:
        assert request.request == b"dropped"
        with pytest.raises(ringbell.TooLargeError):
            request.respond(bytes(1000))
    with pytest.raises(ringbell.DroppedError) as error:
        one.answer(10)
    assert error.value.fate == "maybe_served"
    one.begin(b"late")
    request = server.take(10)
    server.close()
    assert request.is_cancelled() and request.request == b"late"
    with pytest.raises(ringbell.ClosedError):
        request.respond(b"too late")


@pytest.mark.parametrize("size", SIZES)
class TestWithCpp:
    """COUNT messages of that size; each side checks every byte."""

    def receive_all(self, end: ringbell.Receiver | ringbell.QueueReceiver | ringbell.Subscriber
                    | ringbell.Collector, size: int) -> None:
        for i in range(COUNT):
            assert end.receive(30) == message(i, size)

    def test_channel_to_cpp(self, peer: type[Peer], size: int) -> None:
        other = peer("receive", "c", COUNT, size)
        with ringbell.Sender.create("c", capacity_bytes=1 << 20) as sender:
            for i in range(COUNT):
                assert sender.send(message(i, size), 30)
            other.done()

    def test_channel_from_cpp(self, peer: type[Peer], size: int) -> None:
        other = peer("send", "c", COUNT, size)
        with ringbell.Receiver.open("c", 30) as receiver:
            self.receive_all(receiver, size)
            with pytest.raises(ringbell.ClosedError):
                receiver.receive(30)
        other.done()

    def test_queue_to_cpp(self, peer: type[Peer], size: int) -> None:
        with ringbell.QueueSender.create("q", messages=32, message_bytes=size) as sender:
            other = peer("queue-receive", "q", COUNT, size)
            for i in range(COUNT):
                assert sender.send(message(i, size), 30)
            other.done()

    def test_queue_from_cpp(self, peer: type[Peer], size: int) -> None:
        other = peer("queue-send", "q", COUNT, size)
        with ringbell.QueueReceiver.open("q", 30) as receiver:
            self.receive_all(receiver, size)
        other.done()

    @pytest.mark.parametrize("policy", ["lossy", "lossless"])
    def test_topic_to_cpp(self, peer: type[Peer], size: int, policy: str) -> None:
        with ringbell.Publisher.create("t", policy=policy, messages=COUNT,
                                       message_bytes=size) as publisher:
            for i in range(COUNT):
                assert publisher.publish(message(i, size), 30)
            peer("subscribe", "t", COUNT, size).done()

    def test_lossy_topic_from_cpp(self, peer: type[Peer], size: int) -> None:
        other = peer("publish", "t", COUNT, size)
        assert other.said() == "published"
        with ringbell.Subscriber.open("t", 30) as subscriber:
            first = COUNT - 512 if COUNT > 512 else 0
            assert subscriber.missed == first
            self.receive_all(subscriber, size)
            other.tell()
            other.done()

    def test_lossless_topic_from_cpp(self, peer: type[Peer], size: int) -> None:
        other = peer("publish-lossless", "t", COUNT, size)
        assert other.said() == "there"
        with ringbell.Subscriber.open("t", 30) as subscriber:
            other.tell()
            self.receive_all(subscriber, size)
        other.done()

    def test_collector_to_cpp(self, peer: type[Peer], size: int) -> None:
        other = peer("collect", "l", COUNT, size)
        with ringbell.Contributor.open("l", 30) as contributor:
            for i in range(COUNT):
                assert contributor.send(message(i, size), 30)
            other.done()

    def test_collector_from_cpp(self, peer: type[Peer], size: int) -> None:
        with ringbell.Collector.create("l", capacity_bytes=1 << 20) as collector:
            other = peer("contribute", "l", COUNT, size)
            self.receive_all(collector, size)
            other.done()

    def test_service_in_cpp(self, peer: type[Peer], size: int) -> None:
        other = peer("serve", "s", COUNT, size)
        with ringbell.Client.open("s", 30) as client:
            for i in range(COUNT):
                assert client.call(message(i, size), 30) == message(i, size)
        other.done()

    def test_service_in_python(self, peer: type[Peer], size: int) -> None:
        with ringbell.Server.create("s", message_bytes=size) as server:
            other = peer("call", "s", COUNT, size)
            assert server.serve(lambda request: request, COUNT, 30) == COUNT
            other.done()
