"""Pauses in which the page draws, and what the machine did meanwhile.

Drawing costs the cores that are being measured, so it has its own time; what it used then disturbed
nothing, and is told apart from what other programs used while something was timed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from typing import NamedTuple

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
NOT_TOLD = dict.fromkeys(("rested_s", "rested_busy_s", "rested_steal_s"))  # by a run that was killed


class Busy(NamedTuple):
    """Seconds since boot, over some cores: on which something ran, and which the host took.

    None where the system does not say.
    """

    busy_s: float | None
    steal_s: float | None

    @classmethod
    def now(cls, cores: Collection[int] = (), path: str = "/proc/stat") -> Busy:
        """Of these cores, or of all where none are named; a line of /proc/stat each (proc(5))."""
        names = {f"cpu{core}".encode() for core in cores} or {b"cpu"}
        try:
            with open(path, "rb", buffering=0) as stat:
                found = list(lines_of(stat.read(), names))
        except (OSError, ValueError):
            return cls(None, None)
        if len(found) != len(names):
            return cls(None, None)  # a core that is not told of may have done anything
        return cls(sum(busy for busy, _ in found), sum(steal for _, steal in found))


def lines_of(stat: bytes, names: Collection[bytes]) -> Iterator[tuple[float, float]]:
    """Ticks as user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already."""
    for name, *words in map(bytes.split, filter(None, stat.splitlines())):
        if name in names:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, words[:8])
            yield (user + nice + system + irq + softirq) * TICK_S, steal * TICK_S


def lasted(before: float | None, after: float | None) -> float | None:
    """The difference of two sums; None where one of them is not known."""
    return None if before is None or after is None else after - before


def together(one: float | None, more: float | None) -> float | None:
    return None if one is None or more is None else one + more


class Rests:
    """The sum of all pauses: how long they were, and what ran and was taken in them on these cores."""

    def __init__(self, cores: Collection[int] = ()) -> None:
        self.cores = cores
        self.wall_s = 0.0
        self.busy_s: float | None = 0.0
        self.steal_s: float | None = 0.0

    def rest(self, seconds: float) -> None:
        if seconds <= 0:
            return
        began_at, before = time.monotonic(), Busy.now(self.cores)
        time.sleep(seconds)
        after = Busy.now(self.cores)
        self.wall_s += time.monotonic() - began_at
        self.busy_s = together(self.busy_s, lasted(before.busy_s, after.busy_s))
        self.steal_s = together(self.steal_s, lasted(before.steal_s, after.steal_s))

    def as_json(self) -> dict[str, float | None]:
        return {
            "rested_s": self.wall_s,
            "rested_busy_s": self.busy_s,
            "rested_steal_s": self.steal_s,
        }
