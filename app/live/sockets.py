"""The websocket: one a page. Topics come over it, and nothing is changed through it.

The page says `sub`, `unsub` and `ping`; the server answers with `hello`, `pong` and `err`, and sends
what the topics have to say (`snap`, `ops`, `last`). What breaks the rules is closed with the code that
names the rule: 1003 not text, 1007 not UTF-8, 1008 too many messages or frames (see `protocols`),
1009 too long, 1013 does not keep up.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from pydantic_core import from_json
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from app.door.protocols import PacedSocket, PatientHttp
from app.live.topics import PATIENCE_S, Stalled, Topic, Viewer

Topics = Callable[[str], Topic | Awaitable[Topic | None] | None]

MESSAGE_B = 64 * 1024
SUBSCRIPTIONS = 32  # a page needs four
ECHO = 100  # characters of what a page sent that an answer repeats
HEAD_B = 32 * 1024  # of a request before its body
BACKLOG = 256  # connections that the kernel holds until they are accepted; they have no descriptor yet
GOODBYE_S = 1.0  # for the closing frame; a viewer that takes nothing will not take that either

# How uvicorn must run. Deflating every frame for every viewer costs eight times the throughput. And uvloop,
# which it would take wherever that is installed, is something to be measured here.
UVICORN: dict[str, Any] = {
    "loop": "asyncio",
    "http": PatientHttp,
    "ws": PacedSocket,
    "ws_per_message_deflate": False,
    "ws_max_size": MESSAGE_B,
    "h11_max_incomplete_event_size": HEAD_B,
    "backlog": BACKLOG,
}


def forget_the_stalled(listener: socket.socket) -> None:
    """Have the kernel end connections whose other end takes nothing, with what waits to be sent to them.

    The app can close a stalled websocket, but uvicorn then waits for its last bytes to leave, which they
    never do. Connections take the option over from the listener (tcp(7), TCP_USER_TIMEOUT; Linux only).
    """
    if option := getattr(socket, "TCP_USER_TIMEOUT", None):
        listener.setsockopt(socket.IPPROTO_TCP, option, int(2 * PATIENCE_S * 1000))


class Refused(Exception):
    """The page broke a rule: the closing code and the reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def routes(topics: Topics, *, server: str, patience_s: float = PATIENCE_S) -> list[BaseRoute]:
    """The endpoint `/ws`. `topics` finds a topic by its name; `server` tells pages whom they talk to."""

    async def follow(page: WebSocket) -> None:
        try:
            await page.accept()
        except WebSocketDisconnect:
            return  # gone before it was let in
        role = page.scope.get("state", {}).get("role", "presenter")
        viewer = Viewer(page.send_text, patience_s=patience_s)
        viewer.reply({"t": "hello", "role": role, "server": server})
        await converse(page, viewer, topics)

    return [WebSocketRoute("/ws", follow, name="ws")]


async def converse(page: WebSocket, viewer: Viewer, topics: Topics) -> None:
    """Listen and write at the same time, until either ends."""
    try:
        await first_of(listen(page, viewer, topics), viewer.run())
    except (WebSocketDisconnect, WebSocketDisconnected):
        pass  # the page went, or sent what ended it
    except Refused as refused:
        await say_goodbye(page, refused.code, str(refused))
    except Stalled as stalled:
        await say_goodbye(page, 1013, str(stalled))
    finally:
        viewer.close()


async def first_of(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run them side by side until one ends; the others are cancelled, and what it raised is raised."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        task.result()


async def say_goodbye(page: WebSocket, code: int, reason: str) -> None:
    with suppress(TimeoutError, WebSocketDisconnect, WebSocketDisconnected):
        async with asyncio.timeout(GOODBYE_S):
            await page.close(code, reason)


async def listen(page: WebSocket, viewer: Viewer, topics: Topics) -> None:
    """Answer the page until it goes; Refused where it breaks a rule."""
    while (message := await page.receive())["type"] == "websocket.receive":
        text = message.get("text")
        if text is None:
            raise Refused(1003, "send text")
        if len(text.encode()) > MESSAGE_B:
            raise Refused(1009, f"a message may have {MESSAGE_B // 1024} kB")
        await answer(text, viewer, topics)


async def answer(text: str, viewer: Viewer, topics: Topics) -> None:
    """Do what one message asks; what cannot be understood is answered with an error."""
    try:
        message = from_json(text, allow_inf_nan=False)
    except ValueError:
        message = None
    match message:
        case {"op": "sub", "topic": str(name)}:
            await subscribe(name, message, viewer, topics)
        case {"op": "unsub", "topic": str(name)}:
            unsubscribe(name, viewer)
        case {"op": "ping", "id": int() | float() | str() as id}:
            viewer.reply({"t": "pong", "id": id[:ECHO] if isinstance(id, str) else id})
        case _:
            viewer.reply({"t": "err", "code": "bad-message"})


async def subscribe(name: str, message: dict[str, Any], viewer: Viewer, topics: Topics) -> None:
    found = topics(name)
    topic = await found if inspect.isawaitable(found) else found
    subscriptions = viewer.subscriptions()
    if topic is None:
        viewer.reply({"t": "err", "code": "no-topic", "topic": name[:ECHO]})
    elif topic not in subscriptions and len(subscriptions) >= SUBSCRIPTIONS:
        viewer.reply({"t": "err", "code": "too-many-topics", "topic": name[:ECHO]})
    else:
        unsubscribe(name, viewer)  # an older log of the same name, if the topic was made anew
        viewer.subscribe(topic, message.get("epoch"), message.get("since"))


def unsubscribe(name: str, viewer: Viewer) -> None:
    for topic in viewer.subscriptions():
        if topic.name == name:
            viewer.unsubscribe(topic)
