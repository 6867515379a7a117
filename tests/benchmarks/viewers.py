"""Two hundred viewers on one run: how late they see it, and what that costs the server.

python tests/benchmarks/viewers.py [seconds a phase] [viewers]

One process serves, this one looks. Three kinds of phases take turns: the hub behind uvicorn as oscope
runs it; the same with ten more viewers that have stopped reading; and, as the limit, `websockets` that
broadcasts the same text to as many bare connections, without app, topics or cursors.
"""

import asyncio
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import uvicorn
from starlette.applications import Starlette
from websockets.asyncio.server import ServerConnection, broadcast, serve

from app.live.sockets import UVICORN, routes
from app.live.topics import Hub

VIEWERS, STALLED, UPDATES_PER_S, ROUNDS = 200, 10, 20, 2
STUFFING_B = 2_000_000  # more than the kernel keeps for somebody who does not read
PHASES = {"hub": "hub", "stalled": f"hub, {STALLED} stalled", "limit": "bare broadcast"}


# The process that serves


async def serve_both() -> None:
    """Tell the ports; then publish whenever a line asks for it, until there are no more lines."""
    hub, connections = Hub(), set[ServerConnection]()
    run = hub.topic("run", lambda: {"run": {}, "figures": []})
    hub.topic("stuffing", lambda: "x" * STUFFING_B)

    async def keep(connection: ServerConnection) -> None:
        connections.add(connection)
        await connection.wait_closed()
        connections.discard(connection)

    def broadcast_bare(op: dict[str, Any]) -> None:
        frame = {"t": "ops", "topic": "run", "epoch": run.epoch, "seq": 1, "from": 1, "ops": [op]}
        broadcast(connections, json.dumps(frame, separators=(",", ":")))

    ways = {"hub": run.publish, "stalled": run.publish, "limit": broadcast_bare}
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    app = Starlette(routes=routes(hub.find, server="benchmark"))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", **UVICORN))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    async with serve(keep, "127.0.0.1", 0, compression=None, backlog=512) as bare:
        tell({"hub": listener.getsockname()[1], "limit": next(iter(bare.sockets)).getsockname()[1]})
        while line := await asyncio.to_thread(sys.stdin.readline):
            order = json.loads(line)
            encoded = run.encoded
            used = await publish(ways[order["phase"]], order["updates"])
            tell(used | {"encoded": run.encoded - encoded, "viewers": run.viewers})
    server.should_exit = True
    await serving


async def publish(way: Callable[[dict[str, Any]], None], updates: int) -> dict[str, float]:
    """Send patches at a steady pace; the CPU time of this process meanwhile, and the time on the wall."""
    wall, cpu = time.monotonic(), time.process_time()
    for number in range(updates):
        x = [number + part / 4 for part in range(4)]
        patch = [["ext", "threads", {"x": x, "y": [value / 3 for value in x]}]]
        way({"o": "fig", "id": "speedup", "patch": patch, "at": time.monotonic_ns()})
        await asyncio.sleep(max(0.0, wall + (number + 1) / UPDATES_PER_S - time.monotonic()))
    await asyncio.sleep(0.5)  # for those who are late
    return {"cpu_s": time.process_time() - cpu, "wall_s": time.monotonic() - wall}


def tell(facts: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


# The process that looks


class Look(asyncio.Protocol):
    """A viewer that costs little: it reads frames, notes how late their operations are, answers pings."""

    def __init__(self, *topics: str) -> None:
        self.topics = topics
        self.late_ms: list[float] = []
        self.ready = asyncio.get_running_loop().create_future()
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(
            b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )

    def data_received(self, data: bytes) -> None:
        self.data += data
        if not self.ready.done():
            head, end, self.data = self.data.partition(b"\r\n\r\n")
            if not end:
                self.data = head
                return
            for topic in self.topics:
                self.send(0x81, json.dumps({"op": "sub", "topic": topic}).encode())
            self.ready.set_result(None)
        while frame := self.next_frame():
            self.take(*frame)

    def next_frame(self) -> tuple[int, bytes] | None:
        """The kind and the content of the next whole frame."""
        if len(self.data) < 10 and len(self.data) < 2 + (self.data[1:2] or b"\x7f")[0]:
            return None
        size, start = self.data[1], 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(self.data[2:start], "big")
        if len(self.data) < start + size:
            return None
        frame = self.data[0] & 0x0F, self.data[start : start + size]
        self.data = self.data[start + size :]
        return frame

    def take(self, kind: int, content: bytes) -> None:
        if kind == 9:
            self.send(0x8A, content)
        elif kind == 1 and b'"at":' in content:
            now = time.monotonic_ns()
            self.late_ms += [(now - op["at"]) / 1e6 for op in json.loads(content)["ops"]]

    def send(self, kind: int, content: bytes) -> None:
        self.transport.write(bytes([kind, 0x80 | len(content), 0, 0, 0, 0]) + content)


async def look(port: int, *topics: str) -> Look:
    _, viewer = await asyncio.get_running_loop().create_connection(lambda: Look(*topics), "127.0.0.1", port)
    await viewer.ready
    return viewer


async def stall(port: int) -> Look:
    """A viewer that asks for much and then reads nothing."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(small, ("127.0.0.1", port))
    _, viewer = await loop.create_connection(lambda: Look("run", "stuffing"), sock=small)
    await viewer.ready
    viewer.transport.pause_reading()
    return viewer


@contextmanager
def served() -> Iterator[subprocess.Popen[str]]:
    """The serving process; it ends when nobody can ask it any more."""
    command = [sys.executable, __file__, "serve"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.communicate(timeout=30)


async def main(seconds: float = 6.0, viewers: float = VIEWERS) -> None:
    with served() as process:
        ports = json.loads(await asyncio.to_thread(process.stdout.readline))
        hub = [await look(ports["hub"], "run") for _ in range(int(viewers))]
        bare = [await look(ports["limit"]) for _ in range(int(viewers))]
        print(
            f"{int(viewers)} viewers, {UPDATES_PER_S} updates/s, {seconds:g} s a phase,"
            " ms from publish to receipt"
        )
        for _ in range(ROUNDS):
            for phase in PHASES:
                stalled = [await stall(ports["hub"]) for _ in range(STALLED if phase == "stalled" else 0)]
                watching = bare if phase == "limit" else hub
                updates = int(seconds * UPDATES_PER_S)
                report(phase, await ask(process, phase, updates), watching, updates)
                for viewer in stalled:
                    viewer.transport.abort()
        for viewer in hub + bare:
            viewer.transport.abort()


async def ask(process: subprocess.Popen[str], phase: str, updates: int) -> dict[str, Any]:
    """Have one phase carried out; what the server tells of it."""
    process.stdin.write(json.dumps({"phase": phase, "updates": updates}) + "\n")
    process.stdin.flush()
    return json.loads(await asyncio.to_thread(process.stdout.readline))


def report(phase: str, told: dict[str, Any], viewers: list[Look], updates: int) -> None:
    late = sorted(late for viewer in viewers for late in viewer.late_ms)
    missing = updates * len(viewers) - len(late)
    for viewer in viewers:
        viewer.late_ms = []
    middle, p99 = statistics.median(late), late[int(0.99 * len(late))]
    cpu = 100 * told["cpu_s"] / told["wall_s"]
    frames = "" if phase == "limit" else f"{told['encoded'] / updates:.2f} frames encoded an update"
    print(
        f"{PHASES[phase]:<16} median {middle:6.1f}  p99 {p99:6.1f}  worst {late[-1]:6.1f}  "
        f"missing {missing}  server {cpu:4.1f} % of a core  {frames}"
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve_both())
    else:
        asyncio.run(main(*map(float, sys.argv[1:])))
