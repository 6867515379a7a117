"""Runs of which one process is killed from outside, wherever it is in the tree."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from app.children.runner import run_child
from app.system.interpreters import default
from experiments.kit.spec import load

LONGEST_S = 30.0  # of a run that should have ended within a second


class Killed(NamedTuple):
    """What became of a run. `victim` is the way to it from the leader: (1, 0) is its second child's first."""

    victim: tuple[int, ...] | None  # None where the run was over before the moment came
    after_s: float  # from the kill to the end of the run
    end: dict[str, Any]
    rows: int


def kill_one(name: str, at_s: float, place: int, **params: Any) -> Killed:
    """At that moment of the run, kill one of those below the leader: the first, …; or the last, with −1."""
    return asyncio.run(kill_in_run(name, at_s, place, params))


async def kill_in_run(name: str, at_s: float, place: int, given: dict[str, Any]) -> Killed:
    experiment = load(name)
    params = experiment.parse(given)
    run = run_child(name, params, python=default(), deadline_s=LONGEST_S, memory_b=2 << 30)
    rows, victim, killed_at = 0, None, 0.0
    killer: asyncio.Task[tuple[tuple[int, ...], float]] | None = None
    message: dict[str, Any] = {}
    async for message in run:
        if message["t"] == "hello":
            killer = asyncio.create_task(kill_below(message["pid"], at_s, place))
        elif message["t"] == "rows":
            rows += len(message["rows"])
    ended_at = time.monotonic()
    if killer and killer.done():
        victim, killed_at = killer.result()
    elif killer:
        killer.cancel()
    return Killed(victim, ended_at - killed_at, message, rows)


async def kill_below(leader: int, at_s: float, place: int) -> tuple[tuple[int, ...], float]:
    await asyncio.sleep(at_s)
    while True:
        with suppress(IndexError, ProcessLookupError, ZeroDivisionError):
            path, pid = list(below(leader))[place]
            os.kill(pid, signal.SIGKILL)
            return path, time.monotonic()
        await asyncio.sleep(0.001)


def below(pid: int, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], int]]:
    """All descendants that live, parents first."""
    with suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                children = [int(child) for child in file.read().split()]
            for number, child in enumerate(children):
                if not is_zombie(child):
                    yield (*path, number), child
                yield from below(child, (*path, number))


def is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in b"ZX"
    except OSError:
        return True
