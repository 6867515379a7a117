"""Address spaces: the lines of /proc as regions, and regions as what textbooks call them."""

import mmap
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.kit.kernel import maps
from experiments.kit.kernel.maps import Region, groups, parse

KIB, MIB = 1024, 1024 * 1024
SMAPS = """\
55d0c8a00000-55d0c8a02000 r-xp 00001000 fe:00 77 /usr/bin/my program
Size:                  8 kB
Rss:                   4 kB
Pss:                   2 kB
Private_Dirty:         0 kB
VmFlags: rd ex mr
7ffd1c000000-7ffd1c021000 rw-p 00000000 00:00 0                          [stack]
Size:                132 kB
Rss:                  16 kB
Pss:                  16 kB
Private_Dirty:        12 kB
"""


def region(start: int, size: int, rights: str, path: str = "") -> Region:
    return Region(start, start + size, rights, 0, path)


def test_smaps_gives_regions_with_what_is_in_memory():
    assert list(parse(SMAPS.splitlines(keepends=True))) == [
        Region(0x55D0C8A00000, 0x55D0C8A02000, "r-xp", 4096, "/usr/bin/my program", 4096, 2048, 0),
        Region(0x7FFD1C000000, 0x7FFD1C021000, "rw-p", 0, "[stack]", 16 * KIB, 16 * KIB, 12 * KIB),
    ]


def test_regions_are_told_by_names_rights_and_what_lies_below():
    at = 0x10000000
    found = groups(
        [
            region(at, 8 * KIB, "r-xp", "/bin/p"),
            region(at + 8 * KIB, 4 * KIB, "rw-p", "/bin/p"),
            region(at + 12 * KIB, 4 * KIB, "rw-p"),
            region(2 * at, 132 * KIB, "rw-p", "[heap]"),
            region(3 * at, 4 * KIB, "---p"),
            region(3 * at + 4 * KIB, 8 * MIB, "rw-p"),
            region(4 * at, 132 * KIB, "rw-p"),
            region(4 * at + 132 * KIB, 64 * MIB - 132 * KIB, "---p"),
            region(9 * at, 2 * MIB, "r-xp", "/lib/libc.so.6"),
            region(9 * at + 2 * MIB, 8 * KIB, "rw-p", "/lib/libc.so.6"),
            region(9 * at + 2 * MIB + 8 * KIB, 52 * KIB, "rw-p"),
            region(12 * at, 132 * KIB, "rw-p", "[stack]"),
            region(13 * at, 8 * KIB, "r-xp", "[vdso]"),
        ],
        "/bin/p",
    )
    assert {group.kind: group.size_b for group in found} == {
        "text": 8 * KIB,
        "initialised data": 4 * KIB,
        "bss": 4 * KIB,
        "heap": 132 * KIB,
        "mappings": 132 * KIB,
        "reserved": 64 * MIB - 132 * KIB,
        "libraries": 2 * MIB + 60 * KIB,
        "thread stacks": 8 * MIB,
        "guards": 4 * KIB,
        "stack": 132 * KIB,
        "kernel's pages": 8 * KIB,
    }


def test_what_only_maps_tells_has_no_residence():
    (group,) = groups(maps.read(counted=False)[:1], "/nobody")
    assert group.resident_b is None


def test_all_regions_together_are_the_virtual_memory_that_the_kernel_counts():
    with open("/proc/self/maps") as file:  # one read: nothing can change in between
        lines = file.read().splitlines(keepends=True)
    counted = sum(r.size_b for r in parse(lines) if r.path != "[vsyscall]")
    status = Path("/proc/self/status").read_text()
    assert abs(counted - kib(status, "VmSize")) <= 256 * KIB  # reading itself may map a buffer


def kib(status: str, name: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+) kB", status, re.MULTILINE)
    assert found
    return int(found[1]) * KIB


def test_memory_becomes_resident_when_it_is_touched():
    area = mmap.mmap(-1, 16 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    before = resident("mappings")
    area[: 8 * MIB] = b"\1" * (8 * MIB)
    assert 7 * MIB <= resident("mappings") - before <= 17 * MIB  # huge pages round up
    area.close()


def resident(kind: str) -> int:
    found = {group.kind: group for group in groups(maps.read(), os.readlink("/proc/self/exe"))}
    return found[kind].resident_b or 0


# -- stacks of threads, however the C library keeps them ---------------------------------------------

RECORDED = Path(__file__).with_name("smaps_of_glibc_2_43.txt")  # three threads that wait, Linux 6.18
STACKS_AT, STACK_B, PAGE = 0x7FF400DFD000, 8 * MIB, 4 * KIB
POINTERS = [0x7FF4025FE3A8, 0x7FF401DFD3C8, 0x7FF4015FC3C8]  # recorded with it
IN_MEMORY = [2047, 2048, 4096, 4097, 6145, 6146]  # pages of the region, likewise
MARKED = [0, 2049, 4098]


def recorded_pages(region: Region) -> list[int]:
    assert region.start == STACKS_AT
    entries = [0] * (region.size_b // PAGE)
    for page in IN_MEMORY:
        entries[page] = maps.PRESENT
    for page in MARKED:
        entries[page] = maps.GUARD
    return entries


def told(
    regions: list[Region], pointers: list[int], pages_of, stack_b: int = STACK_B
) -> dict[str, list[int]]:
    found = groups(maps.with_stacks(regions, pointers, stack_b, pages_of), "/usr/bin/python3.15")
    return {group.kind: [region.size_b for region in group.regions] for group in found}


def test_stacks_that_lie_side_by_side_are_taken_apart_at_their_marks():
    regions = list(parse(RECORDED.read_text().splitlines(keepends=True)))
    found = maps.with_stacks(regions, POINTERS, STACK_B, recorded_pages)
    stacks, guards = (
        next(group for group in groups(found, "/usr/bin/python3.15") if group.kind == kind)
        for kind in ("thread stacks", "guards")
    )
    assert [region.size_b for region in stacks.regions] == [STACK_B] * 3
    assert [region.size_b for region in guards.regions] == [PAGE] * 3
    assert (stacks.resident_b, guards.resident_b) == (24 * KIB, 0)
    assert all(any(region.start <= p < region.end for p in POINTERS) for region in stacks.regions)
    assert sum(region.size_b for region in found) == sum(region.size_b for region in regions)


def test_where_marks_cannot_be_seen_stacks_are_told_by_their_size():
    """Linux 6.13 and 6.14, and processes whose pages we may not look at."""
    regions = list(parse(RECORDED.read_text().splitlines(keepends=True)))
    for pages_of in (lambda _: None, lambda region: [0] * (region.size_b // PAGE)):
        found = told(regions, [], pages_of)
        assert found["thread stacks"] == [STACK_B] * 3
        assert found["guards"] == [PAGE] * 3


def test_stacks_of_another_size_are_not_cut_and_what_lies_beside_them_is_no_stack():
    at, small = 0x10000000, 64 * KIB
    pages = 3 + 2 * 17 + 5  # something below, two stacks of 64 KiB with their guards, something above
    region = Region(at, at + pages * PAGE, "rw-p", 0, "", has_guards=True)
    entries = [maps.GUARD if page in (3, 20) else 0 for page in range(pages)]
    found = told([region], [], lambda _: entries)
    assert found["thread stacks"] == [small, small]
    assert found["guards"] == [PAGE, PAGE]
    assert found["mappings"] == [3 * PAGE, 5 * PAGE]


def test_a_stack_without_a_guard_is_told_by_the_pointer_of_its_thread():
    at = 0x10000000
    regions = [region(at, STACK_B, "rw-p"), region(2 * at, 64 * MIB, "rw-p"), region(4 * at, MIB, "rw-p")]
    found = told(regions, [at + STACK_B - 900, 2 * at + 500], lambda _: None)
    assert found["thread stacks"] == [STACK_B]
    assert found["mappings"] == [64 * MIB, MIB]  # a large one holds more than the stack that is in it


def test_guards_of_their_own_are_left_as_they_are():
    """musl: 8 KiB without rights below each stack of 140 KiB; glibc up to 2.41: a page."""
    at = 0x10000000
    for guard, size in ((8 * KIB, 140 * KIB), (4 * KIB, STACK_B)):
        both = [region(at, guard, "---p"), region(at + guard, size, "rw-p")]
        found = told(both, [at + guard + size - 100], lambda _: None)
        assert found == {"guards": [guard], "thread stacks": [size]}


def test_stacks_that_somebody_has_named_are_stacks():
    at = 0x10000000
    for name in ("[anon: glibc: pthread stack: 4711]", "[anon:stack_and_tls:4711]", "[stack:4711]"):
        assert told([region(at, STACK_B, "rw-p", name)], [], lambda _: None) == {"thread stacks": [STACK_B]}


INSTALLED = """
import ctypes, mmap, os
from experiments.kit.kernel import maps

PAGE = os.sysconf("SC_PAGE_SIZE")
room = mmap.mmap(-1, 33 * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
at = ctypes.addressof(ctypes.c_char.from_buffer(room))
room[20 * PAGE] = 1
libc = ctypes.CDLL(None)
if libc.madvise(ctypes.c_void_p(at), ctypes.c_size_t(PAGE), 102):  # MADV_GUARD_INSTALL
    print("no guards here")
else:
    stacks = [r for r in maps.read() if r.is_stack and at <= r.start < at + 33 * PAGE]
    print([(r.start - at) // PAGE for r in stacks])
"""


def test_marks_of_the_kernel_are_seen():
    done = subprocess.run([sys.executable, "-c", INSTALLED], capture_output=True, text=True, check=True)
    if "no guards" in done.stdout:
        pytest.skip("this kernel has no guards inside mappings (Linux 6.13)")
    assert done.stdout == "[1]\n"


THREADS = """
import os, threading
from experiments.kit.kernel import maps

done = threading.Event()
for _ in range(3):
    threading.Thread(target=done.wait, daemon=True).start()
found = maps.groups(maps.read(counted=False), os.readlink("/proc/self/exe"))
print({group.kind: len(group.regions) for group in found}["thread stacks"])
"""


def test_each_thread_has_a_stack_of_its_own():
    """In a process of its own: the library keeps the stacks of threads that have ended."""
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"
