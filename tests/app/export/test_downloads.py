"""The forms in which a run is taken away: each has its name, its type and its content."""

import io
import json
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import replace

import pytest

from app.export import downloads, exports
from app.export.trace import NoLanes
from app.runs.run import Run, State
from experiments.kit.kernel.machine import Machine
from experiments.kit.spec import load as loaded
from tests.tiny.root import load

COUNTING = load()["tiny.counting"]
STATES = loaded("processes.states")
NASTY = '=cmd|"/c calc"!A0 <script>alert(1)</script> \u202egnp.exe\nnext'
RUN = Run(
    id="0123456789",
    experiment="processes.states",
    params=STATES.parse({}),
    python="cpython-3.11.7",
    state=State.DONE,
    machine=Machine.here().as_json(),
    conditions={"foreign_cpu": 0.01},
    created_at=999.0,
    started_at=1000.0,
    ended_at=1001.5,
    host="lab-7",
    name=NASTY.replace("\n", " "),
    note=NASTY,
    rows={"span": 2},
)
SPANS = {"span": [[NASTY, 7, "running", 0.0, 0.5, ""], ["sleeper", 8, "blocked", 0.0, 1.0, NASTY]]}


def made(form, run=RUN, tables=SPANS, experiment=STATES):
    return downloads.make(form, downloads.whole(form, experiment, run, tables))


@pytest.mark.parametrize(
    ("form", "name", "kind"),
    [
        ("html", "oscope-processes.states-0123456789.html", "text/html; charset=utf-8"),
        ("interactive", "oscope-processes.states-0123456789.interactive.html", "text/html; charset=utf-8"),
        ("json", "oscope-processes.states-0123456789.json", "application/json"),
        ("csv", "oscope-processes.states-0123456789.zip", "application/zip"),
        ("md", "oscope-processes.states-0123456789.md", "text/markdown; charset=utf-8"),
        ("trace", "oscope-processes.states-0123456789.trace.json", "application/json"),
        ("svg", "oscope-processes.states-0123456789.svg.zip", "application/zip"),
    ],
)
def test_every_form_has_its_name_and_its_type(form, name, kind):
    file = made(form)
    assert (file.name, file.kind) == (name, kind)
    assert file.content


def test_there_is_no_form_without_a_test():
    assert set(downloads.FORMS) == {"html", "interactive", "json", "csv", "md", "trace", "svg"}


@pytest.mark.parametrize("form", ["html", "interactive"])
def test_what_people_wrote_is_text_in_a_page_and_never_an_element(form):
    page = made(form).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_drawings_escape_the_names_of_lanes():
    with zipfile.ZipFile(io.BytesIO(made("svg").content)) as archive:
        drawings = {name: archive.read(name).decode() for name in archive.namelist()}
    assert "timeline.svg" in drawings
    assert all("<script>" not in drawing for drawing in drawings.values())


def test_a_csv_neutralises_formulas_and_keeps_lines_inside_their_cell():
    with zipfile.ZipFile(io.BytesIO(made("csv").content)) as archive:
        assert archive.namelist() == ["span.csv"]
        text = archive.read("span.csv").decode()
    assert "\r\n=cmd" not in text
    assert text.count("'=cmd") == 2


def test_the_record_says_all_that_an_import_needs():
    record = json.loads(made("json").content)
    assert (record["format"], record["id"], record["host"]) == (1, "0123456789", "lab-7")
    assert (record["name"], record["note"]) == (RUN.name, NASTY)
    assert (record["created_at"], record["guess"], record["said"]) == (999.0, None, None)


def test_numbers_that_json_does_not_know_become_null():
    rows = {"step": [[0, float("nan"), float("inf")]]}
    run = replace(RUN, experiment="tiny.counting", params={"n": 1, "pause": 0.0})
    record = json.loads(made("json", run, rows, COUNTING).content)
    assert record["tables"]["step"]["rows"] == [[0, None, None]]


@pytest.mark.parametrize(
    "name", ["<b>|`x`\n\r\t=1", "\u202e\u05d0\u2066", "x" * 5000, "\ud83d\ude00\x00\x1b[31m", ""]
)
@pytest.mark.parametrize("form", [*downloads.FORMS])
def test_a_name_of_any_kind_stays_out_of_file_names_and_breaks_no_form(form, name):
    name = name.encode("utf-16", "surrogatepass").decode("utf-16")
    file = made(
        form, replace(RUN, name=name, note=name, host=name), SPANS | {"span": [[name, *SPANS["span"][0][1:]]]}
    )
    assert file.name.startswith("oscope-processes.states-0123456789.")
    if file.kind == "application/json":
        assert json.loads(file.content)
    elif file.kind == "application/zip":
        with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
            contents = {entry: archive.read(entry).decode() for entry in archive.namelist()}
        assert contents
        for entry, text in contents.items():
            assert not entry.endswith(".svg") or ET.fromstring(text) is not None
    else:
        assert "<b>|" not in file.content.decode()


@pytest.mark.parametrize("state", [State.QUEUED, State.FAILED, State.STOPPED, State.RUNNING])
@pytest.mark.parametrize("form", ["html", "interactive", "json", "csv", "md", "svg"])
def test_a_run_without_rows_has_every_form_but_a_trace(form, state):
    run = replace(RUN, state=state, machine=None, rows={}, why="the child died", conditions={})
    assert made(form, run, {}).content
    with pytest.raises(NoLanes):
        made("trace", run, {})


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("threads.scaling", "threads.scaling"),
        ("../../etc/passwd", "etc-passwd"),
        ('a"b\r\nc:d*e?', "a-b-c-d-e"),
        ("\u202egnp.exe", "gnp.exe"),
        ("问题", "run"),
        ("x" * 300, "x" * 80),
    ],
)
def test_a_file_name_is_safe_on_every_system(given, safe):
    assert exports.safe(given) == safe


@pytest.mark.parametrize("text", [" =1+1", "\u202e=1", "\ufeff@x", "\n=1", "＝1"])
def test_a_formula_behind_invisible_characters_is_defused_too(text):
    assert exports.cell(text) == f"'{text}"


def test_plain_texts_stay_as_they_are():
    assert [exports.cell(text) for text in ("threads", "a=b", " two", "", "中文")] == [
        "threads",
        "a=b",
        " two",
        "",
        "中文",
    ]
