"""Listener and connect(): peers that find each other over a socket, in one process and in two."""

from __future__ import annotations

import asyncio
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
import ringbell
from conftest import Peer, message
from ringbell import aio
from test_aio import in_loop
from test_misuse import in_child, in_thread
from test_processes import forked, turns_while

COUNT = 300
LONG = 30


def pair_of(listener: ringbell.Listener, name: str = "c", **options: object
            ) -> tuple[ringbell.Connection, ringbell.Connection]:
    """The listener's side and the connector's."""
    made: list[ringbell.Connection] = []
    thread = threading.Thread(
        target=lambda: made.append(ringbell.connect(name, LONG, **options)))  # type: ignore
    thread.start()
    accepted = listener.accept(LONG)
    thread.join(LONG)
    assert accepted is not None
    return accepted, made[0]


ECHO = """
import sys
import ringbell
with ringbell.connect(sys.argv[1], 30, place=sys.argv[2]) as connection:
    for data in connection.receiver:
        connection.sender.send(data.upper())
"""


@pytest.mark.parametrize("place", ["folder", "abstract"])
def test_messages_go_both_ways_between_two_processes(place: str, tmp_path: pathlib.Path) -> None:
    name = f"test.{os.getpid()}"
    environment = dict(os.environ)
    if place == "abstract":  # there they share no folder
        environment["RINGBELL_DIR"] = str(tmp_path)
    with ringbell.Listener.open(name, place=place) as listener:
        child = subprocess.Popen([sys.executable, "-c", ECHO, name, place], env=environment)
        with listener.accept(LONG) as connection:
            assert connection.peer_pid == child.pid
            assert (connection.peer_uid, connection.peer_gid) == (os.geteuid(), os.getegid())
            for i in range(COUNT):
                assert connection.sender.send(b"message %d" % i)
                assert connection.receiver.receive(LONG) == b"MESSAGE %d" % i
        assert child.wait(LONG) == 0


@pytest.mark.parametrize("size", [0, 100, 100_000])
def test_the_connector_is_in_cpp(peer: type[Peer], size: int) -> None:
    with ringbell.Listener.open("c", capacity_bytes=1 << 20) as listener:
        other = peer("connect", "c", COUNT, size)
        with listener.accept(LONG) as connection:
            for i in range(COUNT):
                data = connection.receiver.receive(LONG)
                assert data == message(i, size)
                assert connection.sender.send(data, LONG)
            with pytest.raises(ringbell.ClosedError):
                connection.receiver.receive(LONG)
        other.done()


@pytest.mark.parametrize("size", [0, 100, 100_000])
def test_the_listener_is_in_cpp(peer: type[Peer], size: int) -> None:
    other = peer("listen", "c", COUNT, size)
    with ringbell.connect("c", LONG) as connection:
        for i in range(COUNT):
            assert connection.sender.send(message(i, size), LONG)
            assert connection.receiver.receive(LONG) == message(i, size)
    other.done()


def test_many_come_at_a_time_and_each_has_its_own_connection() -> None:
    peers = 8

    def come(number: int) -> None:
        with ringbell.connect("c", LONG) as connection:
            connection.sender.send(b"%d" % number)
            answers.append((number, connection.receiver.receive(LONG)))

    answers: list[tuple[int, bytes | None]] = []
    threads = [threading.Thread(target=come, args=(number,)) for number in range(peers)]
    with ringbell.Listener.open("c") as listener:
        for thread in threads:
            thread.start()
        connections = [listener.accept(LONG) for _ in range(peers)]
        for connection in connections:
            connection.sender.send(b"answer " + connection.receiver.receive(LONG))
        for thread in threads:
            thread.join(LONG)
        assert sorted(answers) == [(number, b"answer %d" % number) for number in range(peers)]
        assert listener.refused == 0 and listener.last_refusal is None


def test_a_killed_connector_is_noticed_at_once() -> None:
    listener = ringbell.Listener.open("c")

    def come() -> None:
        connection = ringbell.connect("c", LONG)
        connection.sender.send(b"the last words")
        time.sleep(60)

    child = forked(come)
    with listener.accept(LONG) as connection:
        assert connection.receiver.receive(LONG) == b"the last words"
        assert not connection.peer_is_gone()
        assert select.select([connection], [], [], 0)[0] == []
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with pytest.raises(ringbell.PeerDeadError):
            connection.receiver.receive(LONG)
        assert connection.peer_is_gone()
        assert select.select([connection], [], [], LONG)[0] == [connection]


def test_the_name_of_a_killed_listener_is_taken_over() -> None:
    there, tell = os.pipe()

    def listen() -> None:
        listener = ringbell.Listener.open("c")
        os.write(tell, b"!")
        connection = listener.accept(LONG)
        time.sleep(60)
        connection.close()

    child = forked(listen)
    assert os.read(there, 1) == b"!"
    connection = ringbell.connect("c", LONG)
    assert connection.peer_pid == child
    with pytest.raises(ringbell.BusyError, match=str(child)):
        ringbell.Listener.open("c")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with pytest.raises(ringbell.PeerDeadError):
        connection.receiver.receive(LONG)
    with ringbell.Listener.open("c") as listener:
        pair_of(listener)
    os.close(there)
    os.close(tell)


def test_what_does_not_come_in_time() -> None:
    with pytest.raises(ringbell.NotFoundError):
        ringbell.connect("c", 0)
    with ringbell.Listener.open("c") as listener:
        assert listener.accept(0) is None and listener.accept(0.05) is None
        assert listener.last_refusal is None
        with pytest.raises(ringbell.TimedOutError):
            ringbell.connect("c", 0.05)
        assert listener.accept(0.1) is None
        assert listener.refused == 1
        assert isinstance(listener.last_refusal, ringbell.Error)
        pair_of(listener)


def test_a_silent_peer_is_dropped_in_time() -> None:
    folder = pathlib.Path(os.environ["RINGBELL_DIR"])
    with ringbell.Listener.open("c", handshake_timeout=0.05) as listener, \
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as silent:
        silent.connect(str(folder / "c.sock"))
        assert listener.accept(0.3) is None
        assert isinstance(listener.last_refusal, ringbell.TimedOutError)


def test_channels_are_as_the_listener_says() -> None:
    quote = ringbell.Type("Quote", 16, 8)
    with ringbell.Listener.open("c", capacity_bytes=4096, timed=True, type=quote,
                                doorbell="futex") as listener:
        for connection in pair_of(listener, type=quote):
            assert connection.sender.message_type == connection.receiver.message_type == quote
            assert connection.sender.max_message_bytes < 4096
            assert connection.receiver.peek_fresh(1.0, 0) is None
            with pytest.raises(ringbell.UnsupportedError):
                connection.receiver.waitable_fd()
        for connection in pair_of(listener, doorbell="eventfd"):
            assert connection.receiver.waitable_fd() >= 0

        accepting, _ = in_thread(lambda: listener.accept(LONG))
        with pytest.raises(ringbell.OtherRingError, match="Quote"):
            ringbell.connect("c", LONG, type=ringbell.Type("Trade", 16, 8))
        accepting.join(LONG)


def test_a_listener_that_insists_on_its_doorbell_refuses_others() -> None:
    with ringbell.Listener.open("c", insists_on_doorbell=True) as listener:
        accepting, _ = in_thread(lambda: listener.accept(0.5))
        with pytest.raises(ringbell.UnsupportedError):
            ringbell.connect("c", LONG, doorbell="futex")
        accepting.join(LONG)
        assert isinstance(listener.last_refusal, ringbell.UnsupportedError)


def test_options_that_are_not_there_or_cannot_be() -> None:
    for call in (ringbell.Listener.open, ringbell.connect):
        for wrong in ({"capacity": 4096}, {"wait": "long"}, {"also_allowed": "all"}):
            with pytest.raises(TypeError):
                call("c", **wrong)  # type: ignore
        with pytest.raises(ringbell.InvalidArgumentError, match="abstract"):
            call("c", place="moon")  # type: ignore
        with pytest.raises(ringbell.InvalidArgumentError):
            call("a/b")
    with pytest.raises(ringbell.InvalidArgumentError, match="also_allowed"):
        ringbell.Listener.open("c", also_allowed=[os.geteuid() + 1])


def test_the_ends_live_without_their_connection_and_without_the_listener() -> None:
    with ringbell.Listener.open("c") as listener:
        accepted, connection = pair_of(listener)
    sender, receiver = connection.sender, connection.receiver
    del connection
    assert not accepted.peer_is_gone()
    assert sender.send(b"there") and accepted.receiver.receive(LONG) == b"there"
    assert accepted.sender.send(b"back") and receiver.receive(LONG) == b"back"
    sender.close()
    receiver.close()
    with pytest.raises(ringbell.ClosedError):
        accepted.receiver.receive(LONG)
    assert accepted.peer_is_gone()


def test_a_connection_closes_its_ends_but_not_under_a_view() -> None:
    with ringbell.Listener.open("c") as listener:
        accepted, connection = pair_of(listener)
        accepted.sender.send(b"message")
        found = connection.receiver.peek(LONG)
        part = found.view[1:3]
        with pytest.raises(ringbell.ViewsError):
            connection.close()
        assert not connection.closed and bytes(part) == b"es"
        part.release()
        connection.close()
        connection.close()
        assert connection.closed and connection.sender.closed and connection.receiver.closed
        with pytest.raises(ringbell.ClosedError):
            accepted.receiver.receive(LONG)


def calls_of(listener: ringbell.Listener,
             connection: ringbell.Connection) -> list[Callable[[], object]]:
    return [lambda: listener.accept(0), listener.fileno, listener.name_lost,
            lambda: listener.refused, lambda: listener.last_refusal,
            connection.fileno, connection.peer_is_gone, lambda: connection.receiver.receive(0),
            lambda: connection.sender.send(b"x")]


def test_every_call_says_that_it_is_closed() -> None:
    listener = ringbell.Listener.open("c")
    _, connection = pair_of(listener)
    calls = calls_of(listener, connection)
    for each in (listener, connection, listener, connection):
        each.close()
        assert each.closed
    listener.interrupt()
    for call in calls:
        with pytest.raises(ringbell.EndClosedError):
            call()
    assert connection.peer_pid == os.getpid()


def test_every_call_says_that_it_is_the_parents() -> None:
    listener = ringbell.Listener.open("c")
    accepted, connection = pair_of(listener)

    def misuse() -> None:
        for call in calls_of(listener, connection):
            with pytest.raises(ringbell.ForkError):
                call()
        for each in (listener, connection):
            each.close()
    in_child(misuse)
    assert connection.sender.send(b"still mine")
    assert accepted.receiver.receive(LONG) == b"still mine"
    assert not accepted.peer_is_gone() and not listener.name_lost()
    pair_of(listener)


def test_every_call_says_that_another_thread_accepts() -> None:
    listener = ringbell.Listener.open("c")
    _, connection = pair_of(listener)
    thread, raised = in_thread(listener.accept)
    for call in calls_of(listener, connection)[:5]:
        with pytest.raises(ringbell.InUseError):
            call()
    listener.interrupt()
    thread.join(LONG)
    assert [type(error) for error in raised] == [ringbell.CancelledError]
    thread, raised = in_thread(listener.accept)
    listener.close()
    thread.join(LONG)
    assert [type(error) for error in raised] == [ringbell.EndClosedError]
    assert ringbell.names() == []


@pytest.mark.parametrize("wait", [
    lambda: ringbell.Listener.open("c").accept(0.5),
    lambda: pytest.raises(ringbell.NotFoundError, ringbell.connect, "nothing", 0.5)])
def test_other_threads_run_meanwhile(wait: Callable[[], object]) -> None:
    assert turns_while(wait) > 50


def test_a_loop_accepts_reads_and_learns_that_the_peer_is_gone() -> None:
    said: list[object] = []
    with ringbell.Listener.open("c") as listener, ringbell.Loop() as loop:
        def come(_: ringbell.Event) -> None:
            connection = listener.accept(0)
            if connection is None:
                return

            def read(event: ringbell.Event) -> None:
                if event.what == "ready":
                    said.append(connection.receiver.receive(0))
                    os.kill(connection.peer_pid, signal.SIGKILL)

            def gone(event: ringbell.Event) -> None:
                said.append((event.source is connection, connection.peer_is_gone()))
                loop.stop()

            loop.on(connection.receiver, read)
            loop.on(connection, gone, events=0)

        def connect() -> None:
            connection = ringbell.connect("c", LONG)
            connection.sender.send(b"message")
            time.sleep(60)

        loop.on(listener, come)
        child = forked(connect)
        loop.after(LONG, lambda _: loop.stop())
        loop.run()
        os.waitpid(child, 0)
    assert said == [b"message", (True, True)]


def test_nothing_is_left_open() -> None:
    def come_and_go() -> None:
        with ringbell.Listener.open("c") as listener:
            for connection in pair_of(listener):
                connection.close()
    come_and_go()
    before = len(os.listdir("/proc/self/fd"))
    come_and_go()
    assert len(os.listdir("/proc/self/fd")) == before
    assert ringbell.names() == []


def test_a_loop_of_asyncio_accepts() -> None:
    async def body() -> None:
        async with aio.Listener(ringbell.Listener.open("c")) as listener:
            assert await listener.accept(0) is None
            assert await listener.accept(0.05) is None
            waiting = asyncio.create_task(listener.accept())
            await asyncio.sleep(0.15)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            for i in range(3):
                connecting = asyncio.create_task(asyncio.to_thread(ringbell.connect, "c", LONG))
                accepted = await listener.accept(LONG)
                assert accepted is not None
                with accepted, await connecting as connection:
                    assert await aio.Sender(connection.sender).send(b"%d" % i)
                    assert await aio.Receiver(accepted.receiver).receive(LONG) == b"%d" % i
        assert listener.listener.closed
    in_loop(body)()
