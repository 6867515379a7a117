"""What a terminal shows is what was said: nothing in a text is markup, an emoji or an escape sequence."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from app.cli import doctor, terminal
from app.runs.run import Run, State
from experiments.kit import Check, Verdict, percent, say
from tests.tiny.root import load as tiny

ROOT = Path(__file__).parents[3]
COUNTING = tiny()["tiny.counting"]
BAD = "[bold]x[/] [loops] [/] :smile: [link=http://evil.example]y[/link] \x1b[2J"
SHOWN = "[bold]x[/] [loops] [/] :smile: [link=http://evil.example]y[/link] \ufffd[2J"


@pytest.fixture(autouse=True)
def a_wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")


def run_with(**changes) -> Run:
    given = {
        "id": "0123456789",
        "experiment": "tiny.counting",
        "params": {"n": 3},
        "python": "cpython-3.11.7",
        "state": State.DONE,
        "machine": {"cores": 2},
        "started_at": 100.0,
        "ended_at": 102.5,
        "host": "lab-7",
    }
    return Run(**given | changes)


def verdict_with(answer="yes", headline="It is.", check="It holds.", doubt="Others."):
    said = [say(text.replace("{", "{{").replace("}", "}}")) for text in (headline, check, doubt)]
    return Verdict(answer, said[0], (Check(said[1], True),), (said[2],)).as_json()


GUESS = {"key": "k", "series": "", "x": None, "label": "threads", "near": False}
PLAIN = {name: {"text": "1×", "number": 1.0, "unit": "×", "about": ""} for name in ("you", "measured", "off")}


def guessed(**changes):
    return {"points": {}, "rows": [GUESS | PLAIN | changes]}


FIELDS = {
    "question": (replace(COUNTING, question=BAD), run_with(verdict=verdict_with())),
    "parameter": (COUNTING, run_with(params={"n": BAD}, verdict=verdict_with())),
    "interpreter": (COUNTING, run_with(python=BAD, verdict=verdict_with())),
    "host": (COUNTING, run_with(host=BAD, verdict=verdict_with())),
    "answer, the title of a panel": (COUNTING, run_with(verdict=verdict_with(answer=BAD))),
    "headline": (COUNTING, run_with(verdict=verdict_with(headline=BAD))),
    "check": (COUNTING, run_with(verdict=verdict_with(check=BAD))),
    "doubt": (COUNTING, run_with(verdict=verdict_with(doubt=BAD))),
    "why": (COUNTING, run_with(state=State.FAILED, why=BAD)),
    "last words": (COUNTING, run_with(state=State.FAILED, why="no", last_words=BAD)),
    "guess: label": (COUNTING, run_with(verdict=verdict_with(), guess=guessed(label=BAD))),
    "guess: you": (
        COUNTING,
        run_with(verdict=verdict_with(), guess=guessed(you=PLAIN["you"] | {"text": BAD})),
    ),
    "guess: off": (
        COUNTING,
        run_with(verdict=verdict_with(), guess=guessed(off=PLAIN["off"] | {"text": BAD})),
    ),
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_text_is_shown_as_it_is_wherever_it_stands_in_an_outcome(field, capsys):
    terminal.show_outcome(*FIELDS[field])
    assert SHOWN in capsys.readouterr().out


def test_a_number_in_a_sentence_is_shown_as_it_is(capsys):
    headline = say("It said {word} in {share}.", word=BAD, share=percent(0.5)).as_json()
    verdict = verdict_with()
    verdict["said"]["headline"] = headline
    terminal.show_outcome(COUNTING, run_with(verdict=verdict))
    assert f"It said {SHOWN} in 50\u00a0%." in capsys.readouterr().out


@pytest.mark.parametrize("place", range(3))
def test_a_finding_of_the_doctor_is_shown_as_it_is(place, capsys):
    texts = ["loops", "is missing", "Install it."]
    texts[place] = BAD
    terminal.show_findings([doctor.Finding(texts[0], False, texts[1], texts[2])])
    assert SHOWN in capsys.readouterr().out


def test_the_progress_bar_shows_name_and_progress_as_they_are(monkeypatch):
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with terminal.progress(replace(COUNTING, name="tiny.[counting]")) as watch:
        watch(run_with(progress=0.5, progress_text="round [1] of [/] [bold]5[/]"))
    assert "tiny.[counting]" in screen.getvalue()
    assert "round [1] of [/] [bold]5[/]" in screen.getvalue()


def test_code_and_stress_of_a_sentence_read_well_also_around_a_number(capsys):
    sentence = say("Called `{a}` instead of `{b}`, and *not* `c d`.", a="head", b="python").as_json()
    assert terminal.spoken(sentence).plain == "Called `head` instead of `python`, and not `c d`."


def test_no_module_hands_markup_to_rich():
    marked = [path.name for path in sorted((ROOT / "app").rglob("*.py")) if "[/]" in path.read_text("utf-8")]
    assert marked == []
