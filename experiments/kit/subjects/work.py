"""Work to measure with: things that keep a worker busy for a known time, each in its own way.

Every kind of work takes a number of loops and shares nothing with its neighbours: even the
reference count of one shared object would make threads without a GIL wait for each other.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from itertools import repeat

from experiments.kit.kernel.clock import now_ns, seconds, thread_times

Work = Callable[[int], object]

BUFFER_B = 1 << 20  # hashlib lets go of the GIL for buffers above 2047 bytes; this is far above
LONG_ENOUGH_S = 0.02  # a piece that can be timed: several ticks of the scheduler
CHUNK = 500  # loops between two looks at the clock in burn_until: some 10 µs


def python_loop(loops: int) -> int:
    """Pure bytecode on small local integers: it holds the GIL all the while.

    A counter would grow beyond the integers that are there anyway (up to 256, in CPython), and so make
    a turn of a long loop cost more than one of a short loop.
    """
    total = 0
    for _ in repeat(None, loops):
        total = (total + 3) & 0xFF
    return total


def hash_buffers(loops: int) -> None:
    """SHA-256 of `loops` large buffers: the work is C code that lets go of the GIL."""
    hash_one = hasher()
    for _ in range(loops):
        hash_one()


def hasher(size: int = BUFFER_B) -> Callable[[], object]:
    """A function that hashes one buffer of its own."""
    buffer = bytes(size)
    return lambda: hashlib.sha256(buffer)


def nap(loops: int) -> None:
    """Sleeps `loops` microseconds: no work at all, only waiting."""
    time.sleep(loops / 1e6)


def calibrate(work: Work, wanted_s: float) -> int:
    """How many loops keep `work` busy for about this many seconds here and now."""
    loops = 1
    while (took_s := fastest(work, loops)) < LONG_ENOUGH_S and took_s < wanted_s:
        loops *= 2 if took_s > LONG_ENOUGH_S / 16 else 8
    return max(1, round(loops * wanted_s / took_s))


def fastest(work: Work, loops: int, tries: int = 2) -> float:
    """Seconds of the least disturbed of some tries."""
    return min(timed(work, loops) for _ in range(tries))


def timed(work: Work, loops: int) -> float:
    """Seconds that it took, without those in the run queue, where the system tells them: a busy machine
    makes no work longer."""
    start, before = now_ns(), thread_times()
    work(loops)
    after, end = thread_times(), now_ns()
    delay_ns = after.since(before).delay_ns
    return seconds(end - start if delay_ns is None else end - start - delay_ns)


def burn_until(t_ns: int) -> int:
    """Keeps a core busy until the clock shows `t_ns`; returns how many chunks of work got done."""
    chunks = 0
    while now_ns() < t_ns:
        python_loop(CHUNK)
        chunks += 1
    return chunks
