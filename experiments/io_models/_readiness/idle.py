"""An echo server with a few busy connections and many idle ones, and the client that keeps it busy."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Mapping, Sequence

from experiments.io_models._readiness.watch import Method, Wait, raise_limit, way
from experiments.kit.kernel.clock import now_ns
from experiments.kit.stats import median

BUSY = 10  # connections over which questions come, one at a time
WARM_UP = 5  # questions; the first wait pays for what is prepared once
MESSAGE = bytes(64)


def serve(ends: Sequence[socket.socket], method: Method, idle: int, requests: int) -> float:
    """Answer so many questions beside idle connections; nanoseconds of CPU time for each.

    Both ends of an idle connection are here: nobody sends on it, so it does not matter where they are.
    """
    raise_limit(2 * idle)
    with contextlib.ExitStack() as stack:
        idles = [stack.enter_context(end) for _ in range(idle) for end in socket.socketpair()]
        busy = {end.fileno(): end for end in ends}
        wait = stack.enter_context(way(method, [*busy, *(end.fileno() for end in idles[::2])]))
        echo(busy, wait, WARM_UP)
        begin = time.thread_time_ns()
        echo(busy, wait, requests)
        return (time.thread_time_ns() - begin) / requests


def echo(busy: Mapping[int, socket.socket], wait: Wait, requests: int) -> None:
    answered = 0
    while answered < requests:
        for fd in wait():
            busy[fd].send(busy[fd].recv(len(MESSAGE)))
            answered += 1


def ask(ends: Sequence[socket.socket], requests: int) -> float:
    """Ask over each connection in turn; the median of nanoseconds until the answer."""
    took = []
    for number in range(WARM_UP + requests):
        end = ends[number % len(ends)]
        start = now_ns()
        end.send(MESSAGE)
        end.recv(len(MESSAGE))
        took.append(now_ns() - start)
    return median(took[WARM_UP:])
