"""Subjects: the processes and threads that are measured. They start together, and none outlives its group.

Fork first, thread later: a process with threads must not fork. Whatever happens in a forked
subject, it ends there; it never returns into the code of its parent.

    with Group() as group:
        gate = Gate(2)
        spinners = [group.fork(spin, gate, name=f"spinner {i}", core=0) for i in (1, 2)]
        gate.open()
        ...
        usage = spinners[0].reap()
"""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import IO, Any, NamedTuple, NoReturn, TypeVar

from experiments.kit import tally
from experiments.kit.clock import NS_PER_S, now_ns, run_delay_ns, seconds
from experiments.kit.supervisor import PR_SET_PDEATHSIG, prctl

T = TypeVar("T")
READY_S = 10.0  # in which a forked subject is at its gate; a busy machine needs a tenth of a second


class Usage(NamedTuple):
    """What a subject used from fork to end. `rc` is its exit code, or minus the signal that ended it.

    `run_ns` counts all of its threads; `delay_ns` (ready without a core) is its main thread's.
    """

    wall_s: float
    run_ns: int
    delay_ns: int
    rc: int


class SubjectDied(RuntimeError):
    """A subject ended before it gave what was asked of it."""


class Subject:
    """A forked process that is measured."""

    def __init__(self, pid: int, name: str, started_ns: int) -> None:
        """`started_ns` is taken before the fork: after it the subject may run before its parent does."""
        self.pid = pid
        self.name = name
        self.started_ns = started_ns
        self.usage: Usage | None = None

    def reap(self) -> Usage:
        """Wait until the subject ends, and take it out of the process table."""
        if self.usage is None:
            delay_ns = delay_at_the_end(self.pid)
            _, status, used = os.wait4(self.pid, 0)
            run_ns = round((used.ru_utime + used.ru_stime) * NS_PER_S)
            rc = os.waitstatus_to_exitcode(status)
            self.usage = Usage(seconds(now_ns() - self.started_ns), run_ns, delay_ns, rc)
            tally.add(run_ns, delay_ns)
        return self.usage

    def kill(self) -> None:
        if self.usage is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        with contextlib.suppress(ChildProcessError):  # somebody else has reaped it
            self.reap()


class Worker(Subject):
    """A forked process that calls one function whenever it is asked, and answers what that returned.

    Arguments and answers are plain data (what `marshal` takes: numbers, words, bytes, lists, dicts).
    """

    def __init__(self, pid: int, name: str, started_ns: int, requests: IO[bytes], answers: IO[bytes]) -> None:
        super().__init__(pid, name, started_ns)
        self._requests = requests
        self._answers = answers

    def ask(self, *arguments: Any) -> None:
        """Start the next call; the worker is already awake at its pipe."""
        with self._alive():
            marshal.dump(arguments, self._requests)
            self._requests.flush()

    def answer(self) -> Any:
        with self._alive():
            return marshal.load(self._answers)

    @contextlib.contextmanager
    def _alive(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, BrokenPipeError) as error:
            rc = self.reap().rc
            raise SubjectDied(f"{self.name} ended (exit code {rc}) before it answered") from error

    def close(self) -> None:
        super().close()
        self._answers.close()
        with contextlib.suppress(BrokenPipeError):
            self._requests.close()


class Group:
    """Forks subjects; leaving the `with` block ends and reaps all that are left."""

    def __init__(self) -> None:
        self.subjects: list[Subject] = []
        self._ends: list[IO[bytes]] = []  # the parent's ends of all pipes

    def __enter__(self) -> Group:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for subject in self.subjects:
            subject.kill()
        for subject in self.subjects:
            subject.close()

    def fork(
        self, function: Callable[..., object], *arguments: object, core: int | None = None, name: str = ""
    ) -> Subject:
        """Call `function(*arguments)` in a child of its own, on one core if told."""
        parent, started_ns = os.getpid(), now_ns()
        pid = os.fork()
        if pid == 0:
            end_after(self._in_child, parent, core, function, *arguments)
        subject = Subject(pid, name or f"subject {pid}", started_ns)
        self.subjects.append(subject)
        return subject

    def worker(self, function: Callable[..., Any], *, core: int | None = None, name: str = "") -> Worker:
        """A child that waits to be asked; its answers come back over a pipe."""
        request_r, request_w = os.pipe()
        answer_r, answer_w = os.pipe()
        parent, started_ns = os.getpid(), now_ns()
        pid = os.fork()
        if pid == 0:
            os.close(request_w)
            os.close(answer_r)
            end_after(self._in_child, parent, core, serve, function, request_r, answer_w)
        os.close(request_r)
        os.close(answer_w)
        ends = os.fdopen(request_w, "wb"), os.fdopen(answer_r, "rb")
        self._ends += ends
        worker = Worker(pid, name or f"worker {pid}", started_ns, *ends)
        self.subjects.append(worker)
        return worker

    def _in_child(
        self, parent: int, core: int | None, function: Callable[..., object], *arguments: object
    ) -> None:
        end_with(parent, signal.SIGKILL)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        for end in self._ends:
            end.close()  # else a sibling would keep the pipes of a dead parent open
        if core is not None:
            os.sched_setaffinity(0, {core})
        function(*arguments)


class Gate:
    """Holds forked subjects until all of them are alive, then lets them go at once; again and again.

    Make it before the fork. A subject calls `wait`, the observer `open`. Two pipes take turns, so
    that a quick subject that is back already cannot take the turn of a slow one.
    """

    def __init__(self, subjects: int) -> None:
        self.subjects = subjects
        self._ready = os.pipe()
        self._go = (os.pipe(), os.pipe())
        self._round = 0

    def wait(self) -> int:
        """In a subject: be ready, and block until the gate opens; returns when that was."""
        reader, _ = self._next()
        os.write(self._ready[1], b"r")
        os.read(reader, 1)
        return now_ns()

    def open(self) -> int:
        """In the observer: wait until every subject is ready, then let them go; returns when that was."""
        _, writer = self._next()
        deadline_ns = now_ns() + int(READY_S * NS_PER_S)
        ready = 0
        while ready < self.subjects:
            left_s = seconds(deadline_ns - now_ns())
            if left_s <= 0 or not select.select([self._ready[0]], [], [], left_s)[0]:
                raise SubjectDied(f"only {ready} of {self.subjects} subjects were ready in {READY_S:.0f} s")
            ready += len(os.read(self._ready[0], self.subjects - ready))
        opened_ns = now_ns()
        os.write(writer, b"g" * self.subjects)
        return opened_ns

    def close(self) -> None:
        for fd in (*self._ready, *self._go[0], *self._go[1]):
            os.close(fd)

    def _next(self) -> tuple[int, int]:
        self._round += 1
        return self._go[self._round % 2]


def end_with(parent: int, number: signal.Signals) -> None:
    """Be sent this signal when the process that forked us dies, however that happens (prctl(2))."""
    prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)  # it died before we asked


def serve(function: Callable[..., Any], request_fd: int, answer_fd: int) -> None:
    """A worker's life: one call for each request, until the requests end."""
    with os.fdopen(request_fd, "rb") as requests, os.fdopen(answer_fd, "wb") as answers:
        while True:
            try:
                arguments = marshal.load(requests)
            except EOFError:
                return
            marshal.dump(function(*arguments), answers)
            answers.flush()


def end_after(function: Callable[..., object], *arguments: object) -> NoReturn:
    """In a forked child: call, and end there, with the traceback on stderr if it failed."""
    rc = 1
    try:
        function(*arguments)
        rc = 0
    except BaseException:  # SystemExit too: nothing may climb into the parent's code
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(rc)


def delay_at_the_end(pid: int) -> int:
    """Wait until a child ends, and read its run-queue delay while it is still a zombie."""
    if not hasattr(os, "waitid"):
        return 0
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return run_delay_ns(str(pid))


def in_threads(function: Callable[..., T], arguments: Sequence[Iterable[Any]]) -> list[T]:
    """Call `function` in one thread for each tuple of arguments, released at once; results in order.

    Every thread is alive before the first one starts to work. If one fails, the first error is raised.
    """
    barrier = threading.Barrier(len(arguments))
    results: dict[int, T] = {}
    errors: list[BaseException] = []

    def run(index: int, own: Iterable[Any]) -> None:
        barrier.wait()
        try:
            results[index] = function(*own)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=item) for item in enumerate(arguments)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(arguments))]
