"""What is stored of a run, as its experiment reads it today."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from app.runs.run import Run
from app.storage.schema import Rows
from app.storage.store import Store
from experiments.kit.kernel.machine import Machine
from experiments.kit.spec import Experiment, Record, Table


def tables_of(store: Store, experiment: Experiment, id: str) -> dict[str, Rows]:
    """The stored rows of a run, in the columns its experiment has today. For a thread: reads the disk."""
    stored = store.columns(id)
    return {
        table.name: fit(table, stored[table.name], store.rows(id, table.name))
        for table in experiment.tables
        if table.name in stored
    }


def fit(table: Table, stored: list[str], rows: Rows) -> Rows:
    """Rows of an older version of the experiment, in today's columns; what was not measured is None."""
    wanted = [column.name for column in table.columns]
    if stored == wanted:
        return rows
    places = [stored.index(name) if name in stored else None for name in wanted]
    return [[None if place is None else row[place] for place in places] for row in rows]


def record_of(experiment: Experiment, run: Run, tables: Mapping[str, Rows]) -> Record:
    """A stored run as a verdict reads it: rows of their own types again."""
    known = Machine.__dataclass_fields__
    machine = Machine(**{k: v for k, v in (run.machine or {}).items() if k in known})
    rows = [row for table in experiment.tables for row in typed(table, tables.get(table.name, []))]
    return Record(machine, run.params, rows, run.conditions)


def typed(table: Table, rows: Rows) -> list[tuple[Any, ...]]:
    """Rows as NamedTuples. JSON knows no NaN: an empty number that may not be empty was one."""
    numbers = {n for n, c in enumerate(table.columns) if c.type is float and not c.optional}
    make: Callable[[list[Any]], tuple[Any, ...]] = table.row._make  # type: ignore[attr-defined]
    return [make(filled(row, numbers) if None in row else row) for row in rows]


def filled(row: list[Any], numbers: Collection[int]) -> list[Any]:
    return [math.nan if value is None and n in numbers else value for n, value in enumerate(row)]
