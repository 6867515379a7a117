"""Topics that are fed only while somebody looks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

from app.live.topics import Topic

log = logging.getLogger(__name__)


class Feed:
    """Publishes what `values` yields, from the topic's first viewer to the last."""

    def __init__(self, topic: Topic, values: Callable[[], AsyncIterator[Any]]) -> None:
        self.topic = topic
        self.topic.on_first = self.start
        self.topic.on_last = self.stop
        self._values = values
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._publish(), name=self.topic.name)

    def stop(self) -> None:
        if self._task:
            self._task.cancel()
            self._task = None
        self.topic.clear()  # who comes later would take the last value for what is now

    async def _publish(self) -> None:
        try:
            async for value in self._values():
                self.topic.publish(value)
        except Exception:
            log.exception("the topic %s has nothing more to say", self.topic.name)
