import math

from app.runs.run import Run, new_id
from app.storage.records import fit, record_of, typed
from experiments.kit.kernel.machine import Machine
from tests.tiny import counting
from tests.tiny.root import load


def test_rows_of_an_older_experiment_fit_todays_columns():
    (table,) = load()["tiny.counting"].tables
    assert fit(table, ["half", "gone", "i"], [[0.5, 9, 1]]) == [[1, 0.5, None]]
    assert fit(table, ["i", "half", "at_s"], [[1, 0.5, 2.0]]) == [[1, 0.5, 2.0]]


def test_an_empty_number_was_not_a_number():
    (table,) = load()["tiny.counting"].tables
    (row,) = typed(table, [[1, 0.5, None]])
    assert isinstance(row, counting.Step)
    assert math.isnan(row.at_s)


def test_a_record_survives_facts_that_this_version_does_not_know():
    machine = Machine.here().as_json() | {"flux": 1.21}
    run = Run(id=new_id(), experiment="tiny.counting", params={"n": 1}, machine=machine)
    record = record_of(load()["tiny.counting"], run, {"step": [[0, 0.0, 0.5]]})
    assert record[counting.Step] == [(0, 0.0, 0.5)]
