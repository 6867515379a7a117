"""A quick answer and a busy neighbour

How long does a quick answer wait beside a busy thread?

A bakery has one till. You want a single roll and have the money in your hand: five seconds. But in
front of you somebody orders a wedding cake, and the till is theirs until they are done or the
assistant says "one moment, please". However quick your own business is, you wait as long as the
others may keep the till.

Here a thread answers questions: it reads a few bytes and sends them back, which takes some microseconds.
Beside it, in the same process, another thread computes. In the usual build of CPython both need the one
global interpreter lock, the GIL. Whenever a question arrives, the data are there at once, but the
answering thread must get the lock back first. It waits for one *[switch interval]*, 5 ms by default, and
only then asks the busy thread to let go ([Python/ceval_gil.c]). So the quick thread is slowed down a
hundredfold, while the busy one hardly notices. Engineers call that the convoy effect.

- "The machine is overloaded" is the wrong diagnosis. Put the very same computation into a process of
  its own, and the answers are quick again: there was a core to spare all the time, but not a lock.
- "A shorter switch interval cures it" is half right. Beside Python code the wait follows the interval,
  as the second figure shows. But one long call of C code that keeps the lock cannot be interrupted
  at all: you wait until the call is over, however short the interval.
- "Hashing is C code, so it does no harm" depends on the size. [hashlib] lets go of the lock for large
  buffers, of 2 KiB and more; for small ones that would cost more than it brings, so it keeps the lock,
  and many small hashes are as bad as Python code.
- Without a GIL nobody waits for a neighbour, as long as there is a core. PyPy has a GIL that changes hands
  by other rules: the answers wait there as well, but not for CPython's switch interval.

How it is measured: a client in a process of its own asks at moments that were fixed beforehand, with
random gaps, whether or not earlier answers have come. That is called an *[open loop]*. A client that
waits for each answer before it asks again would ask less often just when answers are slow, and so
hide what it came to see. Gaps are so long that answers do not pile up: they grow with the time
for which the neighbour may keep the lock. All neighbours take turns within a round.

[switch interval]: https://docs.python.org/3/library/sys.html#sys.setswitchinterval
[hashlib]: https://docs.python.org/3/library/hashlib.html
[Python/ceval_gil.c]: https://github.com/python/cpython/blob/main/Python/ceval_gil.c
[open loop]: https://www.usenix.org/legacy/event/nsdi06/tech/schroeder.html
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from typing import Annotated, NamedTuple, get_args

from experiments.kit import Bars, BarsGuess, Between, Count, Ecdf, Line, Milliseconds, Progress, Reference
from experiments.kit.kernel.clock import NS_PER_S, known_sum, now_ns, seconds
from experiments.kit.stats import median
from experiments.kit.subjects import tally
from experiments.kit.subjects.subjects import Group
from experiments.threads._convoy.echo import Beside, answer, ask, busy_process, calls_for, schedule
from experiments.threads._convoy.waits import Echo, Part, Sweep, answers, verdict

__all__ = ["Echo", "Part", "Sweep", "charts", "cost", "guess", "measure", "presets", "verdict"]

GAP_S = 0.015  # between two questions, on average, where nobody keeps the lock for longer than
HELD_S = 0.005  # this; an answer must take it twice, so a third of the gap is left
INTERVALS_S = (0.0001, 0.001, 0.02)  # at which the wait beside Python code is looked at, too
PART = 20  # questions in a row to one neighbour
BEGIN_S = 0.03  # until the neighbours are busy

charts = [
    Ecdf(
        Echo,
        title="How long does an answer take beside each neighbour?",
        caption="python: a loop; small hash: SHA-256 of 1 KiB, which keeps the GIL; long call: one call of C"
        " code at a time, which keeps it, too; large hash: of 1 MiB, which lets go; process: the loop in a"
        " process of its own.",
        x="answer_s",
        by="beside",
        log_x=True,
    ),
    Line(
        Sweep,
        title="Does the wait beside Python code follow the switch interval?",
        x="interval_s",
        y="answer_s",
        references=(Reference(label="one interval"),),
        log_x=True,
        log_y=True,
    ),
    Bars(
        Echo,
        title="Half of the answers took no longer than this",
        x="beside",
        y="answer_s",
        log_y=True,
    ),
]

guess = BarsGuess(
    ask="How long will the typical answer take beside each neighbour?",
    figure="bars",
    unit="s",
    low=1e-5,
    high=0.1,
    log=True,
    bars=("nobody", "python", "long call", "process"),
    measured=lambda record: {name: median(took) for name, took in answers(record).items()},
)

presets = {
    "quick": {"echoes": 9},
    "hasty": {"interval": 0.1},
    "crowd": {"hogs": 3, "echoes": 20},
    "careful": {"echoes": 300},
}


def measure(
    echoes: Annotated[Count, Between(6, 500), "questions beside each neighbour"] = 36,
    hogs: Annotated[Count, Between(1, 8), "busy threads, or busy processes, at once"] = 1,
    interval: Annotated[Milliseconds, Between(0.1, 50), "switch interval of the interpreter"] = 5,
    call: Annotated[Milliseconds, Between(1, 100), "one long call of C code"] = 20,
) -> Iterator[Echo | Sweep | Part | Progress]:
    arms = plan(echoes, interval / 1000)
    rounds = -(-echoes // PART)
    with Group() as group, Bakery(group, hogs, call / 1000) as bakery:
        for number in range(rounds):
            for place, arm in enumerate(arms[:: 1 if number % 2 == 0 else -1]):
                done = (number * len(arms) + place) / (rounds * len(arms))
                yield Progress(done, f"round {number + 1} of {rounds}")
                n = arm.questions * (number + 1) // rounds - arm.questions * number // rounds
                took_ns, busy_share, call_s = bakery.part(arm, n, seed=number)
                yield from rows_of(arm, took_ns, interval / 1000)
                yield Part(arm.beside, arm.interval_s, n, busy_share, call_s)


def cost(echoes: int, hogs: int, interval: float, call: float) -> float:
    arms = plan(echoes, interval / 1000)
    asking_s = sum(arm.questions * gap_s(arm, hogs, call / 1000) for arm in arms)
    return 0.3 + asking_s + len(arms) * -(-echoes // PART) * (BEGIN_S + 0.02)


class Arm(NamedTuple):
    """A neighbour and a switch interval, and how many questions are asked meanwhile."""

    beside: Beside
    interval_s: float
    questions: int


def plan(echoes: int, interval_s: float) -> list[Arm]:
    arms = [Arm(beside, interval_s, echoes) for beside in get_args(Beside)]
    return arms + [Arm("python", other_s, echoes // 2) for other_s in INTERVALS_S if other_s != interval_s]


def rows_of(arm: Arm, took_ns: Sequence[int], interval_s: float) -> Iterator[Echo | Sweep]:
    for ns in took_ns:
        took_s = seconds(ns) if ns >= 0 else None
        if arm.interval_s == interval_s:
            yield Echo(arm.beside, took_s)
        if arm.beside == "python":
            yield Sweep(arm.interval_s, took_s)


def gap_s(arm: Arm, hogs: int, call_s: float) -> float:
    """The mean time between two questions: so long that answers do not pile up behind the lock."""
    held_s = {
        "python": arm.interval_s,
        "small hash": arm.interval_s,
        "long call": max(call_s, arm.interval_s),
    }
    return GAP_S * max(1.0, hogs * held_s.get(arm.beside, 0.0) / HELD_S)


class Bakery:
    """The processes of a run: one that answers, one that asks, and the busy ones."""

    def __init__(self, group: Group, hogs: int, call_s: float) -> None:
        self.hogs, self.call_s = hogs, call_s
        self.ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        inside, outside = self.ends
        self.client = group.worker(lambda *job: ask(outside, *job), name="client")
        self.busy = [group.worker(busy_process, name=f"busy process {i + 1}") for i in range(hogs)]
        self.server = group.worker(
            lambda *job: answer(inside, *job) if job else calls_for(call_s), name="process that answers"
        )
        self.server.ask()
        self.loops = self.server.answer()

    def __enter__(self) -> Bakery:
        return self

    def __exit__(self, *_: object) -> None:
        for end in self.ends:
            end.close()

    def part(self, arm: Arm, questions: int, seed: int) -> tuple[list[int], float, float | None]:
        """Some questions in a row: nanoseconds until each answer, how busy the neighbours were, and how
        long one of their calls took.
        """
        mean_s = gap_s(arm, self.hogs, self.call_s)
        moments = schedule(questions, mean_s, seed)
        start_ns = now_ns() + round(BEGIN_S * NS_PER_S)
        until_ns = start_ns + moments[-1] + round(mean_s * NS_PER_S)
        burning = self.busy if arm.beside == "process" else []
        threads = self.hogs if arm.beside not in ("nobody", "process") else 0
        for process in burning:
            process.ask(until_ns)
        self.server.ask(arm.interval_s, arm.beside, threads, self.loops, until_ns)
        self.client.ask(start_ns, moments)
        took: list[int] = self.client.answer()
        own, *busy = self.server.answer()
        tally.add(0, known_sum([own[1], *(used[1] for used in busy)]))  # processes are added when reaped
        busy += [process.answer() for process in burning]
        busy_share = sum(cpu_ns / wall_ns for cpu_ns, _, wall_ns, _ in busy) / max(1, len(busy))
        calls = sum(calls for *_, calls in busy)
        return took, busy_share, seconds(sum(used[0] for used in busy)) / calls if calls else None
