"""One stretch of recording for `threads.gil_wait`: what runs inside the measured process.

Everything crosses a pipe afterwards as plain lists; nothing is written while threads run.
"""

from __future__ import annotations

import contextlib
import os
import random
import struct
import sys
import time
from threading import Barrier
from typing import NamedTuple

from experiments.kit import timeline
from experiments.kit.clock import NS_PER_S, now_ns, thread_times
from experiments.kit.subjects import in_threads
from experiments.kit.work import hasher

STAMP = struct.Struct("q")
GAPS_S = (0.005, 0.015)  # between two messages: random, so that they do not march with the switch interval
BUFFER_B = 1 << 16  # hashed at once: far above what keeps the GIL, small enough to see interruptions


class Lane(NamedTuple):
    """What one thread noted about itself, from its arrival at the start on.

    `bursts` is start, end, start, end, …; `reads` is call, the sender's stamp, return, … and empty
    for threads that only compute. The last four are what the kernel counted for it.
    """

    arrived_ns: int
    end_ns: int
    bursts: list[int]
    reads: list[int]
    cpu_ns: int
    delay_ns: int
    voluntary: int
    involuntary: int


def threads_run(
    workload: str, threads: int, interval_s: float, until_ns: int, reader: int
) -> list[list[object]]:
    """In the measured process: that many threads that compute, and one that reads if there is a pipe."""
    sys.setswitchinterval(interval_s)
    jobs = [(workload, -1)] * threads + [("read", reader)] * (reader >= 0)
    start = Barrier(len(jobs))
    return in_threads(lane, [(start, until_ns, *job) for job in jobs])


def process_runs(until_ns: int) -> list[list[object]]:
    """In a process of its own: the same loop as a thread's, and no other thread beside it."""
    return [lane(Barrier(1), until_ns, "python", -1)]


def messages(pipe: int, until_ns: int) -> list[list[object]]:
    """In the sender: messages that say when they were sent; the last one is sent after the end."""
    dice = random.Random(until_ns)
    sent_ns = 0
    while sent_ns < until_ns:
        time.sleep(dice.uniform(*GAPS_S))
        sent_ns = now_ns()
        os.write(pipe, STAMP.pack(sent_ns))
    return []


def lane(start: Barrier, until_ns: int, job: str, reader: int) -> list[object]:
    """In a thread: do the job until the time has come, and tell what became of it.

    It looks at its counters before the start, because some threads wait for the GIL or for a core
    before they can do anything at all.
    """
    before = (*thread_times(), *context_switches())
    arrived_ns = now_ns()
    start.wait()
    bursts, reads = record(job, until_ns, reader)
    after = (*thread_times(), *context_switches())
    spent = [new - old for new, old in zip(after, before, strict=True)]
    return [arrived_ns, now_ns(), bursts, reads, *spent]


def record(job: str, until_ns: int, reader: int) -> tuple[list[int], list[int]]:
    if job == "read":
        return read_all(reader, until_ns)
    if job == "hash":
        return timeline.call_bursts(hasher(BUFFER_B), until_ns), []
    return timeline.bursts(until_ns), []


def read_all(pipe: int, until_ns: int) -> tuple[list[int], list[int]]:
    """Read messages until one was sent after the end. Between two reads this thread runs."""
    bursts = [now_ns()]
    reads: list[int] = []
    sent_ns = 0
    while sent_ns < until_ns:
        called_ns = now_ns()
        (sent_ns,) = STAMP.unpack(os.read(pipe, STAMP.size))
        returned_ns = now_ns()
        bursts += (called_ns, returned_ns)
        reads += (called_ns, max(called_ns, sent_ns), returned_ns)
    return [*bursts, now_ns()], reads


def context_switches() -> tuple[int, int]:
    """Voluntary and involuntary ones of the calling thread; 0 where the system does not tell."""
    with contextlib.suppress(ImportError, AttributeError):
        import resource

        used = resource.getrusage(resource.RUSAGE_THREAD)
        return used.ru_nvcsw, used.ru_nivcsw
    return 0, 0


def lengths(seconds: float, segment_s: float) -> list[int]:
    """How the recording is cut: a short first part, so that there is something to draw, then even ones."""
    first_s = min(0.05, seconds / 2)
    parts = max(1, round((seconds - first_s) / segment_s))
    return [int(s * NS_PER_S) for s in [first_s] + [(seconds - first_s) / parts] * parts]
