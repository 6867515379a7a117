"""A run as it is told in one language: its figures, and the topic on which its viewers follow.

The English edition lives as long as the run is in memory. Another one is made when somebody looks in its
language, from the rows that are stored by then, and fed from there on: who never comes costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.figures import Board
from app.ground.payloads import FigureOp, Op
from app.live.topics import Topic
from app.text.languages import Words

SPOKEN = ("progress_text", "why")  # of a run: what it says to people while it goes on
ROWS_AT_ONCE = 500  # drawn before others get their turn on the event loop
LOOK_AGAIN_S = 0.02  # rows are drawn first and stored a moment later

Rows = Sequence[Sequence[Any]]
Ops = list[FigureOp]
Stored = Callable[[], Awaitable[Mapping[str, Rows]]]


@dataclass
class Edition:
    """What was published on the topic is in the board already, so a snapshot of it is complete."""

    words: Words
    board: Board
    topic: Topic

    def publish(self, op: Op) -> None:
        told = {**op, "v": spoken(op["v"], self.words)} if op["o"] == "run" else op
        self.topic.publish(told)

    def publish_all(self, ops: Ops) -> None:
        for op in ops:
            self.topic.publish(op)


def spoken(run: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """Members of a run, with what it says in the reader's language."""
    return {name: words(value) if name in SPOKEN and value else value for name, value in run.items()}


@dataclass
class Draft:
    """A board that catches up with a run while more rows arrive."""

    board: Board
    drawn: dict[str, int]  # rows of each table that the other editions had when it was begun
    later: list[tuple[str, int, Rows]] = field(default_factory=list)  # table, rows before these, these

    def heard(self, table: str, before: int, rows: Rows) -> None:
        self.later.append((table, before, rows))

    async def catch_up(self, stored: Stored, ended: Callable[[], bool]) -> None:
        """Draw what is stored, then what arrived meanwhile; when this returns, nothing is left out."""
        tables = await stored()
        while not ended() and any(len(tables.get(name, ())) < n for name, n in self.drawn.items()):
            await asyncio.sleep(LOOK_AGAIN_S)
            tables = await stored()
        for name, rows in tables.items():
            for start in range(0, len(rows), ROWS_AT_ONCE):
                self.board.add(name, rows[start : start + ROWS_AT_ONCE])
                await asyncio.sleep(0)
        known = {name: len(rows) for name, rows in tables.items()}
        for name, before, rows in self.later:
            self.board.add(name, rows[max(0, known.get(name, 0) - before) :])
