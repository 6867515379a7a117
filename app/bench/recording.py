"""Carries one run out: draws and stores what its child says, and judges it at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

from app.bench.editions import ROWS_AT_ONCE
from app.bench.live_run import Live
from app.bench.verdicts import compare, verdict_on
from app.ground.payloads import End, Failed, Message, RowsMessage
from app.runs.run import State
from app.storage.store import Store

log = logging.getLogger(__name__)


async def carry_out(live: Live, store: Store, messages: AsyncIterator[Message]) -> dict[str, Any]:
    """Follow the child to its end, and judge; what changes in the run."""
    reader = Reader(live)
    async with aclosing(cast(AsyncGenerator[Message, None], messages)):
        async for message in messages:
            if message["t"] == "rows":
                await take_rows(live, store, message)
            else:
                reader.take(message)
    outcome = reader.outcome()
    if outcome["state"] is State.DONE:
        live.run = replace(live.run, machine=outcome["machine"], conditions=outcome["conditions"])
        outcome["verdict"] = (await verdict_on(live, store)).as_json()
        while live.run.guess and live.run.guess["rows"] is None:  # it may come while we judge
            await compare(live, store)
    return outcome


async def take_rows(live: Live, store: Store, message: RowsMessage) -> None:
    """Drawn first, stored second."""
    table = live.experiment.table(message["table"])
    rows = message["rows"]
    for start in range(0, len(rows), ROWS_AT_ONCE):
        live.draw(table.name, rows[start : start + ROWS_AT_ONCE])
        if start + ROWS_AT_ONCE < len(rows):
            await asyncio.sleep(0)
    store.append(live.run.id, table.name, [column.name for column in table.columns], rows)


class Reader:
    """Takes what the child says beside its rows, and knows at the end what became of the run."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.failed: Failed | None = None
        self.end: End | None = None

    def take(self, message: Message) -> None:
        if message["t"] == "hello":
            self.live.change(machine=message["machine"])
        elif message["t"] == "progress":
            self.live.change(progress=message["done"], progress_text=message["text"])
        elif message["t"] == "failed":
            self.failed = message
            log.info("run %s failed\n%s", self.live.run.id, message.get("traceback", ""))
        elif message["t"] == "end":
            self.end = message

    def outcome(self) -> dict[str, Any]:
        """What changes in the run: its state and why, its conditions, the machine at the end."""
        end = self.end
        known = {
            "conditions": (end and end.get("conditions")) or {},
            "machine": (end and end.get("machine")) or self.live.run.machine,
        }
        if end and end["why"] == "done" and not self.failed:
            return known | {"state": State.DONE, "progress": 1.0}
        if self.live.stopped:
            return known | {"state": State.STOPPED, "why": self.live.stopped}
        said = (end and end.get("sentence")) or (self.failed and self.failed["why"])
        return known | {
            "state": State.FAILED,
            "why": str(said or "the run ended without a word"),
            "last_words": end.get("last_words", "") if end else "",
        }
