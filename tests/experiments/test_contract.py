"""What holds for every experiment: it runs small, its rows fit its tables, its figures draw, it judges."""

import json
from typing import Any

import pytest

from app.api import guess_schema
from app.figures import Board
from experiments.kit import Machine, Record
from experiments.kit.spec import Field, load, names
from experiments.kit.verdict import judge
from tests.experiments.measured import Ran, quick, together

EXPERIMENTS = names()


@pytest.fixture(scope="module", params=EXPERIMENTS)
def experiment(request):
    return load(request.param)


@pytest.fixture(scope="module")
def ran(experiment) -> Ran:
    return quick(experiment.name)


pytestmark = together


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
    board = Board(ran.experiment)
    for name, rows in ran.rows.items():
        board.add(name, rows)
    board.close()
    for figure in board.figures():
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
    board = Board(ran.experiment)
    for name, measured in ran.rows.items():
        board.add(name, measured)
    assert board.guess(points)


def test_a_record_without_rows_is_unclear(experiment):
    assert judge(experiment, Record(Machine.here(), experiment.parse({}), [])).answer == "unclear"


def test_it_says_what_it_is(experiment):
    assert experiment.title
    assert len(experiment.article) > 400
    assert {"quick", "careful"} <= set(experiment.presets)
    assert all(param.help for param in experiment.params)
    assert all(table.caption for table in experiment.tables)
    assert all(chart.title for chart in experiment.charts)


def test_its_presets_keep_their_time(experiment):
    assert experiment.cost(experiment.parse({}, "quick")) <= 3
    assert experiment.cost(experiment.parse({})) <= 10
