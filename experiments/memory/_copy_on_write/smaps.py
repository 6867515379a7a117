"""How much of a process's memory is its own, and which page frame is behind an address (proc(5))."""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

PAGE_B = os.sysconf("SC_PAGE_SIZE")
MIB_KIB = 1024
ENTRY = struct.Struct("Q")  # of pagemap: one for each page, frame number in the low 55 bits
FRAME = (1 << 55) - 1


class Sizes(NamedTuple):
    """Of anonymous memory as far as the kernel splits it: files are shared with strangers, too.

    `pss` counts a page that n processes map as 1/n, `rss` as a whole page in each of them.
    """

    rss_mib: float
    pss_mib: float
    private_dirty_mib: float
    shared_dirty_mib: float

    def plus(self, other: Sizes) -> Sizes:
        return Sizes(*(a + b for a, b in zip(self, other, strict=True)))


def sizes(pid: int) -> Sizes:
    """One walk over the whole address space: about a millisecond for every 100 MiB."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        next(file)
        kib = {line.split(":")[0]: int(line.split()[1]) for line in file}
    pss = kib.get("Pss_Anon", kib["Pss"])  # before Linux 5.9 there is only the sum
    names = (kib["Rss"], pss, kib["Private_Dirty"], kib["Shared_Dirty"])
    return Sizes(*(value / MIB_KIB for value in names))


def frame(address: int) -> int:
    """The number of the page frame behind one of our own addresses; 0 where only root is told."""
    try:
        with open("/proc/self/pagemap", "rb", buffering=0) as file:
            file.seek(address // PAGE_B * ENTRY.size)
            entry: int = ENTRY.unpack(file.read(ENTRY.size))[0]
    except OSError:
        return 0
    return entry & FRAME


def missing() -> str:
    if os.path.exists("/proc/self/smaps_rollup") and hasattr(os, "fork"):
        return ""
    return (
        "This experiment needs Linux: fork, and /proc/<pid>/smaps_rollup, which tells shared from own pages."
    )
