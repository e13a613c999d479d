"""A pool of workers: jobs in a queue, results in a collector. A worker that dies costs no job.

usage: worker_pool.py [JOBS]
"""

import multiprocessing
import os
import signal
import sys

import ringbell

WORKERS = 3


def work(jobs: ringbell.Ring, results: ringbell.Ring, unlucky: bool) -> None:
    receiver, answers = ringbell.QueueReceiver.open(jobs), ringbell.Contributor.open(results)
    while True:
        job = receiver.peek()  # in hand until it is given back: if this process dies, another's
        number = int(bytes(job.view))
        if number < 0:
            break
        if unlucky and number == 10:
            os.kill(os.getpid(), signal.SIGKILL)
        answers.send(f"{number} {number * number}".encode())
        job.release()
    job.release()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    jobs, results = ringbell.Ring.queue(message_bytes=32), ringbell.Ring.collector()
    workers = [multiprocessing.Process(target=work, args=(jobs, results, i < WORKERS - 1))
               for i in range(WORKERS)]
    sender, collector = ringbell.QueueSender.open(jobs), ringbell.Collector.open(results)
    for worker in workers:
        worker.start()
    for number in range(count):
        sender.send(str(number).encode())
    squares: dict[int, int] = {}
    while len(squares) < count:  # a job that comes again may be answered twice
        number, square = map(int, collector.receive().split())
        squares[number] = square
    for _ in range(WORKERS):
        sender.send(b"-1")
    for worker in workers:
        worker.join()
    killed = sum(worker.exitcode != 0 for worker in workers)
    assert squares == {number: number * number for number in range(count)}
    print(f"{count} jobs done, {killed} of {WORKERS} workers killed")


if __name__ == "__main__":
    main()
