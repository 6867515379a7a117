"""Texts and numbers as a page shows them."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.catalogue.catalogue import as_word
from app.svg import scales
from app.text import prose, values
from experiments.kit import duration, percent, say, times
from experiments.kit.spec import Field

GOLDEN = Path(__file__).parents[2] / "golden" / "numbers.json"


def test_an_article_becomes_paragraphs_with_code_and_lists():
    article = (
        "One `join()` and\n*another* of **ours**, 2 * 3 * 4.\n\n- first\n  goes on\n- second <b>\n\nEnd."
    )
    assert prose.paragraphs(article) == (
        "<p>One <code>join()</code> and <em>another</em> of <strong>ours</strong>, 2 * 3 * 4.</p>",
        "<ul>\n<li>first goes on</li>\n<li>second &lt;b&gt;</li>\n</ul>",
        "<p>End.</p>",
    )


def test_a_sentence_colours_its_numbers_by_what_they_speak_of():
    sentence = say("{n} threads ran {speedup} as fast.", n=4, speedup=times(0.97, "threads")).as_json()
    assert prose.said(sentence) == (
        '4 threads ran <span class="about" style="--c:var(--en-threads)">0.97×</span> as fast.'
    )


def test_states_have_colours_too_and_unknown_words_have_none():
    assert prose.said(say("{x}", x=percent(0.5, "ready")).as_json()) == (
        '<span class="about" style="--c:var(--st-ready)">50\u00a0%</span>'
    )
    assert prose.said(say("{x}.", x=percent(0.5, "weather")).as_json()) == "50\u00a0%."


def test_a_measured_word_cannot_become_html():
    assert prose.said(say("It said {words}.", words="<script>").as_json()) == "It said &lt;script&gt;."


def test_a_verdict_in_a_few_words_is_its_answer_and_the_numbers_of_what_it_names():
    headline = say(
        "{a} against {b} in {c}", a=times(0.97, "threads"), b=times(1.9, "processes"), c=duration(2)
    )
    verdict = {"answer": "no", "said": {"headline": headline.as_json()}}
    assert prose.strip(verdict).striptags() == "no threads 0.97× processes 1.90×"
    assert prose.strip(None) == ""


def test_a_number_that_the_sentence_does_not_say_or_that_is_of_another_unit_is_not_in_few_words():
    headline = say(
        "It slept {idle} of the time, and was {late} late.",
        idle=percent(0.9, "blocked"),
        late=duration(0.002, "threads"),
        spare=percent(0.1, "ready"),
    )
    verdict = {"answer": "it sleeps", "said": {"headline": headline.as_json()}}
    assert prose.strip(verdict).striptags() == "it sleeps blocked 90 %"


def test_code_starts_after_docstring_and_imports_and_keeps_its_line_numbers():
    source = '"""Title\n\nQuestion?\n"""\n\nimport os\n\n\n@cache\ndef f(): ...\n'
    lines = str(prose.listing(source)).split('<span class="l" ')[1:]
    assert [line.partition(">")[0] for line in lines] == ['data-n="9"', 'data-n="10"']


def test_parameters_that_differ_from_the_defaults_read_with_their_units():
    fields = [
        Field("work_size", float, "ms", default=50.0),
        Field("workers", int, default=4),
        Field("kind", str, default="x"),
    ]
    params = {"work_size": 100.0, "workers": 200_000, "kind": "x"}
    assert prose.parameters(fields, params) == "work size 100 ms · workers 200\u2009000"
    assert prose.parameters(fields, {"work_size": 50.0, "workers": 4, "kind": "x"}) == "defaults"


def test_values_read_as_a_person_would_write_them():
    assert [prose.number(v) for v in (None, True, 0.25, 5.0, 1234567)] == [
        "–",
        "yes",
        "0.25",
        "5",
        "1\u2009234\u2009567",
    ]
    assert prose.cell(0.0123, "s") == "12.3\u00a0ms"
    assert [prose.rough(s) for s in (0.42, 6.7, 180)] == ["0.4\u00a0s", "7\u00a0s", "3\u00a0min"]
    assert prose.cell(25_000_000_000, "B") == "23.3\u00a0GiB"


def test_a_run_that_has_not_begun_took_nothing():
    assert prose.took(SimpleNamespace(took_s=None)) == ""
    assert prose.took(SimpleNamespace(took_s=2.5)) == "2.50\u00a0s"


@pytest.mark.parametrize("kind", ["number", "rough", "moment", "word"])
def test_a_number_reads_as_the_golden_file_says_which_the_page_reads_too(kind):
    speakers = {"number": values.number, "rough": prose.rough, "moment": scales.moment, "word": as_word}
    cases = json.loads(GOLDEN.read_text())[kind]
    assert [[*given, speakers[kind](*given)] for *given, _ in cases] == cases


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("it was stopped", "It was stopped"),
        ("non-blocking reads", "Non-blocking reads"),
        ("cpython-3.11.2 could not be started", "cpython-3.11.2 could not be started"),
        ("pypy-3.10 is slow", "pypy-3.10 is slow"),
        ("threads.scaling has no preset", "threads.scaling has no preset"),
        ("io_uring is off", "io_uring is off"),
        ("/tmp/x is a file", "/tmp/x is a file"),
        ("oscope was closed", "oscope was closed"),
        ("oscopes", "Oscopes"),
        ("", ""),
    ],
)
def test_a_name_is_not_changed_where_a_sentence_begins_with_it(text, sentence):
    assert values.sentence(text) == prose.capital(text) == sentence
