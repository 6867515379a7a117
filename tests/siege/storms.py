"""Many pages at once: some that never read, some that come and go, and one that follows all it may."""

import asyncio
import json
import random
import socket
import time
from urllib.parse import urlsplit

from websockets.asyncio.client import connect

from tests.served import Served
from tests.siege.ground import answer_s, arguments, descriptors, ground, log_of, report, resident_mb

SHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


async def follow(url: str, topic: str) -> bool:
    """Watch a run until its end is told."""
    async with connect(url, ping_interval=None, open_timeout=60) as page:
        await page.send(json.dumps({"op": "sub", "topic": topic}))
        async for text in page:
            if '"state":"done"' in text:
                return True
    return False


async def watch_together(served: Served, viewers: int = 300, sleepers: int = 60) -> dict[str, object]:
    port = urlsplit(served.url).port or 0
    url = f"ws://127.0.0.1:{port}/ws"
    before, fds = resident_mb(served.process.pid), descriptors(served.process.pid)
    asleep = []
    for _ in range(sleepers):
        one = socket.create_connection(("127.0.0.1", port))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.sendall(SHAKE % port)
        asleep.append(one)
    run = served.run("threads.race")
    told = await asyncio.gather(*(follow(url, f"run:{run}") for _ in range(viewers - sleepers)))
    for one in asleep:
        one.close()
    await asyncio.sleep(1)
    return {
        "viewers who read": len(told),
        "told of the end": sum(told),
        "viewers who never read": sleepers,
        "memory, MB more": resident_mb(served.process.pid) - before,
        "descriptors before and after": f"{fds} {descriptors(served.process.pid)}",
        "tracebacks": log_of(served).count("Traceback"),
    }


async def come_and_go(served: Served, times: int = 1000, at_once: int = 50) -> dict[str, object]:
    """Connections that end at any point: before a word, within the handshake, after it, with a reset."""
    port, dice = urlsplit(served.url).port or 0, random.Random(9)
    lock = asyncio.Semaphore(at_once)

    async def visit() -> None:
        async with lock:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            shake = SHAKE % port
            writer.write(shake[: dice.randint(0, len(shake))])
            if dice.random() < 0.5:
                await asyncio.sleep(0.01)
            if dice.random() < 0.3:
                linger = b"\1\0\0\0\0\0\0\0"
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

    fds, begun = descriptors(served.process.pid), time.monotonic()
    await asyncio.gather(*(visit() for _ in range(times)))
    took = time.monotonic() - begun
    answer = await asyncio.to_thread(answer_s, served)
    await asyncio.sleep(1)
    return {
        "connections that came and went": times,
        "a second": times / took,
        "answer afterwards, s": answer,
        "descriptors before, after": f"{fds} {descriptors(served.process.pid)}",
        "tracebacks": log_of(served).count("Traceback"),
    }


async def follow_all(served: Served, topics: int = 40) -> dict[str, object]:
    """One socket that follows as many topics as it may, and asks for more."""
    url = served.url.replace("http", "ws", 1) + "/ws"
    runs = [served.run("memory.layout") for _ in range(4)]
    names = ["queue", "runs", "machine", "stir", *(f"run:{run}" for run in runs)]
    names += [f"run:{run}:zh" for run in runs]
    async with connect(url) as page:
        for n in range(topics):
            await page.send(json.dumps({"op": "sub", "topic": names[n % len(names)]}))
        seen: dict[str, int] = {}
        for _ in range(topics):
            kind = json.loads(await asyncio.wait_for(page.recv(), 30))["t"]
            seen[kind] = seen.get(kind, 0) + 1
    for run in runs:
        served.ended(run, 120)
    return {"asked for": topics, "answers": seen, "tracebacks": log_of(served).count("Traceback")}


if __name__ == "__main__":
    given = arguments(__doc__, viewers=300, sleepers=60, times=1000)
    with ground() as served:
        report(asyncio.run(watch_together(served, given.viewers, given.sleepers)))
        report(asyncio.run(come_and_go(served, given.times)))
        report(asyncio.run(follow_all(served)))
