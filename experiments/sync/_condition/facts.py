"""Facts about the other primitives that are exact: each is tried once, in a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal, get_args

from experiments.kit.kernel.clock import now_ns, seconds
from experiments.kit.subjects.work import python_loop

Fact = Literal[
    "event remembered",
    "barrier places",
    "barrier broken",
    "semaphore over-released",
    "bounded: stray release unnoticed",
    "bounded: error hits the innocent",
]
Beside = Literal["nobody", "a busy thread"]
FACTS: tuple[Fact, ...] = get_args(Fact)
BESIDES: tuple[Beside, ...] = get_args(Beside)
LONG_S = 5.0  # nobody waits so long, unless something is wrong
SHORT_S = 0.02
TIMER_S = 0.005
SPIN = 1000  # loops between two looks whether to stop


def find_out(threads: int) -> dict[Fact, int]:
    """In a child: how often each of the facts was seen; with n threads where n are asked for."""
    bounded = bounded_semaphore()
    return {
        "event remembered": event(threads),
        "barrier places": len(set(barrier(threads))),
        "barrier broken": broken_barrier(threads),
        "semaphore over-released": semaphore(),
        "bounded: stray release unnoticed": bounded[0],
        "bounded: error hits the innocent": bounded[1],
    }


def event(threads: int) -> int:
    """How many get through an event that was set before they came."""
    rung = threading.Event()
    rung.set()
    return sum(in_threads(threads, lambda: rung.wait(LONG_S)))


def barrier(threads: int) -> list[int]:
    """The place that each of them was given at the barrier."""
    gate = threading.Barrier(threads)
    return in_threads(threads, lambda: gate.wait(LONG_S))


def broken_barrier(threads: int) -> int:
    """One too few comes, and the first one loses patience: how many are told that it is broken?"""
    gate = threading.Barrier(threads)

    def came() -> int:
        try:
            gate.wait(SHORT_S)
        except threading.BrokenBarrierError:
            return 1
        return 0

    return sum(in_threads(threads - 1, came))


def semaphore() -> int:
    """How many get into a room for one, after one release too many."""
    room = threading.Semaphore(1)
    room.release()
    return sum(room.acquire(blocking=False) for _ in range(3))


def bounded_semaphore() -> tuple[int, int]:
    """A room for two with one inside: a stray release passes, and who leaves rightly gets the error."""
    room = threading.BoundedSemaphore(2)
    room.acquire()
    return 1 - refused(room), refused(room)


def refused(room: threading.BoundedSemaphore) -> int:
    try:
        room.release()
    except ValueError:
        return 1
    return 0


def in_threads(count: int, act: Callable[[], int]) -> list[int]:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(act())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def late(beside: Beside, timers: int) -> list[float]:
    """In a child: how many seconds after their time some timers rang."""
    done = threading.Event()
    busy = threading.Thread(target=spin_until, args=(done,))
    if beside == "a busy thread":
        busy.start()
    try:
        return [one_timer() for _ in range(timers)]
    finally:
        done.set()
        if busy.ident:
            busy.join()


def one_timer() -> float:
    rang: list[int] = []
    timer = threading.Timer(TIMER_S, lambda: rang.append(now_ns()))
    start = now_ns()
    timer.start()
    timer.join()
    return seconds(rang[0] - start) - TIMER_S


def spin_until(done: threading.Event) -> None:
    while not done.is_set():
        python_loop(SPIN)
