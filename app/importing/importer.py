"""Has a file from elsewhere read by a process of its own, which is `adoption`.

The parser holds the interpreter's lock while it reads, and what it makes of a crafted file weighs many
times the file. In the server the one would hold up every page and the other could fill the machine.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterable
from contextlib import suppress
from pathlib import Path

from pydantic_core import from_json

from app.children.runner import uninterrupted
from app.importing.checks import MEMORY_B, TOO_HEAVY, ImportRefused
from app.storage.errors import StorageFailed

JUDGING_S = 60.0  # a file that takes longer to read and to judge is given up
HOME = Path(__file__).parents[2]  # where `app` is imported from


async def take_in(
    pieces: AsyncIterable[bytes], database: Path, root: Path | None = None, memory_b: int = MEMORY_B
) -> str:
    """The id of the run that a file has become; ImportRefused and StorageFailed say why there is none.

    `root` is the folder with the `experiments`, where it is not our own. Whatever the pieces raise
    comes out again, and nothing is stored.
    """
    child = await start(database, root or HOME, memory_b)
    try:
        await hand_on(pieces, child)
        async with asyncio.timeout(JUDGING_S):
            said, _ = await child.communicate()
    except TimeoutError:
        raise ImportRefused(f"reading the file took more than {JUDGING_S:.0f} s") from None
    finally:
        await uninterrupted(end(child))
    return run_in(said, child.returncode)


async def start(database: Path, root: Path, memory_b: int) -> Process:
    found_in = os.pathsep.join(filter(None, (str(HOME), os.environ.get("PYTHONPATH"))))
    # Where memory ends, the parser is to end at once: telling where it stood would need more memory.
    environment = os.environ | {"PYTHONPATH": found_in, "RUST_BACKTRACE": "0"}
    command = (sys.executable, "-m", "app.importing.adoption", str(database), str(memory_b))
    try:
        return await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, cwd=root, env=environment
        )
    except OSError as error:
        raise StorageFailed(f"no process could be started to read the file: {error.strerror}") from error


async def hand_on(pieces: AsyncIterable[bytes], child: Process) -> None:
    assert child.stdin
    async for piece in pieces:
        with suppress(ConnectionError):  # it has ended, and its answer says why
            child.stdin.write(piece)
            await child.stdin.drain()
    child.stdin.close()


async def end(child: Process) -> None:
    """It is over when this returns, whatever it was doing; what it had not stored whole is gone."""
    with suppress(ProcessLookupError):
        child.kill()
    await child.wait()


def run_in(said: bytes, returncode: int | None) -> str:
    """The id in the child's answer. One without an answer was ended by the system, mostly for its memory."""
    if not said and returncode is not None and returncode < 0:
        raise ImportRefused(TOO_HEAVY)
    if not said:
        raise RuntimeError("the process that reads files ended without an answer; its last words are above")
    answer = from_json(said)
    if "refused" in answer:
        raise ImportRefused(answer["refused"])
    if "failed" in answer:
        raise StorageFailed(answer["failed"])
    return str(answer["run"])
