"""The tables of the file, how they came to be, and how runs and rows lie in them."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from pydantic_core import from_json, to_json

from app.runs.run import Run, State
from app.storage.connections import transaction
from app.storage.errors import StorageForeign, StorageTooNew
from app.text.folding import fold

CHUNK = 500  # rows; larger ones pack hardly better and make a small read slow

Rows = list[list[Any]]
Chunk = tuple[int, bytes]  # the number of rows, and these as `pack` makes them

TABLES = {"runs", "columns", "chunks", "facts"}

FIELDS = tuple(f.name for f in fields(Run))
AS_JSON = frozenset({"params", "machine", "conditions", "verdict", "rows", "guess", "origin"})

# Each step brings the file from version i to i + 1. A step that has been released never changes.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """create table runs(
            n integer primary key autoincrement, id text not null unique, experiment text not null,
            params text not null, preset text, python text not null, state text not null,
            why text not null, last_words text not null, machine text not null,
            conditions text not null, verdict text not null, progress real not null,
            progress_text text not null, created_at real not null, started_at real, ended_at real,
            host text not null, pinned integer not null, rows text not null)""",
        "create index runs_by_experiment on runs(experiment, n)",
        "create index runs_by_state on runs(state, n)",
        """create table columns(
            run integer not null references runs(n) on delete cascade, name text not null,
            columns text not null, primary key(run, name)) without rowid""",
        """create table chunks(
            id integer primary key, run integer not null references runs(n) on delete cascade,
            name text not null, count integer not null, data blob not null)""",
        "create index chunks_by_run on chunks(run, name, id)",
        "create table facts(name text primary key, value text not null) without rowid",
    ),
    (
        "alter table runs add column guess text not null default 'null'",
        "alter table runs add column name text not null default ''",
        "alter table runs add column note text not null default ''",
        "alter table runs add column origin text not null default 'null'",
        "alter table runs add column search text not null default ''",
    ),
    (
        "update runs set search = said_in(experiment, verdict) where state not in ('queued', 'running')",
        # All that a search reads, without the machines and verdicts that lie between.
        "create index runs_to_search on runs(n, experiment, state, pinned, name, note, search)",
    ),
    ("alter table runs add column thumb text not null default ''",),
    ("alter table runs add column length_s real",),
)


def migrate(connection: sqlite3.Connection, steps: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Bring the file to the newest version, each step whole or not at all."""
    connection.create_function("said_in", 2, said_in, deterministic=True)
    version = check_ours(connection, steps)
    for number, step in enumerate(steps[version:], version + 1):
        with transaction(connection):
            for statement in (*step, f"pragma user_version = {number}"):
                connection.execute(statement)


def check_ours(connection: sqlite3.Connection, steps: Sequence[Sequence[str]] = MIGRATIONS) -> int:
    """The version of the file: 0 for an empty one. StorageFailed where it is none that we can read."""
    version: int = connection.execute("pragma user_version").fetchone()[0]
    named = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
    if (version == 0 and named) or (version > 0 and not named >= TABLES):
        raise StorageForeign(
            "the file oscope.sqlite3 in this folder was written by another program: "
            "move it away, or choose another folder with --data"
        )
    if version > len(steps):
        raise StorageTooNew(
            f"this history was written by a newer oscope (its version is {version}, this oscope knows "
            f"{len(steps)}): update oscope, or choose another folder with --data"
        )
    return version


def said_in(experiment: str, verdict: str) -> str:
    """What there is to look through in a run of an oscope that kept no text for it."""
    told = from_json(verdict) or {}
    return fold("\n".join([experiment, str(told.get("answer", "")), str(told.get("headline", ""))]))


# -- a run as a row of the table `runs` -------------------------------------------------------


def encode(run: Run) -> tuple[Any, ...]:
    """The values of FIELDS; TypeError for what a file cannot hold."""
    row = {name: as_text(v) if name in AS_JSON else v for name, v in vars(run).items()}
    for name, value in row.items():
        if not isinstance(value, str | float | int | None):
            raise TypeError(f"run {run.id}: {name} cannot be stored: {value!r}")
    return tuple(row.values())


def decode(row: Sequence[Any]) -> Run:
    values = dict(zip(FIELDS, row, strict=True))
    values |= {name: from_json(values[name]) for name in AS_JSON}
    return Run(**values | {"state": State(values["state"]), "pinned": bool(values["pinned"])})


def as_text(value: Any) -> str:
    return to_json(value, inf_nan_mode="null").decode()


# -- measured rows as rows of the table `chunks` ----------------------------------------------


def chunked(rows: Rows) -> list[Chunk]:
    parts = (rows[at : at + CHUNK] for at in range(0, len(rows), CHUNK))
    return [(len(part), pack(part)) for part in parts]


def pack(rows: Rows) -> bytes:
    """Rows as compressed columns; NaN and infinity become null, as they do on the wire."""
    columns = list(zip(*rows, strict=True))
    return zlib.compress(to_json(columns, inf_nan_mode="null"), level=1)


def unpack(chunk: bytes) -> Rows:
    return [list(row) for row in zip(*from_json(zlib.decompress(chunk)), strict=True)]
