"""The live view of this machine: sampled only while somebody looks, and rarely while a run is measured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from app.live.feeds import Feed
from app.live.topics import Hub
from app.system.machine import Sampler

PERIOD_S = 0.1  # smooth enough for a scope that scrolls
QUIET_S = 1.0  # while a run is on the bench: looking costs the cores that are being measured


def feed(hub: Hub) -> Feed:
    """Samples, on the topic `machine`."""

    async def samples() -> AsyncIterator[dict[str, Any]]:
        sampler = Sampler()
        while True:
            await asyncio.sleep(QUIET_S if hub.quiet else PERIOD_S)
            yield sampler.sample()

    return Feed(hub.topic("machine", mode="last"), samples)
