import asyncio
import json
from contextlib import asynccontextmanager

from app.live.feeds import Feed
from app.live.topics import Topic, Viewer


@asynccontextmanager
async def looking(topic):
    """The values that one viewer gets, in a queue."""
    values = asyncio.Queue()

    async def take(text):
        values.put_nowait(json.loads(text)["v"])

    viewer = Viewer(take, tick_s=0)
    writing = asyncio.create_task(viewer.run())
    viewer.subscribe(topic)
    yield values
    viewer.close()
    writing.cancel()


async def test_who_looks_again_sees_what_is_now_and_not_what_was_seen_last():
    news = asyncio.Queue()

    async def values():
        while True:
            yield await news.get()

    topic = Topic("machine", mode="last")
    Feed(topic, values)
    async with looking(topic) as seen:
        news.put_nowait("an hour ago")
        assert await seen.get() == "an hour ago"
    async with looking(topic) as seen:
        news.put_nowait("now")
        assert await seen.get() == "now"


async def test_values_that_break_off_are_told_at_once(caplog):
    broken = asyncio.Event()

    async def values():
        yield 1
        broken.set()
        raise ZeroDivisionError

    topic = Topic("machine", mode="last")
    Feed(topic, values)
    async with looking(topic) as seen:
        assert await seen.get() == 1
        await broken.wait()
        await asyncio.sleep(0)
        assert "the topic machine has nothing more to say" in caplog.text
