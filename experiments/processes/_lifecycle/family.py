"""Four processes for `processes.lifecycle`: an adopter, a parent, its child, and one that it leaves behind.

The adopter is a child subreaper (prctl(2)): whoever loses its parent below it becomes its child. The
observer gives orders over pipes and hears numbers and stamps.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
from typing import NamedTuple

from experiments.kit.kernel.clock import now_ns
from experiments.kit.kernel.limits import fork
from experiments.kit.kernel.process_tree import PR_SET_CHILD_SUBREAPER, prctl
from experiments.kit.subjects.subjects import Group, SubjectDied, end_after, end_with, wait_readable
from experiments.kit.subjects.work import burn_until

PROGRAM = ("head", "-c", "1")  # a small program that ends after one byte of input
NEWS = struct.Struct("qq")
FORK, WAIT, LEAVE, END = b"f", b"w", b"l", b"e"
GO = b"g"
LONGEST_S = 60  # of an orphan, should everybody who could end it be killed


class Waited(NamedTuple):
    """When a parent called wait, and when that returned."""

    called_ns: int
    returned_ns: int


class Lines:
    """Pipes from the observer to each actor, and one back from the parent."""

    def __init__(self) -> None:
        self.orders, self.news, self.child, self.input, self.orphan = (os.pipe() for _ in range(5))
        self.open = {
            fd for pipe in (self.orders, self.news, self.child, self.input, self.orphan) for fd in pipe
        }

    def drop(self, fd: int) -> None:
        if fd in self.open:
            self.open.discard(fd)
            os.close(fd)

    def close(self) -> None:
        for fd in list(self.open):
            self.drop(fd)


class Family:
    """In the observer. Leaving the `with` block ends all of them, wherever they are in their lives."""

    def __init__(self, busy_ns: int) -> None:
        self._busy_ns = busy_ns
        self._group = Group()
        self._lines = Lines()

    def __enter__(self) -> Family:
        lines, busy_ns = self._lines, self._busy_ns

        def obey(order: str, pid: int) -> list[int]:
            return in_adopter(order, pid, lines, busy_ns)

        try:
            self._adopter = self._group.worker(obey, name="adopter")
            self.adopter = self._adopter.pid
            (self.parent,) = self._ask("begin")
            self._group.watch(self.parent, "parent")
        except BaseException:
            self.__exit__()
            raise
        lines.drop(lines.news[1])  # else nobody would hear that the parent is dead
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._group.unwatch_others()  # who has died is no reason not to tidy up
            with contextlib.suppress(SubjectDied, AttributeError):
                self._ask("tidy")
        finally:
            self._group.__exit__(None, None, None)
            self._lines.close()

    def _ask(self, order: str, pid: int = 0) -> list[int]:
        self._adopter.ask(order, pid)
        answer: list[int] = self._adopter.answer()
        return answer

    def _tell_parent(self, order: bytes) -> tuple[int, int]:
        os.write(self._lines.orders[1], order)
        wait_readable(self._lines.news[0])
        heard = os.read(self._lines.news[0], NEWS.size)
        if not heard:
            raise SubjectDied("the parent ended before it answered")
        first, second = NEWS.unpack(heard)
        return first, second

    def fork(self) -> int:
        return self._tell_parent(FORK)[0]

    def leave_one(self) -> int:
        return self._tell_parent(LEAVE)[0]

    def parent_waits(self) -> Waited:
        return Waited(*self._tell_parent(WAIT))

    def adopter_waits(self, pid: int) -> Waited:
        return Waited(*self._ask("wait", pid))

    def begin_program(self) -> None:
        os.write(self._lines.child[1], GO)

    def end_program(self) -> None:
        os.write(self._lines.input[1], GO)

    def end_parent(self) -> None:
        self._group.unwatch_others()
        os.write(self._lines.orders[1], END)

    def end_orphan(self) -> None:
        os.write(self._lines.orphan[1], GO)


# -- in the adopter -------------------------------------------------------------------------------


def in_adopter(order: str, pid: int, lines: Lines, busy_ns: int) -> list[int]:
    if order == "begin":
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        parent = fork()
        if parent == 0:
            end_after(be_parent, os.getppid(), lines, busy_ns)
        lines.close()
        return [parent]
    if order == "wait":
        called_ns = now_ns()
        os.waitpid(pid, 0)
        return [called_ns, now_ns()]
    tidy()
    return []


def tidy() -> None:
    """End everybody below: whoever loses its parent by that is ours in the next round."""
    while children := own_children():
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def own_children() -> list[int]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(pid) for pid in file.read().split()]


# -- in the parent and below ----------------------------------------------------------------------


def be_parent(adopter: int, lines: Lines, busy_ns: int) -> None:
    """Obeys until it is told to end, and never waits for the one that it leaves behind."""
    end_with(adopter, signal.SIGKILL)
    child = 0
    while (order := os.read(lines.orders[0], 1)) not in (END, b""):
        if order == WAIT:
            called_ns = now_ns()
            os.waitpid(child, 0)
            tell(lines, called_ns, now_ns())
            continue
        pid = fork()
        if pid == 0:
            end_after(*((be_child, lines, busy_ns) if order == FORK else (be_orphan, lines)))
        child = pid if order == FORK else child
        tell(lines, pid, 0)


def tell(lines: Lines, first: int, second: int) -> None:
    os.write(lines.news[1], NEWS.pack(first, second))


def be_child(lines: Lines, busy_ns: int) -> None:
    """Compute, wait, become another program."""
    end_with(os.getppid(), signal.SIGKILL)
    burn_until(now_ns() + busy_ns)
    os.read(lines.child[0], 1)
    os.dup2(lines.input[0], 0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execvp(PROGRAM[0], PROGRAM)


def be_orphan(lines: Lines) -> None:
    signal.alarm(LONGEST_S)
    os.read(lines.orphan[0], 1)
