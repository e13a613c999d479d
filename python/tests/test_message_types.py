"""The type of a ring's messages: what a typed end of C++ says and asks for, here."""

from __future__ import annotations

import pytest
import ringbell
from conftest import Peer

np = pytest.importorskip("numpy")

QUOTE = np.dtype([("number", "<u8"), ("price", "<f8"), ("symbol", "S8")], align=True)
OTHER = np.dtype([("number", "<u8"), ("price", "<f8")], align=True)
TYPE = ringbell.Type.of("Quote", QUOTE, 3)


def test_a_type_says_what_it_was_made_of() -> None:
    assert (TYPE.name, TYPE.size_bytes, TYPE.alignment, TYPE.version) == ("Quote", 24, 8, 3)
    assert TYPE == ringbell.Type("Quote", 24, 8, 3) and TYPE != ringbell.Type("Quote", 24, 8)
    assert hash(TYPE) == hash(ringbell.Type("Quote", 24, 8, 3)) and TYPE != "Quote"
    assert repr(TYPE) == "Type('Quote', 24, 8, 3)"
    for wrong in (("", 8, 8), ("x" * 112, 8, 8), ("a", 0, 8), ("a", 8, 3), ("a", 8, 128)):
        with pytest.raises(ringbell.InvalidArgumentError):
            ringbell.Type(*wrong)
    with pytest.raises(ringbell.WrongTypeError):
        ringbell.Type.of("object", object)


def test_quotes_of_cpp_are_arrays_here(peer: type[Peer]) -> None:
    sends = peer("quotes", "quotes", 50, 0)
    with ringbell.Receiver.open("quotes", 30, type=TYPE) as receiver:
        assert receiver.message_type == TYPE
        assert sends.said() == "sent"
        for i, quotes in enumerate(receiver.arrays(QUOTE, timeout=30)):
            assert quotes[0].tolist() == (i, i / 2, b"EUR")
            if i == 49:
                break
        with pytest.raises(ringbell.WrongTypeError, match="Quote"):
            next(receiver.arrays(OTHER, timeout=0))
    sends.tell()
    sends.done()


def test_records_of_python_are_quotes_in_cpp(peer: type[Peer]) -> None:
    with ringbell.Sender.create("quotes", type=TYPE) as sender:
        reads = peer("read-quotes", "quotes", 50, 0)
        for i in range(50):
            with sender.loan_array(1, QUOTE) as quotes:
                quotes[0] = (i, i / 2, b"EUR")
        reads.done()


@pytest.mark.parametrize("open_end", [ringbell.Receiver.open, ringbell.QueueReceiver.open,
                                      ringbell.Subscriber.open, ringbell.Client.open,
                                      ringbell.Contributor.open, ringbell.StateReader.open])
def test_another_type_is_refused_and_both_are_named(open_end: type[ringbell.Receiver.open]) -> None:
    made: dict[object, object] = {
        ringbell.Receiver.open: ringbell.Sender.create,
        ringbell.QueueReceiver.open: ringbell.QueueSender.create,
        ringbell.Subscriber.open: ringbell.Publisher.create,
        ringbell.Client.open: ringbell.Server.create,
        ringbell.Contributor.open: ringbell.Collector.create,
        ringbell.StateReader.open: ringbell.StateWriter.create}
    with made[open_end]("typed", type=TYPE) as other:  # type: ignore[operator]
        assert other.message_type == TYPE
        with pytest.raises(ringbell.OtherRingError, match="Quote.*Trade|Trade.*Quote"):
            open_end("typed", 1, type=ringbell.Type("Trade", 24, 8, 3))
        with pytest.raises(ringbell.OtherRingError, match="version"):
            open_end("typed", 1, type=ringbell.Type("Quote", 24, 8, 4))
        with open_end("typed", 5, type=TYPE) as end:
            assert end.message_type == TYPE
        with open_end("typed", 5) as end:  # bytes open every ring
            assert end.message_type == TYPE


def test_rings_without_a_name_are_checked_too() -> None:
    ring = ringbell.Ring.queue(type=TYPE, message_bytes=24)
    with pytest.raises(ringbell.OtherRingError):
        ringbell.QueueSender.open(ring, type=ringbell.Type("Trade", 24, 8))
    with ringbell.QueueSender.open(ring, type=TYPE) as sender:
        with pytest.raises(ringbell.WrongTypeError):
            sender.loan_array(1, OTHER)
        with sender.loan_array((), QUOTE) as quote:
            quote["number"] = 1
    with ringbell.Sender.create("bytes", type=None) as sender:
        assert sender.message_type is None
        with pytest.raises(TypeError):
            ringbell.Sender.create("more", type="Quote")  # type: ignore[arg-type]
