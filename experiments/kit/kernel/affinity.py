"""The cores that a process may run on, by their numbers.

Numbers and not a count: on a machine with cores switched off, or in a cpuset, they may be 0, 2, 4 or 3, 5.
What the user chose (`taskset`, `nice`) holds for a run; a system that refuses to pin (a sandbox) is said so.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

STATUS = "/proc/self/status"


def usable_cores() -> tuple[int, ...]:
    """The numbers of the cores that we may run on, ascending; empty where the system does not tell."""
    try:
        return tuple(sorted(os.sched_getaffinity(0)))
    except (AttributeError, OSError):  # a Python or a sandbox without it
        return allowed_by(STATUS)


def allowed_by(path: str) -> tuple[int, ...]:
    """The line "Cpus_allowed_list:\t0-2,8" of a status file (proc(5))."""
    try:
        with open(path, errors="replace") as status:
            listed = next(line for line in status if line.startswith("Cpus_allowed_list:")).split()[1]
    except (OSError, StopIteration, IndexError):
        return ()
    ranges = (part.partition("-") for part in listed.split(","))
    return tuple(core for low, _, high in ranges for core in range(int(low), int(high or low) + 1))


class CannotPin(RuntimeError):
    """A program cannot choose its cores here, and what was asked for cannot be measured without."""

    is_sentence = True  # for the reader of the run


def pin(cores: Iterable[int]) -> bool:
    """Run on these cores only, from now on; False where that is refused, and nothing has changed."""
    wanted = set(cores)
    try:
        os.sched_setaffinity(0, wanted)
    except (AttributeError, OSError):
        return wanted == set(usable_cores())
    return True


def pin_or_end(cores: Iterable[int]) -> None:
    """CannotPin where that is refused."""
    wanted = set(cores)
    if not pin(wanted):
        named = ", ".join(map(str, sorted(wanted)))
        raise CannotPin(pinning_refused() or f"This run may not use core {named}.")


def demand_pinning() -> None:
    """CannotPin, before anything begins, where cores can be told apart and a program cannot choose one."""
    if why := missing():
        raise CannotPin(why)


def missing() -> str:
    """For `needs`: nothing is missing where there is one core only."""
    return "" if len(usable_cores()) == 1 else pinning_refused()


def pinning_refused() -> str:
    """Why no program can choose its cores here, found by trying; empty where it can."""
    if not hasattr(os, "sched_setaffinity"):
        return "This system does not let a program choose its cores; Linux does (sched_setaffinity)."
    try:
        os.sched_setaffinity(0, usable_cores() or {0})
    except (AttributeError, OSError) as error:
        why = getattr(error, "strerror", "") or error
        return f"This system refuses to let a program choose its cores (sched_setaffinity: {why})."
    return ""
