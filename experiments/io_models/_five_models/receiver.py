"""The receiving process: it opens every arm on a channel of its own, and measures one read at a time."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from experiments.io_models._five_models.channel import Kind, connect, datagrams, sender_of
from experiments.io_models._five_models.models import Arm, CannotRun, Read, Reading
from experiments.kit.kernel import affinity, calls, proc
from experiments.kit.kernel.clock import grown, run_delay_ns, seconds
from experiments.kit.subjects import tally
from experiments.kit.subjects.subjects import Group, Worker, interrupted_by_deaths, looks_again


class Sample(NamedTuple):
    """One measured read: its stamps, the sender's stamp, and what it cost the receiver."""

    reading: Reading
    sent_ns: int
    cpu_ns: int
    process_cpu_ns: int
    delay_ns: int | None
    voluntary: int
    involuntary: int

    @property
    def wait_s(self) -> float:
        """From the call to the sender's stamp; below zero if the data was there first."""
        return seconds(self.sent_ns - self.reading.called_ns)

    @property
    def notify_s(self) -> float | None:
        return seconds(self.reading.ready_ns - self.sent_ns) if self.reading.ready_ns else None

    @property
    def copy_s(self) -> float | None:
        return seconds(self.reading.done_ns - self.reading.ready_ns) if self.reading.ready_ns else None

    @property
    def after_send_s(self) -> float:
        return seconds(self.reading.done_ns - self.sent_ns)


class Receiver:
    """Arms by name, each open on its own channel, and the sender at the other end of all of them."""

    def __init__(self, sender: Worker, places: dict[str, int], reads: dict[str, Read]) -> None:
        self.sender = sender
        self.places = places
        self.reads = reads
        self.missing: dict[str, str] = {}  # arm → why it cannot run here
        self.fits: dict[str, int] = {}  # arm → the largest message its channel holds
        self.cores: tuple[int, int] = (0, 0)
        self.delay_ns: Callable[[], int | None] = lambda: None  # in the run queue so far

    def read(self, arm: str, size: int, delay_ns: int) -> Sample:
        """Ask the sender for `size` bytes after `delay_ns`, and read them.

        The run queue's account is taken closest to the read. To ask is to wake another process, and to
        ask for CPU time makes the scheduler look at the clock: on a busy core both may cost us our turn.
        """
        read, place = self.reads[arm], self.places[arm]
        self.sender.ask(place, size, delay_ns)
        before = calls.thread_switches()
        process, thread, delay = time.process_time_ns(), time.thread_time_ns(), self.delay_ns()
        with looks_again():
            reading = read(size)
            delay = grown(delay, self.delay_ns())
        process, thread = time.process_time_ns() - process, time.thread_time_ns() - thread
        after = calls.thread_switches()
        sent_ns, _ = self.sender.answer()
        switches = after.voluntary - before.voluntary, after.involuntary - before.involuntary
        return Sample(reading, sent_ns, thread, process, delay, *switches)


@contextmanager
def receiver(channel: Kind, arms: Sequence[Arm], largest: int) -> Iterator[Receiver]:
    """Sockets, sender and arms for messages of up to `largest` bytes; nothing of it is left afterwards."""
    with ExitStack() as stack:
        group = stack.enter_context(Group())
        stack.enter_context(interrupted_by_deaths())
        pairs = []
        for arm in arms:
            pairs.append(pair := connect(datagrams(channel) if arm.datagrams else channel, largest))
            stack.callback(pair.receiver.close)
            stack.callback(pair.sender.close)
        cores = two_cores()
        place = None if affinity.missing() else cores[1]
        sender = group.worker(sender_of(pairs, largest), core=place, name="the sender")
        opened = Receiver(sender, {arm.name: i for i, arm in enumerate(arms)}, {})
        opened.cores = cores
        if not proc.missing():
            task = proc.Task(os.getpid(), threading.get_native_id())
            stack.callback(task.close)
            opened.delay_ns = lambda: task.times().delay_ns
        stack.enter_context(pinned(cores[0]))
        buffer = bytearray(b"x" * largest)  # touched, so that no read pays for page faults
        for arm, pair in zip(arms, pairs, strict=True):
            opened.fits[arm.name] = min(pair.fits(), largest)
            pair.sender.close()  # the sending process has its own; ours would hide that it has gone
            try:
                opened.reads[arm.name] = stack.enter_context(arm.open(pair.receiver, buffer))
            except CannotRun as error:
                opened.missing[arm.name] = str(error)
        yield opened


def two_cores() -> tuple[int, int]:
    """One for the receiver and one for the sender: the first and the last, which share least."""
    cores = affinity.usable_cores() or (0,)
    return cores[0], cores[-1]


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keep this process on one core, and add what it used to the tally of subjects."""
    before, cpu, delay = affinity.usable_cores(), time.process_time_ns(), run_delay_ns()
    affinity.pin({core})  # where that is refused, the run says so in a note
    try:
        yield
    finally:
        tally.add(time.process_time_ns() - cpu, grown(delay, run_delay_ns()))
        affinity.pin(before)


@contextmanager
def collector_off() -> Iterator[None]:
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
