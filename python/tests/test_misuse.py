"""What cannot be is its Error, and nothing crashes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import pytest
import ringbell


def in_child(body: Callable[[], None]) -> None:
    """Runs body in a child of fork(); it must come to its end."""
    child = os.fork()
    if child == 0:
        try:
            body()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_each_error_is_an_error_and_says_what_it_is() -> None:
    with pytest.raises(ringbell.NotFoundError) as found:
        ringbell.Receiver.open("nothing", 0)
    assert isinstance(found.value, ringbell.Error) and isinstance(found.value, LookupError)
    assert found.value.code == "not_found" and "nothing" in str(found.value)
    kinds = [value for value in vars(ringbell).values()
             if isinstance(value, type) and issubclass(value, Exception)]
    assert len(kinds) >= 20 and all(issubclass(kind, ringbell.Error) for kind in kinds)


def test_sizes_that_cannot_be() -> None:
    with ringbell.Sender.create("c", capacity_bytes=4096) as sender:
        for call in (sender.send, lambda data: sender.loan(len(data))):
            with pytest.raises(ringbell.TooLargeError):
                call(bytes(5000))
        with pytest.raises((TypeError, ValueError)):
            sender.loan(-1)
        receiver = ringbell.Receiver.open("c")
        sender.send(b"12345")
        with pytest.raises(ringbell.TooLargeError):
            receiver.receive_into(bytearray(4))
        assert receiver.receive() == b"12345"
    with ringbell.QueueSender.create("q", message_bytes=10) as queue:
        with pytest.raises(ringbell.TooLargeError):
            queue.loan(11)
        assert len(queue.loan() or b"") == 10
    with ringbell.Publisher.create("t", message_bytes=10) as publisher:
        with pytest.raises(ringbell.TooLargeError):
            publisher.publish(bytes(11))
        subscriber = ringbell.Subscriber.open("t")
        with pytest.raises(ringbell.InvalidArgumentError):
            subscriber.receive_into(bytearray(9), 0)


def test_tickets_wait_for_the_turn_of_their_client() -> None:
    ring = ringbell.Ring.service(clients=1, tickets=2)
    server, client = ringbell.Server.open(ring), ringbell.Client.open(ring)
    ticket, other = client.start(b"asked"), client.start(b"given up")
    answers: list[bytes] = []
    waits = threading.Thread(target=lambda: answers.append(ticket.wait()))
    waits.start()
    asked, given_up = server.take(10), server.take(10)
    assert asked and given_up
    time.sleep(0.1)
    for call in (ticket.answered, ticket.abandon, ticket.__exit__, lambda: ticket.fate,
                 lambda: other.fate):
        with pytest.raises(ringbell.InUseError):
            call()
    del other, call
    asked.respond(b"answered")
    waits.join()
    assert answers == [b"answered"] and ticket.fate == "served"
    assert given_up.is_cancelled()
    given_up.drop()
    assert client.start(b"once more").fate == "none"


def test_things_that_are_no_bytes() -> None:
    with ringbell.Sender.create("c") as sender, ringbell.Receiver.open("c") as receiver:
        for thing in ("text", 5, None, [1, 2]):
            with pytest.raises(TypeError):
                sender.send(thing)
        with pytest.raises(BufferError):
            sender.send(memoryview(b"12345678")[::2])
        with pytest.raises(BufferError):
            receiver.receive_into(b"readonly", 0)
        with pytest.raises(TypeError):
            receiver.receive("soon")
        with pytest.raises(ringbell.InvalidArgumentError):
            receiver.receive(float("nan"))
        assert receiver.receive(-1) is None


def test_options_that_are_not_there_or_cannot_be() -> None:
    with pytest.raises(TypeError, match="capacity"):
        ringbell.Sender.create("c", capacity=4096)
    with pytest.raises(TypeError):
        ringbell.Ring.queue(messages="many")
    with pytest.raises(ringbell.InvalidArgumentError):
        ringbell.Ring.queue(message_bytes=-1)
    with pytest.raises(ringbell.InvalidArgumentError):
        ringbell.Ring.queue(message_bytes=1 << 40)
    with pytest.raises(ringbell.InvalidArgumentError, match="futex"):
        ringbell.Ring.channel(doorbell="gong")
    with pytest.raises(ringbell.InvalidArgumentError):
        ringbell.Wait(kind="sit")
    with pytest.raises(ringbell.InvalidArgumentError):
        ringbell.Ring.channel(record_alignment=3)
    with pytest.raises(ringbell.InvalidArgumentError):
        ringbell.Sender.create("a/b")


def test_places_that_are_taken_or_of_another_kind() -> None:
    ring = ringbell.Ring.channel()
    sender = ringbell.Sender.open(ring)
    with pytest.raises(ringbell.BusyError):
        ringbell.Sender.open(ring)
    with pytest.raises(ringbell.NotARegionError):
        ringbell.QueueSender.open(ring)
    with pytest.raises(ringbell.NotARegionError):
        ringbell.Subscriber.open(ring)
    with pytest.raises(ringbell.NotARegionError):
        ringbell.Sender.open(ringbell.Ring.queue())
    with pytest.raises(ringbell.Error):
        ringbell.Ring.attach([])
    with open(__file__, "rb") as other, pytest.raises(ringbell.NotARegionError):
        ringbell.Ring.attach([other.fileno()])
    sender.close()
    ringbell.Sender.open(ring)


def test_a_closed_end_says_so() -> None:
    sender = ringbell.Sender.create("c")
    receiver = ringbell.Receiver.open("c")
    for end in (sender, receiver):
        end.close()
        end.close()
        assert end.closed
    for call in (lambda: sender.send(b"x"), lambda: sender.loan(1), receiver.receive,
                 receiver.peek, lambda: next(receiver), receiver.waitable_fd, receiver.arm,
                 receiver.peer, lambda: sender.position, lambda: sender.stats):
        with pytest.raises(ringbell.EndClosedError):
            call()


def test_what_is_in_hand_is_nothing_once_its_end_is_closed() -> None:
    sender = ringbell.Sender.create("c")
    receiver = ringbell.Receiver.open("c")
    sender.send(b"message")
    found, room = receiver.peek(), sender.loan(10)
    assert found is not None and room is not None
    read, written = found.view, room.view
    receiver.close()
    sender.close()
    for view in (read, written):
        with pytest.raises(ValueError):
            view[0]
    for call in (found.release, room.commit, room.abort, lambda: found.view):
        with pytest.raises(ringbell.EndClosedError):
            call()


def test_two_threads_may_not_call_one_end_at_a_time() -> None:
    with ringbell.Sender.create("c") as sender, ringbell.Receiver.open("c") as receiver:
        got: list[bytes | None] = []
        waiting = threading.Thread(target=lambda: got.append(receiver.receive(30)))
        waiting.start()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                assert receiver.receive(0) is None
            except ringbell.InUseError:
                break
        for call in (receiver.peek, receiver.arm, lambda: receiver.position):
            with pytest.raises(ringbell.InUseError):
                call()
        sender.send(b"for the thread")
        waiting.join(10)
        assert got == [b"for the thread"]
        sender.send(b"for this one")
        assert receiver.receive() == b"for this one"


WAITS: dict[str, Callable[[], tuple[Callable[[], object], ringbell.End]]] = {}


def waits(make: Callable[[], tuple[Callable[[], object], ringbell.End]]) -> None:
    WAITS[make.__name__] = make


@waits
def receiver() -> tuple[Callable[[], object], ringbell.End]:
    end = ringbell.Receiver.open(ringbell.Ring.channel())
    return end.receive, end


@waits
def queue_receiver() -> tuple[Callable[[], object], ringbell.End]:
    end = ringbell.QueueReceiver.open(ringbell.Ring.queue())
    return end.peek, end


@waits
def subscriber() -> tuple[Callable[[], object], ringbell.End]:
    end = ringbell.Subscriber.open(ringbell.Ring.topic())
    return end.receive, end


@waits
def collector() -> tuple[Callable[[], object], ringbell.End]:
    end = ringbell.Collector.open(ringbell.Ring.collector())
    return lambda: next(end), end


@waits
def state_reader() -> tuple[Callable[[], object], ringbell.End]:
    end = ringbell.StateReader.open(ringbell.Ring.state())
    return end.wait_changed, end


@waits
def lossless_subscriber() -> tuple[Callable[[], object], ringbell.End]:
    end = ringbell.Subscriber.open(ringbell.Ring.topic(policy="lossless"))
    return end.peek, end


@waits
def read_of_a_lossy_topic() -> tuple[Callable[[], object], ringbell.End]:
    end = ringbell.Subscriber.open(ringbell.Ring.topic())
    return lambda: end.read(print), end


@waits
def server() -> tuple[Callable[[], object], ringbell.End]:
    end = ringbell.Server.open(ringbell.Ring.service())
    return end.request, end


@waits
def client() -> tuple[Callable[[], object], ringbell.End]:
    end = ringbell.Client.open(ringbell.Ring.service())
    return lambda: end.call(b"x"), end


def in_thread(call: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    """Calls it in another thread; what it raises is put into the list."""
    raised: list[BaseException] = []

    def body() -> None:
        try:
            call()
        except ringbell.Error as error:
            raised.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    time.sleep(0.1)
    return thread, raised


@pytest.mark.parametrize("make", WAITS.values(), ids=WAITS.keys())
def test_interrupt_ends_a_wait_and_the_end_is_as_good_as_before(
        make: Callable[[], tuple[Callable[[], object], ringbell.End]]) -> None:
    call, end = make()
    for _ in range(2):
        thread, raised = in_thread(call)
        end.interrupt()
        start = time.monotonic()
        thread.join(10)
        assert time.monotonic() - start < 2
        assert [type(error) for error in raised] == [ringbell.CancelledError]
    end.close()
    end.interrupt()


def test_close_ends_a_wait_in_another_thread() -> None:
    with ringbell.Sender.create("c"):
        waiting_end = ringbell.Receiver.open("c")
        thread, raised = in_thread(waiting_end.receive)
        waiting_end.close()
        assert waiting_end.closed
        thread.join(10)
        assert [type(error) for error in raised] == [ringbell.EndClosedError]
        ringbell.Receiver.open("c").close()


def test_an_end_is_not_the_childs() -> None:
    ring = ringbell.Ring.channel()
    sender, receiver = ringbell.Sender.open(ring), ringbell.Receiver.open(ring)
    sender.send(b"message")
    found, room = receiver.peek(), sender.loan(10)
    assert found is not None and room is not None

    def misuse() -> None:
        for call in (lambda: sender.send(b"x"), receiver.receive, receiver.peek, found.release,
                     room.commit, room.abort, lambda: found.view, lambda: memoryview(found)):
            with pytest.raises(ringbell.ForkError):
                call()
        assert sender.closed
        sender.close()

    in_child(misuse)
    room.abort()
    assert found.view == b"message"
    found.release()
    assert sender.send(b"still mine") and receiver.receive() == b"still mine"


def test_a_child_that_drops_what_its_parent_holds_harms_nothing() -> None:
    ring = ringbell.Ring.queue(messages=4, message_bytes=10)
    sender, receiver = ringbell.QueueSender.open(ring), ringbell.QueueReceiver.open(ring)
    sender.send(b"one")
    held = [receiver.peek(), sender.loan(3), sender, receiver]
    in_child(held.clear)
    found, room = held[0], held[1]
    assert isinstance(found, ringbell.Message) and isinstance(room, ringbell.Loan)
    room.view[:] = b"two"
    assert room.commit() and found.release()
    assert receiver.receive() == b"two"


def test_calls_out_of_turn_of_a_service() -> None:
    ring = ringbell.Ring.service()
    server, client = ringbell.Server.open(ring), ringbell.Client.open(ring)
    with pytest.raises(ringbell.InvalidArgumentError):
        server.respond(b"nothing was asked")
    with pytest.raises(ringbell.InvalidArgumentError):
        server.loan(5)
    with pytest.raises(ringbell.InvalidArgumentError):
        client.answer()
    client.abandon()
    client.abandon()
    assert client.begin(b"x")
    with pytest.raises(ringbell.InvalidArgumentError):
        client.begin(b"y")
    assert server.receive() == b"x"
    client.abandon()
    client.abandon()
    assert client.begin(b"y", 0.01) is False  # not before the server has answered
    with pytest.raises(ringbell.TooLargeError):
        server.receive()
        server.respond(bytes(100))
    server.respond(b"late")
    assert client.begin(b"y")


def test_an_exception_in_serve_comes_out_and_the_request_again() -> None:
    ring = ringbell.Ring.service()
    server, client = ringbell.Server.open(ring), ringbell.Client.open(ring)
    client.begin(b"x")

    def fail(request: bytes) -> bytes:
        raise KeyError(request)

    with pytest.raises(KeyError):
        server.serve(fail)
    assert server.serve(lambda request: request * 2, limit=1) == 1
    answer = client.answer()
    assert answer is not None and answer.view == b"xx"


def test_a_lossy_topic_is_published_where_it_was_made() -> None:
    ring = ringbell.Ring.topic()
    ringbell.Publisher.open(ring).close()
    with pytest.raises(ringbell.NotPermittedError):
        ringbell.Publisher.open(ring)
