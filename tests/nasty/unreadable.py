"""Asks for every page while one file of /proc or /sys cannot be read, for each file that the server reads.

A script of its own: the hook that refuses cannot be taken out of an interpreter again. Prints what was
wrong, as JSON: {"read": [files], "wrong": [[what was asked for, file, what came]]}.
"""

import asyncio
import errno
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from app.cli import doctor
from app.ground.settings import Settings
from app.main import build
from app.system import machine
from app.system.census import Census
from app.system.machine import Sampler

READ = re.compile(r"/(?:proc|sys)\b|\d+/stat")  # the census reads "12/status" relative to /proc
ERRORS = (errno.ENOENT, errno.EACCES)
PAGES = ("/", "/processes", "/processes/{pid}", "/processes/{pid}/parts", "/api/machine", "/api/health")

reads: dict[str, set[str]] = {}  # what is asked for → the files that it reads
asked = ""
refused: dict[str, int] = {}  # file → errno


def family(path: object) -> str:
    """The file of any process: numbers become N."""
    return re.sub(r"\d+", "N", os.fspath(path)) if isinstance(path, str | os.PathLike) else ""


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("open", "os.listdir") or not READ.match(name := str(arguments[0])):
        return
    reads.setdefault(asked, set()).add(family(name))
    if family(name) in refused:
        number = refused[family(name)]
        raise OSError(number, os.strerror(number), name)


Asks = dict[str, Callable[[], Awaitable[object]]]


def asks_of(client: httpx.AsyncClient, data: Path) -> Asks:
    """Pages, topics and the doctor; each raises where it does not come as it should."""

    async def page(path: str) -> None:
        answer = await client.get(path.format(pid=os.getpid()))
        if answer.status_code != 200:
            raise RuntimeError(f"{answer.status_code}")

    async def look(take: Callable[[], object]) -> None:
        json.dumps(take(), default=str)

    looks: dict[str, Callable[[], object]] = {
        "topic machine": lambda: Sampler().sample(),
        "topic processes": lambda: Census().sample(),
        "doctor": lambda: doctor.examine({}, data),
    }
    asks: Asks = {path: partial(page, path) for path in PAGES}
    return asks | {name: partial(look, take) for name, take in looks.items()}


async def came(asks: Asks, name: str) -> str:
    """What went wrong; empty where it came."""
    global asked
    asked = name
    machine.facts.cache_clear()
    try:
        await asks[name]()
    except Exception as error:
        return repr(error)
    return ""


async def all_wrong(asks: Asks) -> AsyncIterator[list[str]]:
    for name in asks:
        if told := await came(asks, name):
            yield [name, "nothing", told]
    for name, files in {name: sorted(files) for name, files in reads.items()}.items():
        for refusals in ({file: number} for file in files for number in ERRORS):
            refused.update(refusals)
            if told := await came(asks, name):
                yield [name, *refusals, told]
            refused.clear()
        refused.update(dict.fromkeys(files, errno.EACCES))
        if told := await came(asks, name):
            yield [name, "all", told]
        refused.clear()


async def main(folder: Path) -> None:
    app = build(Settings(data=folder / "data", cache=folder / "cache"))
    async with app.router.lifespan_context(app):
        doctor.interpreters.find = lambda *_, **__: {}  # what it starts is not ours
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            sys.addaudithook(refuse)
            wrong = [told async for told in all_wrong(asks_of(client, folder))]
    sys.stdout.write(json.dumps({"read": sorted(set().union(*reads.values())), "wrong": wrong}) + "\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
