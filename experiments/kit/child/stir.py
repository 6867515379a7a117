"""Something to see on the scope: work of a known kind, for some seconds. Nothing is measured.

The worker runs it as it runs an experiment, and so it ends like one, whatever happens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping

from experiments.kit.kernel.clock import NS_PER_S, now_ns
from experiments.kit.spec import Progress
from experiments.kit.subjects.subjects import Group, in_threads
from experiments.kit.subjects.work import burn_until

LENGTH_S = 6.0
BUSY = 4
SLEEPERS = 1000
NAP_S = 0.1
STACK_B = 256 * 1024  # of a sleeper: a thousand usual ones would be 8 GB of addresses


def busy(threads: int, until_ns: int) -> None:
    in_threads(burn_until, [(until_ns,)] * threads)


def sleepers(until_ns: int) -> None:
    """Begun one after another, so that not all of them wake at once."""
    threading.stack_size(STACK_B)
    threads = [threading.Thread(target=nap_until, args=(until_ns,)) for _ in range(SLEEPERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def nap_until(until_ns: int) -> None:
    while now_ns() < until_ns:
        time.sleep(NAP_S)


KINDS: Mapping[str, tuple[int, Callable[[int], None]]] = {  # how many processes, and what each does
    "thread": (1, lambda until_ns: busy(1, until_ns)),
    "threads": (1, lambda until_ns: busy(BUSY, until_ns)),
    "processes": (BUSY, lambda until_ns: busy(1, until_ns)),
    "sleepers": (1, sleepers),
}


def measure(kind: str) -> Iterator[Progress]:
    """Begin, and return when all is over."""
    processes, work = KINDS[kind]
    until_ns = now_ns() + round(LENGTH_S * NS_PER_S)
    with Group() as group:
        subjects = [group.fork(work, until_ns, name=f"{kind} {n}") for n in range(1, processes + 1)]
        yield Progress(0)
        for subject in subjects:
            subject.reap()
