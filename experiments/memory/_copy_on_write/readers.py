"""Children that only read what their parent made, and how much of it they copy all the same."""

from __future__ import annotations

import gc
import os
import resource
import sys
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, get_args

from experiments.kit.subjects.subjects import Group
from experiments.memory._copy_on_write.smaps import sizes

Way = Literal["strings", "array", "lists", "frozen lists"]
WAYS: tuple[Way, ...] = get_args(Way)


NURSERY_OBJECTS = 300_000  # more than fit into 4 MiB, PyPy's nursery on most machines


def strings(count: int) -> list[str]:
    return [f"item-{number:010d}-payload" for number in range(count)]


def numbers(count: int) -> array[int]:
    """About as many bytes as the strings take, in one object."""
    return array("q", range(count * 10))


def lists(count: int) -> list[list[int]]:
    """Each of them is watched by the collector; tuples of numbers would soon not be."""
    return [[number] for number in range(count)]


MADE: dict[Way, Callable[[int], Sequence[object]]] = {
    "strings": strings,
    "array": numbers,
    "lists": lists,
    "frozen lists": lists,
}


def ways_here() -> list[Way]:
    """All that this interpreter has: not every one can freeze what its collector watches."""
    return [way for way in WAYS if "frozen" not in way or hasattr(gc, "freeze")]


def share_of_copies(way: Way, count: int) -> list[float]:
    """In a process of its own: make things, fork, let the child read them.

    Returns the MiB that the things take, the MiB that the child copied, and its page faults.
    """
    gc.collect()
    gc.disable()
    fill_nursery()
    before = sizes(os.getpid())
    made = MADE[way](count)
    gc.collect()
    if "frozen" in way:
        gc.freeze()
    data_mib = sizes(os.getpid()).rss_mib - before.rss_mib
    with Group() as group:
        reader = group.worker(partial(read, way, made), name="reader")
        reader.ask()
        copied_mib, faults = reader.answer()
    return [data_mib, copied_mib, faults]


def read(way: Way, made: Sequence[object]) -> list[float]:
    """In the child: the MiB that it copied, and the page faults that it took, by reading everything."""
    if "lists" not in way:
        loop_over(made[:1000])  # the pages of the interpreter itself are copied before it counts
    fill_nursery()
    sizes(os.getpid())
    before, faults = sizes(os.getpid()).private_dirty_mib, minor_faults()
    if "lists" in way:
        gc.collect()  # the collector counts references to everything it watches, in the things themselves
    else:
        loop_over(made)
    faults = minor_faults() - faults
    return [sizes(os.getpid()).private_dirty_mib - before, faults]


def fill_nursery() -> None:
    """Where new objects are made in one stretch of memory until it is full, as by PyPy, copy all of it now:
    else each step would go on a little further into what both hold."""
    if sys.implementation.name != "cpython":
        made = [str(number) for number in range(NURSERY_OBJECTS)]
        made.clear()


def loop_over(made: Sequence[object]) -> None:
    for _ in made:
        pass


def minor_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
