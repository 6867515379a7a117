"""Copy on write

What does fork copy?

Two people own one recipe book. Nobody copies it on the day they move apart; both look into the
same book on the same shelf. Only when one of them wants to change a page is that page copied, and
from then on each has a version of this page, and both still share the rest. A child that comes
from fork has all of its parent's memory in this way: the same addresses, the same content, and
no page of it copied ([fork(2)]). The kernel has copied only the page tables, and marked the pages of both
as "shared, do not write".

Whoever writes first causes a page fault. The kernel copies this one page, enters the copy in the writer's
page table, and lets the instruction run again. So a fork costs what is written after it, page by page,
and what is only read stays shared until one of them writes to it. In the first figure parent and child
together grow by exactly what the child writes.

- "The sizes in `top` show what a child costs" is wrong. RES counts a shared page in full in every
  process that has it: it does not move while the child copies everything. The fair number is PSS,
  the proportional set size, where a page that two processes have counts half in each
  ([proc_pid_smaps(5)]).
- "Two variables at the same address are the same memory" is wrong between processes. After the
  write both have the same address and different content behind it: see the table with the values.
- "Reading copies nothing" is true for the kernel and hardly ever for CPython. Nearly every object
  carries the number of its references, and looking at it changes this number: a loop that only reads a
  list of strings writes to every one of them, and so the kernel copies their pages. Not counted from
  3.12 on are the *immortal* ones, such as `None` and small integers ([PEP 683]), and PyPy counts nothing
  ([PyPy's GC]). An array of numbers is one object with one counter; its pages stay
  shared. The garbage collector writes to whatever it watches, too. [gc.freeze()] before the fork tells
  CPython's to leave all that alone, which is what servers do that load everything first and then fork
  their workers.

How it is measured: parent and child share a private mapping; the child writes one byte a page in
steps, and after each the parent reads `/proc/<pid>/smaps_rollup` of both while the child waits.
Times are CPU time of the child. The readers are children of fresh processes, so that nothing but
the things they read is in the books.

[fork(2)]: https://man7.org/linux/man-pages/man2/fork.2.html
[proc_pid_smaps(5)]: https://man7.org/linux/man-pages/man5/proc_pid_smaps.5.html
[PEP 683]: https://peps.python.org/pep-0683/
[gc.freeze()]: https://docs.python.org/3/library/gc.html#gc.freeze
[PyPy's GC]: https://doc.pypy.org/en/latest/gc_info.html
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Annotated, NamedTuple

from experiments.kit import (
    Bars,
    Between,
    Cells,
    Count,
    Line,
    Mebibytes,
    Need,
    NumberGuess,
    Progress,
)
from experiments.kit.kernel.machine import available, memory, mib_of
from experiments.kit.spec import ParameterError
from experiments.kit.subjects.subjects import Group, Worker
from experiments.memory._copy_on_write import smaps
from experiments.memory._copy_on_write.readers import fill_nursery, minor_faults, share_of_copies, ways_here
from experiments.memory._copy_on_write.sharing import Address, Moment, Reading, Step, read_copies, verdict
from experiments.memory._copy_on_write.smaps import frame, sizes
from experiments.memory._touch import MIB, PAGE_B, address, mapping

__all__ = ["Address", "Reading", "Step", "charts", "guess", "measure", "verdict"]

LEAST_MIB, USUAL_MIB = 16, 64
MOST_MIB = 1024  # a walk over it takes the kernel 10 ms, and there are two for every step
TWICE = 8  # parent and child together may take a quarter of the memory
OLD, NEW = b"\1", b"\2"

charts = [
    Line(
        Step,
        id="pss",
        title="What do parent and child really hold?",
        caption="Proportional set size: a page that both of them have counts half in each.",
        x="written_mib",
        y="pss_mib",
        by="role",
    ),
    Line(
        Step,
        id="rss",
        title="And what would top say?",
        caption="Resident set size: a page that both of them have counts in full in each.",
        x="written_mib",
        y="rss_mib",
        by="role",
    ),
    Bars(
        Reading,
        id="reading",
        title="How much does a child copy that only reads?",
        caption="Strings and the numbers of an array were looped over. Lists were only garbage collected,"
        " and frozen ones were, after gc.freeze() before the fork.",
        x="way",
        y="copied_share",
    ),
    Cells(
        Address,
        id="address",
        title="What stands at the same address?",
        across="moment",
        down="role",
        value="value",
    ),
]

guess = NumberGuess(
    ask="A child only loops over a list of strings that its parent made. What share of it is copied?",
    figure="reading",
    about="strings",
    unit="share",
    low=0,
    high=1,
    measured=read_copies,
)

LARGEST_MIB = max(USUAL_MIB, min(MOST_MIB, mib_of(memory(), TWICE) or USUAL_MIB))  # of this machine
presets = {
    "quick": {"mib": 32, "objects": 100_000, "repeats": 1},
    "careful": {"mib": min(256, LARGEST_MIB), "steps": 16, "objects": 500_000, "repeats": 5},
}
needs = (Need(smaps.missing),)


def measure(
    mib: Annotated[
        Mebibytes,
        Between(LEAST_MIB, LARGEST_MIB),
        "memory that the child writes; an eighth of this machine's at most",
    ] = USUAL_MIB,
    steps: Annotated[Count, Between(4, 32), "how often we look while the child writes"] = 8,
    objects: Annotated[Count, Between(20_000, 1_000_000), "things that other children only read"] = 200_000,
    repeats: Annotated[Count, Between(1, 10), "children of each kind"] = 3,
) -> Iterator[Step | Reading | Address | Progress]:
    check_room(mib)
    for repeat in range(repeats):
        yield Progress(repeat / repeats, f"child {repeat + 1} of {repeats} writes")
        yield from child_that_writes(repeat, int(mib * MIB), steps)
        yield Progress((repeat + 0.5) / repeats, f"children that only read, {repeat + 1} of {repeats}")
        yield from children_that_read(repeat, objects)
    yield Progress(1)


def cost(mib: float, steps: int, objects: int, repeats: int) -> float:
    """Seconds: writing a page costs some microseconds, looking at it twice a step much less."""
    return 0.2 + repeats * (0.1 + mib * (0.002 + 0.00002 * steps) + objects * 4e-6)


def check_room(mib: float) -> None:
    """ParameterError where a quarter of the memory that is free now would not hold parent and child."""
    most = mib_of(available(), TWICE)
    if most is not None and mib > max(most, LEAST_MIB):
        raise ParameterError(
            f"mib: {mib:g} is more than an eighth of the memory that is free now; at most {most} fit"
        )


# -- a child that writes -------------------------------------------------------------------------


class Told(NamedTuple):
    """What the child says after a step: CPU time of the first and of a second write, and its view."""

    first_ns: int
    again_ns: int
    minor_faults: int
    address: int
    value: int
    frame: int  # of the page at this address; 0 where the kernel tells it to root only


def child_that_writes(repeat: int, size_b: int, steps: int) -> list[Step | Address]:
    """Both are looked at before the first write, and after each step.

    Told all at once, when the child has ended: to tell a row is to write to what both hold.
    """
    rows: list[Step | Address] = []
    pages = size_b // PAGE_B
    edges = [i * pages // steps * PAGE_B for i in range(steps + 1)]
    with mapping(size_b, huge=False) as (room, _), uncollected(), Group() as group:
        room[::PAGE_B] = OLD * pages
        child = group.worker(partial(write, room), name="child")
        told = answer(child, 0, 0)  # by now it has copied what it needs to be there at all
        fill_nursery()
        list(sizes_of_both(repeat, 0.0, child.pid, told))  # and so have we, who look
        rows += sizes_of_both(repeat, 0.0, child.pid, told)
        rows += same_address(repeat, "before", room, told)
        for begin, end in pairwise(edges):
            told = answer(child, begin, end)
            rows += sizes_of_both(repeat, end / MIB, child.pid, told)
        rows += same_address(repeat, "after", room, told)
    return rows


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """A garbage collection writes to objects that both hold, and so copies them."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def answer(child: Worker, begin: int, end: int) -> Told:
    child.ask(begin, end)
    return Told(*child.answer())


def write(room: mmap.mmap, begin: int, end: int) -> list[int]:
    """In the child: one byte of every page, twice; the second time the page is its own already."""
    pages = (end - begin) // PAGE_B
    if not pages:
        fill_nursery()
    new, faults = NEW * pages, minor_faults()
    stamps = [time.thread_time_ns()]
    for _ in range(2):
        room[begin:end:PAGE_B] = new
        stamps.append(time.thread_time_ns())
    first_ns, again_ns = ((b - a) // max(1, pages) for a, b in pairwise(stamps))
    here = address(room)
    return [first_ns, again_ns, minor_faults() - faults, here, room[0], frame(here)]


def sizes_of_both(repeat: int, written_mib: float, child: int, told: Told) -> Iterator[Step]:
    parents, childs = sizes(os.getpid()), sizes(child)
    yield Step(repeat, "parent", written_mib, *parents, None, None, None)
    times = told[:2] if written_mib else (None, None)
    yield Step(repeat, "child", written_mib, *childs, told.minor_faults, *times)
    yield Step(repeat, "together", written_mib, *parents.plus(childs), None, None, None)


def same_address(repeat: int, moment: Moment, room: mmap.mmap, told: Told) -> Iterator[Address]:
    here = address(room)
    yield Address(repeat, "parent", moment, f"{here:#x}", room[0], frame(here) or None)
    yield Address(repeat, "child", moment, f"{told.address:#x}", told.value, told.frame or None)


# -- children that only read ---------------------------------------------------------------------


def children_that_read(repeat: int, objects: int) -> Iterator[Reading]:
    """One fresh process for each way, which makes the things and has a child that reads them."""
    for way in ways_here():
        with Group() as group:
            maker = group.worker(share_of_copies, name=way)
            maker.ask(way, objects)
            held_mib, copied_mib, faults = maker.answer()
        if held_mib > 0:  # else the interpreter gave back more than it took, and nobody knows its part
            yield Reading(repeat, way, held_mib, copied_mib, min(1.0, copied_mib / held_mib), faults)
