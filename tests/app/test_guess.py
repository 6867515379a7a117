"""A guess goes with a run: on the bench, through the API and the plain form, into storage and files."""

import asyncio
import json
import time
from dataclasses import replace
from functools import partial

import httpx
import pytest
from fastapi import FastAPI

from app.bench.bench import Bench, GuessedAlready
from app.bench.open_runs import UnknownRun
from app.bench.verdicts import verdict_on
from app.children.runner import run_child
from app.export import exports
from app.live.topics import Hub, Viewer
from app.main import connect
from app.storage.store import Store
from app.system.interpreters import default
from app.text import languages
from app.web.api import schema
from app.web.assets import Assets
from experiments.kit import ChoiceGuess, LineGuess
from experiments.kit.spec import ParameterError
from tests.tiny import counting
from tests.tiny.root import build_root, load

HALF = LineGuess(
    ask="How far does it come?",
    figure="line",
    unit="×",
    low=0,
    high=100,
    series=("half",),
    places=lambda params: [params["n"] - 1] if params["n"] > 1 else [],
    starts=(0, 0),
    x_about="steps",
    measured=lambda record: {f"half@{row.i}": row.half for row in record[counting.Step]},
)
CHOICE = ChoiceGuess(
    ask="How far?",
    choices={"far": "far", "near": "near"},
    measured=lambda record: {"far": True, "near": False},
)
SAID = {"half@2": 3.0}
ROW = {  # of the guess SAID, in a run with the default three steps
    "key": "half@2",
    "series": "half",
    "x": 2.0,
    "label": "half",
    "near": False,
    "you": {"text": "3.00×", "number": 3.0, "unit": "×", "about": "half"},
    "measured": {"text": "1.00×", "number": 1.0, "unit": "×", "about": "half"},
    "off": {"text": "3.0×", "number": 3.0, "unit": "×", "about": ""},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return build_root(tmp_path_factory.mktemp("root"))


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "runs.sqlite3")
    yield store
    store.close()


@pytest.fixture
def make(root, store):
    """Build a bench on which counting can be guessed, and nothing else."""

    def make(guess=HALF):
        experiments = load()
        experiments["tiny.counting"] = replace(experiments["tiny.counting"], guess=guess)
        interpreters = {default().id: default()}
        return Bench(experiments, store, Hub(), interpreters, run_child=partial(run_child, root=root))

    return make


@pytest.fixture
async def bench(make):
    bench = make()
    await bench.start()
    yield bench
    await bench.close()


@pytest.fixture
async def client(bench, tmp_path):
    app = FastAPI()
    app.state.bench, app.state.assets, app.state.started_at = bench, Assets(cache=tmp_path), 1000.0
    connect(app)
    schema.document(app, bench.experiments)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


async def ended(bench, run):
    live = await bench.views.of(run.id)
    await live.ended.wait()
    return live.run


def guesses_in(view):
    """The traces of the guess in the figures as they are now."""
    traces = [trace for figure in view.board.figures() for trace in figure["data"]]
    return [(trace["id"], trace["x"], trace["y"]) for trace in traces if trace["id"].startswith("guess:")]


# -- on the bench -----------------------------------------------------------------------------


async def test_a_guess_is_kept_with_its_run_and_held_against_the_rows_with_the_verdict(
    bench, store, monkeypatch
):
    with monkeypatch.context() as clock:
        clock.setattr(time, "time", lambda: 1000.0)
        run = await bench.submit("tiny.counting", guess={"half@2": "3"})
    assert run.guess["points"] == SAID
    assert run.guess["rows"] is None
    assert run.guess["given_at"] == 1000.0
    done = await ended(bench, run)
    assert done.guess == {"points": SAID, "given_at": run.guess["given_at"], "rows": [ROW]}
    assert (await asyncio.to_thread(store.get, run.id)).guess == done.guess


async def test_the_figure_shows_the_guess_from_the_first_moment(bench):
    run = await bench.submit("tiny.counting", guess=SAID)
    assert guesses_in(await bench.views.of(run.id)) == [("guess:half", [0, 2.0], [0, 3.0])]


async def test_another_server_draws_and_tells_the_guess_of_an_old_run(bench, make):
    run = await ended(bench, await bench.submit("tiny.counting", guess=SAID))
    view = await make().views.of(run.id)
    assert guesses_in(view) == [("guess:half", [0, 2.0], [0, 3.0])]
    assert view.run.guess["rows"] == [ROW]


async def test_a_run_without_a_guess_has_none(bench):
    run = await ended(bench, await bench.submit("tiny.counting"))
    assert run.guess is None
    assert guesses_in(await bench.views.of(run.id)) == []


async def test_a_guess_after_the_end_is_compared_at_once_and_tells_that_it_was_late(bench, store):
    run = await ended(bench, await bench.submit("tiny.counting"))
    late = await bench.guess(run.id, SAID)
    assert late.guess["rows"] == [ROW]
    assert late.guess["given_at"] >= run.ended_at
    assert (await asyncio.to_thread(store.get, run.id)).guess == late.guess
    assert guesses_in(await bench.views.of(run.id)) == [("guess:half", [0, 2.0], [0, 3.0])]
    assert next(iter(bench.latest.runs)).guess == late.guess


async def test_a_guess_while_it_runs_is_compared_at_the_end(bench):
    run = await bench.submit("tiny.counting", {"n": 3, "pause": 300})
    guessed = await bench.guess(run.id, SAID)
    assert not guessed.state.ended
    assert guessed.guess["rows"] is None
    assert (await ended(bench, run)).guess["rows"] == [ROW]


async def test_a_guess_while_the_verdict_is_found_is_compared_too(bench, monkeypatch):
    run = await bench.submit("tiny.counting")

    async def judge_slowly(live, store):
        verdict = await verdict_on(live, store)
        await bench.guess(live.run.id, SAID)
        return verdict

    monkeypatch.setattr("app.bench.recording.verdict_on", judge_slowly)
    assert (await ended(bench, run)).guess["rows"] == [ROW]


async def test_the_first_guess_counts_also_of_two_at_once(bench, store):
    run = await ended(bench, await bench.submit("tiny.counting"))
    answers = await asyncio.gather(
        *(bench.guess(run.id, {"half@2": said}) for said in (1, 2, 3)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, GuessedAlready)]
    assert [str(error) for error in refused] == ["this run has a guess already, and the first one counts"] * 2
    kept = (await asyncio.to_thread(store.get, run.id)).guess
    assert kept["points"] == {"half@2": 1.0}
    assert kept["rows"]


async def test_who_follows_a_run_is_told_of_the_guess_and_of_its_line(bench):
    run = await ended(bench, await bench.submit("tiny.counting"))
    heard = []
    looking, told = asyncio.Event(), asyncio.Event()

    async def send(text):
        looking.set()  # the first message is the snapshot
        heard.extend(json.loads(text).get("ops", []))
        if any((op.get("v", {}).get("guess") or {}).get("rows") for op in heard):
            told.set()

    viewer = Viewer(send, tick_s=0)
    writing = asyncio.create_task(viewer.run())
    viewer.subscribe((await bench.views.of(run.id)).topic)
    await looking.wait()
    await bench.guess(run.id, SAID)
    await told.wait()
    writing.cancel()
    viewer.close()
    patches = [change for op in heard if op["o"] == "fig" for change in op["patch"]]
    assert [change[1] for change in patches if change[0] == "trace"] == ["guess:half"]
    members = [op["v"]["guess"] for op in heard if op["o"] == "run" and "guess" in op["v"]]
    assert members[-1]["rows"] == [ROW]


async def test_readers_of_another_language_see_the_guess_in_theirs(bench):
    bench.views.languages = {"en": languages.ENGLISH, "zh": languages.load("zh", {})}
    run = await ended(bench, await bench.submit("tiny.counting"))
    before = await bench.views.told(await bench.views.of(run.id), "zh")
    await bench.guess(run.id, SAID)
    bench.views.ended.clear()  # so that the next look draws everything anew
    after = await bench.views.told(await bench.views.of(run.id), "zh")
    for board in (before.board, after.board):
        (trace,) = [t for f in board.figures() for t in f["data"] if t["id"] == "guess:half"]
        assert trace["name"] == "你的猜测"


async def test_a_stopped_run_keeps_its_guess_but_there_is_nothing_to_compare(bench):
    run = await bench.submit("tiny.counting", {"n": 3, "pause": 5000}, guess=SAID)
    assert (await bench.stop(run.id)).guess["rows"] is None
    unguessed = await bench.submit("tiny.counting", {"n": 3, "pause": 5000})
    await bench.stop(unguessed.id)
    assert (await bench.guess(unguessed.id, SAID)).guess["rows"] is None


async def test_a_comparison_that_breaks_costs_neither_the_verdict_nor_the_guess(make, caplog):
    bench = make(replace_measured(HALF, lambda record: 1 / 0))
    await bench.start()
    run = await ended(bench, await bench.submit("tiny.counting", guess=SAID))
    await bench.close()
    assert (run.state, run.verdict["answer"]) == ("done", "far")
    assert (run.guess["points"], run.guess["rows"]) == (SAID, [])
    assert "ZeroDivisionError" in caplog.text


def replace_measured(guess, measured):
    return LineGuess(**{**vars(guess), "measured": measured})


async def test_a_choice_is_kept_and_judged(make):
    bench = make(CHOICE)
    await bench.start()
    run = await ended(bench, await bench.submit("tiny.counting", guess="near"))
    await bench.close()
    assert run.guess["points"] == {"choice": "near"}
    assert [row["off"]["text"] for row in run.guess["rows"]] == ["wrong"]


@pytest.mark.parametrize(
    ("params", "guess", "sentence"),
    [
        ({}, {"half@2": float("nan")}, "guess: half@2: 'nan' is not a number"),
        ({}, {"half@2": "far"}, "guess: half@2: 'far' is not a number"),
        ({}, {"half@2": 101}, "guess: half@2: 101 is outside 0 to 100"),
        ({}, {}, "guess: half@2 is missing"),
        ({}, {"half@2": 1, "half@3": 1}, "guess: there is no point 'half@3'; it has half@2"),
        ({"n": 9}, {"half@2": 1}, "guess: there is no point 'half@2'; it has half@8"),
        ({"n": 1}, {"half@0": 1}, "guess: with these parameters there is nothing to guess"),
    ],
)
async def test_a_wrong_guess_starts_nothing(bench, params, guess, sentence):
    with pytest.raises(ParameterError) as refused:
        await bench.submit("tiny.counting", params, guess=guess)
    assert str(refused.value) == sentence
    assert not bench.waiting
    assert not bench.latest.runs


async def test_what_cannot_be_guessed_is_refused(bench):
    with pytest.raises(ParameterError, match=r"^guess: tiny\.clinging has nothing to guess$"):
        await bench.submit("tiny.clinging", guess={"value": 1})
    with pytest.raises(UnknownRun):
        await bench.guess("0000000000", SAID)


# -- through the API --------------------------------------------------------------------------


async def test_a_run_is_ordered_with_a_guess(bench, client):
    answer = await client.post("/api/runs", json={"experiment": "tiny.counting", "guess": SAID})
    assert answer.status_code == 201
    await (await bench.views.of(answer.json()["id"])).ended.wait()
    run = (await client.get(f"/api/runs/{answer.json()['id']}")).json()
    assert (run["guess"]["points"], run["guess"]["rows"]) == (SAID, [ROW])


async def test_no_guess_may_be_said_as_null(client):
    answer = await client.post("/api/runs", json={"experiment": "tiny.counting", "guess": None})
    run = (await client.get(f"/api/runs/{answer.json()['id']}")).json()
    assert run["guess"] is None


@pytest.mark.parametrize("guess", [{}, [], "x", 5, {"half@2": None}, {"half@2": {}}, {"": 1}])
async def test_a_wrong_guess_is_answered_422_with_a_sentence(client, guess):
    answer = await client.post("/api/runs", json={"experiment": "tiny.counting", "guess": guess})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("guess: ")


async def test_a_run_is_guessed_once(bench, client):
    run = await ended(bench, await bench.submit("tiny.counting"))
    answer = await client.put(f"/api/runs/{run.id}/guess", json=SAID)
    assert answer.status_code == 200
    assert answer.json()["guess"]["rows"] == [ROW]
    again = await client.put(f"/api/runs/{run.id}/guess", json=SAID)
    assert (again.status_code, again.json()) == (
        409,
        {"detail": "this run has a guess already, and the first one counts"},
    )


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"{", 400, "the body is not JSON"),
        (b"", 400, "the body is not JSON"),
        (b"null", 422, "guess: 'None' names no points; it has half@2"),
        (b"[]", 422, "guess: '[]' names no points; it has half@2"),
        (b'{"half@2": "x"}', 422, "guess: half@2: 'x' is not a number"),
        (b'{"half@8": 1}', 422, "guess: there is no point 'half@8'; it has half@2"),
        (b'{"half@2": NaN}', 422, "guess: half@2: 'nan' is not a number"),
    ],
)
async def test_a_wrong_guess_of_a_run_leaves_it_open(bench, client, body, status, detail):
    run = await ended(bench, await bench.submit("tiny.counting"))
    headers = {"content-type": "application/json"}
    answer = await client.put(f"/api/runs/{run.id}/guess", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (status, {"detail": detail})
    assert (await bench.views.run(run.id)).guess is None


@pytest.mark.parametrize("id", ["0000000000", "nope"])
async def test_the_guess_of_no_run_is_answered_404(client, id):
    assert (await client.put(f"/api/runs/{id}/guess", json=SAID)).status_code == 404


async def test_the_pad_for_other_parameters_has_other_points(client):
    pad = (await client.get("/api/experiments/tiny.counting/guess?n=9&python=x&guess.half%402=1")).json()
    assert [point["key"] for point in pad["points"]] == ["half@8"]
    assert (pad["kind"], pad["low"], pad["high"], pad["starts"]) == ("line", 0, 100, [0, 0])
    preset = (await client.get("/api/experiments/tiny.counting/guess?preset=quick")).json()
    assert [point["key"] for point in preset["points"]] == ["half@1"]
    assert (await client.get("/api/experiments/tiny.clinging/guess")).json() is None


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("tiny.counting/guess?n=0", 422, "n: '0' is outside 1 to 100000"),
        ("tiny.counting/guess?m=1", 422, "tiny.counting has no parameter 'm'; it has n, pause"),
        ("tiny.counting/guess?preset=best", 422, "tiny.counting has no preset 'best'; it has quick"),
        ("tiny.nothing/guess", 404, "there is no experiment 'tiny.nothing'"),
    ],
)
async def test_a_pad_for_wrong_parameters_is_a_sentence(client, path, status, detail):
    answer = await client.get(f"/api/experiments/{path}")
    assert answer.status_code == status
    assert answer.json()["detail"].replace("n: 0 is", "n: '0' is") == detail


async def test_an_experiment_tells_what_there_is_to_guess(client):
    told = (await client.get("/api/experiments/tiny.counting")).json()["guess"]
    assert (told["ask"], [point["key"] for point in told["points"]]) == ("How far does it come?", ["half@2"])
    assert (await client.get("/api/experiments/tiny.clinging")).json()["guess"] is None


async def test_the_schema_tells_of_guesses_with_one_that_would_be_taken(bench, client):
    schema = (await client.get("/openapi.json")).json()
    body = schema["paths"]["/api/runs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    shapes = {shape["title"]: shape["properties"] for shape in body["oneOf"]}
    assert "guess" not in shapes["tiny.clinging"]
    (example,) = shapes["tiny.counting"]["guess"]["examples"]
    assert example == {"half@2": 50}
    counting_ = bench.experiment("tiny.counting")
    assert counting_.parse_guess(example, counting_.parse({})) == {"half@2": 50}


async def test_the_record_carries_the_guess(bench, client):
    run = await ended(bench, await bench.submit("tiny.counting", guess=SAID))
    record = (await client.get(f"/api/runs/{run.id}/export/json")).json()
    assert record["guess"] == run.guess
    assert exports.as_json(bench.experiment("tiny.counting"), run, {})["guess"] == run.guess


# -- by the plain form ------------------------------------------------------------------------


async def test_the_form_takes_a_guess_without_a_script(bench, client):
    sent = {"n": "3", "pause": "0", "guess.half@2": "3"}
    answer = await client.post("/experiments/tiny.counting", data=sent)
    assert answer.status_code == 303
    run = await bench.views.run(answer.headers["location"].removeprefix("/runs/"))
    assert run.guess["points"] == SAID


async def test_a_form_with_an_empty_guess_is_a_run_without_one(bench, client):
    answer = await client.post("/experiments/tiny.counting", data={"n": "3", "guess.half@2": ""})
    assert answer.status_code == 303
    assert (await bench.views.run(answer.headers["location"].removeprefix("/runs/"))).guess is None
