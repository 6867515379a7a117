"""Topics reach every viewer whole and in order, and no viewer waits for another."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.live.topics import SHARED, Hub, Stalled, Topic, Viewer


def numbers(topic_of: Callable[..., Topic] = Topic, **sizes: int) -> tuple[list[int], Topic]:
    """A state that is a list of numbers, and the topic that tells of it."""
    state: list[int] = []
    return state, topic_of("numbers", lambda: list(state), **sizes)


def put(state: list[int], topic: Topic, number: int) -> None:
    """Zero empties the list, every other number is appended: order and repetition show."""
    change(state, number)
    topic.publish(number)


def change(state: list[int], number: int) -> None:
    if number:
        state.append(number)
    else:
        state.clear()


class Page:
    """What a browser does: keeps the state, its epoch and its place, and takes only what follows."""

    def __init__(self) -> None:
        self.state: list[int] = []
        self.epoch: str | None = None
        self.seq: int | None = None

    def take(self, text: str) -> None:
        message = json.loads(text)
        if message["t"] == "snap":
            self.state = message["v"]
        else:
            assert (message["epoch"], message["from"]) == (self.epoch, (self.seq or 0) + 1)
            assert message["seq"] - message["from"] + 1 == len(message["ops"]) > 0
            for op in message["ops"]:
                change(self.state, op)
        self.epoch, self.seq = message["epoch"], message["seq"]


class Wire:
    """A connection that lets frames through one by one, and loses those that were not let through."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.open = asyncio.Semaphore(0)
        self.viewer = Viewer(self.send, tick_s=0)
        self.writing = asyncio.create_task(self.viewer.run())

    async def send(self, text: str) -> None:
        await self.open.acquire()
        self.page.take(text)

    async def let_through(self, frames: int) -> None:
        for _ in range(frames):
            self.open.release()
            await idle()
        while not self.open.locked():
            await self.open.acquire()  # there was no frame for it

    async def cut(self) -> None:
        self.viewer.close()
        self.writing.cancel()
        await asyncio.gather(self.writing, return_exceptions=True)


async def idle() -> None:
    """Give every task its turns until none has anything to do."""
    for _ in range(8):
        await asyncio.sleep(0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(0, 9)),
        st.tuples(st.just("receive"), st.integers(1, 3)),
        st.sampled_from([("drop", 0), ("restart", 0), ("resubscribe", 0)]),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(STEPS, st.integers(1, 12), st.integers(1, 8))
def test_whatever_happens_a_page_ends_up_with_the_state_without_gap_or_duplicate(steps, keep_b, frame_b):
    asyncio.run(follow(steps, keep_b, frame_b))


async def follow(steps: list[tuple[str, int]], keep_b: int, frame_b: int) -> None:
    state, topic = numbers(keep_b=keep_b, frame_b=frame_b)
    page = Page()
    wire = Wire(page)
    wire.viewer.subscribe(topic)
    for step, number in steps:
        if step == "publish":
            put(state, topic, number)
        elif step == "receive":
            await wire.let_through(number)
        elif step == "resubscribe":
            await idle()  # a frame under way arrives before the answer to the new subscription
            await wire.let_through(1)
            wire.viewer.subscribe(topic, page.epoch, page.seq)
        else:
            await wire.cut()
            if step == "restart":
                topic = Topic("numbers", lambda: list(state), keep_b=keep_b, frame_b=frame_b)
            wire = Wire(page)
            wire.viewer.subscribe(topic, page.epoch, page.seq)
    await wire.let_through(70)
    await wire.cut()
    assert (page.state, page.epoch, page.seq) == (state, topic.epoch, topic.seq)


class Inbox:
    """A viewer that takes everything, and an event for every frame."""

    def __init__(self, **settings: Any) -> None:
        self.frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.viewer = Viewer(self.send, **{"tick_s": 0} | settings)
        self.writing = asyncio.create_task(self.viewer.run())

    async def send(self, text: str) -> None:
        self.frames.put_nowait(json.loads(text))

    async def next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.frames.get(), 5)

    async def __aenter__(self) -> "Inbox":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.viewer.close()
        self.writing.cancel()
        await asyncio.gather(self.writing, return_exceptions=True)


async def test_a_viewer_gets_the_state_and_then_what_changes():
    state, topic = numbers()
    put(state, topic, 7)
    async with Inbox() as inbox:
        inbox.viewer.subscribe(topic)
        expected = {"t": "snap", "topic": "numbers", "epoch": topic.epoch, "seq": 1, "v": [7]}
        assert await inbox.next() == expected
        put(state, topic, 8)
        expected = {"t": "ops", "topic": "numbers", "epoch": topic.epoch, "seq": 2, "from": 2, "ops": [8]}
        assert await inbox.next() == expected


async def test_a_viewer_that_has_been_here_gets_only_what_it_missed():
    state, topic = numbers()
    for number in (1, 2, 3):
        put(state, topic, number)
    async with Inbox() as inbox:
        inbox.viewer.subscribe(topic, topic.epoch, 1)
        assert (await inbox.next())["ops"] == [2, 3]


@pytest.mark.parametrize("since", [-1, 4, 2**70, True, 1.0, "1", None, [1]])
async def test_a_place_that_cannot_be_gets_a_snapshot(since):
    state, topic = numbers()
    for number in (1, 2, 3):
        put(state, topic, number)
    async with Inbox() as inbox:
        inbox.viewer.subscribe(topic, topic.epoch, since)
        assert (await inbox.next())["v"] == [1, 2, 3]


async def test_a_place_in_the_log_of_a_dead_server_gets_a_snapshot():
    state, topic = numbers()
    put(state, topic, 1)
    async with Inbox() as inbox:
        inbox.viewer.subscribe(topic, "another epoch", 1)
        assert (await inbox.next())["v"] == [1]


async def test_what_is_published_meanwhile_comes_as_one_frame():
    state, topic = numbers()
    async with Inbox() as inbox:
        inbox.viewer.subscribe(topic)
        await inbox.next()
        for number in range(1, 100):
            put(state, topic, number)
        assert (await inbox.next())["ops"] == list(range(1, 100))


async def test_a_backlog_comes_in_frames_of_a_bounded_size():
    state, topic = numbers(frame_b=10)
    for number in range(1, 10):
        put(state, topic, number * 111)
    async with Inbox() as inbox:
        inbox.viewer.subscribe(topic, topic.epoch, 0)
        frames = [(await inbox.next())["ops"] for _ in range(3)]
        assert frames == [[111, 222, 333], [444, 555, 666], [777, 888, 999]]


async def test_the_log_is_bounded_by_bytes():
    state, topic = numbers(keep_b=10)
    for number in range(1, 10):
        put(state, topic, number * 111)
    assert json.loads(topic.frame(6).text)["ops"] == [777, 888, 999]
    assert json.loads(topic.frame(5).text)["t"] == "snap"


async def test_one_operation_larger_than_the_log_still_arrives():
    topic = Topic("large", lambda: "all", keep_b=10)
    topic.publish("x" * 100)
    assert json.loads(topic.frame(0).text)["ops"] == ["x" * 100]


async def test_a_frame_is_encoded_once_for_all_who_stand_at_the_same_place():
    state, topic = numbers()
    inboxes = [Inbox() for _ in range(50)]
    for inbox in inboxes:
        inbox.viewer.subscribe(topic)
    for inbox in inboxes:
        await inbox.next()
    put(state, topic, 1)
    for inbox in inboxes:
        await inbox.next()
    assert topic.encoded == 2  # the snapshot and the operation
    for inbox in inboxes:
        await inbox.__aexit__()


async def test_a_frame_is_as_new_as_the_topic():
    state, topic = numbers()
    for number in (1, 2):
        put(state, topic, number)
        snapshot, missed = json.loads(topic.frame(None).text), json.loads(topic.frame(0).text)
        assert (snapshot["seq"], snapshot["v"]) == (number, state)
        assert (missed["seq"], missed["ops"]) == (number, state)


async def test_who_subscribes_anew_starts_there_whatever_is_under_way():
    state, topic = numbers()
    for number in (1, 2, 3):
        put(state, topic, number)
    page = Page()
    wire = Wire(page)
    wire.viewer.subscribe(topic)
    await idle()  # the snapshot with all three is under way
    wire.viewer.subscribe(topic, topic.epoch, 3)
    wire.viewer.subscribe(topic, topic.epoch, 1)
    await wire.let_through(1)
    page.state, page.seq = [1], 1  # the page had meant to go on from here
    await wire.let_through(1)
    assert page.state == [1, 2, 3]
    await wire.cut()


async def test_frames_of_many_different_places_do_not_pile_up():
    state, topic = numbers()
    for number in range(1, 100):
        put(state, topic, number)
    for cursor in range(99):
        topic.frame(cursor)
    assert len(topic._frames) <= SHARED
    assert json.loads(topic.frame(98).text)["ops"] == [99]


async def test_numbers_that_json_does_not_know_become_null():
    topic = Topic("odd", lambda: [float("inf")])
    topic.publish({"x": float("nan")})
    assert json.loads(topic.frame(None).text)["v"] == [None]
    assert json.loads(topic.frame(0).text)["ops"] == [{"x": None}]


async def test_of_the_last_kind_only_the_newest_value_comes():
    topic = Topic("machine", mode="last")
    async with Inbox() as inbox:
        inbox.viewer.subscribe(topic)
        for load in (1, 2, 3):
            topic.publish({"load": load})
        expected = {"t": "last", "topic": "machine", "epoch": topic.epoch, "seq": 3, "v": {"load": 3}}
        assert await inbox.next() == expected


async def test_of_the_last_kind_nothing_comes_before_there_is_a_value():
    topic = Topic("machine", mode="last")
    async with Inbox() as inbox:
        inbox.viewer.subscribe(topic)
        inbox.viewer.reply({"t": "pong"})
        assert (await inbox.next())["t"] == "pong"
        await idle()
        assert inbox.frames.empty()
        topic.publish(1)
        assert (await inbox.next())["v"] == 1


async def test_the_last_kind_may_begin_with_a_snapshot():
    async with Inbox() as inbox:
        inbox.viewer.subscribe(Topic("queue", lambda: {"waiting": []}, mode="last"))
        assert (await inbox.next())["v"] == {"waiting": []}


async def test_a_topic_knows_whether_somebody_looks():
    seen = []
    topic = Topic("machine", mode="last")
    topic.on_first, topic.on_last = (lambda: seen.append("first")), (lambda: seen.append("last"))
    async with Inbox() as one, Inbox() as two:
        one.viewer.subscribe(topic)
        two.viewer.subscribe(topic)
        one.viewer.subscribe(topic)
        assert (topic.viewers, seen) == (2, ["first"])
        one.viewer.unsubscribe(topic)
        one.viewer.unsubscribe(topic)
        assert (topic.viewers, seen) == (1, ["first"])
        two.viewer.close()
        assert (topic.viewers, seen) == (0, ["first", "last"])


async def test_who_unsubscribes_gets_nothing_more():
    state, topic = numbers()
    async with Inbox() as inbox:
        inbox.viewer.subscribe(topic)
        await inbox.next()
        inbox.viewer.unsubscribe(topic)
        put(state, topic, 1)
        await idle()
        assert inbox.frames.empty()


async def test_a_stalled_viewer_delays_nobody_and_is_given_up():
    state, topic = numbers()
    never = asyncio.Event()

    async def take_nothing(text: str) -> None:
        await never.wait()

    stalled = Viewer(take_nothing, tick_s=0, patience_s=0.2)
    stalled.subscribe(topic)
    giving_up = asyncio.create_task(stalled.run())
    async with Inbox() as inbox:
        inbox.viewer.subscribe(topic)
        for number in (1, 2, 3):
            put(state, topic, number)
            await inbox.next()
        assert not giving_up.done()
        with pytest.raises(Stalled, match=r"took nothing for 0\.2 s"):
            await giving_up
    stalled.close()


async def test_a_hub_finds_topics_by_name_until_they_are_dropped():
    hub = Hub()
    topic = hub.topic("runs")
    assert hub.topic("runs") is topic
    assert hub.find("runs") is topic
    hub.drop("runs")
    hub.drop("runs")
    assert hub.find("runs") is None
    assert hub.topic("runs").epoch != topic.epoch
