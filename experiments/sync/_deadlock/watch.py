"""Looks at the table from another process, and tells when everything there stands still for good."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Literal, NamedTuple

from experiments.kit.kernel.calls import exit_code
from experiments.kit.kernel.clock import NS_PER_S, now_ns, seconds
from experiments.kit.kernel.proc import Task
from experiments.kit.subjects.subjects import Subject, SubjectDied, how_it_ended
from experiments.sync._deadlock.table import DROPS, TAKES, WANTS, WORKS, Cycle, Mark, Moment, Table, cycle_in

Doing = Literal["running", "lock", "blocked"]
LOOK_S = 0.005
STANDS_S = 0.05  # a cycle that has not moved for so long is for good: no wait of ours is so patient
LATE_S = 20.0  # beyond its time; a round that has neither ended nor stopped by then never will


class Seen(NamedTuple):
    """What became of a round: how long it was watched, and the cycle it stopped in, if it did."""

    start_ns: int
    end_ns: int
    cycle: Cycle
    found_ns: int  # the second look that found the same cycle; 0 where none was found twice
    asleep: int  # threads of the cycle that the kernel says are blocked
    opened: int  # cycles that were found twice, and then moved on
    fullest: Moment | None  # the look with most threads waiting

    @property
    def stopped(self) -> bool:
        return bool(self.cycle)


class Watch:
    """The same cycle twice, without a move of its threads between, is found; standing on, it is for good."""

    def __init__(self, table: Table, pid: int) -> None:
        self.table, self.pid = table, pid
        self.before: Moment | None = None
        self.since_ns = self.found_ns = self.opened = 0
        self.fullest: Moment | None = None

    def look(self, stands_s: float) -> Cycle:
        """One look; the cycle, once it has stood for long enough and all its threads are blocked."""
        now = self.table.moment()
        if now is None:
            return ()
        if self.fullest is None or waiting(now) > waiting(self.fullest):
            self.fullest = now
        cycle = cycle_in(now)
        if not cycle or self.before is None or not unmoved(cycle, now, self.before):
            self.opened += bool(self.found_ns)
            self.before, self.since_ns, self.found_ns = (now if cycle else None), now_ns(), 0
            return ()
        self.found_ns = self.found_ns or now_ns()
        standing = seconds(now_ns() - self.since_ns) >= stands_s
        return cycle if standing and self.asleep(cycle) == len(cycle) else ()

    def asleep(self, cycle: Cycle) -> int:
        return sum(blocked(self.pid, self.table.tasks[thread]) for thread, _ in cycle)


def watch(table: Table, subject: Subject, seconds_: float, patience_s: float) -> Seen:
    """Until the round ends or stops; a child that stopped is left to whoever ends the group."""
    watching = Watch(table, subject.pid)
    stands_s = max(STANDS_S, 10 * patience_s)
    deadline_ns = now_ns() + round((seconds_ + stands_s + LATE_S) * NS_PER_S)
    cycle: Cycle = ()
    while not cycle and exit_code(subject.pid) is None:
        if now_ns() > deadline_ns:
            raise SubjectDied(f"{subject.name} neither ended nor stopped in {seconds_ + LATE_S:.0f} s")
        time.sleep(LOOK_S)
        cycle = watching.look(stands_s)
    if not cycle and (rc := subject.reap().rc):
        raise SubjectDied(f"{subject.name} failed: their process {how_it_ended(rc)}")
    found_ns = watching.found_ns if cycle else 0
    asleep = watching.asleep(cycle) if cycle else 0
    opened = watching.opened + (bool(watching.found_ns) and not cycle)
    return Seen(table.start_ns, now_ns(), cycle, found_ns, asleep, opened, watching.fullest)


def unmoved(cycle: Cycle, now: Moment, before: Moment) -> bool:
    return cycle == cycle_in(before) and all(now.counts[n] == before.counts[n] for n, _ in cycle)


def waiting(moment: Moment) -> int:
    return sum(wanted >= 0 for wanted in moment.wants)


def blocked(pid: int, tid: int) -> bool:
    """By the kernel's letter; whoever waits for a core, or for its clock, is not."""
    with suppress(OSError):
        task = Task(pid, tid)
        try:
            return task.state() == "S"
        finally:
            task.close()
    return False


def closing_ns(table: Table, cycle: Cycle) -> int:
    """When the last wait of a cycle began: the moment it closed."""
    return max(table.marks(thread)[-1].t_ns for thread, _ in cycle)


STATE: dict[int, Doing] = {WANTS: "lock", WORKS: "running"}  # after anything else a thread sleeps on purpose


def spans(table: Table, thread: int, begin_ns: int, end_ns: int) -> Iterator[tuple[Doing, int, int]]:
    """State, start and end, cut to a window."""
    marks = [*table.marks(thread), Mark(end_ns, DROPS, 0)]
    for mark, after in pairwise(marks):
        if after.what == WORKS and mark.what == TAKES:
            continue  # between taking the second lock and working
        start, end = max(mark.t_ns, begin_ns), min(after.t_ns, end_ns)
        if start < end:
            yield STATE.get(mark.what, "blocked"), start, end
