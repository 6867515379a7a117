"""Ways to wait for many descriptors at once, and what one wait costs; runs in a process of its own."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import resource
import select
import selectors
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, get_args

from experiments.kit.kernel import calls
from experiments.kit.kernel.clock import now_ns
from experiments.kit.stats import median

Method = Literal["select", "poll", "epoll", "epoll edge", "selectors"]
METHODS: tuple[Method, ...] = get_args(Method)
Wait = Callable[[], Sequence[int]]

UNTOLD_LIMIT = 1024  # descriptors, where the system does not tell
RESERVE = 100  # descriptors for everything that is not watched, where there are many
LEAST_RESERVE = 40  # where there are few
EVENT = (1).to_bytes(8, sys.byteorder)  # what an eventfd is fed and read with


class Cost(NamedTuple):
    """Medians of some waits: the call itself, and CPU time of a wake-up with feeding and reading."""

    wait_ns: float
    cpu_ns: float


def hard_limit() -> int:
    """How many descriptors a process of this user may have."""
    try:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    except OSError:  # refused: what systems have allowed for long
        return UNTOLD_LIMIT
    return 1 << 20 if hard == resource.RLIM_INFINITY else hard


def reserve(hard: int) -> int:
    """Descriptors that are kept for everything that is not watched, where so many are allowed."""
    return RESERVE if hard >= 2 * RESERVE else LEAST_RESERVE


def raise_limit(descriptors: int) -> tuple[int, int]:
    """Allow this process so many descriptors; the soft limit before, and now."""
    try:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    except OSError:
        return hard_limit(), hard_limit()
    wanted = min(descriptors + reserve(hard_limit()), hard_limit())
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft, soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return soft, wanted


def watcher(descriptors: int) -> Callable[..., Any]:
    """A worker's function: asked without arguments it opens all, else it times one arm."""
    fds: list[int] = []

    def serve(*job: Any) -> Any:
        if job:
            method, watched, ready, wakes, seed = job
            return time_waits(method, fds[:watched], ready, wakes, seed)
        soft, now = raise_limit(descriptors)
        fds.extend(calls.eventfd(calls.EFD_NONBLOCK) for _ in range(descriptors))
        gc.disable()
        return [soft, now]

    return serve


def time_waits(method: Method, fds: Sequence[int], ready: int, wakes: int, seed: int) -> list[float] | None:
    """What a wait costs while `ready` of the descriptors are ready; None where the way takes no such ones."""
    dice = random.Random(seed)
    with way(method, fds) as wait:
        try:
            one_wake(wait, dice.sample(fds, ready))  # the first one pays for what is prepared once
        except ValueError:  # select: a number of FD_SETSIZE or above
            return None
        begin = time.thread_time_ns()
        waits = [one_wake(wait, dice.sample(fds, ready)) for _ in range(wakes)]
        used = time.thread_time_ns() - begin
    return list(Cost(median(waits), used / wakes))


def one_wake(wait: Wait, ready: Sequence[int]) -> int:
    """Make these ready, wait until all were told, read them; nanoseconds in the waits alone."""
    write, read, clock = os.write, os.read, now_ns
    for fd in ready:
        write(fd, EVENT)
    told = spent = 0
    while told < len(ready):
        start = clock()
        found = wait()
        spent += clock() - start
        for fd in found:
            read(fd, 8)
        told += len(found)
    return spent


@contextlib.contextmanager
def way(method: Method, fds: Sequence[int]) -> Iterator[Wait]:
    """Watch these descriptors for reading; what is given waits and returns those that are ready."""
    room = max(1, len(fds))  # maxevents: without it one call tells FD_SETSIZE - 1 at most
    if method == "select":
        watched = list(fds)
        yield lambda: select.select(watched, (), ())[0]
    elif method == "poll":
        poll = select.poll()
        for fd in fds:
            poll.register(fd, select.POLLIN)
        yield lambda: [fd for fd, _ in poll.poll()]
    elif method == "selectors":
        with selectors.DefaultSelector() as selector:
            for fd in fds:
                selector.register(fd, selectors.EVENT_READ)
            yield lambda: [key.fd for key, _ in selector.select()]
    else:
        edge = select.EPOLLET if method == "epoll edge" else 0
        with select.epoll() as epoll:
            for fd in fds:
                epoll.register(fd, select.EPOLLIN | edge)
            yield lambda: [fd for fd, _ in epoll.poll(-1, room)]
