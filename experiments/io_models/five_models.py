"""The five I/O models

What does a program do while it waits for data?

Data that is not there yet has to be waited for, and when it is there it has to be copied from the
kernel's buffer into yours. Every read has these two phases: **waiting for the data**, and
**copying it**. Textbooks know five ways to get through them, and they differ in one thing only:
what your program does meanwhile.

- **Blocking.** You call `recv` ([recv(2)]) and the kernel puts you to sleep. It wakes you when the data is
  in *its* buffer; still in the same call you then copy it into yours, on your own CPU time. One call, both
  phases inside it, and no CPU used while you wait.
- **Non-blocking.** The call never sleeps; without data it fails at once with EAGAIN, and you ask
  again. And again. A thousand questions are one core burnt, but you notice soon.
- **Multiplexed.** You sleep in `select`, `poll` or `epoll_wait` ([epoll(7)]), which tells that data is there;
  a second call fetches it. For one socket that is a call more than blocking. It pays when you
  watch a thousand sockets with one thread.
- **Signal-driven.** You compute. The kernel interrupts you with a signal when data is there (`O_ASYNC`,
  [fcntl(2)]), and you fetch it.
- **Asynchronous.** You hand the kernel a request and a buffer ([io_uring(7)]), and go on. When you
  hear of it again, the data is already in your buffer.

Here a second process sends one message after a random delay, and this one reads it in each of the
five ways, in turns. The sender notes the time just before it writes, so we know when the waiting
was over. A blocking call cannot be split further from outside: what happens in it after that
stamp is drawn hatched.

**What to look for.** The flow shows one real read for each model: who ran, who slept, which calls
crossed into the kernel. In the chart of CPU time over the delay, one line climbs and all others
stay flat: only asking again and again pays for time. The copy costs nearly nothing up to some
KiB and then grows with the payload, whichever model you choose.

**Where the common belief is wrong.**

- *"epoll is asynchronous I/O."* It tells you that data is there. Your program still makes the
  call that copies it, and waits for the copy. That is a synchronous read.
- *"With io_uring somebody else does the copying."* A plain receive is copied in your own context,
  on your own CPU time. Only a helper thread takes it off you: a kernel worker that you force, or
  the one hidden in POSIX aio ([aio(7)]). The last chart shows who paid.
- *"Blocking is slow."* Most of what passes between the sender's write and your data is the
  wake-up of a core that had gone to sleep. Look at the two curves of readers that compute
  meanwhile: the same calls, but their core was awake.

Signals are measured on datagram sockets even where the others use a stream. A stream may raise
several signals for one message, and one left over would wake the next read for nothing.

[recv(2)]: https://man7.org/linux/man-pages/man2/recv.2.html
[epoll(7)]: https://man7.org/linux/man-pages/man7/epoll.7.html
[io_uring(7)]: https://man7.org/linux/man-pages/man7/io_uring.7.html
[aio(7)]: https://man7.org/linux/man-pages/man7/aio.7.html
[fcntl(2)]: https://man7.org/linux/man-pages/man2/fcntl.2.html
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Annotated, Literal

from experiments.io_models._five_models.flow import TOLD, story, typical
from experiments.io_models._five_models.models import ARMS
from experiments.io_models._five_models.plan import (
    EVERY_ARM,
    Round,
    Stage,
    Step,
    cost_s,
    largest_of,
    main_rounds,
    sweep_rounds,
)
from experiments.io_models._five_models.receiver import Receiver, Sample, collector_off, receiver
from experiments.io_models._five_models.rows import (
    ROWS,
    Flow,
    Note,
    Payer,
    Payload,
    Read,
    Summary,
    Waiting,
    read_row,
)
from experiments.io_models._five_models.verdict import cpu_share, first, verdict
from experiments.kit import Bars, Between, Bytes, ChoiceGuess, Count, Ecdf, Line, Milliseconds, Need, Progress
from experiments.kit.charts import Flow as FlowChart
from experiments.kit.kernel import affinity
from experiments.kit.stats import median, quantile

__all__ = ["charts", "cost", "guess", "measure", "needs", "presets", "verdict"]

NS_PER_MS = 1_000_000

Channel = Literal["unix", "udp", "tcp"]
Sweep = Literal["both", "sizes", "delays", "none"]

charts = [
    FlowChart(
        Flow,
        model="model",
        lane="lane",
        state="state",
        start="start_s",
        end="end_s",
        call="call",
        title="One read, five times: who waits, who copies, who computes?",
        caption="One measured read for each model, of usual latency. Hatched: a wake-up and a copy that"
        " cannot be told apart from user space. Of the calls that found nothing a few are drawn.",
    ),
    Ecdf(
        Read,
        x="after_send_s",
        by="series",
        log_x=True,
        title="How late is the data after it was sent?",
        caption="“Working”: the program computes while it waits, so its core does not fall asleep.",
    ),
    Line(
        Waiting,
        x="delay_s",
        y="cpu_s",
        by="model",
        log_x=True,
        log_y=True,
        id="cpu",
        title="How much CPU time does a longer wait cost?",
    ),
    Bars(
        Read,
        x="model",
        y="syscalls",
        log_y=True,
        id="syscalls",
        title="How many system calls does one read take?",
    ),
    Line(
        Payload,
        x="size_b",
        y="after_send_s",
        by="model",
        log_x=True,
        log_y=True,
        id="latency",
        title="How late is the data when there is more of it?",
        caption="Signals are measured on datagrams, which end at 32 KiB.",
    ),
    Line(
        Payload,
        x="size_b",
        y="copy_s",
        by="model",
        log_x=True,
        log_y=True,
        id="copy",
        title="How long is the copying phase?",
        caption="From knowing that there is data to having it. Where a call does both, it cannot be seen.",
    ),
    Bars(
        Payer,
        x="size_b",
        y="caller_share",
        by="model",
        id="payer",
        title="Who pays for the copy?",
        caption="Share of the CPU time that the thread spent which asked for the data. The rest was"
        " spent by a kernel worker (io_uring, forced) or by a helper thread of the C library (POSIX aio).",
    ),
]

guess = ChoiceGuess(
    ask="In which model does the program have the data first, counted from when it was sent?",
    figure="ecdf",
    choices={
        "blocking": "blocking",
        "non-blocking": "non-blocking",
        "multiplexed": "multiplexed",
        "signal-driven": "signal-driven",
        "asynchronous": "asynchronous",
    },
    measured=first,
)

presets = {
    "quick": {"reads": 30, "per_point": 4},
    "sizes": {"sweep": "sizes", "per_point": 60},
    "delays": {"sweep": "delays", "per_point": 40},
    "careful": {"reads": 500, "per_point": 60},
}

needs = (
    Need(
        lambda: (
            ""
            if sys.platform == "linux"
            else "This experiment needs Linux: epoll, queued signals for sockets, and io_uring are its own."
        )
    ),
)

STAGES: dict[Stage, str] = {
    "read": "every model in turns",
    "payer": "who pays for the copy",
    "payload": "larger and larger payloads",
    "waiting": "longer and longer delays",
}


def measure(
    channel: Annotated[
        Channel, "what the data comes through: a stream, datagrams, or TCP on this host"
    ] = "unix",
    size: Annotated[
        Bytes, Between(1, 4 << 20), "payload of one message; datagrams hold 32 KiB at most"
    ] = 4096,
    delay: Annotated[Milliseconds, Between(0.2, 100), "the sender waits 0.5 to 1.5 times as long"] = 2,
    reads: Annotated[Count, Between(20, 1000), "reads by each arm of each model"] = 100,
    sweep: Annotated[
        Sweep, "what to vary beside: the payload (1 B to 4 MiB), the delay (0.2 to 20 ms)"
    ] = "both",
    per_point: Annotated[Count, Between(3, 100), "reads for each point of a sweep"] = 12,
) -> Iterator[Read | Flow | Summary | Payload | Waiting | Payer | Note | Progress]:
    main, sweeps = main_rounds(size, delay, reads), sweep_rounds(size, sweep, per_point)
    left = total = cost_s(chain(*main, *sweeps))
    kept: list[tuple[Step, Sample]] = []
    with receiver(channel, EVERY_ARM, largest_of(size, sweep)) as bench:
        yield from notes(bench, size)
        for steps in main:
            kept += (measured := perform(bench, steps))
            yield from (ROWS["read"](*one) for one in measured)
            left -= cost_s(steps)
            yield Progress(min(1.0, 1 - left / total), STAGES["read"])
        yield from flows(kept)
        yield from summaries(kept)
        for steps in sweeps:
            yield from (ROWS[step.stage](step, sample) for step, sample in perform(bench, steps))
            left -= cost_s(steps)
            yield Progress(min(1.0, 1 - left / total), STAGES[steps[0].stage])


def cost(channel: str, size: int, delay: float, reads: int, sweep: str, per_point: int) -> float:
    """Seconds, from the plan itself."""
    return 0.2 + cost_s(chain(*main_rounds(size, delay, reads), *sweep_rounds(size, sweep, per_point)))


def perform(bench: Receiver, steps: Round) -> list[tuple[Step, Sample]]:
    """Read a round; what is kept are the reads that had to wait, and no warm-ups."""
    measured = []
    with collector_off():
        for step in steps:
            size = min(step.size_b, bench.fits[step.arm])
            if step.arm in bench.reads and (size == step.size_b or step.stage in ("read", "waiting")):
                sample = bench.read(step.arm, size, int(step.jittered_ms * NS_PER_MS))
                measured.append((step._replace(size_b=size), sample))
    return [(step, sample) for step, sample in measured if step.repeat >= 0 and sample.wait_s > 0]


def notes(bench: Receiver, size: int) -> Iterator[Note]:
    """What this machine does not let us do as asked, each reason once."""
    for why in dict.fromkeys(bench.missing.values()):
        lost = {arm.model for arm in ARMS if bench.missing.get(arm.name) == why}
        for model in lost:
            yield Note(model, f"{why} The other four models ran.")
        if not lost:
            yield Note("payer", f"{why} It is missing from the chart of who pays.")
    clamped: dict[int, dict[str, None]] = {}
    for arm in ARMS:
        if (fits := bench.fits[arm.name]) < size:
            clamped.setdefault(fits, {})[arm.model] = None
    for fits, models in clamped.items():
        yield Note("size", f"{size} B do not fit into one socket at once: {', '.join(models)} read {fits} B.")
    if why := affinity.missing():
        yield Note("cores", f"{why} Sender and receiver run where the system puts them.")
    elif bench.cores[0] == bench.cores[1]:
        yield Note("cores", "Sender and receiver share the only core: who spins keeps the sender waiting.")


def flows(kept: Sequence[tuple[Step, Sample]]) -> Iterator[Flow]:
    """One typical read of each model."""
    for arm in TOLD:
        if samples := [sample for step, sample in kept if step.arm == arm]:
            yield from story(arm, typical(samples))


def summaries(kept: Sequence[tuple[Step, Sample]]) -> Iterator[Summary]:
    for arm in ARMS:
        rows = [read_row(step, sample) for step, sample in kept if step.arm == arm.name]
        if len(rows) > 1:
            late = [row.after_send_s for row in rows]
            calls = median(row.syscalls for row in rows)
            share = cpu_share(rows).value
            yield Summary(arm.model, arm.name, len(rows), median(late), quantile(late, 0.95), calls, share)
