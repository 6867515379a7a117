"""This machine: facts for the page, live samples while somebody looks, and the readings of a run.

Nothing here samples by itself: the hub asks a Sampler while the `machine` topic has viewers, and
the runner takes a Reading when a run begins to measure and when it has ended.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from experiments.kit.machine import Machine
from experiments.kit.rest import TICK_S, Busy

PROC_STAT = Path("/proc/stat")


@functools.cache
def facts() -> dict[str, Any]:
    """What does not change while we run: the kit's facts, and those only the app can tell."""
    return Machine.here().as_json() | {
        "logical_cores": psutil.cpu_count() or 1,
        "physical_cores": psutil.cpu_count(logical=False),
        "platform": sys.platform,
        "booted_at": psutil.boot_time(),
    }


class Reading(NamedTuple):
    """Sums since boot in seconds, over all cores: what ran, what the host took, what we used."""

    wall_s: float
    busy_s: float
    steal_s: float
    own_s: float

    @classmethod
    def now(cls) -> Reading:
        own = os.times()
        return cls(time.monotonic(), *Busy.now(), own.user + own.system)


def conditions(before: Reading, after: Reading, end: dict[str, Any], cores: int) -> dict[str, float]:
    """What disturbed the run, as shares of the whole machine; `end` is the run's closing line.

    `run_delay` is a share of the time in which the subjects wanted to run, 0 where nobody knows.
    The pauses in which the page drew (`kit.rest`) are left out of foreign CPU and steal: nothing was
    timed in them. What we used, `own_cpu`, counts the whole run.
    """
    whole_s = max(after.wall_s - before.wall_s, TICK_S) * cores
    available_s = max(whole_s - (end.get("rested_s") or 0.0) * cores, TICK_S)
    foreign_s = after.busy_s - before.busy_s - (end.get("cpu_s") or 0.0) - (end.get("rested_busy_s") or 0.0)
    steal_s = after.steal_s - before.steal_s - (end.get("rested_steal_s") or 0.0)
    run_s, delay_s = end.get("run_s") or 0.0, end.get("delay_s") or 0.0
    return {
        "foreign_cpu": share(foreign_s, available_s),
        "run_delay": share(delay_s, run_s + delay_s),
        "steal": share(steal_s, available_s),
        "own_cpu": share(after.own_s - before.own_s, whole_s),
    }


def share(part: float, whole: float) -> float:
    return round(min(max(part / whole, 0.0), 1.0), 4) if whole > 0 else 0.0


class Sampler:
    """Live values of the machine, each since the sample before.

    `sample()` gives {"t": Unix seconds, "cores": [{"user", "system", "steal"} as shares of that core],
    "runnable": tasks running or waiting for a core, "switches_s": context switches a second,
    "memory": share in use, "own": share of the machine that this server used}.
    """

    def __init__(self) -> None:
        self.before = self.look()

    def look(self) -> tuple[float, list[Any], int, float]:
        own = os.times()
        switches = psutil.cpu_stats().ctx_switches
        return time.monotonic(), psutil.cpu_times(percpu=True), switches, own.user + own.system

    def sample(self) -> dict[str, Any]:
        (t0, cores0, switches0, own0), now = self.before, self.look()
        t1, cores1, switches1, own1 = self.before = now
        elapsed = max(t1 - t0, TICK_S)
        return {
            "t": round(time.time(), 3),
            "cores": [core_shares(a, b) for a, b in zip(cores0, cores1, strict=False)],
            "runnable": runnable(),
            "switches_s": round((switches1 - switches0) / elapsed),
            "memory": round(psutil.virtual_memory().percent / 100, 3),
            "own": share(own1 - own0, elapsed * len(cores1)),
        }


def core_shares(before: Any, after: Any) -> dict[str, float]:
    """psutil's times of one core, in seconds; systems differ in which they have."""
    spent = {name: getattr(after, name) - getattr(before, name) for name in after._fields}
    guests = spent.get("guest", 0.0) + spent.get("guest_nice", 0.0)  # counted in user and nice, too
    total = sum(spent.values()) - guests
    system = spent["system"] + spent.get("irq", 0.0) + spent.get("softirq", 0.0)
    return {
        "user": share(spent["user"] + spent.get("nice", 0.0), total),
        "system": share(system, total),
        "steal": share(spent.get("steal", 0.0), total),
    }


def runnable() -> int:
    """Tasks in a run queue or on a core, us among them (`procs_running` of /proc/stat)."""
    try:
        lines = PROC_STAT.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("procs_running")), 0)
