"""Much data in one direction: one process pushes pieces of a size, the other one takes them."""

from __future__ import annotations

import fcntl
import gc
import mmap
import os
import socket
from collections.abc import Callable
from functools import partial
from itertools import cycle
from typing import Any, Literal, NamedTuple, get_args

from experiments.ipc._channels.talk import END, PIDS, gone
from experiments.ipc._channels.ways import Missing, fork_context, made, tcp_pair
from experiments.kit.kernel import affinity
from experiments.kit.kernel.clock import now_ns
from experiments.kit.subjects.subjects import Group, Worker, raise_lost

Stream = Literal["pipe", "pipe, 1 MiB", "Unix", "TCP", "shared memory", "mp Pipe"]
STREAMS: tuple[Stream, ...] = get_args(Stream)
Push = Callable[[memoryview], object]  # one piece
Take = Callable[[memoryview, int], object]  # into a buffer of a piece's size, so many pieces

LARGE_PIPE_B = 1 << 20  # what everybody may have, unless the administrator says otherwise (pipe(7))
SLOTS = 2  # in shared memory: one is filled while the other one is emptied
SET_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", 1031)


class Line(NamedTuple):
    push: Push
    take: Take


def pusher(stream: Stream, largest: int) -> Callable[..., Any]:
    """A worker's function: asked for cores, size and pieces, it tells nanoseconds until all had arrived.

    Asked without arguments, before that, it says why the stream is missing, or "".
    """
    lines: list[tuple[Line, Worker, int]] = []
    group = Group()

    def serve(*job: Any) -> Any:
        if job == (END,):
            group.__exit__(None, None, None)
            return raise_lost()
        if job == (PIDS,):
            return [other.pid for _, other, _ in lines]
        if job:
            return push_all(*lines[0], *job)
        gc.disable()
        try:
            line, (arrived, arrives) = made(MAKERS[stream], largest), os.pipe()
        except Missing as missing:
            return str(missing)
        other = group.worker(partial(take_all, line, arrives), name=f"{stream}, other end")
        lines.append((line, other, arrived))
        return ""

    return serve


def push_all(line: Line, other: Worker, arrived: int, own: int, others: int, size: int, pieces: int) -> int:
    affinity.pin_or_end({own})
    other.ask(others, size, pieces)
    push, piece = line.push, on_pages(size)
    os.read(arrived, 1)  # it is ready
    start = now_ns()
    with gone():
        for _ in range(pieces):
            push(piece)
    os.read(arrived, 1)  # it has all
    took = now_ns() - start
    other.answer()
    return took


def take_all(line: Line, arrives: int, core: int, size: int, pieces: int) -> None:
    affinity.pin_or_end({core})
    buffer = on_pages(size)
    os.write(arrives, b"r")
    with gone():
        line.take(buffer, pieces)
    os.write(arrives, b"a")


def on_pages(size: int) -> memoryview:
    """Memory that begins with a page and is there before the clock starts.

    Where malloc happens to put a buffer decides over half of what copying it costs.
    """
    buffer = memoryview(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    buffer[:] = b"\1" * size
    return buffer


def over_pipe(_: int) -> Line:
    return over_descriptors(*os.pipe())


def over_large_pipe(_: int) -> Line:
    """One whose buffer is larger, unless that is refused."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, SET_PIPE_SIZE, LARGE_PIPE_B)
    return over_descriptors(reader, writer)


def over_descriptors(reader: int, writer: int) -> Line:
    def push(piece: memoryview) -> None:
        left = piece
        while left:
            left = left[os.write(writer, left) :]

    def take(buffer: memoryview, pieces: int) -> None:
        left = len(buffer) * pieces
        while left:
            left -= os.readv(reader, [buffer[:left]])

    return Line(push, take)


def over_unix(_: int) -> Line:
    return over_sockets(*socket.socketpair())


def over_tcp(_: int) -> Line:
    return over_sockets(*tcp_pair())


def over_sockets(here: socket.socket, there: socket.socket) -> Line:
    def take(buffer: memoryview, pieces: int) -> None:
        left = len(buffer) * pieces
        while left:
            left -= there.recv_into(buffer[:left])

    return Line(here.sendall, take)


def over_shared_memory(largest: int) -> Line:
    """Copied in and copied out: to hand over nothing but a place would be no transport."""
    slots = memoryview(mmap.mmap(-1, SLOTS * largest))
    free, full = fork_context().Semaphore(SLOTS), fork_context().Semaphore(0)
    pushed, taken = cycle(range(SLOTS)), cycle(range(SLOTS))

    def place(slot: int, size: int) -> memoryview:
        return slots[slot * largest : slot * largest + size]

    def push(piece: memoryview) -> None:
        free.acquire()
        place(next(pushed), len(piece))[:] = piece
        full.release()

    def take(buffer: memoryview, pieces: int) -> None:
        for _ in range(pieces):
            full.acquire()
            buffer[:] = place(next(taken), len(buffer))
            free.release()

    return Line(push, take)


def over_mp_pipe(_: int) -> Line:
    reader, writer = fork_context().Pipe(duplex=False)

    def take(buffer: memoryview, pieces: int) -> None:
        for _ in range(pieces):
            reader.recv_bytes_into(buffer)

    return Line(writer.send_bytes, take)


MAKERS: dict[Stream, Callable[[int], Line]] = {
    "pipe": over_pipe,
    "pipe, 1 MiB": over_large_pipe,
    "Unix": over_unix,
    "TCP": over_tcp,
    "shared memory": over_shared_memory,
    "mp Pipe": over_mp_pipe,
}
