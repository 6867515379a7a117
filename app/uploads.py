"""A file that somebody sends becomes a run: one at a time, and it may not take for ever to arrive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from app.bench import Bench
from app.runs import Run

SENDING_S = 120.0  # a file that takes longer to arrive is given up

_one_at_a_time = asyncio.Semaphore(1)


async def take(request: Request, bench: Bench) -> Run:
    """The run that a request's body has become; a sentence says why there is none, and then nothing is."""
    if _one_at_a_time.locked():
        raise HTTPException(
            429, "another file is being imported; try again in a moment", {"Retry-After": "2"}
        )
    async with _one_at_a_time:
        return await bench.adopt(arriving(request))


async def arriving(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes; the guard counts it meanwhile."""
    give_up = time.monotonic() + SENDING_S
    pieces = request.stream()
    try:
        while True:
            async with asyncio.timeout(give_up - time.monotonic()):
                piece = await anext(pieces, None)
            if piece is None:
                return
            yield piece
    except TimeoutError:
        raise HTTPException(408, f"the file took more than {SENDING_S:.0f} s to arrive") from None
    except ClientDisconnect:
        raise HTTPException(400, "the file did not arrive whole") from None
