"""A log line that is said again and again comes once a second, with the number of those left out."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable

EVERY_S = 1.0
REMEMBERED = 256  # different lines


class Repeats(logging.Filter):
    """For a handler. Lines are the same where they come from the same place with the same kind of error,
    whatever values they name: what a stranger sends must not make them differ."""

    def __init__(self, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every_s = every_s
        self._clock = clock
        self._said: OrderedDict[object, tuple[float, int]] = OrderedDict()  # key → when, left out since
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        key = (record.name, record.levelno, record.pathname, record.lineno, cause_of(record))
        now = self._clock()
        with self._lock:
            at, left_out = self._said.pop(key, (None, 0))
            if at is not None and now - at < self._every_s:
                self._said[key] = (at, left_out + 1)
                return False
            self._said[key] = (now, 0)
            while len(self._said) > REMEMBERED:
                self._said.popitem(last=False)
        if left_out:
            record.msg = f"{record.getMessage()} ({left_out} more like it)"
            record.args = None
        return True


def cause_of(record: logging.LogRecord) -> object:
    """The kind of the error, and the line that raised it."""
    if not record.exc_info or record.exc_info[2] is None:
        return None
    *_, (frame, line) = traceback.walk_tb(record.exc_info[2])
    return record.exc_info[0], frame.f_code.co_filename, line
