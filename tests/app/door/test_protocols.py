"""What a stranger can hold up: nothing for long, and nothing that others need. Sockets are real."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Opcode

from app.door import guard, protocols
from app.door.guard import Guard
from app.door.protocols import FRAMES
from app.live.sockets import routes
from app.live.topics import Hub
from tests.app.serving import serving

WAIT_S = 10
HOST = b"Host: 127.0.0.1\r\n"
BIG_B = 24 * 1024 * 1024
MASK = b"\0\0\0\0"


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


async def echo(request: Request) -> Response:
    return PlainTextResponse(f"{len(await request.body())}")


async def export(request: Request) -> Response:
    return Response(b"x" * BIG_B)


async def trickle(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(BIG_B // 65536):
            yield b"x" * 65536

    return StreamingResponse(pieces())


def app() -> Guard:
    places = {"/": hello, "/export": export, "/trickle": trickle}
    own = [Route(path, place) for path, place in places.items()]
    own += [Route("/api/echo", echo, methods=["POST", "GET"])]
    return Guard(Starlette(routes=[*own, *routes(Hub().find, server="1")]))


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    for module, name in ((protocols, "HEAD_S"), (protocols, "TAKING_S"), (guard, "BODY_S")):
        monkeypatch.setattr(module, name, 0.3)


@asynccontextmanager
async def stranger(
    port: int, *, small: bool = False
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    sock = socket.socket()
    if small:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=4096 if small else 1 << 20)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """What is said until the connection ends; the test fails where it does not end."""
    said = b""
    async with asyncio.timeout(WAIT_S):
        try:
            while piece := await reader.read(1 << 20):
                said += piece
        except ConnectionResetError:
            pass
    return said


HALVES = {
    "nothing": (b"", b""),
    "half a head": (b"GET / HTTP/1.1\r\n", b"HTTP/1.1 408 "),
    "a head without an end": (b"GET / HTTP/1.1\r\n" + HOST, b"HTTP/1.1 408 "),
    "no body": (
        b"POST /api/echo HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n"
        + HOST
        + b"\r\n",
        b"HTTP/1.1 408 ",
    ),
    "half a chunk": (
        b"POST /api/echo HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
        + HOST
        + b"\r\n5\r\nab",
        b"HTTP/1.1 408 ",
    ),
    "half a body that is refused": (
        b"POST /api/echo HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n" + HOST + b"\r\nab",
        b"HTTP/1.1 415 ",
    ),
    "half a handshake": (b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n" + HOST, b"HTTP/1.1 408 "),
    "a second request that stays half": (
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\nGET / HTTP/1.1\r\n",
        b"HTTP/1.1 200 ",
    ),
}


@pytest.mark.parametrize("half", HALVES)
async def test_whoever_is_waited_for_has_a_deadline(half):
    sent, first = HALVES[half]
    async with serving(app()) as port, stranger(port) as (reader, writer):
        writer.write(sent)
        assert (await all_of(reader)).startswith(first)


async def test_a_head_that_comes_byte_by_byte_is_not_waited_for():
    async with serving(app()) as port, stranger(port) as (reader, writer):
        answer = asyncio.create_task(all_of(reader))
        while not answer.done():
            writer.write(b"a")
            await asyncio.sleep(0.05)
        assert answer.result().startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 400 "))


async def test_a_body_that_comes_byte_by_byte_is_not_waited_for():
    head, _ = HALVES["no body"]
    async with serving(app()) as port, stranger(port) as (reader, writer):
        writer.write(head.replace(b"Length: 9", b"Length: 9000"))
        answer = asyncio.create_task(reader.readline())
        while not answer.done():
            writer.write(b" ")
            await asyncio.sleep(0.05)
        assert answer.result() == b"HTTP/1.1 408 Request Timeout\r\n"


@pytest.mark.parametrize("path", ["/export", "/trickle"])
async def test_an_answer_that_nobody_takes_is_given_up(path):
    async with serving(app()) as port, stranger(port, small=True) as (reader, writer):
        writer.write(b"GET %s HTTP/1.1\r\n" % path.encode() + HOST + b"\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(3 * protocols.TAKING_S)
        assert len(await all_of(reader)) < BIG_B


@pytest.mark.parametrize("path", ["/export", "/trickle"])
async def test_an_answer_that_is_taken_slowly_arrives_whole(path, monkeypatch):
    monkeypatch.setattr(protocols, "TAKING_S", 1.0)
    async with serving(app()) as port, stranger(port) as (reader, writer):
        writer.write(b"GET %s HTTP/1.1\r\n" % path.encode() + HOST + b"Connection: close\r\n\r\n")
        got = 0
        while piece := await asyncio.wait_for(reader.read(1 << 20), WAIT_S):
            got += len(piece)
            await asyncio.sleep(0.0005)
        assert got > BIG_B


async def test_answers_that_wait_for_their_clients_are_bounded_together(monkeypatch):
    monkeypatch.setattr(protocols, "TAKING_S", 60.0)
    monkeypatch.setattr(protocols, "UNSENT_B", 3 * BIG_B)
    ask = b"GET /export HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    async with serving(app()) as port, AsyncExitStack() as stack:
        visitors = [await stack.enter_async_context(stranger(port)) for _ in range(6)]
        for _, writer in visitors:
            writer.write(ask)
        got = await asyncio.gather(*(all_of(reader) for reader, _ in visitors))
    whole = [len(said) > BIG_B for said in got]
    assert 2 <= whole.count(True) <= 4


# -- websockets -------------------------------------------------------------------------------


def frame(opcode: int, payload: bytes = b"", fin: bool = True) -> bytes:
    """As a client sends it, masked with zeros."""
    return bytes([opcode | (0x80 if fin else 0), 0x80 | len(payload)]) + MASK + payload


@asynccontextmanager
async def page(port: int) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://127.0.0.1:{port}/ws", ping_interval=None) as one:
        assert json.loads(await one.recv())["t"] == "hello"
        yield one


async def closing_code(one: ClientConnection) -> int:
    await asyncio.wait_for(one.wait_closed(), WAIT_S)
    return one.close_code or 0


FLOODS = {
    "pings": frame(Opcode.PING) * 100_000,
    "pongs": frame(Opcode.PONG) * 100_000,
    "pings in the middle of a message": frame(Opcode.TEXT, b"a", fin=False) + frame(Opcode.PING) * 100_000,
    "empty pieces": frame(Opcode.TEXT, fin=False) + frame(Opcode.CONT, fin=False) * 100_000,
    "pieces of one byte": frame(Opcode.TEXT, fin=False) + frame(Opcode.CONT, b"a", fin=False) * 100_000,
    "empty messages": frame(Opcode.TEXT) * 100_000,
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_every_frame_counts_whatever_is_in_it(flood):
    async with serving(app()) as port, page(port) as one:
        one.transport.write(FLOODS[flood])
        assert await closing_code(one) == 1008
        async with page(port) as another:
            await another.send('{"op":"ping","id":1}')
            assert json.loads(await another.recv()) == {"t": "pong", "id": 1}


async def test_a_page_may_ping_and_send_a_message_in_pieces():
    async with serving(app()) as port, page(port) as one:
        for _ in range(FRAMES // 4):
            await (await one.ping())
        await one.send(['{"op":"ping",', '"id":', "7}"])
        assert json.loads(await one.recv()) == {"t": "pong", "id": 7}


WRONG = {
    "bytes": (frame(Opcode.BINARY, b"\0"), 1003),
    "no UTF-8": (frame(Opcode.TEXT, b"\xff\xfe"), 1007),
    "no UTF-8 over two pieces": (
        frame(Opcode.TEXT, b"\xc3", fin=False) + frame(Opcode.CONT, b"\x28"),
        1007,
    ),
    "half a character": (frame(Opcode.TEXT, b"\xc3"), 1007),
    "a lone surrogate": (frame(Opcode.TEXT, b"\xed\xa0\x80"), 1007),
    "a reserved opcode": (frame(3), 1002),
    "a piece of nothing": (frame(Opcode.CONT, b"a"), 1002),
    "a message in a message": (frame(Opcode.TEXT, b"a", fin=False) + frame(Opcode.TEXT, b"b"), 1002),
    "a ping in pieces": (frame(Opcode.PING, b"a", fin=False), 1002),
    "a message that is too long": (b"\x81\xff" + (2**40).to_bytes(8, "big") + MASK, 1009),
    "a frame without a mask": (b"\x81\x01a", 1002),
    "a closing reason that is no UTF-8": (frame(Opcode.CLOSE, b"\x03\xe8\xff\xfe"), 1007),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_breaks_a_rule_is_closed_with_the_code_of_the_rule(wrong):
    sent, code = WRONG[wrong]
    async with serving(app()) as port, page(port) as one:
        one.transport.write(sent)
        assert await closing_code(one) == code


# -- nothing that a client sends is a traceback -----------------------------------------------

SHAKE = (
    b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" + HOST + b"\r\n"
)
POST = b"POST /api/echo HTTP/1.1\r\nContent-Type: application/json\r\n" + HOST
HOSTILE = [
    SHAKE,
    SHAKE.replace(b"\r\n\r\n", b"\r\nX: " + b"x" * 9000 + b"\r\n\r\n"),
    SHAKE.replace(b"\r\n\r\n", b"\r\n" + b"X: y\r\n" * 300 + b"\r\n"),
    SHAKE.replace(b"GET", b"POST"),
    SHAKE.replace(b"GET /ws", b"GET /nothing"),
    SHAKE.replace(b"13", b"7"),
    SHAKE.replace(b"AAAA", b"?"),
    SHAKE.replace(b"Upgrade: websocket", b"Upgrade: h2c"),
    SHAKE + frame(Opcode.TEXT, b'{"op":"ping","id":1}'),
    *(SHAKE + sent for sent, _ in WRONG.values()),
    *(SHAKE + frame(Opcode.CLOSE, b"\x03\xe8") + sent for sent, _ in WRONG.values()),
    *(SHAKE + frame(Opcode.TEXT, b'{"op":"sub","topic":"runs"}') * 50 + sent for sent, _ in WRONG.values()),
    SHAKE + frame(Opcode.BINARY, b"\0") * 50,
    SHAKE + frame(Opcode.PING) * 5000,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
    b"\0" * 5000,
    b"GET " + b"/" * 70_000,
    b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000,
    b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /%ff%00 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\n" + HOST + b"\r\n",
    b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nab",
    b"GET /export HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /trickle HTTP/1.1\r\n" + HOST + b"\r\nrubbish",
    b"GET /trickle HTTP/1.1\r\n" + HOST + b"\r\n" * 100,
    POST + b"Content-Length: 9\r\n\r\nab",
    POST + b"Content-Length: -9\r\n\r\nab",
    POST + b"Content-Length: 9\r\nContent-Length: 8\r\n\r\nab",
    POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nrubbish\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
    POST + b"Transfer-Encoding: gzip\r\n\r\n",
    POST + b"Content-Length: 99999999\r\n\r\n" + b"x" * 70_000,
    POST.replace(b"application/json", b"text/plain") + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n",
    POST + b"Content-Length: 2\r\n\r\n{}" + b"\xff" * 500,
    POST.replace(b"/api/echo", b"/ws") + b"Content-Length: 2\r\n\r\n{}",
]


async def test_nothing_that_a_client_sends_is_a_traceback_in_the_log(caplog):
    with caplog.at_level(logging.INFO):
        async with serving(app()) as port:
            for ending in (vanish, reset, hang_up, listen_a_while):
                await asyncio.gather(*(ending(port, sent) for sent in HOSTILE))
            async with page(port):  # it is still there
                pass
    with_traceback = [record.getMessage() for record in caplog.records if record.exc_info]
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert (with_traceback, errors) == ([], [])


async def vanish(port: int, sent: bytes) -> None:
    async with stranger(port) as (_, writer):
        writer.write(sent)


async def reset(port: int, sent: bytes) -> None:
    async with stranger(port) as (_, writer):
        linger = b"\1\0\0\0\0\0\0\0"
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.write(sent)
        await asyncio.sleep(0.05)


async def hang_up(port: int, sent: bytes) -> None:
    """It says that it has said all, and reads the answer."""
    async with stranger(port) as (reader, writer):
        writer.write(sent)
        writer.write_eof()
        await all_of(reader)


async def listen_a_while(port: int, sent: bytes) -> None:
    async with stranger(port) as (reader, writer):
        writer.write(sent)
        with suppress(TimeoutError):
            await asyncio.wait_for(all_of(reader), 1.5)
