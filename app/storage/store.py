"""The store: one thread writes; everyone else tells it what to write and goes on.

`create`, `update`, `append` and `delete` only take notes in memory and may be called from an event
loop, as may `get` and `update` for a run that has not ended. Everything else reads the disk or
waits for it: call it in a thread.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from app.runs.run import Run, State
from app.storage.connections import Claim
from app.storage.errors import (
    StorageDamaged,
    StorageFailed,
    StorageFull,
    StorageUnwritable,
    anew,
    explained,
)
from app.storage.pending import Memory
from app.storage.place import Place, Whereabouts, log_of
from app.storage.queries import NEWEST_HERE, SELECT, Readers, Wish
from app.storage.schema import Rows, as_text, decode, encode, unpack
from app.storage.writer import Disk, Notes, look_at
from app.text.folding import words_of

log = logging.getLogger(__name__)

FLUSH_S = 0.2  # rows reach the disk this long after the first of them at the latest
RETRY_S = 1.0  # how long a failed writer waits before it tries again by itself
CAP_B = 512 * 1024 * 1024
DIED = "the server stopped during the run"
NO_WAL = (
    "The folder {folder} does not support SQLite's write-ahead log (network folders often do not): "
    "storing works, but pages wait while rows are written."
)

MEMORY_ONLY = "Runs are measured all the same; until storing works again they are in memory only."
MOVED = (
    "The history is no longer at {path}: it was moved, or its disk was taken away. Runs go into the file "
    "that oscope has open, wherever it is now: bring it back, or start oscope again."
)
WRITTEN_ANEW = (
    "{path} was removed while oscope had it open. It was written anew, with all that was in it (on {day})."
)
REPLACED = (
    "Another file was put in the place of {path}. The history that oscope had open goes on in {name} "
    "beside it, with all that was in it (since {day})."
)
OVERWRITTEN = (
    "{path} was written over while oscope had it open. Runs are kept in {name} beside it from now on, "
    "and what memory still had of earlier ones (since {day})."
)
DAMAGED = (
    "Parts of {path} are damaged: what can be read is shown. Export what you need, and move the file away."
)

Strings = list[str]  # inside the store, `list` is the method


class Store:
    """The history of runs in the file at `path`; safe to use from many threads.

    Where storing fails, `failure` says why, and runs and rows wait in memory: they are read from there,
    and written as soon as that is possible. Only where memory has no room for more are the rows of a run
    given up; every later `append` to it raises, and the caller ends it as failed.

    A history that cannot be written when oscope starts is read as it is. One that is taken away meanwhile
    loses nothing: see `_attend`.
    """

    def __init__(self, path: Path, *, cap_b: int = CAP_B) -> None:
        self.path = path
        self.cap_b = cap_b
        self._last_write_at = last_write_at(path)
        self._claim: Claim | None = None
        self._disk: Disk | None = None  # None while the file cannot be written
        self._place: Place | None = None
        self._failure: StorageFailed | None = None
        try:
            self._open()
        except (StorageUnwritable, StorageFull) as failure:
            if not os.path.exists(path) or look_at(path, whole=True):
                raise
            self._failure = failure
        self._memory = Memory()
        self._events: Strings = []  # what happened to the file while this oscope had it open
        self._changed = threading.Condition()
        self._told = self._hurry = self._written = 0  # counts of notes: taken, waited for, on the disk
        self._closing = False
        with ExitStack() as undo:
            undo.callback(self._give_back)
            self._readers = self._open_readers()
            undo.callback(self._readers.close)
            self._writer = threading.Thread(target=self._write_on, name="store", daemon=True)
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
            raise (anew(self._failure) if self._failure else self._at_its_cap()) from None

    def confirm(self, id: str) -> None:
        """Wait until changes of this run are stored; raises why they cannot be.

        A run that only memory has changes there, and is stored with it.
        """
        try:
            self.flush()
        except StorageFailed:
            with self._changed:
                if id not in [run.id for run in self._memory.fresh()]:
                    raise

    def check_rows(self, id: str) -> None:
        """Raises where rows of this run were given up."""
        with suppress(StorageFailed):  # they wait in memory
            self.flush()
        with self._changed:
            self._memory.check(id)

    def check_place(self) -> None:
        """Raises why another process could not write into this history now."""
        self.flush()
        if self._whereabouts() is not Whereabouts.HERE:
            raise StorageFailed(MOVED.format(path=self.path).rstrip("."))

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
        for run in self._decoded(found):
            return run
        raise StorageDamaged(DAMAGED.format(path=self.path).rstrip("."))

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
        with self._changed:  # where storing fails, memory knows better than the disk
            fresh = [*self._fresh()]
            now = dict(self._memory.live)
        ids = [run.id for run in fresh]
        if before in ids:
            fresh, before = fresh[ids.index(before) + 1 :], None
        elif before is not None:
            fresh = []
        sql, values = wish.query(None if before is None else self._number(before), limit + 1)
        found = [*self._decoded(self._read(sql, *values))]
        stored = [now.get(run.id, run) for run in found if run.id not in ids]
        wanted = [run for run in [*fresh, *stored] if wish.suits(run)]
        more = len(wanted) > limit or len(found) > limit
        page = wanted[:limit]
        return page, page[-1].id if more and page else None

    def _fresh(self) -> Sequence[Run]:
        return self._memory.fresh() if self._failure else ()

    def twin(self, run: Run) -> str | None:
        """The newest run with the same parameters to hold it against: an imported one, or one made here."""
        other = "=" if run.origin else "!="
        found = self._read(
            f"select id from runs where experiment = ? and params = ? and origin {other} 'null'"
            " and state not in ('queued', 'running') order by n desc limit 1",
            run.experiment,
            as_text(run.params),
        )
        with self._changed:
            here = [
                other.id
                for other in self._fresh()
                if (other.experiment, other.params) == (run.experiment, run.params)
                and bool(other.origin) != bool(run.origin)
                and other.state.ended
            ]
        return here[0] if here else str(found[0][0]) if found else None

    def newest_here(self, experiments: Iterable[str]) -> dict[str, Run]:
        """Experiment → its newest run that was measured here to its end, where there is one."""
        asked = [*experiments]
        found = self._read(NEWEST_HERE.format(", ".join(["(?)"] * len(asked))), *asked) if asked else []
        newest = {run.experiment: run for run in self._decoded(found)}
        with self._changed:
            for run in reversed(self._fresh()):
                if run.experiment in asked and run.state is State.DONE and not run.origin:
                    newest[run.experiment] = run
        return newest

    def rows(self, id: str, table: str) -> Rows:
        """The rows of one table, in the order they were appended; empty where there are none."""
        self._settle()
        with self._changed:
            run = self._memory.live.get(id)
            packed, plain = self._memory.waiting(id, table)
        waiting = [row for _, chunk in packed for row in unpack(chunk)] + plain
        stored = self._stored_rows(id, table, known=run is not None)
        if run is None or not waiting:
            return stored
        # What was written since memory was asked is in both.
        return stored + waiting[max(0, len(stored) + len(waiting) - run.rows.get(table, 0)) :]

    def _stored_rows(self, id: str, table: str, known: bool) -> Rows:
        try:
            number = self._number(id)
        except KeyError:
            if known:
                return []
            raise
        chunks = self._read("select data from chunks where run = ? and name = ? order by id", number, table)
        return [row for chunk in chunks for row in self._unpacked(chunk[0])]

    def _unpacked(self, chunk: bytes) -> Rows:
        """A damaged chunk costs itself: what is readable stays readable."""
        try:
            return unpack(chunk)
        except (zlib.error, ValueError, TypeError):
            self._tell_once(DAMAGED.format(path=self.path))
            return []

    def _decoded(self, rows: Sequence[Any]) -> Iterator[Run]:
        """Runs; one that cannot be read is left out."""
        for row in rows:
            try:
                yield decode(row)
            except (ValueError, TypeError, KeyError):
                self._tell_once(DAMAGED.format(path=self.path))

    def _tell_once(self, event: str) -> None:
        if event not in self._events:
            log.warning(event)
            self._events.append(event)

    def columns(self, id: str) -> dict[str, Strings]:
        """The names of the columns of each table, as they were when its first rows were stored."""
        self._settle()
        with self._changed:
            known = id in self._memory.live
            waiting = self._memory.columns(id)
        try:
            found = self._read("select name, columns from columns where run = ?", self._number(id))
        except KeyError:
            if not known:
                raise
            found = []
        return waiting | {name: from_json(columns) for name, columns in found}

    def _number(self, id: str) -> int:
        found = self._read("select n from runs where id = ?", id)
        if not found:
            raise KeyError(f"there is no run {id}")
        return int(found[0][0])

    def _read(self, sql: str, *values: Any) -> Sequence[Any]:
        self._settle()
        while True:
            readers = self._readers
            try:
                return readers.read(sql, *values)
            except StorageFailed as failure:
                if isinstance(failure, StorageDamaged):
                    self._tell_once(DAMAGED.format(path=self.path))
                if readers is self._readers:  # else the file was opened anew meanwhile
                    raise

    def _settle(self) -> None:
        """Let what was told reach the disk; where that fails, the writer tries by itself."""
        if self._failure is None:
            with suppress(StorageFailed):  # a full disk is no reason not to read
                self.flush()

    # What people should know

    @property
    def failure(self) -> str | None:
        """Why storing does not work now; None while it does. Quick."""
        return str(self._failure) if self._failure else None

    def notices(self) -> Strings:
        """What people should know about this history, a sentence each."""
        return self.remarks() + self.alarms()

    def remarks(self) -> Strings:
        """How this history is kept. Reads the disk."""
        if self._whereabouts() is not Whereabouts.HERE:
            with suppress(StorageFailed):
                self.flush()
        try:
            facts = dict(self._read("select name, value from facts"))
        except StorageFailed:
            facts = {}
        remarks = [NO_WAL.format(folder=self.path.parent)] if self._disk and not self._disk.wal else []
        if evicted := int(facts.get("evicted", 0)):
            runs = "The oldest run was" if evicted == 1 else f"The {evicted} oldest runs were"
            cap, last = megabytes(self.cap_b), facts["evicted_on"]
            remarks.append(f"{runs} removed to keep the history under {cap} (last on {last}).")
        return remarks

    def alarms(self) -> Strings:
        """What stands in the way of keeping runs, and what happened to the file. Quick: for every page."""
        alarms = [*self._events]
        if self._whereabouts() is Whereabouts.MOVED:
            alarms.append(MOVED.format(path=self.path))
        if self._failure:
            alarms += [f"Storing does not work now: {self._failure}.", MEMORY_ONLY]
        return alarms

    def _whereabouts(self) -> Whereabouts:
        place = self._place
        try:
            return place.look() if place else Whereabouts.HERE
        except OSError:  # it is being closed, or its disk does not answer: the next write will tell
            return Whereabouts.HERE

    def _at_its_cap(self) -> StorageFull:
        cap = megabytes(self.cap_b)
        return StorageFull(
            f"the history has reached its {cap} and nothing in it may go: delete runs to make room"
        )

    # Ends

    def flush(self) -> None:
        """Wait until everything told so far is on the disk; raises where it could not be stored."""
        with self._changed:
            # A reason to try again, or to see to the file.
            self._told += bool(self._failure) or self._whereabouts() is not Whereabouts.HERE
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
            with suppress(StorageDamaged):
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
        self._close_file()
        if self._claim:
            self._claim.close()

    # The file

    def _open(self) -> None:
        """Claim the file and open it for writing."""
        self._claim = self._claim or Claim(self.path)
        try:
            self._disk = Disk(self.path)
            self._place = self._disk.open_place()
        except BaseException as error:
            self._give_back()
            if isinstance(error, sqlite3.Error | OSError):
                raise explained(error, self.path) from error
            raise

    def _give_back(self) -> None:
        self._close_file()
        if self._claim:
            self._claim.close()
        self._claim = None

    def _close_file(self) -> None:
        disk, place, self._disk, self._place = self._disk, self._place, None, None
        if disk:
            disk.close()  # after the readers: the last to close brings the log into the file
        if place:
            place.close()

    def _open_readers(self) -> Readers:
        """With one connection that is open already: it stays of use where the path leads elsewhere."""
        readers = Readers(self.path)
        readers.read("select 1")
        return readers

    def _open_again(self) -> None:
        self._open()
        before, self._readers = self._readers, self._open_readers()
        before.close()

    def _attend(self) -> Disk:
        """The file to write to, once its place was looked at. Writer thread only.

        What was removed is written anew from what is open, because a loss cannot be undone, and a
        deletion can be made again. A file that somebody else has put there is left alone.
        """
        if self._disk is None or self._place is None:
            self._open_again()
        assert self._disk
        assert self._place
        found = self._place.look()
        if found is Whereabouts.LOG_LOST:
            self._disk.settle()
            self._leave_file()
            self._open_again()
        elif found is Whereabouts.REMOVED:
            self._write_anew(self.path, WRITTEN_ANEW)
        elif found is Whereabouts.REPLACED:
            self._write_anew(beside(self.path), REPLACED)
        elif found is Whereabouts.OVERWRITTEN:
            self._begin_anew(beside(self.path))
        assert self._disk
        return self._disk

    def _leave_file(self) -> None:
        """Whatever is in its place now, nothing is written into it or removed from beside it.

        The last connection to be closed brings the log into the file. A reader cannot, so one of
        them is the last.
        """
        assert self._place
        self._place.remove_log()
        self._close_file()
        self._readers.close()

    def _write_anew(self, target: Path, event: str) -> None:
        """All that is in the open file into another one, which is the history from now on."""
        assert self._disk
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            self._disk.copy_to(part)
            put_in_place(part, target)
        finally:
            part.unlink(missing_ok=True)
        self._leave_file()
        self._go_on_in(target, event)

    def _begin_anew(self, target: Path) -> None:
        """In an empty file, with what memory has; the notes that are being written are more now."""
        with self._changed:
            self._memory.begin_anew(StorageFailed(f"{self.path} was written over by something else"))
        self._leave_file()
        self._go_on_in(target, OVERWRITTEN)

    def _go_on_in(self, target: Path, event: str) -> None:
        day = date.today().isoformat()
        self._events.append(event.format(path=self.path, name=target.name, day=day))
        self.path = target
        self._open_again()
        if self._claim:
            self._claim.renew()

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
            disk = self._attend()
            notes = self._memory.flying or notes
            if notes:
                disk.write(notes)
            with self._changed:
                self._memory.stored(notes)
            failure = self._make_room(disk, notes)
        except Exception as error:  # also a mistake of ours: without this thread nothing would be kept
            if not isinstance(error, sqlite3.Error | OSError | StorageFailed):
                log.exception("notes for %s could not be written", self.path)
            failure = error if isinstance(error, StorageFailed) else explained(error, self.path)
            with self._changed:
                self._memory.take_back(notes, failure)
        with self._changed:
            self._failure = failure
            self._written = told
            self._changed.notify_all()

    def _make_room(self, disk: Disk, notes: Notes) -> StorageFailed | None:
        """Keep the history under its cap; the reason where that is impossible."""
        try:
            if notes.deleted:
                disk.shrink()
            while disk.size_b() > self.cap_b:
                if not (disk.evict() or disk.turn_away(notes.admitted)):
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
    changed = 0.0
    for file in (path, log_of(path)):
        with suppress(OSError):
            changed = max(changed, file.stat().st_mtime)
    return changed


def beside(path: Path) -> Path:
    """A name of its own for a history that cannot be where it was."""
    return path.with_name(f"{path.stem}-{time.strftime('%Y%m%d-%H%M%S')}{path.suffix}")


def put_in_place(part: Path, target: Path) -> None:
    """Under its name, where nothing has that name: a link replaces nothing, as renaming would."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if target.exists():
            raise
        part.rename(target)
