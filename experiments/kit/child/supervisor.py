"""The supervising half of a run: it forks the measuring half, watches it and ends its whole tree.

It sleeps in one `poll` while the run lasts, on the lifeline (stdin: end of file means that whoever
asked for the run is gone) and on signals. However a run ends, `process_tree.end_all` is the one way out.
Being a child subreaper, this process adopts every orphan of the run, so parentage finds them all.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

from experiments.kit.child.rest import NOT_TOLD
from experiments.kit.kernel import affinity
from experiments.kit.kernel.process_tree import (
    PR_SET_CHILD_SUBREAPER,
    PR_SET_PDEATHSIG,
    end_all,
    family,
    members,
    prctl,
    proportional_b,
    resident_b,
)

WATCH_S = 0.5  # between two looks at memory and output; a look costs about 0.1 ms
OUTPUT_B = 16 << 20  # of stray prints; a file that grows further starts anew


Note = dict[str, Any]  # what the measuring half tells at its end: done, machine, run_s, delay_s


class Place(NamedTuple):
    """Where and how nice a run is to be: as oscope was when it was started, whatever became of the server."""

    cores: Sequence[int] = ()
    nice: int | None = None
    group_nice: int = 0  # of the session (sched(7), "The autogroup feature")


def supervise(
    measure: Callable[[], Note],
    channel: int,
    lifeline: int = 0,
    deadline_s: float | None = None,
    memory_b: int | None = None,
    place: Place = Place(),  # noqa: B008  # immutable
) -> NoReturn:
    """Fork, let the child `measure`, and write the closing line to `channel` when all is over."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    supervisor, (note, note_end), alarm = os.getpid(), os.pipe(), listen()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # the child has our handler for a moment
    leader = os.fork()
    if leader == 0:
        lead(measure, supervisor, note_end, place)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.close(note_end)
    tree = Tree(leader)
    why = watch(tree, lifeline, alarm, deadline_s, memory_b)
    killed = end_all(tree.living)
    told = read_note(note)
    done = told.pop("done", False)
    if why == "exit":
        why = "done" if done else "failed"
    write_line(channel, closing_line(why, tree.status, killed, told))
    os._exit(0)


def listen() -> int:
    """A descriptor that becomes readable when a child ends or somebody asks us to stop."""
    alarm, bell = os.pipe()
    os.set_blocking(alarm, False)
    os.set_blocking(bell, False)
    signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the number arrives through the descriptor
    return alarm


# The measuring half


def lead(measure: Callable[[], Note], supervisor: int, note: int, place: Place) -> NoReturn:
    """Measure as the leader of a session of its own, note what is to be told, and never return."""
    status = 1
    try:
        lead_session()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:
            os._exit(1)  # it died before we asked to die with it
        shed_inheritance()
        take_place(place)
        told = measure()
        os.write(note, json.dumps(told).encode())
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        # No interpreter shutdown: it would join threads that may hang. What is left the parent ends.
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def lead_session() -> None:
    """Where a session is refused, a process group is what is left of it."""
    try:
        os.setsid()
    except OSError:
        with suppress(OSError):
            os.setpgid(0, 0)


def shed_inheritance() -> None:
    """Undo what came with the fork."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.umask(0o077)  # its scratch folder is ours alone; a stricter one would keep it from its own files
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # the lifeline belongs to the supervisor alone
    os.close(nothing)
    with suppress(OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as badness:
        badness.write("1000")  # where memory runs out, the experiment goes first


def take_place(place: Place) -> None:
    """Keep the cores and the niceness that the user chose, and undo what a server was pinned to since: that
    would halve a result. A session of its own has a group of its own, which is nice only if told."""
    if place.cores and affinity.usable_cores() != tuple(place.cores):
        affinity.pin(place.cores)
    with suppress(OSError, AttributeError):  # only root may become less nice again
        if place.nice is not None and os.getpriority(os.PRIO_PROCESS, 0) != place.nice:
            os.setpriority(os.PRIO_PROCESS, 0, place.nice)
    if nice := place.group_nice or place.nice:
        with suppress(OSError), open("/proc/self/autogroup", "w") as group:
            group.write(str(nice))


# Watching


def watch(tree: Tree, lifeline: int, alarm: int, deadline_s: float | None, memory_b: int | None) -> str:
    """Sleep until the run is over: "exit", "stopped", "lifeline", "deadline" or "memory"."""
    poll = select.poll()
    poll.register(lifeline, select.POLLIN)
    poll.register(alarm, select.POLLIN)
    end = time.monotonic() + deadline_s if deadline_s else float("inf")
    look = time.monotonic() + WATCH_S
    while True:
        left = max(0.0, min(end, look) - time.monotonic())
        ready = [descriptor for descriptor, _ in poll.poll(int(left * 1000) + 1)]
        numbers = os.read(alarm, 4096) if alarm in ready else b""
        if tree.reap():
            return "exit"
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            return "stopped"
        if lifeline in ready:
            asked = os.read(lifeline, 4096)
            if b"stop" in asked or not asked:
                return "stopped" if asked else "lifeline"
        now = time.monotonic()
        if now >= end:
            return "deadline"
        if now >= look:
            if memory_b and uses_more(memory_b):
                return "memory"
            cut_output()
            look = now + WATCH_S


def uses_more(limit_b: int) -> bool:
    """Whether the tree holds more memory. Resident sizes count shared pages once for each process
    that has them and cost little; only where their sum is too large the exact shares are added up."""
    pids = list(family(os.getpid()))[1:]
    return sum(map(resident_b, pids)) > limit_b and sum(map(proportional_b, pids)) > limit_b


def cut_output() -> None:
    """Stray prints go to a file opened for appending; one that runs wild must not fill the disk."""
    with suppress(OSError):
        if os.fstat(2).st_size > OUTPUT_B:
            os.ftruncate(2, 0)


# Everybody of a run


class Tree:
    """All processes of a run: the leader, its descendants, and the orphans that came to us."""

    def __init__(self, leader: int) -> None:
        self.leader = leader
        self.status: int | None = None  # of the leader, once it has ended

    def reap(self) -> bool:
        """Collect everybody who has ended, as init would; whether the leader is among them."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid == self.leader:
                    self.status = status
        return self.status is not None

    def living(self) -> list[int]:
        self.reap()
        return members(os.getpid(), self.leader)


# The closing line


def closing_line(why: str, status: int | None, killed: int, told: Note) -> dict[str, Any]:
    code = None if status is None else os.waitstatus_to_exitcode(status)
    ended_by = signal.Signals(-code).name if code is not None and code < 0 else None
    nothing_told = {"machine": None, "run_s": None, "delay_s": None, "throttled": None, **NOT_TOLD}
    return {
        "t": "end",
        "why": why,
        "rc": code if code is None or code >= 0 else None,
        "signal": ended_by,
        "cpu_s": children_cpu_s(),
        "killed": killed,
        **nothing_told,
        **told,
    }


def children_cpu_s() -> float | None:
    try:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    except OSError:
        return None
    return usage.ru_utime + usage.ru_stime


def read_note(note: int) -> Note:
    """What the leader wrote before it left; empty where it could not."""
    os.set_blocking(note, False)
    try:
        told: Note = json.loads(os.read(note, 1 << 16) or b"{}")
    except (BlockingIOError, ValueError):
        return {}
    return told


def write_line(channel: int, message: dict[str, Any]) -> None:
    """Begins with a newline, because the leader may have been killed in the middle of a line."""
    data = f"\n{json.dumps(message)}\n".encode()
    with suppress(OSError):  # nobody is listening any more
        while data:
            data = data[os.write(channel, data) :]
