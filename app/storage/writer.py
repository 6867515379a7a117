"""Writes to the file: a batch of notes at a time, and what has to go to make room."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from app.runs.run import Run
from app.storage.connections import accepts_wal, connect, connect_to_read, connect_without_wal, transaction
from app.storage.errors import StorageFailed, explained
from app.storage.place import Place
from app.storage.schema import FIELDS, MIGRATIONS, Chunk, Rows, as_text, check_ours, chunked, encode, migrate

INSERT = f"insert or ignore into runs({', '.join(FIELDS)}) values({', '.join('?' * len(FIELDS))})"
UPDATE = f"update runs set {', '.join(f'{name} = ?' for name in FIELDS)} where id = ?"
OLDEST = """select id from runs where pinned = 0 and state not in ('queued', 'running')
    and n < (select max(n) from runs) order by n limit 1"""


@dataclass
class Notes:
    """What is still to be written. `fresh` are runs that the file has not seen.

    Rows wait as they came until somebody packs them (`chunks`, which weigh a tenth).
    """

    runs: dict[str, Run] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)
    columns: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    rows: dict[tuple[str, str], Rows] = field(default_factory=dict)
    chunks: dict[tuple[str, str], list[Chunk]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    admitted: list[str] = field(default_factory=list)  # stored by another process; they may have to go

    def __bool__(self) -> bool:
        return bool(self.runs or self.rows or self.chunks or self.deleted or self.admitted)

    def size_b(self) -> int:
        """Bytes of what is packed."""
        return sum(len(data) for chunks in self.chunks.values() for _, data in chunks)


class Disk:
    """The file and one connection that writes to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.wal = True
        self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            connection = connect(self.path)
        except sqlite3.Error as error:
            raise explained(error, self.path) from error
        try:
            check_ours(connection)  # before anything is changed in it
            connection.execute("pragma auto_vacuum = incremental")
            self.wal = accepts_wal(connection)
            if not self.wal:
                connection.close()
                connection = connect_without_wal(self.path)
            connection.execute("pragma synchronous = normal")
            connection.execute("pragma foreign_keys = on")
            connection.execute("pragma journal_size_limit = 16777216")
            migrate(connection)
        except BaseException as error:
            connection.close()
            if isinstance(error, sqlite3.Error):
                raise explained(error, self.path) from error
            raise
        return connection

    def write(self, notes: Notes) -> None:
        """All of the notes or none of them."""
        chunks = {**notes.chunks}
        for key, rows in notes.rows.items():
            chunks[key] = [*chunks.get(key, ()), *chunked(rows)]
        with transaction(self._connection):
            for run_id in notes.deleted:
                self._delete(run_id)
            self._write_runs(notes)
            for (run_id, table), packed in chunks.items():
                self._write_rows(run_id, table, notes.columns[run_id, table], packed)

    def _write_runs(self, notes: Notes) -> None:
        for run_id, run in notes.runs.items():
            if run_id in notes.fresh:
                self._connection.execute(INSERT, encode(run))
            else:  # never an insert: the run may have been evicted meanwhile
                self._connection.execute(UPDATE, (*encode(run), run_id))

    def _write_rows(self, run_id: str, table: str, columns: list[str], chunks: list[Chunk]) -> None:
        row = self._connection.execute("select n from runs where id = ?", (run_id,)).fetchone()
        if row is None:
            return  # deleted meanwhile
        self._connection.execute(
            "insert or ignore into columns(run, name, columns) values(?, ?, ?)",
            (row[0], table, as_text(columns)),
        )
        self._connection.executemany(
            "insert into chunks(run, name, count, data) values(?, ?, ?, ?)",
            [(row[0], table, count, data) for count, data in chunks],
        )

    def _delete(self, run_id: str) -> None:
        self._connection.execute("delete from runs where id = ?", (run_id,))

    # The file

    def open_place(self) -> Place:
        """From now on it can be asked whether the file is still where it was."""
        return Place(self.path, self._connection, self.wal)

    def copy_to(self, copy: Path) -> None:
        """All that is in the file, also where no name leads to it any more."""
        with closing(connect(copy)) as target:
            self._connection.backup(target)

    def settle(self) -> None:
        """Bring the log into the file."""
        self._connection.execute("pragma wal_checkpoint(truncate)").fetchall()

    # Room

    def size_b(self) -> int:
        """Bytes in use; pages that wait to be used again do not count."""
        pages, free, page_b = (
            self._connection.execute(f"pragma {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * page_b)

    def evict(self) -> bool:
        """Remove the oldest run that has ended and is not pinned; whether there was one.

        The newest run stays even if it alone fills the history: somebody has just measured it.
        """
        row = self._connection.execute(OLDEST).fetchone()
        if row is None:
            return False
        with transaction(self._connection):
            self._delete(row[0])
            self._set_fact("evicted", str(int(self._fact("evicted") or 0) + 1))
            self._set_fact("evicted_on", date.today().isoformat())
        self.shrink()
        return True

    def turn_away(self, admitted: list[str]) -> bool:
        """Remove a run that came from elsewhere and found no room; whether there was one."""
        if not admitted:
            return False
        with transaction(self._connection):
            self._delete(admitted.pop())
        self.shrink()
        return True

    def shrink(self) -> None:
        """Give free pages back to the disk; it may be full, and that is why somebody deletes."""
        self._connection.executescript("pragma incremental_vacuum")  # `execute` would free one page only
        self._connection.execute("pragma wal_checkpoint(truncate)").fetchall()

    def _fact(self, name: str) -> str | None:
        row = self._connection.execute("select value from facts where name = ?", (name,)).fetchone()
        return row and str(row[0])

    def _set_fact(self, name: str, value: str) -> None:
        self._connection.execute("insert or replace into facts values(?, ?)", (name, value))

    def close(self) -> None:
        self._connection.close()


def keep_whole(path: Path, run: Run, columns: Mapping[str, list[str]], rows: Mapping[str, Rows]) -> None:
    """Store a run with all its rows in one transaction, also beside a server; raises why it cannot be."""
    notes = Notes(
        runs={run.id: run},
        fresh={run.id},
        columns={(run.id, table): [*columns[table]] for table in rows},
        rows={(run.id, table): found for table, found in rows.items()},
    )
    try:
        with closing(Disk(path)) as disk:
            disk.write(notes)
    except sqlite3.Error as error:
        raise explained(error, path) from error


def copy_whole(path: Path, copy: Path) -> None:
    """A server may be writing: SQLite's own backup takes everything as of one moment."""
    try:
        with closing(connect_to_read(path)) as source, closing(connect(copy)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        raise explained(error, path) from error


def look_at(path: Path, whole: bool = False) -> str | None:
    """Why this file cannot be read as a history; None where it can. Changes nothing.

    `whole` asks for one that need not be brought forward before it is read.
    """
    try:
        with closing(connect_to_read(path)) as connection:
            if check_ours(connection) < len(MIGRATIONS) and whole:
                return f"{path} was written by an older oscope, and has to be written to be read"
    except sqlite3.Error as error:
        return str(explained(error, path))
    except StorageFailed as failure:
        return str(failure)
    return None
