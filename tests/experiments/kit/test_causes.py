"""Which cause of a missing core may be named: one that was measured, and else none."""

from typing import NamedTuple

import pytest

from experiments.kit import Machine, Record, say
from experiments.kit.causes import crowded, doubts_of, why_no_core


class Row(NamedTuple):
    n: int


def record(cores: int = 2, quota: float | None = None, **conditions: float | None) -> Record:
    machine = Machine(**(Machine.here().as_json() | {"cores": cores, "quota_cores": quota}))
    return Record(machine, {}, [Row(1)], conditions)


def told(seen: Record, *given: object, **more: str) -> str:
    because = why_no_core(seen, *given, **more)
    return str(say(because.text, **because.values))


QUOTA = "The CPU quota of the run's control group was used up in 80\u00a0% of its periods."
OTHERS = "Other programs used 52\u00a0% of the run's cores meanwhile."
HOST = "The host took 30\u00a0% of the run's cores away."
NOTHING = "Nothing seen here tells why."
UNTOLD = "This system does not tell what other programs used meanwhile."


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        ({"foreign_cpu": 0.03, "throttled": 0.8}, QUOTA),
        ({"foreign_cpu": 0.52, "throttled": 0.0}, OTHERS),
        ({"foreign_cpu": 0.52, "throttled": 0.8}, f"{QUOTA} {OTHERS}"),
        ({"foreign_cpu": 0.03, "steal": 0.3}, HOST),
        ({"foreign_cpu": 0.03, "steal": 0.0, "throttled": 0.0}, NOTHING),
        ({"foreign_cpu": None, "steal": None, "throttled": None}, f"{UNTOLD} {NOTHING}"),
        ({"foreign_cpu": None, "throttled": 0.8}, QUOTA),
        ({}, NOTHING),
    ],
)
def test_the_cause_of_a_missing_core_is_one_that_was_measured(seen, sentence):
    assert told(record(**seen)) == sentence


def test_others_that_used_less_than_half_of_what_was_lacking_are_not_blamed():
    assert told(record(cores=2, foreign_cpu=0.12), 0.9) == NOTHING
    assert "Other programs" in told(record(cores=2, foreign_cpu=0.12), 0.3)
    assert "Other programs" in told(record(cores=8, foreign_cpu=0.12), 0.9)
    assert "Other programs" in told(record(cores=1, foreign_cpu=0.82), 2.4)  # no more than there are


def test_a_quota_whose_periods_nobody_counted_is_told_as_the_fact_that_it_is():
    assert told(record(cores=2, quota=0.5, throttled=None)) == "The run's control group allows it 0.5 cores."
    assert told(record(cores=2, quota=4.0, throttled=None)) == NOTHING
    assert told(record(cores=2, quota=0.5, throttled=0.0)) == NOTHING


def test_what_the_run_itself_had_on_its_core_comes_first():
    ours = "There is one core only."
    assert told(record(cores=1, foreign_cpu=0.02), ours=ours) == ours
    assert told(record(cores=1, foreign_cpu=0.52), ours=ours) == f"{ours} {OTHERS}"


def test_doubts_tell_the_same_and_once_that_nobody_can_tell():
    assert list(map(str, doubts_of(record(foreign_cpu=0.52, throttled=0.8)))) == [QUOTA, OTHERS]
    assert list(map(str, doubts_of(record(foreign_cpu=None, steal=None)))) == [UNTOLD]
    assert list(doubts_of(record(foreign_cpu=0.02, throttled=0.0))) == []


def test_a_run_is_crowded_by_whatever_took_its_cores():
    assert crowded(record(foreign_cpu=0.52))
    assert crowded(record(throttled=0.8))
    assert not crowded(record(foreign_cpu=0.02, steal=0.0, throttled=0.0))
