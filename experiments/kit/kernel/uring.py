"""io_uring with nothing but ctypes and mmap: a program and the kernel share two rings in memory.

The program writes requests into the submission ring and hands them over with one system call;
the kernel writes results into the completion ring, where they are read without a call. See
io_uring(7), io_uring_setup(2) and io_uring_enter(2). Needs Linux 5.6 (IORING_OP_RECV).
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import struct
from types import TracebackType

SETUP, ENTER = 425, 426  # system call numbers, the same on every architecture
OP_RECV = 27
ASYNC = 1 << 4  # IOSQE_ASYNC: a kernel worker does it, never the context of the caller
GETEVENTS = 1  # IORING_ENTER_GETEVENTS
REQUESTS_AT = 0x10000000  # IORING_OFF_SQES
REQUEST = struct.Struct("<BBHiQQIIQQQQ")  # struct io_uring_sqe, 64 bytes
RESULT = struct.Struct("<QiI")  # struct io_uring_cqe: user_data, res, flags
WORD = 4

U32 = ctypes.c_uint32


class SubmissionOffsets(ctypes.Structure):
    """struct io_sqring_offsets."""

    _fields_ = [
        *[(name, U32) for name in ("head", "tail", "mask", "entries", "flags")],
        *[(name, U32) for name in ("dropped", "array", "reserved")],
        ("user_address", ctypes.c_uint64),
    ]


class CompletionOffsets(ctypes.Structure):
    """struct io_cqring_offsets."""

    _fields_ = [
        *[(name, U32) for name in ("head", "tail", "mask", "entries", "overflow")],
        *[(name, U32) for name in ("results", "flags", "reserved")],
        ("user_address", ctypes.c_uint64),
    ]


class Parameters(ctypes.Structure):
    """struct io_uring_params: what was asked for, and where in memory the kernel put it."""

    _fields_ = [
        *[(name, U32) for name in ("requests", "results", "flags", "thread_cpu", "thread_idle")],
        *[(name, U32) for name in ("features", "workers_fd")],
        ("reserved", U32 * 3),
        ("submission", SubmissionOffsets),
        ("completion", CompletionOffsets),
    ]


class Unavailable(RuntimeError):
    """io_uring cannot be used here; the message is a sentence that says why."""


class Ring:
    """A submission and a completion ring. `calls` counts the system calls made to use them."""

    def __init__(self, entries: int = 8) -> None:
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._syscall.restype = ctypes.c_long
        found = Parameters()
        self._fd = self._call(SETUP, U32(entries), ctypes.byref(found))
        try:
            self._map(found)
        except BaseException:
            os.close(self._fd)
            raise
        self.calls = 0

    def _map(self, found: Parameters) -> None:
        sent, done = found.submission, found.completion
        size = max(sent.array + WORD * found.requests, done.results + RESULT.size * found.results)
        self._rings = mmap.mmap(self._fd, size)
        self._requests = mmap.mmap(self._fd, REQUEST.size * found.requests, offset=REQUESTS_AT)
        # As words and not by struct: a head or a tail must be read and written in one piece.
        self._words = memoryview(self._rings)[: size // WORD * WORD].cast("I")
        self._sent_tail = sent.tail // WORD
        self._sent_mask = self._words[sent.mask // WORD]
        self._done_head, self._done_tail = done.head // WORD, done.tail // WORD
        self._done_mask = self._words[done.mask // WORD]
        self._results_at = done.results
        for slot in range(found.requests):
            self._words[sent.array // WORD + slot] = slot

    def receive(self, fd: int, address: int, size: int, flags: int = 0, *, by_worker: bool = False) -> None:
        """Write a request to receive up to `size` bytes to `address`; the kernel sees it on `enter`."""
        tail = self._words[self._sent_tail]
        place = (tail & self._sent_mask) * REQUEST.size
        how = ASYNC if by_worker else 0
        REQUEST.pack_into(self._requests, place, OP_RECV, how, 0, fd, 0, address, size, flags, 0, 0, 0, 0)
        self._words[self._sent_tail] = (tail + 1) & 0xFFFFFFFF

    def enter(self, submit: int, wait: int) -> None:
        """Hand over `submit` requests and wait for `wait` results: one system call.

        A signal may end the wait early; whoever needs the result looks, and waits again.
        """
        flags = GETEVENTS if wait else 0
        self.calls += 1
        try:
            self._call(ENTER, U32(self._fd), U32(submit), U32(wait), U32(flags), None, ctypes.c_size_t(0))
        except InterruptedError:
            self.enter(submit, wait)

    def result(self) -> int | None:
        """The oldest result (bytes received), or None while there is none. No system call."""
        head = self._words[self._done_head]
        if head == self._words[self._done_tail]:
            return None
        place = self._results_at + (head & self._done_mask) * RESULT.size
        _, result, _ = RESULT.unpack_from(self._rings, place)
        self._words[self._done_head] = (head + 1) & 0xFFFFFFFF
        if result < 0:
            raise OSError(-result, f"io_uring could not receive: {os.strerror(-result)}")
        return int(result)

    def try_out(self) -> None:
        """Receive one byte that is there already; Unavailable where the kernel cannot."""
        ours, theirs = socket.socketpair()
        buffer = bytearray(1)
        with ours, theirs:
            theirs.send(b"x")
            self.receive(ours.fileno(), address_of(buffer), 1)
            self.enter(1, 1)
            try:
                self.result()
            except OSError as error:
                why = f"This kernel's io_uring cannot receive from sockets ({error.strerror}); Linux 5.6 can."
                raise Unavailable(why) from error

    def close(self) -> None:
        """Give everything back. The kernel clears up a little later, which may restart a blocking call."""
        self._words.release()
        self._requests.close()
        self._rings.close()
        os.close(self._fd)

    def __enter__(self) -> Ring:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, number: int, *arguments: object) -> int:
        answer = int(self._syscall(ctypes.c_long(number), *arguments))
        if answer < 0:
            code = ctypes.get_errno()
            if code == errno.EINTR:
                raise InterruptedError
            raise Unavailable(refusal(code))
        return answer


def address_of(buffer: bytearray) -> int:
    """Where a bytearray keeps its bytes; valid as long as nobody resizes it."""
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


def missing() -> str:
    """Why io_uring cannot receive here, as a sentence; empty where it can. Found out by trying."""
    try:
        with Ring(2) as ring:
            ring.try_out()
    except Unavailable as error:
        return str(error)
    return ""


def refusal(code: int) -> str:
    """What the kernel means by an errno of io_uring_setup(2), and where to look."""
    if code == errno.ENOSYS:
        return "This kernel has no io_uring, or a sandbox hides it (ENOSYS)."
    if code == errno.ENOMEM:
        return "io_uring may not lock enough memory here (ENOMEM); raise the limit that `ulimit -l` shows."
    if code == errno.EPERM:
        if (switch := switched_off()) != "0":
            return f"io_uring is switched off on this machine (kernel.io_uring_disabled = {switch})."
        return "A sandbox forbids io_uring here (EPERM), as containers do unless told otherwise."
    return f"The kernel refused io_uring: {os.strerror(code)} ({errno.errorcode.get(code, code)})."


def switched_off() -> str:
    try:
        with open("/proc/sys/kernel/io_uring_disabled") as file:
            return file.read().strip()
    except OSError:
        return "0"  # older than 6.6: there is no such switch
