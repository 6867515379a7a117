"""An event loop whose tasks note when they run, with nothing but the public interface of asyncio.

A task drives its coroutine by `send` and `throw`. Each call is one turn: from its begin to its end the
task has the loop, and nobody else. So a task factory wraps every coroutine in an object that stamps these
calls; that costs about half a microsecond a turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, Literal, NamedTuple

from experiments.kit.kernel.clock import now_ns

End = Literal["finished", "failed", "cancelled"]
CALLER = "caller"


class Stepped(Coroutine[Any, Any, Any]):
    """A coroutine that notes its turns as flat integers: begin, end, whether it was cancelled, begin, …"""

    def __init__(self, coroutine: Any) -> None:
        self.coroutine = coroutine
        self.made_ns = now_ns()
        self.turns: list[int] = []

    def send(self, value: Any) -> Any:
        begin = now_ns()
        try:
            return self.coroutine.send(value)
        finally:
            self.turns += (begin, now_ns(), 0)

    def throw(self, error: Any, value: Any = None, trace: Any = None, /) -> Any:
        begin = now_ns()
        try:
            return self.coroutine.throw(error)
        finally:
            self.turns += (begin, now_ns(), isinstance(error, asyncio.CancelledError))

    def close(self) -> None:
        self.coroutine.close()

    def __await__(self) -> Any:
        return self.coroutine.__await__()


class Stretch(NamedTuple):
    """A task's time in one state."""

    task: str
    state: str
    start_ns: int
    end_ns: int


class Ended(NamedTuple):
    """How a task ended, and whether anybody had asked it to stop."""

    task: str
    end: End
    asked: bool
    end_ns: int


class Traced:
    """A task together with its turns."""

    def __init__(self, task: asyncio.Task[Any], stepped: Stepped) -> None:
        self.task, self.stepped = task, stepped

    @property
    def name(self) -> str:
        return self.task.get_name()

    def turns(self) -> list[tuple[int, int, int]]:
        turns = self.stepped.turns
        return list(zip(turns[::3], turns[1::3], turns[2::3], strict=True))

    def stretches(self) -> Iterator[Stretch]:
        """Due until its first turn; then it has the loop in its turns, and is blocked or cancelled else."""
        state, left = "due", self.stepped.made_ns
        for begin, end, cancelled in self.turns():
            yield Stretch(self.name, state, left, begin)
            yield Stretch(self.name, "loop", begin, end)
            if state != "cancelled":
                state = "cancelled" if cancelled and self.name != CALLER else "blocked"
            left = end

    def ended(self) -> Ended:
        end: End = "finished"
        if self.task.cancelled():
            end = "cancelled"
        elif self.task.exception():
            end = "failed"
        return Ended(self.name, end, any(turn[2] for turn in self.turns()), self.turns()[-1][1])


class Performed(NamedTuple):
    """What a loop did from the begin of its caller to the end."""

    began_ns: int
    ended_ns: int
    tasks: list[Traced]


def perform(scene: Callable[[], Awaitable[object]]) -> Performed:
    """Run a scene in an event loop made for it, and wait until all that it started has ended."""
    tasks: list[Traced] = []

    def make_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **given: Any) -> asyncio.Task[Any]:
        stepped = Stepped(coroutine)
        task: asyncio.Task[Any] = asyncio.Task(stepped, loop=loop, **given)
        tasks.append(Traced(task, stepped))
        return task

    async def caller() -> None:
        if task := asyncio.current_task():
            task.set_name(CALLER)
        await scene()

    loop = asyncio.new_event_loop()
    try:
        loop.set_task_factory(make_task)
        began_ns = now_ns()
        loop.run_until_complete(caller())
        performed = Performed(began_ns, now_ns(), list(tasks))
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
    return performed
