"""This machine: facts for the page, live samples while somebody looks, and the readings of a run.

Nothing here samples by itself: the hub asks a Sampler while the `machine` topic has viewers, and
the runner takes a Reading when a run begins to measure and when it has ended.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import psutil

from experiments.kit.child.rest import TICK_S, Busy, lasted, together
from experiments.kit.kernel.machine import Machine

PROC_STAT = Path("/proc/stat")
UNREADABLE = (
    OSError,
    psutil.Error,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    RuntimeWarning,
    ValueError,
)  # what comes of a file of /proc that is missing, closed to us, or not as psutil knows it

T = TypeVar("T")


def known(read: Callable[[], T]) -> T | None:
    """What the system says; None where it does not. A fact that is only nice to know ends no page."""
    try:
        return read()
    except UNREADABLE:
        return None


@functools.cache
def facts() -> dict[str, Any]:
    """What does not change while we run: the kit's facts, and those only the app can tell."""
    return Machine.here().as_json() | {
        "logical_cores": known(psutil.cpu_count) or os.cpu_count() or 1,
        "physical_cores": known(lambda: psutil.cpu_count(logical=False)),
        "platform": sys.platform,
        "booted_at": known(psutil.boot_time),
    }


def online_cores() -> list[int]:
    """The numbers of the cores that are switched on, in the order of `psutil.cpu_times` (proc_stat(5))."""
    try:
        lines = PROC_STAT.read_text().splitlines()
    except OSError:
        return []
    words = (line.partition(" ")[0] for line in lines)
    return [int(word[3:]) for word in words if word.startswith("cpu") and word[3:].isdigit()]


class Reading(NamedTuple):
    """Sums in seconds: what ran on the cores of a run since boot, what the host took, what we used."""

    wall_s: float
    busy_s: float | None
    steal_s: float | None
    own_s: float

    @classmethod
    def now(cls, cores: Collection[int] = ()) -> Reading:
        """Of these cores, or of all where none are named."""
        own = os.times()
        return cls(time.monotonic(), *Busy.now(cores), own.user + own.system)


def conditions(
    before: Reading, after: Reading, end: Mapping[str, Any], cores: int
) -> dict[str, float | None]:
    """What disturbed the run, as shares of its cores; `end` is the run's closing line.

    None is what nobody could measure. `run_delay` is a share of the time in which the subjects wanted to
    run, `throttled` one of the periods of a CPU quota, 0 where there is none. The pauses in which the page
    drew (`kit.child.rest`) are left out of foreign CPU and steal: nothing was timed in them. What we used,
    `own_cpu`, counts the whole run.
    """
    whole_s = max(after.wall_s - before.wall_s, TICK_S) * cores
    available_s = less(whole_s, times(end.get("rested_s"), cores))
    busy_s = less(lasted(before.busy_s, after.busy_s), end.get("rested_busy_s"))
    steal_s = less(lasted(before.steal_s, after.steal_s), end.get("rested_steal_s"))
    run_s, delay_s = end.get("run_s"), end.get("delay_s")
    return {
        "foreign_cpu": share(less(busy_s, end.get("cpu_s")), available_s),
        "run_delay": share(delay_s, together(run_s, delay_s)),
        "steal": share(steal_s, available_s),
        "own_cpu": share(after.own_s - before.own_s, whole_s),
        "throttled": share(end.get("throttled"), 1.0),
    }


def less(whole: float | None, part: float | None) -> float | None:
    return None if whole is None or part is None else whole - part


def times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def share(part: float | None, whole: float | None) -> float | None:
    """Between 0 and 1; None where one of them is not known, or there was nothing to share."""
    if part is None or whole is None or whole <= 0:
        return None
    return round(min(max(part / whole, 0.0), 1.0), 4)


class Look(NamedTuple):
    """Sums since boot; None is what the system does not tell."""

    at_s: float
    cores: list[Any] | None
    switches: int | None
    own_s: float


class Sampler:
    """Live values of the machine, each since the sample before.

    `sample()` gives {"t": seconds of a clock that nobody sets, "cores": [{"user", "system", "steal"} as
    shares of that core], "runnable": tasks running or waiting for a core, "switches_s": context switches a
    second, "memory": share in use, "own": share of the machine that this server used}. What the system does
    not tell is None.
    """

    def __init__(self) -> None:
        self.before = self.look()

    def look(self) -> Look:
        own = os.times()
        switches = known(lambda: psutil.cpu_stats().ctx_switches)
        cores = known(lambda: psutil.cpu_times(percpu=True)) or None
        return Look(time.monotonic(), cores, switches, own.user + own.system)

    def sample(self) -> dict[str, Any]:
        before, now = self.before, self.look()
        self.before = now
        elapsed_s = max(now.at_s - before.at_s, TICK_S)
        switches = less(now.switches, before.switches)
        memory = known(lambda: psutil.virtual_memory().percent)
        return {
            "t": round(now.at_s, 3),
            "cores": shares_of(before.cores, now.cores),
            "runnable": runnable(),
            "switches_s": None if switches is None else round(switches / elapsed_s),
            "memory": None if memory is None else round(memory / 100, 3),
            "own": share(now.own_s - before.own_s, elapsed_s * (os.cpu_count() or 1)),
        }


def shares_of(before: list[Any] | None, after: list[Any] | None) -> list[dict[str, float | None]] | None:
    if before is None or after is None:
        return None
    return [core_shares(a, b) for a, b in zip(before, after, strict=False)]


def core_shares(before: Any, after: Any) -> dict[str, float | None]:
    """psutil's times of one core, in seconds; systems differ in which they have. None for each where no time
    has passed by these counts."""
    spent = {name: getattr(after, name) - getattr(before, name) for name in after._fields}
    guests = spent.get("guest", 0.0) + spent.get("guest_nice", 0.0)  # counted in user and nice, too
    total = sum(spent.values()) - guests
    system = spent["system"] + spent.get("irq", 0.0) + spent.get("softirq", 0.0)
    return {
        "user": share(spent["user"] + spent.get("nice", 0.0), total),
        "system": share(system, total),
        "steal": share(spent.get("steal"), total),
    }


def runnable() -> int | None:
    """Tasks in a run queue or on a core, us among them (`procs_running` of /proc/stat)."""
    try:
        lines = PROC_STAT.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("procs_running"))
    except (OSError, ValueError, StopIteration):
        return None


def tells_load() -> bool:
    """Whether this system tells what runs on its cores at all."""
    return Busy.now().busy_s is not None
