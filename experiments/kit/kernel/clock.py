"""The clock of every measurement: CLOCK_MONOTONIC in nanoseconds.

All processes of one host read the same clock (checked between cores: equal within ±4 µs), so
stamps that different subjects took can be put on one axis. Clocks of two hosts are never compared.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import NamedTuple

NS_PER_S = 1_000_000_000

now_ns = time.monotonic_ns


class Times(NamedTuple):
    """What the calling thread has had so far: time on a core, and time ready without one.

    `delay_ns` is None where the system does not tell it.
    """

    cpu_ns: int
    delay_ns: int | None

    def since(self, before: Times) -> Times:
        return Times(self.cpu_ns - before.cpu_ns, grown(before.delay_ns, self.delay_ns))


def seconds(ns: float) -> float:
    return ns / NS_PER_S


def known_seconds(ns: float | None) -> float | None:
    return None if ns is None else seconds(ns)


def grown(before: int | None, after: int | None) -> int | None:
    """The difference of two totals; None where one of them could not be read."""
    return None if before is None or after is None else after - before


def known_sum(values: Iterable[int | None]) -> int | None:
    """The sum; None where one of them is not known."""
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def thread_times() -> Times:
    """Of the calling thread, exact at the moment of the call; costs some microseconds.

    `delay_ns` is the second number of schedstat (Documentation/scheduler/sched-stats.rst).
    """
    return Times(time.thread_time_ns(), run_delay_ns())


def run_delay_ns(task: str = "thread-self") -> int | None:
    """Nanoseconds that a task spent in the run queue: `task` is its path below /proc.

    None where the file cannot be read, and where the kernel does not count: then it says "0 0 0", also
    of a task that has had a core.
    """
    try:
        fd = os.open(f"/proc/{task}/schedstat", os.O_RDONLY)
    except OSError:
        return None
    try:
        _, delay, slices = os.read(fd, 64).split()
    except (OSError, ValueError):
        return None
    finally:
        os.close(fd)
    return int(delay) if int(slices) else None


def sleep_until(t_ns: int) -> None:
    if (left := t_ns - now_ns()) > 0:
        time.sleep(seconds(left))
