"""What was told and is not on the disk yet. Plain bookkeeping: the store holds its lock around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.runs.run import Run
from app.storage.errors import StorageFailed, anew
from app.storage.schema import Chunk, Rows, chunked
from app.storage.writer import Notes

WAITING_B = 64 * 1024 * 1024  # of packed rows that may wait for a disk: some four million


class Memory:
    """The runs that may still change, the notes for the disk, and what could not be written."""

    def __init__(self) -> None:
        self.live: dict[str, Run] = {}  # runs that have not ended, or whose end is not on the disk yet
        self.notes = Notes()
        self.flying: Notes | None = None
        self._broken: dict[str, StorageFailed] = {}  # runs of which rows are lost

    def create(self, run: Run) -> None:
        if run.id in self.live:
            raise ValueError(f"there is a run {run.id} already")
        self.keep(run)
        self.notes.fresh.add(run.id)

    def keep(self, run: Run) -> None:
        self.live[run.id] = self.notes.runs[run.id] = run
        if run.state.ended:
            self._broken.pop(run.id, None)

    def append(self, run: Run, table: str, columns: Sequence[str], rows: Rows) -> None:
        self.check(run.id)
        self.keep(counted(run, table, len(rows)))
        self.notes.columns[run.id, table] = [*columns]
        self.notes.rows.setdefault((run.id, table), []).extend(rows)

    def check(self, run_id: str) -> None:
        """Raises where rows of this run are lost."""
        if run_id in self._broken:
            raise anew(self._broken[run_id])

    def delete(self, run_id: str) -> None:
        for told in (self.live, self._broken, self.notes.runs):
            told.pop(run_id, None)
        self.notes.fresh.discard(run_id)
        self._drop_rows(run_id)
        self.notes.deleted.append(run_id)

    def _drop_rows(self, run_id: str) -> None:
        for kept in (self.notes.rows, self.notes.chunks, self.notes.columns):
            for key in [key for key in kept if key[0] == run_id]:
                del kept[key]

    # What the disk may not have yet: `flying` are notes that are being written now

    def fresh(self) -> list[Run]:
        """The runs that the disk has not seen, newest first."""
        ids = [*dict.fromkeys(id for notes in self._both() for id in notes.runs if id in notes.fresh)]
        return [self.live[id] for id in reversed(ids) if id in self.live]

    def columns(self, run_id: str) -> dict[str, list[str]]:
        return {
            name: columns
            for notes in self._both()
            for (id, name), columns in notes.columns.items()
            if id == run_id
        }

    def waiting(self, run_id: str, table: str) -> tuple[list[Chunk], Rows]:
        """The rows that wait to be written: those that are packed, and then the others."""
        key = run_id, table
        packed = [chunk for notes in self._both() for chunk in notes.chunks.get(key, ())]
        return packed, [row for notes in self._both() for row in notes.rows.get(key, ())]

    def _both(self) -> list[Notes]:
        return [notes for notes in (self.flying, self.notes) if notes]

    # What became of a batch of notes

    def take(self) -> Notes:
        """Everything that is to be written now."""
        self.flying, self.notes = self.notes, Notes()
        return self.flying

    def stored(self, notes: Notes) -> None:
        """What is stored and will not change needs no memory."""
        self.flying = None
        for run_id, run in notes.runs.items():
            if run.state.ended and self.live.get(run_id) is run:
                del self.live[run_id]

    def take_back(self, notes: Notes, failure: StorageFailed) -> None:
        """It could not be written, and waits for the next try; rows that memory cannot hold are given up."""
        newer, self.flying, self.notes = self.notes, None, notes
        notes.runs = {id: self.live[id] for id in [*notes.runs, *newer.runs] if id in self.live}
        notes.fresh = (notes.fresh | newer.fresh) & self.live.keys()
        notes.columns |= newer.columns
        for key, rows in newer.rows.items():
            notes.rows.setdefault(key, []).extend(rows)
        for key, rows in [*notes.rows.items()]:
            try:
                notes.chunks.setdefault(key, []).extend(chunked(rows))
            except Exception:  # what no file can hold: a mistake of who appended it
                self._give_up(key[0], failure)
        notes.rows = {}
        for run_id in dict.fromkeys(id for id, _ in notes.columns):
            if run_id not in self.live:  # deleted meanwhile
                self._drop_rows(run_id)
        notes.deleted = [*dict.fromkeys([*notes.deleted, *newer.deleted])]
        notes.admitted += newer.admitted
        while notes.size_b() > WAITING_B:
            self._give_up(self._newest_with_rows(), failure)

    def _newest_with_rows(self) -> str:
        """One that is still measured, before one that has ended: who measures can be told."""
        ids = [*dict.fromkeys(id for id, _ in self.notes.chunks)]
        return max(ids, key=lambda id: (not self.live[id].state.ended, ids.index(id)))

    def _give_up(self, run_id: str, failure: StorageFailed) -> None:
        """The rows of this run that wait are lost, and it takes no more."""
        for id, table in [*self.notes.columns]:
            if id == run_id and run_id in self.live:
                lost = sum(count for count, _ in self.notes.chunks.get((id, table), ()))
                lost += len(self.notes.rows.get((id, table), ()))
                self.live[id] = self.notes.runs[id] = counted(self.live[id], table, -lost)
        self._drop_rows(run_id)
        self._break(run_id, failure)

    def spoil(self, notes: Notes, failure: StorageFailed) -> None:
        """The runs whose rows are in these notes take no more: their next `append` raises."""
        for run_id in {id for id, _ in [*notes.rows, *notes.chunks]}:
            self._break(run_id, failure)

    def _break(self, run_id: str, failure: StorageFailed) -> None:
        if run_id in self.live and not self.live[run_id].state.ended:
            self._broken[run_id] = failure

    def begin_anew(self, failure: StorageFailed) -> None:
        """The file is lost: a new one gets all that is here. Rows of runs under way are lost with it.

        What is being written is taken anew, with all of that in it.
        """
        if self.flying:
            self.take_back(self.flying, failure)
        for run in [*self.live.values()]:
            kept = dict.fromkeys(run.rows, 0)
            for table in kept:
                packed, plain = self.waiting(run.id, table)
                kept[table] = sum(count for count, _ in packed) + len(plain)
            self.live[run.id] = self.notes.runs[run.id] = replace(run, rows=kept)
            self.notes.fresh.add(run.id)
            if kept != run.rows:
                self._break(run.id, failure)
        self.take()


def counted(run: Run, table: str, more: int) -> Run:
    return replace(run, rows=run.rows | {table: run.rows.get(table, 0) + more})
