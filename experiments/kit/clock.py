"""The clock of every measurement: CLOCK_MONOTONIC in nanoseconds.

All processes of one host read the same clock (checked between cores: equal within ±4 µs), so
stamps that different subjects took can be put on one axis. Clocks of two hosts are never compared.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple

NS_PER_S = 1_000_000_000

now_ns = time.monotonic_ns


class Times(NamedTuple):
    """What the calling thread has had so far: time on a core, and time ready without one."""

    cpu_ns: int
    delay_ns: int


def seconds(ns: float) -> float:
    return ns / NS_PER_S


def thread_times() -> Times:
    """Of the calling thread, exact at the moment of the call; costs some microseconds.

    `delay_ns` is the second number of schedstat (Documentation/scheduler/sched-stats.rst) and
    0 where the system does not tell it.
    """
    return Times(time.thread_time_ns(), run_delay_ns())


def run_delay_ns(task: str = "thread-self") -> int:
    """Nanoseconds that a task spent in the run queue: `task` is its path below /proc."""
    try:
        fd = os.open(f"/proc/{task}/schedstat", os.O_RDONLY)
    except OSError:
        return 0
    try:
        return int(os.read(fd, 64).split()[1])
    finally:
        os.close(fd)


def sleep_until(t_ns: int) -> None:
    if (left := t_ns - now_ns()) > 0:
        time.sleep(seconds(left))
