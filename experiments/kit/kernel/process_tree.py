"""A process and all that came of it: found by the lists of /proc, weighed, and ended whole.

`end_all` is the one way to end a tree: TERM to everybody found, a moment of grace, KILL until a pass finds
nobody, and multiprocessing's resource trackers last, because they unlink the shared memory and semaphores
that the killed forgot. A child subreaper adopts every orphan, so that parentage finds them all.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress

GRACE_S = 1.0  # for `finally` blocks, between TERM and KILL
TRACKERS_S = 0.9  # a tracker ends by itself once nobody holds its pipe: in milliseconds, once it has a core
ENDING_S = 5.0  # then even a task that the kernel does not let go is given up
PR_SET_PDEATHSIG = 1  # prctl(2)
PR_GET_DUMPABLE = 3
PR_SET_CHILD_SUBREAPER = 36


def family(pid: int) -> Iterator[int]:
    """A process and its descendants by the kernel's own lists (proc(5): task/<tid>/children).

    They cost a few microseconds a process, but may miss one that is just being born.
    """
    yield pid
    with suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in read(f"/proc/{pid}/task/{task}/children").split():
                yield from family(int(child))


def resident_b(pid: int) -> int:
    fields = read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def proportional_b(pid: int) -> int:
    """A process's share of the memory it maps: a page that n processes map counts 1/n (proc(5))."""
    lines = read(f"/proc/{pid}/smaps_rollup").splitlines()
    sizes = [int(line.split()[1]) for line in lines if line.startswith((b"Pss:", b"SwapPss:"))]
    return sum(sizes) * 1024 if sizes else resident_b(pid)


Living = Callable[[], list[int]]


def end_all(living: Living, grace_s: float = GRACE_S, groups: Collection[int] = ()) -> int:
    """End all that `living` finds, and the process groups known before, however often it must look; how
    many had to be killed."""

    def workers() -> list[int]:
        return [pid for pid in living() if not is_tracker(pid)]

    seen = {*groups, *groups_of(living())}  # while their leaders are there: a member may be missed later
    if send(signal.SIGTERM, workers):
        send(signal.SIGCONT, workers)  # who is stopped would not notice
        wait_for_nobody(workers, grace_s)
    killed: set[int] = set()
    deadline = time.monotonic() + ENDING_S
    empty = 0
    while empty < 2 and time.monotonic() < deadline:  # one pass may miss who is just being born
        hit = kill(workers, seen)
        killed |= hit
        empty = 0 if hit else empty + 1
        wait_for_nobody(workers, 0.005)
    wait_for_nobody(living, TRACKERS_S)
    if send(signal.SIGKILL, living):
        wait_for_nobody(living, TRACKERS_S)
    return len(killed)


def kill(living: Living, groups: set[int]) -> set[int]:
    """Kill everybody who is found; who that was, even those who left before they were hit.

    Their process groups are halted first, each in one step of the kernel. Otherwise a process that
    forks and leaves all the time would be somewhere else whenever its number comes up. Groups that were
    seen before are halted too, for a look can miss all of their members.
    """
    groups |= groups_of(living())
    send_groups(signal.SIGSTOP, groups)
    found = set(living())
    send(signal.SIGKILL, lambda: list(found))
    send_groups(signal.SIGCONT, groups)  # for the trackers among them
    return found


def groups_of(pids: list[int]) -> set[int]:
    """Their process groups, without our own."""
    groups = set()
    for pid in pids:
        with suppress(ProcessLookupError):
            groups.add(os.getpgid(pid))
    return groups - {os.getpgrp()}


def send_groups(number: int, groups: set[int]) -> None:
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def send(number: int, living: Living) -> set[int]:
    hit = set()
    for pid in living():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            hit.add(pid)
    return hit


def wait_for_nobody(living: Living, seconds: float) -> None:
    end = time.monotonic() + seconds
    while living() and time.monotonic() < end:
        time.sleep(0.005)


def members(root: int, session: int) -> list[int]:
    """Everybody who lives (not zombies) below `root` or in the session, by one pass over /proc.

    The session holds those whose parent left during the pass; parentage those who left the session.
    """
    children: dict[int, list[int]] = {}
    living, found = set(), set()
    for name in os.listdir("/proc"):
        if name.isdigit() and (stat := read(f"/proc/{name}/stat")):
            pid = int(name)
            state, parent, _, its_session = stat[stat.rindex(b")") + 2 :].split(None, 4)[:4]
            children.setdefault(int(parent), []).append(pid)
            if state not in b"ZX":
                living.add(pid)
            if int(its_session) == session:
                found.add(pid)
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        waiting += below
        found.update(below)
    return sorted(found & living)


def is_tracker(pid: int) -> bool:
    return b"multiprocessing.resource_tracker" in read(f"/proc/{pid}/cmdline")


def read(path: str) -> bytes:
    """A file of /proc, or nothing where the process has gone."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError:
        return b""


def prctl(option: int, value: int) -> bool:
    """Linux's prctl(2). Without it the run goes on, and only a killed supervisor leaves traces."""
    with suppress(ImportError, OSError, AttributeError):
        import ctypes

        return int(ctypes.CDLL(None).prctl(option, value, 0, 0, 0)) >= 0
    return False


def can_adopt_orphans() -> bool:
    """Whether prctl can be had; asks for something else, to change nothing here."""
    return prctl(PR_GET_DUMPABLE, 0)
