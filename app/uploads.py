"""A file that somebody sends becomes a run: one at a time, read and judged beside the event loop."""

from __future__ import annotations

import asyncio

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from app import imports
from app.bench import Bench
from app.runs import Run

SENDING_S = 120.0  # a file that takes longer to arrive is given up
JUDGING_S = 60.0  # a file that takes longer to read and to judge is given up

_one_at_a_time = asyncio.Semaphore(1)


async def take(request: Request, bench: Bench) -> Run:
    """The run that a request's body has become; a sentence says why there is none, and then nothing is."""
    if _one_at_a_time.locked():
        raise HTTPException(
            429, "another file is being imported; try again in a moment", {"Retry-After": "2"}
        )
    async with _one_at_a_time:
        content = await received(request)
        try:
            async with asyncio.timeout(JUDGING_S):
                imported = await asyncio.to_thread(imports.read, content, bench.experiments)
        except TimeoutError:
            raise HTTPException(422, f"judging its rows took more than {JUDGING_S:.0f} s") from None
        del content
        return await bench.adopt(imported.run, imported.columns, imported.rows)


async def received(request: Request) -> bytearray:
    """The whole body; the guard counts it while it comes."""
    content = bytearray()
    try:
        async with asyncio.timeout(SENDING_S):
            async for piece in request.stream():
                content += piece
    except TimeoutError:
        raise HTTPException(408, f"the file took more than {SENDING_S:.0f} s to arrive") from None
    except ClientDisconnect:
        raise HTTPException(400, "the file did not arrive whole") from None
    return content
