"""The app for tests: as `main` builds it, and behind a real server: uvicorn in the test's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from app.door.protocols import Connections
from app.door.visits import Listener, Visits
from app.ground.settings import Settings
from app.live.sockets import UVICORN
from app.main import create_app


@contextmanager
def whole_app(settings: Settings) -> Iterator[Any]:
    """With everything that stands before it."""
    app = create_app(settings)
    try:
        yield app
    finally:
        inside(app).state.store.close()


def inside(app: Any) -> FastAPI:
    while not isinstance(app, FastAPI):
        app = app.app
    return app


class Server(uvicorn.Server):
    """Tells when it answers."""

    def __init__(self, config: uvicorn.Config, visits: Visits) -> None:
        super().__init__(config)
        self.server_state = Connections(visits)
        self.answers = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()


@asynccontextmanager
async def serving(app: ASGIApp, visits: Visits | None = None) -> AsyncIterator[int]:
    """Serve the app on a free port of 127.0.0.1 and give the port."""
    visits = visits or Visits()
    listener = Listener(visits=visits)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, proxy_headers=False, timeout_graceful_shutdown=1, **UVICORN)
    server = Server(config, visits)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await server.answers.wait()
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def ask(port: int, request: bytes) -> bytes:
    """Send raw bytes and read until the server closes; what no proper client would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()
        await writer.wait_closed()
