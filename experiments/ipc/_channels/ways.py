"""Ways for two processes to talk, each made so that no object of it outlives its processes.

What has a name in the system (a FIFO, a message queue) loses it as soon as both ends are open; System V
queues have no such thing, so theirs is made in an IPC namespace of its own, which ends with its processes.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.managers import SyncManager
from typing import Any, Literal, NamedTuple, TypeVar, get_args

from experiments.kit.kernel import calls
from experiments.kit.subjects.subjects import end_with

Way = Literal[
    "eventfd",
    "semaphore",
    "signal",
    "pipe",
    "FIFO",
    "POSIX queue",
    "System V queue",
    "Unix",
    "UDP",
    "TCP",
    "shared memory",
    "shared, spinning",
    "mp Pipe",
    "mp SimpleQueue",
    "mp Queue",
    "mp Manager",
]
WAYS: tuple[Way, ...] = get_args(Way)
Call = Callable[[], object]
Made = TypeVar("Made")

ATOMIC_B = 4096  # PIPE_BUF: a write up to this comes in one piece (pipe(7))
QUEUED_B = 8192  # a message of a queue, unless the administrator allows more (mq_overview(7), msgsnd(2))
DATAGRAM_B = 65_507  # of UDP over IPv4
WORD_B = 64  # one word for each direction, on cache lines of their own
ONE = (1).to_bytes(8, sys.byteorder)  # what an eventfd is fed with
CLONE_NEWIPC, CLONE_NEWUSER = 0x08000000, 0x10000000
RMID, PRIVATE = 0, 0


class Missing(Exception):
    """This way cannot be had here; the message is a word that says why."""


class Ends(NamedTuple):
    """What each side calls: the first one sends and then receives, the other receives and then sends.

    `first` is called in the process that made the way, once it knows the pid of the other one.
    """

    send: Call
    receive: Call
    hear: Call
    reply: Call
    first: Callable[[int], None] = lambda pid: None
    close: Call = lambda: None
    helper: int = 0  # the pid of a third process that both need


def make(way: Way, size: int) -> Ends:
    """The ends of a way for messages of this size."""
    return made(MAKERS[way], size)


def made(maker: Callable[[int], Made], size: int) -> Made:
    """What it makes for this size; Missing where the system or the size forbids it."""
    try:
        return maker(size)
    except (OSError, AttributeError) as error:
        raise Missing(errno.errorcode.get(getattr(error, "errno", 0), "ENOSYS")) from error


def fork_context() -> Any:
    """Its semaphores lose their names at once; other contexts need a process that cleans up."""
    return multiprocessing.get_context("fork")


# -- without a payload: one wakes the other ----------------------------------------------------------


def by_eventfd(_: int) -> Ends:
    there, back = calls.eventfd(), calls.eventfd()
    return Ends(
        lambda: os.write(there, ONE),
        lambda: os.read(back, len(ONE)),
        lambda: os.read(there, len(ONE)),
        lambda: os.write(back, ONE),
    )


def by_semaphore(_: int) -> Ends:
    there, back = fork_context().Semaphore(0), fork_context().Semaphore(0)
    return Ends(there.release, back.acquire, there.acquire, back.release)


def by_signal(_: int) -> Ends:
    """A real-time signal: those are queued, not merged. Both sides block it and wait for it."""
    number = signal.SIGRTMIN + 1
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    first, wait = os.getpid(), calls.wait_for_signal({number})
    others: list[int] = []
    return Ends(
        lambda: os.kill(others[0], number),
        wait,
        wait,
        lambda: os.kill(first, number),
        others.append,
    )


# -- descriptors -------------------------------------------------------------------------------------


def by_pipe(size: int) -> Ends:
    hear, send = os.pipe()
    receive, reply = os.pipe()
    return over_descriptors(size, send, receive, hear, reply)


def by_fifo(size: int) -> Ends:
    there, back = nameless_fifo(), nameless_fifo()
    return over_descriptors(size, there, back, there, back)


def nameless_fifo() -> int:
    """Opened for both directions, which does not wait for a partner, and without its name from then on."""
    with tempfile.TemporaryDirectory() as folder:
        os.mkfifo(path := f"{folder}/fifo")
        return os.open(path, os.O_RDWR)


def over_descriptors(size: int, send: int, receive: int, hear: int, reply: int) -> Ends:
    message = bytes(size)
    return Ends(writer(send, message), reader(receive, size), reader(hear, size), writer(reply, message))


def writer(fd: int, message: bytes) -> Call:
    def write_all() -> None:
        left = memoryview(message)
        while left:
            left = left[os.write(fd, left) :]

    return (lambda: os.write(fd, message)) if len(message) <= ATOMIC_B else write_all


def reader(fd: int, size: int) -> Call:
    if size <= ATOMIC_B:
        return lambda: os.read(fd, size)
    buffer = memoryview(bytearray(size))

    def read_all() -> None:
        got = 0
        while got < size:
            got += os.readv(fd, [buffer[got:]])

    return read_all


# -- sockets -----------------------------------------------------------------------------------------


def by_unix(size: int) -> Ends:
    return over_sockets(size, *socket.socketpair())


def by_tcp(size: int) -> Ends:
    return over_sockets(size, *tcp_pair())


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        here = socket.create_connection(listening.getsockname())
        there, _ = listening.accept()
    for end in (here, there):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return here, there


def by_udp(size: int) -> Ends:
    if size > DATAGRAM_B:
        raise Missing("EMSGSIZE")
    here, there = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    for end in (here, there):
        end.bind(("127.0.0.1", 0))
    here.connect(there.getsockname())
    there.connect(here.getsockname())
    return over_sockets(size, here, there)


def over_sockets(size: int, here: socket.socket, there: socket.socket) -> Ends:
    message = bytes(size)
    return Ends(
        lambda: here.sendall(message), taker(here, size), taker(there, size), lambda: there.sendall(message)
    )


def taker(end: socket.socket, size: int) -> Call:
    buffer = memoryview(bytearray(size))

    def receive_all() -> None:
        got = end.recv_into(buffer)
        while got < size:
            got += end.recv_into(buffer[got:])

    return receive_all


# -- message queues, over the C library --------------------------------------------------------------


def by_posix_queue(size: int) -> Ends:
    if size > QUEUED_B:
        raise Missing("EMSGSIZE")
    there, back = nameless_queue(size, "there"), nameless_queue(size, "back")
    library = queues()
    message, buffer = bytes(size), ctypes.create_string_buffer(size)
    return Ends(
        lambda: checked(library.mq_send(there, message, size, 0)),
        lambda: checked(library.mq_receive(back, buffer, size, None)),
        lambda: checked(library.mq_receive(there, buffer, size, None)),
        lambda: checked(library.mq_send(back, message, size, 0)),
    )


class QueueShape(ctypes.Structure):
    """struct mq_attr (mq_getattr(3))."""

    _fields_ = (
        ("flags", ctypes.c_long),
        ("messages", ctypes.c_long),
        ("size", ctypes.c_long),
        ("held", ctypes.c_long),
        ("reserved", ctypes.c_long * 4),
    )


def queues() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "mq_open"):  # before version 2.34 of the GNU C library
        library = ctypes.CDLL("librt.so.1", use_errno=True)
    a_queue, a_size = ctypes.c_int, ctypes.c_size_t
    library.mq_send.argtypes = [a_queue, ctypes.c_char_p, a_size, ctypes.c_uint]
    library.mq_receive.argtypes = [a_queue, ctypes.c_char_p, a_size, ctypes.c_void_p]
    return library


def nameless_queue(size: int, which: str) -> int:
    """On Linux a queue is a descriptor; without its name it ends with those who have it open."""
    library, name = queues(), f"/oscope-{os.getpid()}-{which}".encode()
    shape = QueueShape(messages=2, size=size)
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR
    queue = checked(library.mq_open(name, flags, ctypes.c_uint(0o600), ctypes.byref(shape)))
    checked(library.mq_unlink(name))
    return queue


def by_system_v_queue(size: int) -> Ends:
    if size > QUEUED_B:
        raise Missing("EMSGSIZE")
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(CLONE_NEWIPC):  # without root: as root of a user namespace of its own
        checked(library.unshare(CLONE_NEWUSER | CLONE_NEWIPC))
    there, back = (checked(library.msgget(PRIVATE, 0o600)) for _ in range(2))
    word = ctypes.sizeof(ctypes.c_long)
    message = (1).to_bytes(word, "little") + bytes(size)  # its type, which must be positive, and the text
    buffer = ctypes.create_string_buffer(word + size)
    library.msgsnd.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
    library.msgrcv.argtypes = [*library.msgsnd.argtypes[:3], ctypes.c_long, ctypes.c_int]
    return Ends(
        lambda: checked(library.msgsnd(there, message, size, 0)),
        lambda: checked(library.msgrcv(back, buffer, size, 0, 0)),
        lambda: checked(library.msgrcv(there, buffer, size, 0, 0)),
        lambda: checked(library.msgsnd(back, message, size, 0)),
    )


def checked(returned: int) -> int:
    if returned < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return returned


# -- shared memory -----------------------------------------------------------------------------------


def by_shared_memory(size: int) -> Ends:
    """Anonymous memory that both have mapped; semaphores say when the other one has written."""
    view = memoryview(mmap.mmap(-1, 2 * size))
    there, back, message = view[:size], view[size:], bytes(size)
    own = bytearray(size)
    wrote, answered = fork_context().Semaphore(0), fork_context().Semaphore(0)

    def send() -> None:
        there[:] = message
        wrote.release()

    def receive() -> None:
        answered.acquire()
        own[:] = back

    def hear() -> None:
        wrote.acquire()
        own[:] = there

    def reply() -> None:
        back[:] = message
        answered.release()

    return Ends(send, receive, hear, reply)


def by_spinning(size: int) -> Ends:
    """Nobody sleeps: each looks at a number in shared memory until the other one has changed it."""
    view = memoryview(mmap.mmap(-1, 2 * WORD_B + 2 * size))
    words = view[: 2 * WORD_B].cast("Q")
    second = WORD_B // 8
    there, back = view[2 * WORD_B : 2 * WORD_B + size], view[2 * WORD_B + size :]
    message, own, heard = bytes(size), bytearray(size), [0]

    def send() -> None:
        there[:] = message
        words[0] += 1

    def receive() -> None:
        wanted = words[0]
        while words[second] < wanted:
            pass
        own[:] = back

    def hear() -> None:
        heard[0] += 1
        wanted = heard[0]
        while words[0] < wanted:
            pass
        own[:] = there

    def reply() -> None:
        back[:] = message
        words[second] += 1

    return Ends(send, receive, hear, reply)


# -- multiprocessing ---------------------------------------------------------------------------------


def by_mp_pipe(size: int) -> Ends:
    here, there = fork_context().Pipe()
    message = bytes(size)
    return Ends(
        lambda: here.send_bytes(message), here.recv_bytes, there.recv_bytes, lambda: there.send_bytes(message)
    )


def by_simple_queue(size: int) -> Ends:
    return over_queues(size, fork_context().SimpleQueue(), fork_context().SimpleQueue())


def by_queue(size: int) -> Ends:
    return over_queues(size, fork_context().Queue(), fork_context().Queue())


def over_queues(size: int, there: Any, back: Any) -> Ends:
    message = bytes(size)
    return Ends(lambda: there.put(message), back.get, there.get, lambda: back.put(message))


def by_manager(size: int) -> Ends:
    """A third process holds both queues. Its socket has a name that no file system knows (unix(7)).

    Nobody may use the queues before the fork: each side then makes a connection of its own.
    """
    manager = SyncManager(address=f"\0oscope-{os.getpid()}", ctx=fork_context())
    manager.start(end_with, (os.getpid(), signal.SIGKILL))
    ends = over_queues(size, manager.Queue(), manager.Queue())
    return ends._replace(close=manager.shutdown, helper=manager._process.pid)  # type: ignore[attr-defined]


MAKERS: dict[Way, Callable[[int], Ends]] = {
    "eventfd": by_eventfd,
    "semaphore": by_semaphore,
    "signal": by_signal,
    "pipe": by_pipe,
    "FIFO": by_fifo,
    "POSIX queue": by_posix_queue,
    "System V queue": by_system_v_queue,
    "Unix": by_unix,
    "UDP": by_udp,
    "TCP": by_tcp,
    "shared memory": by_shared_memory,
    "shared, spinning": by_spinning,
    "mp Pipe": by_mp_pipe,
    "mp SimpleQueue": by_simple_queue,
    "mp Queue": by_queue,
    "mp Manager": by_manager,
}
