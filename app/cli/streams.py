"""stdin, stdout and stderr as the command line finds them: full, closed, or with nobody who reads."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

UNDELIVERED = 2  # the exit code where something could not be written where it was asked for
UNREAD = 141  # 128 + SIGPIPE: who read has enough, as a shell tells it of any program


class StdoutFailed(Exception):
    """stdout does not take what is printed; the message is a sentence.

    No OSError: libraries end the process on those of a pipe, before anything could be said or kept.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(f"stdout cannot be written: {error.strerror}")
        self.code = UNREAD if error.errno == errno.EPIPE else UNDELIVERED


class Stdout(io.FileIO):
    """Raises StdoutFailed where a write fails."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content) or 0
        except OSError as error:
            raise StdoutFailed(error) from error


class Stderr(io.FileIO):
    """Swallows what cannot be written: there is no other place to say so."""

    def write(self, content: Any) -> int:
        with suppress(OSError):
            return super().write(content) or 0
        return len(content)


def prepare_streams() -> None:
    """A terminal that cannot show a ✓ shows a question mark; a closed stream fails when it is used."""
    open_closed()
    for name, number, kind in (("stdout", 1, Stdout), ("stderr", 2, Stderr)):
        told = getattr(sys, name)
        stream = io.TextIOWrapper(
            io.BufferedWriter(kind(number, "w", closefd=False)),
            encoding=told.encoding if told else "utf-8",
            errors="replace",
            line_buffering=number == 2 or os.isatty(number),
        )
        setattr(sys, name, stream)


def open_closed() -> None:
    """Whoever opens a file next would get the number of a closed stream, and be printed into."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if number else os.O_WRONLY)  # the lowest free number: this one


@contextmanager
def delivering() -> Iterator[None]:
    """Everything printed meanwhile has arrived when this ends; else StdoutFailed, and no more is tried."""
    try:
        yield
        sys.stdout.flush()
    except StdoutFailed:
        silence()
        raise


def silence() -> None:
    """What lies in the buffers goes nowhere; the interpreter would try it again at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
