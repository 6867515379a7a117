"""What was told and is not on the disk yet. Plain bookkeeping: the store holds its lock around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.runs import Run
from app.storage.disk import Notes
from app.storage.failures import StorageFailed, anew
from app.storage.schema import Rows


class Memory:
    """The runs that may still change, the notes for the disk, and what could not be written."""

    def __init__(self) -> None:
        self.live: dict[str, Run] = {}  # runs that have not ended, or whose end is not on the disk yet
        self.notes = Notes()
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
        if run.id in self._broken:
            raise anew(self._broken[run.id])
        self.keep(counted(run, table, len(rows)))
        self.notes.columns[run.id, table] = [*columns]
        self.notes.rows.setdefault((run.id, table), []).extend(rows)

    def delete(self, run_id: str) -> None:
        for told in (self.live, self._broken, self.notes.runs):
            told.pop(run_id, None)
        self.notes.fresh.discard(run_id)
        for key in [key for key in self.notes.rows if key[0] == run_id]:
            del self.notes.rows[key], self.notes.columns[key]
        self.notes.deleted.append(run_id)

    def fresh(self) -> list[Run]:
        """The runs that the disk has not seen, newest first."""
        return [run for run in reversed(self.notes.runs.values()) if run.id in self.notes.fresh]

    # What became of a batch of notes

    def take(self) -> Notes:
        """Everything that is to be written now."""
        taken, self.notes = self.notes, Notes()
        return taken

    def stored(self, notes: Notes) -> None:
        """What is stored and will not change needs no memory."""
        for run_id, run in notes.runs.items():
            if run.state.ended and self.live.get(run_id) is run:
                del self.live[run_id]

    def give_up(self, notes: Notes, failure: StorageFailed) -> None:
        """Drop the rows, which may be many; keep for the next try what became of the runs."""
        self.spoil(notes, failure)
        for (run_id, table), rows in notes.rows.items():
            if run_id in self.live:
                self.live[run_id] = counted(self.live[run_id], table, -len(rows))
        for run_id in notes.runs:
            if run_id in self.live:  # not deleted meanwhile
                self.notes.runs[run_id] = self.live[run_id]
        self.notes.fresh |= notes.fresh & self.live.keys()
        self.notes.deleted = notes.deleted + self.notes.deleted

    def spoil(self, notes: Notes, failure: StorageFailed) -> None:
        """The runs whose rows are in these notes take no more: their next `append` raises."""
        self._broken |= {run_id: failure for run_id, _ in notes.rows if run_id in self.live}


def counted(run: Run, table: str, more: int) -> Run:
    return replace(run, rows=run.rows | {table: run.rows.get(table, 0) + more})
