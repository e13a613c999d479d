"""Topics in place: a publisher's room, a lossless message that is peeked at, read(function)."""

from __future__ import annotations

import pytest
import ringbell


def both(policy: str, messages: int = 4) -> tuple[ringbell.Publisher, ringbell.Subscriber]:
    ring = ringbell.Ring.topic(policy=policy, messages=messages,  # type: ignore[arg-type]
                               message_bytes=100)
    subscriber = ringbell.Subscriber.open(ring)
    return ringbell.Publisher.open(ring), subscriber


@pytest.mark.parametrize("policy", ["lossy", "lossless"])
def test_messages_are_written_where_they_stand(policy: str) -> None:
    publisher, subscriber = both(policy)
    with publisher.loan(5) as view:
        view[:] = b"12345"
    assert subscriber.receive(0) == b"12345"
    with pytest.raises(KeyError), publisher.loan() as view:
        assert len(view) == 100
        raise KeyError
    assert subscriber.receive(0) is None
    with pytest.raises(ringbell.TooLargeError):
        publisher.loan(101)
    room = publisher.loan(50)
    with pytest.raises(ringbell.InvalidArgumentError):
        publisher.publish(b"while one is in hand")
    assert room.commit(0)
    assert subscriber.receive(0) == b""


def test_a_lossless_message_is_peeked_at() -> None:
    publisher, subscriber = both("lossless", 2)
    assert subscriber.reads_in_place and subscriber.peek(0) is None
    publisher.publish(b"one")
    publisher.publish(b"two")
    assert publisher.loan(1, 0) is None
    found = subscriber.peek()
    assert subscriber.peek() is found
    view = found.view
    assert view == b"one" and view.readonly
    assert found.release()
    with pytest.raises(ValueError):
        bytes(view)
    with subscriber.peek() as view:
        assert view == b"two"
    assert subscriber.peek(0) is None
    publisher.publish(b"three")
    assert subscriber.receive() == b"three"


@pytest.mark.parametrize("policy", ["lossy", "lossless"])
def test_arrays(policy: str) -> None:
    pytest.importorskip("numpy")
    publisher, subscriber = both(policy)
    for i in range(3):
        with publisher.loan_array((4, 5), "u1") as a:
            a[:] = i
    publisher.close()
    seen = 0
    for i, a in enumerate(subscriber.arrays("u1", (4, 5))):
        assert (a == i).all() and (policy == "lossy" or not a.flags.writeable)
        seen += 1
    assert seen == 3


@pytest.mark.parametrize("policy", ["lossy", "lossless"])
def test_read_says_whether_it_was_whole(policy: str) -> None:
    publisher, subscriber = both(policy)
    seen: list[bytes] = []
    assert subscriber.read(lambda view: seen.append(bytes(view)), 0.01) is None
    publisher.publish(b"one")
    kept: list[memoryview] = []

    def look(view: memoryview) -> None:
        seen.append(bytes(view))
        kept.append(view)
    assert subscriber.read(look) is True
    assert seen == [b"one"]
    with pytest.raises(ValueError):
        bytes(kept[0])


def test_read_of_what_is_overwritten_is_false() -> None:
    publisher, subscriber = both("lossy")
    publisher.publish(b"one")

    def look(view: memoryview) -> None:
        assert view == b"one"
        for i in range(6):
            publisher.publish(b"%d" % i)
    assert subscriber.read(look) is False
    assert subscriber.missed > 0


@pytest.mark.parametrize("policy", ["lossy", "lossless"])
def test_what_a_look_raises_comes_out_and_the_message_again(policy: str) -> None:
    publisher, subscriber = both(policy)
    publisher.publish(b"one")

    def fails(view: memoryview) -> None:
        raise KeyError
    with pytest.raises(KeyError):
        subscriber.read(fails)
    assert subscriber.receive(0) == b"one"
    publisher.publish(b"two")
    kept: list[memoryview] = []
    with pytest.raises(ringbell.ViewsError):
        subscriber.read(lambda view: kept.append(view[1:]))
    with pytest.raises(ringbell.ViewsError):
        subscriber.close()
    kept.clear()
    assert subscriber.receive(0) == b"two"


def test_a_look_may_not_use_or_close_its_end() -> None:
    publisher, subscriber = both("lossless")
    publisher.publish(b"one")

    def uses(view: memoryview) -> None:
        subscriber.receive(0)
    with pytest.raises(ringbell.InUseError):
        subscriber.read(uses)

    def closes(view: memoryview) -> None:
        subscriber.close()
    assert subscriber.read(closes) is True
    with pytest.raises(ringbell.EndClosedError):
        subscriber.receive(0)


def test_a_lossy_message_is_not_peeked_at() -> None:
    publisher, subscriber = both("lossy")
    publisher.publish(b"one")
    assert not subscriber.reads_in_place
    with pytest.raises(ringbell.UnsupportedError):
        subscriber.peek()
    assert subscriber.receive(0) == b"one"
