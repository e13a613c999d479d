"""Messages as numpy arrays in place, and arrays that raise once the message is given back."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
import ringbell

np = pytest.importorskip("numpy")

FRAME = (12, 16, 3)
QUOTE = np.dtype([("price", "<f8"), ("amount", "<u4"), ("symbol", "S4")])


def channel() -> tuple[ringbell.Sender, ringbell.Receiver]:
    ring = ringbell.Ring.channel()
    return ringbell.Sender.open(ring), ringbell.Receiver.open(ring)


def frame(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, FRAME, dtype="u1")


def send(sender: ringbell.Sender, data: np.ndarray) -> None:
    with sender.loan_array(data.shape, data.dtype) as room:
        assert room.shape == data.shape and room.dtype == data.dtype
        room[:] = data


def test_frames_are_written_and_read_in_place() -> None:
    sender, receiver = channel()
    for i in range(3):
        send(sender, frame(i))
    sender.close()
    seen = 0
    for i, a in enumerate(receiver.arrays("u1", FRAME)):
        assert a.shape == FRAME and not a.flags.writeable and not a.flags.owndata
        assert (a == frame(i)).all()
        seen += 1
    assert seen == 3


def test_one_length_is_worked_out() -> None:
    sender, receiver = channel()
    sender.send(np.arange(12, dtype="<i4"))
    found = receiver.peek()
    assert found is not None
    a = found.array("<i4", (3, -1))
    assert a.shape == (3, 4) and a[2, 3] == 11
    found.release()


def test_structured_dtypes() -> None:
    sender, receiver = channel()
    with sender.loan_array(2, QUOTE) as quotes:
        quotes[0] = (1.5, 100, b"ABCD")
        quotes["price"][1], quotes["amount"][1], quotes["symbol"][1] = 2.5, 7, b"XY"
    for quotes in receiver.arrays(QUOTE, timeout=1):
        assert quotes["price"].tolist() == [1.5, 2.5]
        assert quotes[0]["symbol"] == b"ABCD"


@pytest.mark.parametrize("dtype,shape", [("<f8", None), (QUOTE, None), ("u1", (3, 5)),
                                         ("u1", (-1, 3)), ("u1", 11), ("u1", (0,)), (object, None),
                                         ("V0", None)])
def test_a_wrong_dtype_or_shape_is_an_error_and_the_message_stays(
        dtype: object, shape: tuple[int, ...] | None) -> None:
    sender, receiver = channel()
    sender.send(b"1234567890")
    with pytest.raises(ringbell.WrongTypeError):
        for _ in receiver.arrays(dtype, shape):
            pytest.fail("there is no such array")
    assert receiver.receive() == b"1234567890"


def test_shapes_that_cannot_be() -> None:
    sender, receiver = channel()
    for shape in [(-1, -1), (-2,)]:
        with pytest.raises(ringbell.InvalidArgumentError):
            next(receiver.arrays("u1", shape))
    with pytest.raises(ringbell.InvalidArgumentError):
        sender.loan_array((-1, 3))
    with pytest.raises(ringbell.TooLargeError):
        sender.loan_array((10_000, 10_000))


USES: dict[str, Callable[[np.ndarray], object]] = {
    "an item": lambda a: a[0, 0, 0],
    "a row": lambda a: a[0],
    "writing": lambda a: a.__setitem__(slice(None), frame(1)),
    "writing a scalar": lambda a: a.__setitem__(slice(None), 5),
    "adding": lambda a: a + 1,
    "a sum": lambda a: a.sum(),
    "a mean": lambda a: a.mean(),
    "the largest": lambda a: a.max(),
    "another shape": lambda a: a.reshape(FRAME),
}


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_an_array_raises_once_it_was_given_back(use: Callable[[np.ndarray], object]) -> None:
    sender, receiver = channel()
    with sender.loan_array(FRAME) as written:
        written[:] = frame(0)
    found = receiver.peek()
    read = also = found.array("u1", FRAME)
    use(read.copy())
    found.release()
    for a in (written, read, also):
        assert "given_back_to_the_ring" in repr(a)
        with pytest.raises((TypeError, ValueError, IndexError)):
            use(a)
        assert a.tobytes() == b""


def test_the_array_of_the_last_turn_raises_in_the_next() -> None:
    sender, receiver = channel()
    for i in range(3):
        send(sender, frame(i))
    sender.close()
    kept = []
    for a in receiver.arrays("u1", FRAME):
        for old in kept:
            with pytest.raises(IndexError):
                old[0]
        kept.append(a)
    assert len(kept) == 3


PARTS: dict[str, Callable[[np.ndarray], object]] = {
    "slice": lambda a: a[1:],
    "row": lambda a: a[0],
    "reshaped": lambda a: a.reshape(-1),
    "transposed": lambda a: a.T,
    "slice of slice": lambda a: a[1:][1:],
    "other dtype": lambda a: a.view("i1"),
    "asarray of slice": lambda a: np.asarray(a[1:]),
    "memoryview": memoryview,
    "frombuffer": lambda a: np.frombuffer(a, "u1"),
}


@pytest.mark.parametrize("make", PARTS.values(), ids=PARTS.keys())
def test_nothing_is_given_back_while_a_part_lives(make: Callable[[np.ndarray], object]) -> None:
    sender, receiver = channel()
    send(sender, frame(0))
    found = receiver.peek()
    assert found is not None
    part = make(found.array("u1", FRAME))
    gc.collect()
    with pytest.raises(ringbell.ViewsError):
        found.release()
    assert found.is_open
    del part
    assert found.release()
    assert receiver.receive(0) is None


def test_a_part_that_is_kept_is_said_in_the_next_turn() -> None:
    sender, receiver = channel()
    send(sender, frame(0))
    parts = []
    with pytest.raises(ringbell.ViewsError):
        for a in receiver.arrays("u1", FRAME):
            parts.append(a[0])
    parts.clear()
    a = None
    assert receiver.receive() == frame(0).tobytes()


def test_an_array_is_given_up_with_its_room() -> None:
    sender, receiver = channel()
    with pytest.raises(KeyError):
        with sender.loan_array(FRAME):
            raise KeyError
    room = sender.loan_array(4)
    room.abort()
    sender.loan_array(4)
    gc.collect()
    room = sender.loan_array(4)
    with room as a:
        a[:] = [1, 2, 3, 4]
    assert receiver.receive() == b"\1\2\3\4"
    assert receiver.receive(0) is None


def test_a_loop_that_is_left_early_reads_the_message_again() -> None:
    sender, receiver = channel()
    send(sender, frame(0))
    for _ in receiver.arrays("u1", FRAME):
        break
    for a in receiver.arrays("u1", FRAME, timeout=0):
        assert (a == frame(0)).all()


def test_a_message_and_its_array_that_are_dropped_leave_nothing_behind() -> None:
    sender, receiver = channel()
    send(sender, frame(0))
    a = receiver.peek().array("u1", FRAME)
    del a
    assert receiver.receive() == frame(0).tobytes()


def test_subscribers_get_arrays_of_their_own() -> None:
    ring = ringbell.Ring.topic(messages=8, message_bytes=frame(0).nbytes)
    publisher, subscriber = ringbell.Publisher.open(ring), ringbell.Subscriber.open(ring)
    for i in range(3):
        publisher.publish(frame(i))
    kept = list(subscriber.arrays("u1", FRAME, timeout=0))
    assert [(a == frame(i)).all() for i, a in enumerate(kept)] == [True] * 3


@pytest.mark.parametrize("pattern", ["queue", "collector"])
def test_queues_and_collectors_loan_and_give_arrays(pattern: str) -> None:
    if pattern == "queue":
        ring = ringbell.Ring.queue(message_bytes=frame(0).nbytes)
        sender, receiver = ringbell.QueueSender.open(ring), ringbell.QueueReceiver.open(ring)
    else:
        ring = ringbell.Ring.collector()
        sender, receiver = ringbell.Contributor.open(ring), ringbell.Collector.open(ring)
    with sender.loan_array(FRAME) as room:
        room[:] = frame(5)
    for a in receiver.arrays("u1", FRAME, timeout=0):
        assert (a == frame(5)).all()


def test_a_slow_viewer_sees_the_newest_frame() -> None:
    sender, receiver = channel()
    seen = []
    for i in range(3):
        send(sender, frame(i))
    for a in receiver.arrays("u1", FRAME, timeout=0, newest=True):
        seen.append(int(a[0, 0, 0]))
        if len(seen) == 1:
            for i in range(3, 7):
                send(sender, frame(i))
    assert seen == [int(frame(i)[0, 0, 0]) for i in (2, 6)]


def test_a_message_of_nothing_is_an_empty_array() -> None:
    sender, receiver = channel()
    with sender.loan_array((0, 3)) as a:
        assert a.shape == (0, 3)
    for a in receiver.arrays("u1", (-1, 3), timeout=0):
        assert a.shape == (0, 3)


def test_one_array_of_a_message_at_a_time() -> None:
    sender, receiver = channel()
    sender.send(b"12345678")
    found = receiver.peek()
    a = found.array("<u4")
    with pytest.raises(ringbell.InvalidArgumentError):
        found.array("u1")
    del a
    assert found.array("u1", 8)[0] == ord("1")
    found.release()


def test_a_gigabyte_of_frames_goes_through_whole() -> None:
    import multiprocessing
    shape = (1080, 1920, 3)
    count = -(-(1 << 30) // (1080 * 1920 * 3))
    ring = ringbell.Ring.channel(capacity_bytes=4 * 1080 * 1920 * 3)
    child = multiprocessing.get_context("fork").Process(target=produce, args=(ring, shape, count))
    child.start()
    number = 0
    with ringbell.Receiver.open(ring) as receiver:
        for a in receiver.arrays("u1", shape, timeout=60):
            row = (np.arange(shape[1] * 3, dtype="u4") + number).astype("u1").reshape(-1, 3)
            assert (a == row).all()
            number += 1
    child.join(60)
    assert (child.exitcode, number) == (0, count)


def produce(ring: ringbell.Ring, shape: tuple[int, ...], count: int) -> None:
    with ringbell.Sender.open(ring) as sender:
        for number in range(count):
            with sender.loan_array(shape, timeout=60) as a:
                a[:] = (np.arange(shape[1] * 3, dtype="u4") + number).astype("u1").reshape(-1, 3)
