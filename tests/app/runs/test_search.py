"""The history is looked through: names, notes, questions and verdicts, in every language."""

from contextlib import closing

import pytest

from app.runs.run import Run, State, new_id
from app.runs.search import text_of
from app.storage.connections import connect
from app.storage.schema import FIELDS, MIGRATIONS, encode, migrate
from app.storage.store import Store
from app.text.folding import fold, words_of
from app.text.languages import ENGLISH, Words
from experiments.kit import say, times
from experiments.kit.spec import load
from experiments.kit.verdict import Verdict
from tests.app.web.test_pages import NAME, keep
from tests.app.web.test_pages import app as app
from tests.app.web.test_pages import client as client
from tests.app.web.test_pages import text_of as seen_in

SCALING = load(NAME)
VERDICT = Verdict("no", say("Two threads ran {threads} as fast.", threads=times(0.97, "threads"))).as_json()
CHINESE = Words(
    "zh",
    {
        SCALING.title: "线程与进程",
        SCALING.question: "更多线程会更快吗？",
        "no": "不会",
        "Two threads ran {threads} as fast.": "两个线程的速度是 {threads}。",
    },
)


def test_the_text_of_a_run_has_its_question_and_its_verdict_in_every_language():
    assert text_of(SCALING, VERDICT, [ENGLISH, CHINESE]).split("\n") == [
        "threads.scaling",
        SCALING.title.casefold(),
        SCALING.question.casefold(),
        "no",
        "two threads ran 0.97× as fast.",
        "线程与进程",
        "更多线程会更快吗?",
        "不会",
        "两个线程的速度是 0.97×。",
    ]


@pytest.mark.parametrize(
    ("verdict", "last"),
    [
        (None, "question"),
        ({"answer": "yes", "headline": "Faster."}, "faster."),
        ({"answer": "yes", "headline": "It is {odd}.", "said": {"headline": {}}}, "it is {odd}."),
        (
            {
                "answer": "yes",
                "headline": "x",
                "said": {"headline": {"template": "a {b!z} {0} {", "values": {}}},
            },
            "a {b!z} {0} {",
        ),
    ],
)
def test_a_verdict_of_any_shape_can_be_looked_through(verdict, last):
    lines = text_of(SCALING, verdict, [ENGLISH]).split("\n")
    assert lines[-1] == (SCALING.question.casefold() if last == "question" else last)


def test_words_are_looked_for_without_case_and_once_each():
    assert words_of("  GIL Straße\u3000ｇｉｌ gil ") == ["gil", "strasse"]
    assert words_of("") == []
    assert len("".join(words_of("x" * 10_000))) == 200


def stored(store: Store, **values) -> str:
    run = Run(id=new_id(), params={}, **{"experiment": NAME, "state": State.DONE} | values)
    store.create(run)
    return run.id


def names(store: Store, **wanted) -> list[str]:
    return [run.name for run in store.list(**wanted)[0]]


@pytest.fixture
def store(tmp_path):
    with closing(Store(tmp_path / "oscope.db")) as store:
        stored(store, name="Warm room", note="window SHUT", search="threads.scaling\nfaster than one")
        stored(store, name="100 % load_a", search="threads.scaling\n" + fold("更多线程会更快吗？"))
        stored(store, name="Übung", pinned=True, search="threads.scaling\nslower")
        stored(store, name="old", search="threads.scaling\nno\ntwenty times slower.")
        yield store


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("", ["old", "Übung", "100 % load_a", "Warm room"]),
        ("warm", ["Warm room"]),
        ("shut ROOM", ["Warm room"]),
        ("shut faster", ["Warm room"]),
        ("shut slower", []),
        ("übung", ["Übung"]),
        ("ÜBUNG", ["Übung"]),
        ("%", ["100 % load_a"]),
        ("_", ["100 % load_a"]),
        ("线程", ["100 % load_a"]),
        ("快吗？", ["100 % load_a"]),
        ("threads.scaling", ["old", "Übung", "100 % load_a", "Warm room"]),
        ("twenty", ["old"]),
        ("slower", ["old", "Übung"]),
        ("scaling twenty", ["old"]),
        ("' or 1=1 --", []),
        ("\\", []),
        ("\x00", []),
    ],
)
def test_every_word_has_to_occur_somewhere(store, q, found):
    assert names(store, q=q) == found


def test_pinned_runs_can_be_listed_alone(store):
    assert names(store, pinned=True) == ["Übung"]
    assert names(store, pinned=False, q="slower") == ["old"]


def test_a_search_goes_on_where_its_page_ended(store):
    first, following = store.list(q="slower", limit=1)
    assert [run.name for run in first] == ["old"]
    second, end = store.list(q="slower", limit=1, before=following)
    assert ([run.name for run in second], end) == (["Übung"], None)


def test_a_run_that_was_renamed_a_moment_ago_is_found_by_its_new_name(store):
    [run] = store.list(q="warm")[0]
    store.update(run.id, name="cold")
    assert names(store, q="warm") == []
    assert names(store, q="cold") == ["cold"]


async def test_pages_and_programs_look_through_the_same(client, app):
    keep(app, "0000000001", name="first one")
    keep(app, "0000000002", name="second one", pinned=True)
    answer = await client.get("/api/runs?q=second")
    assert [run["id"] for run in answer.json()["runs"]] == ["0000000002"]
    answer = await client.get("/api/runs?pinned=true")
    assert [run["id"] for run in answer.json()["runs"]] == ["0000000002"]
    page = await client.get("/runs?q=second+one&pinned=1")
    assert "second one" in seen_in(page)
    assert "first one" not in seen_in(page)
    assert "No run is like that." in seen_in(await client.get("/runs?q=third"))


async def test_what_was_looked_for_stays_in_the_form_and_cannot_become_html(client):
    page = await client.get("/runs", params={"q": '"><script>x</script>'})
    assert "<script>x" not in page.text
    assert 'value="&#34;&gt;&lt;script&gt;x&lt;/script&gt;"' in page.text


@pytest.mark.parametrize("q", ["%", "_", "'", '"', "\\", "\x00", "' or 1=1 --", "*", "\u202e", "x" * 10_000])
async def test_whatever_is_typed_is_looked_for_as_it_stands(client, app, q):
    keep(app, "0000000001", name="a plain name")
    for path in ("/api/runs", "/runs"):
        answer = await client.get(path, params={"q": q})
        assert answer.status_code == 200
        assert "a plain name" not in answer.text
    found = await client.get("/runs", params={"q": "PLAIN"})
    assert "a plain name" in found.text


async def test_a_run_can_be_found_by_its_verdict_when_it_has_ended(client, app):
    run = await app.state.bench.submit(NAME, {}, "quick")
    await app.state.bench.stop(run.id)
    app.state.bench.store.flush()
    assert SCALING.question.casefold() in app.state.bench.store.get(run.id).search
    found = (await client.get("/api/runs", params={"q": SCALING.title})).json()["runs"]
    assert [known["id"] for known in found] == [run.id]
    chinese = app.state.words["zh"](SCALING.question)
    assert fold(chinese) in app.state.bench.store.get(run.id).search


def test_runs_of_an_older_oscope_are_found_by_what_they_said(tmp_path):
    path = tmp_path / "oscope.db"
    with closing(connect(path)) as older:
        migrate(older, MIGRATIONS[:2])
        said = {"answer": "Only with processes", "headline": "Twenty\u00a0times slower."}
        runs = {"done": said, "stopped": None, "queued": None}
        for n, (state, verdict) in enumerate(runs.items()):
            run = Run(id=f"000000000{n}", experiment=NAME, params={}, state=State(state), verdict=verdict)
            known = dict(zip(FIELDS, encode(run), strict=True))
            del known["thumb"], known["length_s"]  # later versions brought them
            places = ", ".join("?" * len(known))
            older.execute(f"insert into runs({', '.join(known)}) values({places})", [*known.values()])
    with closing(Store(path)) as store:
        assert [run.id for run in store.list(q="ONLY times")[0]] == ["0000000000"]
        assert [run.id for run in store.list(q="scaling")[0]] == ["0000000002", "0000000001", "0000000000"]
