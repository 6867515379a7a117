"""The server, or it and all its children, is stopped for a while (SIGSTOP), as by a lid that closes."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path

from websockets.asyncio.client import connect

from tests.served import Served
from tests.siege.ground import answer_s, arguments, ground, log_of, report


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


async def besiege(served: Served, seconds: float = 20.0, everything: bool = False) -> dict[str, object]:
    """A run goes on and somebody watches; then nothing moves for some seconds; then it goes on."""
    run = served.run("threads.race", preset=None, repeats=3)
    url = served.url.replace("http", "ws", 1) + "/ws"
    async with connect(url, ping_interval=None) as page:
        await page.recv()
        await page.send(json.dumps({"op": "sub", "topic": f"run:{run}"}))
        await page.recv()
        stopped = family(served.process.pid) if everything else [served.process.pid]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)
        begun = time.monotonic()
        answer = await asyncio.to_thread(answer_s, served, "/api/health", 30.0)
        await page.send('{"op":"ping","id":1}')
        while json.loads(await asyncio.wait_for(page.recv(), 30))["t"] != "pong":
            pass
        heard = time.monotonic() - begun
        after = await asyncio.to_thread(served.ended, run, 120)
    return {
        "stopped": f"{len(stopped)} processes for {seconds:g} s",
        "first answer afterwards, s": answer,
        "the page hears again after, s": heard,
        "the run": f"{after['state']} {after['why']}",
        "its verdict": (after["verdict"] or {}).get("answer"),
        "its doubts": len((after["verdict"] or {}).get("doubts", [])),
        "tracebacks": log_of(served).count("Traceback"),
        "next run": served.ended(served.run("threads.race"), 120)["state"],
    }


if __name__ == "__main__":
    given = arguments(__doc__, seconds=20.0)
    for everything in (False, True):
        with ground() as served:
            report(asyncio.run(besiege(served, given.seconds, everything)))
