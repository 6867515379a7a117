"""Ending badly

How does it end?

It yields a row, says its last words and then leaves in the way it is told.
"""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import NamedTuple


class Alive(NamedTuple):
    pid: int


charts = []


def measure(how: str = "raise", stuck: bool = False) -> Iterator[Alive]:
    if stuck:
        threading.Thread(target=threading.Event().wait).start()
    yield Alive(os.getpid())
    sys.stdout.write("these are my last words\n")
    WAYS[how]()
    yield Alive(0) if how == "a thread left behind" else how  # type: ignore[misc]


def divide() -> None:
    1 / 0  # noqa: B018


WAYS = {
    "raise": divide,
    "sys.exit": lambda: sys.exit(3),
    "os._exit": lambda: os._exit(3),
    "os._exit(0)": lambda: os._exit(0),
    "segfault": lambda: ctypes.string_at(0),
    "kill -9": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "yield nonsense": lambda: None,
    "a thread left behind": threading.Thread(target=threading.Event().wait).start,
}
