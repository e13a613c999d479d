"""What a program in operation needs: upgrades, power cuts, freshness, lost names, dead readers."""

from __future__ import annotations

import errno
import mmap
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import ringbell

MARK = 256  # core::kPowerMarkOffset: the boot's id comes first


def as_after_a_power_cut(path: pathlib.Path) -> None:
    """As if the machine had been started anew since the file was in use."""
    with path.open("r+b") as file:
        file.seek(MARK)
        byte = file.read(1)[0]
        file.seek(MARK)
        file.write(bytes([byte ^ 1]))


# --- upgrades ------------------------------------------------------------------------------------

def test_a_receiver_goes_through_the_generations_of_a_name() -> None:
    sender = ringbell.Sender.create("orders", capacity_bytes=4096)
    receiver = ringbell.Receiver.open("orders")
    sender.send(b"old")
    sender.close()
    with pytest.raises(ringbell.OtherRingError):
        ringbell.Sender.create("orders", capacity_bytes=8192)
    newer = ringbell.Sender.create("orders", capacity_bytes=8192, replace="when_drained")
    newer.send(b"new")
    past = [each for each in ringbell.names() if each.newer == "orders"]
    assert [each.name for each in past] == ["orders.1.past"] and past[0].folder
    assert ringbell.wait_drained("orders", 0) is False
    assert [receiver.receive(10), receiver.receive(10)] == [b"old", b"new"]
    assert ringbell.wait_drained("orders", 10) is True
    assert not receiver.name_lost()


def test_another_word_for_replace_is_refused() -> None:
    with pytest.raises(ringbell.InvalidArgumentError, match="'when_dead', 'when_drained'"):
        ringbell.Sender.create("orders", replace="now")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="replace"):
        ringbell.Ring.channel(replace="when_drained")  # type: ignore[call-arg]


def test_a_generation_that_no_process_reads_is_waited_for_in_vain() -> None:
    with ringbell.Sender.create("orders", capacity_bytes=4096) as sender:
        sender.send(b"left")
    ringbell.Sender.create("orders", capacity_bytes=8192, replace="when_drained")
    begun = time.monotonic()
    assert ringbell.wait_drained("orders", 0.2) is False
    assert time.monotonic() - begun >= 0.2


# --- power cuts ----------------------------------------------------------------------------------

def test_what_is_whole_is_found_after_a_power_cut(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "orders"
    ring = ringbell.Ring.channel(path=path, seals=True)
    with ringbell.Sender.open(ring) as sender, ringbell.Receiver.open(ring) as receiver:
        for record in (b"one", b"", b"three" * 1000):
            assert sender.send_sealed(record)
        assert receiver.receive_sealed() == b"one"
        with pytest.raises(ringbell.BusyError):
            ringbell.recover(path)
    as_after_a_power_cut(path)
    with pytest.raises(ringbell.StaleError, match="recover"):
        ringbell.Ring.open_file(path)
    found = ringbell.recover(path)
    assert (found.records, found.gaps) == ([b"", b"three" * 1000], 0)
    assert ringbell.recover(str(path)).records == found.records  # it changes nothing


def test_a_damaged_record_is_a_gap_and_no_record(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "orders"
    with ringbell.Sender.open(ringbell.Ring.channel(path=path, seals=True)) as sender:
        for record in (b"a" * 100, b"b" * 100, b"c" * 100):
            sender.send_sealed(record)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as bytes_of:
        bytes_of[bytes_of.find(b"b" * 100)] = ord("x")
    found = ringbell.recover(path)
    assert (found.records, found.gaps) == ([b"a" * 100, b"c" * 100], 1)


def test_a_settled_file_is_opened_after_a_power_cut(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "orders"
    ring = ringbell.Ring.channel(path=path)
    with ringbell.Sender.open(ring) as sender:
        sender.send(b"kept")
    ring.sync()
    ring.settle()
    as_after_a_power_cut(path)
    receiver = ringbell.Receiver.open(ringbell.Ring.open_file(path))
    assert receiver.receive() == b"kept"


def test_a_broken_seal_is_corrupt_and_the_next_message_comes(tmp_path: pathlib.Path) -> None:
    ring = ringbell.Ring.channel(path=tmp_path / "orders", seals=True)
    sender, receiver = ringbell.Sender.open(ring), ringbell.Receiver.open(ring)
    sender.send(b"without one")
    sender.send_sealed(b"whole")
    with pytest.raises(ringbell.CorruptError):
        receiver.receive_sealed(0)
    assert receiver.receive_sealed(0) == b"whole"
    assert receiver.receive_sealed(0) is None


def test_what_has_no_seals_or_is_no_file_is_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "plain"
    ring = ringbell.Ring.channel(path=path)
    with ringbell.Sender.open(ring) as sender:
        with pytest.raises(ringbell.InvalidArgumentError, match="seals"):
            sender.send_sealed(b"x")
    with pytest.raises(ringbell.InvalidArgumentError):
        ringbell.recover(path)
    with pytest.raises(ringbell.InvalidArgumentError):
        ringbell.Ring.channel(seals=True)
    with pytest.raises(ringbell.UnsupportedError):
        ringbell.Ring.channel().settle()
    with pytest.raises(ringbell.SystemCallError) as raised:
        ringbell.recover(tmp_path / "none")
    assert raised.value.errno == errno.ENOENT
    (tmp_path / "noise").write_bytes(os.urandom(100_000))
    for call in (ringbell.recover, ringbell.Ring.open_file):
        with pytest.raises(ringbell.NotARegionError):
            call(tmp_path / "noise")


# --- what must not be acted on when it is old, or when nothing reads it --------------------------

def test_old_messages_are_passed_over() -> None:
    ring = ringbell.Ring.channel(timed=True)
    sender, receiver = ringbell.Sender.open(ring), ringbell.Receiver.open(ring)
    sender.send(b"stale")
    time.sleep(3)
    sender.send(b"fresh")
    with receiver.peek_fresh(2) as view:
        assert bytes(view) == b"fresh"
    assert receiver.expired == 1
    assert receiver.peek_fresh(1, 0) is None
    untimed = ringbell.Receiver.open(ringbell.Ring.channel())
    with pytest.raises(ringbell.InvalidArgumentError):
        untimed.peek_fresh(1, 0)


@pytest.mark.parametrize("kind", ["channel", "collector"])
def test_a_message_tells_when_and_by_whom_it_was_sent(kind: str) -> None:
    ring = getattr(ringbell.Ring, kind)(timed=True)
    sender = (ringbell.Sender if kind == "channel" else ringbell.Contributor).open(ring)
    receiver = (ringbell.Receiver if kind == "channel" else ringbell.Collector).open(ring)
    before = time.monotonic_ns()
    sender.send(b"one")
    sender.set_source(2**32 - 1)
    with sender.loan(3) as view:
        view[:] = b"two"
    sources = []
    for sequence in (1, 2):
        message = receiver.peek()
        header = message.user_header
        assert header is not None
        assert before <= header.time_ns <= time.monotonic_ns()
        assert header.sequence == sequence
        sources.append(header.source)
        message.release()
        with pytest.raises(ringbell.GivenBackError):
            _ = message.user_header
    assert sources == [os.getpid(), 2**32 - 1]
    with pytest.raises(TypeError):
        sender.set_source(-1)


def test_other_rings_have_no_user_header() -> None:
    for send, receive, ring in (
            (ringbell.Sender, ringbell.Receiver, ringbell.Ring.channel()),
            (ringbell.QueueSender, ringbell.QueueReceiver, ringbell.Ring.queue())):
        sender, receiver = send.open(ring), receive.open(ring)
        sender.send(b"x")
        message = receiver.peek()
        assert message.user_header is None
        message.release()


def test_nothing_is_sent_without_a_reader_that_lives() -> None:
    sender = ringbell.Sender.create("c")
    sender.require_reader()
    with pytest.raises(ringbell.NoReaderError):
        sender.send(b"x")
    assert sender.wait_for_peer(0.01) is False
    receiver = ringbell.Receiver.open("c")
    assert sender.wait_for_peer(10) is True and receiver.wait_for_peer(10) is True
    assert sender.send(b"x")
    receiver.close()
    with pytest.raises(ringbell.ClosedError):
        sender.send(b"x")
    sender.require_reader(False)
    assert sender.send(b"kept for the next reader")


def test_a_queue_and_a_topic_require_readers_too() -> None:
    queue = ringbell.QueueSender.open(ringbell.Ring.queue())
    topic = ringbell.Publisher.open(ringbell.Ring.topic(policy="lossless"))
    lane = ringbell.Contributor.open(ringbell.Ring.collector())
    queue.require_reader()
    topic.require_reader()
    lane.require_reader()
    with pytest.raises(ringbell.NoReaderError):
        queue.send(b"x")
    with pytest.raises(ringbell.NoReaderError):
        topic.publish(b"x")
    with pytest.raises(ringbell.NoReaderError):
        lane.send(b"x")


# --- batches and tags ----------------------------------------------------------------------------

def test_staged_messages_become_visible_together() -> None:
    ring = ringbell.Ring.channel()
    sender, receiver = ringbell.Sender.open(ring), ringbell.Receiver.open(ring)
    assert sender.stage(b"one") and sender.stage(b"two")
    assert receiver.receive(0) is None
    sender.flush()
    assert [receiver.receive(0), receiver.receive(0)] == [b"one", b"two"]


def test_the_next_sender_learns_how_far_the_last_one_came() -> None:
    ring = ringbell.Ring.channel()
    with ringbell.Sender.open(ring) as sender:
        assert sender.last_tag is None
        sender.stage(b"one")
        sender.flush_tagged(17)
        with pytest.raises(ringbell.InvalidArgumentError):
            sender.flush_tagged(1 << 61)
    with ringbell.Sender.open(ring) as sender:
        assert sender.last_tag == (17, True)


# --- the rest ------------------------------------------------------------------------------------

def test_a_name_that_was_removed_by_hand_is_lost(names: pathlib.Path) -> None:
    ends: list[ringbell.End] = [ringbell.Sender.create("c"), ringbell.QueueReceiver.create("q"),
                                ringbell.Publisher.create("t"), ringbell.Collector.create("l"),
                                ringbell.Server.create("s")]
    ends += [ringbell.Subscriber.open("t"), ringbell.Client.open("s")]
    assert not any(end.name_lost() for end in ends)
    for file in names.glob("*.ring"):
        file.unlink()
    assert all(end.name_lost() for end in ends)


def test_a_dead_receiver_s_message_is_taken_back_at_once() -> None:
    sender = ringbell.QueueSender.create("q", messages=8, message_bytes=8)
    assert sender.recover() == (0, 0)
    script = ("import ringbell, os; r = ringbell.QueueReceiver.open('q'); r.peek(); print('held',"
              " flush=True); os.kill(os.getpid(), 9)")
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as holder:
        sender.send(b"job")
        assert holder.wait(60) == -signal.SIGKILL
    receiver = ringbell.QueueReceiver.open("q")
    sender.recover()
    assert receiver.receive(0) == b"job"
    assert receiver.redelivered
    assert [sum(end) for end in zip(sender.recovered, receiver.recovered)] == [1, 0]


def test_a_subscriber_goes_on_where_another_was() -> None:
    publisher = ringbell.Publisher.create("t", messages=64, message_bytes=8)
    with ringbell.Subscriber.open("t") as first:
        publisher.publish(b"one")
        assert first.receive(0) == b"one"
        position = first.position
    publisher.publish(b"two")
    assert ringbell.Subscriber.open("t", start=position).receive(0) == b"two"
    with pytest.raises(ringbell.InvalidArgumentError, match="position"):
        ringbell.Subscriber.open("t", start="latest")  # type: ignore[call-overload]


def test_memory_options_reach_the_ring(names: pathlib.Path) -> None:
    ringbell.Sender.create("c").close()
    sender = ringbell.Sender.create("d", mode=0o600, in_core_dumps=True, payload_alignment=8)
    assert (names / "d.ring").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ringbell.Error, match="node"):
        ringbell.Ring.channel(numa_node=1000)
    with pytest.raises(ringbell.InvalidArgumentError):
        ringbell.Ring.channel(numa_node=-1)
    sender.close()


def test_a_signal_ends_the_taking_of_memory() -> None:
    def on_alarm(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, on_alarm)
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            ringbell.Ring.channel(capacity_bytes=256 << 20)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
