"""Touching a mapping step by step, and what the kernel counts meanwhile (for `memory.paging`)."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import resource
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from experiments.kit.kernel.calls import Refused

MIB = 1 << 20
PAGE_B = os.sysconf("SC_PAGE_SIZE")
STATM = "/proc/self/statm"  # sizes in pages: all that is mapped, and what is really there (proc(5))
HUGE_SIZE = "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"
TOUCH = b"\1"


class Counters(NamedTuple):
    """What the kernel has counted for this process until now; `cpu_ns` is this thread's."""

    virtual_mib: float
    resident_mib: float
    minor_faults: int
    system_s: float
    cpu_ns: int

    @classmethod
    def now(cls, statm: int) -> Counters:
        virtual, resident, *_ = os.pread(statm, 128, 0).split()
        used = resource.getrusage(resource.RUSAGE_SELF)
        virtual_mib, resident_mib = int(virtual) * PAGE_B / MIB, int(resident) * PAGE_B / MIB
        return cls(virtual_mib, resident_mib, used.ru_minflt, used.ru_stime, time.thread_time_ns())

    def since(self, before: Counters) -> Counters:
        return Counters._make(now - then for now, then in zip(self, before, strict=True))


class Part(NamedTuple):
    """One step: what it added, and how far the process has grown since before the mapping."""

    pages: int
    added: Counters
    grown: Counters


class Pass(NamedTuple):
    """A mapping that nobody has touched, the steps of its first touch, and those of its second."""

    untouched: Counters
    first: list[Part]
    second: list[Part]


def touch_twice(size_b: int, steps: int, *, huge: bool, write: bool) -> Pass:
    """Map, touch one byte of every page, touch it again, and give it back."""
    statm = os.open(STATM, os.O_RDONLY)
    try:
        before = Counters.now(statm)
        with mapping(size_b, huge) as (room, start):
            pages = size_b // PAGE_B
            edges = [start + i * pages // steps * PAGE_B for i in range(steps + 1)]
            untouched = Counters.now(statm).since(before)
            first, second = (list(touch(room, edges, write, statm, before)) for _ in range(2))
    finally:
        os.close(statm)
    return Pass(untouched, first, second)


def touch(room: mmap.mmap, edges: list[int], write: bool, statm: int, before: Counters) -> Iterator[Part]:
    """The loop over the pages is in C, within one bytecode."""
    for begin, end in pairwise(edges):
        pages = (end - begin) // PAGE_B
        touches = TOUCH * pages
        last = Counters.now(statm)
        if write:
            room[begin:end:PAGE_B] = touches
        else:
            room[begin:end:PAGE_B]
        now = Counters.now(statm)
        yield Part(pages, now.since(last), now.since(before))


@contextlib.contextmanager
def mapping(size_b: int, huge: bool) -> Iterator[tuple[mmap.mmap, int]]:
    """Private memory of its own, and where in it to begin.

    A huge page has to lie at a multiple of its size. New kernels see to that; from older ones we take
    one huge page more, and begin later.
    """
    spare = huge_b() if huge else 0
    room = anonymous(size_b)
    if spare and address(room) % spare:
        room.close()
        room = anonymous(size_b + spare)
    with room:
        try:
            room.madvise(mmap.MADV_HUGEPAGE if huge else mmap.MADV_NOHUGEPAGE)
        except OSError as error:
            why = f"This system does not let a program choose the size of pages (madvise: {error.strerror})."
            raise Refused(why) from error
        yield room, -address(room) % spare if spare else 0


def anonymous(size_b: int) -> mmap.mmap:
    return mmap.mmap(-1, size_b, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def address(room: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(room))


def huge_b() -> int:
    """Bytes of a huge page; 0 where this kernel has none."""
    with contextlib.suppress(OSError, ValueError), open(HUGE_SIZE) as file:
        return int(file.read())
    return 0
