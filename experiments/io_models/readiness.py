"""Waiting for many

Why epoll?

A teacher waits for the first of her pupils to finish. She can walk from desk to desk and ask each of
them "are you done?". Or she can put a bell on her own desk: whoever is done comes and rings it. With
ten pupils it makes no difference. With ten thousand she walks all day, although nobody but one has
anything to hand in.

A server with thousands of connections is that teacher. `select` and `poll` are given the whole list of
descriptors *in every call*, and the kernel walks through all of them. `epoll` is told once who is
watched, and keeps that; when data come, the kernel puts the descriptor on a list of those that are
ready, and the call only takes what is on it. So the price of a wait follows the number that are *ready*,
and not the number that are *watched*. This is what to look for in the first figure: lines that climb,
and lines that do not.

- "epoll is faster" is wrong as it stands. If all of the descriptors are ready, somebody has to walk to
  all of them anyway, and then `poll` is often the quicker one: its walk is simpler. The second figure
  shows it.
- "select takes 1024 descriptors" is not quite what it does. It takes descriptors *numbered* below 1024; a
  single one with a higher number is refused. It is not the kernel that refuses: the C library's set has 1024
  places, and Python checks that ([select(2)]). [poll(2)] has no such limit.
- *Level-triggered* says "there is something", as often as you ask, until nothing is left.
  *Edge-triggered* says "something has come", once. Whoever reads only a part of it is never told of the
  rest: it is stuck until more comes. With edges, read until EAGAIN.
- Watching for "may be written" all the time is the opposite mistake. An idle socket nearly always may,
  so a level-triggered loop turns and turns and burns a core.
- Closing a descriptor does not always end its watch: epoll watches what is behind it, and that lives on
  as long as there is a duplicate, for instance in a child ([epoll(7)]).
- None of them is asynchronous I/O: they say that you may read, and you still read yourself.

How it is measured: one process opens all descriptors ([eventfd(2)], counters in the kernel) and makes
some of them ready before it waits, so that no call ever sleeps: what is timed is the work of the call.
All ways take turns within a round. epoll is told to give back all that are ready; left alone, the
`poll()` of Python's [select.epoll] gives 1023 at most. The echo server answers one question at a time
over ten connections, and what counts is its CPU time. The facts in the table are tried once each, and
must be exact.

[select(2)]: https://man7.org/linux/man-pages/man2/select.2.html
[poll(2)]: https://man7.org/linux/man-pages/man2/poll.2.html
[epoll(7)]: https://man7.org/linux/man-pages/man7/epoll.7.html
[eventfd(2)]: https://man7.org/linux/man-pages/man2/eventfd.2.html
[select.epoll]: https://docs.python.org/3/library/select.html#edge-and-level-trigger-polling-epoll-objects
"""

from __future__ import annotations

import random
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Annotated

from experiments.io_models._readiness import idle as _idle
from experiments.io_models._readiness.growth import (
    USUAL_WATCHED,
    Crowded,
    Limit,
    Promise,
    Served,
    Waited,
    typical,
    verdict,
)
from experiments.io_models._readiness.semantics import EXPECTED, FACTS, find_out
from experiments.io_models._readiness.watch import METHODS, Cost, Method, hard_limit, reserve, watcher
from experiments.kit import Bars, Between, Cells, Count, Line, LineGuess, Need, Progress
from experiments.kit.kernel import calls
from experiments.kit.kernel.clock import NS_PER_S
from experiments.kit.spec import ParameterError
from experiments.kit.subjects.subjects import Group, Worker

__all__ = ["Crowded", "Limit", "Promise", "Served", "Waited", "charts", "guess", "measure", "verdict"]

LARGE = 20_000  # descriptors
MOST = max(20, min(LARGE, hard_limit() - reserve(hard_limit())))
LEAST = min(100, MOST)
USUAL, USUAL_IDLE = min(USUAL_WATCHED, MOST), min(1000, MOST // 2)
LADDER = (10, 30, 100, 300, 1000, 3000, 10_000)
CROWD_WAKES = 4  # of all descriptors at once
REQUESTS = 60
SERVERS: tuple[Method, ...] = ("poll", "epoll")

charts = [
    Line(
        Waited,
        id="few",
        title="How long does a wait take while few are ready?",
        caption="The call alone; it never has to sleep. Select ends where a number reaches 1024.",
        x="watched",
        y="wait_s",
        by="method",
        log_x=True,
        log_y=True,
    ),
    Line(
        Crowded,
        id="crowd",
        title="And while all of them are ready, for each?",
        x="watched",
        y="event_s",
        by="method",
        log_x=True,
        log_y=True,
    ),
    Bars(
        Served,
        id="server",
        title="What does a question cost an echo server?",
        caption="CPU time for one question, beside so many idle connections.",
        x="idle",
        y="cpu_s",
        by="method",
    ),
    Cells(
        Promise,
        id="facts",
        title="What exactly do they promise?",
        across="what",
        down="fact",
        value="value",
    ),
]

guess = LineGuess(
    ask="One of so many descriptors is ready. How long does the call take that finds it?",
    figure="few",
    unit="s",
    low=1e-7,
    high=0.1,
    log=True,
    series=("poll", "epoll"),
    places=lambda params: sorted(
        {max(10, params["ready"]), max(100, params["ready"]), params["descriptors"]}
    ),
    x_about="watched",
    measured=typical,
)

presets = {
    "quick": {"descriptors": min(2000, MOST), "idle": min(500, MOST // 2), "wakes": 20, "repeats": 3},
    "crowd": {"ready": 100},
    "careful": {"descriptors": MOST, "idle": min(4000, MOST // 2), "wakes": 60, "repeats": 10},
}
needs = (
    Need(lambda: "" if sys.platform == "linux" else "This experiment needs Linux: epoll is its own."),
    Need(calls.eventfd_refused),
)


def measure(
    descriptors: Annotated[
        Count, Between(LEAST, MOST), "the most that are watched; fewer than the hard limit of this machine"
    ] = USUAL,
    ready: Annotated[Count, Between(1, 100), "ready at once, in the first figure"] = 1,
    idle: Annotated[Count, Between(10, MOST // 2), "idle connections of the echo server"] = USUAL_IDLE,
    wakes: Annotated[Count, Between(10, 200), "waits in a row by each way"] = 30,
    repeats: Annotated[Count, Between(3, 30), "rounds"] = 5,
) -> Iterator[Waited | Crowded | Served | Promise | Limit | Progress]:
    check_room(descriptors, idle)
    if why := calls.eventfd_refused():
        raise calls.Refused(why)
    yield from promises()
    steps = steps_of(descriptors)
    with ExitStack() as stack:
        group = stack.enter_context(Group())
        watching = group.worker(
            watcher(descriptors), name="watcher"
        )  # first: its numbers stay low for select
        pairs = [stack.enter_context(end) for _ in range(_idle.BUSY) for end in socket.socketpair()]
        server = group.worker(partial(_idle.serve, pairs[::2]), name="server")
        client = group.worker(partial(_idle.ask, pairs[1::2]), name="client")
        watching.ask()
        soft, now = watching.answer()
        yield Limit(soft, hard_limit(), now)
        for number in range(repeats):
            for place, watched in enumerate(steps):
                done = (number + place / (len(steps) + 1)) / repeats
                yield Progress(done, f"round {number + 1} of {repeats}")
                yield from look(watching, number, watched, ready, wakes)
            yield from talk(server, client, number, idle)


def cost(descriptors: int, ready: int, idle: int, wakes: int, repeats: int) -> float:
    """Seconds: a watched descriptor costs 0.5 µs to register, 0.2 to walk past, and 1.5 when it is ready."""
    watched = sum(steps_of(descriptors))
    looked = watched * (6e-6 + wakes * 0.4e-6 + (CROWD_WAKES + 1) * 10e-6)
    talked = 2 * idle * (50e-6 + REQUESTS * 0.12e-6) + 4 * REQUESTS * 150e-6
    looked += len(METHODS) * len(steps_of(descriptors)) * wakes * ready * 1.5e-6
    return 0.3 + descriptors * 2e-6 + repeats * (looked + talked + len(steps_of(descriptors)) * wakes * 6e-5)


def check_room(descriptors: int, idle: int) -> None:
    """ParameterError where the hard limit has come down since the page was made."""
    most = max(0, hard_limit() - reserve(hard_limit()))
    for name, value, needed in (("descriptors", descriptors, descriptors), ("idle", idle, 2 * idle)):
        if needed > most:
            raise ParameterError(
                f"{name}: {value} would take {needed} descriptors; the hard limit leaves {most} (ulimit -Hn)"
            )


def steps_of(descriptors: int) -> list[int]:
    """Ten, and so on, up to the number that was asked for."""
    return [n for n in LADDER if n < descriptors] + [descriptors]


def promises() -> Iterator[Promise]:
    with Group() as group:
        trial = group.worker(find_out, name="trial")
        trial.ask()
        seen = trial.answer()
    for fact in FACTS:
        if fact in seen:
            yield Promise(fact, "expected", EXPECTED[fact])
            yield Promise(fact, "seen", seen[fact])


def look(watching: Worker, number: int, watched: int, ready: int, wakes: int) -> Iterator[Waited | Crowded]:
    """Each way once with few that are ready, and once with all; in a new order from the second round on."""
    order = random.Random(number + watched).sample(METHODS, len(METHODS)) if number else METHODS
    for method in order if watched >= ready else ():
        watching.ask(method, watched, ready, wakes, number)
        if told := watching.answer():
            wait_s, cpu_s = (ns / NS_PER_S for ns in Cost(*told))
            yield Waited(number, method, watched, ready, wait_s, cpu_s)
    for method in order:
        watching.ask(method, watched, watched, CROWD_WAKES, number)
        if told := watching.answer():
            wait_s, cpu_s = (ns / NS_PER_S for ns in Cost(*told))
            yield Crowded(number, method, watched, wait_s / watched, cpu_s)


def talk(server: Worker, client: Worker, number: int, idle: int) -> Iterator[Served]:
    """Few idle connections and many, by poll and by epoll."""
    for method in SERVERS if number % 2 == 0 else SERVERS[::-1]:
        for beside in (0, idle):
            server.ask(method, beside, REQUESTS)
            client.ask(REQUESTS)
            answer_ns, cpu_ns = client.answer(), server.answer()
            yield Served(number, method, beside, cpu_ns / NS_PER_S, answer_ns / NS_PER_S)
