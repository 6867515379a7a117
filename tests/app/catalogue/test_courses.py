"""Routes through experiments: what is in them, and how far somebody is."""

import asyncio
import re
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from app.catalogue import courses
from app.catalogue.courses import Begun
from app.ground.settings import Settings
from app.main import build
from app.runs.run import Run, State
from experiments.kit.spec import names


@pytest.fixture
async def app(tmp_path) -> AsyncIterator[FastAPI]:
    app = build(Settings(data=tmp_path / "data", cache=tmp_path / "cache"))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


async def measure(app: FastAPI, id: str, experiment: str, **changes) -> None:
    kept = {"params": {}, "state": State.DONE} | changes
    await asyncio.to_thread(app.state.bench.store.create, Run(id=id, experiment=experiment, **kept))
    await asyncio.to_thread(app.state.bench.store.flush)


@pytest.mark.parametrize("route", courses.routes().values(), ids=lambda route: route.id)
def test_a_route_takes_the_time_that_its_title_says_and_its_stops_are_there(route):
    assert re.search(rf"\b{route.minutes} minutes$", route.title)
    assert {stop.experiment for stop in route.stops} <= set(names())
    assert len({stop.experiment for stop in route.stops}) == len(route.stops)


def test_the_cookie_says_which_route_and_since_when():
    gil = courses.routes()["gil"]
    assert courses.begun(courses.cookie_for(gil, 1_795_000_000.4)) == Begun(gil, 1_795_000_000.0)


@pytest.mark.parametrize(
    "cookie", [None, "", "gil", "gil.", "nowhere.1795000000", "gil.1e9", "gil.1;x", "../gil.1"]
)
def test_a_cookie_that_says_nothing_is_no_route(cookie):
    assert courses.begun(cookie) is None


def test_a_stop_knows_what_comes_before_and_after():
    gil = courses.routes()["gil"]
    on = Begun(gil, 0.0)
    second = courses.here(on, "threads.gil_wait")
    assert second
    assert (second.number, second.before, second.after) == (2, gil.stops[0], gil.stops[2])
    first = courses.here(on, "threads.scaling")
    assert first
    assert first.before is None
    assert courses.here(on, "processes.states") is None
    assert courses.here(None, "threads.scaling") is None


async def test_a_route_is_begun_walked_and_left(client, app):
    assert "Begin this route" in (await client.get("/routes/gil")).text
    await measure(app, "00000000a0", "threads.scaling", created_at=time.time() - 3600)
    begun = await client.post("/routes/gil/begin")
    assert (begun.status_code, begun.headers["location"]) == (303, "/routes/gil")
    page = (await client.get("/routes/gil")).text
    assert "0 of 5 stops done" in page  # what was measured an hour ago does not count
    assert "Go on: stop 1" in page

    await measure(app, "00000000a1", "threads.scaling", created_at=time.time())
    await measure(app, "00000000a2", "threads.race", created_at=time.time(), origin={"id": "b", "host": "x"})
    page = (await client.get("/routes/gil")).text
    assert "1 of 5 stops done" in page  # nor does what came from elsewhere
    assert 'href="/runs/00000000a1"' in page
    assert "Go on: stop 2" in page

    stop = (await client.get("/experiments/threads.gil_wait")).text
    assert "stop 2 of 5" in stop
    assert re.search(r'href="/experiments/threads.race" rel="next">.*Lost increments', stop)
    assert "Zoom in until one hand-over fills the screen." in stop  # what whoever leads it says there
    assert "stop" not in re.findall(
        r'<nav class="on-route".*?</nav>', (await client.get("/experiments/processes.states")).text
    )

    await client.post("/routes/gil/leave")
    assert "on-route" not in (await client.get("/experiments/threads.gil_wait")).text
    assert "Begin this route" in (await client.get("/routes/gil")).text


async def test_the_bench_shows_the_first_route_and_how_far_one_is_on_the_one_that_was_begun(client, app):
    page = (await client.get("/")).text
    assert "The GIL in 45 minutes" in page
    assert 'action="/routes/gil/begin"' in page
    assert "min, next" not in page  # nobody is on it

    await client.post("/routes/sharing/begin")
    await measure(app, "00000000b1", "threads.race", created_at=time.time())
    page = (await client.get("/")).text
    assert "Sharing without harm in 40 minutes" in page
    assert re.findall(r'<li class="(\w*)"><a href="/experiments/([\w.]+)">', page) == [
        ("done", "threads.race"),
        ("next", "sync.deadlock"),
        ("", "sync.condition"),
        ("", "coroutines.event_loop"),
    ]
    assert re.search(r'href="/experiments/sync.deadlock">Go on: stop 2<', page)


async def test_all_routes_are_listed_with_their_length(client):
    page = (await client.get("/routes")).text
    for route in courses.routes().values():
        assert f'href="/routes/{route.id}"' in page
        assert f"{route.minutes} minutes" in page


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/routes/x"), ("POST", "/routes/x/begin"), ("POST", "/routes/x/leave")]
)
async def test_a_route_that_is_not_there_gets_a_sentence(client, method, path):
    answer = await client.request(method, path)
    assert answer.status_code == 404
    assert "There is no route" in answer.text
