"""What the rows say: an answer, one sentence, the checks it stands on and the doubts that remain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

from experiments.kit.causes import doubts_of
from experiments.kit.sentences import Sentence, SentenceJson, say

if TYPE_CHECKING:
    from experiments.kit.spec import Experiment, Record


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


def asserted(claim: Sentence, ok: bool | None) -> Check:
    """A check whose sentence says that something is so; where that is open, the sentence says this too."""
    return Check(Sentence(f"Perhaps not: {claim.template}", claim.values) if ok is None else claim, ok)


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
    return replace(verdict, doubts=tuple(said_once(verdict, doubts_of(record))))


def said_once(verdict: Verdict, more: Iterable[Sentence]) -> Iterator[Sentence]:
    """The doubts of a verdict and those of its conditions, without what stands above already."""
    told = str(verdict.headline)
    for doubt in (*verdict.doubts, *more):
        if str(doubt) not in told:
            told = f"{told} {doubt}"
            yield doubt
