"""A process's address space from /proc/<pid>/maps and smaps, as regions and as the groups of a textbook.

What a region is for stands nowhere in these files; `groups` tells it from names, rights and neighbours
(proc(5)), and calls the rest "mappings". `smaps` counts every page, which takes the kernel up to 11 ms for
each GiB: read it between steps, never inside one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

Kind = Literal[
    "text",
    "initialised data",
    "bss",
    "heap",
    "mappings",
    "reserved",
    "libraries",
    "thread stacks",
    "guards",
    "stack",
    "kernel's pages",
]
KINDS: tuple[Kind, ...] = get_args(Kind)  # from low addresses to high ones, as they mostly lie
LARGEST_GUARD_B = 64 * 1024  # of glibc and CPython a page; what is larger and shut is kept for later
KERNELS = ("[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]")


class Region(NamedTuple):
    """One mapping: [start, end) in bytes, rights like "rw-p", the file or "[heap]", bytes in memory."""

    start: int
    end: int
    rights: str
    offset: int
    path: str
    resident_b: int | None = None
    proportional_b: int | None = None
    private_dirty_b: int | None = None

    @property
    def size_b(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Group:
    """All regions of a kind; what smaps counts is None where only maps could be read."""

    kind: Kind
    regions: tuple[Region, ...]

    @property
    def size_b(self) -> int:
        return sum(region.size_b for region in self.regions)

    @property
    def resident_b(self) -> int | None:
        counted = [region.resident_b for region in self.regions if region.resident_b is not None]
        return sum(counted) if len(counted) == len(self.regions) else None


def read(pid: int | Literal["self"] = "self", counted: bool = True) -> list[Region]:
    """All regions by address; `counted` with what is in memory. PermissionError where we may not see it."""
    with open(f"/proc/{pid}/{'smaps' if counted else 'maps'}", errors="replace") as file:
        return list(parse(file))


def parse(lines: Iterable[str]) -> Iterator[Region]:
    """Both files: a line for a region, and in smaps lines "Rss:  12 kB" after it."""
    region: Region | None = None
    for line in lines:
        first, _, rest = line.partition(" ")
        if not first.endswith(":"):
            if region:
                yield region
            region = header(first, rest)
        elif region and first in COUNTED:
            counted: dict[str, Any] = {COUNTED[first]: int(rest.split()[0]) * 1024}
            region = region._replace(**counted)
    if region:
        yield region


COUNTED = {"Rss:": "resident_b", "Pss:": "proportional_b", "Private_Dirty:": "private_dirty_b"}


def header(addresses: str, rest: str) -> Region:
    start, end = (int(part, 16) for part in addresses.split("-"))
    rights, offset, _, _, *path = rest.split(None, 4)
    return Region(start, end, rights, int(offset, 16), path[0].rstrip("\n") if path else "")


def groups(regions: Sequence[Region], executable: str) -> list[Group]:
    """The kinds that are there, from low addresses to high ones; `executable` is the path of the program."""
    found: dict[Kind, list[Region]] = {}
    before: Region | None = None
    kind: Kind = "mappings"
    for region in regions:
        kind = kind_of(region, before, kind, executable)
        found.setdefault(kind, []).append(region)
        before = region
    return [Group(kind, tuple(found[kind])) for kind in KINDS if kind in found]


def kind_of(region: Region, before: Region | None, kind_before: Kind, executable: str) -> Kind:
    """What a region is, by its name, or by its rights and what lies right below it."""
    path, rights = region.path, region.rights
    follows = before is not None and before.end == region.start and "w" in rights
    if path == "[heap]":
        return "heap"
    if path == "[stack]":
        return "stack"
    if path in KERNELS:
        return "kernel's pages"
    if path.startswith("["):  # "[anon:…]": a mapping that the program has named
        return "mappings"
    if path:
        return of_file(path, rights, executable)
    if rights.startswith("---"):
        return "guards" if region.size_b <= LARGEST_GUARD_B else "reserved"
    if follows and kind_before == "guards":
        return "thread stacks"
    if follows and kind_before == "initialised data":
        return "bss"
    return "libraries" if follows and kind_before == "libraries" else "mappings"


def of_file(path: str, rights: str, executable: str) -> Kind:
    is_program = path.removesuffix(" (deleted)") == executable or "/libpython" in path
    if is_program:
        return "initialised data" if "w" in rights else "text"
    return "libraries" if ".so" in path.rpartition("/")[2] else "mappings"
