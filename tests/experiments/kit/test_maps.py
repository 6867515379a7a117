"""Address spaces: the lines of /proc as regions, and regions as what textbooks call them."""

import mmap
import os
import re
import subprocess
import sys
from pathlib import Path

from experiments.kit import maps
from experiments.kit.maps import Region, groups, parse

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


THREADS = """
import os, threading
from experiments.kit import maps

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
