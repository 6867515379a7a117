"""The store: one thread writes; everyone else tells it what to write and goes on.

`create`, `update`, `append` and `delete` only take notes in memory and may be called from an event
loop, as may `get` and `update` for a run that has not ended. Everything else reads the disk or
waits for it: call it in a thread.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from app.folding import words_of
from app.runs import Run, State
from app.storage.connections import claim
from app.storage.disk import Disk, Notes
from app.storage.failures import StorageFailed, StorageFull, anew, explained
from app.storage.memory import Memory
from app.storage.reading import NEWEST_HERE, SELECT, Readers, Wish
from app.storage.schema import Rows, as_text, decode, encode, unpack

log = logging.getLogger(__name__)

FLUSH_S = 0.2  # rows reach the disk this long after the first of them at the latest
RETRY_S = 1.0  # how long a failed writer waits before it tries again by itself
CAP_B = 512 * 1024 * 1024
DIED = "the server stopped during the run"
NO_WAL = (
    "The folder {folder} does not support SQLite's write-ahead log (network folders often do not): "
    "storing works, but pages wait while rows are written."
)

Strings = list[str]  # inside the store, `list` is the method


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
        self._readers = Readers(path)
        self._memory = Memory()
        self._failure: StorageFailed | None = None
        self._changed = threading.Condition()
        self._told = self._hurry = self._written = 0  # counts of notes: taken, waited for, on the disk
        self._closing = False
        self._writer = threading.Thread(target=self._write_on, name="store", daemon=True)
        with ExitStack() as undo:  # whatever fails on the way, the claim and the file are let go
            self._claim = undo.enter_context(claim(path))
            self._last_write_at = last_write_at(path)
            self._disk = Disk(path)
            undo.callback(self._disk.close)
            self._writer.start()
            undo.pop_all()

    # Told from anywhere, at the price of a note in memory

    def create(self, run: Run) -> None:
        """Keep a new run. Its id must be new: see `new_id`."""
        encode(run)  # what cannot be stored is the caller's mistake, here and now
        with self._noting():
            self._memory.create(run)

    def update(self, id: str, **changes: Any) -> Run:
        """Change fields of a run and return it as it is now; KeyError where there is none."""
        current = self.get(id)
        with self._noting():
            run = replace(self._memory.live.get(id, current), **changes)
            encode(run)
            self._memory.keep(run)
        return run

    def append(self, id: str, table: str, columns: Sequence[str], rows: Rows) -> None:
        """Add rows of one table, each as long as `columns`; raises why earlier rows could not be stored."""
        if any(len(row) != len(columns) for row in rows):
            raise ValueError(f"{table}: every row needs {len(columns)} values: {', '.join(columns)}")
        current = self.get(id)
        with self._noting():
            self._memory.append(self._memory.live.get(id, current), table, columns, rows)

    def admit(self, id: str) -> Run:
        """Make room for a run that another process has just stored, and return it.

        StorageFull where nothing else may go: then it is removed again. For a thread: it waits.
        """
        with self._noting():
            self._memory.notes.admitted.append(id)
        try:
            return self.get(id)
        except KeyError:
            raise self._at_its_cap() from None

    def delete(self, id: str) -> None:
        """Forget a run and its rows; one that does not exist is no error."""
        with self._noting():
            self._memory.delete(id)

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
            if id in self._memory.live:
                return self._memory.live[id]
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
        wish = Wish(experiment, state, pinned, words_of(q))
        sql, values = wish.query(None if before is None else self._number(before), limit + 1)
        found = self._read(sql, *values)
        page = [decode(row) for row in found[:limit]]
        following = page[-1].id if len(found) > limit else None
        with self._changed:  # where storing fails, memory knows better than the disk
            fresh = [] if before else self._memory.fresh()
            now = [*fresh, *(self._memory.live.get(run.id, run) for run in page)]
        return [run for run in now if wish.suits(run)], following

    def twin(self, run: Run) -> str | None:
        """The newest run with the same parameters to hold it against: an imported one, or one made here."""
        other = "=" if run.origin else "!="
        found = self._read(
            f"select id from runs where experiment = ? and params = ? and origin {other} 'null'"
            " and state not in ('queued', 'running') order by n desc limit 1",
            run.experiment,
            as_text(run.params),
        )
        return str(found[0][0]) if found else None

    def newest_here(self, experiments: Iterable[str]) -> dict[str, Run]:
        """Experiment → its newest run that was measured here to its end, where there is one."""
        asked = [*experiments]
        found = self._read(NEWEST_HERE.format(", ".join(["(?)"] * len(asked))), *asked) if asked else []
        return {run.experiment: run for run in map(decode, found)}

    def rows(self, id: str, table: str) -> Rows:
        """The rows of one table, in the order they were appended; empty where there are none."""
        chunks = self._read(
            "select data from chunks where run = ? and name = ? order by id", self._number(id), table
        )
        return [row for chunk in chunks for row in unpack(chunk[0])]

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

    def _at_its_cap(self) -> StorageFull:
        cap = megabytes(self.cap_b)
        return StorageFull(
            f"the history has reached its {cap} and nothing in it may go: delete runs to make room"
        )

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
        left = [str(row[0]) for row in found if row[0] not in self._memory.live]
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
        self._claim.close()

    # The writer thread

    def _write_on(self) -> None:
        while (batch := self._next()) is not None:
            self._write(*batch)
            if self._closing and self._failure:
                break

    def _next(self) -> tuple[Notes, int] | None:
        """The notes of the next stretch of time and their count, or None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._memory.notes or self._wanted())
            self._changed.wait_for(self._wanted, timeout=RETRY_S if self._failure else FLUSH_S)
            if self._closing and not self._memory.notes:
                self._written = self._told
                return None
            return self._memory.take(), self._told

    def _wanted(self) -> bool:
        return self._closing or self._hurry > self._written

    def _write(self, notes: Notes, told: int) -> None:
        try:
            self._disk.write(notes)
            with self._changed:
                self._memory.stored(notes)
            failure = self._make_room(notes)
        except Exception as error:  # also a mistake of ours: without this thread nothing would be kept
            if not isinstance(error, sqlite3.Error):
                log.exception("notes for %s could not be written", self.path)
            failure = explained(error, self.path)
            with self._changed:
                self._memory.give_up(notes, failure)
        with self._changed:
            self._failure = failure
            self._written = told
            self._changed.notify_all()

    def _make_room(self, notes: Notes) -> StorageFailed | None:
        """Keep the history under its cap; the reason where that is impossible."""
        try:
            if notes.deleted:
                self._disk.shrink()
            while self._disk.size_b() > self.cap_b:
                if not (self._disk.evict() or self._disk.turn_away(notes.admitted)):
                    return self._refuse_more(notes)
        except sqlite3.Error as error:
            return explained(error, self.path)
        return None

    def _refuse_more(self, notes: Notes) -> StorageFailed | None:
        """Nothing may go: who appends is told; changes of runs are small and go on."""
        if not notes.rows:
            return None
        full = self._at_its_cap()
        with self._changed:
            self._memory.spoil(notes, full)
        return full


def megabytes(size_b: int) -> str:
    return f"{size_b / 2**20:.0f} MB"


def last_write_at(path: Path) -> float:
    """When the file or its log last changed, Unix seconds; 0 for a new file."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
