"""Other loops beside asyncio's: sleeps that are started together, and turns, in a process for each loop.

A process for each, because monkey patching changes the process that it is done in. uvloop and gevent are
optional: whichever this Python lacks is told, and the others run.
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from experiments.kit.kernel.clock import now_ns
from experiments.kit.subjects.subjects import Group, SubjectDied, Worker

Loop = Literal["asyncio", "uvloop", "gevent", "gevent, patched"]
Sleep = Literal["the loop's sleep", "time.sleep", "a sleep in C"]

ASKED: Mapping[Loop, tuple[Sleep, Sleep]] = {  # of each loop: what it can wait for, and what stops it
    "asyncio": ("the loop's sleep", "time.sleep"),
    "uvloop": ("the loop's sleep", "time.sleep"),
    "gevent": ("the loop's sleep", "time.sleep"),
    "gevent, patched": ("time.sleep", "a sleep in C"),
}
PACKAGES: Mapping[Loop, str] = {"uvloop": "uvloop", "gevent": "gevent", "gevent, patched": "gevent"}
EXTRA = "loops"  # of oscope, which brings them
KILLED = (-signal.SIGKILL, -signal.SIGTERM)  # from outside; no package does that to itself
WARM_UP_S, WARM_UP_TURNS = 0.001, 100


class Coroutines:
    """asyncio, on its own loop or on one that takes its place."""

    def __init__(self, make_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self.loop = make_loop()

    def together(self, sleep: Sleep, sleeps: int, length_s: float) -> None:
        async def one() -> None:
            if sleep == "the loop's sleep":
                await asyncio.sleep(length_s)
            else:
                blocking(sleep)(length_s)

        async def all_of_them() -> None:
            await asyncio.gather(*(one() for _ in range(sleeps)))

        self.loop.run_until_complete(all_of_them())

    def turns(self, turns: int) -> None:
        async def again_and_again() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.loop.run_until_complete(again_and_again())


class Greenlets:
    """gevent: functions without `await`, which change over wherever a call of gevent waits."""

    def __init__(self, gevent: Any) -> None:
        self.gevent = gevent

    def together(self, sleep: Sleep, sleeps: int, length_s: float) -> None:
        nap = self.gevent.sleep if sleep == "the loop's sleep" else blocking(sleep)
        self.gevent.joinall([self.gevent.spawn(nap, length_s) for _ in range(sleeps)], raise_error=True)

    def turns(self, turns: int) -> None:
        for _ in range(turns):
            self.gevent.sleep(0)


def make(loop: Loop) -> Coroutines | Greenlets:
    """In a subject: this is where a package is imported, and this process patched."""
    if loop == "asyncio":
        return Coroutines(asyncio.new_event_loop)
    if loop == "uvloop":
        import uvloop

        return Coroutines(uvloop.new_event_loop)
    import gevent
    import gevent.monkey

    if loop == "gevent, patched":
        gevent.monkey.patch_time()  # of `patch_all`, the part that is asked about here
    return Greenlets(gevent)


def blocking(sleep: Sleep) -> Callable[[float], object]:
    """A sleep that knows nothing of loops; `time.sleep` is what that name means now, patched or not."""
    return time.sleep if sleep == "time.sleep" else c_sleep


def c_sleep(length_s: float) -> None:
    """usleep(3) of the C library, called past everything that Python could have swapped."""
    ctypes.CDLL(None).usleep(round(length_s * 1e6))


class Stage:
    """In a subject: one loop that is made by the first job, and plays the others."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop

    def __call__(self, job: str, *arguments: Any) -> object:
        return getattr(self, job)(*arguments)

    def start(self) -> bool:
        """Whether the loop could be made."""
        try:
            self.made = make(self.loop)
        except ImportError:
            return False
        for sleep in ASKED[self.loop]:
            self.together(sleep, 1, WARM_UP_S)
        self.turns(WARM_UP_TURNS)
        return True

    def together(self, sleep: Sleep, sleeps: int, length_s: float) -> int:
        """Nanoseconds until the last of the sleeps was over."""
        began_ns = now_ns()
        self.made.together(sleep, sleeps, length_s)
        return now_ns() - began_ns

    def turns(self, turns: int) -> int:
        """Nanoseconds that so many turns took, with nobody else in the loop."""
        began_ns = now_ns()
        self.made.turns(turns)
        return now_ns() - began_ns


Crew = Mapping[Loop, Worker]


def enlist(group: Group) -> tuple[Crew, list[str]]:
    """A process for each loop that this Python can make; and the packages that it cannot import."""
    crew: dict[Loop, Worker] = {loop: group.worker(Stage(loop), name=loop) for loop in get_args(Loop)}
    for worker in crew.values():
        worker.expendable = worker.name in PACKAGES  # it may end while another one is waited for
        worker.ask("start")
    ready = {loop: started(worker) for loop, worker in crew.items()}
    for loop, worker in crew.items():
        worker.expendable = not ready[loop]
    lacking = dict.fromkeys(PACKAGES[loop] for loop in crew if not ready[loop])
    return {loop: worker for loop, worker in crew.items() if ready[loop]}, list(lacking)


def started(worker: Worker) -> bool:
    """A package that takes its process down when imported is as good as missing; who was killed is not."""
    try:
        return bool(worker.answer())
    except SubjectDied:
        if worker.ended() in (None, *KILLED):  # another one died, or somebody killed it
            raise
        return False


def ask(subject: Worker, *job: object) -> Any:
    subject.ask(*job)
    return subject.answer()
