#!/usr/bin/python3
"""What a bridge costs beside a plain C program on libnats, on loopback, as a table.

usage: figures.py BUILD [--count N] [--durable-count N] [--rounds N] [--pings N] [--size BYTES]
                  [--into PAGE]

Each round runs every way once, one after the other, so that what else the machine does meets all;
a figure is the median of the rounds. What was received is verified by number. The rings' ends are
processes of their own, as everywhere.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "bridge"))

from nats_server import NatsServer, free_port  # noqa: E402
from page import print_into  # noqa: E402

SUBSCRIBED_S = 0.5  # core NATS forgets what has no subscriber yet


class Run:
    """Programs of one measurement, which end with it."""

    def __init__(self, build: Path) -> None:
        self.programs = {"plain": build / "bridge" / "ringbell-bridge-plain",
                         "rings": build / "bridge" / "ringbell-bridge-rings",
                         "ringbell": build / "tools" / "ringbell"}
        # A folder of names for each, since what is killed leaves its rings.
        self.environment = {**os.environ,
                            "RINGBELL_DIR": tempfile.mkdtemp(dir="/dev/shm")}
        self.running: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_) -> None:
        for process in self.running:
            process.kill()
            process.wait()
        shutil.rmtree(self.environment["RINGBELL_DIR"])

    def start(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen([self.programs[program], *arguments], env=self.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.running.append(process)
        return process

    def ready(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        process = self.start(program, *arguments)
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise SystemExit(f"figures: {program} {arguments} does not begin")
        return process

    def bridge(self, out: str, into: str, url: str, subject: str, *options: str,
               linger: str = "") -> None:
        both = ["--subject", subject, *options]
        self.start("ringbell", "bridge", "in", into, "--from", url, "--capacity", "4M", *both)
        self.start("ringbell", "bridge", "out", out, "--to", url, *both,
                   *(["--linger", linger] if linger else []))


def rate_of(receiving: subprocess.Popen[str], count: int) -> float:
    said = receiving.communicate(timeout=600)[0].split()
    if receiving.returncode != 0 or len(said) != 2:
        raise SystemExit(f"figures: a receiver failed: {said}")
    if said[1] != "0":
        print(f"figures: {said[1]} of {count} did not arrive", file=sys.stderr)
    return (count - int(said[1])) / float(said[0])


class Figures:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.subjects = 0

    def run(self) -> Run:
        return Run(self.options.build)

    def subject(self) -> str:
        self.subjects += 1
        return f"figures.{self.subjects}"

    def plain(self, url: str, how: str, count: int) -> float:
        subject = self.subject()
        kind = "durable" if how == "durable" else "core"
        with self.run() as run:
            receiving = run.ready("plain", "receive", url, subject, str(count), kind)
            run.start("plain", "send", url, subject, str(count), str(self.options.size), how)
            return rate_of(receiving, count)

    def bridged(self, url: str, count: int, *options: str, linger: str = "") -> float:
        with self.run() as run:
            run.bridge("near", "far", url, self.subject(), *options, linger=linger)
            receiving = run.ready("rings", "receive", "far", str(count))
            time.sleep(SUBSCRIBED_S)
            run.start("rings", "send", "near", str(count), str(self.options.size))
            return rate_of(receiving, count)

    def latency(self, url: str, rings: bool) -> list[float]:
        """Of each message one way, in us: half of the way there and back."""
        pings = str(self.options.pings)
        size = str(self.options.size)
        subject = self.subject()
        with self.run() as run:
            if rings:
                run.bridge("a", "b", url, subject + ".there")
                run.bridge("c", "d", url, subject + ".back")
                run.ready("rings", "echo", "b", "c")
                time.sleep(SUBSCRIBED_S)
                pinging = run.start("rings", "ping", "a", "d", pings, size)
            else:
                run.ready("plain", "echo", url, subject)
                pinging = run.start("plain", "ping", url, subject, pings, size)
            said = pinging.communicate(timeout=600)[0].split()
        return [int(ns) / 2000 for ns in said[len(said) // 10:]]  # warm by then


def cluster(folder: Path) -> list[NatsServer]:
    routes = [f"nats://127.0.0.1:{free_port()}" for _ in range(3)]
    return [NatsServer(folder, "-n", f"server{n}", "--cluster_name", "figures", "--cluster", route,
                       "--routes", ",".join(routes)) for n, route in enumerate(routes)]


def table(title: str, rows: list[tuple[str, list[float]]], unit: str, digits: int = 0) -> None:
    """The first row is the measure of the others."""
    base = statistics.median(rows[0][1])
    print(f"\n{title}\n\n| | {unit} | beside the first | of {len(rows[0][1])} rounds |\n"
          "| --- | ---: | ---: | --- |")
    for name, values in rows:
        middle = statistics.median(values)
        print(f"| {name} | {middle:,.{digits}f} | {middle / base:.2f} x "
              f"| {min(values):,.{digits}f} to {max(values):,.{digits}f} |")


def in_turn(rounds: int, ways: dict) -> list[tuple[str, list[float]]]:
    rows: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            rows[name].append(way())
    return list(rows.items())


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def measure(options: argparse.Namespace, folder: Path) -> None:
    figures = Figures(options)
    server = NatsServer(folder)
    servers = [server, *cluster(folder)]
    try:
        server.start()
        url, size, core, durable = server.url, options.size, options.count, options.durable_count
        version = subprocess.run(["nats-server", "--version"], capture_output=True, text=True,
                                 check=True).stdout.strip()
        print(f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
              f"{version}, messages of {size} bytes, on loopback.")
        table("Core, messages a second:", in_turn(options.rounds, {
            "C program on libnats": lambda: figures.plain(url, "core", core),
            "the same with a bridge's header": lambda: figures.plain(url, "headers", core),
            "ring to ring, a record a message": lambda: figures.bridged(url, core),
            "ring to ring, `--linger 200us`": lambda: figures.bridged(url, core * 4,
                                                                      linger="200us"),
        }), "messages/s")
        table("JetStream with a file store, messages a second:", in_turn(options.rounds, {
            "C program on libnats": lambda: figures.plain(url, "durable", durable),
            "ring to ring, a record a message": lambda: figures.bridged(url, durable, "--durable"),
            "ring to ring, `--linger 200us`": lambda: figures.bridged(
                url, durable * 10, "--durable", linger="200us"),
        }), "messages/s")
        plain, rings = [], []
        for _ in range(options.rounds):
            plain.append(figures.latency(url, False))
            rings.append(figures.latency(url, True))
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            table(f"Latency one way, {name}:", [
                ("NATS alone", [quantile(values, share) for values in plain]),
                ("ring, NATS, ring", [quantile(values, share) for values in rings])], "us", 1)
        server.kill()
        for one in servers[1:]:
            one.start()
        urls = ",".join(one.url for one in servers[1:])
        replicas = ("--durable", "--replicas", "3")
        table("A cluster of three servers, a stream of three replicas:", in_turn(options.rounds, {
            "ring to ring, a record a message":
                lambda: figures.bridged(urls, durable // 4, *replicas),
            "ring to ring, `--linger 200us`":
                lambda: figures.bridged(urls, durable * 2, *replicas, linger="200us"),
        }), "messages/s")
    finally:
        for one in servers:
            one.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--durable-count", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pings", type=int, default=5_000)
    parser.add_argument("--size", type=int, default=56)
    parser.add_argument("--into", type=Path)
    options = parser.parse_args()
    options.build = options.build.resolve()
    with tempfile.TemporaryDirectory() as folder:
        print_into(options.into, "./dev bridge --figures", lambda: measure(options, Path(folder)))


if __name__ == "__main__":
    main()
