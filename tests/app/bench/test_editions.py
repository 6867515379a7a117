"""A run told in two languages: each viewer gets their own, and nobody pays for one that nobody reads."""

import asyncio
import contextlib
import json
import re
from functools import partial
from typing import Any

import httpx
import pytest

from app.bench.bench import Bench
from app.bench.editions import Draft
from app.bench.open_runs import UnknownRun
from app.children.runner import run_child
from app.door.language import Readers
from app.figures import Board, apply
from app.ground.settings import Settings
from app.live.topics import Hub
from app.main import build
from app.runs.run import Run, State
from app.storage.store import Store
from app.system.interpreters import default
from app.text.languages import ENGLISH, Words
from experiments.kit.spec import load_all
from tests.app.live.test_sockets import app_of, connected, hear, say
from tests.app.serving import serving
from tests.tiny.root import build_root, load

CHINESE = Words(
    "zh",
    {
        "How far?": "多远？",
        "step {n}": "第 {n} 步",
        "No rows.": "还没有数据。",
        "stopped on request": "应要求停止",
        ". ": "。",
        ".": "。",
        ": ": "：",
    },
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return build_root(tmp_path_factory.mktemp("root"))


@pytest.fixture
async def bench(root, tmp_path):
    store = Store(tmp_path / "runs.sqlite3")
    bench = Bench(
        load(),
        store,
        Hub(),
        {default().id: default()},
        languages={"en": ENGLISH, "zh": CHINESE},
        run_child=partial(run_child, root=root, spare=None),
    )
    await bench.start()
    yield bench
    await bench.close()
    store.close()


async def measured(bench: Bench, **params: Any) -> str:
    run = await bench.submit("tiny.counting", params)
    await (await bench.views.of(run.id)).ended.wait()
    return run.id


class Page:
    """A browser's page: the figures that it would draw, and what it was told of the run."""

    def __init__(self, connection, topic: str) -> None:
        self.connection = connection
        self.topic = topic
        self.figures: list[dict[str, Any]] = []
        self.told: list[str] = []
        self.run: dict[str, Any] = {}

    async def follow(self) -> None:
        """Until the run has ended."""
        await say(self.connection, op="sub", topic=self.topic)
        while self.run.get("state") not in ("done", "failed", "stopped"):
            self.take(await hear(self.connection))

    def take(self, message: dict[str, Any]) -> None:
        assert message["topic"] == self.topic
        if message["t"] == "snap":
            self.figures = message["v"]["figures"]
            self.hear_of(message["v"]["run"])
        for op in message.get("ops", ()):
            if op["o"] == "fig":
                apply(next(f for f in self.figures if f["id"] == op["id"]), op["patch"])
            elif op["o"] == "run":
                self.hear_of(op["v"])

    def hear_of(self, run: dict[str, Any]) -> None:
        self.run |= run
        if run.get("progress_text"):
            self.told.append(run["progress_text"])


def xs(figure: dict[str, Any]) -> list[float]:
    return next(trace["x"] for trace in figure["data"] if trace["id"] == "half")


async def test_an_english_and_a_chinese_viewer_of_one_run_each_get_their_own(bench):
    run = await bench.submit("tiny.counting", {"n": 40, "pause": 20})
    async with (
        serving(app_of(bench.views.topic)) as port,
        connected(port) as one,
        connected(port) as other,
    ):
        english, chinese = Page(one, f"run:{run.id}"), Page(other, f"run:{run.id}:zh")
        await asyncio.gather(english.follow(), chinese.follow())
    assert (english.figures[0]["title"], chinese.figures[0]["title"]) == ("How far?", "多远？")
    assert xs(english.figures[0]) == xs(chinese.figures[0]) == list(range(40))
    assert (english.told[-1], chinese.told[-1]) == ("step 40", "第 40 步")
    assert english.run["state"] == chinese.run["state"] == "done"
    live = await bench.views.of(run.id)
    assert english.figures == live.board.figures()
    assert chinese.figures == live.in_language("zh").board.figures()


async def test_who_comes_late_in_another_language_misses_no_row_and_gets_none_twice(bench):
    run = await bench.submit("tiny.counting", {"n": 60, "pause": 15})
    live = await bench.views.of(run.id)
    async with serving(app_of(bench.views.topic)) as port, connected(port) as one, connected(port) as other:
        english = Page(one, f"run:{run.id}")
        await say(one, op="sub", topic=english.topic)
        while live.run.rows.get("step", 0) < 20:
            english.take(await hear(one))
        assert not live.others
        chinese = Page(other, f"run:{run.id}:zh")
        await chinese.follow()
    assert xs(chinese.figures[0]) == list(range(60))
    assert chinese.figures == live.in_language("zh").board.figures()
    redrawn = await bench.views._redraw(live.run)
    again = await bench.views.told(redrawn, "zh")
    assert again.board.figures() == chinese.figures


async def test_a_run_that_nobody_reads_in_chinese_has_no_chinese_figures(bench):
    id = await measured(bench, n=3)
    assert (await bench.views.of(id)).others == {}
    assert [name for name in bench.hub._topics if name.startswith("run:")] == [f"run:{id}"]


async def test_two_who_ask_at_once_share_one_edition(bench):
    live = await bench.views.of(await measured(bench, n=3))
    first, second = await asyncio.gather(bench.views.told(live, "zh"), bench.views.told(live, "zh"))
    assert first is second
    assert first.topic.name == f"run:{live.run.id}:zh"


async def test_the_snapshot_says_what_happened_in_the_readers_language(bench):
    run = await bench.submit("tiny.clinging")
    live = await bench.views.of(run.id)
    await bench.views.told(live, "zh")
    await bench.stop(run.id)
    assert live.snapshot()["run"]["why"] == "stopped on request"
    assert live.snapshot("zh")["run"]["why"] == "应要求停止"


async def test_a_run_takes_its_editions_with_it(bench):
    id = await measured(bench, n=3)
    assert (await bench.views.topic(f"run:{id}:zh")).name == f"run:{id}:zh"
    await bench.delete(id)
    assert bench.hub.find(f"run:{id}") is None
    assert bench.hub.find(f"run:{id}:zh") is None
    assert await bench.views.topic(f"run:{id}:zh") is None


async def test_forgotten_runs_leave_no_topic_in_any_language(bench):
    for _ in range(10):
        await bench.views.topic(f"run:{await measured(bench, n=1)}:zh")
    assert len([name for name in bench.hub._topics if name.startswith("run:")]) == 2 * len(bench.views.ended)


async def test_an_edition_that_is_ready_after_its_run_was_deleted_leaves_no_topic(bench, monkeypatch):
    id = await measured(bench, n=3)
    live = await bench.views.of(id)
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(draft, stored, ended):
        reading.set()
        await go_on.wait()

    monkeypatch.setattr(Draft, "catch_up", slowly)
    making = asyncio.create_task(bench.views.told(live, "zh"))
    await reading.wait()
    await bench.delete(id)
    go_on.set()
    await making
    assert bench.hub.find(f"run:{id}:zh") is None


@pytest.mark.parametrize("name", ["run:{id}:de", "run:{id}:en", "run:{id}:", "run:{id}:zh:zh", "run::zh"])
async def test_only_languages_that_are_there_have_topics(bench, name):
    id = await measured(bench, n=1)
    assert await bench.views.topic(name.format(id=id)) is None


async def test_a_run_that_is_deleted_while_an_edition_is_made_is_unknown(bench):
    live = await bench.views.of(await measured(bench, n=3))
    await bench.delete(live.run.id)
    with pytest.raises(UnknownRun, match="there is no run"):
        await bench.views.told(live, "zh")
    assert live.drafts == []


# A draft, step by step


def rows(first: int, end: int) -> list[list[float]]:
    return [[i, i / 2, 0.5] for i in range(first, end)]


@pytest.mark.parametrize(
    ("stored", "heard"),
    [
        ([10], []),
        ([4, 10], []),  # six rows were drawn, but not yet stored
        ([10], [(10, 13)]),
        ([13], [(10, 13)]),  # stored before they were read
        ([11], [(10, 13), (13, 20)]),
        ([7, 12], [(10, 11), (11, 20)]),
    ],
)
async def test_a_draft_draws_every_row_once(stored, heard):
    experiment = load()["tiny.counting"]
    draft = Draft(Board(experiment, CHINESE), {"step": 10})
    readings = iter(stored)

    async def read():
        for first, end in heard:
            if (first, end) not in [(before, before + len(more)) for _, before, more in draft.later]:
                draft.heard("step", first, rows(first, end))
        return {"step": rows(0, next(readings))}

    await draft.catch_up(read, lambda: False)
    (figure,) = draft.board.figures()
    last = max([stored[-1], *(end for _, end in heard)])
    assert [row[1] for row in figure["table"]["rows"]] == list(range(last))
    assert {row[-1] for row in figure["table"]["rows"]} == {1}
    with contextlib.suppress(StopIteration):
        raise AssertionError(f"a reading was not needed: {next(readings)}")


async def test_a_draft_of_a_run_that_could_not_be_stored_does_not_wait_for_ever():
    draft = Draft(Board(load()["tiny.counting"], CHINESE), {"step": 10})

    async def read():
        return {"step": rows(0, 4)}

    await asyncio.wait_for(draft.catch_up(read, lambda: True), 5)
    assert len(draft.board.figures()[0]["table"]["rows"]) == 4


# Over HTTP


@pytest.fixture
async def client(tmp_path):
    """A browser in front of the whole app, where one run has ended."""
    app = build(Settings(data=tmp_path / "data", cache=tmp_path / "cache"))
    store = app.state.bench.store
    store.create(STORED)
    columns = [field.name for field in load_all()["threads.scaling"].table("round").columns]
    round_ = ["threads", 2, 0, 0.1, 0.97, 0.1, 1.0, 0.0]
    store.append(STORED.id, "round", columns, [round_])
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(Readers(app, app.state.words)), base_url="http://127.0.0.1:8000"
        ) as client,
    ):
        yield client


STORED = Run(
    id="00000000a1",
    experiment="threads.scaling",
    params={"workload": "python", "workers": 2, "work": 60.0, "repeats": 3},
    python="cpython-3.11",
    state=State.STOPPED,
    why="stopped on request",
    created_at=1_795_000_000.0,
    started_at=1_795_000_001.0,
    ended_at=1_795_000_003.5,
)


async def test_the_figures_come_in_the_language_of_who_asks(client):
    path = f"/api/runs/{STORED.id}/figures"
    english = (await client.get(path)).json()
    chinese = (await client.get(path, headers={"accept-language": "zh-CN"})).json()
    assert (english["topic"], chinese["topic"]) == (f"run:{STORED.id}", f"run:{STORED.id}:zh")
    assert english["figures"][0]["title"] == "How much more work gets done with more workers?"
    assert chinese["figures"][0]["title"] == "工作者更多，能多干多少活？"
    assert "<b>线程</b> 0.97×" in [label["text"] for label in chinese["figures"][0]["layout"]["annotations"]]
    assert [f["id"] for f in chinese["figures"]] == [f["id"] for f in english["figures"]]


async def test_a_page_is_given_the_topic_of_its_language_and_its_place_on_it(client):
    path = f"/runs/{STORED.id}"
    for language, topic, why in (("en", "", "stopped on request"), ("zh-CN", ":zh", "应要求停止")):
        page = (await client.get(path, headers={"accept-language": language})).text
        (embedded,) = re.findall(r'id="state">(.*?)</script>', page, re.DOTALL)
        state = json.loads(embedded)
        assert state["topic"] == f"run:{STORED.id}{topic}"
        assert (state["seq"], state["language"]) == (0, language[:2])
        assert state["run"]["why"] == why
