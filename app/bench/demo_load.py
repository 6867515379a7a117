"""Stirring: some seconds of work that everybody at the bench sees on the scope. Nothing is kept of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from app.ground.payloads import Message
from app.live.topics import Hub
from app.system.interpreters import Interpreter
from experiments.kit.child import stir

log = logging.getLogger(__name__)

DEADLINE_S = stir.LENGTH_S + 4  # it ends itself; this is for one that does not
MEMORY_B = 4 << 30  # of addresses: a thread takes little, but reserves some


class UnknownStir(LookupError):
    """There is no such way to stir the machine."""


class Stirring:
    """At most one at a time: who asks for another one ends the first."""

    def __init__(self, hub: Hub, run_child: Callable[..., AsyncIterator[Message]]) -> None:
        self.run_child = run_child
        self.kind = ""
        self.until = 0.0  # by the monotonic clock
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._turn = asyncio.Lock()
        self._topic = hub.topic("stir", snapshot=self.state, mode="last")

    def state(self) -> dict[str, Any]:
        """What goes on, and for how long still; `kind` is empty when nothing does."""
        return {"kind": self.kind, "left_s": max(0.0, self.until - time.monotonic()) if self.kind else 0.0}

    async def begin(self, kind: str, python: Interpreter) -> None:
        """Returns at once; UnknownStir where there is no such kind."""
        if kind not in stir.KINDS:
            known = ", ".join(stir.KINDS)
            raise UnknownStir(f"{kind[:40]!r} is no way to stir the machine; there are {known}")
        async with self._turn:
            await self._end()
            self._stop = asyncio.Event()
            self._tell(kind)
            self._task = asyncio.create_task(self._carry_out(kind, python, self._stop), name=f"stir {kind}")

    async def end(self) -> None:
        """Returns when nothing of it is left."""
        async with self._turn:
            await self._end()

    async def _end(self) -> None:
        self._stop.set()
        if self._task:
            await self._task

    async def _carry_out(self, kind: str, python: Interpreter, stop: asyncio.Event) -> None:
        try:
            bounds: dict[str, Any] = {"deadline_s": DEADLINE_S, "memory_b": MEMORY_B}
            messages = self.run_child("kit.child.stir", {"kind": kind}, python=python, stop=stop, **bounds)
            async for message in messages:
                if message["t"] == "progress":
                    self._tell(kind)  # it begins only now
                if message["t"] == "end" and message["sentence"] and not stop.is_set():
                    log.warning("stirring the machine ended early: %s", message["sentence"])
        except Exception:  # it costs the stir, and not the run that waits for its end
            log.exception("the machine could not be stirred")
        self._tell("")

    def _tell(self, kind: str) -> None:
        self.kind, self.until = kind, time.monotonic() + stir.LENGTH_S
        self._topic.publish(self.state())
