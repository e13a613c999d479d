"""States: the latest value by number, by key, in place, as arrays, between Python and C++."""

from __future__ import annotations

import threading
import time

import pytest
import ringbell
from conftest import Peer, message


def both(**options: object) -> tuple[ringbell.StateWriter, ringbell.StateReader]:
    ring = ringbell.Ring.state(**options)  # type: ignore[arg-type]
    assert ring.kind == "state"
    reader = ringbell.StateReader.open(ring)
    return ringbell.StateWriter.open(ring), reader


def test_a_reader_gets_the_newest_value() -> None:
    with ringbell.StateWriter.create("s", value_bytes=16, keys=2) as writer:
        with ringbell.StateReader.open("s") as reader:
            assert reader.get() is None and not reader.changed() and reader.number() == 0
            assert writer.keys == reader.keys == 2
            assert writer.max_value_bytes == reader.max_value_bytes == 16
            for i in range(100):
                writer.set(b"%d" % i)
            assert reader.changed() and not reader.changed(1)
            assert reader.get() == b"99" and reader.number() == writer.number() == 100
            assert not reader.changed() and reader.get() == b"99"
            writer.set(b"other", 1)
            assert reader.get(1) == writer.get(1) == b"other" and reader.get() == b"99"
            buffer = bytearray(16)
            assert reader.get_into(buffer, 1) == 5 and buffer[:5] == b"other"
            writer.set(b"")
            assert reader.get() == b""
            assert reader.peer() == "alive"


def test_a_reader_waits_for_the_next_value_and_for_the_end() -> None:
    writer, reader = both(value_bytes=8, keys=3)
    assert reader.wait_changed(0.01) is False
    threading.Timer(0.02, lambda: writer.set(b"now")).start()
    assert reader.wait_changed(30) and reader.get() == b"now"
    threading.Timer(0.02, lambda: writer.set(b"2", 2)).start()
    assert reader.wait_any_changed(30) and reader.changed(2) and not reader.wait_changed(0)
    threading.Timer(0.02, reader.interrupt).start()
    with pytest.raises(ringbell.CancelledError):
        reader.wait_changed()
    threading.Timer(0.02, writer.close).start()
    with pytest.raises(ringbell.ClosedError):
        reader.wait_changed()
    assert reader.get() == b"now"


def test_iterating_shows_new_values_until_the_writer_closes() -> None:
    writer, reader = both(value_bytes=8)
    writer.set(b"1")
    seen = []
    for value in reader:
        seen.append(value)
        if value == b"3":
            writer.close()
        else:
            writer.set(b"%d" % (int(value) + 1))
    assert seen == [b"1", b"2", b"3"]


def test_values_are_written_and_read_in_place() -> None:
    writer, reader = both(value_bytes=100, readers_in_place=1)
    with writer.loan(3) as view:
        view[:] = b"one"
    found = reader.look()
    assert found is not None
    view = found.view
    for i in range(20):
        with writer.loan() as room:
            room[:] = bytes([i]) * 100
    assert view == b"one" and view.readonly
    assert found.release()
    with pytest.raises(ValueError):
        bytes(view)
    with pytest.raises(KeyError), writer.loan(3) as room:
        room[:] = b"bad"
        raise KeyError
    assert reader.get() == bytes([19]) * 100
    with found_again(reader) as view:
        assert view[:2] == b"\x13\x13"


def found_again(reader: ringbell.StateReader) -> ringbell.Message:
    found = reader.look()
    assert found is not None
    return found


def test_arrays() -> None:
    np = pytest.importorskip("numpy")
    writer, reader = both(value_bytes=4 * 6 * 8, readers_in_place=1, keys=2)
    assert reader.get_array("<f8") is None
    with writer.loan_array((4, 6), "<f8", 1) as a:
        a[:] = np.arange(24).reshape(4, 6)
    copy = reader.get_array("<f8", (4, 6), 1)
    assert copy is not None and copy[3, 5] == 23
    found = reader.look(1)
    assert found is not None
    a = found.array("<f8", (4, -1))
    assert a.shape == (4, 6) and a[3, 5] == 23
    found.release()
    with pytest.raises((ValueError, IndexError, TypeError)):
        a[0, 0]
    assert copy[0, 1] == 1


def test_what_cannot_be() -> None:
    writer, reader = both(value_bytes=8)
    with pytest.raises(ringbell.TooLargeError):
        writer.set(b"123456789")
    with pytest.raises(ringbell.TooLargeError):
        writer.loan(9)
    for call in (lambda: writer.set(b"1", 1), lambda: writer.loan(1, 1), lambda: reader.get(1),
                 lambda: reader.look(1), lambda: reader.wait_changed(0, 1), lambda: writer.get(1),
                 lambda: reader.get_into(bytearray(7))):
        with pytest.raises(ringbell.InvalidArgumentError):
            call()
    writer.set(b"1")
    with pytest.raises(ringbell.NoPlaceError):
        reader.look()
    with pytest.raises(ringbell.UnsupportedError):
        writer.waitable_fd()
    ring = ringbell.Ring.state()
    ringbell.StateWriter.open(ring)
    with pytest.raises(ringbell.NotPermittedError):
        ringbell.StateWriter.open(ring)
    with pytest.raises(ringbell.NotARegionError):
        ringbell.StateReader.open(ringbell.Ring.queue())
    reader.close()
    with pytest.raises(ringbell.EndClosedError):
        reader.get()


def test_a_view_of_a_value_keeps_its_reader_open() -> None:
    writer, reader = both(value_bytes=8, readers_in_place=1)
    writer.set(b"kept")
    found = found_again(reader)
    part = found.view[1:]
    with pytest.raises(ringbell.ViewsError):
        reader.close()
    assert bytes(part) == b"ept"
    del part
    reader.close()


@pytest.mark.parametrize("size", [8, 100_000])
def test_a_state_of_cpp_is_read_here(peer: type[Peer], size: int) -> None:
    writes = peer("set", "s", 2000, size)
    assert writes.said() == "there"
    reader = ringbell.StateReader.open("s")
    writes.tell()
    last = 0
    while last < 2000:
        assert reader.wait_changed(30)
        value = reader.get()
        assert reader.number() > last
        last = reader.number()
        assert value == message(last - 1, size)
    assert writes.said() == "set"
    found = reader.look()
    assert found is not None and bytes(found.view) == message(1999, size)
    found.release()
    writes.tell()
    writes.done()
    with pytest.raises(ringbell.ClosedError):
        reader.wait_changed(30)


def test_a_state_of_python_is_read_in_cpp(peer: type[Peer]) -> None:
    writer = ringbell.StateWriter.create("s", value_bytes=1000)
    reads = peer("watch", "s", 500, 1000)
    for i in range(500):
        writer.set(message(i, 1000))
        if i % 50 == 0:
            time.sleep(0.001)
    reads.done()


# --- by key --------------------------------------------------------------------------------------


def test_values_by_key() -> None:
    np = pytest.importorskip("numpy")
    value = np.dtype([("bid", "<f8"), ("ask", "<f8")])
    size = ringbell.StatesWriter.entry_bytes("S8", value)
    with ringbell.StateWriter.create("rates", value_bytes=size, keys=3) as end:
        writer = ringbell.StatesWriter(end, "S8", value)
        reader = ringbell.StatesReader(ringbell.StateReader.open("rates"), "S8", value)
        assert "EURUSD" not in reader and reader.get("EURUSD") is None and len(reader) == 0
        assert not reader.changed("EURUSD")
        with pytest.raises(KeyError):
            reader["EURUSD"]
        writer["EURUSD"] = (1.25, 1.5)
        writer["EURCHF"] = (0.5, 0.75)
        assert reader.changed("EURUSD")
        assert reader["EURUSD"].tolist() == (1.25, 1.5) and not reader.changed("EURUSD")
        writer["EURUSD"] = (2.0, 2.5)
        assert reader.changed("EURUSD") and reader["EURUSD"]["ask"] == 2.5
        assert list(reader) == [b"EURUSD", b"EURCHF"] and len(writer) == len(reader) == 2
        writer["GBPUSD"] = (1, 1)
        with pytest.raises(ringbell.NoPlaceError):
            writer["USDJPY"] = (1, 1)
        with pytest.raises(ringbell.WrongTypeError):
            ringbell.StatesReader(reader.end, "S8", "<f8")
        again = ringbell.StatesWriter(end, "S8", value)  # as a writer after this one
        again["EURCHF"] = (9, 9)
        assert len(again) == 3 and reader["EURCHF"].tolist() == (9, 9)


def test_values_by_key_of_cpp(peer: type[Peer]) -> None:
    pytest.importorskip("numpy")
    writes = peer("rates", "rates", 4, 8)
    assert writes.said() == "set"
    end = ringbell.StateReader.open("rates")
    assert end.message_type is not None and "=>" in end.message_type.name
    reader = ringbell.StatesReader(end, "S8", "<f8")
    assert {key: float(reader[key]) for key in reader} == {
        b"P0": 0.5, b"P1": 1.5, b"P2": 2.5, b"P3": 3.5}
    writes.tell()
    writes.done()
