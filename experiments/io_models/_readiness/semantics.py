"""What the ways to wait promise, tried once each: facts with exact numbers."""

from __future__ import annotations

import errno
import os
import select
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

from experiments.io_models._readiness.watch import EVENT, raise_limit
from experiments.kit.kernel import calls

Fact = Literal[
    "level: wakes for 10 bytes by threes",
    "edge: wakes for 10 bytes by threes",
    "edge: bytes stuck",
    "edge: wakes after new data",
    "one-shot: wakes before it is armed",
    "one-shot: wakes once armed again",
    "level: writable, in 100 looks",
    "edge: writable, in 100 looks",
    "epoll: takes a regular file",
    "poll: takes a regular file",
    "select: takes number 1024",
    "epoll: tells a closed one with a twin",
    "epoll: tells it when the twin is closed",
    "epoll: told at once by default",
]
FACTS: tuple[Fact, ...] = get_args(Fact)
FD_SETSIZE = 1024  # select(2), fixed in the C library
MANY = FD_SETSIZE + 100
EXPECTED: dict[Fact, int] = {
    "level: wakes for 10 bytes by threes": 4,
    "edge: wakes for 10 bytes by threes": 1,
    "edge: bytes stuck": 7,
    "edge: wakes after new data": 1,
    "one-shot: wakes before it is armed": 1,
    "one-shot: wakes once armed again": 1,
    "level: writable, in 100 looks": 100,
    "edge: writable, in 100 looks": 1,
    "epoll: takes a regular file": 0,
    "poll: takes a regular file": 1,
    "select: takes number 1024": 0,
    "epoll: tells a closed one with a twin": 1,
    "epoll: tells it when the twin is closed": 0,
    "epoll: told at once by default": FD_SETSIZE - 1,
}


def find_out() -> dict[Fact, int]:
    """In a child: what was seen of each fact. Two need more descriptors than may be allowed."""
    _, allowed = raise_limit(MANY)
    level, _, _ = by_threes(0)
    edge, stuck, after_new = by_threes(select.EPOLLET)
    silent, armed = one_shot()
    twin, gone = closed_with_a_twin()
    seen: dict[Fact, int] = {
        "level: wakes for 10 bytes by threes": level,
        "edge: wakes for 10 bytes by threes": edge,
        "edge: bytes stuck": stuck,
        "edge: wakes after new data": after_new,
        "one-shot: wakes before it is armed": silent,
        "one-shot: wakes once armed again": armed,
        "level: writable, in 100 looks": writable(0),
        "edge: writable, in 100 looks": writable(select.EPOLLET),
        "epoll: takes a regular file": epoll_takes_a_file(),
        "poll: takes a regular file": poll_takes_a_file(),
        "epoll: tells a closed one with a twin": twin,
        "epoll: tells it when the twin is closed": gone,
    }
    if allowed > MANY:
        seen["select: takes number 1024"] = select_takes(FD_SETSIZE)
        seen["epoll: told at once by default"] = told_at_once(MANY)
    return seen


@contextmanager
def watched(events: int) -> Iterator[tuple[socket.socket, socket.socket, select.epoll]]:
    """A pair of sockets, the first of them watched."""
    here, there = socket.socketpair()
    with here, there, select.epoll() as epoll:
        epoll.register(here, events)
        yield here, there, epoll


def by_threes(trigger: int) -> tuple[int, int, int]:
    """Ten bytes come at once and three are read at each wake: wakes, bytes left, wakes for two more bytes."""
    with watched(select.EPOLLIN | trigger) as (here, there, epoll):
        there.send(bytes(10))
        wakes, left = 0, 10
        while epoll.poll(0):
            left -= len(here.recv(3))
            wakes += 1
        there.send(bytes(2))
        return wakes, left, len(epoll.poll(0))


def one_shot() -> tuple[int, int]:
    """Ten bytes, three read: wakes until nothing is told any more, and those after arming it again."""
    once = select.EPOLLIN | select.EPOLLONESHOT
    with watched(once) as (here, there, epoll):
        there.send(bytes(10))
        wakes = 0
        while epoll.poll(0):
            here.recv(3)
            wakes += 1
        there.send(bytes(2))  # not even new data wakes it
        wakes += len(epoll.poll(0))
        epoll.modify(here, once)
        return wakes, len(epoll.poll(0))


def writable(trigger: int) -> int:
    """How often an idle socket that has room is told, in a hundred looks."""
    with watched(select.EPOLLOUT | trigger) as (_, _, epoll):
        return sum(len(epoll.poll(0)) for _ in range(100))


def epoll_takes_a_file() -> int:
    with tempfile.TemporaryFile() as file, select.epoll() as epoll:
        try:
            epoll.register(file, select.EPOLLIN)
        except OSError as error:
            if error.errno != errno.EPERM:
                raise
            return 0
        return 1


def poll_takes_a_file() -> int:
    """An empty file, with nothing to read, is told as ready all the same."""
    with tempfile.TemporaryFile() as file:
        poll = select.poll()
        poll.register(file, select.POLLIN)
        return len(poll.poll(0))


def select_takes(number: int) -> int:
    """A single descriptor, but with this number."""
    here, there = socket.socketpair()
    with here, there:
        os.dup2(here.fileno(), number)
        try:
            select.select([number], [], [], 0)
        except ValueError:
            return 0
        finally:
            os.close(number)
        return 1


def closed_with_a_twin() -> tuple[int, int]:
    """A watched descriptor is closed while a duplicate of it is open, and then the duplicate, too."""
    reader, writer = os.pipe()
    twin = os.dup(reader)
    with select.epoll() as epoll:
        epoll.register(reader, select.EPOLLIN)
        os.write(writer, b"x")
        os.close(reader)
        with_twin = len(epoll.poll(0))
        os.close(twin)
        without = len(epoll.poll(0))
    os.close(writer)
    return with_twin, without


def told_at_once(ready: int) -> int:
    """How many of so many ready descriptors one call tells that was not given a number."""
    fds = [calls.eventfd() for _ in range(ready)]
    try:
        with select.epoll() as epoll:
            for fd in fds:
                epoll.register(fd, select.EPOLLIN)
                os.write(fd, EVENT)
            return len(epoll.poll(0))
    finally:
        for fd in fds:
            os.close(fd)
