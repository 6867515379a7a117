"""The control groups of this process: how much CPU time they allow, and how often that was used up.

Both versions count. A folder of version 2 has `cpu.max` and `cpu.stat` (Documentation/admin-guide/cgroup-v2),
one of version 1 `cpu.cfs_quota_us`, `cpu.cfs_period_us` and `cpu.stat` (scheduler/sched-bwc). Which folders
are ours stands in /proc/self/cgroup, and where they are mounted in /proc/self/mountinfo (cgroups(7)).
Limits hold for whole subtrees, so every group above ours counts too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

OWN = "/proc/self/cgroup"
MOUNTS = "/proc/self/mountinfo"


class Mount(NamedTuple):
    """A mounted hierarchy: the group that its top shows, and what it controls ("" in version 2)."""

    top: str
    folder: str
    controllers: frozenset[str]


def folders(controller: str) -> list[str] | None:
    """The folders that may limit this process, from the top down; None where the system does not tell."""
    try:
        with open(OWN) as own, open(MOUNTS) as mounts:
            groups, mounted = groups_in(own.read()), list(mounts_in(mounts.read()))
    except OSError:
        return None
    if controller in groups and not any(controller in mount.controllers for mount in mounted):
        return None  # it has a hierarchy of its own, which is not mounted here
    found: list[str] = []
    for mount in mounted:
        if mount.controllers & {controller, ""}:
            group = groups.get(controller if controller in mount.controllers else "")
            if group is not None:
                found += [folder for folder in line_to(mount, group) if os.path.isdir(folder)]
    return found or None


def groups_in(text: str) -> dict[str, str]:
    """Controller → our group; "" is version 2. Lines are "4:cpu,cpuacct:/a/b" and "0::/a/b"."""
    found = {}
    for line in text.splitlines():
        _, names, group = line.split(":", 2)
        found.update(dict.fromkeys(names.split(","), group))
    return found


def mounts_in(text: str) -> Iterator[Mount]:
    """Of lines like "31 23 0:30 /top /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu"; the last mount covers."""
    found: dict[str, Mount] = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = [*after.split(" ", 2), "", ""][:3]
        if kind in ("cgroup", "cgroup2"):
            _, _, _, top, folder, *_ = before.split(" ")
            controls = frozenset(options.split(",")) if kind == "cgroup" else frozenset([""])
            found[folder] = Mount(unescaped(top), unescaped(folder), controls)
    yield from found.values()


def unescaped(path: str) -> str:
    """Blanks stand there as octal numbers (proc(5))."""
    for char in " \t\n\\":
        path = path.replace(f"\\{ord(char):03o}", char)
    return path


def line_to(mount: Mount, group: str) -> Iterator[str]:
    """From the mount's top to our group. A container may see its own group as the top."""
    top = mount.top.rstrip("/")
    below = group.removeprefix(top) if f"{group}/".startswith(f"{top}/") else ""
    folder = mount.folder
    yield folder
    for name in filter(None, below.split("/")):
        folder = f"{folder}/{name}"
        yield folder


def quota() -> float | None:
    """Cores' worth of time that the control groups allow: the least; None where there is no quota."""
    quotas = [allowed for folder in folders("cpu") or () if (allowed := quota_of(folder)) is not None]
    return min(quotas, default=None)


def quota_of(folder: str) -> float | None:
    with suppress(OSError, ValueError), open(f"{folder}/cpu.max") as file:  # "max" is no number
        limit, period = map(int, file.read().split())
        return limit / period
    with suppress(OSError, ValueError):
        limit = number_in(f"{folder}/cpu.cfs_quota_us")
        return limit / number_in(f"{folder}/cpu.cfs_period_us") if limit > 0 else None  # -1 is no limit
    return None


def number_in(path: str) -> int:
    with open(path) as file:
        return int(file.read())


class Periods(NamedTuple):
    """Periods in which a group wanted CPU time, and those in which it had used up its quota."""

    all: int
    throttled: int


class Throttling(NamedTuple):
    """What the control groups had counted at a moment; None where the system does not tell."""

    counted: Mapping[str, Periods] | None

    @classmethod
    def now(cls) -> Throttling:
        found = folders("cpu")
        if found is None:
            return cls(None)
        with_quota = [folder for folder in found if quota_of(folder) is not None]
        counted = {folder: periods_of(folder) for folder in with_quota}
        known = {folder: periods for folder, periods in counted.items() if periods is not None}
        return cls(known if len(known) == len(counted) else None)

    def since(self) -> float | None:
        """The share of the periods since then in which a quota was used up: 0 where there is no quota."""
        now = Throttling.now().counted
        if now is None or self.counted is None:
            return None
        shares = [0.0]
        for folder, after in now.items():
            before = self.counted.get(folder)
            if before is None:
                return None  # a quota that came meanwhile
            if after.all > before.all:
                shares.append((after.throttled - before.throttled) / (after.all - before.all))
        return max(shares)


def periods_of(folder: str) -> Periods | None:
    """Of `cpu.stat`: nr_periods and nr_throttled, in both versions."""
    try:
        with open(f"{folder}/cpu.stat") as file:
            counted = dict(line.split() for line in file)
        return Periods(int(counted["nr_periods"]), int(counted["nr_throttled"]))
    except (OSError, ValueError, KeyError):
        return None
