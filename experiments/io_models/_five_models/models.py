"""The five models, as code: each opens on a socket and gives a function that reads one message.

Every function stamps the clock around its system calls and counts them itself; what it counts is
what `strace` counts for the same read (a test holds the two together).
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Literal, NamedTuple, NoReturn

from experiments.io_models._five_models.aio import reader
from experiments.kit.kernel import calls, uring
from experiments.kit.kernel.clock import now_ns

Model = Literal["blocking", "non-blocking", "multiplexed", "signal-driven", "asynchronous"]

WHOLE = socket.MSG_WAITALL  # on a stream: come back with the whole message, not with its first part
F_SETSIG, F_SETOWN_EX, F_OWNER_TID = 10, 15, 0  # <linux/fcntl.h>; Python has no names for them
MARK_EVERY_NS = 50_000  # of a reader that asks and asks, one call in this time is kept for the picture


class Mark(NamedTuple):
    """One call that came back without data."""

    asked_ns: int
    back_ns: int


class Reading(NamedTuple):
    """The stamps of one read. `ready_ns`: when the program learnt that there is data; 0 if it cannot see."""

    called_ns: int
    ready_ns: int
    done_ns: int
    syscalls: int
    work: int = 0
    submitted_ns: int = 0
    marks: tuple[Mark, ...] = ()


Read = Callable[[int], Reading]
Open = Callable[[socket.socket, bytearray], AbstractContextManager[Read]]


class Arm(NamedTuple):
    """One way to read. `works`: the program computes while it waits, instead of sleeping."""

    model: Model
    name: str
    open: Open
    works: bool = False
    datagrams: bool = False

    @property
    def series(self) -> str:
        return f"{self.model}, working" if self.works else self.model


class CannotRun(RuntimeError):
    """An arm cannot run on this machine; the message is a sentence that says why."""


class HungUp(ConnectionError):
    is_sentence = True  # for the reader of the run


def hung_up() -> NoReturn:
    raise HungUp("the sender closed its end before the message was complete")


@contextmanager
def blocking(sock: socket.socket, buffer: bytearray) -> Iterator[Read]:
    """One call that sleeps until the data is there, and copies it."""
    view, recv_into, clock = memoryview(buffer), sock.recv_into, now_ns

    def read(size: int) -> Reading:
        got = syscalls = 0
        called = clock()
        while got < size:
            got += recv_into(view[got:size], 0, WHOLE) or hung_up()
            syscalls += 1
        return Reading(called, 0, clock(), syscalls)

    yield read


@contextmanager
def spinning(sock: socket.socket, buffer: bytearray) -> Iterator[Read]:
    """Ask; "try again" (EAGAIN); ask; … until there is data."""
    sock.setblocking(False)
    view, recv_into, clock = memoryview(buffer), sock.recv_into, now_ns

    def read(size: int) -> Reading:
        got = syscalls = ready = 0
        marks = []
        called = mark_at = clock()
        while got < size:
            syscalls += 1
            asked = clock()
            try:
                got += recv_into(view[got:size]) or hung_up()
                ready = ready or asked
            except BlockingIOError:
                if asked >= mark_at:
                    marks.append(Mark(asked, clock()))
                    mark_at += MARK_EVERY_NS
        return Reading(called, ready, clock(), syscalls, marks=tuple(marks))

    yield read


def waiting(sock: socket.socket, buffer: bytearray, wait: Callable[[], object]) -> Read:
    """Sleep in a call that only tells that there is data; then fetch it with a second one."""
    sock.setblocking(False)
    view, recv_into, clock = memoryview(buffer), sock.recv_into, now_ns

    def read(size: int) -> Reading:
        got = syscalls = ready = 0
        called = clock()
        while got < size:
            wait()
            ready = ready or clock()
            syscalls += 2
            try:
                got += recv_into(view[got:size]) or hung_up()
            except BlockingIOError:  # readiness is a hint: a datagram may have been discarded since
                continue
        return Reading(called, ready, clock(), syscalls)

    return read


@contextmanager
def selecting(sock: socket.socket, buffer: bytearray) -> Iterator[Read]:
    wanted = [sock.fileno()]
    yield waiting(sock, buffer, lambda: select.select(wanted, [], []))


@contextmanager
def polling(sock: socket.socket, buffer: bytearray) -> Iterator[Read]:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    yield waiting(sock, buffer, poll.poll)


@contextmanager
def epolling(sock: socket.socket, buffer: bytearray) -> Iterator[Read]:
    with select.epoll() as epoll:
        epoll.register(sock, select.EPOLLIN)
        yield waiting(sock, buffer, epoll.poll)


def until_empty(sock: socket.socket, buffer: bytearray) -> Callable[[int], tuple[int, int]]:
    """Fetch a datagram and go on until EAGAIN: a signal says that something came, not how much."""
    sock.setblocking(False)
    view, recv_into, clock, spare = memoryview(buffer), sock.recv_into, now_ns, bytearray(1)

    def fetch(size: int) -> tuple[int, int]:
        """When the datagram was in the buffer (0: there was none), and the calls it took."""
        done = syscalls = 0
        try:
            syscalls += 1
            recv_into(view[:size])
            done = clock()
            while True:
                syscalls += 1
                recv_into(spare)
        except BlockingIOError:
            return done, syscalls

    return fetch


@contextmanager
def signals_from(sock: socket.socket, number: int) -> Iterator[None]:
    """Let the kernel send a real-time signal for every datagram; those are queued, plain SIGIO is not."""
    flags = fcntl.fcntl(sock, fcntl.F_GETFL)
    try:
        # To this thread: sent to the process, it would end it through any thread that lets it in.
        fcntl.fcntl(sock, F_SETOWN_EX, struct.pack("ii", F_OWNER_TID, threading.get_native_id()))
        fcntl.fcntl(sock, F_SETSIG, number)
        fcntl.fcntl(sock, fcntl.F_SETFL, flags | os.O_ASYNC)
    except OSError as error:
        raise CannotRun(f"This system sends no signals for sockets ({error.strerror}).") from error
    try:
        yield
    finally:
        fcntl.fcntl(sock, fcntl.F_SETFL, flags)


@contextmanager
def held_back(numbers: set[int]) -> Iterator[None]:
    """Block signals, and throw away those that came before they are let through again."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        calls.discard_pending(numbers)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def signalled(sock: socket.socket, buffer: bytearray) -> Iterator[Read]:
    """Sleep until the signal comes, then fetch. SIGIO is what is left where the signal queue is full."""
    number = signal.SIGRTMIN + 3
    numbers = {number, int(signal.SIGIO)}
    fetch, clock = until_empty(sock, buffer), now_ns
    try:
        wait = calls.wait_for_signal(numbers)
    except OSError as error:
        raise CannotRun(f"This system refuses to wait for signals ({error.strerror}).") from error

    def read(size: int) -> Reading:
        done = syscalls = ready = 0
        called = clock()
        while not done:
            wait()
            ready = clock()
            done, fetched = fetch(size)
            syscalls += 1 + fetched
        return Reading(called, ready, done, syscalls)

    with held_back(numbers), signals_from(sock, number):
        yield read


@contextmanager
def interrupted(sock: socket.socket, buffer: bytearray) -> Iterator[Read]:
    """Compute until the signal interrupts. The handler only stamps: one that read could interrupt itself."""
    number = signal.SIGRTMIN + 4
    if calls.signals_that_may_wait() == 0:
        raise CannotRun("This system lets no signal wait for its turn (`ulimit -i` says 0).")
    came: list[int] = []
    fetch, clock = until_empty(sock, buffer), now_ns

    def read(size: int) -> Reading:
        done = syscalls = work = ready = 0
        called = clock()  # and whoever came before it counts: forgotten here, it would never come again
        while not done:
            while not came:
                work += 1
            ready = came[0]
            syscalls += len(came)  # rt_sigreturn, with which every handler ends
            came.clear()
            done, fetched = fetch(size)
            syscalls += fetched
        return Reading(called, ready, done, syscalls, work)

    with ExitStack() as undo:
        before = signal.signal(number, lambda *_: came.append(clock()))
        undo.callback(signal.signal, number, before)
        undo.enter_context(signals_from(sock, number))
        yield read


@contextmanager
def ring() -> Iterator[uring.Ring]:
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(uring.Ring())
            opened.try_out()
        except uring.Unavailable as error:
            raise CannotRun(str(error)) from error
        yield opened


@contextmanager
def completed(sock: socket.socket, buffer: bytearray, by_worker: bool = False) -> Iterator[Read]:
    """Hand over the request and the buffer; sleep until it is done. One call does both."""
    fd, at, clock = sock.fileno(), uring.address_of(buffer), now_ns
    with ring() as requests:

        def read(size: int) -> Reading:
            got, before = 0, requests.calls
            called = clock()
            while got < size:
                requests.receive(fd, at + got, size - got, WHOLE, by_worker=by_worker)
                requests.enter(1, 1)
                while (result := requests.result()) is None:
                    requests.enter(0, 1)
                got += result or hung_up()
            return Reading(called, 0, clock(), requests.calls - before)

        yield read


def completed_by_worker(sock: socket.socket, buffer: bytearray) -> AbstractContextManager[Read]:
    """The same, but a kernel worker thread is made to do it (IOSQE_ASYNC)."""
    return completed(sock, buffer, by_worker=True)


@contextmanager
def completed_meanwhile(sock: socket.socket, buffer: bytearray) -> Iterator[Read]:
    """Hand over the request and the buffer, compute, and look now and then whether it is done."""
    fd, at, clock = sock.fileno(), uring.address_of(buffer), now_ns
    with ring() as requests:

        def read(size: int) -> Reading:
            got = work = submitted = 0
            before = requests.calls
            called = clock()
            while got < size:
                requests.receive(fd, at + got, size - got, WHOLE)
                requests.enter(1, 0)
                submitted = submitted or clock()
                while (result := requests.result()) is None:
                    work += 1
                got += result or hung_up()
            return Reading(called, 0, clock(), requests.calls - before, work, submitted)

        yield read


@contextmanager
def helped(sock: socket.socket, buffer: bytearray) -> Iterator[Read]:
    """POSIX aio: the C library lets a thread of its own make a blocking call. Its calls are not counted."""
    fd, at, clock = sock.fileno(), uring.address_of(buffer), now_ns
    try:
        read_into = reader()
    except OSError as error:
        raise CannotRun(str(error)) from error

    def read(size: int) -> Reading:
        got = 0
        called = clock()
        while got < size:
            got += read_into(fd, at + got, size - got) or hung_up()
        return Reading(called, 0, clock(), 0)

    yield read


ARMS = (
    Arm("blocking", "recv", blocking),
    Arm("non-blocking", "spin", spinning),
    Arm("multiplexed", "select", selecting),
    Arm("multiplexed", "poll", polling),
    Arm("multiplexed", "epoll", epolling),
    Arm("signal-driven", "sigwaitinfo", signalled, datagrams=True),
    Arm("signal-driven", "handler", interrupted, works=True, datagrams=True),
    Arm("asynchronous", "io_uring", completed),
    Arm("asynchronous", "io_uring, later", completed_meanwhile, works=True),
)
