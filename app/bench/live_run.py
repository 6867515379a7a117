"""A run in memory, with its figures as they are now, and the topics on which its viewers follow."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from app.bench.editions import Draft, Edition, Ops, spoken
from app.figures import Board, telling
from app.ground.payloads import Op
from app.live.topics import Topic
from app.runs.run import Run, State
from app.storage.schema import Rows
from app.svg.thumbnail import thumbnail
from app.text.languages import ENGLISH
from experiments.kit.spec import GUESSED_COST_S, Experiment

log = logging.getLogger(__name__)

STARTING_S = 0.2  # what a run costs beside its measurement: a fresh interpreter, the verdict


@dataclass
class Live:
    """Change it by its methods: they tell its viewers, in every language."""

    run: Run
    experiment: Experiment
    board: Board
    topic: Topic
    stopped: str = ""  # why it is being stopped; empty while nobody asked
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    began: float | None = None  # by the monotonic clock; None while it waits
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    others: dict[str, Edition] = field(default_factory=dict)  # by language; English is `board` and `topic`
    drafts: list[Draft] = field(default_factory=list)  # of editions that are being made
    making: asyncio.Lock = field(default_factory=asyncio.Lock)

    def snapshot(self, language: str = "en") -> dict[str, Any]:
        edition = self.in_language(language)
        return {"run": spoken(self.run.as_json(), edition.words), "figures": edition.board.figures()}

    def in_language(self, language: str) -> Edition:
        """The edition in this language; the English one where nobody has asked for it (`Views.told`)."""
        return self.others.get(language) or Edition(ENGLISH, self.board, self.topic)

    def editions(self) -> list[Edition]:
        return [self.in_language("en"), *self.others.values()]

    # What changes

    def publish(self, op: Op) -> None:
        """Tell the viewers in every language."""
        self.topic.publish(op)
        for edition in self.others.values():
            edition.publish(op)

    def change(self, **changes: Any) -> None:
        """Something small: stored by who calls, or at the run's end."""
        self.run = replace(self.run, **changes)
        self.publish({"o": "run", "v": changes})

    def redraw(self, change: Callable[[Board], Ops]) -> None:
        """Change the figures of every language, and tell their viewers."""
        for edition in self.editions():
            edition.publish_all(change(edition.board))

    def draw(self, table: str, rows: Rows) -> None:
        before = self.run.rows.get(table, 0)
        self.redraw(lambda board: board.add(table, rows))
        for draft in self.drafts:
            draft.heard(table, before, rows)
        self.change(rows=self.run.rows | {table: before + len(rows)})

    def finish(self) -> None:
        """The last words of the figures. One that cannot be finished stays as it is."""
        try:
            self.redraw(Board.close)
        except Exception:
            log.exception("the figures of run %s could not be finished", self.run.id)

    def stop(self, why: str) -> None:
        """Ask for the end of it; the first reason counts."""
        self.stopped = self.stopped or why
        self.stopping.set()

    # What is told of it

    @property
    def cost_s(self) -> float:
        """About how long it takes in all."""
        return (self.experiment.cost(self.run.params) or GUESSED_COST_S) + STARTING_S

    @property
    def elapsed_s(self) -> float | None:
        """Since it began; None while it waits."""
        return None if self.began is None else time.monotonic() - self.began

    def remaining_s(self) -> float:
        """About how long it still takes."""
        return max(self.cost_s - (self.elapsed_s or 0.0), 0.0)

    def summary(self) -> dict[str, Any]:
        """The run as the queue shows it."""
        return {
            "id": self.run.id,
            "experiment": self.run.experiment,
            "title": self.experiment.title,
            "state": self.run.state,
            "started_at": self.run.started_at,
            "elapsed_s": self.elapsed_s,
            "cost_s": self.cost_s,
        }

    def thumb(self) -> str:
        """The shape of what was measured; empty where it cannot be drawn, or is no result."""
        if self.run.state is not State.DONE:
            return ""
        try:
            return thumbnail(self.board.figures(), telling(self.experiment))
        except Exception:
            log.exception("the thumbnail of run %s could not be drawn", self.run.id)
            return ""
