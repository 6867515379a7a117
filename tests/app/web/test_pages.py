"""The pages as HTML: what they say without a script, and what their forms do."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape

import httpx
import pytest
from fastapi import FastAPI

from app.ground.settings import Settings
from app.main import build
from app.runs.run import Run, State
from app.system import machine
from app.text import languages
from app.text.markup import REL
from app.web.pages import base, history, home
from experiments.kit import Need, say, times
from experiments.kit.spec import load, names
from experiments.kit.verdict import Check, Verdict

NAME = "threads.scaling"
SCALING = load(NAME)
VERDICT = Verdict(
    "no",
    say("Two threads ran {threads} as fast as one.", threads=times(0.97, "threads")),
    (Check(say("Threads stay below {limit}.", limit=times(1.15)), ok=True),),
    (say("Other programs used {x} of this machine meanwhile.", x="14 %"),),
).as_json()
FINISHED = {
    "experiment": NAME,
    "params": SCALING.parse({"workers": 2}),
    "python": "cpython-3.11",
    "state": State.DONE,
    "machine": {
        "host": "lab-7",
        "system": "Linux 6.18",
        "cpu": "a processor",
        "cores": 2,
        "quota_cores": None,
        "memory_b": 2**34,
        "python": "3.11.7",
        "implementation": "CPython",
        "gil": True,
        "free_threaded_build": False,
        "switch_interval_s": 0.005,
        "clock_resolution_s": 1e-9,
    },
    "conditions": {"foreign_cpu": 0.14, "run_delay": 0.021, "steal": 0.0, "own_cpu": 0.004},
    "verdict": VERDICT,
    "created_at": 1_795_000_000.0,
    "started_at": 1_795_000_001.0,
    "ended_at": 1_795_000_003.5,
}


@pytest.fixture
async def app(tmp_path) -> AsyncIterator[FastAPI]:
    app = build(Settings(data=tmp_path / "data", cache=tmp_path / "cache"))
    app.state.bench.run_child = never_ends
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    headers = {"origin": "http://127.0.0.1:8000"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8000", headers=headers
    ) as client:
        yield client


async def never_ends(*args, stop: asyncio.Event, **kwargs):
    """A child that measures until it is stopped."""
    yield {"t": "progress", "done": 0.25, "text": "round 1 of 4"}
    await stop.wait()
    yield {"t": "end", "why": "stopped", "conditions": {}, "last_words": ""}


def keep(app: FastAPI, id: str, **changes) -> Run:
    """A stored run, as if it had been measured."""
    run = Run(id=id, **FINISHED | changes)
    store = app.state.bench.store
    store.create(run)
    columns = [column.name for column in SCALING.table("round").columns]
    store.append(id, "round", columns, [["threads", 2, 1, 0.2, 0.97, 0.2, 1.0, 0.001]])
    store.flush()
    return run


def text_of(answer: httpx.Response) -> str:
    """What a reader sees, with single spaces."""
    body = re.sub(r"<script.*?</script>", "", answer.text, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", "", body)).split())


def state_of(answer: httpx.Response) -> dict:
    """The embedded first state."""
    found = re.search(r'<script type="application/json" id="state">(.*?)</script>', answer.text, re.DOTALL)
    assert found
    return json.loads(found[1])


async def test_the_bench_lists_every_question_and_says_that_nothing_ran(client, app):
    answer = await client.get("/")
    seen = text_of(answer)
    for experiment in app.state.bench.experiments.values():
        assert experiment.question in seen
        assert f'href="/experiments/{experiment.name}"' in answer.text
    assert "Nothing was measured here yet." in seen


async def test_the_bench_says_what_the_last_run_said(client, app):
    await asyncio.to_thread(keep, app, "00000000a1")
    seen = text_of(await client.get("/"))
    assert "here: no threads 0.97×" in seen
    assert "2.50 s" in seen


async def test_the_channels_of_a_large_machine_are_groups_of_cores():
    labels = [channel["label"] for channel in home.channels(2)]
    assert labels == ["cpu0", "cpu1", "runnable threads", "context switches"]
    assert [channel["label"] for channel in home.channels(10)][:4] == [
        "cpu0–1",
        "cpu2–4",
        "cpu5–7",
        "cpu8–9",
    ]


async def test_channels_are_named_by_the_numbers_of_the_cores_and_not_by_their_count(tmp_path, monkeypatch):
    stat = tmp_path / "stat"
    stat.write_text("cpu  9 9 9\ncpu0 1 1 1\ncpu2 1 1 1\ncpu4 1 1 1\nintr 5\n")
    monkeypatch.setattr(machine, "PROC_STAT", stat)
    assert machine.online_cores() == [0, 2, 4]
    assert [channel["label"] for channel in home.channels(3, machine.online_cores())][:3] == [
        "cpu0",
        "cpu2",
        "cpu4",
    ]
    assert home.channels(10, [0, 2, *range(4, 12)])[0]["label"] == "cpu0, 2"
    stat.unlink()
    assert machine.online_cores() == []


async def test_an_experiment_shows_its_form_its_article_and_its_code(client):
    answer = await client.get(f"/experiments/{NAME}")
    assert 'name="workers" value="4" min="2" max="32"' in answer.text
    assert "2 to 32" in text_of(answer)
    assert 'class="l" data-n=' in answer.text
    state = state_of(answer)
    assert state["run"] is None
    assert [figure["id"] for figure in state["figures"]] == [chart.id for chart in SCALING.charts]


@pytest.mark.parametrize("language", languages.LANGUAGES)
async def test_the_sources_of_an_article_are_links_that_leave_the_page_open(client, language):
    answer = await client.get(f"/experiments/{NAME}", params={"lang": language}, follow_redirects=True)
    assert (
        f'<a href="https://peps.python.org/pep-0703/" rel="{REL}" target="_blank">PEP 703</a>' in answer.text
    )


async def test_a_preset_fills_the_form_and_the_command_line(client):
    answer = await client.get(f"/experiments/{NAME}", params={"preset": "quick"})
    workers = SCALING.presets["quick"]["workers"]
    assert f'name="workers" value="{workers}"' in answer.text
    assert f"oscope run {NAME} --workers {workers}" in text_of(answer)


async def test_the_form_starts_a_run_and_leads_to_it(client):
    answer = await client.post(f"/experiments/{NAME}", data={"workers": "3", "python": ""})
    assert answer.status_code == 303
    run = (await client.get(answer.headers["location"].replace("/runs/", "/api/runs/"))).json()
    assert run["params"] == SCALING.parse({"workers": 3})


async def test_a_form_whose_preset_was_changed_is_no_preset(client):
    changed = {"preset": "quick", "workers": "17"}
    answer = await client.post(f"/experiments/{NAME}", data=changed)
    run = (await client.get(answer.headers["location"].replace("/runs/", "/api/runs/"))).json()
    assert (run["preset"], run["params"]["workers"]) == (None, 17)


async def test_a_wrong_value_comes_back_with_the_sentence_beside_it(client):
    answer = await client.post(f"/experiments/{NAME}", data={"workers": "99"})
    assert answer.status_code == 422
    assert "workers: 99 is outside 2 to 32" in text_of(answer)
    assert 'value="99"' in answer.text
    assert 'aria-invalid="true"' in answer.text


async def test_a_wrong_guess_gives_the_form_back_with_what_was_typed(client, app):
    sent = {"workers": "2", "guess.threads@2": "1.5"}
    answer = await client.post(f"/experiments/{NAME}", data=sent)
    assert answer.status_code == 422
    assert "guess: processes@2 is missing" in unescape(answer.text)
    assert 'name="guess.threads@2" value="1.5"' in answer.text
    assert not app.state.bench.running


async def test_what_a_form_sends_cannot_become_html(client):
    answer = await client.post(f"/experiments/{NAME}", data={"workers": '"><script>alert(1)</script>'})
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text


async def test_a_full_queue_is_told_on_the_form(client):
    for _ in range(21):
        assert (await client.post(f"/experiments/{NAME}")).status_code == 303
    answer = await client.post(f"/experiments/{NAME}")
    assert answer.status_code == 429
    assert "the queue is full" in text_of(answer)


async def test_a_run_that_goes_on_offers_stop_and_refresh(client):
    started = await client.post(f"/experiments/{NAME}")
    url = started.headers["location"]
    answer = await client.get(url)
    assert f'action="{url}/stop"' in answer.text
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in answer.text
    stopped = await client.post(f"{url}/stop")
    assert (stopped.status_code, stopped.headers["location"]) == (303, url)
    seen = text_of(await client.get(url))
    assert "Stopped." in seen
    assert "What was measured is here." in seen


async def test_a_run_is_told_whole_without_a_script(client, app):
    await asyncio.to_thread(keep, app, "00000000a1")
    answer = await client.get("/runs/00000000a1")
    seen = text_of(answer)
    assert "No. Two threads ran 0.97× as fast as one." in seen
    assert "Threads stay below 1.15×." in seen
    assert "Other programs used 14 % of this machine meanwhile." in seen
    assert "foreign CPU" in seen
    assert "lab-7" in seen
    assert "CSV, round 1 row" in seen
    assert '<table class="data">' in answer.text


async def test_a_failed_run_says_why_and_gives_its_last_words(client, app):
    failed = {"state": State.FAILED, "verdict": None, "why": "it was killed by SIGKILL"}
    await asyncio.to_thread(keep, app, "00000000a2", **failed, last_words="Segmentation <fault>")
    seen = text_of(await client.get("/runs/00000000a2"))
    assert "It was killed by SIGKILL." in seen
    assert "Segmentation <fault>" in seen


async def test_the_script_begins_where_the_page_ends(client):
    started = await client.post(f"/experiments/{NAME}")
    state = state_of(await client.get(started.headers["location"]))
    assert state["topic"] == f"run:{started.headers['location'].removeprefix('/runs/')}"
    assert isinstance(state["epoch"], str)
    assert isinstance(state["seq"], int)


async def test_what_a_run_left_is_a_part_that_the_script_can_swap_in(client, app):
    await asyncio.to_thread(keep, app, "00000000a1")
    answer = await client.get("/runs/00000000a1/parts")
    parts = re.findall(r'data-part="(\w+)"', answer.text)
    page = await client.get("/runs/00000000a1")
    assert sorted(parts) == ["crumb", "facts", "imported", "keep", "status", "take", "verdict"]
    assert all(f'data-part="{part}"' in page.text for part in parts if part != "status")


async def test_repeat_fills_the_form_with_that_runs_parameters(client, app):
    await asyncio.to_thread(keep, app, "00000000a1", params=SCALING.parse({"workers": 11}))
    answer = await client.get(f"/experiments/{NAME}", params={"repeat": "00000000a1"})
    assert 'name="workers" value="11"' in answer.text


async def test_the_history_is_filtered_and_paged(client, app):
    for n in range(history.PAGE + 5):
        state = State.FAILED if n % 2 else State.DONE
        await asyncio.to_thread(
            keep, app, f"{n:010x}", state=state, created_at=time.time() - 1000 + n, why="it broke"
        )
    first = await client.get("/runs", params={"experiment": NAME})
    assert len(re.findall("<tr data-run", first.text)) == history.PAGE
    older = unescape(re.search(r'href="([^"]*before=[^"]*)"', first.text)[1])
    assert len(re.findall("<tr data-run", (await client.get(older)).text)) == 5
    failed = await client.get("/runs", params={"state": "failed"})
    assert len(re.findall("<tr data-run", failed.text)) == 17


async def test_a_noisy_run_is_flagged_in_the_history(client, app):
    await asyncio.to_thread(keep, app, "00000000a1")
    await asyncio.to_thread(keep, app, "00000000a2", conditions={"foreign_cpu": 0.02})
    assert text_of(await client.get("/runs")).count("noisy") == 1


async def test_an_empty_history_says_what_to_do(client):
    assert "Pick a question" in text_of(await client.get("/runs"))
    assert "No run is like that." in text_of(await client.get("/runs", params={"state": "failed"}))


async def test_deleting_a_run_leads_back_to_the_history(client, app):
    await asyncio.to_thread(keep, app, "00000000a1")
    answer = await client.post("/runs/00000000a1/delete")
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs")
    assert (await client.get("/runs/00000000a1")).status_code == 404


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/experiments/threads.nothing", 404, "There is no experiment 'threads.nothing'"),
        ("/experiments/threads.scaling?preset=none", 422, "has no preset 'none'"),
        ("/runs/0123456789", 404, "There is no run '0123456789'"),
        ("/runs?state=odd", 422, "state: 'odd' is not one of"),
        ("/runs?experiment=nothing", 404, "There is no experiment 'nothing'"),
    ],
)
async def test_what_is_not_there_gets_a_sentence_and_a_next_step(client, path, status, sentence):
    answer = await client.get(path)
    assert answer.status_code == status
    assert sentence.lower() in text_of(answer).lower()
    assert 'href="/runs"' in answer.text


async def test_pages_ask_for_nothing_outside_and_run_no_inline_script(client, app):
    await asyncio.to_thread(keep, app, "00000000a1")
    for path in ("/", f"/experiments/{NAME}", "/runs", "/runs/00000000a1"):
        page = (await client.get(path)).text
        # What is followed by a click is not loaded by the page.
        loaded = re.sub(r'<a href="https://[^"]*" rel="[^"]*noreferrer[^"]*"', "<a", page)
        assert not re.search(r'(src|href)="(https?:)?//', loaded), path
        assert all("src=" in tag or "application/json" in tag for tag in re.findall("<script[^>]*>", page))
        assert not re.search(r"\son[a-z]+=", page), path


async def test_json_in_a_page_cannot_end_its_script():
    assert base.embed({"words": "</script><b>&\u2028"}) == (
        '{"words":"\\u003c/script\\u003e\\u003cb\\u003e\\u0026\\u2028"}'
    )


# -- the catalogue ----------------------------------------------------------------------------


async def test_the_catalogue_is_searched_without_a_script_in_both_languages(client, app):
    for q, language in (("PYTHON faster", "en"), ("scaling", "zh"), ("工作者", "zh")):
        with languages.speaking(app.state.words[language]):
            seen = (await client.get("/", params={"q": q})).text
        assert 'href="/experiments/threads.scaling"' in seen
        assert 'href="/experiments/processes.states"' not in seen


async def test_a_word_that_no_question_has_is_said(client):
    answer = await client.get("/", params={"q": "zebra<b>"})
    assert 'id="nothing" hidden' not in answer.text
    assert "No question has this word." in text_of(answer)
    assert "zebra<b>" not in answer.text


async def test_a_thumbnail_has_the_shape_of_the_last_result_here(client, app):
    await asyncio.to_thread(keep, app, "00000000a1", thumb='<path d="M1 2 3 4"/>')
    for n in range(12):  # however many came from elsewhere since
        origin = {"id": "b", "host": "x"}
        await asyncio.to_thread(keep, app, f"00000000b{n:x}", thumb='<path d="M9 9"/>', origin=origin)
    page = (await client.get("/")).text
    assert '<path d="M1 2 3 4"/>' in page
    assert '<path d="M9 9"/>' not in page  # that one was measured elsewhere
    assert f'class="thumb" data-thumb="{NAME}"' in page
    assert page.count('class="thumb sketch"') == len(names()) - 1  # the others are no results


async def test_what_cannot_run_here_says_why(client, app):
    experiments = app.state.bench.experiments
    third_hand = Need(lambda: "It needs a third hand.")
    experiments[NAME] = replace(experiments[NAME], needs=(third_hand,))
    seen = text_of(await client.get("/"))
    assert "Cannot run here: It needs a third hand." in seen
