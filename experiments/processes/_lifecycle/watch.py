"""Looks at a few processes every half millisecond: state, name, parent, memory, and whether it is over."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from typing import NamedTuple

from experiments.kit.kernel.calls import open_pidfd
from experiments.kit.kernel.clock import now_ns, sleep_until
from experiments.kit.kernel.proc import Task
from experiments.kit.subjects.sampling import Look, Painter, Stretch, look_at
from experiments.kit.subjects.subjects import SubjectDied

PERIOD_NS = 500_000
LONGEST_NS = 2_000_000_000
ZOMBIE = "ZX"
PAGE_B = os.sysconf("SC_PAGE_SIZE")


class Seen(NamedTuple):
    """One look at one process; `at_ns` is when it began, `number` counts the looks at all of them."""

    number: int
    at_ns: int
    done_ns: int
    letter: str
    program: str
    parent: int
    resident_b: int
    ended: bool | None  # its pidfd is readable; None where there is none


class Lane:
    """A process as it was seen, until it was gone."""

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self.pid = pid
        self.looks: list[Seen] = []
        self.gone: tuple[int, int] | None = None  # the look that did not find it: its number, its moment
        self.may_end = False  # it has been told to
        self.task = Task(pid)
        self.painter = Painter()
        self._before: Look | None = None
        self._stat = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        self._pidfd = pidfd_of(pid)
        self._ends = select.poll()
        if self._pidfd >= 0:
            self._ends.register(self._pidfd, select.POLLIN)

    def look(self, number: int) -> None:
        if self.gone:
            return
        at_ns = now_ns()
        try:
            ended = bool(self._ends.poll(0)) if self._pidfd >= 0 else None
            letter, program, parent, resident_b = parsed(os.pread(self._stat, 1024, 0))
            self._before = look_at(self.task, self._before)
        except ProcessLookupError:
            self.raise_untold()
            self.gone = number, at_ns
            return
        if letter in ZOMBIE:
            self.raise_untold()
        self.painter.look(self._before)
        self.looks.append(Seen(number, at_ns, now_ns(), letter, program, parent, resident_b, ended))

    def raise_untold(self) -> None:
        """SubjectDied where nobody had told it to end: somebody else has killed it."""
        if not self.may_end:
            raise SubjectDied(f"{self.name} ended before it was told to")

    def send(self, number: signal.Signals) -> None:
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            self.raise_untold()

    def stretches(self) -> list[Stretch]:
        return self.painter.take()

    def close(self) -> None:
        self.task.close()
        os.close(self._stat)
        if self._pidfd >= 0:
            os.close(self._pidfd)


def pidfd_of(pid: int) -> int:
    """-1 where the system has none, or forbids it."""
    try:
        return open_pidfd(pid)
    except (OSError, AttributeError):
        return -1


class Watch:
    """Lanes that are looked at together."""

    def __init__(self) -> None:
        self.lanes: dict[str, Lane] = {}
        self.began_ns = now_ns()
        self._number = 0

    def add(self, name: str, pid: int) -> Lane:
        lane = self.lanes[name] = Lane(name, pid)
        lane.look(self._number)
        return lane

    def look_for(self, length_ns: int) -> None:
        until_ns = now_ns() + length_ns
        while (start_ns := now_ns()) < until_ns:
            self._number += 1
            for lane in self.lanes.values():
                lane.look(self._number)
            sleep_until(min(until_ns, start_ns + PERIOD_NS))

    def look_till(self, lane: Lane, reached: Callable[[Seen], bool]) -> None:
        """Until a look finds it so, or it is gone, or for as long as only a stuck machine takes."""
        until_ns = now_ns() + LONGEST_NS
        while not lane.gone and not reached(lane.looks[-1]) and now_ns() < until_ns:
            self.look_for(PERIOD_NS)

    def close(self) -> None:
        for lane in self.lanes.values():
            lane.close()


def parsed(stat: bytes) -> tuple[str, str, int, int]:
    """State, name, parent and resident bytes from /proc/<pid>/stat; a name may hold anything (proc(5))."""
    begin, end = stat.index(b"("), stat.rindex(b")")
    fields = stat[end + 2 :].split()
    program = stat[begin + 1 : end].decode(errors="replace")
    return fields[0].decode(), program, int(fields[1]), int(fields[21]) * PAGE_B
