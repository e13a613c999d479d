"""Prices in asyncio: a publisher, and subscribers that share one loop with everything else.

usage: ticker.py [TICKS]
"""

import asyncio
import struct
import sys

import ringbell
from ringbell import aio

TICK = struct.Struct("<8sd")  # symbol, price: what a C++ process would call a struct


async def publish(ticks: int) -> None:
    publisher = ringbell.Publisher.create("ticks", message_bytes=TICK.size)
    async with aio.Sender(publisher) as topic:
        await asyncio.to_thread(publisher.wait_for_subscribers, 2)
        for number in range(ticks):
            await topic.publish(TICK.pack(b"EURUSD", 1 + number / 10_000))
            await asyncio.sleep(0.001)


async def watch(name: str) -> None:
    subscriber = await asyncio.to_thread(lambda: ringbell.Subscriber.open("ticks"))  # it waits
    count, price = 0, 0.0
    async with aio.Receiver(subscriber) as ticks:
        async for tick in ticks:  # until the publisher closes
            _, price = TICK.unpack(tick)
            count += 1
        print(f"{name}: {count} ticks, the last at {price:.4f}, {subscriber.missed} missed")


async def main() -> None:
    ticks = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    await asyncio.gather(publish(ticks), watch("one"), watch("two"))


if __name__ == "__main__":
    asyncio.run(main())
