import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import NamedTuple

from experiments.kit import Check, Count, Machine, Record, Verdict, asserted, say, times
from experiments.kit.verdict import judge


class Row(NamedTuple):
    """A row."""

    n: Count


def asked(verdict: Verdict) -> SimpleNamespace:
    return SimpleNamespace(verdict=lambda record: verdict)


def record(rows: Iterator[Row] = (), **conditions: float | None) -> Record:
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
        "Other programs used 25\u00a0% of the run's cores meanwhile.",
        "The host took 12\u00a0% of the run's cores away.",
    ]


def test_a_quota_that_was_used_up_is_a_doubt():
    verdict = judge(asked(YES), record([Row(1)], foreign_cpu=0.03, throttled=0.8))
    assert [str(doubt) for doubt in verdict.doubts] == [
        "The CPU quota of the run's control group was used up in 80\u00a0% of its periods."
    ]


def test_conditions_that_nobody_could_measure_are_said_once():
    nothing = dict.fromkeys(("foreign_cpu", "steal", "run_delay", "own_cpu", "throttled"))
    verdict = judge(asked(YES), record([Row(1)], **nothing))
    assert list(map(str, verdict.doubts)) == ["This system does not tell what other programs used meanwhile."]


def test_what_the_headline_says_is_no_doubt_again():
    told = say(
        "But it waited. Other programs used {foreign} of the run's cores meanwhile.", foreign="25\u00a0%"
    )
    verdict = judge(asked(Verdict("unclear", told)), record([Row(1)], foreign_cpu=0.25))
    assert verdict.doubts == ()


def test_a_claim_that_is_open_does_not_say_that_it_is_so():
    claim = say("They did not lack a core: {waited}.", waited="42 %")
    assert [str(asserted(claim, ok).claim) for ok in (True, False, None)] == [
        "They did not lack a core: 42 %.",
        "They did not lack a core: 42 %.",
        "Perhaps not: They did not lack a core: 42 %.",
    ]


def test_a_verdict_travels_as_sentences_and_as_templates():
    said = json.loads(json.dumps(YES.as_json()))
    assert said["checks"] == [{"claim": "It was 2.00×.", "ok": True}]
    assert said["said"]["checks"][0]["template"] == "It was {x}."
    assert (said["answer"], said["headline"], said["doubts"]) == ("yes", "It did.", [])
