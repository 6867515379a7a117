"""A heartbeat beside a call that may block the loop, and the cures that are recommended for it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from typing import Any, Literal

from experiments.coroutines._event_loop.traced import Traced, perform
from experiments.kit.kernel.clock import NS_PER_S, now_ns
from experiments.kit.subjects.subjects import SubjectDied, end_with
from experiments.kit.subjects.work import calibrate, python_loop

Call = Literal[
    "nothing",
    "asyncio.sleep",
    "time.sleep",
    "sleep, thread",
    "computing",
    "computing, turns",
    "computing, thread",
    "C call, thread",
    "computing, process",
]
HEART, BLOCKER = "heartbeat", "call"
BEAT_S = 0.005
BEFORE_S = 3.4 * BEAT_S  # some beats without the call, and some after it
AFTER_S = 2.5 * BEAT_S
TURNS = 40  # parts of a computation that gives way between them


def one_call(loops: int) -> int:
    """A single call of C code that does not let go of the GIL before it is done."""
    return sum(repeat(1, loops))


def loops_for(wanted_s: float) -> list[int]:
    """In a subject: how many loops of Python code, and of a C call, take so long."""
    return [calibrate(python_loop, wanted_s), calibrate(one_call, wanted_s)]


class NoPool(Exception):
    """The system gives nothing to make a pool of processes with: no semaphore, no pipe or no process."""


def beat(call: Call, block_s: float, python_loops: int, c_loops: int) -> dict[str, Any]:
    """In a subject: how late each heartbeat was, in nanoseconds, and what the two tasks did; or why not."""
    late_ns: list[int] = []
    over = asyncio.Event()

    async def heart() -> None:
        while not over.is_set():
            began_ns = now_ns()
            await asyncio.sleep(BEAT_S)
            late_ns.append(now_ns() - began_ns - round(BEAT_S * NS_PER_S))

    async def scene() -> None:
        beating = asyncio.create_task(heart(), name=HEART)
        await asyncio.sleep(BEFORE_S)
        await asyncio.create_task(do(call, block_s, python_loops, c_loops, pool), name=BLOCKER)
        await asyncio.sleep(AFTER_S)
        over.set()
        await beating

    try:
        with pool_for(call) as pool:
            performed = perform(scene)
    except NoPool as error:
        return {"lacking": str(error)}
    except BrokenExecutor as error:
        raise SubjectDied("the process of the pool ended before it answered") from error
    stretches = [stretch for task in performed.tasks for stretch in stretches_of(task)]
    return {"began": performed.began_ns, "late": late_ns, "stretches": stretches}


async def do(call: Call, block_s: float, python_loops: int, c_loops: int, pool: Executor | None) -> None:
    loop = asyncio.get_running_loop()
    if call == "asyncio.sleep":
        await asyncio.sleep(block_s)
    elif call == "time.sleep":
        time.sleep(block_s)  # noqa: ASYNC251  # what must not be done, to see what it does
    elif call == "sleep, thread":
        await asyncio.to_thread(time.sleep, block_s)
    elif call == "computing":
        python_loop(python_loops)
    elif call == "computing, turns":
        for _ in range(TURNS):
            python_loop(python_loops // TURNS)
            await asyncio.sleep(0)
    elif call == "computing, thread":
        await asyncio.to_thread(python_loop, python_loops)
    elif call == "C call, thread":
        await asyncio.to_thread(one_call, c_loops)
    elif call == "computing, process":
        await loop.run_in_executor(pool, python_loop, python_loops)


@contextmanager
def pool_for(call: Call) -> Iterator[Executor | None]:
    """A pool of one process that is alive already, for the call that needs it; it dies with this process.

    NoPool where there is none to be had, as where /dev/shm is full or missing.
    """
    if call != "computing, process":
        yield None
        return
    ending = (os.getpid(), signal.SIGKILL)
    context = multiprocessing.get_context("fork")  # nothing here has threads yet
    try:
        made = ProcessPoolExecutor(1, mp_context=context, initializer=end_with, initargs=ending)
    except OSError as error:
        raise NoPool(f"This system gives no pool of processes ({error.strerror}).") from error
    with made as pool:
        pool.submit(python_loop, 1).result()
        yield pool


def stretches_of(traced: Traced) -> Iterator[tuple[str, str, int, int]]:
    """The heartbeat knows when it wanted to go on: from then on it is due."""
    for name, state, start, end in traced.stretches():
        due = start + round(BEAT_S * NS_PER_S)
        if name == HEART and state == "blocked" and due < end:
            yield name, "blocked", start, due
            yield name, "due", due, end
        elif name in (HEART, BLOCKER):
            yield name, state, start, end


def cost(call: Call, block_s: float) -> float:
    """About how many seconds: what runs beside the heartbeat in a thread is slowed down a little."""
    return BEFORE_S + AFTER_S + 0.01 + (0 if call == "nothing" else block_s)
