"""Subjects: the processes and threads that are measured. They start together, and none outlives its group.

Fork first, thread later: a process with threads must not fork. Whatever happens in a forked
subject, it ends there; it never returns into the code of its parent.

Whoever waits for a subject also waits for its death, and for that of all the others: what one of them
is to bring may depend on another. So `answer`, `open` and `wait_readable` end with SubjectDied when a
subject of this process was killed or has failed, and `interrupted_by_deaths` does so for any other wait.

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
import resource
import select
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FrameType, TracebackType
from typing import IO, Any, NamedTuple, NoReturn, Protocol, TypeVar

from experiments.kit.kernel import affinity, calls
from experiments.kit.kernel.clock import NS_PER_S, now_ns, run_delay_ns, seconds
from experiments.kit.kernel.limits import FILES, LimitHit, fork, limit_of
from experiments.kit.kernel.process_tree import PR_SET_PDEATHSIG, prctl
from experiments.kit.subjects import tally

T = TypeVar("T")
READY_S = 10.0  # in which a forked subject is at its gate; a busy machine needs a tenth of a second
LOOK_S = 0.2  # between two looks whether all are alive, where no descriptor tells it
FEW_DESCRIPTORS = 256  # with a limit below this, none is spent on telling
HEAD = struct.Struct("I?")  # before an answer: its size, and whether it is one, or says why there is none


class Usage(NamedTuple):
    """What a subject used from fork to end. `rc` is its exit code, or minus the signal that ended it.

    `run_ns` counts all of its threads; `delay_ns` (ready without a core) is its main thread's, and None
    where the system does not tell it.
    """

    wall_s: float
    run_ns: int
    delay_ns: int | None
    rc: int


class SubjectDied(RuntimeError):
    """A subject ended before it gave what was asked of it."""

    is_sentence = True  # for the reader of the run


class Watched(Protocol):
    """A process whose death ends the waits of this one. `pidfd` is -1 where there is none."""

    pid: int
    name: str
    pidfd: int

    def trouble(self) -> str: ...


watched: dict[int, Watched] = {}  # by pid: all below this process that are still needed
lost: list[str] = []  # what became of subjects that ended unasked, as a sentence for each


class Subject:
    """A forked process that is measured. `expendable`: that it dies is no trouble."""

    def __init__(self, pid: int, name: str, started_ns: int) -> None:
        """`started_ns` is taken before the fork: after it the subject may run before its parent does."""
        self.pid = pid
        self.name = name
        self.started_ns = started_ns
        self.usage: Usage | None = None
        self.expendable = False
        self.pidfd = pidfd_of(pid)
        watched[pid] = self

    def trouble(self) -> str:
        """How it ended though nobody had asked it to; "" while it lives, and where it ended well."""
        rc = None if self.expendable else self.ended()
        return how_it_ended(rc) if rc else ""

    def ended(self) -> int | None:
        """Its exit code, without waiting; None while it lives, and where somebody else has reaped it."""
        if self.usage:
            return self.usage.rc
        with contextlib.suppress(ChildProcessError):
            return calls.exit_code(self.pid)
        return None

    def reap(self) -> Usage:
        """Wait until the subject ends, and take it out of the process table."""
        if self.usage is None:
            unwatch(self)
            delay_ns = delay_at_the_end(self.pid)
            _, status, used = os.wait4(self.pid, 0)
            run_ns = round((used.ru_utime + used.ru_stime) * NS_PER_S)
            rc = os.waitstatus_to_exitcode(status)
            self.usage = Usage(seconds(now_ns() - self.started_ns), run_ns, delay_ns, rc)
            tally.add(run_ns, delay_ns)
            if rc and not self.expendable:
                lost.append(f"{self.name} {how_it_ended(rc)}")
        return self.usage

    def kill(self) -> None:
        if self.usage is None:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                self.expendable = self.expendable or calls.exit_code(self.pid) is None
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
        try:
            marshal.dump(arguments, self._requests)
            self._requests.flush()
        except BrokenPipeError as error:
            raise self._died() from error

    def answer(self) -> Any:
        """What it returns; LimitHit where it met one, and SubjectDied where it ends before that, or another
        one is lost meanwhile."""
        size, answered = HEAD.unpack(self._read(HEAD.size))
        answer = marshal.loads(self._read(size))
        if not answered:
            raise LimitHit(answer)
        return answer

    def _read(self, size: int) -> bytes:
        fd, parts = self._answers.fileno(), []
        while size:
            wait_readable(fd, wanted=self)
            if not (part := os.read(fd, size)):
                raise self._died()
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _died(self) -> SubjectDied:
        return SubjectDied(f"{self.name} {how_it_ended(self.reap().rc)} before it answered")

    def close(self) -> None:
        super().close()
        self._answers.close()
        with contextlib.suppress(BrokenPipeError):
            self._requests.close()


class Group:
    """Forks subjects; leaving the `with` block ends and reaps all that are left."""

    def __init__(self) -> None:
        self.subjects: list[Subject] = []
        self.others: list[Other] = []
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
        self.unwatch_others()

    def watch(self, pid: int, name: str) -> None:
        """A process that one of the subjects has made: its death, too, ends the waits of this one."""
        self.others.append(Other(pid, name))

    def unwatch_others(self) -> None:
        """Before they are told to end."""
        while self.others:
            unwatch(self.others.pop())

    def fork(
        self, function: Callable[..., object], *arguments: object, core: int | None = None, name: str = ""
    ) -> Subject:
        """Call `function(*arguments)` in a child of its own, on one core if told."""
        parent, started_ns = os.getpid(), now_ns()
        pid = fork()
        if pid == 0:
            end_after(self._in_child, parent, core, function, *arguments)
        subject = Subject(pid, name or f"subject {pid}", started_ns)
        self.subjects.append(subject)
        return subject

    def worker(self, function: Callable[..., Any], *, core: int | None = None, name: str = "") -> Worker:
        """A child that waits to be asked; its answers come back over a pipe."""
        with contextlib.ExitStack() as undo:
            (request_r, request_w), (answer_r, answer_w) = (pipe_until(undo) for _ in range(2))
            parent, started_ns = os.getpid(), now_ns()
            pid = fork()
            undo.pop_all()
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
        forget_all()
        if core is not None:
            affinity.pin_or_end({core})
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
            if not wait_readable(self._ready[0], deadline_ns):
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


class Other:
    """A process below us that is no child of ours, so that nobody tells us how it ended."""

    def __init__(self, pid: int, name: str) -> None:
        self.pid = pid
        self.name = name
        self.pidfd = pidfd_of(pid)
        watched[pid] = self

    def trouble(self) -> str:
        try:
            with open(f"/proc/{self.pid}/stat", "rb", buffering=0) as file:
                stat = file.read()
        except OSError:
            return "ended"
        return "ended" if stat[stat.rindex(b")") + 2] in b"ZX" else ""


def pidfd_of(pid: int) -> int:
    """Tells of its end without a look; -1 where there is none, or none to spare."""
    try:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < FEW_DESCRIPTORS:
            return -1
        return calls.open_pidfd(pid)
    except (OSError, AttributeError):
        return -1


def unwatch(one: Watched) -> None:
    if watched.get(one.pid) is one:
        del watched[one.pid]
    if one.pidfd >= 0:
        os.close(one.pidfd)
        one.pidfd = -1


def forget_all() -> None:
    """In a forked child, whose siblings are not its own."""
    for one in list(watched.values()):
        unwatch(one)
    lost.clear()


def how_it_ended(rc: int) -> str:
    """Of an exit code, or of minus the signal that ended it."""
    if rc >= 0:
        return f"ended (exit code {rc})"
    try:
        return f"ended (killed by {signal.Signals(-rc).name})"
    except ValueError:  # a real-time signal
        return f"ended (killed by signal {-rc})"


def wait_readable(fd: int, deadline_ns: int | None = None, wanted: Watched | None = None) -> bool:
    """Block until there is something to read (or its end); False where the deadline came first.

    SubjectDied as soon as a subject has died unasked. Of `wanted`, who is to write, also where it ended
    well; but what it wrote before can still be read.
    """
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    by_pidfd = {one.pidfd: one for one in watched.values() if one.pidfd >= 0}
    for pidfd in by_pidfd:
        poll.register(pidfd, select.POLLIN)
    looks = len(by_pidfd) < len(watched)
    while True:
        ready = {number for number, _ in poll.poll(pause_ms(deadline_ns, looks))}
        ended = [by_pidfd[pidfd] for pidfd in ready - {fd}]
        if wanted in ended or (looks and wanted):
            ready |= {fd} & {number for number, _ in poll.poll(0)}  # written between the two looks of poll
        for one in ended:
            if one is wanted and fd in ready:
                continue
            raise_trouble_of(one, ended=one is wanted)
            poll.unregister(one.pidfd)
            unwatch(one)
        if fd in ready:
            return True
        if looks:
            raise_trouble()
        if deadline_ns is not None and now_ns() >= deadline_ns:
            return False


def pause_ms(deadline_ns: int | None, looks: bool) -> float | None:
    """How long to sleep at most: until the deadline, or the next look."""
    left_s = [LOOK_S] if looks else []
    if deadline_ns is not None:
        left_s.append(max(0.0, seconds(deadline_ns - now_ns())))
    return min(left_s) * 1000 if left_s else None


def raise_trouble_of(one: Watched, ended: bool = False) -> None:
    """SubjectDied where it was killed or has failed; where it is `ended`, in any case."""
    if how := one.trouble() or ("ended" if ended else ""):
        raise SubjectDied(f"{one.name} {how} while it was needed")


def raise_trouble() -> None:
    for one in list(watched.values()):
        raise_trouble_of(one)


def raise_lost() -> None:
    """SubjectDied where one of the subjects of this run ended unasked, though nobody waited for it."""
    raise_trouble()
    if lost:
        raise SubjectDied(f"{lost[0]} while it was needed")


@contextlib.contextmanager
def interrupted_by_deaths() -> Iterator[None]:
    """Meanwhile the death of a subject ends any wait of the main thread, also one that is measured.

    SIGCHLD tells of it. It may come just before a call goes to sleep, which then sleeps on: so each such
    wait is made in `looks_again`.
    """
    before = {number: signal.signal(number, look_at_all) for number in (signal.SIGCHLD, signal.SIGALRM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def look_at_all(_number: int, _frame: FrameType | None) -> None:
    raise_trouble()


@contextlib.contextmanager
def looks_again() -> Iterator[None]:
    """A signal every second, as long as this lasts; a timer that does not fire disturbs nothing."""
    signal.setitimer(signal.ITIMER_REAL, 1, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def pipe_until(undo: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe that is closed again unless somebody takes it over."""
    try:
        pipe = os.pipe()
    except OSError as error:
        raise LimitHit(FILES) from error
    for end in pipe:
        undo.callback(os.close, end)
    return pipe


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
            answer, answered = answer_of(function, arguments)
            answers.write(HEAD.pack(len(answer), answered) + answer)
            answers.flush()


def answer_of(function: Callable[..., Any], arguments: Iterable[Any]) -> tuple[bytes, bool]:
    """What a call returned; or the sentence that it came to, where that is for the reader of the run."""
    try:
        return marshal.dumps(function(*arguments)), True
    except Exception as error:
        if not (sentence := limit_of(error)):
            raise
        return marshal.dumps(sentence), False


def end_after(function: Callable[..., object], *arguments: object) -> NoReturn:
    """In a forked child: call, and end there, with the traceback on stderr if it failed."""
    rc = 1
    try:
        function(*arguments)
        rc = 0
    except BaseException as error:  # SystemExit too: nothing may climb into the parent's code
        if sentence := limit_of(error):
            print(sentence, file=sys.stderr)  # noqa: T201  # that is where last words belong
        else:
            traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(rc)


def delay_at_the_end(pid: int) -> int | None:
    """Wait until a child ends, and read its run-queue delay while it is still a zombie; None where the
    system does not tell."""
    calls.exit_code(pid, wait=True)
    return run_delay_ns(str(pid))


def in_threads(function: Callable[..., T], arguments: Sequence[Iterable[Any]]) -> list[T]:
    """Call `function` in one thread for each tuple of arguments, released at once; results in order.

    Every thread is alive before the first one starts to work. If one fails, the first error is raised.
    """
    barrier = threading.Barrier(len(arguments))
    results: dict[int, T] = {}
    errors: list[BaseException] = []

    def run(index: int, own: Iterable[Any]) -> None:
        try:
            barrier.wait()
            results[index] = function(*own)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=item) for item in enumerate(arguments)]
    try:
        for thread in threads:
            thread.start()
    except RuntimeError:
        barrier.abort()  # those that are alive would wait for ever
        raise
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(arguments))]
