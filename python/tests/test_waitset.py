"""WaitSet and Loop: one wait on ends of every kind, descriptors, times and signals."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import time

import pytest
import ringbell

WAIT = ringbell.Wait(spin_budget=0, longest_sleep=60)


def only(waits: ringbell.WaitSet, timeout: float | None = 30) -> ringbell.Event:
    event, = waits.wait(timeout)
    return event


def ends() -> dict[str, tuple[ringbell.End, ringbell.End]]:
    """Of each pattern the end that sends, and the one that is told."""
    channel = ringbell.Ring.channel()
    queue = ringbell.Ring.queue()
    topic = ringbell.Ring.topic(policy="lossless")
    lossy = ringbell.Ring.topic()
    lanes = ringbell.Ring.collector()
    state = ringbell.Ring.state()
    subscriber = ringbell.Subscriber.open(topic)
    other = ringbell.Subscriber.open(lossy)
    reader = ringbell.StateReader.open(state)
    return {"channel": (ringbell.Sender.open(channel), ringbell.Receiver.open(channel)),
            "queue": (ringbell.QueueSender.open(queue), ringbell.QueueReceiver.open(queue)),
            "topic": (ringbell.Publisher.open(topic), subscriber),
            "lossy": (ringbell.Publisher.open(lossy), other),
            "collector": (ringbell.Contributor.open(lanes), ringbell.Collector.open(lanes)),
            "state": (ringbell.StateWriter.open(state), reader)}


def put(end: ringbell.End, data: bytes) -> None:
    for name in ("send", "publish", "set"):
        if hasattr(end, name):
            getattr(end, name)(data)
            return


def test_ends_of_every_kind_are_told_until_they_are_read() -> None:
    made = ends()
    with ringbell.WaitSet(wait=WAIT) as waits:
        ids = {name: waits.add(reads) for name, (_, reads) in made.items()}  # type: ignore
        assert waits.wait(0) == [] and waits.wait(0.01) == []
        for name, (writes, reads) in made.items():
            threading.Timer(0.01, put, (writes, b"x")).start()
            for _ in range(2):
                event = only(waits)
                assert event.id == ids[name] and event.source is reads and event.what == "ready"
            assert (reads.get() if name == "state" else reads.receive(0)) == b"x"  # type: ignore
            assert waits.wait(0) == []
        for name in ("channel", "topic", "lossy", "state"):
            made[name][0].close()
            event = only(waits)
            assert event.id == ids[name] and event.what == "closed"
            waits.remove(event.id)
            assert event.id not in waits
        assert waits.wait(0) == []


def test_room_calls_descriptors_and_times_are_told() -> None:
    queue = ringbell.Ring.queue(messages=2, message_bytes=8)
    service = ringbell.Ring.service()
    channel = ringbell.Ring.channel(capacity_bytes=4096)
    with ringbell.QueueSender.open(queue) as sender, ringbell.Server.open(service) as server, \
            ringbell.Client.open(service) as client, ringbell.Sender.open(channel) as writes, \
            ringbell.WaitSet(wait=WAIT) as waits:
        room = waits.add(sender)
        assert only(waits).id == room
        while sender.send(b"x", 0):
            pass
        assert waits.wait(0.01) == []
        asked = waits.add(server)
        assert client.begin(b"?")
        assert only(waits).id == asked
        waits.remove(asked)
        answered = waits.add(client)
        assert waits.wait(0.01) == []
        assert server.receive(0) == b"?"
        server.respond(b"!")
        assert only(waits).id == answered
        waits.remove(answered)
        free = waits.add(writes, 100)
        assert only(waits).id == free
        waits.remove(free)
        readable, writable = os.pipe()
        pipe = waits.add(readable, select.POLLIN)
        os.write(writable, b"x")
        event = only(waits)
        assert event.id == pipe and event.events == select.POLLIN and event.source == readable
        waits.remove(pipe)
        one, other = socket.socketpair()
        with one, other:
            waits.add(one)
            other.send(b"x")
            assert only(waits).source is one
            one.recv(1)
            once = waits.add_timer(0.01)
            often = waits.add_timer(0.02, 0.02)
            seen: list[int] = []
            while seen.count(often) < 2:
                seen += [event.id for event in waits.wait(30)]
            assert seen[0] == once and seen.count(once) == 1
            assert once not in waits and often in waits
        os.close(readable)
        os.close(writable)


def test_an_end_that_is_closed_leaves_the_set() -> None:
    ring = ringbell.Ring.queue()
    receiver = ringbell.QueueReceiver.open(ring)
    with ringbell.WaitSet() as waits:
        number = waits.add(receiver)
        receiver.close()
        assert number not in waits
        assert waits.wait(0.01) == []


def test_an_end_that_is_closed_while_the_set_waits_leaves_it() -> None:
    ring = ringbell.Ring.queue()
    receiver = ringbell.QueueReceiver.open(ring)
    with ringbell.WaitSet() as waits:
        number = waits.add(receiver)
        threading.Timer(0.02, receiver.close).start()
        assert waits.wait(0.3) == []
        assert receiver.closed and number not in waits
        waits.remove(number)


def test_the_set_keeps_its_ends_and_gives_them_up() -> None:
    ring = ringbell.Ring.queue()
    sender = ringbell.QueueSender.open(ring)
    waits = ringbell.WaitSet()
    waits.add(ringbell.QueueReceiver.open(ring))
    sender.send(b"kept")
    found = only(waits).source
    with pytest.raises(ringbell.InvalidArgumentError):
        ringbell.WaitSet().add(found)
    waits.close()
    assert waits.closed and found.receive(0) == b"kept"
    with ringbell.WaitSet() as other:
        other.add(found)
        sender.send(b"again")
        assert only(other).source is found
    with pytest.raises(ringbell.EndClosedError):
        waits.wait(0)


def test_ends_are_in_use_while_the_set_waits() -> None:
    ring = ringbell.Ring.queue()
    sender, receiver = ringbell.QueueSender.open(ring), ringbell.QueueReceiver.open(ring)
    with ringbell.WaitSet() as waits:
        waits.add(receiver)
        errors: list[type[BaseException]] = []

        def use() -> None:
            time.sleep(0.03)
            for _ in range(20):
                try:
                    receiver.receive(0)
                except ringbell.InUseError as error:
                    errors.append(type(error))
                time.sleep(0.002)
            sender.send(b"end")
        thread = threading.Thread(target=use)
        thread.start()
        assert only(waits).what == "ready"
        thread.join()
        assert ringbell.InUseError in errors


def test_a_wait_is_interrupted_by_a_thread_and_by_a_signal() -> None:
    with ringbell.WaitSet() as waits:
        threading.Timer(0.02, waits.interrupt).start()
        with pytest.raises(ringbell.CancelledError):
            waits.wait()
        threading.Timer(0.02, waits.close).start()
        with pytest.raises(ringbell.EndClosedError):
            waits.wait()
    with ringbell.WaitSet() as waits:
        threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT)).start()
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            waits.wait()
        assert time.monotonic() - begun < 5


def test_what_cannot_wait_is_refused() -> None:
    never = ringbell.Ring.queue(doorbell="none")
    with ringbell.WaitSet() as waits:
        with pytest.raises(ringbell.UnsupportedError):
            waits.add(ringbell.QueueReceiver.open(never))
        with pytest.raises(ringbell.UnsupportedError):
            waits.add(ringbell.StateReader.open(ringbell.Ring.state(),
                                                wait=ringbell.Wait(kind="spin")))
        with pytest.raises(TypeError):
            waits.add("nothing")  # type: ignore[call-overload]
        with pytest.raises(ringbell.InvalidArgumentError):
            waits.add(os.open("/dev/null", os.O_RDONLY))
        closed = ringbell.QueueReceiver.open(ringbell.Ring.queue())
        closed.close()
        with pytest.raises(ringbell.EndClosedError):
            waits.add(closed)
        waits.remove(12345)


def test_a_set_is_its_process_s_own() -> None:
    ring = ringbell.Ring.queue()
    sender, receiver = ringbell.QueueSender.open(ring), ringbell.QueueReceiver.open(ring)
    waits = ringbell.WaitSet()
    waits.add(receiver)
    child = os.fork()
    if child == 0:
        try:
            waits.wait(0)
        except ringbell.ForkError:
            del waits
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    sender.send(b"x")
    assert only(waits).source is receiver
    waits.close()


# --- Loop ----------------------------------------------------------------------------------------


def test_a_loop_serves_a_queue_a_service_and_a_socket() -> None:
    queue, service = ringbell.Ring.queue(), ringbell.Ring.service()
    one, other = socket.socketpair()
    seen: list[object] = []
    with ringbell.QueueReceiver.open(queue) as orders, ringbell.Server.open(service) as server, \
            ringbell.QueueSender.open(queue) as sender, ringbell.Client.open(service) as client, \
            one, other, ringbell.Loop(wait=WAIT) as loop:
        def take(event: ringbell.Event) -> None:
            assert event.source is orders
            seen.append(orders.receive(0))

        def read(_event: ringbell.Event) -> None:
            seen.append(one.recv(10))
            loop.stop()
        loop.on(orders, take)
        loop.on(server, lambda _event: server.serve(bytes.upper, 1, 0))
        loop.on(one, read)
        sender.send(b"order")

        def elsewhere() -> None:
            seen.append(client.call(b"call"))
            other.send(b"bye")
        thread = threading.Thread(target=elsewhere)
        thread.start()
        loop.run()
        thread.join()
        assert seen == [b"order", b"CALL", b"bye"]


def test_a_loop_ends_when_nothing_is_left() -> None:
    ring = ringbell.Ring.channel(doorbell="eventfd")
    sender, receiver = ringbell.Sender.open(ring), ringbell.Receiver.open(ring)
    seen: list[object] = []
    with ringbell.Loop() as loop:
        def take(event: ringbell.Event) -> None:
            seen.append(receiver.receive(0) if event.what == "ready" else event.what)
        loop.on(receiver, take)
        loop.after(0.01, lambda event: sender.send(b"later"))
        loop.after(0.03, lambda event: sender.close())
        loop.run()
    assert seen == [b"later", "closed"]


def test_signals_come_to_each_of_their_handlers() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    seen: list[object] = []
    with ringbell.Loop() as loop:
        loop.on_signal(signal.SIGUSR1, lambda number: seen.append(("one", number)))
        second = loop.on_signal(signal.SIGUSR1, lambda number: seen.append("two"))
        loop.on_signal(signal.SIGUSR2)
        loop.every(30, lambda event: None)
        threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        begun = time.monotonic()
        while not seen:
            loop.turn(10)
        assert seen == [("one", signal.SIGUSR1), "two"] and time.monotonic() - begun < 5
        loop.remove(second)
        os.kill(os.getpid(), signal.SIGUSR1)
        threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGUSR2)).start()
        loop.run()
        assert seen[2:] == [("one", signal.SIGUSR1)]
        with pytest.raises(ringbell.InvalidArgumentError):
            loop.on_signal(signal.SIGKILL)
    assert signal.getsignal(signal.SIGUSR1) == before
    assert signal.set_wakeup_fd(-1) == -1


def test_what_a_handler_raises_comes_out_and_the_others_follow() -> None:
    seen: list[int] = []

    def fails(event: ringbell.Event) -> None:
        raise KeyError
    with ringbell.Loop() as loop:
        loop.after(0.01, fails)
        loop.after(0.01, lambda event: seen.append(1))
        time.sleep(0.02)
        with pytest.raises(KeyError):
            loop.turn(10)
        loop.run()
        assert seen == [1]
        assert loop.turn(0) == 0


def test_a_loop_is_stopped_by_another_thread() -> None:
    with ringbell.Loop() as loop:
        loop.every(60, lambda event: None)
        threading.Timer(0.02, loop.stop).start()
        loop.run()
        sender = ringbell.Sender.create("s")
        with pytest.raises(ringbell.InvalidArgumentError):
            loop.on(sender, lambda event: None)
        loop.on(sender, lambda event: loop.stop(), size_bytes=10)
        loop.run()
