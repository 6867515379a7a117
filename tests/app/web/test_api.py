import asyncio
import io
import json
import re
import zipfile
from functools import partial

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from app.bench.bench import Bench
from app.children.runner import run_child
from app.live.topics import Hub
from app.main import connect
from app.storage.store import Store
from app.system.interpreters import default
from app.web.api import schema
from app.web.assets import Assets
from experiments.kit.spec import Field, ParameterError
from tests.tiny.root import build_root, load

COUNTING = load()["tiny.counting"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return build_root(tmp_path_factory.mktemp("root"))


@pytest.fixture
async def app(root, tmp_path):
    """The app as `main` connects it, with the tiny experiments on its bench."""
    app = FastAPI()
    store = Store(tmp_path / "runs.sqlite3")
    interpreters = {default().id: default()}
    bench = Bench(load(), store, Hub(), interpreters, run_child=partial(run_child, root=root))
    app.state.bench, app.state.assets, app.state.started_at = bench, Assets(cache=tmp_path), 1000.0
    connect(app)
    schema.document(app, bench.experiments)
    await bench.start()
    yield app
    await bench.close()
    store.close()


@pytest.fixture
async def client(app):
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


async def start(client, experiment="tiny.counting", **order):
    answer = await client.post("/api/runs", json={"experiment": experiment} | order)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def ended(app, client, id):
    await (await app.state.bench.views.of(id)).ended.wait()
    return (await client.get(f"/api/runs/{id}")).json()


async def test_a_run_goes_from_its_order_to_its_verdict(app, client):
    answer = await client.post("/api/runs", json={"experiment": "tiny.counting", "params": {"n": 4}})
    placed = answer.json()
    assert answer.status_code == 201
    assert re.fullmatch(r"[0-9a-f]{10}", placed["id"])
    assert answer.headers["location"] == f"/api/runs/{placed['id']}"
    assert placed == {"id": placed["id"], "state": "queued", "position": 0, "url": f"/runs/{placed['id']}"}
    run = await ended(app, client, placed["id"])
    assert (run["state"], run["params"], run["rows"]) == ("done", {"n": 4, "pause": 0}, {"step": 4})
    assert run["verdict"]["answer"] == "far"
    assert run["machine"]["cores"] >= 1
    assert set(run["conditions"]) >= {"foreign_cpu", "run_delay", "steal", "own_cpu"}


@pytest.mark.parametrize(
    ("order", "status", "detail"),
    [
        ({"experiment": "tiny.counting", "params": {"n": 0}}, 422, "n: 0 is outside 1 to 100000"),
        ({"experiment": "tiny.counting", "params": {"n": "x"}}, 422, "n: 'x' is not a number"),
        ({"experiment": "tiny.counting", "params": {"n": 1.5}}, 422, "n: 1.5 is not a whole number"),
        ({"experiment": "tiny.counting", "params": {"n": None}}, 422, "n: None is not a number"),
        ({"experiment": "tiny.counting", "params": {"n": []}}, 422, "n: [] is not a number"),
        (
            {"experiment": "tiny.counting", "params": {"m": 1}},
            422,
            "tiny.counting has no parameter 'm'; it has n, pause",
        ),
        (
            {"experiment": "tiny.counting", "params": {"n": 1000, "pause": 10000}},
            422,
            "tiny.counting would take about 10000 s with these parameters; the limit is 600 s",
        ),
        (
            {"experiment": "tiny.counting", "preset": "slow"},
            422,
            "tiny.counting has no preset 'slow'; it has quick",
        ),
        (
            {"experiment": "tiny.counting", "params": [1]},
            422,
            "params: they are not an object of names and values",
        ),
        ({"experiment": "tiny.counting", "preset": 1}, 422, "preset: it is not a name"),
        ({"experiment": "tiny.counting", "python": ["x"]}, 422, "python: it is not a name"),
        (
            {"experiment": "tiny.counting", "python": "/bin/sh"},
            422,
            f"python: '/bin/sh' is not one of {default().id}",
        ),
        ({"experiment": "../etc/passwd"}, 404, "there is no experiment '../etc/passwd'"),
        ({"experiment": 7}, 422, "experiment: a name is missing"),
        ({}, 422, "experiment: a name is missing"),
        ([], 422, "the body is not an object"),
        (
            {"experiment": "tiny.counting", "path": "/"},
            422,
            "a run has no member 'path'; it has experiment, params, preset, python, guess",
        ),
    ],
)
async def test_a_wrong_order_is_answered_with_a_sentence(client, order, status, detail):
    answer = await client.post("/api/runs", json=order)
    assert (answer.status_code, answer.json()) == (status, {"detail": detail})


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a": "\\ud800"}', b"[" * 5000, b"nope"])
async def test_what_is_no_json_is_answered_400(client, body):
    answer = await client.post("/api/runs", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()) == (400, {"detail": "the body is not JSON"})


@pytest.mark.parametrize("number", ["1e999", "NaN", "-Infinity", "9" * 5000])
async def test_a_number_beyond_numbers_is_answered_with_a_sentence(client, number):
    body = f'{{"experiment": "tiny.counting", "params": {{"n": {number}}}}}'
    answer = await client.post("/api/runs", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert len(answer.json()["detail"]) <= 400


async def test_a_sentence_stays_a_sentence_whatever_was_sent(client):
    answer = await client.post(
        "/api/runs", json={"experiment": "tiny.counting", "params": {"n": "9" * 60000}}
    )
    assert answer.status_code == 422
    assert len(answer.json()["detail"]) == 400


async def test_a_full_queue_is_answered_429_with_a_time(client):
    order = {"experiment": "tiny.counting", "params": {"pause": 2000}}
    answers = await asyncio.gather(*(client.post("/api/runs", json=order) for _ in range(30)))
    codes = [answer.status_code for answer in answers]
    assert sorted(codes) == [201] * 21 + [429] * 9
    refused = answers[codes.index(429)]
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["detail"].startswith("the queue is full: 20 runs wait already")


async def test_a_run_is_stopped_once(app, client):
    id = await start(client, "tiny.clinging")
    answer = await client.post(f"/api/runs/{id}/stop")
    assert (answer.status_code, answer.json()["state"]) == (202, "stopped")
    again = await client.post(f"/api/runs/{id}/stop")
    assert (again.status_code, again.json()) == (
        409,
        {"detail": "the run has ended already: it is stopped"},
    )


async def test_a_run_is_deleted_when_it_has_ended(app, client):
    id = await start(client, "tiny.clinging")
    refused = await client.delete(f"/api/runs/{id}")
    assert refused.status_code == 409
    assert "stop it before you delete it" in refused.json()["detail"]
    await client.post(f"/api/runs/{id}/stop")
    assert (await client.delete(f"/api/runs/{id}")).status_code == 204
    assert (await client.get(f"/api/runs/{id}")).status_code == 404


@pytest.mark.parametrize("id", ["0000000000", "nope", "00000000000", "ABCDEF0123", "%2e%2e", "0" * 5000])
@pytest.mark.parametrize("rest", ["", "/figures", "/rows/step", "/export/json"])
async def test_an_unknown_run_is_answered_404(client, id, rest):
    answer = await client.get(f"/api/runs/{id}{rest}")
    assert answer.status_code == 404
    assert len(answer.json()["detail"]) < 200


async def test_the_history_comes_in_pages_newest_first(app, client):
    ids = [await start(client, params={"n": n}) for n in (1, 2, 3)]
    await ended(app, client, ids[-1])
    first = (await client.get("/api/runs?limit=2")).json()
    assert [run["id"] for run in first["runs"]] == [ids[2], ids[1]]
    rest = (await client.get(f"/api/runs?limit=2&before={first['next']}")).json()
    assert ([run["id"] for run in rest["runs"]], rest["next"]) == ([ids[0]], None)
    assert (await client.get("/api/runs?state=failed")).json()["runs"] == []
    assert len((await client.get("/api/runs?experiment=tiny.counting&state=done")).json()["runs"]) == 3


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("limit=0", 422, "limit: 0 is less than 1"),
        ("limit=201", 422, "limit: 201 is more than 200"),
        ("limit=x", 422, "limit: 'x' is not a whole number"),
        ("state=lost", 422, "state: 'lost' is not 'queued', 'running', 'done', 'failed' or 'stopped'"),
        ("before=x", 422, "before: 'x' is not the id of a run"),
        ("before=0000000000", 404, "before: there is no run '0000000000'"),
    ],
)
async def test_a_wrong_page_of_the_history_is_answered_with_a_sentence(client, query, status, detail):
    answer = await client.get(f"/api/runs?{query}")
    assert (answer.status_code, answer.json()["detail"]) == (status, detail)


async def test_figures_tell_where_on_the_topic_they_are(app, client):
    id = await start(client)
    await ended(app, client, id)
    figures = (await client.get(f"/api/runs/{id}/figures")).json()
    topic = await app.state.bench.views.topic(f"run:{id}")
    assert (figures["epoch"], figures["seq"]) == (topic.epoch, topic.seq)
    assert [figure["title"] for figure in figures["figures"]] == ["How far?"]


async def test_rows_come_as_json_and_as_csv(app, client):
    id = await start(client, params={"n": 2})
    await ended(app, client, id)
    table = (await client.get(f"/api/runs/{id}/rows/step")).json()
    assert table["rows"] == [[0, 0.0, 0.5], [1, 0.5, None]]
    assert table["columns"][2] == {"name": "at_s", "unit": "s", "help": ""}
    answer = await client.get(f"/api/runs/{id}/rows/step?format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text == "i,half,at_s\r\n0,0.0,0.5\r\n1,0.5,\r\n"
    wrong = await client.get(f"/api/runs/{id}/rows/stop")
    assert (wrong.status_code, wrong.json()["detail"]) == (
        404,
        "tiny.counting has no table 'stop'; it has step",
    )
    assert (await client.get(f"/api/runs/{id}/rows/step?format=xls")).status_code == 422


async def test_a_run_is_downloaded_whole(app, client):
    id = await start(client, params={"n": 2})
    await ended(app, client, id)
    answer = await client.get(f"/api/runs/{id}/export/json")
    named = f'attachment; filename="oscope-tiny.counting-{id}.json"'
    assert answer.headers["content-disposition"] == named
    assert answer.json()["tables"]["step"]["rows"] == [[0, 0.0, 0.5], [1, 0.5, None]]
    packed = (await client.get(f"/api/runs/{id}/export/csv")).content
    assert zipfile.ZipFile(io.BytesIO(packed)).namelist() == ["step.csv"]
    assert (await client.get(f"/api/runs/{id}/export/docx")).status_code == 422


async def test_an_experiment_tells_all_about_itself(client):
    everything = (await client.get("/api/experiments")).json()["experiments"]
    assert [experiment["name"] for experiment in everything] == [
        "tiny.counting",
        "tiny.clinging",
        "tiny.breaking",
    ]
    counting = (await client.get("/api/experiments/tiny.counting")).json()
    assert counting == everything[0]
    assert (counting["chapter"], counting["question"]) == ("tiny", "How far does it count?")
    assert counting["params"][1] == {
        "name": "pause",
        "type": "float",
        "unit": "ms",
        "help": "before each",
        "low": 0,
        "high": 10_000,
        "choices": [],
        "default": 0,
    }
    assert counting["presets"] == {"quick": {"n": 2}}
    assert counting["tables"][0]["columns"][0] == {"name": "i", "unit": "", "help": "its number"}
    assert counting["charts"][0]["kind"] == "plotly"
    assert (counting["available"], counting["missing"]) == (True, [])


async def test_the_server_tells_what_it_is_and_does(client):
    assert (await client.get("/api/machine")).json()["cores"] >= 1
    (python,) = (await client.get("/api/interpreters")).json()["interpreters"]
    assert set(python) == {"id", "version", "implementation", "gil"}
    health = (await client.get("/api/health")).json()
    assert health["status"] == "ok"
    assert health["queue"] == {"running": [], "waiting": [], "slots": 1, "limit": 20}


async def test_the_schema_tells_the_truth_about_every_experiment(client):
    schema = (await client.get("/openapi.json")).json()
    body = schema["paths"]["/api/runs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    shapes = {shape["properties"]["experiment"]["const"]: shape for shape in body["oneOf"]}
    assert list(shapes) == ["tiny.counting", "tiny.clinging", "tiny.breaking"]
    assert shapes["tiny.counting"]["properties"]["params"]["properties"] == {
        "n": {"type": "integer", "default": 3, "description": "how many", "minimum": 1, "maximum": 100_000},
        "pause": {
            "type": "number",
            "default": 0,
            "description": "before each (ms)",
            "minimum": 0,
            "maximum": 10_000,
        },
    }
    place = shapes["tiny.breaking"]["properties"]["params"]["properties"]["place"]
    assert place == {"type": "string", "default": "measure", "enum": ["measure", "signal", "verdict"]}


@settings(deadline=None)  # a busy machine is no mistake
@given(st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none(), st.lists(st.integers())))
def test_what_the_schema_allows_is_taken_and_numbers_beyond_it_are_not(value):
    for field in COUNTING.params:
        allowed = fits(schema.field_schema(field), value)
        taken = is_taken(field, value)
        assert taken or not allowed
        if isinstance(value, int | float) and not isinstance(value, bool):
            assert taken == allowed


def fits(schema, value):
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    whole = isinstance(value, int) or value.is_integer()
    return (schema["type"] == "number" or whole) and schema["minimum"] <= value <= schema["maximum"]


def is_taken(field: Field, value: object) -> bool:
    try:
        field.parse(value)
    except ParameterError:
        return False
    return True


async def test_what_is_not_there_is_said_in_json_to_programs_and_on_a_page_to_people(client):
    program = await client.get("/api/nothing")
    assert (program.status_code, program.json()) == (404, {"detail": "there is nothing at /api/nothing"})
    people = await client.get("/nothing")
    assert people.status_code == 404
    assert people.headers["content-type"].startswith("text/html")
    wrong = await client.put("/api/runs")
    assert (wrong.status_code, wrong.json()["detail"]) == (405, "this address does not do that")


async def test_every_answer_is_json_that_any_parser_takes(app, client):
    id = await start(client, params={"n": 2})
    await ended(app, client, id)
    for path in (f"/api/runs/{id}", f"/api/runs/{id}/figures", f"/api/runs/{id}/rows/step", "/api/runs"):
        json.loads((await client.get(path)).content, parse_constant=pytest.fail)
