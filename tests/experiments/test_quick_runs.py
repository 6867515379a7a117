"""What holds for a run of every experiment, in every language: rows fit tables, figures draw, it judges.

Each is measured once, at its quick preset, for all tests of this file.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from app.bench.editions import spoken
from app.comparison import compare
from app.figures import Board
from app.runs.run import Run
from app.text.languages import LANGUAGES, Words, load
from app.web.api.schema import guess_schema
from experiments.kit.spec import Field, load_all
from experiments.kit.verdict import judge
from tests.experiments.measured import Ran, measured

EXPERIMENTS = load_all()
ENGLISH = load("en", EXPERIMENTS)
ENGLISH_LEFT = re.compile(r"[A-Za-z]{2,}(?:[ -][A-Za-z]{2,}){2,}")  # three Latin words in a row
READ = {"title", "caption", "summary", "name", "label", "help", "text", "hovertemplate", "ticktext", "rows"}
NAMES = {  # in figures of any language: of units and systems, and of calls
    *("CPU", "GIL", "POSIX", "RLock", "aio", "KiB", "MiB", "GiB", "EAGAIN", "SIGIO"),
    *("TCP", "UDP", "System", "Unix", "Pipe", "SimpleQueue", "Queue", "Manager", "eventfd"),
    *("recv", "select", "poll", "epoll", "epoll_wait", "sigwaitinfo", "io_uring", "io_uring_enter"),
    *(
        "asyncio",
        "uvloop",
        "gevent",
        "await",
        "gather",
        "Semaphore",
        "shield",
        "sleep",
        "TaskGroup",
        "time",
        "wait",
        "wait_for",
    ),
    *("RSS", "PSS", "fork", "freeze", "guard", "top", "Python", "SHA", "Timer", "while", "int", "one"),
    *("extra", "text"),  # of Plotly's templates
}

INSTRUCTION = re.compile("[A-Z]+(_[A-Z]+)*")  # of the interpreter: LOAD_GLOBAL


@pytest.fixture(scope="module", params=EXPERIMENTS)
def ran(request) -> Ran:
    return measured(request.param, "quick")


@pytest.fixture(scope="module", params=[language for language in LANGUAGES if language != "en"])
def words(request) -> Words:
    return load(request.param, EXPERIMENTS)


def fits(value: Any, column: Field) -> bool:
    if value is None:
        return column.optional
    if column.choices:
        return value in column.choices
    return isinstance(value, (int, float) if column.type is float else column.type)


def test_it_ends_well(ran):
    assert (ran.messages[-1]["t"], ran.messages[-1]["why"]) == ("end", "done"), ran.messages[-1]


def test_its_rows_fit_their_tables(ran):
    assert any(ran.rows.values())
    for table in ran.experiment.tables:
        for row in ran.rows[table.name]:
            assert len(row) == len(table.columns)
            for value, column in zip(row, table.columns, strict=True):
                assert fits(value, column), (table.name, column.name, value)


def test_it_draws_while_it_runs(ran):
    """Rows arrive in more than one write, so that a page has something to draw before the end."""
    assert sum(message["t"] == "rows" for message in ran.messages) > 1
    assert any(message["t"] == "progress" for message in ran.messages)


def test_every_figure_has_something_to_show(ran):
    for figure in board_of(ran).figures():
        json.dumps(figure, allow_nan=False)
        assert figure["data"] or figure["layout"].get("cells"), figure["id"]
        assert figure["summary"]
        assert figure["table"]["rows"]


def test_its_verdict_is_a_sentence_with_numbers(ran):
    verdict = judge(ran.experiment, ran.record()).as_json()
    json.dumps(verdict, allow_nan=False)
    assert verdict["answer"]
    assert verdict["headline"].endswith((".", "?", "!"))
    assert "{" not in verdict["headline"]


def test_a_guess_is_held_against_what_was_measured_and_drawn(ran):
    guess, record = ran.experiment.guess, ran.record()
    (given,) = guess_schema(ran.experiment, record.params)["examples"]
    points = ran.experiment.parse_guess(given, record.params)
    rows = guess.rows(points, record)
    json.dumps(rows, allow_nan=False)
    assert [row["key"] for row in rows] == list(points)
    if guess.kind != "choice":  # which a busy machine leaves open
        assert not any(row["measured"]["text"] == "not measured" for row in rows)
    assert board_of(ran).guess(points)


# -- in the language of the reader ------------------------------------------------------------


def test_a_run_reports_its_progress_in_the_readers_language(ran, words):
    told = {message["text"] for message in ran.messages if message["t"] == "progress" and message["text"]}
    assert told
    assert [text for text in told if not words.knows(text)] == []
    assert not any(
        ENGLISH_LEFT.search(spoken({"progress_text": text}, words)["progress_text"]) for text in told
    )


def test_a_verdict_is_translated_whole(ran, words):
    verdict = judge(ran.experiment, ran.record()).as_json()
    parts = [verdict["said"]["headline"], *verdict["said"]["checks"], *verdict["said"]["doubts"]]
    told = [words(verdict["answer"]), *(whole(words.sentence(part)) for part in parts)]
    assert [text for text in told if ENGLISH_LEFT.search(text) or "{" in text] == []
    assert words(verdict["answer"]) != verdict["answer"]


def test_the_numbers_of_a_verdict_have_names_where_runs_are_compared(ran, words):
    verdict = judge(ran.experiment, ran.record()).as_json()
    run = Run(id="a1", experiment=ran.experiment.name, params={}, verdict=verdict)
    lines = compare.numbers([run, run], words)
    left = {word for line in lines for word in re.findall(r"[a-z_]{3,}", line.name)}
    assert left - NAMES == set()


def whole(said: dict[str, Any]) -> str:
    return str(said["template"]).format_map({name: value["text"] for name, value in said["values"].items()})


def test_figures_are_drawn_in_the_readers_language(ran, words):
    left = {
        word
        for figure in figures_of(ran, words)
        for text in read_out(figure)
        for word in re.findall(r"[A-Za-z_]{3,}", text)
        if word not in NAMES and not INSTRUCTION.fullmatch(word)
    }
    assert left == set()


def test_the_search_for_english_in_a_figure_finds_it(ran):
    assert any(re.search("[a-z]{3}", text) for text in read_out(figures_of(ran, ENGLISH)))


def test_another_language_changes_no_id_and_no_number(ran, words):
    english, other = figures_of(ran, ENGLISH), figures_of(ran, words)
    for before, after in zip(english, other, strict=True):
        assert [trace["id"] for trace in after["data"]] == [trace["id"] for trace in before["data"]]
        assert list(numbers(after)) == list(numbers(before))


def figures_of(ran: Ran, words: Words) -> list[dict[str, Any]]:
    return board_of(ran, words).figures()


def board_of(ran: Ran, words: Words = ENGLISH) -> Board:
    board = Board(ran.experiment, words=words)
    for name, rows in ran.rows.items():
        board.add(name, rows)
    board.close()
    return board


def read_out(member: Any, key: str = "") -> Iterator[str]:
    """All texts of a figure that people read."""
    if isinstance(member, dict):
        for name, value in member.items():
            yield from read_out(value, name)
    elif isinstance(member, list):
        for value in member:
            yield from read_out(value, key)
    elif isinstance(member, str) and key in READ and not member.startswith(("$", "end:")):  # ids of labels
        yield member


def numbers(member: Any) -> Iterator[float]:
    if isinstance(member, dict):
        for name, value in member.items():
            if name != "pictures":  # which have a place for every word
                yield from numbers(value)
    elif isinstance(member, list):
        for value in member:
            yield from numbers(value)
    elif isinstance(member, int | float) and not isinstance(member, bool):
        yield member
