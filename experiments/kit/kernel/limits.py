"""Limits of the system that a run has hit, as sentences: a run that meets one has found something out."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

MEMORY = "there was no more memory, or no more addresses (`ulimit -v`)"
THREADS = "no more threads could be started here (`ulimit -u`, or addresses: `ulimit -v`)"
PROCESSES = "no more processes could be started here (`ulimit -u`)"
FILES = "no more files could be opened here (`ulimit -n`)"
REFUSED = {errno.ENOMEM: MEMORY, errno.EMFILE: FILES, errno.ENFILE: FILES}


class LimitHit(RuntimeError):
    """What was asked for is more than the system allows; the message is a sentence."""

    is_sentence = True  # for the reader of the run


def limit_of(error: BaseException) -> str:
    """Which limit an error speaks of; "" where it is none."""
    if getattr(error, "is_sentence", False):
        return str(error)
    if isinstance(error, MemoryError):
        return MEMORY
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return THREADS
    return REFUSED.get(error.errno or 0, "") if isinstance(error, OSError) else ""


def fork() -> int:
    """os.fork, whose refusal is a limit."""
    try:
        return os.fork()
    except OSError as error:
        raise LimitHit(PROCESSES if error.errno == errno.EAGAIN else MEMORY) from error


@contextmanager
def told() -> Iterator[None]:
    """A limit that is hit meanwhile is told as such."""
    try:
        yield
    except (MemoryError, OSError, RuntimeError) as error:
        if sentence := limit_of(error):
            raise LimitHit(sentence) from error
        raise
