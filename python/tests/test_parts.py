"""Answers in several parts."""

from __future__ import annotations

import threading

import pytest
import ringbell
from conftest import in_parts


def test_an_answer_comes_in_parts() -> None:
    ring = ringbell.Ring.service(clients=1, tickets=1)
    server, client = ringbell.Server.open(ring), ringbell.Client.open(ring)
    thread = in_parts(server, 4)
    for count in (3, 0):
        assert list(client.parts(b"%d" % count, 10)) == [b"part %d" % i for i in range(count)]
        assert client.fate == "served"
    with client.parts(b"1000", 10) as parts:
        assert [next(parts), next(parts)] == [b"part 0", b"part 1"]
    assert client.fate == "maybe_served"
    parts.close()
    assert list(parts) == []
    dropped = client.parts(b"1000", 10)
    assert next(dropped) == b"part 0"
    del dropped
    thread.join()
    thread = in_parts(server, 4)
    parts = client.parts(b"1000", 10)
    assert next(parts) == b"part 0"
    old, parts = parts, client.parts(b"3", 10)  # gives the rest of the old ones up
    assert next(parts) == b"part 0"
    with pytest.raises(ringbell.InvalidArgumentError):
        next(old)
    del old
    assert list(parts) == [b"part 1", b"part 2"]
    parts = client.parts(b"1000", 10)
    assert next(parts) == b"part 0"
    parts = client.parts(b"1", 10)  # the old ones go when the new call has begun
    assert list(parts) == [b"part 0"]
    thread.join()
    thread = in_parts(server, 1)
    with client.start(b"2") as ticket:
        assert [ticket.next(10), ticket.next(10)] == [b"part 0", b"part 1"]
        assert ticket.wait(10) == b"part 1"
        with pytest.raises(ringbell.ClosedError) as error:
            ticket.next(10)
        assert error.value.fate == ticket.fate == "served"
    thread.join()


def test_a_part_that_does_not_come_in_time_ends_the_call() -> None:
    ring = ringbell.Ring.service(clients=1)
    server, client = ringbell.Server.open(ring), ringbell.Client.open(ring)
    parts = client.parts(b"asked")
    request = server.take(10)
    assert request.send(b"first") and request.request == b""
    assert not request.send(b"second", 0.01)
    assert next(parts) == b"first"
    with pytest.raises(ringbell.TooLargeError):
        request.send(bytes(1000))
    assert client.next(0) is None and client.fate == "maybe_served"
    with pytest.raises(ringbell.DroppedError):
        request.send(b"second")
    with pytest.raises(ringbell.TimedOutError) as error:
        next(client.parts(b"not taken", 0.01))
    assert error.value.fate == "withdrawn"
    client.begin(b"answered")
    request = server.take(10)
    assert request.send(b"first")
    answers = []
    reads = threading.Thread(target=lambda: answers.extend([client.next(), client.next()]))
    reads.start()
    request.respond(b"last")
    reads.join()
    assert answers == [b"first", b"last"]
    with pytest.raises(ringbell.InvalidArgumentError):
        request.respond(b"once more")
