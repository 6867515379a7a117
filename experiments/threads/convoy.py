"""A quick answer and a busy neighbour

How long does a quick answer wait beside a busy thread?

A bakery has one till. You want a single roll and have the money in your hand: five seconds. But in
front of you somebody orders a wedding cake, and the till is theirs until they are done or the
assistant says "one moment, please". However quick your own business is, you wait as long as the
others may keep the till.

Here a thread answers questions: it reads a few bytes and sends them back, which takes some
microseconds. Beside it, in the same process, another thread computes. In the usual build of Python
both need the one global interpreter lock, the GIL. Whenever a question arrives, the data are there
at once, but the answering thread must get the lock back first. It waits for one *switch interval*,
5 ms by default, and only then asks the busy thread to let go. So the quick thread is slowed down
a hundredfold, while the busy one hardly notices. Engineers call that the convoy effect.

- "The machine is overloaded" is the wrong diagnosis. Put the very same computation into a process of
  its own, and the answers are quick again: there was a core to spare all the time, but not a lock.
- "A shorter switch interval cures it" is half right. Beside Python code the wait follows the interval,
  as the second figure shows. But one long call of C code that keeps the lock cannot be interrupted
  at all: the wait is as long as the call, whatever the interval.
- "Hashing is C code, so it does no harm" depends on the size. `hashlib` lets go of the lock for large
  buffers; for small ones that would cost more than it brings, so it keeps the lock, and many small
  hashes are as bad as Python code.
- Without a GIL nobody waits for a neighbour, as long as there is a core.

How it is measured: a client in a process of its own asks at moments that were fixed beforehand, with
random gaps, whether or not earlier answers have come. That is called an *open loop*. A client that
waits for each answer before it asks again would ask less often just when answers are slow, and so
hide what it came to see. Gaps are so long that answers do not pile up: they grow with the time
for which the neighbour may keep the lock. All neighbours take turns within a round.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, NamedTuple, get_args

from experiments.kit import (
    Bars,
    BarsGuess,
    Between,
    Check,
    Count,
    Ecdf,
    Line,
    Milliseconds,
    Progress,
    Record,
    Reference,
    Seconds,
    Sentence,
    Share,
    Verdict,
    duration,
    percent,
    say,
    tally,
)
from experiments.kit.clock import NS_PER_S, now_ns, seconds
from experiments.kit.stats import Estimate, estimate, median
from experiments.kit.subjects import Group
from experiments.threads._echo import Beside, answer, ask, busy_process, calls_for, schedule

GAP_S = 0.015  # on average, between two questions; three times
HELD_S = 0.005  # what a neighbour may keep the lock for: an answer takes it twice
INTERVALS_S = (0.0001, 0.001, 0.02)  # at which the wait beside Python code is looked at, too
PART = 20  # questions in a row to one neighbour
BEGIN_S = 0.03  # until the neighbours are busy
FEWEST = 6  # answers that a median is judged from
BUSY = 0.2  # cores that busy threads must have had together, to be called busy
CROWD = 0.8  # cores; with less of one, other programs may have bent what is hard to explain
SLOW_S = 0.001  # no answer takes that long when it finds a core


class Echo(NamedTuple):
    """A question, and how long its answer took; empty where none came."""

    beside: Beside
    answer_s: Annotated[Seconds | None, "from sending the question to reading the answer"]


class Part(NamedTuple):
    """Some questions in a row, and what the busy neighbour got meanwhile."""

    beside: Beside
    interval_s: Annotated[Seconds, "switch interval of the interpreter"]
    questions: Count
    busy_share: Annotated[Share, "of the time, that a busy thread or process was on a core"]


class Sweep(NamedTuple):
    """The same beside Python code, with other switch intervals."""

    interval_s: Annotated[Seconds, "switch interval of the interpreter"]
    answer_s: Annotated[Seconds | None, "from sending the question to reading the answer"]


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
    "quick": {"echoes": 12},
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
                took_ns, busy_share = bakery.part(arm, n, seed=number)
                yield from rows_of(arm, took_ns, interval / 1000)
                yield Part(arm.beside, arm.interval_s, n, busy_share)


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

    def part(self, arm: Arm, questions: int, seed: int) -> tuple[list[int], float]:
        """Some questions in a row: nanoseconds until each answer, and how busy the neighbours were."""
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
        tally.add(0, own[1] + sum(delay_ns for _, delay_ns, _ in busy))  # processes are added when reaped
        busy += [process.answer() for process in burning]
        return took, sum(cpu_ns / wall_ns for cpu_ns, _, wall_ns in busy) / max(1, len(busy))


# -- what was guessed, and the verdict -----------------------------------------------------------


def answers(record: Record) -> dict[str, list[float]]:
    """The seconds that answers took beside each neighbour; an answer that never came took for ever."""
    found: dict[str, list[float]] = {}
    for row in record[Echo]:
        found.setdefault(row.beside, []).append(math.inf if row.answer_s is None else row.answer_s)
    return found


ONE = "Beside a busy thread a typical answer took {python}, beside a busy process {process}."
MORE = "Beside {hogs} busy threads a typical answer took {python}, beside as many processes {process}."
WHY = {
    "about one switch interval": "It must get the GIL back, and may ask for it only after that time.",
    "several switch intervals": "Whoever lets go of the GIL may lose it to another busy thread first.",
    "not at all": "This Python runs without a GIL: nobody waits for a neighbour while there is a core.",
}
CROWDED = "But beside processes it waited as well: there was no core to spare."
IDLE = "But what should be busy had a core for {busy} of the time only: there was none to spare."
SPREAD = "But the answers spread too far to say how many switch intervals that is: ask more of them."
RIDDLE = "That does not fit what is known of the GIL, so run it again."


def verdict(record: Record) -> Verdict:
    took = answers(record)
    if min(len(took.get(name, ())) for name in get_args(Beside)) < FEWEST:
        return Verdict("unclear", say("It takes {few} answers beside each neighbour to judge.", few=FEWEST))
    seen = {name: estimate(values) for name, values in took.items()}
    hogs, busy = record.params["hogs"], busy_share(record)
    waited = in_intervals(took["python"], seen["process"].value, record.params["interval"] / 1000)
    answer = "not at all" if not record.machine.gil else in_words(waited, hogs)
    doubt = contradiction(seen, waited, busy * hogs, record.machine.gil) or ("" if answer in WHY else SPREAD)
    if doubt in (RIDDLE, SPREAD) and busy * hogs < CROWD:
        doubt = IDLE
    headline = say(
        f"{ONE if hogs == 1 else MORE} {doubt or WHY[answer]}",
        hogs=hogs,
        python=duration(seen["python"].value, "threads"),
        process=duration(seen["process"].value, "processes"),
        busy=percent(busy, "running"),
    )
    checks = checks_of(record, seen)
    return Verdict("unclear" if doubt else answer, headline, tuple(checks), tuple(unanswered(took)))


def busy_share(record: Record) -> float:
    """Of the time, that a thread with Python code was on a core while it kept answers waiting."""
    parts = [row for row in record[Part] if row.beside == "python"]
    return median(row.busy_share for row in parts) if parts else 0.0


def in_intervals(took_s: Sequence[float], free_s: float, interval_s: float) -> Estimate:
    """How many switch intervals an answer waited beyond what it takes anyway."""
    return estimate([(one - free_s) / interval_s for one in took_s])


def in_words(waited: Estimate, hogs: int) -> str:
    if hogs > 1 and waited.low > 1.5:
        return "several switch intervals"
    if 0.7 <= waited.value <= 1.6 and waited.low >= 0.5 and waited.high <= 3:
        return "about one switch interval"
    return "unclear"


def contradiction(seen: Mapping[str, Estimate], waited: Estimate, busy_cores: float, gil: bool) -> str:
    """Why nothing can be concluded, or "": what is known of the machine beats what was seen."""
    python, process = seen["python"], seen["process"]
    if busy_cores < BUSY:
        return IDLE
    if process.value > SLOW_S:
        return CROWDED
    if gil and waited.high < 0.5:
        return RIDDLE
    if gil and process.high > python.low / 2:
        return CROWDED
    if not gil and python.low > max(SLOW_S, 2 * process.high):
        return RIDDLE
    return ""


def checks_of(record: Record, seen: Mapping[str, Estimate]) -> Iterator[Check]:
    python, call_s = seen["python"], record.params["call"] / 1000
    claim = say(
        "With nobody beside it an answer took {nobody}, and beside a process from {low} to {high}.",
        nobody=duration(seen["nobody"].value),
        low=duration(seen["process"].low, "processes"),
        high=duration(seen["process"].high, "processes"),
    )
    yield Check(claim, seen["process"].high < python.low or None)
    if not record.machine.gil:
        return
    small, large, long = (seen[name] for name in ("small hash", "large hash", "long call"))
    claim = say("Small hashes keep the GIL: {took}.", took=duration(small.value, "gil"))
    yield Check(claim, small.low > seen["process"].high or None)
    claim = say("Large ones let go of it: {took}.", took=duration(large.value))
    yield Check(claim, large.high < python.low or None)
    claim = say(
        "A long call of {call} keeps it to its end, whatever the interval: {took}.",
        call=duration(call_s),
        took=duration(long.value, "gil"),
    )
    yield Check(claim, long.low >= call_s / 2 or None)
    yield from sweep_checks(record)


def sweep_checks(record: Record) -> Iterator[Check]:
    found: dict[float, list[float]] = {}
    for row in record[Sweep]:
        found.setdefault(row.interval_s, []).append(math.inf if row.answer_s is None else row.answer_s)
    if len(found) < 2:
        return
    (short_s, quick), *_, (long_s, slow) = sorted((at, estimate(took)) for at, took in found.items())
    claim = say(
        "With a switch interval of {short} it took {quick}, with {long} {slow}.",
        short=duration(short_s),
        quick=duration(quick.value, "gil"),
        long=duration(long_s),
        slow=duration(slow.value, "gil"),
    )
    yield Check(claim, quick.high < slow.low or None)


def unanswered(took: Mapping[str, Sequence[float]]) -> Iterator[Sentence]:
    if missing := sum(math.isinf(one) for values in took.values() for one in values):
        yield say("{n} questions were never answered.", n=missing)
