"""In which language a request is answered: pages, errors, refusals and the JSON interface."""

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from app.door.guard import Guard
from app.door.language import Readers
from app.ground.settings import Settings
from app.main import build
from app.runs.run import Run, State
from experiments.kit import say
from experiments.kit.verdict import Verdict

CHINESE = {"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}
OURS = {"origin": "http://127.0.0.1:8000"}
FAILED = Run(
    id="00000000a2",
    experiment="threads.scaling",
    params={"workload": "python", "workers": 2, "work": 60.0, "repeats": 3},
    preset="quick",
    python="cpython-3.11",
    state=State.FAILED,
    why="the experiment was ended by SIGKILL",
    created_at=1_795_000_000.0,
)
DONE = Run(
    id="00000000a1",
    experiment="threads.scaling",
    params=FAILED.params,
    python="cpython-3.11",
    state=State.DONE,
    verdict=Verdict("unclear", say("Nothing was measured.")).as_json(),
    conditions={"foreign_cpu": 0.14},
    created_at=1_795_000_000.0,
    started_at=1_795_000_001.0,
    ended_at=1_795_000_003.5,
)


@pytest.fixture
async def client(tmp_path) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in front of the whole app, guard and all; it keeps its cookies."""
    app = build(Settings(data=tmp_path / "data", cache=tmp_path / "cache"))
    for run in (DONE, FAILED):
        await asyncio.to_thread(app.state.bench.store.create, run)
    guard = Guard(Readers(app, app.state.words), words=app.state.words)
    transport = httpx.ASGITransport(guard, client=("127.0.0.1", 50000))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client,
    ):
        yield client


def language_of(answer: httpx.Response) -> str:
    found = re.search(r'<html lang="([\w-]+)"', answer.text)
    assert found
    return found[1]


async def test_a_page_is_english_where_nobody_asks_for_anything_else(client):
    for headers in ({}, {"accept-language": "fr,de;q=0.5"}):
        page = await client.get("/", headers=headers)
        assert language_of(page) == "en"
        assert page.headers["content-language"] == "en"
        assert "What is your machine <em>really</em> doing?" in page.text
        assert 'id="words"' not in page.text


async def test_a_page_is_in_the_language_that_the_browser_asks_for(client):
    page = await client.get("/", headers=CHINESE)
    assert language_of(page) == page.headers["content-language"] == "zh-Hans"
    assert "你的机器<em>究竟</em>在做什么？" in page.text
    assert 'id="words">{' in page.text


async def test_caches_are_told_that_a_page_depends_on_who_asks(client):
    vary = {word.strip() for word in (await client.get("/")).headers["vary"].split(",")}
    assert {"Accept-Language", "Cookie"} <= vary


async def test_a_choice_leaves_the_address_and_is_remembered_against_the_browser(client):
    chosen = await client.get("/runs?state=failed&lang=zh")
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/runs?state=failed")
    assert "max-age=31536000" in chosen.headers["set-cookie"].lower()
    assert language_of(await client.get("/runs", headers={"accept-language": "en"})) == "zh-Hans"
    await client.get("/?lang=en")
    assert language_of(await client.get("/", headers=CHINESE)) == "en"


async def test_a_choice_keeps_what_else_the_address_says(client):
    asked = await client.get("/compare?runs=00000000a1,00000000a2&lang=zh&present")
    assert asked.headers["location"] == "/compare?runs=00000000a1%2C00000000a2&present="


async def test_asking_only_for_the_head_chooses_too_and_sending_a_form_does_not(client):
    form = await client.post("/runs/00000000a1/keep?lang=zh", data={"name": "Mine"}, headers=OURS)
    assert (form.status_code, form.headers["location"]) == (303, "/runs/00000000a1")
    assert "set-cookie" not in form.headers
    assert language_of(await client.get("/")) == "en"
    head = await client.head("/runs?lang=zh")
    assert (head.status_code, head.headers["location"], head.text) == (303, "/runs", "")
    assert language_of(await client.get("/")) == "zh-Hans"


async def test_a_choice_leads_to_no_other_host(client):
    chosen = await client.get("http://127.0.0.1:8000//evil.example/?lang=zh")
    assert chosen.headers["location"] == "/evil.example/"


@pytest.mark.parametrize("query", ["lang=tlh", "lang=", "language=zh"])
async def test_what_is_no_choice_stays_an_ordinary_address(client, query):
    assert (await client.get(f"/?{query}")).status_code == 200


async def test_every_page_offers_the_other_language_at_its_own_address(client):
    english = await client.get("/runs?state=failed")
    assert 'href="?state=failed&amp;lang=zh" lang="zh-Hans" hreflang="zh-Hans"' in english.text
    chinese = await client.get("/runs?state=failed", headers=CHINESE)
    assert 'href="?state=failed&amp;lang=en" lang="en" hreflang="en"' in chinese.text


async def test_a_page_that_is_not_there_says_so_in_the_readers_language(client):
    page = await client.get("/nothing", headers=CHINESE)
    assert page.status_code == 404
    assert "/nothing 处什么也没有" in page.text
    assert "它可能已被删除，或者地址输错了。" in page.text


async def test_an_older_page_of_the_history_may_be_gone(client):
    for path, status in (("/runs?before=00000000ff", 404), ("/runs?before=zzz", 404)):
        page = await client.get(path, headers=CHINESE)
        assert page.status_code == status
        assert "before：找不到运行" in page.text


async def test_a_sentence_that_begins_with_a_name_keeps_it(client):
    path = "/experiments/threads.scaling?preset=none"
    for headers, said in (({}, "threads.scaling has no preset"), (CHINESE, "threads.scaling 没有预设")):
        assert f"<h1>{said}" in (await client.get(path, headers=headers)).text


async def test_a_wrong_value_comes_back_in_the_readers_language_beside_its_field(client):
    form = {"workers": "99"}
    page = await client.post("/experiments/threads.scaling", data=form, headers=CHINESE | OURS)
    assert page.status_code == 422
    assert re.search(r'role="alert" id="error">[^<]*：99 超出范围 2 到 32<', page.text)
    assert re.search(r'name="workers" value="99"[^>]*aria-invalid="true"', page.text)


async def test_the_json_interface_tells_what_is_wrong_in_the_readers_language(client):
    async def detail(**headers: str) -> str:
        order = {"experiment": "threads.scaling", "params": {"repeats": "many"}}
        answer = await client.post("/api/runs", json=order, headers=headers)
        assert answer.status_code == 422
        return str(answer.json()["detail"])

    assert await detail() == "repeats: 'many' is not a number"
    assert (await detail(**CHINESE)).endswith("：'many' 不是数")


async def test_the_json_interface_keeps_its_data_in_english(client):
    run = (await client.get("/api/runs/00000000a2", headers=CHINESE)).json()
    assert (run["state"], run["why"]) == ("failed", "the experiment was ended by SIGKILL")


async def test_the_guard_refuses_in_the_readers_language(client):
    foreign = {"host": "evil.example"}
    page = await client.get("/", headers=CHINESE | foreign)
    assert (page.status_code, language_of(page)) == (421, "zh-Hans")
    assert "oscope 不能放行这个请求" in page.text
    assert "evil.example 不是这个 oscope 的名字" in page.text
    program = await client.get("/api/runs", headers=CHINESE | foreign)
    assert program.json()["detail"].startswith("evil.example 不是这个 oscope 的名字")
    assert "evil.example is not a name of this oscope" in (await client.get("/", headers=foreign)).text


async def test_what_a_run_stored_in_english_is_said_in_the_readers_language(client):
    failed = await client.get("/runs/00000000a2", headers=CHINESE)
    assert "失败：实验被 SIGKILL 终止。" in failed.text
    done = await client.get("/runs/00000000a1", headers=CHINESE)
    assert "完成，用时 2.50 s。" in " ".join(done.text.replace("\u00a0", " ").split())
    assert '<span class="answer">说不清。</span>' in done.text
    assert "其他程序的 CPU" in done.text
