"""What `sync.deadlock` measures, and what it says: rows, checks and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, NamedTuple

from experiments.kit import Check, Count, PerSecond, Record, Seconds, Sentence, Verdict, duration, say
from experiments.kit.stats import FEWEST, estimate, median
from experiments.sync._deadlock.dining import ARMS, CURES, Arm, Scene, Strategy
from experiments.sync._deadlock.table import Relation
from experiments.sync._deadlock.watch import Doing

PROMPT_S = 0.05  # after which a cycle is found late: ten looks

Picture = Literal[
    "two threads, a moment before",
    "two threads, naive",
    "two threads, RLock",
    "philosophers, naive",
    "philosophers, ordered",
    "philosophers, timeouts",
]


class Round(NamedTuple):
    """One round: threads that need two locks each, by one of the strategies."""

    scene: Scene
    strategy: Strategy
    repeat: Count
    lasts_s: Annotated[Seconds, "how long it goes on, unless it stops"]
    stopped: Annotated[bool, "for good, in a cycle of waits that no longer moves"]
    closed_s: Annotated[Seconds | None, "when the last wait of the cycle began"]
    found_s: Annotated[Seconds | None, "when a second look saw the same cycle, unmoved"]
    waiting: Annotated[Count, "threads in the cycle"]
    asleep: Annotated[Count, "those of them that the kernel calls blocked"]
    agreed: Annotated[bool, "the marks of the threads tell the same cycle as the looks"]
    meals: Annotated[Count, "times that a thread had both locks and did its work"]
    meals_per_s: Annotated[PerSecond, "meals a second, over the whole length of the round"]
    backoffs: Annotated[Count, "times that the first lock was given back"]
    opened: Annotated[Count, "cycles that two looks saw, and that opened again"]


class Wait(NamedTuple):
    """One arrow of a wait-for graph at a moment; a thread or a lock alone has no target."""

    moment: Picture
    source: str
    target: str
    relation: Relation


class Span(NamedTuple):
    """A stretch of time of one thread, by its own marks, near the end of a round or around its stop."""

    lane: str
    strategy: str
    state: Doing
    start_s: Seconds
    end_s: Seconds


def rounds_of(record: Record, *arms: Arm) -> list[Round]:
    return [row for row in record[Round] if (row.scene, row.strategy) in arms]


def of_strategy(record: Record, strategy: Strategy) -> list[Round]:
    return [row for row in record[Round] if row.strategy == strategy]


def stopped(rows: Sequence[Round]) -> int:
    return sum(row.stopped for row in rows)


def still_stops(record: Record) -> dict[str, bool]:
    """Of the changes to guess from: which one two threads stopped with; none seen to stop is no proof."""
    seen = {
        strategy: stopped(rounds_of(record, Arm("two threads", strategy))) > 0
        for scene, strategy in ARMS
        if scene == "two threads" and strategy != "naive" and rounds_of(record, Arm(scene, strategy))
    }
    return {strategy: stops for strategy, stops in seen.items() if stops or strategy in CURES}


STOPPED = (
    "Taken one after the other in any order, locks stopped two threads in {two} of {n} rounds, and"
    " {seats} philosophers in {many} of {n}. In one order, with timeouts or with a waiter none of {cured}"
    " rounds stopped."
)


def verdict(record: Record) -> Verdict:
    if min(len(rounds_of(record, arm)) for arm in ARMS) < FEWEST:
        return Verdict("unclear", say("It takes {few} rounds of each strategy.", few=FEWEST))
    checks = (*naive_checks(record), *cure_checks(record))
    cured = [row for row in record[Round] if row.strategy in CURES]
    if stopped(cured):
        return Verdict("unclear", say("A round stopped that cannot: run it again."), checks)
    if not all(row.agreed for row in record[Round] if row.stopped):
        return Verdict("unclear", say("Looks and marks disagree about a cycle: run it again."), checks)
    two, many = (rounds_of(record, Arm(scene, "naive")) for scene in ("two threads", "philosophers"))
    if not stopped(two) + stopped(many):
        return Verdict("unclear", say(LUCKY, n=len(two) + len(many)), checks)
    headline = say(
        STOPPED,
        two=stopped(two),
        many=stopped(many),
        n=len(two),
        seats=record.params["philosophers"],
        cured=len(cured),
    )
    return Verdict("waits that close a cycle", headline, checks, tuple(doubts(two + many)))


LUCKY = (
    "None of {n} rounds stopped, which proves nothing: they were lucky. Choose a longer gap or longer rounds."
)


def doubts(naive: Sequence[Round]) -> Iterator[Sentence]:
    if lucky := len(naive) - stopped(naive):
        yield say(
            "{lucky} of {n} naive rounds went well. Such luck is why tests so rarely see a deadlock.",
            lucky=lucky,
            n=len(naive),
        )


def naive_checks(record: Record) -> Iterator[Check]:
    ended = [row for row in record[Round] if row.stopped and row.strategy not in CURES]
    if ended:
        yield check_cycles(ended)
        yield from check_found([row for row in ended if row.closed_s is not None])
    rlock = of_strategy(record, "naive, RLock")
    claim = say(
        "With RLock instead of Lock {stopped} of {n} rounds of two threads stopped.",
        stopped=stopped(rlock),
        n=len(rlock),
    )
    yield Check(claim, True if stopped(rlock) else None)


def check_cycles(ended: Sequence[Round]) -> Check:
    """Two ways to know the cycle, and a third for whether its threads are at rest."""
    claim = say(
        "In all {n} cycles together {asleep} of {waiting} threads were blocked, by the kernel's account;"
        " {agreed} of the cycles are also told by what the threads had noted themselves.",
        n=len(ended),
        asleep=sum(row.asleep for row in ended),
        waiting=sum(row.waiting for row in ended),
        agreed=sum(row.agreed for row in ended),
    )
    return Check(claim, all(row.agreed and row.asleep == row.waiting for row in ended))


def check_found(ended: Sequence[Round]) -> Iterator[Check]:
    closed = estimate([row.closed_s for row in ended if row.closed_s is not None])
    later_s = median([row.found_s - row.closed_s for row in ended if row.found_s and row.closed_s])
    claim = say(
        "Half of the cycles had closed after {closed} ({low} to {high}); two looks, 5 ms apart, found them"
        " {later} later.",
        closed=duration(closed.value),
        low=duration(closed.low),
        high=duration(closed.high),
        later=duration(later_s),
    )
    yield Check(claim, True if later_s < PROMPT_S else None)


CURED: dict[Strategy, str] = {
    "ordered": "In one order {stopped} of {n} rounds stopped; philosophers had {meals} meals a second.",
    "timeouts": (
        "With timeouts {stopped} of {n} rounds stopped; philosophers had {meals} meals a second, and"
        " back-offs for each 100 meals: {backoffs}."
    ),
    "waiter": "With a waiter {stopped} of {n} rounds stopped; philosophers had {meals} meals a second.",
}


def cure_checks(record: Record) -> Iterator[Check]:
    for strategy, claim in CURED.items():
        rows = of_strategy(record, strategy)
        seated = rounds_of(record, Arm("philosophers", strategy))
        told = {
            "stopped": stopped(rows),
            "n": len(rows),
            "meals": round(median([row.meals_per_s for row in seated])),
        }
        if strategy == "timeouts":
            meals = max(1, sum(row.meals for row in seated))
            told["backoffs"] = round(100 * sum(row.backoffs for row in seated) / meals)
        hungry = not all(row.meals for row in rows)  # nobody had a core: that proves nothing
        yield Check(say(claim, **told), False if stopped(rows) else None if hungry else True)
