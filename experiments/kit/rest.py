"""Pauses in which the page draws, and what the machine did meanwhile.

Drawing costs the cores that are being measured, so it has its own time; what it used then disturbed
nothing, and is told apart from what other programs used while something was timed.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Busy(NamedTuple):
    """Seconds since boot, over all cores: on which something ran, and which the host took."""

    busy_s: float
    steal_s: float

    @classmethod
    def now(cls, path: str = "/proc/stat") -> Busy:
        """The first line of /proc/stat (proc(5)): ticks as user, nice, system, idle, iowait, irq,
        softirq, steal; guests are in user already. Zeros where the system does not say."""
        try:
            with open(path) as stat:
                ticks = [int(word) for word in stat.readline().split()[1:9]]
        except OSError:
            return cls(0.0, 0.0)
        user, nice, system, _idle, _iowait, irq, softirq, steal = ticks
        return cls((user + nice + system + irq + softirq) * TICK_S, steal * TICK_S)


class Rests:
    """The sum of all pauses: how long they were, and what ran and was taken in them."""

    def __init__(self) -> None:
        self.wall_s = self.busy_s = self.steal_s = 0.0

    def rest(self, seconds: float) -> None:
        if seconds <= 0:
            return
        began_at, before = time.monotonic(), Busy.now()
        time.sleep(seconds)
        after = Busy.now()
        self.wall_s += time.monotonic() - began_at
        self.busy_s += after.busy_s - before.busy_s
        self.steal_s += after.steal_s - before.steal_s

    def as_json(self) -> dict[str, float]:
        return {
            "rested_s": self.wall_s,
            "rested_busy_s": self.busy_s,
            "rested_steal_s": self.steal_s,
        }
