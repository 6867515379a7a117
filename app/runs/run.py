"""Runs: what is known of one execution of an experiment, and where it stands."""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from app.ground.payloads import GuessJson
from experiments.kit.sentences import SentenceJson
from experiments.kit.verdict import VerdictJson


class State(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def ended(self) -> bool:
        return self not in (State.QUEUED, State.RUNNING)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One execution of an experiment. Times are Unix seconds; `rows` counts the rows of each table."""

    id: str
    experiment: str
    params: dict[str, Any]
    preset: str | None = None
    python: str = ""
    state: State = State.QUEUED
    why: str = ""
    last_words: str = ""
    machine: dict[str, Any] | None = None
    conditions: dict[str, float | None] = field(default_factory=dict)
    verdict: VerdictJson | None = None
    progress: float = 0.0
    progress_text: str = ""
    created_at: float = field(default_factory=time.time)
    started_at: float | None = None
    ended_at: float | None = None
    host: str = ""
    pinned: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    guess: GuessJson | None = None
    name: str = ""  # given by people, as is the note
    note: str = ""
    origin: dict[str, Any] | None = None  # of an imported run: {"id", "host", "oscope", "file"?}
    search: str = ""  # what the history looks through, beside name and note, in every language
    thumb: str = ""  # the shape of its result for the catalogue: what stands inside a small <svg>
    length_s: float | None = None  # from start to end, by a clock that nobody sets; None where unknown

    @property
    def took_s(self) -> float | None:
        """How long it was measured; None where nobody knows. Older runs have their two moments only, and
        these are no length where the wall clock was set between them."""
        if self.length_s is not None or self.started_at is None or self.ended_at is None:
            return self.length_s
        return self.ended_at - self.started_at if self.ended_at >= self.started_at else None

    @property
    def guessed_late(self) -> bool:
        """Whether the guess was given when the run had ended. Older guesses have a moment only."""
        if not self.guess or not self.ended_at:
            return False
        return bool(self.guess.get("late", self.guess["given_at"] > self.ended_at))

    @property
    def points(self) -> dict[str, float | str] | None:
        """What somebody guessed, if anybody did."""
        return self.guess["points"] if self.guess else None

    @property
    def compared(self) -> list[dict[str, Any]]:
        """What became of the guess, point by point (`kit.guess.Row`); empty where nothing was compared."""
        return (self.guess["rows"] if self.guess else None) or []

    @property
    def headline(self) -> SentenceJson | str:
        """What the verdict says; "" without one. A record from elsewhere may know only the English text."""
        if not self.verdict:
            return ""
        said = self.verdict.get("said")
        return said["headline"] if said else self.verdict["headline"]

    @property
    def checks(self) -> list[tuple[SentenceJson | str, bool | None]]:
        """What the verdict stands on, each with whether it held."""
        if not self.verdict:
            return []
        said, checks = self.verdict.get("said"), self.verdict["checks"]
        claims: list[Any] = said["checks"] if said else [check["claim"] for check in checks]
        return [(claim, check["ok"]) for claim, check in zip(claims, checks, strict=True)]

    @property
    def doubts(self) -> list[SentenceJson] | list[str]:
        if not self.verdict:
            return []
        said = self.verdict.get("said")
        return said["doubts"] if said else self.verdict["doubts"]

    def as_json(self) -> dict[str, Any]:
        told = asdict(self)
        del told["search"], told["thumb"]
        return told


def new_id() -> str:
    """Ten hexadecimal digits that nobody guesses."""
    return secrets.token_hex(5)
