"""POSIX aio over ctypes: aio_read(3), as glibc and musl do it, with a helper thread.

Linux has no such system call for sockets; aio(7) says that the C library uses threads.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable

SIGEV_NONE = 1  # tell nobody: we wait with aio_suspend


class Event(ctypes.Structure):
    """struct sigevent: 64 bytes."""

    _fields_ = [
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_byte * 48),
    ]


class Control(ctypes.Structure):
    """struct aiocb; what comes after `event` differs between C libraries and is theirs alone."""

    _fields_ = [
        ("fd", ctypes.c_int),
        ("opcode", ctypes.c_int),
        ("priority", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("event", Event),
        ("theirs", ctypes.c_byte * 128),
    ]


def reader() -> Callable[[int, int, int], int]:
    """A function of descriptor, address and size that reads once and gives the bytes it got."""
    library = find()

    def read(fd: int, address: int, size: int) -> int:
        control = Control(fd=fd, buffer=address, size=size, event=Event(notify=SIGEV_NONE))
        if library.aio_read(ctypes.byref(control)):
            raise OSError(ctypes.get_errno(), "aio_read was refused")
        pending = (ctypes.c_void_p * 1)(ctypes.addressof(control))
        while (error := library.aio_error(ctypes.byref(control))) == errno.EINPROGRESS:
            library.aio_suspend(pending, 1, None)
        if error:
            raise OSError(error, f"aio_read failed: {os.strerror(error)}")
        return int(library.aio_return(ctypes.byref(control)))

    return read


def find() -> ctypes.CDLL:
    """The C library, or its older companion; the layout above is that of 64-bit systems."""
    if ctypes.sizeof(ctypes.c_void_p) != 8:
        raise OSError("POSIX aio is left out on 32-bit systems.")
    for name in (None, "librt.so.1"):
        library = ctypes.CDLL(name, use_errno=True)
        if hasattr(library, "aio_read"):
            library.aio_return.restype = ctypes.c_ssize_t
            return library
    raise OSError("This C library has no POSIX aio.")
