"""The live list of processes: counted once a second while somebody looks, and less often during a run."""

from __future__ import annotations

import asyncio

from app.hub import Hub
from app.processes.census import Census, Row

PERIOD_S = 1.0
QUIET_S = 5.0  # while a run is on the bench: counting costs the cores that are being measured


class Watch:
    """Publishes all rows on the topic `processes` from the first viewer to the last."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.topic = hub.topic("processes", mode="last")
        self.topic.on_first = self.start
        self.topic.on_last = self.stop
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._count(), name="processes")

    def stop(self) -> None:
        if self._task:
            self._task.cancel()
            self._task = None

    async def _count(self) -> None:
        census = Census()
        while True:
            rows = await asyncio.to_thread(census.sample)
            self.topic.publish({"quiet": self.hub.quiet, "columns": Row._fields, "rows": rows})
            await asyncio.sleep(QUIET_S if self.hub.quiet else PERIOD_S)
