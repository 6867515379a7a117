"""The scenes of `coroutines.event_loop`: three tasks that wait, and all the ways in which they end.

Who is cancelled must not depend on who is quicker on a busy machine. So in the scenes about it whoever is to
be cancelled waits for a door that the caller opens only when the call in question is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple, get_args

from experiments.coroutines._event_loop.traced import CALLER, End, Performed, perform
from experiments.kit.subjects.work import python_loop

Arrangement = Literal["await", "task, await", "gather", "TaskGroup", "asyncio.wait", "Semaphore(2)", "Queue"]
Scene = Literal[
    "gather, one fails",
    "TaskGroup, one fails",
    "wait, first failure",
    "wait, first result",
    "wait_for, too slow",
    "shield in wait_for",
    "gather is cancelled",
    "three levels",
    "cancel is swallowed",
]
TASKS = ("A", "B", "C")
WAITS = (2, 1, 1.5)  # of each task, in units of the shortest
WORKERS = ("worker 1", "worker 2")  # who take the jobs from a queue
WAIT_OF = dict(zip(TASKS, WAITS, strict=True))
CLEANUP = 0.25  # of that unit: what a cancelled task still has to tidy up

EXPECTED: Mapping[Scene, Mapping[str, End]] = {
    "gather, one fails": {"A": "finished", "B": "failed", "C": "finished"},
    "TaskGroup, one fails": {"A": "cancelled", "B": "failed", "C": "cancelled"},
    "wait, first failure": {"A": "finished", "B": "failed", "C": "finished"},
    "wait, first result": {"A": "finished", "B": "finished", "C": "finished"},
    "wait_for, too slow": {"A": "cancelled"},
    "shield in wait_for": {"A": "finished"},
    "gather is cancelled": {"A": "cancelled", "B": "cancelled", "C": "cancelled"},
    "three levels": {"A": "cancelled", "B": "cancelled", "C": "cancelled"},
    "cancel is swallowed": {"A": "finished"},
}


def has_task_groups() -> bool:
    return hasattr(asyncio, "TaskGroup")


def arrangements() -> list[Arrangement]:
    return [name for name in get_args(Arrangement) if name != "TaskGroup" or has_task_groups()]


def scenes() -> list[Scene]:
    return [name for name in get_args(Scene) if "TaskGroup" not in name or has_task_groups()]


class OnPurpose(Exception):
    """The error of a task that is to fail."""


class Cast(NamedTuple):
    """What the tasks of a scene share."""

    unit_s: float
    loops: int
    door: asyncio.Event

    async def job(self, name: str) -> str:
        """Compute, wait, compute: what every task does in the scenes without trouble."""
        python_loop(self.loops)
        await asyncio.sleep(WAIT_OF[name] * self.unit_s)
        python_loop(self.loops)
        return name

    async def guest(self, name: str, behind: asyncio.Task[Any] | None = None) -> str:
        """Wait for the door, or for another task; tidy up when cancelled."""
        python_loop(self.loops)
        try:
            await (behind or self.door.wait())
        except asyncio.CancelledError:
            await self.tidy()
            raise
        return name

    async def deaf(self) -> str:
        """Take a cancellation for nothing but the end of waiting."""
        with suppress(asyncio.CancelledError):
            await self.door.wait()
        python_loop(self.loops)
        return "A"

    async def fail(self) -> None:
        python_loop(self.loops)
        await self.soon()
        raise OnPurpose

    async def soon(self) -> None:
        await asyncio.sleep(self.unit_s / 2)

    async def tidy(self) -> None:
        await asyncio.sleep(CLEANUP * self.unit_s)

    def jobs(self) -> list[asyncio.Task[str]]:
        return [started(self.job(name), name) for name in TASKS]

    def guests(self, names: Sequence[str] = TASKS) -> list[asyncio.Task[str]]:
        return [started(self.guest(name), name) for name in names]

    def one_fails(self) -> list[asyncio.Task[Any]]:
        return [started(self.fail() if name == "B" else self.guest(name), name) for name in TASKS]

    async def let_go(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        """The call in question is over: whoever still waits may go on, and ends."""
        await self.soon()
        self.door.set()
        await asyncio.wait(tasks)


def started(coroutine: Any, name: str) -> asyncio.Task[Any]:
    return asyncio.create_task(coroutine, name=name)


# -- together, or one after another -----------------------------------------------------------------


async def one_by_one(cast: Cast) -> None:
    for name in TASKS:
        await cast.job(name)


async def task_by_task(cast: Cast) -> None:
    for name in TASKS:
        await started(cast.job(name), name)


async def gathered(cast: Cast) -> None:
    await asyncio.gather(*cast.jobs())


async def grouped(cast: Cast) -> None:
    async with asyncio.TaskGroup() as group:
        for name in TASKS:
            group.create_task(cast.job(name), name=name)


async def waited(cast: Cast) -> None:
    await asyncio.wait(cast.jobs())


async def two_at_a_time(cast: Cast) -> None:
    places = asyncio.Semaphore(2)

    async def admitted(name: str) -> None:
        async with places:
            await cast.job(name)

    await asyncio.gather(*(started(admitted(name), name) for name in TASKS))


async def from_a_queue(cast: Cast) -> None:
    """Two workers that wait at a queue for whatever comes; they are sent home when all is done."""
    jobs: asyncio.Queue[str] = asyncio.Queue()

    async def work() -> None:
        while True:
            await cast.job(await jobs.get())
            jobs.task_done()

    workers = [started(work(), name) for name in WORKERS]
    for name in TASKS:
        jobs.put_nowait(name)
    await jobs.join()
    for worker in workers:
        worker.cancel()
    await asyncio.wait(workers)


# -- trouble ----------------------------------------------------------------------------------------


async def gather_fails(cast: Cast) -> None:
    tasks = cast.one_fails()
    with suppress(OnPurpose):
        await asyncio.gather(*tasks)
    await cast.let_go(tasks)


async def group_fails(cast: Cast) -> None:
    with suppress(Exception):  # an ExceptionGroup, which 3.10 has no name for
        async with asyncio.TaskGroup() as group:
            for name in TASKS:
                group.create_task(cast.fail() if name == "B" else cast.guest(name), name=name)


async def wait_failure(cast: Cast) -> None:
    tasks = cast.one_fails()
    await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    await cast.let_go(tasks)


async def wait_result(cast: Cast) -> None:
    tasks = [started(cast.job(name) if name == "B" else cast.guest(name), name) for name in TASKS]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await cast.let_go(tasks)


async def too_slow(cast: Cast) -> None:
    tasks = cast.guests(("A",))
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(tasks[0], cast.unit_s / 2)
    await cast.let_go(tasks)


async def shielded(cast: Cast) -> None:
    tasks = cast.guests(("A",))
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(tasks[0]), cast.unit_s / 2)
    await cast.let_go(tasks)


async def gather_cancelled(cast: Cast) -> None:
    tasks = cast.guests()
    all_of_them = asyncio.gather(*tasks)
    await cast.soon()
    all_of_them.cancel()
    with suppress(asyncio.CancelledError):
        await all_of_them
    await cast.let_go(tasks)


async def three_levels(cast: Cast) -> None:
    """C waits for B, B for A, and A for the door. Then C is cancelled."""
    tasks = cast.guests(("A",))
    for name in ("B", "C"):
        tasks.append(started(cast.guest(name, behind=tasks[-1]), name))
    await cast.soon()
    tasks[-1].cancel()
    await cast.let_go(tasks)


async def swallowed(cast: Cast) -> None:
    tasks = [started(cast.deaf(), "A")]
    await cast.soon()
    tasks[0].cancel()
    await cast.let_go(tasks)


PLAYS: Mapping[Arrangement | Scene, Callable[[Cast], Awaitable[None]]] = {
    "await": one_by_one,
    "task, await": task_by_task,
    "gather": gathered,
    "TaskGroup": grouped,
    "asyncio.wait": waited,
    "Semaphore(2)": two_at_a_time,
    "Queue": from_a_queue,
    "gather, one fails": gather_fails,
    "TaskGroup, one fails": group_fails,
    "wait, first failure": wait_failure,
    "wait, first result": wait_result,
    "wait_for, too slow": too_slow,
    "shield in wait_for": shielded,
    "gather is cancelled": gather_cancelled,
    "three levels": three_levels,
    "cancel is swallowed": swallowed,
}


def play(name: Arrangement | Scene, unit_s: float, loops: int) -> dict[str, Any]:
    """In a subject: one scene. Its stretches, and how each of its tasks ended, as plain data."""

    async def scene() -> None:
        await PLAYS[name](Cast(unit_s, loops, asyncio.Event()))

    return told(perform(scene))


def told(performed: Performed) -> dict[str, Any]:
    tasks = performed.tasks
    return {
        "began": performed.began_ns,
        "ended": performed.ended_ns,
        "stretches": [tuple(stretch) for task in tasks for stretch in task.stretches()],
        "ends": [tuple(task.ended()) for task in tasks if task.name != CALLER],
    }
