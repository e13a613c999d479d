"""A desk to which peers connect: each has a channel of its own, both ways, and a task of the loop.

usage: desk.py [QUESTIONS]         the desk, and three peers, which it starts
       desk.py QUESTIONS NAME      a peer
"""

import asyncio
import os
import sys

import ringbell
from ringbell import aio

PEERS = 3


def ask(questions: int, name: str) -> None:
    with ringbell.connect(name) as desk:  # waits until it accepts
        for number in range(questions):
            desk.sender.send(b"%d" % number)
            assert desk.receiver.receive(10) == b"%d" % number**2


async def answer(peer: ringbell.Connection) -> int:
    answered = 0
    with peer:
        answers = aio.Sender(peer.sender)
        async for question in aio.Receiver(peer.receiver):  # until the peer closes
            await answers.send(b"%d" % int(question)**2)
            answered += 1
    return answered


async def main(questions: int) -> None:
    name = f"desk-{os.getpid()}"
    tasks = []
    async with aio.Listener(ringbell.Listener.open(name)) as listener:
        program = (sys.executable, __file__, str(questions), name)
        peers = [await asyncio.create_subprocess_exec(*program) for _ in range(PEERS)]
        for _ in peers:
            peer = await listener.accept()
            assert peer is not None
            tasks.append(asyncio.create_task(answer(peer)))
        print(f"{sum(await asyncio.gather(*tasks))} questions of {PEERS} peers answered")
    for process in peers:
        await process.wait()


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    if len(sys.argv) > 2:
        ask(count, sys.argv[2])
    else:
        asyncio.run(main(count))
