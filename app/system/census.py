"""All processes at one moment, from two small files each: a look at 500 of them costs about 15 ms.

`stat` and `status` can be read of everybody's processes (proc(5)). What they say of context switches is
true of the main thread only; `anatomy` has those of every thread. A process that ends while we read is
left out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from experiments.kit.kernel.clock import known_sum

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_B = os.sysconf("SC_PAGE_SIZE")
STAT_B, STATUS_B = 1024, 4096  # more than these files have
STATE, PARENT, USER_TICKS, SYSTEM_TICKS, THREADS, STARTED, RESIDENT, CORE = 0, 1, 11, 12, 17, 19, 21, 36
UID, VOLUNTARY, INVOLUNTARY = b"\nUid:\t", b"\nvoluntary_ctxt_switches:\t", b"\nnonvoluntary_ctxt_switches:\t"


class Process(NamedTuple):
    """One process at one moment. `switches` are its main thread's since it began; None is not told."""

    pid: int
    parent: int
    name: str
    uid: int | None
    state: str
    threads: int
    cpu_s: float
    resident_b: int
    switches: int | None
    core: int
    started_ticks: int


class Row(NamedTuple):
    """What the page shows: `cpu` in cores, `switches_s` of the main thread; None at first sight."""

    pid: int
    name: str
    uid: int | None
    state: str
    threads: int
    cpu: float | None
    resident_b: int
    switches_s: float | None
    core: int


class Census:
    """Counts again and again; rates are since the count before."""

    def __init__(self) -> None:
        self.at_s = 0.0
        self.before: dict[tuple[int, int], Process] = {}

    def sample(self) -> list[Row]:
        """A row for every process, by pid."""
        now_s, seen = time.monotonic(), {(p.pid, p.started_ticks): p for p in everyone()}
        elapsed_s = now_s - self.at_s
        rows = [row(process, self.before.get(key), elapsed_s) for key, process in seen.items()]
        self.at_s, self.before = now_s, seen
        return rows


def row(now: Process, before: Process | None, elapsed_s: float) -> Row:
    cpu = switches_s = None
    if before is not None and elapsed_s > 0:
        cpu = round(max(now.cpu_s - before.cpu_s, 0.0) / elapsed_s, 3)
        if now.switches is not None and before.switches is not None:
            switches_s = round(max(now.switches - before.switches, 0) / elapsed_s, 1)
    return Row(now.pid, now.name, now.uid, now.state, now.threads, cpu, now.resident_b, switches_s, now.core)


def everyone() -> Iterator[Process]:
    """Every process that can be read, by pid; nobody where there is no /proc to look into."""
    try:
        proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        for pid in sorted(int(name) for name in os.listdir(proc) if name.isdigit()):
            try:
                stat = read(proc, f"{pid}/stat", STAT_B)
            except OSError:  # it has ended, or this /proc hides other people's (mount option hidepid)
                continue
            status = b""
            with suppress(OSError):
                status = read(proc, f"{pid}/status", STATUS_B)
            yield parse(pid, stat, status)
    finally:
        os.close(proc)


def read(folder: int, path: str, size: int) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        return os.read(file, size)
    finally:
        os.close(file)


def parse(pid: int, stat: bytes, status: bytes) -> Process:
    """A name may hold blanks and brackets, and bytes that are no text: outermost brackets enclose it."""
    opening, closing = stat.index(b"("), stat.rindex(b")")
    rest = stat[closing + 2 :].split()
    return Process(
        pid=pid,
        parent=int(rest[PARENT]),
        name=stat[opening + 1 : closing].decode(errors="replace"),
        uid=number_after(status, UID),
        state=rest[STATE].decode(),
        threads=int(rest[THREADS]),
        cpu_s=(int(rest[USER_TICKS]) + int(rest[SYSTEM_TICKS])) / TICKS,
        resident_b=int(rest[RESIDENT]) * PAGE_B,
        switches=known_sum([number_after(status, VOLUNTARY), number_after(status, INVOLUNTARY)]),
        core=int(rest[CORE]),
        started_ticks=int(rest[STARTED]),
    )


def number_after(text: bytes, label: bytes) -> int | None:
    """The number behind a label; None where the kernel does not tell."""
    at = text.find(label)
    return int(text[at + len(label) :].split(None, 1)[0]) if at >= 0 else None
