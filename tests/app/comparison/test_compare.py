"""Runs side by side: which may be compared, what differs, and how their figures become one."""

import httpx
import pytest

from app.comparison import compare, overlay
from app.comparison.compare import Incomparable
from app.door.language import Readers
from app.runs.run import Run, State
from app.text.languages import Words
from experiments.kit import percent, say, times
from experiments.kit.charts import STATES
from experiments.kit.spec import load
from experiments.kit.verdict import Verdict
from tests.app.web.test_pages import FINISHED, NAME, keep, state_of, text_of
from tests.app.web.test_pages import app as app
from tests.app.web.test_pages import client as client

SCALING = load(NAME)
A, B, C = "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"


def a_run(id: str = A, **changes) -> Run:
    return Run(id=id, **{**FINISHED, "rows": {"round": 1}} | changes)


# Which runs


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        (["a,b"], ["a", "b"]),
        (["a", "b"], ["a", "b"]),
        ([" a ,, b", "c"], ["a", "b", "c"]),
        (["a"], ["a"]),
        ([], []),
        (["a,b,c,d"], ["a", "b", "c", "d"]),
    ],
)
def test_runs_are_named_in_one_value_or_in_many(given, ids):
    assert compare.wanted(given) == ids


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["a,b,c,d,e"], "5 runs are too many: two to four fit side by side"),
        (["a,b,a"], "run a is named twice: compare it with another one"),
    ],
)
def test_what_is_no_comparison_is_refused_with_a_sentence(given, sentence):
    with pytest.raises(Incomparable) as refused:
        compare.wanted(given)
    assert (str(refused.value), refused.value.status) == (sentence, 422)


@pytest.mark.parametrize(
    ("runs", "sentence", "status"),
    [
        (
            [a_run(), a_run(B, experiment="processes.states")],
            "these runs answer different questions: threads.scaling, processes.states",
            422,
        ),
        (
            [a_run(), a_run(B, experiment="b.b"), a_run(C, experiment="c.c")],
            "these runs answer different questions: threads.scaling, b.b, c.c",
            422,
        ),
        (
            [a_run(), a_run(B, state=State.RUNNING)],
            "run bbbbbbbbbb is running: compare it when it has ended",
            409,
        ),
        (
            [a_run(A, state=State.FAILED, rows={}, why="out of memory"), a_run(B)],
            "run aaaaaaaaaa is failed and left no rows to compare (out of memory)",
            422,
        ),
        (
            [a_run(), a_run(B, rows={"round": 0})],
            "run bbbbbbbbbb is done and left no rows to compare",
            422,
        ),
    ],
)
def test_runs_that_cannot_lie_side_by_side_say_why(runs, sentence, status):
    with pytest.raises(Incomparable) as refused:
        compare.check(runs)
    assert (str(refused.value), refused.value.status) == (sentence, status)


def test_a_run_that_was_stopped_but_left_rows_can_be_compared():
    compare.check([a_run(), a_run(B, state=State.STOPPED)])


# What differs


def differing(one: Run, other: Run, pythons=("CPython 3.11", "CPython 3.11")) -> dict[str, tuple[str, ...]]:
    facts = compare.facts(SCALING, [one, other], pythons)
    return {fact.name: fact.values for fact in facts if not fact.same}


def test_two_runs_alike_differ_in_nothing():
    assert differing(a_run(), a_run(B)) == {}


def test_parameters_interpreter_machine_and_conditions_are_told_when_they_differ():
    other = a_run(
        B,
        params=FINISHED["params"] | {"workers": 8, "work": 20},
        machine=FINISHED["machine"] | {"host": "lab-9", "gil": False, "memory_b": 2**33},
        conditions=FINISHED["conditions"] | {"foreign_cpu": 0.5},
    )
    assert differing(a_run(), other, ("CPython 3.11", "CPython 3.13")) == {
        "workers": ("2", "8"),
        "work": ("100 ms", "20 ms"),
        "interpreter": ("CPython 3.11", "CPython 3.13"),
        "host": ("lab-7", "lab-9"),
        "memory": ("16\u00a0GiB", "8\u00a0GiB"),
        "GIL": ("on", "off"),
        "foreign CPU": ("14\u00a0%", "50\u00a0%"),
    }


@pytest.mark.parametrize(("share", "same"), [(0.15, True), (0.18, True), (0.2, False), (None, False)])
def test_conditions_are_never_equal_and_count_as_such_within_five_points(share, same):
    conditions = {"foreign_cpu": 0.14} if share is None else {"foreign_cpu": share}
    other = a_run(B, conditions={} if share is None else conditions)
    facts = compare.facts(SCALING, [a_run(conditions={"foreign_cpu": 0.14}), other], ["", ""])
    assert [fact.same for fact in facts if fact.name == "foreign CPU"] == [same]


def test_what_an_older_run_did_not_know_is_a_dash():
    facts = compare.facts(SCALING, [a_run(params={}), a_run(B, machine=None)], ["", ""])
    told = {fact.name: fact.values for fact in facts}
    assert told["workers"] == ("–", "2")
    assert told["host"] == ("lab-7", "–")


# What they say


def said(threads: float, text: str = "{threads} {n}", **more) -> dict:
    return Verdict("no", say(text, threads=times(threads, "threads"), n=2, **more)).as_json()


def test_the_numbers_of_the_headlines_stand_beside_each_other():
    runs = [
        a_run(verdict=said(1.0)),
        a_run(B, verdict=said(1.2, "{threads} {n} {lost}", lost=percent(0.3, "ready"))),
        a_run(C, verdict=None),
    ]
    lines = compare.numbers(runs)
    assert [(line.name, [cell and cell["text"] for cell in line.cells]) for line in lines] == [
        ("threads", ["1.00×", "1.20×", None]),
        ("ready, no core free", [None, "30\u00a0%", None]),
    ]


def test_a_number_stands_there_when_one_headline_tells_it_for_every_run_that_knows_it():
    values = {"lost": percent(0.3), "never": percent(0.9)}
    runs = [a_run(verdict=said(1.0, **values)), a_run(B, verdict=said(1.0, "{lost}", **values))]
    assert [
        (line.name, [cell and cell["text"] for cell in line.cells]) for line in compare.numbers(runs)
    ] == [
        ("threads", ["1.00×", "1.00×"]),
        ("lost", ["30\u00a0%", "30\u00a0%"]),
    ]


def test_a_second_number_about_the_same_has_its_own_name_too():
    waits = {"waiting": percent(0.5, "gil"), "late": percent(0.1, "gil")}
    lines = compare.numbers([a_run(verdict=said(1.0, "{waiting} {late}", **waits))])
    assert [line.name for line in lines] == ["waiting for the GIL", "waiting for the GIL: late"]


def test_guesses_stand_beside_each_other_and_a_run_without_one_has_an_empty_cell():
    def row(x: float, you: str) -> dict:
        value = {"text": you, "number": 1.0, "unit": "×", "about": "threads"}
        return {"series": "threads", "x": x, "label": "threads", "near": True} | {
            "you": value,
            "measured": value,
            "off": value,
        }

    guess = {"points": {}, "given_at": 1.0, "rows": [row(2.0, "2.0×"), row(4.0, "4.0×")]}
    lines = compare.guesses(
        [a_run(guess=guess), a_run(B), a_run(C, guess={**guess, "rows": None})], "workers"
    )
    assert [(line.name, [cell and cell["you"]["text"] for cell in line.cells]) for line in lines] == [
        ("threads at 2 workers", ["2.0×", None, None]),
        ("threads at 4 workers", ["4.0×", None, None]),
    ]


# The figures


def line(ids: list[str], xs: list[float], annotations: list[dict] | None = None) -> dict:
    return {
        "id": "round",
        "kind": "plotly",
        "title": "How much?",
        "caption": "medians",
        "summary": f"{ids[0] if ids else 'nothing'} told.",
        "data": [trace(id, xs) for id in ids],
        "layout": {
            "xaxis": {"type": "linear", "tickvals": xs, "ticktext": [f"{x:g}" for x in xs]},
            "yaxis": {},
            "annotations": annotations or [],
        },
        "table": {"columns": [{"name": "kind", "unit": "", "help": ""}], "rows": [[id] for id in ids]},
    }


def trace(id: str, xs: list[float]) -> dict:
    made = {"id": id, "type": "scatter", "name": id, "x": xs, "y": xs}
    if id.startswith("reference:"):
        return made | {"line": {"color": "$ink-3", "dash": "dot" if "ideal" in id else "dash"}}
    if id.endswith("/band"):
        return made | {"line": {"width": 0}, "fill": "toself"}
    return made | {
        "line": {"color": f"$en-{id}", "width": 2.6},
        "marker": {"symbol": "circle"},
        "hovertemplate": f"%{{text}}<extra>{id}</extra>",
    }


def only(specs: list[dict]) -> dict:
    [group] = overlay.groups([[spec] for spec in specs])
    [panel] = group.panels
    return panel


def test_lines_lie_over_each_other_a_colour_for_each_thing_and_a_dash_for_each_run():
    made = only([line(["threads", "processes"], [1, 2]), line(["threads", "processes"], [1, 2, 4])])
    assert [
        (t["id"], t["name"], t["line"]["color"], t["line"]["dash"], t["marker"]["symbol"])
        for t in made["data"]
    ] == [
        ("A/threads", "threads · A", "$en-threads", "solid", "circle"),
        ("B/threads", "threads · B", "$en-threads", "dash", "circle-open"),
        ("A/processes", "processes · A", "$en-processes", "solid", "circle"),
        ("B/processes", "processes · B", "$en-processes", "dash", "circle-open"),
    ]
    assert made["data"][1]["hovertemplate"] == "%{text}<extra>threads · B</extra>"
    assert made["layout"]["xaxis"]["tickvals"] == [1, 2, 4]
    assert made["layout"]["xaxis"]["ticktext"] == ["1", "2", "4"]
    assert made["summary"] == "A: threads told. B: threads told."
    assert made["table"]["rows"] == [
        ["A", "threads"],
        ["A", "processes"],
        ["B", "threads"],
        ["B", "processes"],
    ]
    assert [column["name"] for column in made["table"]["columns"]] == ["run", "kind"]


def test_four_runs_have_four_dashes_and_no_bands():
    specs = [line(["threads/band", "threads"], [1, 2]) for _ in range(4)]
    assert [trace["line"]["dash"] for trace in only(specs)["data"]] == ["solid", "dash", "dot", "dashdot"]
    assert [trace["id"] for trace in only(specs[:2])["data"]] == [
        "A/threads/band",
        "B/threads/band",
        "A/threads",
        "B/threads",
    ]


def test_the_ideal_line_is_drawn_once_and_as_long_as_the_longest():
    made = only([line(["reference:ideal"], [1, 2]), line(["reference:ideal", "reference:capacity"], [1, 4])])
    assert [(t["id"], t["x"]) for t in made["data"]] == [
        ("reference:ideal", [1, 4]),
        ("B/reference:capacity", [1, 4]),
    ]


def test_guesses_are_told_in_the_table_and_not_drawn_over_each_other():
    made = only([line(["threads", "guess:threads"], [1]), line(["threads"], [1])])
    assert [t["id"] for t in made["data"]] == ["A/threads", "B/threads"]


def test_labels_carry_the_letter_behind_the_name_and_stand_at_the_right():
    def label(x: float) -> dict:
        return {"name": "end:threads", "x": x, "y": 1.0, "text": "<b>threads</b> 1.02×", "font": {}}

    made = only([line(["threads"], [1], [label(2)]), line(["threads"], [1], [label(4)])])
    assert [(one["name"], one["text"], one["x"]) for one in made["layout"]["annotations"]] == [
        ("end:A/threads", "<b>threads · A</b> 1.02×", 4),
        ("end:B/threads", "<b>threads · B</b> 1.02×", 4),
    ]


def test_the_letter_follows_the_name_in_labels_of_references_too():
    def label(x: float, text: str) -> dict:
        return {"name": "end:reference:cores", "x": x, "y": 1.0, "text": text, "font": {}}

    texts = ["reference:cores 1.41×", "something else"]
    specs = [line(["reference:cores"], [1, 2], [label(2, text)]) for text in texts]
    assert [(one["name"], one["text"]) for one in only(specs)["layout"]["annotations"]] == [
        ("end:A/reference:cores", "reference:cores · A 1.41×"),
        ("end:B/reference:cores", "something else · B"),
    ]


def test_every_label_at_the_end_of_a_line_names_a_trace_that_is_drawn():
    def label(name: str) -> dict:
        return {"name": f"end:{name}", "x": 2, "y": 1.0, "text": name, "font": {}}

    ids = ["threads", "reference:ideal", "reference:cores"]
    made = only([line(ids, [1, 2], [label(id) for id in ids]) for _ in range(4)])
    drawn = {f"end:{trace['id']}" for trace in made["data"]}
    assert {label["name"] for label in made["layout"]["annotations"]} == drawn


def test_labels_of_distributions_stand_under_each_other_all_runs_of_one_together():
    def label(name: str, y: float) -> dict:
        text = f"<b>{name}</b> 1 ms"
        return {"name": f"end:{name}", "xref": "paper", "x": 1, "y": y, "text": text, "font": {}}

    one = line(["a", "b"], [1], [label("a", 1.0), label("b", 0.875)])
    other = line(["a", "b"], [1], [label("b", 1.0), label("a", 0.875)])
    labels = only([one, other, other])["layout"]["annotations"]
    assert [(label["name"], label["y"]) for label in labels] == [
        ("end:A/b", 1.0),
        ("end:B/b", 0.875),
        ("end:C/b", 0.75),
        ("end:A/a", 0.625),
        ("end:B/a", 0.5),
        ("end:C/a", 0.375),
    ]


def test_bars_of_one_thing_stand_beside_each_other_with_a_hatch_for_each_run():
    def bars(categories: list[str]) -> dict:
        spec = line([], [])
        spec["data"] = [
            {"id": id, "type": "bar", "name": id, "x": categories, "y": [1], "marker": {"color": "$ch1"}}
            for id in ("voluntary", "involuntary")
        ]
        spec["layout"]["xaxis"] = {"type": "category", "categoryarray": categories}
        return spec

    made = only([bars(["spinner", "sleeper"]), bars(["sleeper", "talker"])])
    assert [(t["name"], t["marker"]["pattern"]["shape"]) for t in made["data"]] == [
        ("voluntary · A", ""),
        ("voluntary · B", "/"),
        ("involuntary · A", ""),
        ("involuntary · B", "/"),
    ]
    assert made["layout"]["xaxis"]["categoryarray"] == ["spinner", "sleeper", "talker"]


def small(kind: str, data: list[dict], **layout) -> dict:
    return line([], []) | {"id": "it", "kind": kind, "data": data, "layout": layout}


def panels(*specs: dict) -> overlay.Group:
    [group] = overlay.groups([[spec] for spec in specs])
    return group


def test_timelines_lie_under_each_other_on_one_axis_and_zoom_together():
    group = panels(
        small("timeline", [{"id": "t"}], t0=0.5, t1=2.0), small("timeline", [{"id": "t"}], t0=0.0, t1=1.0)
    )
    assert group.linked
    assert [(p["id"], p["title"], p["layout"]["t0"], p["layout"]["t1"]) for p in group.panels] == [
        ("it-a", "How much? · A", 0.0, 2.0),
        ("it-b", "How much? · B", 0.0, 2.0),
    ]


def test_a_run_without_rows_for_a_figure_does_not_bend_the_scale_of_the_others():
    group = panels(small("timeline", [{"id": "t"}], t0=0.5, t1=2.0), small("timeline", [], t0=0.0, t1=0.0))
    assert [panel["layout"]["t0"] for panel in group.panels] == [0.5, 0.5]


def test_cells_are_shaded_to_one_scale_and_states_stand_in_one_place():
    cells = panels(
        small("cells", [{"id": "a"}], cells={"a|1": 3}), small("cells", [{"id": "a"}], cells={"a|1": 9})
    )
    assert [panel["layout"]["most"] for panel in cells.panels] == [9, 9]
    states = panels(
        small("states", [{"id": "x"}], nodes=[{"id": "blocked", "label": "b"}]),
        small(
            "states", [{"id": "x"}], nodes=[{"id": "running", "label": "r"}, {"id": "blocked", "label": "b"}]
        ),
    )
    assert [[node["id"] for node in panel["layout"]["nodes"]] for panel in states.panels] == [
        ["running", "blocked"],
        ["running", "blocked"],
    ]


def test_flows_have_one_clock_before_and_after_the_arrival():
    def flow(begin: float, ready: float, end: float) -> dict:
        return small(
            "flow", [{"id": "m", "spans": [["kernel", begin, end, "io", ""]], "ready_s": ready}], t1=end
        )

    group = panels(flow(0.0, 1.0, 1.5), flow(0.0, 0.25, 2.0))
    assert [(p["layout"]["before"], p["layout"]["after"]) for p in group.panels] == [(1.0, 1.75), (1.0, 1.75)]


def test_a_chart_without_a_row_in_any_run_is_left_out():
    assert overlay.groups([[line([], [])], [line([], [])]]) == []


def test_merging_leaves_the_figures_of_the_runs_as_they_were():
    one, other = line(["threads"], [1, 2]), line(["threads"], [1, 2])
    before = repr([one, other])
    only([one, other])
    assert repr([one, other]) == before


# The page


async def test_two_runs_are_told_side_by_side(client, app):
    keep(app, A, name="cool room")
    keep(app, B, params=SCALING.parse({"workers": 8}))
    page = await client.get(f"/compare?runs={A},{B}")
    assert page.status_code == 200
    seen = text_of(page)
    for told in ("cool room", "What differs", "workers28", "Two threads ran 0.97×", f"lab-7 · {A}"):
        assert told in seen, told
    state = state_of(page)
    assert [trace["id"] for trace in state["figures"][0]["data"] if "threads" in trace["id"]] == [
        "A/threads/band",
        "B/threads/band",
        "A/threads",
        "B/threads",
    ]


async def test_a_run_that_left_no_rows_for_a_figure_keeps_its_place_and_says_so(client, app):
    keep(app, A)
    keep(app, B, state=State.STOPPED, why="stopped on request", verdict=None)
    columns = [column.name for column in SCALING.table("span").columns]
    app.state.bench.store.append(A, "span", columns, [["threads", "thread 1", "running", 0.0, 0.1]])
    page = await client.get(f"/compare?runs={A},{B}")
    assert "Who ran when, in one round of each kind? · B This run left no rows for this figure." in text_of(
        page
    )
    assert "Stopped on request. No verdict." in text_of(page)
    assert page.text.count('data-figure="timeline-') == 1


async def test_the_end_of_a_repeat_brings_its_comparison_with_the_original(client, app):
    keep(app, A, origin={"id": B, "host": "lab-9", "oscope": "0.1.0"})
    keep(app, C)
    link = f'href="/compare?runs={A},{C}"'
    assert link in (await client.get(f"/runs/{C}/parts")).text
    assert link in (await client.get(f"/runs/{A}/parts")).text
    keep(app, B, params=SCALING.parse({"workers": 8}))
    assert "Compare with the original" not in (await client.get(f"/runs/{B}/parts")).text


async def test_a_run_that_is_deleted_after_it_was_chosen_gets_a_sentence(client, app):
    keep(app, A)
    keep(app, B)
    assert (await client.get(f"/compare?runs={A},{B}")).status_code == 200
    assert (await client.delete(f"/api/runs/{B}")).status_code == 204
    page = await client.get(f"/compare?runs={A},{B}")
    assert page.status_code == 404
    assert f"There is no run '{B}'; it may have been deleted." in text_of(page)
    assert f"/compare?runs={A}" in page.text


async def test_ticked_boxes_lead_to_the_same_page(client, app):
    keep(app, A)
    keep(app, B)
    answer = await client.get(f"/compare?run={A}&run={B}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/compare?runs={A},{B}")


async def test_one_run_leads_to_a_choice_of_others_newest_first(client, app):
    keep(app, A)
    keep(app, B, name="older")
    keep(app, C, name="newer")
    keep(app, "dddddddddd", state=State.RUNNING, verdict=None)
    page = await client.get(f"/compare?runs={A}")
    assert page.status_code == 200
    assert page.text.index(f'value="{C}"') < page.text.index(f'value="{B}"')
    assert f'type="checkbox" name="run" value="{A}"' not in page.text
    assert "dddddddddd" not in page.text


async def test_the_first_run_of_a_question_is_offered_to_be_repeated(client, app):
    keep(app, A)
    page = await client.get(f"/compare?runs={A}")
    assert f"/experiments/{NAME}?repeat={A}" in page.text


@pytest.mark.parametrize(
    ("query", "status", "sentence", "way"),
    [
        ("", 422, "No run is named: choose two to four of one experiment.", 'href="/runs"'),
        (f"?runs={A},{A}", 422, f"Run {A} is named twice: compare it with another one.", f"/runs/{A}"),
        ("?runs=1,2,3,4,5", 422, "5 runs are too many: two to four fit side by side.", 'href="/runs"'),
        (f"?runs={A},ffffffffff", 404, "There is no run 'ffffffffff'; it may have been deleted.", "/runs"),
        (f"?run={A}&run={A}", 422, f"Run {A} is named twice: compare it with another one.", f"/runs/{A}"),
        (f"?runs={'x' * 5000}", 404, "it may have been deleted.", 'href="/runs"'),
        ("?runs=../etc,<b>", 404, "There is no run '../etc'; it may have been deleted.", 'href="/runs"'),
        (
            f"?runs={A},{B}",
            422,
            "These runs answer different questions: threads.scaling, processes.states.",
            f"/compare?runs={B}",
        ),
        (f"?runs={A},{C}", 409, f"Run {C} is queued: compare it when it has ended.", f"/runs/{C}"),
    ],
)
async def test_a_refusal_is_a_sentence_and_a_way_on(client, app, query, status, sentence, way):
    keep(app, A)
    store = app.state.bench.store
    store.create(a_run(B, experiment="processes.states", params={}))
    store.create(a_run(C, state=State.QUEUED))
    page = await client.get(f"/compare{query}")
    assert page.status_code == status
    assert sentence in text_of(page)
    assert way in page.text


@pytest.mark.parametrize(
    ("name", "html"),
    [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("</script>{{ 7 * 7 }}", "&lt;/script&gt;{{ 7 * 7 }}"),
        ("\u05e9\u05dc\u05d5\u05dd \u202eabc", "\u05e9\u05dc\u05d5\u05dd \u202eabc"),
        ("x" * 120, "x" * 120),
    ],
)
@pytest.mark.parametrize("query", [f"{A},{B}", B])
async def test_a_name_stays_text_of_its_own_direction_here_too(client, app, name, html, query):
    keep(app, A, name=name)
    keep(app, B)
    page = await client.get(f"/compare?runs={query}")
    assert f'<bdi class="run-name">{html}</bdi>' in page.text
    assert "<img" not in page.text


async def test_the_comparison_speaks_the_readers_language(app):
    keep(app, A)
    keep(app, B)
    words: Words = app.state.words["zh"]
    transport = httpx.ASGITransport(Readers(app, app.state.words))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as reader:
        page = await reader.get(f"/compare?runs={A},{B}", headers={"accept-language": "zh"})
    seen = text_of(page)
    for name in ("lost", "late", "fast", *(state.label for state in STATES.values())):
        assert words.knows(name), name
    assert words(SCALING.question) in seen
    assert words("What differs") != "What differs"
    assert words("What differs") in seen
