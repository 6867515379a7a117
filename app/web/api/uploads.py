"""A file that somebody sends becomes a run: some arrive at a time, none slowly; one is read at a time."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from typing import IO

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from app.bench.bench import Bench
from app.runs.run import Run
from app.storage.errors import StorageFailed

SENDING_S = 120.0  # a file that takes longer to arrive is given up
PACE_S, LEAST_B = 10.0, 64 * 1024  # and one of which less comes in that time: who dawdles holds up others
ARRIVING = 4  # files at a time
IN_MEMORY_B = 1024 * 1024  # what is more lies in a temporary file until it has arrived
PIECE_B = 256 * 1024

_arriving = asyncio.Semaphore(ARRIVING)
_one_at_a_time = asyncio.Semaphore(1)


async def take(request: Request, bench: Bench) -> Run:
    """The run that a request's body has become; a sentence says why there is none, and then nothing is."""
    if _arriving.locked():
        raise HTTPException(
            429, "other files are being imported; try again in a moment", {"Retry-After": "2"}
        )
    async with _arriving:
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_B) as file:
            async for piece in arriving(request):
                keep(file, piece)
            file.seek(0)
            async with _one_at_a_time:
                return await bench.adopt(read_pieces(file))


def keep(file: IO[bytes], piece: bytes) -> None:
    try:
        file.write(piece)
    except OSError as error:
        raise StorageFailed(f"there is no place for the file while it arrives: {error.strerror}") from None


async def read_pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := file.read(PIECE_B):
        yield piece
        await asyncio.sleep(0)


async def arriving(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes; the guard counts it meanwhile."""
    begun = time.monotonic()
    due, came = begun + PACE_S, 0
    pieces = request.stream()
    try:
        while True:
            async with asyncio.timeout(min(due, begun + SENDING_S) - time.monotonic()):
                piece = await anext(pieces, None)
            if piece is None:
                return
            came += len(piece)
            if came >= LEAST_B:
                due, came = time.monotonic() + PACE_S, 0
            yield piece
    except TimeoutError:
        raise HTTPException(408, why_too_slow(time.monotonic() - begun)) from None
    except ClientDisconnect:
        raise HTTPException(400, "the file did not arrive whole") from None


def why_too_slow(took_s: float) -> str:
    if took_s >= SENDING_S:
        return f"the file took more than {SENDING_S:.0f} s to arrive"
    return f"the file arrived too slowly: less than {LEAST_B // 1024} kB in {PACE_S:.0f} s"
