"""What holds for every experiment: it runs small, its rows fit its tables, its figures draw, it judges."""

import dataclasses
import json
from typing import Any

import pytest
import pytest_asyncio

from app.api import guess_schema
from app.figures import Board
from app.interpreters import default
from app.runner import run_child
from experiments.kit import Machine, Record
from experiments.kit.spec import Experiment, Field, load, names
from experiments.kit.verdict import judge

EXPERIMENTS = names()


@pytest.fixture(scope="module", params=EXPERIMENTS)
def experiment(request):
    return load(request.param)


@dataclasses.dataclass
class Ran:
    experiment: Experiment
    rows: dict[str, list[list[Any]]]
    messages: list[dict[str, Any]]

    def record(self) -> Record:
        types = {table.name: table.row for table in self.experiment.tables}
        rows = [types[name](*row) for name, rows in self.rows.items() for row in rows]
        machine = Machine(**self.messages[-1]["machine"])
        return Record(machine, self.experiment.parse({}, "quick"), rows, self.messages[-1]["conditions"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ran(experiment) -> Ran:
    params = experiment.parse({}, "quick")
    rows: dict[str, list[list[Any]]] = {table.name: [] for table in experiment.tables}
    messages = []
    async for message in run_child(
        experiment.name, params, python=default(), deadline_s=experiment.deadline(params), memory_b=2 << 30
    ):
        messages.append(message)
        if message["t"] == "rows":
            rows[message["table"]] += message["rows"]
    return Ran(experiment, rows, messages)


pytestmark = pytest.mark.asyncio(loop_scope="module")


def fits(value: Any, column: Field) -> bool:
    if value is None:
        return column.optional
    if column.choices:
        return value in column.choices
    return isinstance(value, (int, float) if column.type is float else column.type)


async def test_it_ends_well(ran):
    assert (ran.messages[-1]["t"], ran.messages[-1]["why"]) == ("end", "done"), ran.messages[-1]


async def test_its_rows_fit_their_tables(ran):
    assert any(ran.rows.values())
    for table in ran.experiment.tables:
        for row in ran.rows[table.name]:
            assert len(row) == len(table.columns)
            for value, column in zip(row, table.columns, strict=True):
                assert fits(value, column), (table.name, column.name, value)


async def test_it_draws_while_it_runs(ran):
    """Rows arrive in more than one write, so that a page has something to draw before the end."""
    assert sum(message["t"] == "rows" for message in ran.messages) > 1
    assert any(message["t"] == "progress" for message in ran.messages)


async def test_every_figure_has_something_to_show(ran):
    board = Board(ran.experiment)
    for name, rows in ran.rows.items():
        board.add(name, rows)
    board.close()
    for figure in board.figures():
        json.dumps(figure, allow_nan=False)
        assert figure["data"] or figure["layout"].get("cells"), figure["id"]
        assert figure["summary"]
        assert figure["table"]["rows"]


async def test_its_verdict_is_a_sentence_with_numbers(ran):
    verdict = judge(ran.experiment, ran.record()).as_json()
    json.dumps(verdict, allow_nan=False)
    assert verdict["answer"]
    assert verdict["headline"].endswith((".", "?", "!"))
    assert "{" not in verdict["headline"]


async def test_a_guess_is_held_against_what_was_measured_and_drawn(ran):
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


async def test_a_record_without_rows_is_unclear(experiment):
    assert judge(experiment, Record(Machine.here(), experiment.parse({}), [])).answer == "unclear"


async def test_it_says_what_it_is(experiment):
    assert experiment.title
    assert len(experiment.article) > 400
    assert {"quick", "careful"} <= set(experiment.presets)
    assert all(param.help for param in experiment.params)
    assert all(table.caption for table in experiment.tables)
    assert all(chart.title for chart in experiment.charts)


async def test_its_presets_keep_their_time(experiment):
    assert experiment.cost(experiment.parse({}, "quick")) <= 3
    assert experiment.cost(experiment.parse({})) <= 10
