"""What runs in the processes of `threads.convoy`: a thread that answers, those that compute, and who asks."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import struct
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Literal

from experiments.kit.kernel.clock import NS_PER_S, now_ns, seconds, thread_times
from experiments.kit.subjects.work import burn_until, calibrate, hasher

Beside = Literal["nobody", "python", "small hash", "long call", "large hash", "process"]

NUMBER = struct.Struct("q")
STOP = b"stop"
SMALL_B, LARGE_B = 1 << 10, 1 << 20  # below and above the size from which hashlib lets go of the GIL
GAPS = (8 / 15, 22 / 15)  # of the mean gap: random, so that questions do not march with the switch interval
PATIENCE_S = 5.0  # for answers that are still missing after the last question


def schedule(n: int, gap_s: float, seed: int) -> list[int]:
    """When to ask, in nanoseconds after the start: fixed before, so that no late answer delays a question."""
    dice = random.Random(seed)
    at, moments = 0.0, []
    for _ in range(n):
        at += gap_s * dice.uniform(*GAPS)
        moments.append(round(at * NS_PER_S))
    return moments


# -- in the measured process ----------------------------------------------------------------------


def answer(
    channel: socket.socket, interval_s: float, beside: Beside, hogs: int, call: int, until_ns: int
) -> list[list[int | None]]:
    """Echo what comes, beside so many busy threads, until told to stop.

    Returns nanoseconds on a core, in the run queue (None where the system does not tell), and in all: of
    this thread, and of each busy one, and of the busy ones how many calls that was.
    """
    sys.setswitchinterval(interval_s)
    used: list[list[int | None]] = []
    arguments = (beside, call, until_ns, used)
    busy = [threading.Thread(target=busy_until, args=arguments) for _ in range(hogs)]
    for thread in busy:
        thread.start()
    start, before = now_ns(), thread_times()
    while (asked := channel.recv(NUMBER.size)) not in (STOP, b""):
        channel.send(asked)
    own, end = thread_times().since(before), now_ns()
    for thread in busy:
        thread.join()
    return [[*own, end - start], *used]


def busy_until(beside: Beside, call: int, until_ns: int, used: list[list[int | None]]) -> None:
    """Compute until that moment, in a thread or a process of its own."""
    calls, start, before = 0, now_ns(), thread_times()
    if beside in ("python", "process"):
        calls = burn_until(until_ns)
    else:
        work = WORK[beside](call)
        while now_ns() < until_ns:
            work()
            calls += 1
    own, end = thread_times().since(before), now_ns()
    used.append([*own, end - start, calls])


def busy_process(until_ns: int) -> list[int | None]:
    used: list[list[int | None]] = []
    busy_until("process", 0, until_ns, used)
    return used[0]


def one_call(loops: int) -> int:
    """A single call of C code that does not let go of the GIL before it is done."""
    return sum(repeat(1, loops))


WORK: Mapping[Beside, Callable[[int], Callable[[], object]]] = {
    "small hash": lambda _: hasher(SMALL_B),
    "large hash": lambda _: hasher(LARGE_B),
    "long call": lambda loops: partial(one_call, loops),
}


def calls_for(wanted_s: float) -> int:
    return calibrate(one_call, wanted_s)


# -- in the process that asks ---------------------------------------------------------------------


def ask(channel: socket.socket, start_ns: int, moments: Sequence[int]) -> list[int]:
    """Ask at those moments, answered or not; nanoseconds until each answer, -1 where none came."""
    sent: dict[int, int] = {}
    took = [-1] * len(moments)

    def listen_until(t_ns: int) -> None:
        while (left_s := seconds(t_ns - now_ns())) > 0 and select.select([channel], [], [], left_s)[0]:
            (number,) = NUMBER.unpack(channel.recv(NUMBER.size))
            took[number] = now_ns() - sent[number]

    for number, moment in enumerate(moments):
        listen_until(start_ns + moment)
        sent[number] = now_ns()
        with contextlib.suppress(BlockingIOError):  # nobody has read for so long that there is no room left
            channel.send(NUMBER.pack(number), socket.MSG_DONTWAIT)
    give_up_ns = now_ns() + round(PATIENCE_S * NS_PER_S)
    while -1 in took and now_ns() < give_up_ns:
        listen_until(min(give_up_ns, now_ns() + NS_PER_S // 100))
    channel.send(STOP)
    return took
