"""The tables, and how a measured read becomes a row. One row is one read, unless it says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple

from experiments.io_models._five_models.models import Arm, Model
from experiments.io_models._five_models.plan import EVERY_ARM, PAYERS, Stage, Step
from experiments.io_models._five_models.receiver import Sample
from experiments.kit import Bytes, Count, Seconds, Share, Unit
from experiments.kit.kernel.clock import known_seconds, seconds

Lane = Literal["program", "kernel"]
Cpu = Annotated[Seconds, "on a core, from the call to the return; the receiver's thread alone"]
Ready = Annotated[Seconds | None, "waiting for a core that others had, in the receiver's run queue"]
AfterSend = Annotated[
    Seconds, "from the sender's stamp, taken just before it writes, to the data in the buffer"
]


class Read(NamedTuple):
    """One read with the chosen payload and delay, by one arm of one model."""

    model: Model
    arm: Annotated[str, "which calls: recv, spin, select, poll, epoll, sigwaitinfo, handler, io_uring"]
    series: Annotated[str, "the model; with “working” where the program computes while it waits"]
    read: Annotated[Count, "the round: all arms of a round have the same delay"]
    size_b: Bytes
    wait_s: Annotated[Seconds, "waiting for the data: from the call to the sender's stamp"]
    notify_s: Annotated[Seconds | None, "from the stamp until the program knew; empty where it cannot see"]
    copy_s: Annotated[Seconds | None, "from knowing to having; empty where it cannot be seen"]
    after_send_s: AfterSend
    cpu_s: Cpu
    ready_s: Ready
    syscalls: Annotated[Count, "system calls for this read"]
    voluntary: Annotated[Count, "times the receiver went to sleep"]
    involuntary: Annotated[Count, "times the receiver was taken off its core"]
    work: Annotated[Count, "turns of its own computing done while it waited"]


class Payload(NamedTuple):
    """One read of the sweep over payload sizes; one arm a model."""

    model: Model
    read: Count
    size_b: Annotated[Bytes, "payload"]
    notify_s: Seconds | None
    copy_s: Annotated[Seconds | None, "from knowing that there is data to having it"]
    after_send_s: AfterSend
    syscalls: Count


class Waiting(NamedTuple):
    """One read of the sweep over delays; one arm a model."""

    model: Model
    read: Count
    delay_s: Annotated[Seconds, "the delay asked for; each read waits 0.5 to 1.5 times as long"]
    wait_s: Seconds
    after_send_s: AfterSend
    cpu_s: Cpu
    ready_s: Ready
    syscalls: Count


class Payer(NamedTuple):
    """One read, and who spent the CPU time of it: the calling thread, or another one."""

    model: str
    read: Count
    size_b: Annotated[Bytes, "payload"]
    thread_cpu_s: Annotated[Seconds, "the thread that asked for the data"]
    process_cpu_s: Annotated[Seconds, "all threads of the process, kernel workers included"]
    caller_share: Annotated[Share, "of the CPU time, spent by the thread that asked"]


class Flow(NamedTuple):
    """A stretch of one typical read, in seconds since its call; every edge is a measured stamp."""

    model: Model
    lane: Lane
    state: str
    start_s: Seconds
    end_s: Seconds
    call: Annotated[str, "the system call it belongs to"]


class Summary(NamedTuple):
    """What the reads of one arm come to."""

    model: Model
    arm: str
    reads: Annotated[Count, "reads that count: those whose data was there before the call are left out"]
    p50_s: Annotated[Seconds, "median time from the sender's stamp to the data"]
    p95_s: Seconds
    syscalls_per_read: Annotated[float, Unit(""), "median"]
    cpu_share_waiting: Annotated[Share, "CPU time that one more second of waiting costs, per second"]


class Note(NamedTuple):
    """Something that could not be done as asked, and why."""

    about: str
    why: str


def read_row(step: Step, sample: Sample) -> Read:
    arm, reading = BY_NAME[step.arm], sample.reading
    return Read(
        model=arm.model,
        arm=arm.name,
        series=arm.series,
        read=step.repeat,
        size_b=step.size_b,
        wait_s=sample.wait_s,
        notify_s=sample.notify_s,
        copy_s=sample.copy_s,
        after_send_s=sample.after_send_s,
        cpu_s=seconds(sample.cpu_ns),
        ready_s=known_seconds(sample.delay_ns),
        syscalls=reading.syscalls,
        voluntary=sample.voluntary,
        involuntary=sample.involuntary,
        work=reading.work,
    )


def payload_row(step: Step, sample: Sample) -> Payload:
    return Payload(
        model=BY_NAME[step.arm].model,
        read=step.repeat,
        size_b=step.size_b,
        notify_s=sample.notify_s,
        copy_s=sample.copy_s,
        after_send_s=sample.after_send_s,
        syscalls=sample.reading.syscalls,
    )


def waiting_row(step: Step, sample: Sample) -> Waiting:
    return Waiting(
        model=BY_NAME[step.arm].model,
        read=step.repeat,
        delay_s=step.delay_ms / 1e3,
        wait_s=sample.wait_s,
        after_send_s=sample.after_send_s,
        cpu_s=seconds(sample.cpu_ns),
        ready_s=known_seconds(sample.delay_ns),
        syscalls=sample.reading.syscalls,
    )


def payer_row(step: Step, sample: Sample) -> Payer:
    return Payer(
        model=PAYERS[step.arm],
        read=step.repeat,
        size_b=step.size_b,
        thread_cpu_s=seconds(sample.cpu_ns),
        process_cpu_s=seconds(sample.process_cpu_ns),
        caller_share=min(1.0, sample.cpu_ns / sample.process_cpu_ns),
    )


BY_NAME: dict[str, Arm] = {arm.name: arm for arm in EVERY_ARM}
ROWS: dict[Stage, Callable[[Step, Sample], Read | Payload | Waiting | Payer]] = {
    "read": read_row,
    "payload": payload_row,
    "waiting": waiting_row,
    "payer": payer_row,
}
