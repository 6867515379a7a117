"""Missed notifies

What is lost when nobody is waiting?

A doorbell and a letter box. The bell tells whoever is at home at this moment; if nobody is, the
visitor leaves, and nothing at the door shows that he was there. A letter stays in the box until
somebody looks. `notify()` of a [Condition] is a bell: it wakes a thread that is waiting now. If none is,
because the consumer is still busy with the thing before, the call does nothing, returns without a
word, and is not kept for later.

The first rule in the figure has nothing but the bell: the consumer takes every notify for one
thing, and misses those that come while it works. The other rules have a letter box, too: things
lie on a shelf, and the bell only says "go and look". This is what the *predicate* of a condition
is: what you are waiting for is a fact about shared data, and never the notify itself.

- "I was notified, so there is something for me" is wrong. Between the notify and the moment when
  you have the lock again, another consumer may have come by and taken it. Whoever checks with `if`
  goes on all the same and takes from an empty shelf. `while` looks again: those wake-ups are in
  vain, and harmless.
- `wait_for(predicate)` is this loop, written once and for all. There is no reason to write it again.
- An [Event] is a bell that stays pressed: who comes after `set()` walks through. It has one state
  and does not count, so it says "it has happened", never "how often".
- A [Semaphore] counts, and believes every `release()`: one too many lets one more in for ever. A
  `BoundedSemaphore` notices, but only when its count would pass where it began. Before that a stray
  release goes unnoticed, and the error hits an innocent thread that gives back what it had.
- A [Barrier] opens when the last one comes. If one loses patience, it breaks for all of them.

How it is measured: every round runs in a process of its own, producer and consumers sleep random
times with the same mean instead of working, and all counting is done under the lock. Notifies that
were lost are counted by the producer, wake-ups by the consumer; together they must be all.

[Condition]: https://docs.python.org/3/library/threading.html#condition-objects
[Semaphore]: https://docs.python.org/3/library/threading.html#semaphore-objects
[Event]: https://docs.python.org/3/library/threading.html#event-objects
[Barrier]: https://docs.python.org/3/library/threading.html#barrier-objects
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from experiments.kit import (
    Bars,
    Between,
    Count,
    Ecdf,
    Milliseconds,
    NumberGuess,
    Progress,
)
from experiments.kit.subjects.subjects import Group
from experiments.sync._condition.facts import BESIDES, FACTS, find_out, late
from experiments.sync._condition.lost import Outcome, Timer, Tried, lost_of_the_bell, verdict
from experiments.sync._condition.rules import RULES, WHATS, play

__all__ = ["Outcome", "Timer", "Tried", "charts", "guess", "measure", "verdict"]

PLACES = 5  # threads at the barrier
TIMERS = 20
MORE_THAN_ASKED = 1.15  # a sleep ends late: by a tenth of a millisecond here, on a busy machine by more

charts = [
    Bars(
        Outcome,
        id="outcomes",
        title="What became of the things that were made?",
        caption="For each thing that was made. In vain: woken, looked, and nothing was there any more.",
        x="rule",
        y="share",
        by="what",
    ),
    Ecdf(
        Timer,
        id="timers",
        title="How late does a Timer ring?",
        caption="Its thread has to get the GIL twice: when it starts, and when its time has come.",
        x="late_s",
        by="beside",
        log_x=True,
    ),
]

guess = NumberGuess(
    ask="Producer and consumer take equally long for a thing. What share of the notifies is heard by nobody?",
    figure="outcomes",
    about="notify only",
    by="missed",
    unit="share",
    low=0,
    high=1,
    measured=lost_of_the_bell,
)

presets = {
    "quick": {"items": 100, "repeats": 3},
    "crowd": {"consumers": 8},
    "careful": {"items": 1000, "repeats": 10},
}


def measure(
    items: Annotated[Count, Between(50, 5000), "things that are made in a round"] = 400,
    gap: Annotated[Milliseconds, Between(0.1, 10), "mean time to make a thing, and to use it"] = 1,
    consumers: Annotated[Count, Between(2, 16), "threads at the shelf; the bell has one"] = 3,
    repeats: Annotated[Count, Between(3, 20), "rounds by each rule"] = 3,
) -> Iterator[Outcome | Tried | Timer | Progress]:
    for repeat in range(repeats):
        for i, rule in enumerate(RULES):
            yield Progress((repeat + i / len(RULES)) / (repeats + 0.2), f"round {repeat + 1} of {repeats}")
            with Group() as group:
                round_ = group.worker(play, name=rule)
                round_.ask(rule, items, gap / 1000, consumers, repeat)
                counted = round_.answer()
            for what in WHATS:
                yield Outcome(rule, repeat, items, what, counted[what], counted[what] / items)
    yield Progress(repeats / (repeats + 0.2), "the other primitives, and timers")
    yield from others()


def cost(items: int, gap: float, consumers: int, repeats: int) -> float:
    """Seconds: the producer decides how long a round takes; only the bell's consumer is slower."""
    return 0.6 + repeats * len(RULES) * (0.02 + items * (gap + 0.15) / 1000 * MORE_THAN_ASKED)


def others() -> Iterator[Tried | Timer]:
    with Group() as group:
        trial = group.worker(find_out, name="trial")
        trial.ask(PLACES)
        seen = trial.answer()
    wanted = {"event remembered": PLACES, "barrier places": PLACES, "barrier broken": PLACES - 1}
    for fact in FACTS:
        yield Tried(fact, wanted.get(fact, 2 if fact == "semaphore over-released" else 1), seen[fact])
    for beside in BESIDES:
        with Group() as group:
            clockmaker = group.worker(late, name=beside)
            clockmaker.ask(beside, TIMERS)
            found = clockmaker.answer()
        yield from (Timer(beside, late_s) for late_s in found)
