"""Files from elsewhere: a run that oscope exported becomes a run again, anything else a sentence."""

import gzip
import io
import json
import math
import zipfile
from dataclasses import replace
from functools import partial

import httpx
import psutil
import pytest
from fastapi import FastAPI

from app import __version__
from app.bench.bench import Bench
from app.children.runner import run_child
from app.export import exports
from app.ground import limits
from app.ground.settings import Settings
from app.importing import foreign_rows, importer, imports
from app.importing.checks import ImportRefused
from app.importing.foreign_rows import MOST_ROWS
from app.live.topics import Hub
from app.main import build, connect
from app.runs.run import Run, State
from app.storage.store import Store
from app.storage.writer import keep_whole
from app.system.interpreters import default
from app.web.api import schema
from app.web.assets import Assets
from experiments.kit.kernel.machine import Machine
from experiments.kit.spec import load as loaded
from tests.tiny.root import build_root, load

RUN = Run(
    id="0123456789",
    experiment="tiny.counting",
    params={"n": 2, "pause": 0.0},
    preset="quick",
    python="cpython-3.11.7",
    state=State.DONE,
    machine=Machine.here().as_json() | {"host": "lab-7"},
    conditions={"foreign_cpu": 0.25, "run_delay": 0.0},
    verdict={"answer": "far", "headline": "It counted 2 steps.", "checks": [], "doubts": [], "said": {}},
    created_at=999.0,
    started_at=1000.0,
    ended_at=1001.5,
    host="lab-7",
    name='=1+1 <b>"x"</b> \u202egnp.',
    note="two\nlines",
)
ROWS = [[0, 0.0, 0.5], [1, 0.5, None]]


@pytest.fixture(scope="module")
def experiments():
    return load()


@pytest.fixture
def record(experiments):
    """What oscope exports, as another program reads it."""
    return json.loads(json.dumps(exports.as_json(experiments["tiny.counting"], RUN, {"step": ROWS})))


def read(record, experiments):
    return imports.read(json.dumps(record).encode(), experiments)


def complaint(content, experiments):
    with pytest.raises(ImportRefused) as refused:
        imports.read(content, experiments)
    return str(refused.value)


# -- a good file ------------------------------------------------------------------------------


def test_an_exported_run_becomes_the_same_run_with_a_new_id(record, experiments):
    imported = read(record, experiments)
    run = imported.run
    assert run.id != RUN.id
    assert imported.rows == {"step": ROWS}
    assert imported.columns == {"step": ["i", "half", "at_s"]}
    same = (
        "experiment",
        "params",
        "preset",
        "python",
        "state",
        "machine",
        "conditions",
        "host",
        "name",
        "note",
    )
    assert {name: getattr(run, name) for name in same} == {name: getattr(RUN, name) for name in same}
    assert (run.created_at, run.started_at, run.ended_at) == (999.0, 1000.0, 1001.5)
    assert run.rows == {"step": 2}


def test_the_origin_says_where_the_run_was_made_and_by_what(record, experiments):
    origin = read(record, experiments).run.origin
    assert (origin["id"], origin["host"], origin["oscope"]) == ("0123456789", "lab-7", __version__)
    assert "answer" not in origin


def test_a_forged_verdict_is_not_believed_but_what_it_said_is_kept(record, experiments):
    record["verdict"] |= {"answer": "infinitely far", "headline": "It counted 9 steps."}
    run = read(record, experiments).run
    assert (run.verdict["answer"], run.verdict["headline"]) == ("far", "It counted 2 steps.")
    assert run.verdict["doubts"] == ["Other programs used 25\u00a0% of the run's cores meanwhile."]
    assert run.origin["answer"] == "infinitely far"


def test_columns_may_come_in_another_order(record, experiments):
    table = record["tables"]["step"]
    table["columns"] = table["columns"][::-1]
    table["rows"] = [row[::-1] for row in table["rows"]]
    assert read(record, experiments).rows == {"step": ROWS}


def test_a_column_that_may_be_unknown_may_be_missing_in_an_older_file():
    table = loaded("threads.gil_wait").table("handover")
    names = [column.name for column in table.columns if column.name != "idle_s"]
    older = {"columns": names, "rows": [[400, 200.0, 0.005, 0.006, 0.0, 900, 0, 1.0]]}
    assert foreign_rows.read_table(table, older) == [[400, 200.0, 0.005, 0.006, 0.0, 900, 0, 1.0, None]]


def test_a_run_that_failed_comes_without_a_verdict_and_without_a_machine(record, experiments):
    record |= {"state": "failed", "why": "the child died", "machine": None, "last_words": "Killed"}
    record["tables"]["step"]["rows"] = []
    run = read(record, experiments).run
    assert (run.state, run.why, run.last_words, run.verdict) == ("failed", "the child died", "Killed", None)
    assert read(record, experiments).rows == {}


def test_what_is_exported_again_keeps_its_first_origin_in_view(record, experiments):
    run = read(record, experiments).run
    again = exports.as_json(experiments["tiny.counting"], run, {"step": ROWS})
    assert (again["id"], again["host"], again["origin"]["id"]) == (run.id, "lab-7", "0123456789")


# -- bad files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is not JSON, or it is damaged"),
        (b'{"oscope": "0.1.0", "format": 1, "exper', "the file is not JSON, or it is damaged"),
        (b"\xff\xfe{", "the file is not JSON, or it is damaged"),
        (b'{"oscope": NaN}', "the file is not JSON, or it is damaged"),
        (b'{"a": "\\ud800"}', "the file is not JSON, or it is damaged"),
        (b"[" * 5000, "the file is not JSON, or it is damaged: recursion limit exceeded"),
        (b'{"a":' * 5000, "the file is not JSON, or it is damaged: recursion limit exceeded"),
        (b"[" * 1_000_000, "the file is not JSON, or it is damaged: recursion limit exceeded"),
        (b'\xef\xbb\xbf{"oscope": "0.1.0"}', "the file is not JSON, or it is damaged"),
        ('{"oscope": "0.1.0"}'.encode("utf-16"), "the file is not JSON, or it is damaged"),
        (b'{"name": "\xff"}', "the file is not JSON, or it is damaged"),
        (b'{"oscope": Infinity}', "the file is not JSON, or it is damaged"),
        (b'{"oscope": ' + b"9" * 100_000 + b"}", "the file is not JSON, or it is damaged"),
        (b'{"oscope": "0.1.0"} {}', "the file is not JSON, or it is damaged"),
        (b"null", "the file is JSON, but not a run that oscope exported"),
        (b"[1, 2]", "the file is JSON, but not a run that oscope exported"),
        (b'{"traceEvents": []}', "the file has no 'oscope': it is not a run that oscope exported"),
        (b"PK\x03\x04 whatever", "this is a zip archive: unpack it, and import the JSON file that is in it"),
    ],
    ids=[
        "empty",
        "cut",
        "bytes",
        "nan",
        "surrogate",
        "deep",
        "deep-object",
        "deepest",
        "bom",
        "utf-16",
        "utf-8",
        "infinity",
        "huge",
        "two",
        "null",
        "list",
        "foreign",
        "zip",
    ],
)
def test_what_is_no_run_is_refused_with_a_sentence(content, says, experiments):
    assert says in complaint(content, experiments)


def test_no_archive_is_read_however_small_it_looks(experiments):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("run.json", b"0" * 10_000_000)
    assert complaint(bomb.getvalue(), experiments).startswith("this is a zip archive")
    assert complaint(gzip.compress(b"0" * 10_000_000), experiments).startswith("this is a gzip archive")


def test_a_file_is_weighed_before_it_is_unfolded(experiments):
    many = b'{"rows": [' + b"[]," * (MOST_ROWS + 200_000)
    assert "more than the 2000000 rows" in complaint(many, experiments)
    assert "more than the 2000000 rows" in complaint(b"[" + b"0," * 16_000_001, experiments)
    assert "67108864 are the most" in complaint(b" " * (limits.IMPORT_B + 1), experiments)


def change(**members):
    return lambda record: record.update(members)


def drop(name):
    return lambda record: record.pop(name)


def table(**members):
    return lambda record: record["tables"]["step"].update(members)


def rows(*given):
    return lambda record: record["tables"]["step"].update(rows=list(given))


def without_column(record):
    step = record["tables"]["step"]
    del step["columns"][1]
    step["rows"] = [[row[0], row[2]] for row in step["rows"]]


def with_column(record):
    record["tables"]["step"]["columns"].append({"name": "more"})
    for row in record["tables"]["step"]["rows"]:
        row.append(1)


NEWER = "a newer oscope exported this file"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (change(format=2), NEWER),
        (change(oscope="99.0.0"), NEWER),
        (change(format="1"), "format: '1' is not the number of a format"),
        (change(format=True), "format: True is not the number of a format"),
        (drop("format"), "the file has no 'format'"),
        (change(oscope=3), "oscope: 3 is not a text"),
        (change(oscope="x"), "oscope: 'x' is not a version of oscope"),
        (change(experiment="no.such"), "there is no experiment 'no.such' here"),
        (change(experiment=["tiny.counting"]), "experiment: ['tiny.counting'] is not a text"),
        (change(params={"n": 2}), "params: pause is missing"),
        (change(params={"n": 10**9, "pause": 0}), "params: n: 1000000000 is outside 1 to 100000"),
        (change(params={"n": 2, "pause": 0, "x": 1}), "params: tiny.counting has no parameter 'x'"),
        (change(params=[]), "params: [] is not an object"),
        (change(state="running"), "the run was still running when it was exported"),
        (change(state="queued"), "the run was still queued when it was exported"),
        (change(state={}), "state: {} is not the state of a run"),
        (change(id="../../etc"), "id: '../../etc' is not the id of a run"),
        (change(host="a\nb"), "host: 'a\\nb' does not stand on one line"),
        (change(host="h" * 300), "host: 300 characters are more than 255"),
        (change(name="n" * 200), "name: 200 characters are more than 120"),
        (change(name=7), "name: it is not a text"),
        (change(note="n" * 5000), "note: 5000 characters are more than 4000"),
        (change(why=5), "why: 5 is not a text"),
        (change(created_at="today"), "created_at: 'today' is not a number"),
        (change(created_at=-1), "created_at: -1 is no time in Unix seconds"),
        (change(ended_at=1e300), "ended_at: 1e+300 is not a number that can be stored"),
        (change(machine=None), "machine: None is not an object"),
        (change(machine={}), "machine.host: None is not a text"),
        (change(conditions={"foreign_cpu": "much"}), "conditions.foreign_cpu: 'much' is not a number"),
        (change(guess={"points": {"value": 1}, "given_at": 1}), "guess: tiny.counting has nothing to guess"),
        (change(tables=[]), "tables: [] is not an object"),
        (change(tables={}), "the table step is missing"),
        (lambda record: record["tables"].update(stop={}), "tiny.counting has no table 'stop'; it has step"),
        (table(rows={}), "table step: its rows are not a list of lists"),
        (table(rows=[{"i": 1}]), "table step: its rows are not a list of lists"),
        (table(columns="i"), "table step: its columns are not a list"),
        (table(columns=[["i"], ["half"], ["at_s"]]), "table step: the column i is missing"),
        (without_column, "table step: the column half is missing"),
        (with_column, "table step: the column 'more' is not known here"),
        (rows([0, 0.0, 0.5], [1, 0.5]), "table step: row 2 has 2 values for 3 columns"),
        (rows([0, 0.0, 0.5], ["1", 0.5, 1.0]), "table step, column i: '1' in row 2 is not a whole number"),
        (rows([0.5, 0.0, 0.5]), "table step, column i: 0.5 in row 1 is not a whole number"),
        (rows([True, 0.0, 0.5]), "table step, column i: True in row 1 is not a whole number"),
        (rows([None, 0.0, 0.5]), "table step, column i: None in row 1 is not a whole number"),
        (rows([10**30, 0.0, 0.5]), "column i: 1000000000000000000000000000000 in row 1 is not a number that"),
        (rows([0, [0.0], 0.5]), "table step, column half: [0.0] in row 1 is not a number"),
        (rows([0, {"a": 1}, 0.5]), "table step, column half: {'a': 1} in row 1 is not a number"),
        (rows([0, 1e16, 0.5]), "table step, column half: 1e+16 in row 1 is not a number that can be stored"),
        (
            rows([0, 0.0, None], [1, 0.5, 10**17]),
            "column at_s: 100000000000000000 in row 2 is not a number that",
        ),
        (change(conditions={"foreign_cpu": 1e300}), "foreign_cpu: 1e+300 is not a number that can be stored"),
        (change(host="a\u2028b"), "host: 'a\\u2028b' does not stand on one line"),
        (change(python="\x9b31m"), "python: '\\x9b31m' does not stand on one line"),
        (rows([0, 0.0, "<script>"]), "table step, column at_s: '<script>' in row 1 is not a number"),
    ],
)
def test_a_member_that_is_wrong_is_named(record, experiments, spoil, says):
    spoil(record)
    assert says in complaint(json.dumps(record).encode(), experiments)


@pytest.mark.parametrize(
    ("once", "twice"),
    [
        ('"experiment"', '"experiment": "a.b", "experiment"'),
        ('"params": {', '"params": {"n": 1, '),
        ('"columns"', '"rows": [], "columns"'),
        ('"machine": {', '"machine": {"c\\u006fres": 1, '),
    ],
)
def test_a_file_that_says_something_twice_is_refused(once, twice, record, experiments):
    """Readers of JSON do not agree which of the two counts."""
    forged = json.dumps(record).replace(once, twice, 1)
    assert forged != json.dumps(record)
    assert complaint(forged.encode(), experiments) == (
        "the file says something twice: two members of an object have the same name"
    )


def test_texts_that_look_like_members_are_none(record, experiments):
    record["note"] = 'he said: "a": 1, \\"b\\": {"c":\n2} \\'
    assert imports.read(json.dumps(record).encode(), experiments).run.note.startswith("he said")


def test_counts_progress_origin_and_pin_are_not_taken_from_the_file(record, experiments):
    record |= {"rows": {"step": 10**9}, "progress": 7, "pinned": True, "search": "found by everything"}
    record["origin"] = {"id": "ffffffffff", "host": "forged", "oscope": "0.0.1"}
    run = read(record, experiments).run
    assert (run.rows, run.progress, run.pinned, run.search) == ({"step": 2}, 1.0, False, "")
    assert (run.origin["id"], run.origin["host"]) == ("0123456789", "lab-7")


def test_a_forged_comparison_with_the_guess_is_made_again(experiments):
    experiment = loaded("processes.states")
    forged = {"points": {"value": 0.5}, "given_at": 1.0, "rows": [{"you": "perfect"}]}
    run = replace(RUN, experiment=experiment.name, params=experiment.parse({}), guess=forged)
    content = json.dumps(exports.as_json(experiment, run, {})).encode()
    guess = imports.read(content, {experiment.name: experiment}).run.guess
    assert guess["points"] == {"value": 0.5}
    assert "perfect" not in json.dumps(guess["rows"])


def test_a_million_rows_are_a_run_and_three_million_are_not(record, experiments):
    step = record["tables"]["step"]
    step["rows"] = [[1, 0.5, 1.0]] * 1_000_000
    assert read(record, experiments).run.rows == {"step": 1_000_000}
    content = json.dumps(record).encode()
    row = b"[1, 0.5, 1.0]"
    three = content.replace(row, b",".join([row] * 3))
    assert "more than the 2000000 rows" in complaint(three, experiments)


def test_a_number_that_no_file_can_hold_is_refused(record, experiments):
    content = json.dumps(record).replace("[0, 0.0, 0.5]", "[0, 1e999, 0.5]").encode()
    assert "column half: inf in row 1 is not a number that can be stored" in complaint(content, experiments)


def test_more_rows_than_a_run_may_have_are_refused(record, experiments, monkeypatch):
    monkeypatch.setattr("app.importing.foreign_rows.MOST_ROWS", 3)
    record["tables"]["step"]["rows"] = [[0, 0.0, 0.5]] * 4
    assert complaint(json.dumps(record).encode(), experiments) == "table step: 4 rows are more than 3"


def test_a_verdict_that_breaks_on_the_rows_is_unclear_and_the_run_is_kept(record, experiments, monkeypatch):
    def breaks(experiment, measured):
        return {}["nothing"]

    monkeypatch.setattr(imports, "judge", breaks)
    verdict = read(record, experiments).run.verdict
    assert verdict["answer"] == "unclear"
    assert "the verdict on them broke" in verdict["headline"]


# -- through the API --------------------------------------------------------------------------


@pytest.fixture
async def app(tmp_path, tmp_path_factory):
    app = FastAPI()
    store = Store(tmp_path / "runs.sqlite3")
    root = build_root(tmp_path_factory.mktemp("root"))
    bench = Bench(
        load(),
        store,
        Hub(),
        {default().id: default()},
        run_child=partial(run_child, root=root),
        take_in=partial(importer.take_in, root=root),
    )
    app.state.bench, app.state.assets, app.state.started_at = bench, Assets(cache=tmp_path), 1000.0
    connect(app)
    schema.document(app, bench.experiments)
    await bench.start()
    yield app
    await bench.close()
    store.close()


@pytest.fixture
async def client(app):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client


async def send(client, content):
    kind = {"content-type": "application/json"}
    return await client.post("/api/runs/import", content=content, headers=kind)


async def test_a_run_is_exported_deleted_imported_and_the_same_again(app, client):
    started = (await client.post("/api/runs", json={"experiment": "tiny.counting"})).json()["id"]
    await (await app.state.bench.views.of(started)).ended.wait()
    exported = await client.get(f"/api/runs/{started}/export/json")
    assert (await client.delete(f"/api/runs/{started}")).status_code == 204

    answer = await send(client, exported.content)
    assert answer.status_code == 201, answer.text
    id = answer.json()["id"]
    assert answer.json() == {"id": id, "url": f"/runs/{id}"}
    assert answer.headers["location"] == f"/api/runs/{id}"
    assert id != started
    again = (await client.get(f"/api/runs/{id}/export/json")).json()
    before = exported.json()
    assert again["tables"] == before["tables"]
    assert again["verdict"] == before["verdict"]
    assert again["origin"]["id"] == started


async def test_an_imported_run_shows_its_figures_and_is_found_in_the_history(client, record):
    id = (await send(client, json.dumps(record).encode())).json()["id"]
    assert [run["id"] for run in (await client.get("/api/runs")).json()["runs"]] == [id]
    assert [run["id"] for run in (await client.get("/api/runs?q=counted")).json()["runs"]] == [id]
    (figure,) = (await client.get(f"/api/runs/{id}/figures")).json()["figures"]
    assert figure["table"]["rows"]


async def test_of_a_file_that_is_refused_nothing_is_stored(client, record):
    record["tables"]["step"]["rows"].append([2, 1.0])
    answer = await send(client, json.dumps(record).encode())
    assert (answer.status_code, answer.json()) == (
        422,
        {"detail": "table step: row 3 has 2 values for 3 columns"},
    )
    assert (await client.get("/api/runs")).json()["runs"] == []


async def test_a_file_that_unfolds_to_too_much_memory_is_refused(tmp_path):
    """A million objects weigh twenty times what they do in the file."""
    with pytest.raises(ImportRefused, match="unfolds to more than the memory that an import may take"):
        await take_in(
            tmp_path, b'{"a":[' + b",".join([b'{"b":[]}'] * 1_040_000) + b"]}", memory_b=250 * 2**20
        )
    assert not [*tmp_path.iterdir()]
    assert psutil.Process().children() == []


async def test_a_file_that_takes_too_long_to_judge_is_refused(tmp_path, record, monkeypatch):
    monkeypatch.setattr(importer, "JUDGING_S", 0.0)
    with pytest.raises(ImportRefused, match="reading the file took more than 0 s"):
        await take_in(tmp_path, json.dumps(record).encode())
    assert not [*tmp_path.iterdir()]
    assert psutil.Process().children() == []


async def take_in(folder, content, **limits):
    async def pieces():
        yield content

    return await importer.take_in(pieces(), folder / "runs.sqlite3", **limits)


async def test_a_file_that_breaks_off_leaves_nothing_and_its_reader_is_gone(tmp_path, record):
    async def broken():
        yield json.dumps(record).encode()[:100]
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError, match="gone"):
        await importer.take_in(broken(), tmp_path / "runs.sqlite3")
    assert not [*tmp_path.iterdir()]
    assert psutil.Process().children() == []


async def test_what_cannot_be_written_is_not_there_at_all(app, client, record, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(app.state.bench.store, "path", tmp_path / "file" / "runs.sqlite3")
    answer = await send(client, json.dumps(record).encode())
    assert answer.status_code == 507
    assert answer.json()["detail"] == f"{tmp_path / 'file'} cannot be made: File exists"
    assert (await client.get("/api/runs")).json()["runs"] == []
    assert not app.state.bench.latest.runs


async def test_an_import_that_finds_no_room_beside_pinned_runs_is_refused_and_gone(
    app, client, record, monkeypatch
):
    store = app.state.bench.store
    kept = (await send(client, json.dumps(record).encode())).json()["id"]
    await client.patch(f"/api/runs/{kept}", json={"pinned": True})
    store.flush()
    monkeypatch.setattr(store, "cap_b", store._disk.size_b())
    record["tables"]["step"]["rows"] = [[n, math.sqrt(n), n / 7] for n in range(20_000)]
    answer = await send(client, json.dumps(record).encode())
    assert answer.status_code == 507
    assert answer.json()["detail"].endswith("nothing in it may go: delete runs to make room")
    assert [run["id"] for run in (await client.get("/api/runs")).json()["runs"]] == [kept]


# -- on the pages -----------------------------------------------------------------------------


@pytest.fixture
async def pages(tmp_path):
    """The whole app with the real experiments; nothing is measured."""
    app = build(Settings(data=tmp_path / "data", cache=tmp_path / "cache"))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            yield app, client


def scaling(id="0123456789", workers=2, **changes):
    params = loaded("threads.scaling").parse({"workers": workers})
    return replace(RUN, id=id, experiment="threads.scaling", params=params, **changes)


def told(page):
    """The part of a run's page that says where it came from."""
    return page.text.partition('data-part="imported">')[2].partition("\n</div>\n")[0]


async def import_scaling(client, run):
    content = json.dumps(exports.as_json(loaded("threads.scaling"), run, {})).encode()
    return (await send(client, content)).json()["id"]


async def test_the_page_of_an_imported_run_says_where_it_came_from_and_offers_to_repeat_it(pages):
    _, client = pages
    id = await import_scaling(client, scaling(host="<script>lab</script>"))
    page = await client.get(f"/runs/{id}")
    assert "<script>lab" not in page.text
    assert "Imported from &lt;script&gt;lab&lt;/script&gt;." in told(page)
    assert f"/experiments/threads.scaling?repeat={id}" in told(page)
    assert "/compare?" not in told(page)
    assert "<bdi>&lt;script&gt;lab&lt;/script&gt;</bdi>" in (await client.get("/runs")).text


async def test_the_repeat_and_the_original_lead_to_their_comparison(pages):
    app, client = pages
    original = await import_scaling(client, scaling())
    app.state.store.create(scaling("00000000aa", verdict=None))
    app.state.store.create(scaling("00000000bb", workers=3, verdict=None))
    link = f"/compare?runs={original},00000000aa"
    assert link in told(await client.get("/runs/00000000aa"))
    assert link in told(await client.get(f"/runs/{original}"))
    assert "/compare?" not in told(await client.get("/runs/00000000bb"))


async def test_to_repeat_a_run_of_an_interpreter_that_is_not_here_says_so(pages):
    _, client = pages
    elsewhere = await import_scaling(client, scaling(python="cpython-9.9.9"))
    page = (await client.get(f"/experiments/threads.scaling?repeat={elsewhere}")).text
    assert "python: cpython-9.9.9 is not here; the repeat is measured with another one" in page
    here = await import_scaling(client, scaling(python=default().id))
    assert "is not here" not in (await client.get(f"/experiments/threads.scaling?repeat={here}")).text


async def test_what_is_exported_imported_and_exported_again_is_the_same_but_for_id_and_origin(pages):
    _, client = pages
    first = exports.as_json(loaded("threads.scaling"), scaling(why="=1+1\n\u05d0 <b>"), {})
    one = (await send(client, json.dumps(first).encode())).json()["id"]
    before = (await client.get(f"/api/runs/{one}/export/json")).json()
    two = (await send(client, json.dumps(before).encode())).json()["id"]
    after = (await client.get(f"/api/runs/{two}/export/json")).json()
    assert {**after, "id": one, "origin": before["origin"]} == before
    assert after["origin"]["id"] == one


async def test_a_name_of_any_kind_is_text_on_every_page(pages):
    _, client = pages
    name = "=1+1 <script>alert(1)</script> \u202e\u05d0 " + "x" * 60
    wild = scaling(
        name=name, note=f"{name}\n{name}", host=name, why=name, last_words=name, state=State.FAILED
    )
    id = await import_scaling(client, wild)
    other = await import_scaling(client, wild)
    for path in (f"/runs/{id}", f"/runs/{other}", "/runs", "/", f"/experiments/threads.scaling?repeat={id}"):
        page = await client.get(path)
        assert page.status_code == 200, path
        assert "alert(1)" in page.text or "repeat=" in path, path
        assert "<script>alert" not in page.text, path


# -- in the store -----------------------------------------------------------------------------


def test_a_store_admits_a_run_with_all_its_rows(tmp_path, record, experiments):
    imported = read(record, experiments)
    store = Store(tmp_path / "runs.sqlite3")
    try:
        keep_whole(store.path, imported.run, imported.columns, imported.rows)
        assert store.admit(imported.run.id) == imported.run
        assert store.get(imported.run.id) == imported.run
        assert store.rows(imported.run.id, "step") == ROWS
    finally:
        store.close()


def test_an_imported_run_counts_for_the_cap_of_the_history(tmp_path, record, experiments):
    """The oldest one makes room for it, as for a run that was measured here."""
    record["tables"]["step"]["rows"] = [[n, math.sqrt(n), n / 7] for n in range(20_000)]
    store = Store(tmp_path / "runs.sqlite3", cap_b=900_000)
    try:
        ids = []
        for _ in range(4):
            imported = read(record, experiments)
            keep_whole(store.path, imported.run, imported.columns, imported.rows)
            store.admit(imported.run.id)
            ids.append(imported.run.id)
        left = [run.id for run in store.list()[0]]
        assert left == ids[::-1][: len(left)]
        assert 0 < len(left) < 4
    finally:
        store.close()
