"""The live list of processes: counted once a second while somebody looks, and less often during a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from app.live.feeds import Feed
from app.live.topics import Hub
from app.system.census import Census, Row

PERIOD_S = 1.0
QUIET_S = 5.0  # while a run is on the bench: counting costs the cores that are being measured


def feed(hub: Hub) -> Feed:
    """All rows, on the topic `processes`."""

    async def counts() -> AsyncIterator[dict[str, Any]]:
        census = Census()
        while True:
            rows = await asyncio.to_thread(census.sample)
            yield {"quiet": hub.quiet, "columns": Row._fields, "rows": rows}
            await asyncio.sleep(QUIET_S if hub.quiet else PERIOD_S)

    return Feed(hub.topic("processes", mode="last"), counts)
