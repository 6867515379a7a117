"""What the rows say: an answer, one sentence, the checks it stands on and the doubts that remain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

from experiments.kit.sentences import Sentence, SentenceJson, percent, say

if TYPE_CHECKING:
    from experiments.kit.spec import Experiment, Record

NOISY = 0.10  # of the machine; more foreign CPU than this is a doubt (docs/measuring.md)


@dataclass(frozen=True)
class Check:
    """A claim held against a number. `ok` is None where the machine cannot tell."""

    claim: Sentence
    ok: bool | None


class CheckJson(TypedDict):
    """A `Check` in English."""

    claim: str
    ok: bool | None


class SaidJson(TypedDict):
    """The sentences of a verdict as templates with values, for other languages."""

    headline: SentenceJson
    checks: list[SentenceJson]
    doubts: list[SentenceJson]


class VerdictJson(TypedDict):
    """A `Verdict` as JSON: plain sentences for readers, and the same under "said"."""

    answer: str
    headline: str
    checks: list[CheckJson]
    doubts: list[str]
    said: SaidJson


@dataclass(frozen=True)
class Verdict:
    """`answer` is one or a few words; "unclear" is an honest one and always allowed."""

    answer: str
    headline: Sentence
    checks: tuple[Check, ...] = ()
    doubts: tuple[Sentence, ...] = ()

    def as_json(self) -> VerdictJson:
        return {
            "answer": self.answer,
            "headline": str(self.headline),
            "checks": [{"claim": str(c.claim), "ok": c.ok} for c in self.checks],
            "doubts": [str(d) for d in self.doubts],
            "said": {
                "headline": self.headline.as_json(),
                "checks": [c.claim.as_json() for c in self.checks],
                "doubts": [d.as_json() for d in self.doubts],
            },
        }


def judge(experiment: Experiment, record: Record) -> Verdict:
    """The experiment's own verdict, with what the conditions of the run add to its doubts."""
    if not record:
        return Verdict("unclear", say("Nothing was measured."))
    verdict = experiment.verdict(record)
    return replace(verdict, doubts=verdict.doubts + doubts_of(record.conditions))


def doubts_of(conditions: dict[str, float]) -> tuple[Sentence, ...]:
    doubts = []
    if (foreign := conditions.get("foreign_cpu") or 0) > NOISY:
        doubts.append(
            say("Other programs used {foreign} of this machine meanwhile.", foreign=percent(foreign))
        )
    if (steal := conditions.get("steal") or 0) > NOISY:
        doubts.append(say("The host took {share} of this virtual machine away.", share=percent(steal)))
    return tuple(doubts)
