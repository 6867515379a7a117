"""What the stored rows of a run say: its verdict, and how far its guess was off."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from app.bench.live_run import Live
from app.storage.errors import StorageFailed
from app.storage.records import record_of, tables_of
from app.storage.store import Store
from experiments.kit import say
from experiments.kit.spec import Record
from experiments.kit.verdict import Verdict, judge

log = logging.getLogger(__name__)

VERDICT_S = 30.0  # a verdict that takes longer is given up


async def verdict_on(live: Live, store: Store) -> Verdict:
    """A verdict that breaks costs its answer, not the measurement. StorageFailed where rows are lost."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(judged, live, store), VERDICT_S)
    except StorageFailed:
        raise
    except TimeoutError:
        why = f"it took more than {VERDICT_S:.0f} s"
    except Exception as error:
        log.exception("the verdict of %s failed on run %s", live.run.experiment, live.run.id)
        why = f"{type(error).__name__}: {error}"
    return Verdict("unclear", say("The rows are here, but the verdict on them broke: {why}.", why=why))


async def compare(live: Live, store: Store) -> None:
    """Hold the guess against the rows. Where that breaks there is nothing to compare."""
    if live.run.guess is None:
        return
    try:
        rows = await asyncio.wait_for(asyncio.to_thread(compared, live, store), VERDICT_S)
    except StorageFailed:
        raise
    except Exception:
        log.exception("the guess of run %s could not be compared", live.run.id)
        rows = []
    live.change(guess={**live.run.guess, "rows": rows})


# In a thread: these read the disk


def judged(live: Live, store: Store) -> Verdict:
    store.check_rows(live.run.id)
    return judge(live.experiment, read_record(live, store))


def compared(live: Live, store: Store) -> list[dict[str, Any]]:
    asked, points = live.experiment.guess, live.run.points
    if asked is None or not points:
        return []
    record = read_record(live, store)
    return asked.rows(points, record) if record else []


def read_record(live: Live, store: Store) -> Record:
    return record_of(live.experiment, live.run, tables_of(store, live.experiment, live.run.id))
