"""One stretch of recording for `threads.gil_wait`: what runs inside the measured process.

Everything crosses a pipe afterwards as plain lists; nothing is written while threads run.
"""

from __future__ import annotations

import os
import random
import struct
import sys
import threading
import time
from contextlib import closing
from typing import NamedTuple

from experiments.kit import timeline
from experiments.kit.kernel.clock import NS_PER_S, grown, now_ns, thread_times
from experiments.kit.kernel.proc import Switches, Task, missing
from experiments.kit.subjects.subjects import Gate, in_threads
from experiments.kit.subjects.work import hasher

STAMP = struct.Struct("q")
GAPS_S = (0.005, 0.015)  # between two messages: random, so that they do not march with the switch interval
BUFFER_B = 1 << 16  # hashed at once: far above what keeps the GIL, small enough to see interruptions


class Lane(NamedTuple):
    """What one thread noted about itself.

    `bursts` is start, end, start, end, …; `reads` is call, the sender's stamp, return, … and empty
    for threads that only compute. The last four are what the kernel counted for it since the start; None
    is what it does not tell.
    """

    end_ns: int
    bursts: list[int]
    reads: list[int]
    cpu_ns: int
    delay_ns: int | None
    voluntary: int | None
    involuntary: int | None


Counted = list["int | None"]  # CPU, run-queue delay, voluntary and involuntary context switches


class Start:
    """Where the threads of a process wait for each other, and then for all other processes.

    The last one to arrive reads the counters of all of them, which stand still by then: a thread
    could not do that itself, because some wait for the GIL or a core before they can do anything.
    """

    def __init__(self, gate: Gate, threads: int, length_ns: int) -> None:
        self.gate = gate
        self.length_ns = length_ns
        self.begin_ns = self.until_ns = 0
        self.counted: dict[int, Counted] = {}
        self._tasks: dict[int, int] = {}  # with what each knows of its own CPU time
        self._barrier = threading.Barrier(threads, action=self._open)

    def wait(self) -> Counted:
        """In a thread: block until all may start; returns its counters at that moment."""
        task = threading.get_native_id()
        self._tasks[task] = time.thread_time_ns()
        self._barrier.wait()
        return self.counted[task]

    def _open(self) -> None:
        self.counted = {task: counters(task, cpu_ns) for task, cpu_ns in self._tasks.items()}
        self.begin_ns = self.gate.wait()
        self.until_ns = self.begin_ns + self.length_ns


Answer = tuple[int, int, list[list[object]]]  # begin, end, and a Lane for each thread


def threads_run(
    gate: Gate, workload: str, threads: int, interval_s: float, length_ns: int, reader: int
) -> Answer:
    """In the measured process: that many threads that compute, and one that reads if there is a pipe."""
    sys.setswitchinterval(interval_s)
    jobs = [(workload, -1)] * threads + [("read", reader)] * (reader >= 0)
    start = Start(gate, len(jobs), length_ns)
    lanes = in_threads(lane, [(start, *job) for job in jobs])
    return start.begin_ns, start.until_ns, lanes


def process_runs(gate: Gate, length_ns: int) -> Answer:
    """In a process of its own: the same loop as a thread's, and no other thread beside it."""
    start = Start(gate, 1, length_ns)
    alone = lane(start, "python", -1)
    return start.begin_ns, start.until_ns, [alone]


def messages(gate: Gate, pipe: int, length_ns: int) -> None:
    """In the sender: messages that say when they were sent; the last one has a minus sign."""
    until_ns = gate.wait() + length_ns
    dice = random.Random(until_ns)
    more = True
    while more:
        time.sleep(dice.uniform(*GAPS_S))
        sent_ns = now_ns()
        more = sent_ns < until_ns
        os.write(pipe, STAMP.pack(sent_ns if more else -sent_ns))


def lane(start: Start, job: str, reader: int) -> list[object]:
    """In a thread: do the job until the time has come, and tell what became of it."""
    before = start.wait()
    bursts, reads = record(job, start.until_ns, reader)
    used, end_ns = thread_times(), now_ns()  # before the switches: to read those takes a while
    after = [*used, *switches_of(threading.get_native_id())]
    return [end_ns, bursts, reads, *map(grown, before, after)]


def record(job: str, until_ns: int, reader: int) -> tuple[list[int], list[int]]:
    if job == "read":
        return read_all(reader)
    if job == "hash":
        return timeline.call_bursts(hasher(BUFFER_B), until_ns), []
    return timeline.bursts(until_ns), []


def read_all(pipe: int) -> tuple[list[int], list[int]]:
    """Read messages until the last one. Between two reads this thread runs."""
    bursts = [now_ns()]
    reads: list[int] = []
    stamp = 0
    while stamp >= 0:
        called_ns = now_ns()
        (stamp,) = STAMP.unpack(os.read(pipe, STAMP.size))
        returned_ns = now_ns()
        bursts += (called_ns, returned_ns)
        reads += (called_ns, max(called_ns, abs(stamp)), returned_ns)
    return [*bursts, now_ns()], reads


def counters(task: int, cpu_ns: int) -> Counted:
    """Of a thread of this process that is blocked; `cpu_ns` is what it had seen of itself before that."""
    if missing():
        return [cpu_ns, None, *switches_of(task)]
    with closing(Task(os.getpid(), task)) as looked:
        return [*looked.times()[:2], *switches_of(task)]


def switches_of(task: int) -> Switches | tuple[None, None]:
    """Of a thread of this process; None where the system does not tell. Not by getrusage, which some
    interpreters have for whole processes only."""
    try:
        with closing(Task(os.getpid(), task)) as looked:
            return looked.switches()
    except (OSError, ValueError):
        return None, None


def lengths(seconds: float, segment_s: float) -> list[int]:
    """How the recording is cut: a short first part, so that there is something to draw, then even ones."""
    first_s = min(0.05, seconds / 2)
    parts = max(1, round((seconds - first_s) / segment_s))
    return [int(s * NS_PER_S) for s in [first_s] + [(seconds - first_s) / parts] * parts]
