"""Ways to talk

What does it cost to talk?

Two people in two houses. Neither can see what lies on the other one's table, and that is what houses
are for. If they want to tell each other something, they can send a letter, ring a bell, or put a board
where both can see it, and each of these takes its time. But look at what takes longest: not the way of
the letter. It is that the other one sleeps, has to be woken, and gets up.

Processes are such houses. Each has a memory of its own, and the kernel offers many ways to talk: pipes,
sockets, queues, signals, semaphores, and memory that both can see. Here one process sends a message,
the other sends one back, again and again, by each way in turn: a *round trip*. It is done with both
processes on the same core, and with each on a core of its own.

- "Two cores are quicker than one" is wrong here. On one core the kernel switches from the sender, who
  has nothing to do but wait, to the receiver, and that is all. On two the receiver's core has gone to
  sleep, and must be woken by a message from core to core: that takes longer than most of the ways.
- "Shared memory is the quickest" is half right. The memory is, but somebody must say that there is
  something in it. If a semaphore does ([sem_overview(7)]), it costs what a semaphore costs. If both
  *spin*, looking at a number until it changes, nobody sleeps and nobody must be woken: nothing is quicker
  on two cores. On one core nothing is slower: who spins uses up the time in which the other one could
  have answered.
- TCP has more to do than a socket that never leaves the machine ([unix(7)]), and a [multiprocessing.Queue]
  turns objects into bytes and has a thread that writes them into a pipe. It is convenience that you pay
  for. On one core a trip through such a queue takes several times as long as through the bare pipe; between
  two cores the wake-up hides a part of that. Compare the two in the figure.
- For much data it is the copying that counts, and how often you must stop. A pipe has a buffer of 64 KiB
  where pages have 4 KiB ([pipe(7)]): when it is full the sender sleeps, and has to be woken again. Pieces
  as large as the buffer are the worst, and `F_SETPIPE_SZ`, which makes the buffer larger ([fcntl(2)]),
  helps.

How it is measured: both processes are pinned to their cores, all ways take turns in each round, and the
first trips are not counted. eventfd, semaphore and signal carry no message: they only wake. In bulk, data
are copied in and out by every way, and the clock stops when the last piece has arrived. What has a name
in the system loses it as soon as both sides have it open, and the System V queue lives in a namespace
of its own, so that nothing is left, however a run ends.

[pipe(7)]: https://man7.org/linux/man-pages/man7/pipe.7.html
[unix(7)]: https://man7.org/linux/man-pages/man7/unix.7.html
[fcntl(2)]: https://man7.org/linux/man-pages/man2/fcntl.2.html
[sem_overview(7)]: https://man7.org/linux/man-pages/man7/sem_overview.7.html
[multiprocessing.Queue]: https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Queue
"""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from experiments.ipc._channels.bulk import STREAMS, Stream, pusher
from experiments.ipc._channels.price import (
    SPINNING,
    Absent,
    Apart,
    Placement,
    Together,
    Trip,
    Use,
    pipe_on_two_cores,
    verdict,
)
from experiments.ipc._channels.talk import END, PIDS, talker
from experiments.ipc._channels.ways import WAYS, Way
from experiments.kit import Bars, Between, Bytes, Cells, Count, Line, Need, NumberGuess, Progress
from experiments.kit.kernel import affinity
from experiments.kit.kernel.clock import seconds
from experiments.kit.subjects.subjects import Group, SubjectDied, Worker, raise_trouble

__all__ = ["Absent", "Apart", "Together", "Trip", "charts", "guess", "measure", "verdict"]

T = TypeVar("T")

SIZES = (64, 1 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20)  # and the largest that was asked for
VOLUME_B = 2 << 20  # in each piece of bulk; of small pieces less, of large ones two
MOST_PIECES = 500
FEW = 4  # round trips of those who spin on one core: each takes some slices of the scheduler
TOGETHER = 4  # two cores make so many times the round trips of one, which are steadier

charts = [
    Bars(
        Trip,
        id="trips",
        title="How long does it take there and back?",
        x="way",
        y="trip_s",
        by="placement",
        log_y=True,
    ),
    Cells(Trip, id="table", title="The same as a table", across="placement", down="way", value="trip_s"),
    Line(
        Apart,
        id="apart",
        title="How much goes through in one direction, on two cores?",
        x="size_b",
        y="throughput_mib",
        by="stream",
        log_x=True,
        log_y=True,
    ),
    Line(
        Together,
        id="together",
        title="And on one core?",
        x="size_b",
        y="throughput_mib",
        by="stream",
        log_x=True,
        log_y=True,
    ),
]

guess = NumberGuess(
    ask="64 bytes go through a pipe and come back. How long does it take if each process has its own core?",
    figure="trips",
    about="pipe",
    by="two cores",
    unit="s",
    low=1e-7,
    high=0.01,
    log=True,
    measured=pipe_on_two_cores,
)

presets = {
    "quick": {"trips": 80, "repeats": 3, "largest": 256 << 10},
    "letters": {"size": 8192},
    "parcels": {"largest": 16 << 20, "repeats": 3},
    "careful": {"trips": 1000, "repeats": 10, "largest": 4 << 20},
}
needs = (
    Need(
        lambda: (
            ""
            if sys.platform == "linux"
            else "This experiment needs Linux: it pins processes to cores, and some of the ways are its own."
        )
    ),
    Need(affinity.missing),
)


def measure(
    size: Annotated[Bytes, Between(1, 1 << 20), "one message, there and back; some ways take 8 KiB"] = 64,
    trips: Annotated[Count, Between(40, 5000), "round trips in a row on two cores; on one a quarter"] = 400,
    largest: Annotated[Bytes, Between(1 << 10, 16 << 20), "the largest piece in bulk"] = 1 << 20,
    repeats: Annotated[Count, Between(3, 20), "rounds"] = 5,
) -> Iterator[Trip | Apart | Together | Absent | Progress]:
    affinity.demand_pinning()
    with Group() as group:
        talkers = {way: group.worker(talker(way, size), name=way) for way in WAYS}
        pushers = {stream: group.worker(pusher(stream, largest), name=stream) for stream in STREAMS}
        try:
            yield from without_the_missing(group, talkers, "messages")
            yield from without_the_missing(group, pushers, "bulk")
            for number in range(repeats):
                yield Progress(number / repeats, f"round {number + 1} of {repeats}")
                yield from there_and_back(talkers, number, trips)
                yield Progress((number + 0.7) / repeats, f"round {number + 1} of {repeats}")
                yield from in_bulk(pushers, number, sizes_up_to(largest))
        finally:
            with contextlib.suppress(SubjectDied):
                raise_trouble()  # who waits for a dead one does not hear us; the end of the group is its end
                group.unwatch_others()
                for worker in (*talkers.values(), *pushers.values()):
                    worker.ask(END)
                    worker.answer()


def cost(size: int, trips: int, largest: int, repeats: int) -> float:
    """Seconds: a trip takes 80 µs on two cores and 25 on one, those who spin on one 8 ms, a MiB 1 ms."""
    talk = len(WAYS) * trips * (80e-6 + 25e-6 / TOGETHER + 2 * size * 1e-9) + (5 + FEW) * 0.009
    bulk = 2 * len(STREAMS) * sum(n * pieces_of(n) * 1e-9 + 0.0015 for n in sizes_up_to(largest))
    return 0.4 + repeats * (talk + bulk)


def without_the_missing(group: Group, workers: dict[Any, Worker], use: Use) -> Iterator[Absent]:
    """Those that could not make what they are for are told, and taken out."""
    for name, worker in list(workers.items()):
        worker.ask()
        if why := worker.answer():
            yield Absent(name, why, use)
            del workers[name]
            continue
        worker.ask(PIDS)
        for pid in worker.answer():
            group.watch(pid, f"{name}, other end")


def sizes_up_to(largest: int) -> list[int]:
    return [size for size in SIZES if size < largest] + [largest]


def pieces_of(size: int) -> int:
    return max(2, min(MOST_PIECES, VOLUME_B // size))


def cores_for(number: int) -> dict[Placement, tuple[int, int]]:
    """For each placement the cores of both sides; they swap from round to round."""
    here = affinity.usable_cores() or (0,)
    first, last = (here[0], here[-1]) if number % 2 == 0 else (here[-1], here[0])
    cores: dict[Placement, tuple[int, int]] = {"one core": (first, first)}
    if len(here) > 1:
        cores["two cores"] = (first, last)
    return cores


def ordered(ways: Sequence[T], number: int) -> Sequence[T]:
    """A new order in every round; the first one has that of the figures."""
    return random.Random(number).sample(ways, len(ways)) if number else ways


def there_and_back(talkers: Mapping[Way, Worker], number: int, trips: int) -> Iterator[Trip]:
    """Every way on one core and on two, a moment apart."""
    for way in ordered(list(talkers), number):
        for placement, cores in cores_for(number).items():
            n = trips if placement == "two cores" else FEW if way == SPINNING else trips // TOGETHER
            talkers[way].ask(*cores, n)
            median_ns, p95_ns = talkers[way].answer()
            yield Trip(number, way, placement, n, seconds(median_ns), seconds(p95_ns))


def in_bulk(pushers: Mapping[Stream, Worker], number: int, sizes: list[int]) -> Iterator[Apart | Together]:
    tables: dict[Placement, type[Apart | Together]] = {"one core": Together, "two cores": Apart}
    for size in sizes:
        pieces = pieces_of(size)
        for stream in ordered(list(pushers), number):
            for placement, cores in cores_for(number).items():
                pushers[stream].ask(*cores, size, pieces)
                took_s = seconds(pushers[stream].answer())
                yield tables[placement](number, stream, size, size * pieces / (1 << 20) / took_s)
