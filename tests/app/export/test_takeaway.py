"""What a run's page offers to take away is just what can be made of the run."""

import random

import pytest

from app.export import downloads, takeaway
from app.export.downloads import FORMS
from app.runs.run import Run, State
from experiments.kit.charts import STATES
from experiments.kit.spec import Experiment, Table, load_all

EXPERIMENTS = load_all()


def rows_of(table: Table, lanes: dict[str, str]) -> list[list[object]]:
    """Three rows with something in every column; `lanes` names those of a span."""
    dice = random.Random(7)

    def cell(column, n):
        if column.name == lanes.get("start"):
            return n / 10
        if column.name == lanes.get("end"):
            return n / 10 + 0.05
        if column.name == lanes.get("state"):
            return next(iter(STATES))
        if column.choices:
            return column.choices[n % len(column.choices)]
        return {int: n, float: dice.random(), bool: True}.get(column.type, f"word {n}")

    return [[cell(column, n) for column in table.columns] for n in range(3)]


def run_of(experiment: Experiment) -> tuple[Run, dict[str, list[list[object]]]]:
    """A run with rows in every table."""
    named = {
        chart.row: {name: getattr(chart, name) for name in ("start", "end", "state")}
        for chart in experiment.charts
        if hasattr(chart, "start")
    }
    tables = {table.name: rows_of(table, named.get(table.row, {})) for table in experiment.tables}
    counts = {name: len(rows) for name, rows in tables.items()}
    run = Run(
        id="0123456789",
        experiment=experiment.name,
        params=experiment.parse({}),
        state=State.DONE,
        rows=counts,
    )
    return run, tables


def offered(experiment: Experiment, run: Run) -> set[str]:
    links = [item["href"] for group in takeaway.offers(experiment, run) for item in group["items"]]
    return {link.rpartition("/")[2] for link in links if "/export/" in link}


def made(experiment: Experiment, run: Run, tables: dict[str, list[list[object]]]) -> set[str]:
    forms = set()
    for form in FORMS:
        try:
            downloads.make(form, downloads.whole(form, experiment, run, tables))
            forms.add(form)
        except LookupError:
            pass
    return forms


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_what_can_be_made_of_a_run_is_offered_on_its_page_and_nothing_else(experiment):
    run, tables = run_of(experiment)
    assert offered(experiment, run) == made(experiment, run, tables)
