"""The report of a run: one file that says what there is, asks nobody, and is small."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from app.export import downloads, report
from app.runs.run import Run, State
from app.text import prose
from app.text.languages import ENGLISH
from app.text.languages import load as language
from app.text.markup import REL
from experiments.kit.charts import STATES
from experiments.kit.spec import load as experiment
from experiments.kit.spec import names
from tests.tiny.root import load as tiny

SAID = {
    "headline": {
        "template": "{n} threads ran {speedup} as fast.",
        "values": {
            "n": {"text": "2", "number": 2, "unit": "", "about": ""},
            "speedup": {"text": "0.97×", "number": 0.97, "unit": "×", "about": "threads"},
        },
    },
    "checks": [{"template": "They shared one core.", "values": {}}],
    "doubts": [{"template": "Others were busy.", "values": {}}],
}
VERDICT = {
    "answer": "not at all",
    "headline": "2 threads ran 0.97× as fast.",
    "checks": [{"claim": "They shared one core.", "ok": True}],
    "doubts": ["Others were busy."],
    "said": SAID,
}
RUN = Run(
    id="0123456789",
    experiment="tiny.counting",
    params={"n": 2, "pause": 5.0},
    python="cpython-3.11.7",
    state=State.DONE,
    machine={"host": "here", "cpu": "AMD", "cores": 2, "system": "Linux", "memory_b": 2**30},
    conditions={"foreign_cpu": 0.31, "run_delay": 0.0, "steal": 0.0, "own_cpu": 0.002},
    verdict=VERDICT,
    created_at=1000.0,
    started_at=1000.0,
    ended_at=1001.5,
)
TABLES = {"step": [[0, 0.0, 0.5], [1, 0.5, None]]}
BAD = "<img src=//evil.example onerror=alert(1)>\n\u202e\u05d0{{7*7}}"


class Page(HTMLParser):
    """What a page holds: its elements, and its text without styles."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(html)
        self.close()
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            del self.open[len(self.open) - 1 - self.open[::-1].index(tag) :]

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def counting():
    return tiny()["tiny.counting"]


@pytest.fixture
def made(counting):
    def make(run=RUN, tables=TABLES, words=ENGLISH, theme="auto"):
        return report.as_html(downloads.whole("html", counting, run, tables, words, theme))

    return make


# -- what it says -----------------------------------------------------------------------------


def test_it_says_question_answer_headline_checks_and_doubts(made):
    text = Page(made()).text
    for said in (
        "How far does it count?",
        "Not at all.",
        "2 threads ran 0.97× as fast.",
        "They shared one core.",
    ):
        assert said in text
    assert "Others were busy." in text


def test_a_number_is_coloured_by_what_it_speaks_of(made):
    assert '<span class="about" style="--c:var(--en-threads)">0.97×</span>' in made()


def test_it_says_where_the_run_comes_from_and_how_to_repeat_it(made):
    text = Page(made()).text
    for said in (
        "0123456789",
        "here",
        "AMD, 2 cores",
        "1 GiB",
        "cpython-3.11.7",
        "31 %",
        "1.50 s",
    ):
        assert said in text
    assert "oscope run tiny.counting --n 2 --pause 5" in text


@pytest.mark.parametrize(
    ("python", "option"), [("pypy-7.3.17", " --python pypy-7.3.17"), ("x; rm -rf ~", "")]
)
def test_the_command_names_an_interpreter_and_nothing_else_that_a_shell_would_run(counting, python, option):
    whole = downloads.whole("md", counting, replace(RUN, python=python), {})
    assert report.command(whole) == f"oscope run tiny.counting --n 2 --pause 5{option}"


def test_a_figure_stands_there_as_a_drawing_and_as_a_table(made):
    page = Page(made())
    assert [figure["id"] for figure in page.all("figure")] == ["line"]
    assert [svg["class"].split()[0] for svg in page.all("svg")] == ["fig-960", "fig-348"]
    assert "How far?" in page.text
    assert len(page.all("details")) == 2  # the table, the code


def test_the_code_that_ran_is_in_it_without_its_imports(made):
    html = made()
    assert "<b>def</b> <var>measure</var>(" in html
    assert "import Iterator" not in html


def test_a_guess_stands_beside_what_was_measured(made):
    value = {"number": 1.0, "unit": "×", "about": "threads"}
    row = {"key": "threads@4", "series": "threads", "x": 4.0, "label": "threads", "near": False}
    row |= {"you": value | {"text": "3.50×"}, "measured": value | {"text": "0.97×"}, "off": {"text": "3.6×"}}
    html = made(replace(RUN, guess={"points": {"threads@4": 3.5}, "given_at": 999.0, "rows": [row]}))
    text = Page(html).text
    assert "you measured off by threads at 4 3.50× 0.97× 3.6×" in text
    assert '<td class="miss">3.6×</td>' in html


@pytest.mark.parametrize(
    ("near", "said"),
    [
        (None, "You said: blocking. The run could not tell."),
        (True, "You said: blocking. That is right."),
        (False, "You said: blocking. Measured: <b>."),
    ],
)
def test_an_answer_that_was_chosen_is_a_sentence_and_no_table(made, near, said):
    you, measured = ({"text": text, "number": None, "about": ""} for text in ("blocking", "<b>"))
    row = {"key": "choice", "series": "", "x": None, "label": "", "near": near, "off": {"text": "–"}}
    rows = [row | {"you": you, "measured": measured}]
    page = Page(
        made(replace(RUN, guess={"points": {"choice": "blocking"}, "given_at": 2000.0, "rows": rows}))
    )
    assert said in page.text
    assert "off by" not in page.text
    assert "Guessed after the run had ended." in page.text


def test_a_chinese_title_breaks_between_its_clauses_and_sentences_touch(made):
    assert prose.clauses("你好，<b>？") == "<span>你好，</span><span>&lt;b&gt;？</span>"
    assert prose.clauses("One, two?") == "One, two?"
    html = made(words=language("zh", {}))
    assert "。</em>2 threads" in html
    assert "line-break: strict" in html
    assert "line-break: strict" not in made()


# -- for itself -------------------------------------------------------------------------------


def test_the_sources_of_the_article_can_be_opened_and_pages_of_oscope_are_words(counting):
    article = "See [PEP 703](https://peps.python.org/pep-0703/) and [runs](/runs), [x](javascript:alert(1))."
    html = report.as_html(downloads.whole("html", replace(counting, article=article), RUN, TABLES, ENGLISH))
    outside = {"href": "https://peps.python.org/pep-0703/", "rel": REL, "target": "_blank"}
    assert Page(html).all("a") == [outside]
    assert "and runs, [x](javascript:alert(1))." in Page(html).text


def test_it_refers_to_nothing_outside_itself(made):
    html = made()
    assert not re.findall(
        r"""(?:https?:)?//[\w.]|@import|url\((?!#)""", html.replace("http://www.w3.org/2000/svg", "")
    )
    page = Page(html)
    assert not [
        tag for tag, _ in page.tags if tag in ("script", "link", "img", "iframe", "object", "a", "form")
    ]
    policies = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_every_variable_that_its_drawings_and_styles_use_is_in_it(made):
    html = made()
    declared = set(re.findall(r"(--[a-z0-9-]+):", html))
    assert set(re.findall(r"var\((--[a-z0-9-]+)\)", html)) <= declared
    assert {f"--st-{state}" for state in STATES} <= declared


def test_every_pattern_and_label_that_a_drawing_points_to_is_in_it(made):
    html = made()
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", html)) <= set(ids)
    assert {id for found in re.findall(r'aria-labelledby="([^"]+)"', html) for id in found.split()} <= set(
        ids
    )


def test_it_follows_the_theme_of_its_reader_unless_one_is_given(made):
    auto, light, dark = (made(theme=theme) for theme in ("auto", "light", "dark"))
    assert "prefers-color-scheme:dark" in auto
    assert "prefers-color-scheme" not in light + dark
    assert 'data-theme="dark"' in dark
    assert "@media screen{:root{color-scheme:dark;" in dark  # paper is white
    assert "--paper:#0c100f" in dark
    assert "--paper:#0c100f" not in light


def test_it_speaks_the_language_of_its_reader(made):
    words = language("zh", {})
    html = made(words=words)
    assert '<html lang="zh-Hans">' in html
    assert "表格形式" in html
    assert "As a table" not in html


# -- runs that are not whole ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "why", "said"),
    [
        (
            State.FAILED,
            "it ran out of memory",
            "Failed. No verdict: the run did not reach its end. It ran out of memory.",
        ),
        (State.STOPPED, "stopped on request", "Stopped. No verdict: the run was ended early."),
        (State.RUNNING, "", "This run was still being measured when this page was made"),
        (State.QUEUED, "", "This run has not begun: there is nothing to show yet."),
        (State.DONE, "", "No verdict."),
    ],
)
def test_a_run_without_a_verdict_says_why(made, state, why, said):
    bare = replace(RUN, state=state, why=why, verdict=None, machine=None, conditions={}, ended_at=None)
    page = Page(made(bare))
    assert said in page.text
    assert len(page.all("figure")) == 1  # what was measured is there


def test_a_failed_run_has_its_last_words(made):
    html = made(
        replace(RUN, state=State.FAILED, verdict=None, why="it broke", last_words="Trace <b>\nline 2")
    )
    assert "Trace &lt;b&gt;\nline 2" in html


def test_a_run_without_rows_shows_empty_figures(made):
    page = Page(made(tables={}))
    assert "No rows." in page.text
    assert len(page.all("table")) == 1  # what disturbed it


# -- what people and modules wrote ------------------------------------------------------------


def test_nothing_that_people_wrote_becomes_markup(made):
    run = replace(RUN, name=BAD, note=BAD, why=BAD, last_words=BAD, host=BAD, preset=BAD, python=BAD)
    html = made(replace(run, machine={"host": BAD, "cpu": BAD, "cores": 1, "system": BAD}))
    page = Page(html)
    assert not page.all("img")
    assert "49" not in page.text.replace("0123456789", "")
    assert html.count("&lt;img src=//evil.example onerror=alert(1)&gt;") >= 8


def test_a_name_from_right_to_left_turns_nothing_around_it(made):
    html = made(replace(RUN, name="\u05d0\u05d1", note="\u05d0"))
    assert "<bdi>\u05d0\u05d1</bdi>" in html
    assert '<p class="note" dir="auto">\u05d0</p>' in html


def test_a_verdict_of_a_module_is_escaped(made):
    said = {"headline": {"template": BAD, "values": {}}, "checks": [], "doubts": []}
    bad = {"answer": BAD, "headline": BAD, "checks": [], "doubts": [], "said": said}
    assert not Page(made(replace(RUN, verdict=bad))).all("img")


def test_a_verdict_kept_without_its_templates_is_said_as_it_stands(made):
    plain = {name: value for name, value in VERDICT.items() if name != "said"}
    text = Page(made(replace(RUN, verdict=plain))).text
    assert "2 threads ran 0.97× as fast." in text
    assert "Others were busy." in text


# -- sizes ------------------------------------------------------------------------------------


def lanes(spans):
    states = ("running", "ready", "gil", "blocked")
    times = [(n / spans, (n + 1) / spans) for n in range(spans)]
    return [(f"thread {n % 8 + 1}", states[n // 8 % 4], *times[n]) for n in range(spans)]


@pytest.mark.parametrize("name", names())
def test_a_report_without_rows_leaves_room_for_its_figures(name):
    chosen = experiment(name)
    run = replace(RUN, experiment=name, params=chosen.parse({}), verdict=None)
    html = report.as_html(downloads.whole("html", chosen, run, {}))
    assert len(html.encode()) < 75_000


def test_a_long_table_is_cut_and_says_so(made):
    rows = [[n, n / 2, 0.5] for n in range(500)]
    html = made(tables={"step": rows})
    assert html.count("<tr><td>") == report.TABLE_ROWS
    assert f"And {500 - report.TABLE_ROWS} more rows; the CSV of this run has all of them." in Page(html).text


def test_figures_that_need_room_leave_less_for_the_code(made, monkeypatch):
    texts = [("a.py", "x = 1\n"), ("_b.py", "y = 2\n" * 1000)]
    monkeypatch.setattr(report.catalogue, "sources", lambda _: iter(texts))
    assert "<summary>_b.py" in made()
    monkeypatch.setattr(report, "ROOM", 6000)
    text = Page(made()).text
    assert "Helpers that are not shown here: _b.py" in text


def test_the_helpers_that_find_no_room_are_named(counting, monkeypatch):
    texts = [("experiments/a/one.py", "x = 1\n"), ("experiments/a/_two.py", "y = 2\n" * 10_000)]
    monkeypatch.setattr(report.catalogue, "sources", lambda _: iter(texts))
    text = Page(report.as_html(downloads.whole("html", counting, RUN, TABLES))).text
    assert "Helpers that are not shown here: experiments/a/_two.py" in text
    assert "x = 1" in text
    assert "y = 2" not in text
