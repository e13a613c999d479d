"""Other processes: fork, multiprocessing, deaths, and Ctrl-C."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
import ringbell
from conftest import Peer

ECHO_COUNT = 200


def echo(ring: ringbell.Ring, name: str, folder: str) -> None:
    """Reads from the ring, answers by name in a folder: a fork server has that of the first test
    that used it."""
    os.environ["RINGBELL_DIR"] = folder
    receiver = ringbell.Receiver.open(ring)
    with ringbell.Sender.create(name) as sender:
        for data in receiver:
            sender.send(data)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver", "forkserver"])
def test_a_ring_goes_to_a_child_of_multiprocessing(method: str) -> None:
    context = multiprocessing.get_context(method)
    ring = ringbell.Ring.channel()
    child = context.Process(target=echo, args=(ring, "back", os.environ["RINGBELL_DIR"]))
    child.start()
    with ringbell.Sender.open(ring) as sender:
        for i in range(ECHO_COUNT):
            sender.send(b"%d" % i)
    with ringbell.Receiver.open("back", 30) as receiver:
        assert list(receiver) == [b"%d" % i for i in range(ECHO_COUNT)]
    child.join(30)
    assert child.exitcode == 0


def everything(rings: dict[str, ringbell.Ring]) -> None:
    """The far side of each ring, in a child."""
    ringbell.QueueSender.open(rings["queue"]).send(b"queue")
    ringbell.Contributor.open(rings["collector"]).send(b"collector")
    ringbell.Server.open(rings["service"]).serve(bytes.upper, 1)
    subscriber = ringbell.Subscriber.open(rings["topic"])
    ringbell.Sender.open(rings["channel"]).send(subscriber.receive() or b"")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_each_ring_goes_to_a_child(method: str) -> None:
    context = multiprocessing.get_context(method)
    rings = {"queue": ringbell.Ring.queue(), "collector": ringbell.Ring.collector(),
             "service": ringbell.Ring.service(), "topic": ringbell.Ring.topic(),
             "channel": ringbell.Ring.channel(doorbell="eventfd")}
    assert [rings[kind].kind for kind in rings] == list(rings)
    publisher = ringbell.Publisher.open(rings["topic"])
    publisher.publish(b"topic")
    child = context.Process(target=everything, args=(rings,))
    child.start()
    assert ringbell.QueueReceiver.open(rings["queue"]).receive(30) == b"queue"
    assert ringbell.Collector.open(rings["collector"]).receive(30) == b"collector"
    assert ringbell.Client.open(rings["service"]).call(b"service", 30) == b"SERVICE"
    assert ringbell.Receiver.open(rings["channel"]).receive(30) == b"topic"
    child.join(30)
    assert child.exitcode == 0


def test_a_ring_is_pickled_for_a_child_only() -> None:
    import pickle
    with pytest.raises(RuntimeError):
        pickle.dumps(ringbell.Ring.channel())


def forked(body: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            body()
        finally:
            os._exit(0)
    return child


def test_a_killed_sender_is_noticed_after_what_it_sent() -> None:
    ring = ringbell.Ring.channel()

    def send() -> None:
        sender = ringbell.Sender.open(ring)
        sender.send(b"the last words")
        sender.loan(10)
        time.sleep(60)

    child = forked(send)
    with ringbell.Receiver.open(ring) as receiver:
        assert receiver.receive(30) == b"the last words"
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with pytest.raises(ringbell.PeerDeadError):
            receiver.receive(30)
        assert receiver.peer() == "dead"


def test_a_killed_worker_s_message_goes_to_another() -> None:
    ring = ringbell.Ring.queue(messages=8, message_bytes=16)
    sender = ringbell.QueueSender.open(ring)
    there, tell = os.pipe()

    def work() -> None:
        receiver = ringbell.QueueReceiver.open(ring)
        held = receiver.peek()
        os.write(tell, b"!" if held is not None else b"?")
        time.sleep(60)

    sender.send(b"job")
    child = forked(work)
    assert os.read(there, 1) == b"!"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    receiver = ringbell.QueueReceiver.open(ring)
    assert receiver.receive(30) == b"job"
    assert receiver.redelivered
    os.close(there)
    os.close(tell)


def test_a_killed_server_ends_the_call() -> None:
    ring = ringbell.Ring.service()

    def serve() -> None:
        server = ringbell.Server.open(ring)
        server.receive()
        os.kill(os.getpid(), signal.SIGKILL)

    client = ringbell.Client.open(ring)
    child = forked(serve)
    with pytest.raises(ringbell.PeerDeadError):
        client.call(b"die", 30)
    os.waitpid(child, 0)


def test_a_killed_cpp_reader_is_noticed(peer: type[Peer]) -> None:
    with ringbell.Sender.create("c", capacity_bytes=4096) as sender:
        other = peer("hold", "c", 1, 1)
        sender.send(bytes(1000), 30)
        assert other.said() == "held"
        other.kill()
        with pytest.raises(ringbell.PeerDeadError):
            while True:
                sender.send(bytes(1000), 30)


def test_a_subscriber_of_a_killed_publisher_reads_to_the_end() -> None:
    ring = ringbell.Ring.topic(policy="lossless", messages=8, message_bytes=8)

    def publish() -> None:
        publisher = ringbell.Publisher.open(ring)
        for i in range(3):
            publisher.publish(b"%d" % i)
        os.kill(os.getpid(), signal.SIGKILL)

    subscriber = ringbell.Subscriber.open(ring)
    os.waitpid(forked(publish), 0)
    assert [subscriber.receive(30) for _ in range(3)] == [b"0", b"1", b"2"]
    with pytest.raises(ringbell.PeerDeadError):
        subscriber.receive(30)


WAITS: dict[str, Callable[[], object]] = {
    "receive": lambda: ringbell.Receiver.open(ringbell.Ring.channel()).receive(),
    "peek": lambda: ringbell.Receiver.open(ringbell.Ring.channel()).peek(),
    "spin": lambda: ringbell.Receiver.open(
        ringbell.Ring.channel(), wait=ringbell.Wait(kind="spin")).receive(),
    "queue": lambda: ringbell.QueueReceiver.open(ringbell.Ring.queue()).receive(),
    "subscriber": lambda: ringbell.Subscriber.open(ringbell.Ring.topic()).receive(),
    "collector": lambda: ringbell.Collector.open(ringbell.Ring.collector()).receive(),
    "server": lambda: ringbell.Server.open(ringbell.Ring.service()).request(),
    "client": lambda: ringbell.Client.open(ringbell.Ring.service()).call(b"x"),
    "open": lambda: ringbell.Receiver.open("nothing", None),
    "accept": lambda: ringbell.Listener.open("listener").accept(),
    "connect": lambda: ringbell.connect("nothing", None),
    "iteration": lambda: list(ringbell.Receiver.open(ringbell.Ring.channel())),
}


def fill() -> None:
    sender = ringbell.Sender.open(ringbell.Ring.channel(capacity_bytes=4096))
    while True:
        sender.send(bytes(1000))


def connect_to_one_that_does_not_accept() -> None:
    listener = ringbell.Listener.open("listener")
    ringbell.connect("listener", None)
    listener.close()


WAITS["send"] = fill
WAITS["handshake"] = connect_to_one_that_does_not_accept


@pytest.mark.parametrize("call", WAITS.values(), ids=WAITS.keys())
def test_ctrl_c_ends_every_wait_at_once(call: Callable[[], object]) -> None:
    interrupted: list[float] = []

    def interrupt() -> None:
        time.sleep(0.2)
        interrupted.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        call()
    assert time.monotonic() - interrupted[0] < 2
    thread.join()


def test_a_signal_s_handler_may_not_call_the_end_that_waits() -> None:
    refused: list[BaseException] = []
    receiver = ringbell.Receiver.open(ringbell.Ring.channel())

    def handle(*_: object) -> None:
        try:
            receiver.receive(0)
        except ringbell.InUseError as error:
            refused.append(error)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        assert receiver.receive(0.5) is None
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(refused) == 1


def turns_while(wait: Callable[[], object]) -> int:
    """How often another thread has its turn meanwhile, of once a millisecond."""
    turns = 0
    stop = threading.Event()

    def count() -> None:
        nonlocal turns
        while not stop.is_set():
            turns += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    before = turns
    wait()
    meanwhile = turns - before
    stop.set()
    thread.join()
    return meanwhile


def test_other_threads_run_while_one_waits() -> None:
    receiver = ringbell.Receiver.open(ringbell.Ring.channel())
    received: list[bytes | None] = []
    assert turns_while(lambda: received.append(receiver.receive(0.5))) > 50
    assert received == [None]


def test_names_are_listed_and_cleaned() -> None:
    sender = ringbell.Sender.create("mine")
    program = "import os, ringbell; s = ringbell.Sender.create('left'); s.send(b'x'); os._exit(0)"
    subprocess.run([sys.executable, "-c", program], check=True)
    found = {entry.name: entry.alive for entry in ringbell.names()}
    assert found == {"mine": True, "left": False}
    assert [entry.name for entry in ringbell.remove_dead()] == ["left"]
    sender.close()


def test_an_interpreter_that_ends_with_things_in_hand_ends_well() -> None:
    program = """
import ringbell, sys, threading, time
ring = ringbell.Ring.channel()
sender, receiver = ringbell.Sender.open(ring), ringbell.Receiver.open(ring)
sender.send(b"x")
view = receiver.peek().view
room = sender.loan(5)
other = ringbell.Receiver.open(ringbell.Ring.channel())
for body in (other.receive, lambda: ringbell.Receiver.open("nothing", 60)):
    threading.Thread(target=body, daemon=True).start()

class Late:
    def __del__(self, sleep=time.sleep):
        sleep(0.3)  # the threads wake up while the interpreter ends

sys.late = Late()
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert ended.returncode == 0
