"""The table: what threads that take locks write down, in memory that they share with their observer.

Each thread changes its own cells only, and a lock's owner only while it has the lock. Its count is odd
while it changes something: an observer that finds all counts even, and the same before and after, has
seen one moment and not a mixture. The marks are a ring: the last ones stay.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from experiments.kit.kernel.clock import now_ns

WANTS, TAKES, WORKS, DROPS, LEAVES = range(5)  # what a mark says; LEAVES: gives up the wait
MARKS = 512  # that are kept of each thread
CELL_B = 8
NOBODY = -1
WAITER = 63  # in place of a lock: it has no owner


class Mark(NamedTuple):
    """A thread begins something at a moment."""

    t_ns: int
    what: int
    lock: int


class Moment(NamedTuple):
    """Who owns each lock, and which lock each thread wants; NOBODY where none."""

    owners: tuple[int, ...]
    wants: tuple[int, ...]
    counts: tuple[int, ...] = ()


Relation = Literal["held by", "waits for", "alone"]
Arrow = tuple[str, str, Relation]
Cycle = tuple[tuple[int, int], ...]  # (thread, the lock it wants), each lock owned by the next thread


class Table:
    """As many locks as threads, as at a round table. Make it before the fork."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.memory = mmap.mmap(-1, CELL_B * threads * (7 + 2 * MARKS) + CELL_B)
        self.cells = memoryview(self.memory).cast("q")
        own = [self.cells[n * threads : (n + 1) * threads] for n in range(7)]
        self.counts, self.wants, self.owners, self.tasks, self.written, self.meals, self.backoffs = own
        self.views = own
        for n in range(threads):
            self.wants[n] = self.owners[n] = NOBODY

    @property
    def start_ns(self) -> int:
        return self.cells[-1]

    def begin(self) -> int:
        self.cells[-1] = now_ns()
        return self.start_ns

    def mark(self, thread: int, what: int, lock: int) -> None:
        """By the thread itself: it begins this now, and so changes who owns or wants what."""
        self.counts[thread] += 1
        if what == WANTS:
            self.wants[thread] = lock if lock < self.threads else NOBODY
        else:
            self.wants[thread] = NOBODY
        if what == TAKES and lock < self.threads:
            self.owners[lock] = thread
        elif what == DROPS and lock < self.threads:
            self.owners[lock] = NOBODY
        place = self.place(thread, self.written[thread])
        self.cells[place] = now_ns()
        self.cells[place + 1] = what * 64 + lock
        self.written[thread] += 1
        self.counts[thread] += 1

    def place(self, thread: int, number: int) -> int:
        return 7 * self.threads + 2 * (thread * MARKS + number % MARKS)

    def moment(self) -> Moment | None:
        """By the observer: how it is now; None where somebody is just changing it."""
        before = tuple(self.counts)
        seen = Moment(tuple(self.owners), tuple(self.wants), before)
        return None if tuple(self.counts) != before or any(count % 2 for count in before) else seen

    def marks(self, thread: int) -> list[Mark]:
        """Of a thread that has come to rest, in order."""
        last = self.written[thread]
        places = [self.place(thread, number) for number in range(max(0, last - MARKS), last)]
        return [Mark(self.cells[p], *divmod(self.cells[p + 1], 64)) for p in places]

    def at(self, t_ns: int) -> Moment:
        """How it was then, told from the marks alone."""
        owners, wants = [NOBODY] * self.threads, [NOBODY] * self.threads
        for thread in range(self.threads):
            held, wants[thread] = hands([mark for mark in self.marks(thread) if mark.t_ns <= t_ns])
            for lock in held - {WAITER}:
                owners[lock] = thread
        return Moment(tuple(owners), tuple(NOBODY if lock == WAITER else lock for lock in wants))

    def close(self) -> None:
        for view in (*self.views, self.cells):
            view.release()
        self.memory.close()


def hands(marks: Iterable[Mark]) -> tuple[set[int], int]:
    """Which locks a thread has after these marks, and which it wants."""
    held: set[int] = set()
    wanted = NOBODY
    for _, what, lock in marks:
        wanted = lock if what == WANTS else NOBODY
        if what == TAKES:
            held.add(lock)
        elif what == DROPS:
            held.discard(lock)
    return held, wanted


def cycle_in(moment: Moment) -> Cycle:
    """The waits that lead back to where they began; empty where none do."""
    for first in range(len(moment.wants)):
        path: dict[int, int] = {}
        thread = first
        while thread != NOBODY and thread not in path and moment.wants[thread] != NOBODY:
            path[thread] = moment.wants[thread]
            thread = moment.owners[path[thread]]
        if path and thread == first:
            return tuple(sorted(path.items()))
    return ()


def arrows(moment: Moment, threads: Sequence[str], locks: Sequence[str]) -> Iterator[Arrow]:
    """(source, target, what it means): each lock points to its owner, each thread to the lock it wants.

    Whoever has no arrow comes alone, with an empty target.
    """
    for thread, wanted in enumerate(moment.wants):
        if wanted != NOBODY:
            yield threads[thread], locks[wanted], "waits for"
        elif thread not in moment.owners:
            yield threads[thread], "", "alone"
    for lock, owner in enumerate(moment.owners):
        if owner != NOBODY:
            yield locks[lock], threads[owner], "held by"
        elif lock not in moment.wants:
            yield locks[lock], "", "alone"
