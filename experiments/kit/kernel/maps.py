"""A process's address space from /proc/<pid>/maps and smaps, as regions and as the groups of a textbook.

What a region is for stands nowhere in these files; `groups` tells it from names, rights and neighbours
(proc(5)), and calls the rest "mappings". `smaps` counts every page, which takes the kernel up to 11 ms for
each GiB: read it between steps, never inside one.

Below the stack of a thread lies a forbidden part. Up to glibc 2.41, and in musl, that is a region of its own,
without rights. Since glibc 2.42, on Linux 6.13 and later, it is marked inside the region (MADV_GUARD_INSTALL,
madvise(2)), and stacks that lie side by side are one region: then `read` takes them apart, at the marks in
/proc/<pid>/pagemap (Documentation/admin-guide/mm/pagemap.rst, bit 58 since Linux 6.15), or by their size.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
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
STACKS = ("[anon: glibc: pthread stack", "[anon:stack_and_tls:", "[stack:")  # where somebody names them
GUARD, PRESENT = 1 << 58, 1 << 63  # of an entry of pagemap
PAGE_B = os.sysconf("SC_PAGE_SIZE")
USUAL_STACK_B = 2 << 20  # of a thread where stacks have no limit (pthread_create(3), x86-64)
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
    has_guards: bool = False  # the kernel has marked pages in it as forbidden ("gu" in smaps)
    is_stack: bool = False  # of a thread, told from more than names and neighbours

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
        regions = list(parse(file))
    return with_stacks(regions, stack_pointers(pid), stack_limit_b(pid), lambda region: pages(pid, region))


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
        elif region and first == "VmFlags:":
            region = region._replace(has_guards="gu" in rest.split())
    if region:
        yield region


COUNTED = {"Rss:": "resident_b", "Pss:": "proportional_b", "Private_Dirty:": "private_dirty_b"}


def header(addresses: str, rest: str) -> Region:
    start, end = (int(part, 16) for part in addresses.split("-"))
    rights, offset, _, _, *path = rest.split(None, 4)
    return Region(start, end, rights, int(offset, 16), path[0].rstrip("\n") if path else "")


# -- stacks of threads ------------------------------------------------------------------------------

Pages = Callable[[Region], "Sequence[int] | None"]  # the entries of pagemap; None where we may not see them


def with_stacks(
    regions: Sequence[Region], pointers: Collection[int], stack_b: int, pages_of: Pages
) -> list[Region]:
    """The same, with the stacks of threads apart: each as its forbidden part, and the rest above it."""
    found: list[Region] = []
    before: Region | None = None
    for region in regions:
        told = [region]
        if not region.path and "w" in region.rights and not is_guard_of(before, region):
            within = sum(region.start <= pointer < region.end for pointer in pointers)
            if region.has_guards or within:
                told = stacks_in(region, within, stack_b, pages_of)
        found += told
        before = region
    return found


def is_guard_of(before: Region | None, region: Region) -> bool:
    """Whether the part right below it is a guard of its own."""
    if before is None or before.end != region.start:
        return False
    return before.rights.startswith("---") and before.size_b <= LARGEST_GUARD_B


def stacks_in(region: Region, within: int, stack_b: int, pages_of: Pages) -> list[Region]:
    """Taken apart at the marks; where nobody tells those, by the usual size; `within` threads are known."""
    entries = pages_of(region)
    marks = [i for i, entry in enumerate(entries or ()) if entry & GUARD]
    if entries and marks:
        return list(apart(region, stacks_at(marks, len(entries), stack_b // PAGE_B), entries))
    unit_b = stack_b + PAGE_B
    if region.has_guards and region.size_b % unit_b == 0:
        starts = range(0, region.size_b // PAGE_B, unit_b // PAGE_B)
        return list(
            apart(region, stacks_at(list(starts), region.size_b // PAGE_B, stack_b // PAGE_B), entries)
        )
    if region.has_guards or (within == 1 and region.size_b <= stack_b + LARGEST_GUARD_B):
        return [region._replace(is_stack=True)]
    return [region]  # threads run in it, but it holds something else, too


class Piece(NamedTuple):
    """Of a region: [start, end) in pages."""

    start: int
    end: int
    what: Literal["guard", "stack", "other"]


def stacks_at(marks: Sequence[int], size: int, most: int) -> Iterator[Piece]:
    """Each run of forbidden pages with the stack above it. Below the first lies something else, and so does
    above a stack that would be larger than the others, or than a limit of so many pages allows."""
    forbidden = set(marks)
    begins = [mark for mark in marks if mark - 1 not in forbidden]
    ends = [next(page for page in range(begin, size + 1) if page not in forbidden) for begin in begins]
    tops = [*begins[1:], size]
    usual = min(top - end for top, end in zip(tops, ends, strict=True))
    if len(begins) == 1 and most < usual < 2 * most:
        usual = most
    yield Piece(0, begins[0], "other")
    for begin, end, top in zip(begins, ends, tops, strict=True):
        yield Piece(begin, end, "guard")
        yield Piece(end, end + usual, "stack")
        yield Piece(end + usual, top, "other")


def apart(region: Region, pieces: Iterable[Piece], entries: Sequence[int] | None) -> Iterator[Region]:
    """What smaps counts of the whole goes to the pieces by their pages in memory."""
    there = None if entries is None else [bool(entry & PRESENT) for entry in entries]
    for start, end, what in pieces:
        if start == end:
            continue
        share = None if there is None else sum(there[start:end]) / max(1, sum(there))
        yield Region(
            start=region.start + start * PAGE_B,
            end=region.start + end * PAGE_B,
            rights="---p" if what == "guard" else region.rights,
            offset=region.offset,
            path=region.path,
            resident_b=part_of(region.resident_b, share),
            proportional_b=part_of(region.proportional_b, share),
            private_dirty_b=part_of(region.private_dirty_b, share),
            is_stack=what == "stack",
        )


def part_of(counted_b: int | None, share: float | None) -> int | None:
    return None if counted_b is None or share is None else round(counted_b * share)


def stack_pointers(pid: int | Literal["self"]) -> list[int]:
    """Of all threads that sleep in the kernel, but the first; empty where we may not see them."""
    found = []
    with suppress(OSError):
        own = str(os.getpid() if pid == "self" else pid)
        for task in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/task/{task}/syscall") as file:
                if task != own:
                    found.append(int(file.read().split()[-2], 16))  # "running" has none
    return found


def stack_limit_b(pid: int | Literal["self"]) -> int:
    """How large a stack of its threads is, if the program did not choose (proc(5), limits)."""
    with suppress(OSError, ValueError, StopIteration), open(f"/proc/{pid}/limits") as file:
        line = next(line for line in file if line.startswith("Max stack size"))
        return int(line.split()[3]) // PAGE_B * PAGE_B  # "unlimited" is no number
    return USUAL_STACK_B


def pages(pid: int | Literal["self"], region: Region) -> Sequence[int] | None:
    with suppress(OSError), open(f"/proc/{pid}/pagemap", "rb", buffering=0) as file:
        file.seek(region.start // PAGE_B * 8)
        read = file.read(region.size_b // PAGE_B * 8)
        return array("Q", read) if len(read) == region.size_b // PAGE_B * 8 else None
    return None


# -- what regions are for ---------------------------------------------------------------------------


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
    if region.is_stack or path.startswith(STACKS):
        return "thread stacks"
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
