"""Runs are named, noted and pinned: what may be written, where it stays, and that it is never code."""

import asyncio
from contextlib import closing

import pytest

from app.runs import labels
from app.runs.labels import LabelError
from app.runs.run import Run, State, new_id
from app.storage.store import Store
from tests.app.web.test_pages import NAME, keep, text_of
from tests.app.web.test_pages import app as app
from tests.app.web.test_pages import client as client

ID = "0123456789"
RTL = "\u05e9\u05dc\u05d5\u05dd \u202eabc"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"name": " warm room "}, {"name": "warm room"}),
        ({"name": ""}, {"name": ""}),
        ({"name": "x" * 120}, {"name": "x" * 120}),
        ({"name": RTL}, {"name": RTL}),
        ({"note": "one\r\ntwo\n"}, {"note": "one\ntwo"}),
        ({"note": "y" * 4000}, {"note": "y" * 4000}),
        ({"pinned": True, "name": "a"}, {"pinned": True, "name": "a"}),
    ],
)
def test_what_may_be_written_on_a_run(given, read):
    assert labels.read(given) == read


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": "x" * 121}, "name: 121 characters are more than 120"),
        ({"note": "x" * 4001}, "note: 4001 characters are more than 4000"),
        ({"name": "a\nb"}, "name: it has to stand on one line"),
        ({"name": "a\u2028b"}, "name: it has to stand on one line"),
        ({"name": "a\x00b"}, "name: it has to stand on one line"),
        ({"note": "a\x00b"}, "note: it has a control character that no page can show"),
        ({"name": 7}, "name: it is not a text"),
        ({"note": None}, "note: it is not a text"),
        ({"pinned": "yes"}, "pinned: 'yes' is neither true nor false"),
        ({"pinned": 1}, "pinned: '1' is neither true nor false"),
        ({"state": "done"}, "a run's label has no member 'state'; it has name, note, pinned"),
        ({}, "there is nothing to change: name one of name, note, pinned"),
        ([], "the body is not an object"),
    ],
)
def test_what_may_not_be_written_is_refused_with_a_sentence(given, sentence):
    with pytest.raises(LabelError) as refused:
        labels.read(given)
    assert str(refused.value) == sentence


def test_a_form_leaves_out_a_box_that_is_not_ticked():
    assert labels.read_form({"name": "a", "note": ""}) == {"name": "a", "note": "", "pinned": False}
    assert labels.read_form({"pinned": "on"}) == {"name": "", "note": "", "pinned": True}


async def test_a_run_is_named_noted_and_pinned(client, app):
    keep(app, ID)
    told = {"name": "warm room", "note": "window shut", "pinned": True}
    answer = await client.patch(f"/api/runs/{ID}", json=told)
    assert answer.status_code == 200
    seen = (await client.get(f"/api/runs/{ID}")).json()
    assert {name: seen[name] for name in told} == told
    await client.patch(f"/api/runs/{ID}", json={"pinned": False})
    seen = (await client.get(f"/api/runs/{ID}")).json()
    assert (seen["name"], seen["note"], seen["pinned"]) == ("warm room", "window shut", False)


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b'{"name": 7}', 422, "name: it is not a text"),
        (b"{", 400, "the body is not JSON"),
        (b'{"name": "\\ud800"}', 400, "the body is not JSON"),
    ],
)
async def test_a_wrong_label_changes_nothing(client, app, body, status, detail):
    keep(app, ID, name="before")
    answer = await client.patch(f"/api/runs/{ID}", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()) == (status, {"detail": detail})
    assert (await client.get(f"/api/runs/{ID}")).json()["name"] == "before"


async def test_a_run_that_is_not_there_cannot_be_named(client):
    answer = await client.patch("/api/runs/ffffffffff", json={"name": "a"})
    assert (answer.status_code, answer.json()) == (404, {"detail": "there is no run 'ffffffffff'"})
    assert (await client.post("/runs/ffffffffff/keep", data={"name": "a"})).status_code == 404


async def test_the_plain_form_does_the_same_and_leads_back_to_the_run(client, app):
    keep(app, ID)
    answer = await client.post(f"/runs/{ID}/keep", data={"name": "warm", "note": "a\r\nb", "pinned": "on"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{ID}")
    run = app.state.bench.store.get(ID)
    assert (run.name, run.note, run.pinned) == ("warm", "a\nb", True)
    await client.post(f"/runs/{ID}/keep", data={"name": "warm", "note": ""})
    assert app.state.bench.store.get(ID).pinned is False


async def test_a_form_with_a_wrong_name_says_so(client, app):
    keep(app, ID)
    answer = await client.post(f"/runs/{ID}/keep", data={"name": "x" * 121})
    assert answer.status_code == 422
    assert "121 characters are more than 120" in text_of(answer)


async def measuring(app, id: str) -> None:
    """Returns when the bench has begun with this run."""
    while app.state.bench.live(id).run.state is State.QUEUED:  # noqa: ASYNC110
        await asyncio.sleep(0)  # a turn of the loop, no stretch of time


async def test_a_run_that_is_measured_can_be_named_and_its_end_does_not_undo_it(client, app):
    run = await app.state.bench.submit(NAME, {}, "quick")
    await measuring(app, run.id)
    answer = await client.patch(f"/api/runs/{run.id}", json={"name": "while it runs", "pinned": True})
    assert answer.json()["state"] == "running"
    await client.post(f"/api/runs/{run.id}/stop")
    app.state.bench.store.flush()
    kept = app.state.bench.store.get(run.id)
    assert (kept.state, kept.name, kept.pinned) == (State.STOPPED, "while it runs", True)


async def test_who_looks_at_a_run_hears_its_new_name(client, app):
    keep(app, ID)
    view = await app.state.bench.views.of(ID)
    await client.patch(f"/api/runs/{ID}", json={"name": "heard"})
    assert view.run.name == "heard"
    assert view.snapshot()["run"]["name"] == "heard"


@pytest.mark.parametrize("where", [f"/runs/{ID}", "/runs", "/", f"/runs/{ID}/parts"])
async def test_a_name_is_shown_and_cannot_become_html(client, app, where):
    keep(app, ID, name="<script>alert(1)</script>", note="</textarea><b>x</b>", pinned=True)
    answer = await client.get(where)
    assert '<bdi class="run-name">&lt;script&gt;alert(1)&lt;/script&gt;</bdi>' in answer.text
    assert "<script>alert" not in answer.text
    assert "</textarea><b>" not in answer.text
    assert "pinned" in text_of(answer)


async def test_a_note_that_begins_with_a_line_break_comes_back_whole_in_its_form(client, app):
    keep(app, ID, note="first\nsecond")
    page = (await client.get(f"/runs/{ID}")).text
    assert "<textarea" in page
    assert page.partition("<textarea")[2].partition(">")[2].startswith("\nfirst\nsecond</textarea>")


def test_a_pinned_run_outlives_the_cap_of_the_history(tmp_path):
    with closing(Store(tmp_path / "oscope.db", cap_b=300_000)) as store:
        kept = Run(id=new_id(), experiment=NAME, params={}, state=State.DONE)
        store.create(kept)
        store.update(kept.id, pinned=True, name="keep me")
        for n in range(12):
            run = Run(id=new_id(), experiment=NAME, params={}, state=State.DONE)
            store.create(run)
            store.append(run.id, "t", ["x"], [[hash((n, i)) / 3] for i in range(6_000)])
            store.flush()
        left, _ = store.list(limit=50)
    assert kept.id in [run.id for run in left]
    assert len(left) < 13
