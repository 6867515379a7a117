"""Things that make an address space grow, each somewhere else (for `memory.layout`)."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import sys
import threading
from collections.abc import Callable
from typing import Any, Literal, get_args

from experiments.memory._touch import MIB, PAGE_B, TOUCH, anonymous

Action = Literal["threads", "blocks", "mapping", "recursion"]
ACTIONS: tuple[Action, ...] = get_args(Action)

BLOCK_B = 64 * 1024  # glibc asks for a mapping of its own only above 128 KiB (mallopt(3))
SPARE = 2000  # frames of Python for what is called meanwhile
held: list[Any] = []  # what the child keeps until its end


def perform(action: str, amount: float) -> int:
    """In the child: do it, and keep what came of it."""
    doing.get(action, nothing)(int(amount))
    return 0


def nothing(_: int) -> None:
    pass


def start_threads(count: int) -> None:
    """Every one of them is alive, and has asked for memory, when this returns."""
    alive, never = threading.Barrier(count + 1), threading.Event()

    def wait() -> None:
        alive.wait()
        never.wait()

    for _ in range(count):
        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        held.append(thread)
    alive.wait()


def take_blocks(mib: int) -> None:
    """By the C library's malloc, too small for mappings of their own, and written in full."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    for _ in range(mib * MIB // BLOCK_B):
        if not (block := libc.malloc(BLOCK_B)):
            raise MemoryError
        ctypes.memset(block, 1, BLOCK_B)


def map_half_used(mib: int) -> None:
    """One mapping without huge pages; its first half is written."""
    room = anonymous(mib * MIB)
    with contextlib.suppress(OSError):  # refused: where huge pages are not the rule it changes nothing
        room.madvise(mmap.MADV_NOHUGEPAGE)
    pages = mib * MIB // 2 // PAGE_B
    room[: pages * PAGE_B : PAGE_B] = TOUCH * pages
    held.append(room)


def recurse(depth: int) -> None:
    """Through C and back: calls from Python to Python alone need no stack of C since 3.11."""
    sys.setrecursionlimit(3 * depth + SPARE)
    deeper(depth)


def deeper(depth: int) -> int:
    return depth and sorted([0], key=lambda _: deeper(depth - 1))[0]  # some 3 KB of stack each


doing: dict[str, Callable[[int], None]] = {
    "threads": start_threads,
    "blocks": take_blocks,
    "mapping": map_half_used,
    "recursion": recurse,
}
