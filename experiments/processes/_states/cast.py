"""The processes that are watched: each is made for one way of not running.

All are forked by one parent into one session (a nice value counts only inside one), and start at
one gate. The spinners are pinned to one core; all others, and the observer, keep off it if they can.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from experiments.kit.kernel import affinity, calls
from experiments.kit.kernel.clock import NS_PER_S, now_ns, sleep_until
from experiments.kit.subjects.subjects import Gate, Group, Subject, end_with
from experiments.kit.subjects.work import burn_until

THINK_NS = 2_000_000
PAUSE_NS = 8_000_000  # a talker's turn is 10 ms: several looks long, and still a conversation
BLOCK_B = 64 * 1024  # of one write to disk: enough to wait for, and 20 MB/s at the most
BETWEEN_WRITES_S = 0.003

Job = Callable[[], None]


class Cast:
    """Processes by name. Leaving the `with` block ends all of them, whatever state they are in."""

    def __init__(self, folder: Path, spinners: int, nice: int, zombie_after_s: float) -> None:
        self.waits_for_disk = fsync_blocks(folder / "data")
        self.subjects: dict[str, Subject] = {}
        self._fifo = folder / "fifo"
        affinity.demand_pinning()
        self._own_cores = affinity.usable_cores() or (0,)
        self._jobs = self._cast(folder, spinners, zombie_after_s)
        self._nice = {f"spinner {spinners}": nice}
        self._group = Group()
        self._gate = Gate(len(self._jobs))

    def _cast(self, folder: Path, spinners: int, zombie_after_s: float) -> dict[str, Job]:
        jobs: dict[str, Job] = {f"spinner {number}": spin for number in range(1, spinners + 1)}
        self._pipes = os.pipe(), os.pipe()
        (hear_1, tell_2), (hear_2, tell_1) = self._pipes
        jobs["sleeper"] = sleep
        jobs["talker 1"] = partial(talk, hear_1, tell_1, begins=True)
        jobs["talker 2"] = partial(talk, hear_2, tell_2, begins=False)
        if self.waits_for_disk:
            jobs["syncer"] = partial(sync, folder / "data")
        else:
            os.mkfifo(self._fifo)
            jobs["spawner"] = partial(spawn, self._fifo)
        jobs["stopped"] = keep_thinking
        jobs["zombie"] = partial(end_after, zombie_after_s)
        return jobs

    def __enter__(self) -> Cast:
        cores = self._own_cores
        shared, others = {cores[-1]}, set(cores[:-1]) or {cores[-1]}
        observer = os.getpid()
        try:
            if not self.waits_for_disk:
                self._group.fork(usher, observer, self._fifo)
            for name, job in self._jobs.items():
                spinner = name.startswith("spinner")
                place, nice = shared if spinner else others, self._nice.get(name, 0)
                self.subjects[name] = self._group.fork(begin, self._gate, place, nice, job, name=name)
            affinity.pin_or_end(others)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.let_spawner_go()
            self._group.__exit__(None, None, None)
        finally:
            affinity.pin(self._own_cores)
            self._gate.close()
            for fd in (*self._pipes[0], *self._pipes[1]):
                os.close(fd)

    def waits(self) -> str:
        if self.waits_for_disk:
            return "syncer waits for the disk"
        return "no write has to wait here (files are in memory): spawner shows the uninterruptible wait"

    def start(self) -> None:
        self._gate.open()

    def send(self, number: signal.Signals, *names: str) -> None:
        for name in names or self.subjects:
            os.kill(self.subjects[name].pid, number)

    def freeze(self) -> None:
        """Stop everybody, so that the kernel's books of all of them are closed at one moment."""
        self.let_spawner_go()
        self.send(signal.SIGSTOP)

    def let_spawner_go(self) -> None:
        """Open the FIFO's other end, so that its child begins its program, or fails to find it."""
        open_both_ends(self._fifo)


def begin(gate: Gate, cores: set[int], nice: int, job: Job) -> None:
    affinity.pin_or_end(cores)
    if nice:
        os.nice(nice)
    gate.wait()
    job()


def spin() -> None:
    while True:
        pass


def sleep() -> None:
    time.sleep(3600)


def talk(hear: int, tell: int, begins: bool) -> None:
    """One of two who answer each other: listen, think, and say something."""
    while True:
        if not begins:
            os.read(hear, 1)
        begins = False
        think()
        os.write(tell, b".")


def think() -> None:
    burn_until(now_ns() + THINK_NS)
    sleep_until(now_ns() + PAUSE_NS)


def keep_thinking() -> None:
    while True:
        think()


def end_after(seconds: float) -> None:
    end_ns = now_ns() + int(seconds * NS_PER_S)
    while now_ns() + THINK_NS + PAUSE_NS < end_ns:
        think()
    sleep_until(end_ns)


def sync(path: Path) -> None:
    """Write, and wait until the disk has it."""
    with open(path, "wb", buffering=0) as file:
        while True:
            write_through(file.fileno())
            time.sleep(BETWEEN_WRITES_S)


def write_through(fd: int) -> None:
    os.pwrite(fd, bytes(BLOCK_B), 0)
    os.fsync(fd)


def fsync_blocks(path: Path) -> bool:
    """Whether a process waits for its write here; a file system in memory never lets it."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    with open(path, "wb", buffering=0) as file:
        for _ in range(3):
            write_through(file.fileno())
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw >= before + 3


def spawn(fifo: Path) -> None:
    """Wait in D without a disk: so does a parent until its new child has begun its program.

    This child has to open its standard input first: a FIFO, which opens when its other end does.
    """
    with contextlib.suppress(FileNotFoundError):  # the run was over before it began
        os.waitpid(calls.spawn("/bin/true", ["true"], stdin=str(fifo)), 0)
    sleep()


def usher(observer: int, fifo: Path) -> None:
    """Outlives a killed observer by a moment: what waits at a FIFO heeds no parent's death."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    end_with(observer, signal.SIGTERM)
    signal.sigwait({signal.SIGTERM})
    open_both_ends(fifo)


def open_both_ends(fifo: Path) -> None:
    """Let everybody through who waits at the FIFO, and nobody come after."""
    with contextlib.suppress(FileNotFoundError):
        both_ends = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        fifo.unlink()
        os.close(both_ends)
