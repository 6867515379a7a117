"""Runs and where they are kept: one SQLite file that outlives crashes, full disks and updates.

One thread writes; everyone else tells it what to write and goes on. What a caller stored it reads
back at once: readers wait for the rows that are on their way. Measured rows lie in compressed
columnar chunks (a run of 100 000 rows is 200 of them), so that storing a million rows takes a
second, and reading ten thousand takes a blink.

`create`, `update`, `append` and `delete` only take notes in memory and may be called from an event
loop, as may `get` and `update` for a run that has not ended. Everything else reads the disk or
waits for it: call it in a thread.
"""

from __future__ import annotations

import fcntl
import secrets
import sqlite3
import threading
import time
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from pydantic_core import from_json, to_json

FLUSH_S = 0.2  # rows reach the disk this long after the first of them at the latest
RETRY_S = 1.0  # how long a failed writer waits before it tries again by itself
CHUNK = 500  # rows; larger ones pack hardly better and make a small read slow
CAP_B = 512 * 1024 * 1024
LONGEST_SEARCH = 200  # characters that are looked for; more would be no help
BUSY_S = 5.0  # how long one connection waits for another one's lock, where there is no WAL
DIED = "the server stopped during the run"

Rows = list[list[Any]]
Strings = list[str]  # inside the store, `list` is the method


class StorageFailed(Exception):
    """Something could not be stored or read; the message is a sentence for people."""


class StorageFull(StorageFailed):
    """The disk is full, or the history is at its cap and nothing older may go."""


class StorageBusy(StorageFailed):
    """Another oscope writes to this file."""


class StorageTooNew(StorageFailed):
    """A newer oscope wrote this file."""


def anew(failure: StorageFailed) -> StorageFailed:
    """To be raised once more; one exception raised again and again would keep all its tracebacks."""
    return type(failure)(*failure.args)


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

    def as_json(self) -> dict[str, Any]:
        told = asdict(self)
        del told["search"], told["thumb"]
        return told


def new_id() -> str:
    """Ten hexadecimal digits that nobody guesses."""
    return secrets.token_hex(5)


FIELDS = tuple(f.name for f in fields(Run))
AS_JSON = frozenset({"params", "machine", "conditions", "verdict", "rows", "guess", "origin"})


def encode(run: Run) -> tuple[Any, ...]:
    """The run as a row of the table `runs`; TypeError for what a file cannot hold."""
    row = {name: _to_text(v) if name in AS_JSON else v for name, v in vars(run).items()}
    for name, value in row.items():
        if not isinstance(value, str | float | int | None):
            raise TypeError(f"run {run.id}: {name} cannot be stored: {value!r}")
    return tuple(row.values())


def decode(row: Sequence[Any]) -> Run:
    values = dict(zip(FIELDS, row, strict=True))
    values |= {name: from_json(values[name]) for name in AS_JSON}
    return Run(**values | {"state": State(values["state"]), "pinned": bool(values["pinned"])})


def _to_text(value: Any) -> str:
    return to_json(value, inf_nan_mode="null").decode()


def pack(rows: Rows) -> bytes:
    """Rows as compressed columns; NaN and infinity become null, as they do on the wire."""
    columns = list(zip(*rows, strict=True))
    return zlib.compress(to_json(columns, inf_nan_mode="null"), level=1)


def unpack(chunk: bytes) -> Rows:
    return [list(row) for row in zip(*from_json(zlib.decompress(chunk)), strict=True)]


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
)


def migrate(connection: sqlite3.Connection, steps: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Bring the file to the newest version, each step whole or not at all."""
    version = connection.execute("pragma user_version").fetchone()[0]
    if version > len(steps):
        raise StorageTooNew(
            f"this history was written by a newer oscope (its version is {version}, this oscope knows "
            f"{len(steps)}): update oscope, or choose another folder with --data"
        )
    for number, step in enumerate(steps[version:], version + 1):
        with transaction(connection):
            for statement in (*step, f"pragma user_version = {number}"):
                connection.execute(statement)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:  # a full disk may already have rolled back
            connection.execute("rollback")
        raise


@dataclass
class Notes:
    """What is still to be written. `fresh` are runs that the file has not seen."""

    runs: dict[str, Run] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)
    columns: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    rows: dict[tuple[str, str], Rows] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    admitted: list[str] = field(default_factory=list)  # stored by another process; they may have to go

    def __bool__(self) -> bool:
        return bool(self.runs or self.rows or self.deleted or self.admitted)

    def forget(self, run_id: str) -> None:
        self.runs.pop(run_id, None)
        self.fresh.discard(run_id)
        for key in [key for key in self.rows if key[0] == run_id]:
            del self.rows[key], self.columns[key]


class Disk:
    """The file and one connection that writes to it, a batch of notes at a time."""

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
            connection.execute("pragma auto_vacuum = incremental")
            self.wal = accepts_wal(connection)
            if not self.wal:
                connection.close()
                connection = connect_without_wal(self.path)
            connection.execute("pragma synchronous = normal")
            connection.execute("pragma foreign_keys = on")
            connection.execute("pragma journal_size_limit = 16777216")
            migrate(connection)
        except sqlite3.Error as error:
            connection.close()
            raise explained(error, self.path) from error
        except StorageFailed:
            connection.close()
            raise
        return connection

    def write(self, notes: Notes) -> None:
        """All of the notes or none of them."""
        chunks = {key: chunked(rows) for key, rows in notes.rows.items()}
        with transaction(self._connection):
            for run_id in notes.deleted:
                self._connection.execute("delete from runs where id = ?", (run_id,))
            self._write_runs(notes)
            for (run_id, table), packed in chunks.items():
                self._write_rows(run_id, table, notes.columns[run_id, table], packed)

    def _write_runs(self, notes: Notes) -> None:
        for run_id, run in notes.runs.items():
            if run_id in notes.fresh:
                self._connection.execute(INSERT, encode(run))
            else:  # never an insert: the run may have been evicted meanwhile
                self._connection.execute(UPDATE, (*encode(run), run_id))

    def _write_rows(
        self, run_id: str, table: str, columns: list[str], chunks: list[tuple[int, bytes]]
    ) -> None:
        row = self._connection.execute("select n from runs where id = ?", (run_id,)).fetchone()
        if row is None:
            return  # deleted meanwhile
        self._connection.execute(
            "insert or ignore into columns(run, name, columns) values(?, ?, ?)",
            (row[0], table, _to_text(columns)),
        )
        self._connection.executemany(
            "insert into chunks(run, name, count, data) values(?, ?, ?, ?)",
            [(row[0], table, count, data) for count, data in chunks],
        )

    def size_b(self) -> int:
        """Bytes in use; pages that wait to be used again do not count."""
        pages, free, page_b = (
            self._connection.execute(f"pragma {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * page_b)

    def evict(self) -> str | None:
        """Remove the oldest run that has ended and is not pinned; its id, or None where there is none.

        The newest run stays even if it alone fills the history: somebody has just measured it.
        """
        row = self._connection.execute(OLDEST).fetchone()
        if row is None:
            return None
        with transaction(self._connection):
            self._connection.execute("delete from runs where id = ?", row)
            evicted = int(self.fact("evicted") or 0) + 1
            self._set_fact("evicted", str(evicted))
            self._set_fact("evicted_on", date.today().isoformat())
        self.shrink()
        return str(row[0])

    def turn_away(self, admitted: list[str]) -> bool:
        """Remove a run that came from elsewhere and found no room; whether there was one."""
        if not admitted:
            return False
        with transaction(self._connection):
            self._connection.execute("delete from runs where id = ?", (admitted.pop(),))
        self.shrink()
        return True

    def fact(self, name: str) -> str | None:
        row = self._connection.execute("select value from facts where name = ?", (name,)).fetchone()
        return row and str(row[0])

    def _set_fact(self, name: str, value: str) -> None:
        self._connection.execute("insert or replace into facts values(?, ?)", (name, value))

    def shrink(self) -> None:
        """Give free pages back to the disk; it may be full, and that is why somebody deletes."""
        self._connection.executescript("pragma incremental_vacuum")  # `execute` would free one page only
        self._connection.execute("pragma wal_checkpoint(truncate)").fetchall()

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


INSERT = f"insert or ignore into runs({', '.join(FIELDS)}) values({', '.join('?' * len(FIELDS))})"
UPDATE = f"update runs set {', '.join(f'{name} = ?' for name in FIELDS)} where id = ?"
SELECT = f"select {', '.join(FIELDS)} from runs"
FOUND = f"{SELECT} where n in (select n from runs{{}} order by n desc limit ?) order by n desc"
CONTAINS = "has(?, name, note, experiment, search)"
OLDEST = """select id from runs where pinned = 0 and state not in ('queued', 'running')
    and n < (select max(n) from runs) order by n limit 1"""


def chunked(rows: Rows) -> list[tuple[int, bytes]]:
    """(number of rows, packed rows) of each chunk."""
    parts = (rows[at : at + CHUNK] for at in range(0, len(rows), CHUNK))
    return [(len(part), pack(part)) for part in parts]


def connect(path: Path, mode: str = "rwc") -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,  # transactions begin and end where the code says so
        check_same_thread=False,
    )
    connection.create_function("has", 5, has, deterministic=True)
    connection.create_function("said_in", 2, said_in, deterministic=True)
    return connection


def accepts_wal(connection: sqlite3.Connection) -> bool:
    """Whether readers and the writer can share this file without waiting for each other.

    SQLite may say yes to the pragma and refuse the first write (its shared memory cannot be made),
    so one is tried.
    """
    try:
        if connection.execute("pragma journal_mode = wal").fetchone()[0] != "wal":
            return False
        with transaction(connection):
            version = connection.execute("pragma user_version").fetchone()[0]
            connection.execute(f"pragma user_version = {version}")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            raise
        return False
    return True


def connect_without_wal(path: Path) -> sqlite3.Connection:
    """A file marked as WAL can be turned back only by who holds it alone."""
    connection = connect(path)
    connection.execute("pragma locking_mode = exclusive")
    connection.execute("pragma journal_mode = truncate")
    connection.execute("pragma locking_mode = normal")
    connection.execute("pragma user_version").fetchone()  # the lock goes with the next look
    return connection


def explained(error: Exception, path: Path) -> StorageFailed:
    """The sentence for what SQLite reports by number (https://sqlite.org/rescode.html)."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StorageFull(f"the disk that holds {path.parent} is full: free some space and run again")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return StorageFailed(
            f"{path} is not a readable history ({error}): move it away, or choose another folder with --data"
        )
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StorageFailed(f"{path} cannot be written ({error}): choose another folder with --data")
    return StorageFailed(f"storing in {path} failed: {error}")


class Store:
    """The history of runs in the file at `path`; safe to use from many threads.

    Where storing fails, the rows that could not be written are given up, `failure` says why, and
    every later `append` to that run raises: the caller ends it as failed. What was stored stays,
    and changes of runs are kept in memory and tried again, so the reason is stored as soon as there
    is room.
    """

    def __init__(self, path: Path, *, cap_b: int = CAP_B) -> None:
        self.path = path
        self.cap_b = cap_b
        self._hold = hold(path)
        self._last_write_at = last_write_at(path)
        try:
            self._disk = Disk(path)
        except StorageFailed:
            self._hold.close()
            raise
        self._readers = Readers(path)
        self._live: dict[str, Run] = {}  # runs that have not ended, or whose end is not on the disk yet
        self._broken: dict[str, StorageFailed] = {}
        self._failure: StorageFailed | None = None
        self._notes = Notes()
        self._changed = threading.Condition()
        self._told = self._hurry = self._written = 0  # counts of notes: taken, waited for, on the disk
        self._closing = False
        self._writer = threading.Thread(target=self._write_on, name="store", daemon=True)
        self._writer.start()

    # Told from anywhere, at the price of a note in memory

    def create(self, run: Run) -> None:
        """Keep a new run. Its id must be new: see `new_id`."""
        encode(run)  # what cannot be stored is the caller's mistake, here and now
        with self._noting():
            if run.id in self._live:
                raise ValueError(f"there is a run {run.id} already")
            self._live[run.id] = self._notes.runs[run.id] = run
            self._notes.fresh.add(run.id)

    def update(self, id: str, **changes: Any) -> Run:
        """Change fields of a run and return it as it is now; KeyError where there is none."""
        current = self.get(id)
        with self._noting():
            run = replace(self._live.get(id, current), **changes)
            encode(run)
            self._live[id] = self._notes.runs[id] = run
            if run.state.ended:
                self._broken.pop(id, None)
        return run

    def append(self, id: str, table: str, columns: Sequence[str], rows: Rows) -> None:
        """Add rows of one table, each as long as `columns`; raises why earlier rows could not be stored."""
        if any(len(row) != len(columns) for row in rows):
            raise ValueError(f"{table}: every row needs {len(columns)} values: {', '.join(columns)}")
        current = self.get(id)
        with self._noting():
            if id in self._broken:
                raise anew(self._broken[id])
            run = count(self._live.get(id, current), table, len(rows))
            self._live[id] = self._notes.runs[id] = run
            self._notes.columns[id, table] = [*columns]
            self._notes.rows.setdefault((id, table), []).extend(rows)

    def admit(self, id: str) -> Run:
        """Make room for a run that another process has just stored, and return it.

        StorageFull where nothing else may go: then it is removed again. For a thread: it waits.
        """
        with self._noting():
            self._notes.admitted.append(id)
        try:
            return self.get(id)
        except KeyError:
            raise StorageFull(CAPPED.format(cap=megabytes(self.cap_b))) from None

    def delete(self, id: str) -> None:
        """Forget a run and its rows; one that does not exist is no error."""
        with self._noting():
            self._notes.forget(id)
            self._live.pop(id, None)
            self._broken.pop(id, None)
            self._notes.deleted.append(id)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        with self._changed:
            if self._closing:
                raise RuntimeError(f"the store of {self.path} is closed")
            yield
            self._told += 1
            self._changed.notify_all()

    # Read; for a thread, except `get` of a run that has not ended

    def get(self, id: str) -> Run:
        """The run as it is now; KeyError where there is none."""
        with self._changed:
            if id in self._live:
                return self._live[id]
        found = self._read(f"{SELECT} where id = ?", id)
        if not found:
            raise KeyError(f"there is no run {id}")
        return decode(found[0])

    def list(
        self,
        experiment: str | None = None,
        state: str | None = None,
        limit: int = 50,
        before: str | None = None,
        q: str = "",
        pinned: bool | None = None,
    ) -> tuple[Sequence[Run], str | None]:
        """A page of runs, newest first, and the id to pass as `before` for the next page, if any.

        `q` are words that all occur in a run's name, note, experiment or verdict. KeyError where
        `before` is not the id of a run.
        """
        wanted: dict[str, Any] = {"experiment = ?": experiment, "state = ?": state, "pinned = ?": pinned}
        if before is not None:
            wanted["n < ?"] = self._number(before)
        given = [(condition, value) for condition, value in wanted.items() if value is not None]
        given += [(CONTAINS, word) for word in words_of(q)]
        where = f" where {' and '.join(condition for condition, _ in given)}" if given else ""
        values = [value for _, value in given]
        found = self._read(FOUND.format(where), *values, limit + 1)
        page = [decode(row) for row in found[:limit]]
        following = page[-1].id if len(found) > limit else None
        with self._changed:  # where storing fails, memory knows better than the disk
            noted = [] if before else [*self._notes.runs.values()][::-1]
            fresh = [run for run in noted if run.id in self._notes.fresh]
            now = [*fresh, *(self._live.get(run.id, run) for run in page)]
        wished = [run for run in now if matches(run, experiment, state, pinned)]
        return [run for run in wished if contains(run, words_of(q))], following

    def rows(self, id: str, table: str) -> Rows:
        """The rows of one table, in the order they were appended; empty where there are none."""
        chunks = self._read(
            "select data from chunks where run = ? and name = ? order by id", self._number(id), table
        )
        return [row for chunk in chunks for row in unpack(chunk[0])]

    def twin(self, run: Run) -> str | None:
        """The newest run with the same parameters to hold it against: an imported one, or one made here."""
        other = "=" if run.origin else "!="
        found = self._read(
            f"select id from runs where experiment = ? and params = ? and origin {other} 'null'"
            " and state not in ('queued', 'running') order by n desc limit 1",
            run.experiment,
            _to_text(run.params),
        )
        return str(found[0][0]) if found else None

    def tables(self, id: str) -> dict[str, Rows]:
        """All rows of a run."""
        return {name: self.rows(id, name) for name in self.columns(id)}

    def columns(self, id: str) -> dict[str, Strings]:
        """The names of the columns of each table, as they were when its first rows were stored."""
        found = self._read("select name, columns from columns where run = ?", self._number(id))
        return {name: from_json(columns) for name, columns in found}

    def _number(self, id: str) -> int:
        found = self._read("select n from runs where id = ?", id)
        if not found:
            raise KeyError(f"there is no run {id}")
        return int(found[0][0])

    def _read(self, sql: str, *values: Any) -> Sequence[Any]:
        with suppress(StorageFailed):  # a full disk is no reason not to read
            self.flush()
        return self._readers.read(sql, *values)

    # What people should know

    @property
    def failure(self) -> str | None:
        """Why storing does not work now; None while it does. Quick."""
        return str(self._failure) if self._failure else None

    def notices(self) -> Strings:
        """What people should know about this history, a sentence each."""
        facts = dict(self._read("select name, value from facts"))
        notices = [] if self._disk.wal else [NO_WAL.format(folder=self.path.parent)]
        if evicted := int(facts.get("evicted", 0)):
            runs = "The oldest run was" if evicted == 1 else f"The {evicted} oldest runs were"
            cap, last = megabytes(self.cap_b), facts["evicted_on"]
            notices.append(f"{runs} removed to keep the history under {cap} (last on {last}).")
        if self._failure:
            notices.append(f"Storing does not work now: {self._failure}.")
        return notices

    # Ends

    def flush(self) -> None:
        """Wait until everything told so far is on the disk; raises where it could not be stored."""
        with self._changed:
            self._told += bool(self._failure)  # a reason to try again
            told = self._told
            if self._written >= told:
                return
            self._hurry = told
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._written >= told or not self._writer.is_alive())
            if self._failure:
                raise anew(self._failure)

    def recover(self) -> Strings:
        """End the runs that a dead server left queued or running; their ids. Their rows stay."""
        found = self._read("select id from runs where state in ('queued', 'running') order by n")
        left = [str(row[0]) for row in found if row[0] not in self._live]
        for run_id in left:
            started_at = self.get(run_id).started_at or 0.0
            ended_at = max(self._last_write_at, started_at)  # the last sign of life
            self.update(run_id, state=State.FAILED, why=DIED, ended_at=ended_at)
        return left

    def close(self) -> None:
        """Write what is left and let the file go. A second call does nothing."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._writer.join()
        self._readers.close()
        self._disk.close()  # last, because the last to close brings the log into the file and must be able to
        self._hold.close()

    # The writer thread

    def _write_on(self) -> None:
        while (batch := self._next()) is not None:
            self._write(*batch)
            if self._closing and self._failure:
                break

    def _next(self) -> tuple[Notes, int] | None:
        """The notes of the next stretch of time and their count, or None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._notes or self._wanted())
            self._changed.wait_for(self._wanted, timeout=RETRY_S if self._failure else FLUSH_S)
            if self._closing and not self._notes:
                self._written = self._told
                return None
            notes, self._notes = self._notes, Notes()
            return notes, self._told

    def _wanted(self) -> bool:
        return self._closing or self._hurry > self._written

    def _write(self, notes: Notes, told: int) -> None:
        try:
            self._disk.write(notes)
            self._forget_ended(notes)
            failure = self._make_room(notes)
        except (sqlite3.Error, ValueError) as error:
            failure = explained(error, self.path)
            self._give_up(notes, failure)
        with self._changed:
            self._failure = failure
            self._written = told
            self._changed.notify_all()

    def _forget_ended(self, notes: Notes) -> None:
        """What is stored and will not change needs no memory."""
        with self._changed:
            for run_id, run in notes.runs.items():
                if run.state.ended and self._live.get(run_id) is run:
                    del self._live[run_id]

    def _make_room(self, notes: Notes) -> StorageFailed | None:
        """Keep the history under its cap; the reason where that is impossible."""
        try:
            if notes.deleted:
                self._disk.shrink()
            while self._disk.size_b() > self.cap_b:
                if self._disk.evict() is None and not self._disk.turn_away(notes.admitted):
                    full = StorageFull(CAPPED.format(cap=megabytes(self.cap_b)))
                    return self._break(notes, full) if notes.rows else None
        except sqlite3.Error as error:
            return explained(error, self.path)
        return None

    def _give_up(self, notes: Notes, failure: StorageFailed) -> None:
        """Drop the rows, which may be many; keep for the next try what became of the runs."""
        with self._changed:
            self._break(notes, failure)
            for (run_id, table), rows in notes.rows.items():
                if run_id in self._live:
                    self._live[run_id] = count(self._live[run_id], table, -len(rows))
            for run_id in notes.runs:
                if run_id in self._live:  # not deleted meanwhile
                    self._notes.runs[run_id] = self._live[run_id]
            self._notes.fresh |= notes.fresh & self._live.keys()
            self._notes.deleted = notes.deleted + self._notes.deleted

    def _break(self, notes: Notes, failure: StorageFailed) -> StorageFailed:
        with self._changed:
            self._broken |= {run_id: failure for run_id, _ in notes.rows if run_id in self._live}
        return failure


NO_WAL = (
    "The folder {folder} does not support SQLite's write-ahead log (network folders often do not): "
    "storing works, but pages wait while rows are written."
)
CAPPED = "the history has reached its {cap} and nothing in it may go: delete runs to make room"


def megabytes(size_b: int) -> str:
    return f"{size_b / 2**20:.0f} MB"


def matches(run: Run, experiment: str | None, state: str | None, pinned: bool | None) -> bool:
    return (
        experiment in (None, run.experiment) and state in (None, run.state) and pinned in (None, run.pinned)
    )


def fold(text: str) -> str:
    """Text as it is looked for: without case, and with full-width forms as plain ones."""
    return unicodedata.normalize("NFKC", text).casefold()


def words_of(q: str) -> Strings:
    """What is looked for: each of these, folded, has to occur."""
    return list(dict.fromkeys(fold(q[:LONGEST_SEARCH]).split()))


def contains(run: Run, words: Sequence[str]) -> bool:
    if not words:
        return True
    return all(has(word, run.name, run.note, run.experiment, run.search) for word in words)


def has(word: str, name: str, note: str, experiment: str, search: str) -> bool:
    """For SQLite, whose LIKE knows the case of ASCII letters only and takes % and _ for any of them."""
    own = name or note or not search  # what is not written cannot be found, and folding takes its time
    return word in search or (bool(own) and word in fold(f"{name}\n{note}\n{experiment}"))


def said_in(experiment: str, verdict: str) -> str:
    """What there is to look through in a run of an oscope that kept no text for it."""
    told = from_json(verdict) or {}
    return fold("\n".join([experiment, str(told.get("answer", "")), str(told.get("headline", ""))]))


def count(run: Run, table: str, more: int) -> Run:
    return replace(run, rows=run.rows | {table: run.rows.get(table, 0) + more})


def hold(path: Path) -> IO[bytes]:
    """Claim the file for one writing oscope; the claim ends with the process, however it ends.

    The claim lies beside the file: SQLite's own locks would be lost when any descriptor of the
    file itself is closed (fcntl(2), "record locks").
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        claim = path.with_name(f"{path.name}.lock").open("ab")
    except OSError as error:
        raise StorageFailed(
            f"{path} cannot be written ({error}): choose another folder with --data"
        ) from error
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        claim.close()
        raise StorageBusy(
            f"another oscope is running with the history in {path.parent}: use that one, stop it, "
            "or choose another folder with --data"
        ) from None
    except OSError:  # a network folder without locks
        pass
    return claim


def last_write_at(path: Path) -> float:
    """When the file or its log last changed, Unix seconds; 0 for a new file."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)


class Readers:
    """Read-only connections, one for every reader at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    def read(self, sql: str, *values: Any) -> Sequence[Any]:
        connection = self._take()
        try:
            return connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise explained(error, self._path) from error
        finally:
            self._idle.append(connection)
            if self._closed:
                self.close()

    def _take(self) -> sqlite3.Connection:
        with suppress(IndexError):
            return self._idle.pop()
        return connect(self._path, mode="ro")

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().close()
