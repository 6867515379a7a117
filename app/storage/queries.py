"""Reads the file: connections for many readers at a time, and how a page of the history is asked for."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.runs.run import Run
from app.storage.connections import connect_to_read
from app.storage.errors import explained
from app.storage.place import inode
from app.storage.schema import FIELDS
from app.text.folding import fold

SELECT = f"select {', '.join(FIELDS)} from runs"

# By experiment: an index by state would lead through all runs where an experiment has none.
NEWEST_HERE = f"""with asked(name) as (values {{}})
    {SELECT} where n in (select (
        select n from runs indexed by runs_by_experiment
        where experiment = asked.name and state = 'done' and origin = 'null' order by n desc limit 1
    ) from asked)"""


class Readers:
    """Read-only connections to one file, one for every reader at a time.

    Where another file has come to its place, those that are open have to do.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = inode(path)
        self._idle: list[sqlite3.Connection] = []
        self._returned = threading.Condition()
        self._open = 0
        self._closed = False

    def read(self, sql: str, *values: Any) -> list[Any]:
        try:
            with self._connection() as connection:
                return connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise explained(error, self._path) from error

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = self._take()
        try:
            yield connection
        finally:
            with self._returned:
                self._idle.append(connection)
                self._returned.notify()
            if self._closed:
                self.close()

    def _take(self) -> sqlite3.Connection:
        with self._returned:
            if not self._idle and self._open and inode(self._path) != self._inode:
                self._returned.wait_for(lambda: self._idle)
            if self._idle:
                return self._idle.pop()
            self._open += 1
        try:
            connection = connect_to_read(self._path)
        except BaseException:
            self._open -= 1
            raise
        connection.create_function("has", 5, has, deterministic=True)
        return connection

    def close(self) -> None:
        self._closed = True
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().close()


@dataclass(frozen=True)
class Wish:
    """Which runs somebody wants to see. None is any; each of the words, folded, has to occur."""

    experiment: str | None = None
    state: str | None = None
    pinned: bool | None = None
    words: Sequence[str] = ()

    def suits(self, run: Run) -> bool:
        return (
            self.experiment in (None, run.experiment)
            and self.state in (None, run.state)
            and self.pinned in (None, run.pinned)
            and all(has(word, run.name, run.note, run.experiment, run.search) for word in self.words)
        )

    def query(self, before: int | None, limit: int) -> tuple[str, list[Any]]:
        """SQL and its values for the newest of them, those with a number below `before`."""
        wanted = {
            "experiment = ?": self.experiment,
            "state = ?": self.state,
            "pinned = ?": self.pinned,
            "n < ?": before,
        }
        given = [(condition, value) for condition, value in wanted.items() if value is not None]
        given += [("has(?, name, note, experiment, search)", word) for word in self.words]
        where = " and ".join(condition for condition, _ in given) or "true"
        # Two steps: what the runs are filtered by lies in an index, their machines and verdicts do not.
        found = f"select n from runs where {where} order by n desc limit ?"
        return f"{SELECT} where n in ({found}) order by n desc", [*(value for _, value in given), limit]


def has(word: str, name: str, note: str, experiment: str, search: str) -> bool:
    """For SQLite, whose LIKE knows the case of ASCII letters only and takes % and _ for any of them."""
    own = name or note or not search  # what is not written cannot be found, and folding takes its time
    return word in search or (bool(own) and word in fold(f"{name}\n{note}\n{experiment}"))
