"""Two processes that talk: one asks and holds the watch, the other one answers."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from experiments.ipc._channels.ways import Ends, Missing, Way, make
from experiments.kit.kernel import affinity
from experiments.kit.kernel.clock import now_ns
from experiments.kit.stats import median, quantile
from experiments.kit.subjects.subjects import Group, SubjectDied, Worker, raise_lost

WARM_UP = 5  # round trips that are not counted
PIDS, END = "pids", "end"


def talker(way: Way, size: int) -> Callable[..., Any]:
    """A worker's function, which makes the way and the process at its other end when it is first asked.

    Asked without arguments it says why the way is missing, or "". Asked for them it tells the pids of the
    processes that it needs. Asked to end it takes them with it. Else it makes round trips.
    """
    made: list[tuple[Ends, Worker]] = []
    group = Group()

    def serve(*job: Any) -> Any:
        if job == (END,):
            group.__exit__(None, None, None)
            raise_lost()
            return [ends.close() for ends, _ in made][:0]
        if job == (PIDS,):
            return [pid for ends, other in made for pid in (other.pid, ends.helper) if pid]
        if job:
            return round_trips(*made[0], *job)
        gc.disable()
        try:
            ends = make(way, size)
        except Missing as missing:
            return str(missing)
        other = group.worker(partial(answer, ends), name=f"{way}, other end")
        ends.first(other.pid)
        made.append((ends, other))
        return ""

    return serve


def round_trips(ends: Ends, other: Worker, own: int, others: int, trips: int) -> list[float]:
    """Each side on its core; the median and the 95th percentile in nanoseconds."""
    affinity.pin_or_end({own})
    other.ask(others, WARM_UP + trips)
    send, receive, clock = ends.send, ends.receive, now_ns
    took = [0] * (WARM_UP + trips)
    with gone():
        for i in range(WARM_UP + trips):
            start = clock()
            send()
            receive()
            took[i] = clock() - start
    other.answer()
    return [median(took[WARM_UP:]), quantile(took[WARM_UP:], 0.95)]


def answer(ends: Ends, core: int, trips: int) -> None:
    """At the other end: send back whatever comes."""
    gc.disable()
    affinity.pin_or_end({core})
    hear, reply = ends.hear, ends.reply
    with gone():
        for _ in range(trips):
            hear()
            reply()


@contextmanager
def gone() -> Iterator[None]:
    """What the system says of a way whose other end was killed, as the sentence that it comes to."""
    try:
        yield
    except (EOFError, ConnectionError) as error:
        raise SubjectDied("the other end is gone") from error
