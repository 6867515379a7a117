"""Deadlock and its cures

When does everything stop, and what cures it?

Two people write with one pen and one ruler. One takes the pen, the other the ruler. Now each needs the
other thing, too, and each is polite enough to wait until it is free. Nobody does anything wrong,
nobody is slow, and nothing will ever happen again.

Threads do the same with locks. One holds A and wants B, another holds B and wants A: that is a
*deadlock*. The first figure draws it as a *resource-allocation graph*. A lock points to the thread that
holds it, a thread points to the lock that it waits for; without the locks, thread pointing to thread, it
would be a *wait-for graph*. Arrows may form long chains, and all is well: at the end of
a chain stands somebody who can go on, and will give a lock back. When the arrows close a cycle,
there is no end. Each in it waits for the next, round and round.

The philosophers are the same with more of them: they sit around a table, between any two lies one fork,
and each needs both forks beside them to eat. If all take the left one first, all may come to hold one fork.

Four things must come together, Coffman's conditions ([System Deadlocks]): a lock has one holder at a time
(mutual exclusion), who holds one may want another (hold and wait), nobody can take a lock away (no
preemption), and the waits close a cycle (circular wait). A cure takes away one of the four
([OSTEP, chapter 32]): ordered and waiter the cycle; with timeouts a thread takes a lock away from itself.

- *Ordered*: all take their locks in one agreed order. Then no cycle can close: whoever holds
  the highest of the wanted ones waits for none of them. It costs nothing but discipline.
- *Timeouts*: whoever does not get the second lock soon gives the first one back, and tries again
  after a random time. A cycle may close here, but it opens again. The price is work in vain, and
  without randomness all may give up and come back in step for ever: a *livelock*.
- *Waiter*: somebody lets one fewer sit down than there are seats. Then one can always go on.

Where the common belief is wrong:

- "An [RLock] cures it" is wrong. It lets one thread take the same lock twice, so that a thread cannot
  wait for itself. Between two threads it is a lock like any other, and they stop just as they did.
- "It never happened in the tests" proves nothing. A deadlock needs a moment; a longer gap between
  the two locks, or one thread more, makes it likely. Some rounds here are lucky, too.
- "A program that hangs is busy" is wrong. These threads use no CPU at all: look at the lanes.

How it is measured: every round runs in a process of its own, which may stop for ever and is ended from
outside. Its threads note what they want, take and give back in memory that they share with the
observer, who looks every 5 ms. A cycle that two looks find, with none of its threads having moved in
between, is found; when it has stood for a while and the kernel calls all its threads blocked, the
round counts as stopped. The moment when it closed is told by the notes. While it holds a lock and waits
to want the next, a thread sleeps; with both it computes.

[System Deadlocks]: https://doi.org/10.1145/356586.356588
[OSTEP, chapter 32]: https://pages.cs.wisc.edu/~remzi/OSTEP/threads-bugs.pdf
[RLock]: https://docs.python.org/3/library/threading.html#rlock-objects
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from experiments.kit import (
    Bars,
    Between,
    ChoiceGuess,
    Count,
    Graph,
    Milliseconds,
    Progress,
    Seconds,
    Timeline,
)
from experiments.kit.subjects.subjects import Group
from experiments.sync._deadlock.dining import ARMS, Arm, dine
from experiments.sync._deadlock.shown import lanes, picture, row_of
from experiments.sync._deadlock.stops import Round, Span, Wait, still_stops, verdict
from experiments.sync._deadlock.table import Table
from experiments.sync._deadlock.watch import STANDS_S, watch

__all__ = ["Round", "Span", "Wait", "charts", "cost", "guess", "measure", "presets", "verdict"]

LONG_S = 0.5  # that a round may take which is expected to stop

charts = [
    Graph(
        Wait,
        title="Who waits for whom?",
        caption="Naive: the moment at which the cycle closed. The others: the look that saw most of them"
        " wait. With timeouts a cycle may close; it opens again when somebody gives up.",
        source="source",
        target="target",
        label="relation",
        by="moment",
        squares=("lock", "fork"),
    ),
    Timeline(
        Span,
        title="What does each thread do?",
        caption="Some milliseconds of a round by each strategy; of one that stopped, those around its stop."
        " Running: it has both locks and works, as far as it has a core. Blocked: it sleeps on purpose, with"
        " one lock or none.",
        lane="lane",
        state="state",
        start="start_s",
        end="end_s",
        group="strategy",
    ),
    Bars(
        Round,
        id="meals",
        title="How often did a thread get both locks?",
        caption="A round that stopped counts to its full length: nothing more would ever have come.",
        x="strategy",
        y="meals_per_s",
        by="scene",
    ),
]

guess = ChoiceGuess(
    ask="Two threads take two locks, each in the other order, and stop. Which change does not help?",
    figure="graph",
    choices={
        "naive, RLock": "RLocks",
        "ordered": "one order",
        "timeouts": "timeouts, back-off",
        "waiter": "a third lock",
    },
    measured=still_stops,
)

presets = {
    "quick": {"seconds": 0.05, "repeats": 3},
    "crowd": {"philosophers": 9},
    "hasty": {"gap": 0.1},
    "careful": {"seconds": 0.5, "repeats": 10},
}


def measure(
    philosophers: Annotated[Count, Between(2, 9), "at the round table, with as many forks"] = 5,
    gap: Annotated[Milliseconds, Between(0.1, 10), "from taking the first lock to wanting the second"] = 1,
    patience: Annotated[Milliseconds, Between(0.5, 20), "mean time until a wait is given up"] = 2,
    seconds: Annotated[Seconds, Between(0.05, 2), "one round, unless it stops"] = 0.25,
    repeats: Annotated[Count, Between(3, 20), "rounds by each strategy"] = 4,
) -> Iterator[Round | Wait | Span | Progress]:
    shown: set[Arm] = set()
    for repeat in range(repeats):
        for place, arm in enumerate(ARMS[:: 1 if repeat % 2 == 0 else -1]):
            done = (repeat + place / len(ARMS)) / repeats
            yield Progress(done, f"round {repeat + 1} of {repeats}")
            lasts_s = seconds if arm.cured else max(seconds, LONG_S)
            table = Table(philosophers if arm.scene == "philosophers" else 2)
            try:
                with Group() as group:
                    round_ = group.fork(
                        dine,
                        table,
                        arm.strategy,
                        lasts_s,
                        gap / 1000,
                        patience / 1000,
                        repeat,
                        name=arm.scene,
                    )
                    seen = watch(table, round_, lasts_s, patience / 1000)
                yield row_of(arm, repeat, lasts_s, seen, table)
                if arm not in shown and (arm.cured or seen.stopped or repeat == repeats - 1):
                    shown.add(arm)
                    yield from picture(arm, seen, table)
                    yield from lanes(arm, lasts_s, seen, table)
            finally:
                table.close()


def cost(philosophers: int, gap: float, patience: float, seconds: float, repeats: int) -> float:
    cured = sum(arm.cured for arm in ARMS)
    stop_s = max(STANDS_S, patience / 100) + 15 * gap / 1000
    return 0.1 + repeats * (cured * seconds + (len(ARMS) - cured) * stop_s + len(ARMS) * 0.02)
