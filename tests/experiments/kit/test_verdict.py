import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import NamedTuple

from experiments.kit import Check, Count, Machine, Record, Verdict, say, times
from experiments.kit.verdict import judge


class Row(NamedTuple):
    """A row."""

    n: Count


def asked(verdict: Verdict) -> SimpleNamespace:
    return SimpleNamespace(verdict=lambda record: verdict)


def record(rows: Iterator[Row] = (), **conditions: float) -> Record:
    return Record(Machine.here(), {}, rows, conditions)


YES = Verdict("yes", say("It did."), (Check(say("It was {x}.", x=times(2)), True),))


def test_nothing_measured_is_unclear():
    verdict = judge(asked(YES), record())
    assert (verdict.answer, str(verdict.headline)) == ("unclear", "Nothing was measured.")


def test_a_quiet_machine_raises_no_doubts():
    assert judge(asked(YES), record([Row(1)], foreign_cpu=0.1, steal=0.0)) == YES


def test_a_busy_machine_and_a_greedy_host_are_doubts():
    verdict = judge(asked(YES), record([Row(1)], foreign_cpu=0.25, steal=0.12))
    assert [str(doubt) for doubt in verdict.doubts] == [
        "Other programs used 25\u00a0% of this machine meanwhile.",
        "The host took 12\u00a0% of this virtual machine away.",
    ]


def test_conditions_that_nobody_could_measure_raise_no_doubts():
    assert judge(asked(YES), record([Row(1)], foreign_cpu=None)).doubts == ()


def test_a_verdict_travels_as_sentences_and_as_templates():
    said = json.loads(json.dumps(YES.as_json()))
    assert said["checks"] == [{"claim": "It was 2.00×.", "ok": True}]
    assert said["said"]["checks"][0]["template"] == "It was {x}."
    assert (said["answer"], said["headline"], said["doubts"]) == ("yes", "It did.", [])
