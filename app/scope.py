"""The live view of this machine: sampled only while somebody looks, and rarely while a run is measured."""

from __future__ import annotations

import asyncio

from app.hub import Hub
from app.machine import Sampler

PERIOD_S = 0.1  # smooth enough for a scope that scrolls
QUIET_S = 1.0  # while a run is on the bench: looking costs the cores that are being measured


class Scope:
    """Publishes samples on the topic `machine` from the first viewer to the last."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.topic = hub.topic("machine", mode="last")
        self.topic.on_first = self.start
        self.topic.on_last = self.stop
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._sample(), name="scope")

    def stop(self) -> None:
        if self._task:
            self._task.cancel()
            self._task = None

    async def _sample(self) -> None:
        sampler = Sampler()
        while True:
            await asyncio.sleep(QUIET_S if self.hub.quiet else PERIOD_S)
            self.topic.publish(sampler.sample())
