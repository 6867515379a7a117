"""What is acknowledged is stored; what only memory knows is the same on every page and in every file."""

import random
import re
from contextlib import closing

import httpx
import pytest

from app.export.downloads import FORMS
from app.ground.paths import database
from app.ground.settings import Settings
from app.main import build
from app.runs.run import Run, State, new_id
from app.storage.store import MEMORY_ONLY, Store
from tests.served import serve


@pytest.fixture
async def app(tmp_path):
    app = build(Settings(data=tmp_path / "data", cache=tmp_path / "cache"))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app):
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", timeout=30
    ) as client:
        yield client


async def measured(app, client) -> str:
    answer = await client.post(
        "/api/runs", json={"experiment": "threads.gil_wait", "params": {"seconds": 0.3}}
    )
    assert answer.status_code == 201, answer.text
    id = answer.json()["id"]
    await (await app.state.bench.views.of(id)).ended.wait()
    return id


@pytest.fixture
async def unsaved(app, client):
    """A stored run, and one that a full disk did not take."""
    stored = await measured(app, client)
    limit = app.state.bench.store._disk._connection.execute
    limit("pragma max_page_count = 1").fetchall()
    filler = Run(id=new_id(), experiment="threads.race", params={}, state=State.DONE)
    app.state.bench.store.create(filler)
    rows = [[random.random() for _ in range(3)] for _ in range(5000)]
    app.state.bench.store.append(filler.id, "filling", ["a", "b", "c"], rows)
    only_here = await measured(app, client)
    app.state.bench.views.forget(only_here)  # drawn again from what is known of it
    yield stored, only_here
    limit("pragma max_page_count = 1000000").fetchall()


ROUTES = {  # of a run that has ended
    ("GET", "/api/runs/{id}"): 200,
    ("GET", "/api/runs/{id}/figures"): 200,
    ("GET", "/api/runs/{id}/rows/share"): 200,
    ("GET", "/api/runs/{id}/rows/share?format=csv"): 200,
    **{("GET", f"/api/runs/{{id}}/export/{form}"): 200 for form in FORMS},
    ("GET", "/api/runs/{id}/figures/{figure}.svg"): 200,
    ("GET", "/runs/{id}"): 200,
    ("GET", "/runs/{id}/parts"): 200,
    ("GET", "/compare?runs={id},{stored}"): 200,
    ("GET", "/compare?runs={id}"): 200,
    ("GET", "/api/runs"): 200,
    ("GET", "/api/runs?before={id}"): 200,
    ("GET", "/api/runs?limit=1"): 200,
    ("GET", "/runs"): 200,
    ("GET", "/runs?before={id}"): 200,
    ("GET", "/"): 200,
    ("GET", "/experiments/threads.gil_wait?repeat={id}"): 200,
    ("GET", "/api/health"): 200,
    ("POST", "/api/runs/{id}/stop"): 409,
    ("POST", "/runs/{id}/stop"): 409,
    ("PATCH", "/api/runs/{id}"): 200,
    ("PUT", "/api/runs/{id}/guess"): None,
    ("POST", "/runs/{id}/keep"): 303,
    ("POST", "/runs/{id}/delete"): None,
    ("DELETE", "/api/runs/{id}"): 204,
}


async def test_a_run_that_only_memory_knows_is_the_same_everywhere(app, client, unsaved):
    stored, id = unsaved
    figure = (await client.get(f"/api/runs/{id}/figures")).json()["figures"][0]["id"]
    for (method, path), status in ROUTES.items():
        if status is None:
            continue
        body = {"PATCH": {"json": {"name": "mine"}}, "POST": {"data": {"name": "mine"}}}.get(method, {})
        address = path.format(id=id, stored=stored, figure=figure)
        answer = await client.request(method, address, **body)
        assert answer.status_code == status, (method, path, answer.text[:300])
    assert (await client.get(f"/api/runs/{id}")).status_code == 404


def test_no_address_of_a_run_is_forgotten_in_that_list():
    import inspect

    from app.web.api import PARTS
    from app.web.pages import PAGES

    source = "".join(map(inspect.getsource, (*PARTS, *PAGES)))
    found = set(re.findall(r'"(?:/api)?(/runs/\{id\}[^"]*)"', source))
    listed = {re.sub(r"^/api|\?.*$", "", path) for _, path in ROUTES}
    shapes = [re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) for path in found]
    known = [path.replace("{id}", "ID") for path in listed]
    assert [shape for shape in shapes if not any(re.fullmatch(shape, path) for path in known)] == []


async def test_rows_exports_and_pages_agree_about_it(app, client, unsaved):
    stored, id = unsaved
    run = (await client.get(f"/api/runs/{id}")).json()
    rows = (await client.get(f"/api/runs/{id}/rows/share")).json()["rows"]
    record = (await client.get(f"/api/runs/{id}/export/json")).json()
    assert (run["state"], run["rows"]["share"]) == ("done", len(rows))
    assert len(rows) >= 2
    assert record["tables"]["share"]["rows"] == rows
    assert record["verdict"]["answer"] == run["verdict"]["answer"]
    listed = (await client.get("/api/runs")).json()["runs"]
    assert [r["id"] for r in listed][::2] == [id, stored]
    for page in ("/", "/runs", f"/runs/{id}", "/experiments/threads.gil_wait", "/routes", "/nothing"):
        assert MEMORY_ONLY in (await client.get(page)).text, page
    assert MEMORY_ONLY in (await client.get("/api/health")).json()["notices"]


async def test_a_change_that_cannot_be_stored_is_refused_and_not_made(app, client, unsaved):
    stored, _ = unsaved
    answer = await client.patch(f"/api/runs/{stored}", json={"name": "mine"})
    assert (answer.status_code, answer.json()["detail"]) == (507, app.state.bench.store.failure)
    assert (await client.delete(f"/api/runs/{stored}")).status_code == 507
    assert (await client.get(f"/api/runs/{stored}")).json()["name"] == ""
    refused = await client.post(
        "/api/runs/import", content=b"{}", headers={"content-type": "application/json"}
    )
    assert refused.status_code == 507
    assert "is full" in refused.json()["detail"]


# Kills


def test_what_was_acknowledged_outlives_a_kill(tmp_path):
    data = tmp_path / "data"
    with serve(data) as served:
        first = served.run("threads.gil_wait", None, seconds=0.3)
        served.ended(first)
        export = served.get(f"/api/runs/{first}/export/json")
    with serve(data) as served:
        changed(served, first)
        imported = served.post("/api/runs/import", export)["id"]
        started = served.run("threads.gil_wait", None, seconds=10)
        served.kill()
    with serve(data) as served:
        assert served.get(f"/api/runs/{started}")["state"] == "failed"
        assert served.get(f"/api/runs/{imported}")["origin"]["id"] == first
        run = served.get(f"/api/runs/{first}")
        assert (run["name"], run["note"], run["pinned"]) == ("mine", "a note", True)
        deleted(served, imported)
        served.kill()
    with closing(Store(database(data))) as store, pytest.raises(KeyError):
        store.get(imported)


def changed(served, id: str) -> None:
    changes = {"name": "mine", "note": "a note", "pinned": True}
    assert send(served, "PATCH", f"/api/runs/{id}", changes) == 200


def deleted(served, id: str) -> None:
    assert send(served, "DELETE", f"/api/runs/{id}") == 204


def send(served, method: str, path: str, body: dict | None = None) -> int:
    headers = {"origin": served.url}
    return httpx.request(method, served.url + path, json=body, headers=headers, timeout=30).status_code
