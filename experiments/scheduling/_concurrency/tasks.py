"""The tasks of `scheduling.concurrency`: what runs in the measured processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise, repeat
from typing import NamedTuple

from experiments.kit.kernel import affinity
from experiments.kit.kernel.clock import now_ns, thread_times
from experiments.kit.subjects.subjects import Gate
from experiments.kit.subjects.work import python_loop

GAP_NS = 300_000  # a chunk that takes this much longer was interrupted: others had the core
CHUNK_S = 20e-6  # of work between two looks at the clock and at the core
AWAKE = b"x"


class Done(NamedTuple):
    """What a task noted about itself: start, end, core, start, end, core, …, and what the kernel counted."""

    slices: list[int]
    cpu_ns: int
    delay_ns: int | None

    @property
    def end_ns(self) -> int:
        return self.slices[-2]

    def pieces(self) -> list[tuple[int, int, int]]:
        return list(zip(self.slices[::3], self.slices[1::3], self.slices[2::3], strict=True))


@lru_cache
def core_asker() -> Callable[[], int]:
    """A function that says on which core it is called: a microsecond, without a system call (getcpu(3))."""
    import ctypes

    asker: Callable[[], int] = ctypes.CDLL(None).sched_getcpu
    return asker


def compute(gate: Gate | None, cores: Sequence[int], chunks: int, loops: int) -> list[object]:
    """In a subject: a fixed amount of work on one of these cores, once the gate opens if there is one."""
    affinity.pin_or_end(cores)
    core_asker()()
    if gate:
        gate.wait()
    before = thread_times()
    slices = noted(chunks, loops)
    return [slices, *thread_times().since(before)]


def noted(chunks: int, loops: int) -> list[int]:
    """Work, and note when it ran where: start, end, core, …; a long chunk or another core ends a slice."""
    clock, core_of = now_ns, core_asker()
    found: list[int] = []
    start = last = clock()
    core = core_of()
    for _ in repeat(None, chunks):
        python_loop(loops)
        now, here = clock(), core_of()
        if now - last > GAP_NS or here != core:
            found += (start, last, core)
            start = now if now - last > GAP_NS else last
            core = here
        last = now
    found += (start, last, core)
    return found


def talk(core: int, inbox: int, outbox: int, steps: int, loops: int) -> list[int]:
    """In a subject: compute, then swap a byte with the other one, again and again; start and end."""
    affinity.pin_or_end({core})
    os.write(outbox, AWAKE)
    os.read(inbox, 1)
    start = now_ns()
    for _ in repeat(None, steps):
        python_loop(loops)
        os.write(outbox, AWAKE)
        os.read(inbox, 1)
    return [start, now_ns()]


# -- from what was noted to lanes -----------------------------------------------------------------


class Stretch(NamedTuple):
    state: str
    core: int | None
    start_ns: int
    end_ns: int


def lane(done: Done, begin_ns: int, asked_ns: int) -> Iterator[Stretch]:
    """A task's time until it is done: blocked until it was asked to start, then on a core or without one."""
    pieces = done.pieces()
    first_ns = pieces[0][0]
    asked_ns = min(asked_ns, first_ns)
    if begin_ns < asked_ns:
        yield Stretch("blocked", None, begin_ns, asked_ns)
    if asked_ns < first_ns:
        yield Stretch("ready", None, asked_ns, first_ns)
    for (start, end, core), (next_start, _, _) in pairwise([*pieces, (done.end_ns, 0, 0)]):
        yield Stretch("running", core, start, end)
        if end < next_start:
            yield Stretch("ready", None, end, next_start)


JOBS: Mapping[str, Callable[..., list[object] | list[int]]] = {"compute": compute, "talk": talk}
