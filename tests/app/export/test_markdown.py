"""A run as Markdown: what it says, and that nothing in it is Markdown by accident."""

from dataclasses import replace

import pytest

from app.export import downloads, markdown
from app.runs.run import State
from app.text import markup, prose
from app.text.languages import ENGLISH, load
from tests.app.export.test_report import RUN, TABLES
from tests.tiny.root import load as tiny

BAD = "| [a](http://evil.example) ![i](x) <b>`code`</b> @all\n# head\u202e"


@pytest.fixture(scope="module")
def counting():
    return tiny()["tiny.counting"]


@pytest.fixture
def made(counting):
    def make(run=RUN, tables=TABLES, words=ENGLISH):
        return markdown.as_markdown(downloads.whole("md", counting, run, tables, words))

    return make


def test_it_says_question_verdict_checks_and_doubts(made):
    lines = made().splitlines()
    assert lines[0] == "# How far does it count?"
    assert "**Not at all.** 2 threads ran 0.97× as fast." in lines
    assert "- ✓ They shared one core." in lines
    assert "- **Doubt:** Others were busy." in lines


def test_the_figures_are_tables_with_numbers_at_the_right(made):
    text = made()
    assert (
        "## How far?\n\n| series | i | half | low | high | rows |\n| --- | ---: | ---: | ---: | ---: | ---: |"
        in text
    )
    assert "| half | 1 | 0.50× | 0.50× | 0.50× | 1 |" in text


def test_it_says_where_it_was_measured_and_how_to_repeat_it(made):
    text = made()
    assert "- Parameters: n 2 · pause 5 ms" in text
    assert "- The machine it ran on: AMD · 2 cores · Linux" in text
    assert "foreign CPU 31\u00a0%" in text
    assert "```\noscope run tiny.counting --n 2 --pause 5\n```" in text
    assert text.endswith(". Run `0123456789`\n")


def test_a_guess_is_a_table(made):
    value = {"number": 1.0, "unit": "×", "about": "threads"}
    row = {"key": "threads@4", "series": "threads", "x": 4.0, "label": "threads", "near": False}
    row |= {"you": value | {"text": "3.50×"}, "measured": value | {"text": "0.97×"}, "off": {"text": "3.6×"}}
    text = made(replace(RUN, guess={"points": {"threads@4": 3.5}, "given_at": 999.0, "rows": [row]}))
    assert "| Your guess | you | measured | off by |\n" in text
    assert "| threads at 4 | 3.50× | 0.97× | 3.6× |" in text


@pytest.mark.parametrize(
    ("near", "said"),
    [
        (None, "You said: blocking. The run could not tell."),
        (True, "You said: blocking. That is right."),
        (False, "You said: blocking. Measured: asynchronous."),
    ],
)
def test_an_answer_that_was_chosen_is_a_sentence(made, near, said):
    you, measured = ({"text": text, "number": None, "about": ""} for text in ("blocking", "asynchronous"))
    row = {"key": "choice", "series": "", "x": None, "label": "", "near": near, "off": {"text": "–"}}
    rows = [row | {"you": you, "measured": measured}]
    text = made(replace(RUN, guess={"points": {"choice": "blocking"}, "given_at": 999.0, "rows": rows}))
    assert said in text.split("\n\n")


def test_a_guess_given_after_the_run_says_so(made):
    rows = [{"near": None, "you": {"text": "x", "number": None}, "measured": {"text": "y"}, "label": ""}]
    text = made(replace(RUN, guess={"points": {"choice": "x"}, "given_at": 2000.0, "rows": rows}))
    assert "Guessed after the run had ended." in text.split("\n\n")


def test_code_in_a_sentence_of_a_module_stays_code():
    def marked(*parts):
        return markdown.marked(markup.read_sentence(parts))

    assert marked("`a_b|c` and <b>, `<i>`") == "`a_b|c` and &lt;b&gt;, `<i>`"
    assert marked("# one ` alone") == "\\# one \\` alone"
    assert marked("*So* **it** is [not](http://evil.example).") == (
        "*So* **it** is \\[not\\]\\(http&#58;//evil.example)."
    )
    assert marked("called `", {"text": "a`b"}, "` and ", {"text": "*x*`"}) == "called ``a`b`` and \\*x\\*\\`"


def test_a_column_is_called_what_it_holds_without_the_unit_of_its_cells(made):
    assert "_s |" not in made()
    assert [prose.heading(name) for name in ("ready_s", "per_s", "effective_cores")] == [
        "ready",
        "per second",
        "effective cores",
    ]


def test_it_speaks_the_language_of_its_reader(made):
    words = load("zh", {})
    text = made(words=words)
    assert f"- {words('Parameters')}：" in text
    assert words("The same run from a terminal") in text
    assert "Measured by" not in text


@pytest.mark.parametrize(
    ("state", "why", "said"),
    [
        (State.FAILED, "it broke", "**Failed.** No verdict: the run did not reach its end. It broke."),
        (State.STOPPED, "stopped on request", "**Stopped.** No verdict: the run was ended early."),
        (State.QUEUED, "", "This run has not begun: there is nothing to show yet."),
    ],
)
def test_a_run_without_a_verdict_says_why(made, state, why, said):
    text = made(replace(RUN, state=state, why=why, verdict=None, machine=None, conditions={}), {})
    assert said in text.split("\n\n")
    assert "## " not in text  # no tables


def test_last_words_stand_in_a_fence_that_they_cannot_end(made):
    text = made(replace(RUN, state=State.FAILED, verdict=None, last_words="oh\n```\n# no"))
    assert "````\noh\n```\n# no\n````" in text


def test_nothing_that_people_wrote_becomes_markdown(made):
    run = replace(RUN, name=BAD, note=BAD, python=BAD, machine={"host": BAD, "cpu": BAD, "cores": 1})
    text = made(replace(run, verdict=RUN.verdict | {"answer": BAD}))
    assert "\\]\\(http" in text
    assert "<b>" not in text
    assert "http://" not in text
    assert "\n# head" not in text
    assert "\n\\# head" not in text  # it is one line
    assert "@all" not in text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", "a\\|b"),
        ("<i>&amp;", "&lt;i&gt;&amp;amp;"),
        ("# h", "\\# h"),
        ("- a", "\\- a"),
        ("1. x", "1\\. x"),
        ("1.5 s, 12:13", "1.5 s, 12:13"),
        ("https://x www.y :smile:", "https&#58;//x www&#46;y &#58;smile:"),
        ("a\r\nb\x00c\u2028d", "a  b c d"),
        ("snake_case _x_ __init__ *x*", "snake_case \\_x\\_ \\_\\_init\\_\\_ \\*x\\*"),
        ("(1 to 2) [a](b)", "(1 to 2) \\[a\\]\\(b)"),
    ],
)
def test_a_text_means_nothing_but_itself(text, escaped):
    assert markdown.plain(text) == escaped


def test_words_from_right_to_left_are_kept_apart(made):
    assert "**\u2068\u05d0\u05d1\u2069**" in made(replace(RUN, name="\u05d0\u05d1"))


def test_a_long_table_is_cut_and_says_so(made):
    lines = made(tables={"step": [[n, n / 2, 0.5] for n in range(100)]}).splitlines()
    assert len([line for line in lines if line.startswith("| half |")]) == markdown.MOST_ROWS
    assert f"And {100 - markdown.MOST_ROWS} more rows; the CSV of this run has all of them." in lines
