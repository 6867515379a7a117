"""Who holds the GIL

What does a thread do while it is not running?

Watch a relay race with one baton. Four runners are warm and willing, the track is free, and yet
only one of them runs: the one with the baton. The usual build of CPython has such a baton, the
global interpreter lock or GIL, one for each process. A thread executes Python only while it holds
it. The others are not blocked by a disk or a network, and they do not lack a core either: they
stand beside the track and wait for a lock that no line of their code ever mentions.

How does the lock change hands in CPython? A thread that waits for it sleeps for the *[switch interval]*,
5 ms by default. If nobody let go meanwhile, it raises a flag ([Python/ceval_gil.c]), and the holder lets go
where it next looks at that flag. Since 3.10 that is at the end of a turn of a loop and at calls, before
almost anywhere ([Python/bytecodes.c]). So with busy threads everybody gets a stretch of about 5 ms, and
with four of them each stands still three quarters of the time. On the timeline that is a
staircase: at any moment exactly one lane is full. The process beside them has a GIL of its own;
its lane stays full.

- There is no queue. Whoever wakes first takes the lock, so shares are uneven and a thread may be
  passed over several times in a row. PyPy has a GIL as well, but hands it over by other rules.
- "More context switches mean more hand-overs" is wrong: a waiting thread wakes after every
  interval only to ask, and the kernel counts a switch for that. We count hand-overs from who
  really ran.
- The GIL is let go around blocking calls, and by C code that asks for it. Choose `hash`, and the
  staircase turns into full lanes, as far as there are cores.
- Choose `mixed` to see whom it hurts: a thread that reads small messages computes next to nothing,
  but after every read it must get the lock back from a busy thread. Its data are there, and it
  waits about one switch interval, again and again.

How it is measured: each thread reads the clock over and over and does nothing else. Where the clock jumps
by more than 20 µs, the thread did not run. Sorted afterwards, the stretches of all threads tell who held
the lock, to some microseconds, without an observer that would have to fight for the same lock. The shares
come from the kernel's own totals: time on a core and time in the run queue are counted ([scheduler
statistics]); what is left of a thread that never blocks on purpose is the wait for the GIL. That last one
is inferred, and on a build without a GIL it is nought.

[switch interval]: https://docs.python.org/3/library/sys.html#sys.setswitchinterval
[Python/ceval_gil.c]: https://github.com/python/cpython/blob/main/Python/ceval_gil.c
[Python/bytecodes.c]: https://github.com/python/cpython/blob/main/Python/bytecodes.c
[scheduler statistics]: https://docs.kernel.org/scheduler/sched-stats.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated, Literal, NamedTuple

from experiments.kit import (
    BarsGuess,
    Between,
    Check,
    Count,
    Ecdf,
    Milliseconds,
    Progress,
    Record,
    Seconds,
    Sentence,
    Shares,
    StateDiagram,
    Timeline,
    Value,
    Verdict,
    asserted,
    duration,
    percent,
    say,
)
from experiments.kit.causes import why_no_core
from experiments.kit.kernel.machine import gil_enabled, usable_cores
from experiments.kit.subjects.subjects import Gate, Group
from experiments.threads._gil_wait import segment
from experiments.threads._gil_wait.parts import READER
from experiments.threads._gil_wait.story import (
    MOST_HOLDS,
    PROCESS,
    Handover,
    Hold,
    Share,
    Span,
    Story,
    Transition,
)

PART_S = 0.45  # recorded at a stretch; between two of them the page may draw
BUSY = 0.05  # of the time in the run queue; more of it, and a core was lacking
ONE_RUNS = 0.9  # seconds on a core per second, of threads of which one always has the GIL
HELD = 0.03  # of the time in no account: it takes a moment to begin and to end
FEW = 0.1  # of the time waiting for the GIL: no more than getting it back after a call
ALONE = "The thread ran {running} of the time and waited {waiting} of it for the GIL."
TOLD = "On average each of {n} threads ran {running} of the time and waited {waiting} of it for the GIL."
ASKING = "For another {lacking} it was awake only to ask for it, and found no core."
RAN = "Each of {n} threads ran {running} of the time."
RAN_ALONE = "The thread ran {running} of the time."
UNTOLD = (
    "A thread ran {running} of the time. This system does not tell how long it waited for a core, so its"
    " wait for the GIL cannot be told from that."
)
HELD_UP = (
    "But {held} of the time is in no account: nothing of the run was on a core then, and nothing waited for"
    " one. Something held all of it up, so what is left is no wait for the GIL."
)
ONE_CORE = "There is one core only."
BECAUSE = "{because}"  # where the cause is put in
LATE = "A message was there, and still its reader waited {late} for the GIL, on average."

charts = [
    Timeline(
        Span,
        title="Who holds the GIL?",
        caption="Recorded time; the pauses in which this page draws are cut out. Where hand-overs are too"
        " many to draw, each recording shows its beginning and then nothing; shares and counts use all.",
        lane="lane",
        state="state",
        start="start_s",
        end="end_s",
        group="group",
    ),
    Shares(
        Share,
        title="Where did the time of each thread go?",
        caption="Running and ready are the kernel's totals. Waiting for the GIL is inferred: what is left"
        " of a thread that never blocks on purpose. A waiter that wakes to ask and finds no core is ready.",
        lane="thread",
        parts=("running_s", "gil_wait_s", "ready_s", "blocked_s"),
    ),
    Ecdf(
        Hold,
        title="How long does a thread keep the GIL?",
        caption=f"Holds of threads that compute; every k-th of them where there are more than {MOST_HOLDS}.",
        x="hold_s",
        log_x=True,
    ),
    StateDiagram(
        Transition,
        title="Which ways between the states were taken?",
        caption="All threads of the one process together.",
        source="source",
        target="target",
        count="count",
        how="how",
    ),
]

guess = BarsGuess(
    ask="Each of these threads only wants to compute. Where does the time of one of them go?",
    figure="shares",
    unit="share",
    low=0,
    high=1,
    bars=("running", "gil", "ready", "blocked"),
    whole=1,
    measured=lambda record: spent(record),
)

presets = {
    "quick": {"threads": 3, "seconds": 1},
    "hashing": {"workload": "hash"},
    "reader": {"workload": "mixed", "threads": 1},
    "hasty": {"interval": 0.1},
    "careful": {"seconds": 10},
}


def measure(
    workload: Annotated[
        Literal["python", "hash", "mixed"],
        "loops in Python; SHA-256, which lets go of the GIL; or loops beside a thread that reads messages",
    ] = "python",
    threads: Annotated[Count, Between(1, 16), "threads that compute, in one process"] = 4,
    seconds: Annotated[Seconds, Between(0.3, 10), "how long to record"] = 2,
    interval: Annotated[Milliseconds, Between(0.1, 50), "switch interval of the interpreter"] = 5,
    process: Annotated[bool, "one more process with the same loop beside them"] = True,
) -> Iterator[Span | Hold | Share | Handover | Transition | Progress]:
    process = process and usable_cores() > 1  # on the only core it would take turns with the threads
    pipe = os.pipe() if workload == "mixed" else None
    parts = segment.lengths(seconds, PART_S)
    gate = Gate(1 + process + (pipe is not None))
    story = Story(len(parts), turns=gil_enabled() and workload != "hash")
    try:
        with Group() as group:
            crew = Crew(group, gate, pipe, process)
            crew.record(workload, threads, interval / 1000, 0)  # once, so that all is warm
            for number, length_ns in enumerate(parts):
                yield Progress(number / len(parts), f"recording {number + 1} of {len(parts)}")
                answers = crew.record(workload, threads, interval / 1000, length_ns)
                yield from story.add(threads, *answers)
    finally:
        gate.close()
        for end in pipe or ():
            os.close(end)
    yield from story.end()


def cost(workload: str, threads: int, seconds: float, interval: float, process: bool) -> float:
    return 0.2 + seconds + 0.2 * len(segment.lengths(seconds, PART_S))


class Crew:
    """The processes of a run; a gate lets all of them start at the same moment."""

    def __init__(self, group: Group, gate: Gate, pipe: tuple[int, int] | None, process: bool) -> None:
        self.gate = gate
        self.pipe = pipe
        self.subject = group.worker(partial(segment.threads_run, gate), name="process with threads")
        self.beside = group.worker(partial(segment.process_runs, gate)) if process else None
        self.sender = group.worker(partial(segment.messages, gate)) if pipe else None

    def record(
        self, workload: str, threads: int, interval_s: float, length_ns: int
    ) -> tuple[segment.Answer, segment.Answer | None]:
        reader, writer = self.pipe or (-1, -1)
        self.subject.ask(workload, threads, interval_s, length_ns, reader)
        if self.beside:
            self.beside.ask(length_ns)
        if self.sender:
            self.sender.ask(writer, length_ns)
        self.gate.open()
        if self.sender:
            self.sender.answer()
        return self.subject.answer(), self.beside.answer() if self.beside else None


# -- what was guessed, and the verdict -----------------------------------------------------------


def spent(record: Record) -> dict[str, float]:
    """Of the time of all threads that compute, the share of each state that is known."""
    shares = computing(record)
    if not shares:
        return {}
    seen = sum_up(shares)
    blocked = sum(row.blocked_s for row in shares) / sum(row.wall_s for row in shares)
    found = {"running": seen.running, "gil": seen.waiting, "ready": seen.lacking, "blocked": blocked}
    return {state: share for state, share in found.items() if share is not None}


def computing(record: Record) -> list[Share]:
    return [row for row in record[Share] if row.thread.startswith("thread")]


class Seen(NamedTuple):
    """The threads that compute, in a few numbers; the last three are shares of their time."""

    n: int
    together: float  # seconds on a core per second
    running: float
    waiting: float | None
    lacking: float | None


def turns_of(seen: Seen, waiting: float, lacking: float) -> float:
    """Share of the time spent waiting for one's turn. Where somebody was running all the time, a
    thread in the run queue was a waiter that woke up to ask: it took no turn from anybody."""
    return waiting + (lacking if seen.together >= ONE_RUNS else 0)


def verdict(record: Record) -> Verdict:
    shares = computing(record)
    if not shares or not record[Handover]:
        return Verdict("unclear", say("The recording did not come to its end."))
    handover, seen = record[Handover][-1], sum_up(shares)
    n, running = seen.n, percent(seen.running, "running")
    if seen.waiting is None or seen.lacking is None:
        return Verdict("unclear", say(UNTOLD, running=running), doubts=tuple(doubts_of(record)))
    held = held_up(record, seen, seen.lacking, handover)
    needs_gil = record.machine.gil and record.params["workload"] != "hash"
    judge = in_turns if needs_gil else side_by_side
    answer, headline = judge(record, seen, seen.waiting, seen.lacking, handover)
    if held > HELD:
        answer, headline = "unclear", f"{RAN if n > 1 else RAN_ALONE} {HELD_UP}"
    checks = (
        turn_checks(record, seen, seen.waiting, seen.lacking, shares, handover) if needs_gil else iter(())
    )
    most = 1 if needs_gil else record.machine.cores  # cores that they could have used together
    because = why_no_core(record, min(n * seen.lacking, max(0.0, most - seen.together)))
    values: dict[str, Value | int] = {
        "n": n,
        "running": running,
        "waiting": percent(seen.waiting, "gil"),
        "lacking": percent(seen.lacking, "ready"),
        "late": duration(late_s(record), "gil"),
        "held": percent(held),
        "sum": percent(seen.together, "running"),
        **because.values,
    }
    told = say(headline.replace(BECAUSE, because.text), **values)
    return Verdict(answer, told, (*checks, *process_checks(record)), tuple(doubts_of(record)))


def doubts_of(record: Record) -> Iterator[Sentence]:
    if record.machine.cores == 1 and record.params.get("process") and not beside(record):
        yield say("There is one core only: the process that would run beside them was left out.")


def beside(record: Record) -> Share | None:
    return next((row for row in record[Share] if row.thread == PROCESS), None)


def held_up(record: Record, seen: Seen, lacking: float, handover: Handover) -> float:
    """The share of the time that is in no account: then what is left of a thread is no wait for the GIL.

    Two controls, of which the larger counts. A process beside them never blocks, so it is running or
    ready all the time. And while a thread waits for the GIL another one has it, so a long gap in which
    none of them ran is time in the run queue.
    """
    found = 0.0
    if (row := beside(record)) and row.ready_s is not None:
        found = 1 - (row.running_s + row.ready_s) / row.wall_s
    if handover.idle_s is not None:
        recorded_s = max(row.wall_s for row in computing(record))
        found = max(found, handover.idle_s / recorded_s - seen.n * lacking)
    return found


def sum_up(shares: Sequence[Share]) -> Seen:
    n, wall_s = len(shares), sum(row.wall_s for row in shares)
    running = sum(row.running_s for row in shares) / wall_s
    waiting_s, lacking_s = total([row.gil_wait_s for row in shares]), total([row.ready_s for row in shares])
    waiting, lacking = (None if part_s is None else part_s / wall_s for part_s in (waiting_s, lacking_s))
    return Seen(n, n * running, running, waiting, lacking)


def total(parts: Sequence[float | None]) -> float | None:
    """None where one of them is not known."""
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def in_turns(
    record: Record, seen: Seen, waiting: float, lacking: float, handover: Handover
) -> tuple[str, str]:
    """Answer and headline where the threads need the GIL to run."""
    told = TOLD if seen.n > 1 else ALONE
    off = abs(turns_of(seen, waiting, lacking) - (1 - 1 / seen.n))
    if seen.together > 1.1 or handover.overlap_s > 0.01:
        return "unclear", f"{told} That does not fit a Python with a GIL; run it again."
    if off > 0.1 and lacking > BUSY:
        return "unclear", f"{told} But for {{lacking}} they waited for a core. {BECAUSE}"
    if off > 0.1:
        return "unclear", f"{told} Taking turns would make it {1 - 1 / seen.n:.0%}; run it again."
    if one_runs(record, seen, lacking) < ONE_RUNS:
        return (
            "unclear",
            f"{told} But together they ran {{sum}} of the time, and whoever waits for the GIL leaves one"
            f" running. {BECAUSE}",
        )
    if record.params["workload"] == "mixed":
        return "waits for the GIL", f"{told} {LATE}"
    if seen.n > 1:
        return "waits for the GIL", f"{told} {ASKING}" if lacking > BUSY else told
    return "nothing to wait for" if lacking < BUSY else "for a core", f"{told} Nobody else asks for it."


def one_runs(record: Record, seen: Seen, lacking: float) -> float:
    """How much of the time one of them ran or, holding the GIL, waited for a core. What waited in the run
    queue may only have come to ask; so it counts where the process beside them vouches for the rest."""
    explained = seen.n * lacking if seen.n == 1 or beside(record) else 0
    return seen.together + explained


def side_by_side(
    record: Record, seen: Seen, waiting: float, lacking: float, handover: Handover
) -> tuple[str, str]:
    """Answer and headline where the threads can run at the same time."""
    told = TOLD if seen.n > 1 else ALONE
    free = not record.machine.gil
    crowded = lacking > BUSY
    if seen.n > 1 and seen.together < 1.15 and (crowded or record.machine.cores == 1):
        alone = ONE_CORE if record.machine.cores == 1 else BECAUSE
        return (
            "unclear",
            f"{told} But for {{lacking}} they were ready, and no core was free to run abreast. {alone}",
        )
    if free and waiting > FEW:
        return "unclear", f"{told} That does not fit a Python without a GIL; run it again."
    if seen.n > 1 and seen.together < 1.15:
        return "unclear", f"{told} They hardly ran abreast, and nothing seen here tells why; run it again."
    if waiting > FEW and crowded and not beside(record):  # nothing vouches for what is left
        return "unclear", f"{told} But for {{lacking}} they waited for a core. {BECAUSE}"
    why = "This Python runs without a GIL." if free else "Hashing a large buffer lets go of it."
    lack = " For {lacking} they were ready, but no core was free." if crowded else ""
    if waiting > FEW:
        return "sometimes for the GIL", f"{told} {why} But it must be taken back after every buffer.{lack}"
    return "for a core" if crowded else "nothing to wait for", f"{told} {why}{lack}"


def late_s(record: Record) -> float:
    """How long the reader waited for the GIL, for each message, when its data were there already."""
    reads = record[Handover][-1].reads
    return sum(row.gil_wait_s or 0 for row in record[Share] if row.thread == READER) / max(1, reads)


def turn_checks(
    record: Record, seen: Seen, waiting: float, lacking: float, shares: Sequence[Share], handover: Handover
) -> Iterator[Check]:
    claim = say(
        "Together they ran {sum} of the time: one core's worth.", sum=percent(seen.together, "running")
    )
    one_core = ONE_RUNS <= seen.together <= 1.1
    yield asserted(claim, True if one_core else None if seen.n * lacking > BUSY else False)
    turns = turns_of(seen, waiting, lacking)
    asking = turns > waiting and lacking > BUSY
    waits = sorted(waited(row, asking) / row.wall_s for row in shares)
    claim = say(
        "Each waited {low} to {high} of its time for the GIL"
        + (" or for a core to ask for it" if asking else "")
        + "; taking turns makes it {expected}.",
        low=percent(waits[0], "gil"),
        high=percent(waits[-1], "gil"),
        expected=percent(1 - 1 / seen.n),
    )
    yield Check(claim, True if abs(turns - 1 + 1 / seen.n) <= 0.1 else None)
    claim = say("Two of them ran at the same moment for {overlap}.", overlap=duration(handover.overlap_s))
    yield Check(claim, handover.overlap_s <= 0.01)
    if handover.hold_p50_s is not None:
        interval_s = record.params["interval"] / 1000
        claim = say(
            "The GIL changed hands {rate} times a second; half of the holds were over after {hold},"
            " at a switch interval of {interval}.",
            rate=round(handover.per_second),
            hold=duration(handover.hold_p50_s, "running"),
            interval=duration(interval_s),
        )
        yield Check(claim, True if 0.8 <= handover.hold_p50_s / interval_s <= 2.2 else None)


def waited(row: Share, asking: bool) -> float:
    return (row.gil_wait_s or 0) + (row.ready_s or 0) * asking


def process_checks(record: Record) -> Iterator[Check]:
    if (row := beside(record)) and row.ready_s is not None:
        claim = say(
            "The process beside them ran {running} of the time: it has a GIL of its own.",
            running=percent(row.running_s / row.wall_s, "processes"),
        )
        yield asserted(claim, row.running_s + row.ready_s > 0.95 * row.wall_s or None)
