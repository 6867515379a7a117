"""The websocket as a page meets it: a real server, a real client, and rules that hold."""

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect

from app.door.protocols import FRAMES
from app.live.sockets import MESSAGE_B, SUBSCRIPTIONS, Topics, forget_the_stalled, routes
from app.live.topics import Hub, Topic
from tests.app.serving import serving

WAIT_S = 10


def app_of(topics: Topics, **settings: Any) -> Starlette:
    return Starlette(routes=routes(topics, server="1.2.3", **settings))


@asynccontextmanager
async def page_of(hub: Hub) -> AsyncIterator[ClientConnection]:
    """A connected page that has been greeted."""
    async with serving(app_of(hub.find)) as port, connected(port) as page:
        yield page


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://127.0.0.1:{port}/ws") as page:
        assert (await hear(page))["t"] == "hello"
        yield page


async def say(page: ClientConnection, **message: Any) -> None:
    await page.send(json.dumps(message))


async def hear(page: ClientConnection) -> dict[str, Any]:
    return json.loads(await asyncio.wait_for(page.recv(), WAIT_S))


async def closing_code(page: ClientConnection) -> int:
    await asyncio.wait_for(page.wait_closed(), WAIT_S)
    return page.close_code or 0


async def until(condition: Callable[[], object]) -> None:
    """For what the server does by itself, without a message to wait for."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - nothing in the app tells of it
            await asyncio.sleep(0.005)


def counting(hub: Hub) -> tuple[list[int], Topic]:
    state: list[int] = []
    return state, hub.topic("numbers", lambda: list(state))


def put(state: list[int], topic: Topic, number: int) -> None:
    state.append(number)
    topic.publish(number)


async def test_a_page_is_greeted():
    async with serving(app_of(Hub().find)) as port, connect(f"ws://127.0.0.1:{port}/ws") as page:
        assert await hear(page) == {"t": "hello", "role": "presenter", "server": "1.2.3"}


async def test_a_page_follows_a_topic_until_it_has_enough():
    hub = Hub()
    state, topic = counting(hub)
    put(state, topic, 1)
    async with page_of(hub) as page:
        await say(page, op="sub", topic="numbers")
        snap = {"t": "snap", "topic": "numbers", "epoch": topic.epoch, "seq": 1, "v": [1]}
        assert await hear(page) == snap
        put(state, topic, 2)
        ops = {"t": "ops", "topic": "numbers", "epoch": topic.epoch, "from": 2, "seq": 2, "ops": [2]}
        assert await hear(page) == ops
        await say(page, op="unsub", topic="numbers")
        await until(lambda: topic.viewers == 0)
        put(state, topic, 3)
        await say(page, op="ping", id=1)
        assert (await hear(page))["t"] == "pong"


async def test_a_page_that_comes_back_misses_nothing_and_hears_nothing_twice():
    hub, dice = Hub(), random.Random(11)
    state, topic = counting(hub)
    heard: list[int] = []
    place: dict[str, Any] = {}
    async with serving(app_of(hub.find)) as port:
        publishing = asyncio.create_task(publish_all(state, topic, 400))
        while len(heard) < 400:
            async with connected(port) as page:
                await say(page, op="sub", topic="numbers", **place)
                for _ in range(dice.randint(0, 4)):
                    place = take(await hear(page), heard)
                    if len(heard) == 400:
                        break
                page.transport.abort()
        await publishing
        assert heard == state
        await until(lambda: topic.viewers == 0)


async def publish_all(state: list[int], topic: Topic, last: int) -> None:
    for number in range(1, last + 1):
        put(state, topic, number)
        await asyncio.sleep(0.002)


def take(message: dict[str, Any], heard: list[int]) -> dict[str, Any]:
    """Add what the message brings; the place to come back to."""
    if message["t"] == "snap":
        heard[:] = message["v"]
    else:
        assert message["from"] == len(heard) + 1
        heard += message["ops"]
    return {"epoch": message["epoch"], "since": message["seq"]}


async def test_a_page_survives_a_restart_of_the_server():
    before, after = Hub(), Hub()
    state, topic = counting(before)
    put(state, topic, 1)
    async with page_of(before) as page:
        await say(page, op="sub", topic="numbers")
        place = take(await hear(page), [])
    state, topic = counting(after)
    put(state, topic, 5)
    async with page_of(after) as page:
        await say(page, op="sub", topic="numbers", **place)
        assert (await hear(page))["v"] == [5]


async def test_a_topic_may_be_looked_for_in_a_slower_place():
    topic = Topic("run:0123456789", lambda: "from the disk")

    async def look(name: str) -> Topic | None:
        await asyncio.sleep(0)
        return topic if name == topic.name else None

    async with serving(app_of(look)) as port, connected(port) as page:
        await say(page, op="sub", topic="run:0123456789")
        assert (await hear(page))["v"] == "from the disk"
        await say(page, op="sub", topic="run:9876543210")
        assert (await hear(page))["code"] == "no-topic"


async def test_a_topic_made_anew_replaces_the_old_one():
    hub = Hub()
    old = hub.topic("numbers", lambda: "old")
    async with page_of(hub) as page:
        await say(page, op="sub", topic="numbers")
        assert (await hear(page))["v"] == "old"
        hub.drop("numbers")
        new = hub.topic("numbers", lambda: "new")
        await say(page, op="sub", topic="numbers")
        assert (await hear(page))["v"] == "new"
        assert (old.viewers, new.viewers) == (0, 1)


async def test_what_is_sampled_is_sampled_only_while_somebody_looks():
    hub = Hub()
    machine = hub.topic("machine", mode="last")
    looks: list[bool] = []
    machine.on_first, machine.on_last = (lambda: looks.append(True)), (lambda: looks.append(False))
    async with page_of(hub) as page:
        await say(page, op="sub", topic="machine")
        await until(lambda: looks == [True])
        machine.publish({"load": 1})
        assert (await hear(page))["v"] == {"load": 1}
        page.transport.abort()
        await until(lambda: looks == [True, False])


async def test_an_unknown_topic_is_named_in_the_answer():
    async with page_of(Hub()) as page:
        await say(page, op="sub", topic="run:../../etc/passwd")
        assert await hear(page) == {"t": "err", "code": "no-topic", "topic": "run:../../etc/passwd"}
        await say(page, op="sub", topic="x" * 5000)
        assert (await hear(page))["topic"] == "x" * 100


NONSENSE = ["", "{", "[]", "null", "1e999", "NaN", "[" * 60000, '"\\ud83d"', '{"op":"sub"}', '{"op":["sub"]}']
NONSENSE += [
    '{"op":"sub","topic":1}',
    '{"op":"ping"}',
    '{"op":"ping","id":[]}',
    '{"op":"run","experiment":"x"}',
]


@pytest.mark.parametrize("text", NONSENSE)
async def test_what_makes_no_sense_is_answered_and_the_page_stays(text):
    async with page_of(Hub()) as page:
        await page.send(text)
        assert await hear(page) == {"t": "err", "code": "bad-message"}
        await say(page, op="ping", id="still here")
        assert await hear(page) == {"t": "pong", "id": "still here"}


async def test_a_message_may_have_64_kb_and_not_a_byte_more():
    async with page_of(Hub()) as page:
        await page.send("x" * MESSAGE_B)
        assert (await hear(page))["code"] == "bad-message"
        await page.send("x" * (MESSAGE_B + 1))
        assert await closing_code(page) == 1009


async def test_the_size_is_counted_in_bytes():
    async with page_of(Hub()) as page:
        await page.send("ü" * (MESSAGE_B // 2 + 1))
        assert await closing_code(page) == 1009


async def test_more_messages_than_a_page_can_mean_end_the_connection():
    async with page_of(Hub()) as page:
        for number in range(FRAMES):
            await say(page, op="ping", id=number)
        assert [(await hear(page))["id"] for _ in range(FRAMES)] == list(range(FRAMES))
        await say(page, op="ping", id="one more")
        assert await closing_code(page) == 1008


async def test_only_text_is_taken():
    async with page_of(Hub()) as page:
        await page.send(b"\x00\x01")
        assert await closing_code(page) == 1003


async def test_a_page_follows_a_bounded_number_of_topics():
    hub = Hub()
    topics = [hub.topic(f"t{n}", lambda: None) for n in range(SUBSCRIPTIONS + 1)]
    async with page_of(hub) as page:
        for topic in topics:
            await say(page, op="sub", topic=topic.name)
        answers = [await hear(page) for _ in topics]
        refused = [answer for answer in answers if answer["t"] == "err"]
        await say(page, op="sub", topic="t0")
        assert (await hear(page))["t"] == "snap"
        assert refused == [{"t": "err", "code": "too-many-topics", "topic": f"t{SUBSCRIPTIONS}"}]


async def test_stalled_pages_delay_nobody_and_are_given_up():
    hub = Hub()
    _, topic = counting(hub)
    async with serving(app_of(hub.find, patience_s=0.5)) as port, connected(port) as page:
        sleepers = [await asleep(port) for _ in range(3)]
        await until(lambda: topic.viewers == 3)
        await say(page, op="sub", topic="numbers")
        await hear(page)
        seq = 0
        while topic.viewers > 1:
            topic.publish("x" * 200_000)
            seq += 1
            assert (await hear(page))["seq"] == seq
        assert seq > 3
        for sleeper in sleepers:
            sleeper.close()


async def asleep(port: int) -> socket.socket:
    """A page that subscribes and then never reads again."""
    loop = asyncio.get_running_loop()
    sleeper = socket.socket()
    sleeper.setblocking(False)
    await loop.sock_connect(sleeper, ("127.0.0.1", port))
    await loop.sock_sendall(
        sleeper,
        b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n" % port,
    )
    await loop.sock_recv(sleeper, 4096)
    text = json.dumps({"op": "sub", "topic": "numbers"}).encode()
    await loop.sock_sendall(sleeper, bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
    return sleeper


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="an option of Linux")
def test_the_kernel_ends_connections_that_take_nothing():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        forget_the_stalled(listener)
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000


async def test_a_page_that_does_not_keep_up_is_told_so():
    hub = Hub()
    counting(hub)
    last = await last_word_to(app_of(hub.find, patience_s=0.05), '{"op":"sub","topic":"numbers"}')
    assert last == {"type": "websocket.close", "code": 1013, "reason": "took nothing for 0.05 s"}


async def test_a_server_that_lets_long_messages_through_changes_nothing():
    last = await last_word_to(app_of(Hub().find), "x" * (MESSAGE_B + 1))
    assert last == {"type": "websocket.close", "code": 1009, "reason": "a message may have 64 kB"}


async def last_word_to(app: Starlette, text: str) -> dict[str, Any]:
    """What the app says last to a page that says one thing and takes nothing, below any server."""
    sent: list[dict[str, Any]] = []
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    messages.put_nowait({"type": "websocket.connect"})
    messages.put_nowait({"type": "websocket.receive", "text": text})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if message["type"] == "websocket.send":
            await asyncio.Event().wait()

    scope = {"type": "websocket", "path": "/ws", "headers": [], "query_string": b""}
    await app(scope, messages.get, send)
    return sent[-1]


ODD = [None, True, -1, 2**70, 1e308, "", "x" * 1000, [], {}, [[]] * 3, "numbers", "run:0", "\0"]
BROKEN = [
    b"\x81\x05hello",
    b"\xff\xff" + b"\xff" * 8,
    b"\x81\xff" + (2**40).to_bytes(8, "big"),
    b"\x83\x80\0\0\0\0",
]
BROKEN += [b"\x81\x82\0\0\0\0\xff\xfe", b"\x89\xfe\x7f\xff\0\0\0\0" + b"x" * 32767]


async def test_any_noise_leaves_the_server_as_it_was():
    hub, dice = Hub(), random.Random(5)
    counting(hub)
    async with serving(app_of(hub.find)) as port:
        tasks = len(asyncio.all_tasks())
        for broken in BROKEN:
            await make_noise(port, dice, broken)
        async with connected(port) as page:
            await say(page, op="sub", topic="numbers")
            assert (await hear(page))["t"] == "snap"
        await until(lambda: len(asyncio.all_tasks()) <= tasks)


async def make_noise(port: int, dice: random.Random, broken: bytes) -> None:
    """Sense and nonsense in messages, and then a frame that breaks the protocol."""
    async with connect(f"ws://127.0.0.1:{port}/ws") as page:
        for _ in range(40):
            keys = dice.choices(["topic", "since", "epoch", "id", "zz"], k=4)
            message = {key: dice.choice(ODD) for key in keys} | {
                "op": dice.choice(["sub", "unsub", "ping", 1])
            }
            await page.send(json.dumps(message))
        page.transport.write(broken)
        await asyncio.wait_for(page.wait_closed(), WAIT_S)
        assert page.close_code in (1002, 1007, 1009)
