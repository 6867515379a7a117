"""What `sync.condition` measures, and what it says: rows, checks and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, NamedTuple

from experiments.kit import (
    Check,
    Count,
    Record,
    Seconds,
    Share,
    Verdict,
    duration,
    percent,
    say,
    times,
)
from experiments.kit.stats import FEWEST, estimate, median
from experiments.sync._condition.facts import Beside, Fact
from experiments.sync._condition.rules import Rule, What


class Outcome(NamedTuple):
    """How often something happened in a round by one of the rules."""

    rule: Rule
    repeat: Count
    made: Annotated[Count, "things that were made, each with a notify"]
    what: What
    times: Count
    share: Annotated[Share, "for each thing that was made"]


class Tried(NamedTuple):
    """A fact about one of the other primitives: how often it had to be seen, and how often it was."""

    fact: Fact
    expected: Count
    seen: Count


class Timer(NamedTuple):
    """A timer of 5 ms, and how long after its time it rang."""

    beside: Annotated[Beside, "what else runs in the process"]
    late_s: Seconds


def counts(record: Record, rule: Rule, what: What) -> list[int]:
    """One count for each round."""
    return [row.times for row in record[Outcome] if (row.rule, row.what) == (rule, what)]


def lost_of_the_bell(record: Record) -> dict[str, float]:
    lost = counts(record, "notify only", "missed")
    return {"value": median(lost) / record.params["items"]} if lost else {}


def verdict(record: Record) -> Verdict:
    made = record.params["items"]
    lost, heard = counts(record, "notify only", "missed"), counts(record, "notify only", "taken")
    if len(lost) < FEWEST or not counts(record, "wait_for", "missed"):
        return Verdict("unclear", say("It takes {few} rounds to see how far they spread.", few=FEWEST))
    share = estimate([each / made for each in lost])
    checks = (
        check_bell(made, lost, heard),
        *shelf_checks(record),
        *fact_checks(record),
        *timer_checks(record),
    )
    kept = [check_kept(record, rule) for rule in KEPT]
    told = {
        "made": made * len(lost),
        "lost": sum(lost),
        "share": percent(sum(lost) / (made * len(lost))),  # of the very numbers beside it
        "low": percent(share.low),
        "high": percent(share.high),
        "kept": sum(counts(record, "wait_for", "taken")),
    }
    if checks[0].ok is False or not all(check.ok for check in kept):
        return Verdict("unclear", say("The counts do not add up, so run it again."), checks)
    if not sum(lost):
        return Verdict("unclear", say(NONE, **told), checks)
    return Verdict("every notify that nobody waits for", say(LOST, **told), checks)


KEPT: dict[Rule, str] = {
    "while": "With `while` {lost} were lost, {errors} takes were errors, {vain} wake-ups were in vain.",
    "wait_for": "With `wait_for` {lost} were lost, {errors} takes were errors, {vain} wake-ups were in vain.",
}
LOST = (
    "Of {made} notifies {lost} were lost, {share} (of a typical round {low} to {high}): nobody was waiting,"
    " and a notify is not kept. With a predicate all {kept} things arrived."
)
NONE = "None of {made} notifies was lost: the consumer was back in time for each. Choose a shorter gap."


def check_bell(made: int, lost: list[int], heard: list[int]) -> Check:
    """The producer counts who was not there, the consumer what it heard: two ways to know one number."""
    claim = say(
        "{heard} were heard by the consumer, and {lost} came while nobody waited, by the producer's count:"
        " together {sum} of {made}.",
        heard=sum(heard),
        lost=sum(lost),
        sum=sum(heard) + sum(lost),
        made=made * len(lost),
    )
    return Check(claim, all(a + b == made for a, b in zip(lost, heard, strict=True)))


def shelf_checks(record: Record) -> Iterator[Check]:
    errors = sum(counts(record, "if", "errors"))
    claim = say("With `if`, {errors} times a thread took from an empty shelf.", errors=errors)
    yield Check(claim, True if errors else None)  # without luck nobody is overtaken
    yield from (check_kept(record, rule) for rule in KEPT)


def check_kept(record: Record, rule: Rule) -> Check:
    lost, errors, vain = (sum(counts(record, rule, what)) for what in ("missed", "errors", "in vain"))
    return Check(say(KEPT[rule], lost=lost, errors=errors, vain=vain), lost == errors == 0)


FACT_CLAIMS: dict[Fact, str] = {
    "event remembered": "{seen} of {expected} threads walked through an Event that was set before they came.",
    "barrier places": "A Barrier gave {seen} different places to {expected} threads.",
    "barrier broken": "One too few came to a Barrier, and {seen} of the {expected} there were told it broke.",
    "semaphore over-released": "After one release too many a Semaphore for 1 let {seen} in.",
    "bounded: stray release unnoticed": (
        "A BoundedSemaphore for 2, with 1 inside, let a stray release pass without a word."
    ),
    "bounded: error hits the innocent": "The error came to the one that gave back what it really had.",
}


def fact_checks(record: Record) -> Iterator[Check]:
    for row in record[Tried]:
        claim = say(FACT_CLAIMS[row.fact], seen=row.seen, expected=row.expected)
        yield Check(claim, row.seen == row.expected)


SOON_S = 0.001  # a timer that waits for no GIL rings within it, where it finds a core
TIMER_FREE = "A Timer rang {alone} late, and {busy} beside a busy thread: there is no GIL to wait for."
TIMER_OTHER = (
    "A Timer rang {alone} late, and {busy} beside a busy thread: {python} hands its GIL over by rules of"
    " its own."
)


def timer_checks(record: Record) -> Iterator[Check]:
    """In multiples of the switch interval; a machine without a GIL or without a core tells nothing."""
    alone, busy = (
        [row.late_s for row in record[Timer] if row.beside == b] for b in ("nobody", "a busy thread")
    )
    if not (alone and busy):
        return
    told = {"alone": duration(median(alone)), "busy": duration(median(busy))}
    if not record.machine.gil:
        yield Check(say(TIMER_FREE, **told), True if median(busy) < 2 * max(median(alone), SOON_S) else None)
        return
    if record.machine.implementation != "CPython":
        claim = say(TIMER_OTHER, python=record.machine.implementation, **told)
        yield Check(claim, True if median(busy) > 2 * median(alone) else None)
        return
    interval_s = record.machine.switch_interval_s
    claim = say(
        "A Timer rang {alone} late, and {busy} beside a busy thread: {times} the switch interval.",
        **told,
        times=times(median(busy) / interval_s),
    )
    yield Check(claim, True if median(busy) > max(2 * median(alone), interval_s / 2) else None)
