"""What nobody could measure is left out wherever a run is shown, and is never a zero."""

import json
from dataclasses import replace
from itertools import product

import pytest

from app.cli import terminal
from app.comparison import compare
from app.export import card, downloads
from app.export.downloads import FormName
from app.runs import conditions
from app.text.languages import ENGLISH, load, speaking
from experiments.kit import Record
from experiments.kit.kernel.machine import Machine
from experiments.kit.spec import load_all
from experiments.kit.verdict import judge
from tests.app.export.test_report import RUN, TABLES
from tests.tiny.root import load as tiny

NAMES = [key for key, *_ in conditions.CONDITIONS]
KNOWN = {"foreign_cpu": 0.31, "run_delay": 0.02, "throttled": 0.4, "steal": 0.01, "own_cpu": 0.003}
NOTHING = dict.fromkeys(NAMES)
FACTS = Machine.here().as_json() | {"memory_b": None, "quota_cores": None, "core_ids": None, "nice": None}


UNKNOWN_RUNS = [
    pytest.param(replace(RUN, conditions=NOTHING, machine=FACTS), id="nothing is known"),
    *(pytest.param(replace(RUN, conditions=KNOWN | {name: None}, machine=FACTS), id=name) for name in NAMES),
]


@pytest.fixture(scope="module")
def counting():
    return tiny()["tiny.counting"]


@pytest.fixture(scope="module")
def languages():
    return ENGLISH, load("zh", load_all())


@pytest.mark.parametrize("run", UNKNOWN_RUNS)
@pytest.mark.parametrize("form", [name for name in FormName if name != FormName.TRACE])
def test_a_run_can_be_taken_away_whatever_is_unknown(counting, languages, run, form):
    for words in languages:
        with speaking(words):
            made = downloads.make(form, downloads.whole(form, counting, run, TABLES, words))
        assert made.content
        if form == FormName.MARKDOWN:
            assert "None" not in made.content.decode()


def test_a_record_says_null_and_not_zero(counting):
    run = replace(RUN, conditions=NOTHING, machine=FACTS)
    made = json.loads(downloads.make("json", downloads.whole("json", counting, run, TABLES, ENGLISH)).content)
    assert made["conditions"] == NOTHING
    assert made["machine"]["memory_b"] is None


@pytest.mark.parametrize("run", UNKNOWN_RUNS)
def test_the_terminal_tells_what_is_known_and_nothing_else(counting, run, capsys):
    terminal.show_outcome(counting, run)
    shown = capsys.readouterr().out
    assert "None" not in shown
    for key, label, _ in conditions.CONDITIONS:
        assert (f"{label} " in shown) is (run.conditions[key] is not None)


@pytest.mark.parametrize("run", UNKNOWN_RUNS)
def test_the_page_and_the_card_leave_out_what_is_unknown(counting, run):
    told = {row["name"] for row in conditions.conditions(run)}
    assert told == {label for key, label, _ in conditions.CONDITIONS if run.conditions[key] is not None}
    assert card.facts(counting, run, command="", python="", link="")


def test_a_comparison_shows_a_dash_for_what_one_of_the_runs_does_not_know(counting):
    runs = [replace(RUN, conditions=KNOWN), replace(RUN, conditions=NOTHING, machine=FACTS)]
    told = {fact.name: fact for fact in compare.facts(counting, runs, ["3.11", "3.11"], ENGLISH)}
    assert told["foreign CPU"].values == ("31\u00a0%", "–")
    assert not told["foreign CPU"].same


def test_a_quota_that_is_not_there_is_not_told():
    assert "throttled" not in conditions.known_shares(KNOWN | {"throttled": 0.0})


@pytest.mark.parametrize(("name", "missing"), list(product(load_all(), [NOTHING, {}])))
def test_every_verdict_takes_conditions_of_which_none_is_known(name, missing):
    experiment = load_all()[name]
    record = Record(Machine.here(), experiment.parse({}), [], missing)
    assert judge(experiment, record).answer == "unclear"
