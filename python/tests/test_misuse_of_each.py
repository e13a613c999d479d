"""Every call of every end says that the end is closed, the parent's, or in use."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import ringbell
from test_misuse import in_child, in_thread


def one_of_each_end() -> dict[str, ringbell.End]:
    rings = {"channel": ringbell.Ring.channel(), "queue": ringbell.Ring.queue(),
             "topic": ringbell.Ring.topic(), "collector": ringbell.Ring.collector(),
             "service": ringbell.Ring.service(tickets=1), "state": ringbell.Ring.state()}
    kinds: list[tuple[type, str]] = [
        (ringbell.Sender, "channel"), (ringbell.Receiver, "channel"),
        (ringbell.QueueSender, "queue"), (ringbell.QueueReceiver, "queue"),
        (ringbell.Subscriber, "topic"), (ringbell.Publisher, "topic"),
        (ringbell.Contributor, "collector"), (ringbell.Collector, "collector"),
        (ringbell.Client, "service"), (ringbell.Server, "service"),
        (ringbell.StateReader, "state"), (ringbell.StateWriter, "state")]
    return {kind.__name__: kind.open(rings[ring]) for kind, ring in kinds}  # type: ignore


# What a call is given, by name; all others take nothing, or have defaults.
ARGUMENTS: dict[str, tuple[object, ...]] = {
    "send": (b"x",), "publish": (b"x",), "set": (b"x",), "receive_into": (bytearray(999),),
    "get_into": (bytearray(999),), "call": (b"x",), "begin": (b"x",), "start": (b"x",),
    "respond": (b"x",), "serve": (bytes, 1, 0), "read": (print, 0), "_answered_for": (0,),
    "wait_for_subscribers": (0, 0), "_sleep": (0,), "stage": (b"x",), "send_sealed": (b"x",),
    "flush_tagged": (1,), "peek_fresh": (1.0,), "set_source": (1,),
    "parts": (b"x",)}
NO_CALLS = {"open", "create", "close", "closed", "interrupt", "arrays", "loan_array", "get_array"}


def calls_of(name: str, end: ringbell.End) -> dict[str, Callable[[], object]]:
    """Every call and property of an end that reaches what is in C++."""
    calls: dict[str, Callable[[], object]] = {}
    for each in dir(type(end)):
        if each in NO_CALLS or (each.startswith("_") and each not in ARGUMENTS
                                and each != "__next__"):
            continue
        arguments = ARGUMENTS.get(each, ())
        if each == "arm" and name in ("Sender", "Contributor"):
            arguments = (1,)
        if each == "loan" and name in ("Sender", "Contributor", "Client", "Server"):
            arguments = (1,)

        def call(each: str = each, arguments: tuple[object, ...] = arguments) -> object:
            found = getattr(end, each)
            return found(*arguments) if callable(found) else found
        calls[each] = call
    assert len(calls) >= 6, calls
    return calls


@pytest.mark.parametrize("name", list(one_of_each_end()))
def test_every_call_of_every_end_says_that_it_is_closed(name: str) -> None:
    ends = one_of_each_end()  # which live as long
    end = ends[name]
    end.close()
    for call, run in calls_of(name, end).items():
        with pytest.raises(ringbell.EndClosedError):
            run()
            pytest.fail(call)


@pytest.mark.parametrize("name", list(one_of_each_end()))
def test_every_call_of_every_end_says_that_it_is_the_parents(name: str) -> None:
    ends = one_of_each_end()  # which live as long
    end = ends[name]

    def misuse() -> None:
        for run in calls_of(name, end).values():
            with pytest.raises(ringbell.ForkError):
                run()
    in_child(misuse)


WAITING = {"Receiver", "QueueReceiver", "Subscriber", "Collector", "Server", "StateReader"}


@pytest.mark.parametrize("name", sorted(WAITING))
def test_every_call_of_an_end_says_that_another_thread_uses_it(name: str) -> None:
    ends = one_of_each_end()  # which live as long
    end = ends[name]
    wait = end.wait_changed if name == "StateReader" else end.receive  # type: ignore
    thread, raised = in_thread(wait)
    for call, run in calls_of(name, end).items():
        with pytest.raises(ringbell.InUseError):
            run()
            pytest.fail(call)
    end.interrupt()
    thread.join(10)
    assert [type(error) for error in raised] == [ringbell.CancelledError]
