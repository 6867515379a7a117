"""Runs: what is known of one execution of an experiment, and where it stands."""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


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
    conditions: dict[str, float] = field(default_factory=dict)
    verdict: dict[str, Any] | None = None
    progress: float = 0.0
    progress_text: str = ""
    created_at: float = field(default_factory=time.time)
    started_at: float | None = None
    ended_at: float | None = None
    host: str = ""
    pinned: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    guess: dict[str, Any] | None = None  # {"points", "given_at", "rows"?}: see kit.guess
    name: str = ""  # given by people, as is the note
    note: str = ""
    origin: dict[str, Any] | None = None  # of an imported run: {"id", "host", "oscope", "file"?}
    search: str = ""  # what the history looks through, beside name and note, in every language
    thumb: str = ""  # the shape of its result for the catalogue: what stands inside a small <svg>

    @property
    def points(self) -> dict[str, float | str] | None:
        """What somebody guessed, if anybody did."""
        return self.guess["points"] if self.guess else None

    def as_json(self) -> dict[str, Any]:
        told = asdict(self)
        del told["search"], told["thumb"]
        return told


def new_id() -> str:
    """Ten hexadecimal digits that nobody guesses."""
    return secrets.token_hex(5)
