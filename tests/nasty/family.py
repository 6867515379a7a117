"""A family that will not leave

Who is left behind?

It starts workers that spin, that ignore SIGTERM, that are stopped, and one that has escaped into a
session of its own, makes shared memory and a semaphore, tells their names, and sleeps for ever.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.shared_memory import SharedMemory
from typing import NamedTuple

from experiments.kit import Progress


class Member(NamedTuple):
    name: str
    pid: int


charts = []
continuous = True


def measure(
    method: str = "fork", stubborn: bool = False, lasting: bool = True
) -> Iterator[Member | Progress]:
    if stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    memory = SharedMemory(create=True, size=1 << 20)
    context = multiprocessing.get_context(method)
    kept = context.Semaphore(1), context.Queue()
    yield Member("measuring", os.getpid())
    for work in (spin, ignore_term, be_stopped):
        process = context.Process(target=work, daemon=True)
        process.start()
        yield Member(work.__name__, process.pid)
    yield Member("escaped", escape())
    yield Member(memory.name, 0)
    while lasting:
        time.sleep(0.1)
        yield Progress(0.5)
    del kept


def spin() -> None:
    while True:
        pass


def ignore_term() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1)


def be_stopped() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def escape() -> int:
    """A daemon as the textbooks make it: fork, a new session, fork again."""
    told, tell = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(tell, str(os.getpid()).encode())
            while True:
                time.sleep(1)
        os._exit(0)
    pid = int(os.read(told, 20))
    os.wait()
    return pid
