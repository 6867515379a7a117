"""What holds for every experiment without measuring: it says what it is, and keeps its time."""

import pytest

from experiments.kit import Machine, Record
from experiments.kit.spec import load, names
from experiments.kit.verdict import judge


@pytest.fixture(scope="module", params=names())
def experiment(request):
    return load(request.param)


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
