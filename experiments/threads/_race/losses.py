"""What `threads.race` measures, and what it says: rows, checks and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Annotated, NamedTuple, get_args

from experiments.kit import (
    Check,
    Count,
    Record,
    Seconds,
    Sentence,
    Share,
    Verdict,
    duration,
    percent,
    say,
)
from experiments.kit.stats import FEWEST, estimate
from experiments.threads._race.variants import Guard, Variant

PLAIN: Variant = "n += 1"
CALLED: Variant = "t = n; one(); n = t + 1"


class Trial(NamedTuple):
    """One repeat: all threads count together, from nought."""

    variant: Variant
    guard: Guard
    repeat: Count
    expected: Annotated[Count, "increments that the threads made"]
    counted: Annotated[Count, "what n was afterwards"]
    lost_share: Annotated[Share, "of the increments that left no trace"]
    step_s: Annotated[Seconds, "per increment, all threads together"]


class Loss(NamedTuple):
    """The repeats without a lock, one by one."""

    variant: Variant
    repeat: Count
    lost_share: Annotated[Share, "of the increments that left no trace"]


class Switch(NamedTuple):
    """Where a thread that counts had to let go of the GIL: every instruction of one turn of its loop."""

    variant: Variant
    instruction: str
    between: Annotated[bool, "after it n has been read, and not yet written"]
    seen: Annotated[Count, "times that the thread was found interrupted there"]
    share: Annotated[Share, "of all that were seen in this variant"]


SAFE = "In {repeats} repeats `n += 1` lost none of {steps} increments."
CALLS = "With a call between reading and writing, {lost} were lost."
WRONG = "Even with a lock {n} increments were lost, and that must never happen: run it again."
LOSES = "`n += 1` lost {lost} of its increments, in {lossy} of {repeats} repeats."
WITH_GIL = "So this interpreter may switch between reading and writing."
WITHOUT_GIL = "This Python runs without a GIL: two threads read the same number at the same moment."
NOTHING = "Nothing was lost, not even with a call between reading and writing: the threads hardly met."
LONGER = "Let them work for longer, with a shorter switch interval."
MET = (
    "Nothing was lost, not even with a call between reading and writing, although the threads were seen"
    " interrupted {seen} times."
)
UNSEEN = "Nothing was lost, not even with a call between reading and writing."
OTHER_RULES = "The GIL of {python} is not that of CPython: it is handed over at other places."


def losses(record: Record, variant: Variant, guard: Guard = "without a lock") -> list[float]:
    """One share for each repeat; all repeats make equally many increments, so their mean is of all."""
    return [row.lost_share for row in record[Trial] if (row.variant, row.guard) == (variant, guard)]


def verdict(record: Record) -> Verdict:
    plain, called = losses(record, PLAIN), losses(record, CALLED)
    if min(len(plain), len(called)) < FEWEST:
        return Verdict("unclear", say("It takes {few} repeats to see how far they spread.", few=FEWEST))
    locked = [row for row in record[Trial] if row.guard == "with a lock"]
    if wrong := sum(row.expected - row.counted for row in locked):
        return Verdict("unclear", say(WRONG, n=wrong))
    checks = (*checks_of(record, plain, called), *price(record))
    values = {"repeats": len(plain), "lossy": sum(lost > 0 for lost in plain)}
    if any(plain):
        why = WITH_GIL if record.machine.gil else WITHOUT_GIL
        return Verdict("not atomic", say(f"{LOSES} {why}", lost=percent(fmean(plain)), **values), checks)
    if not any(called):
        return nothing_lost(record, len(plain), checks)
    steps = sum(
        row.expected for row in record[Trial] if (row.variant, row.guard) == (PLAIN, "without a lock")
    )
    headline = say(f"{SAFE} {CALLS}", lost=percent(fmean(called)), steps=steps, **values)
    return Verdict("no loss seen", headline, checks, (doubt(len(plain)),))


def nothing_lost(record: Record, repeats: int, checks: tuple[Check, ...]) -> Verdict:
    """By no variant. Whether the threads met is known from their interruptions, where those were counted."""
    seen, python = sum(row.seen for row in record[Switch]), record.machine.implementation
    if python != "CPython" and record.machine.gil:
        told = say(f"{MET if seen else UNSEEN} {OTHER_RULES}", seen=seen, python=python)
        return Verdict("no loss seen" if seen else "unclear", told, checks, (doubt(repeats),))
    if seen:
        return Verdict("unclear", say(f"{MET} {LONGER}", seen=seen), checks)
    return Verdict("unclear", say(f"{NOTHING} {LONGER}"), checks)


def doubt(repeats: int) -> Sentence:
    """How often a repeat may lose something although none of so many did, at 95 %."""
    return say(
        "Not observed is not proved: after {n} repeats without a loss, up to {most} of all such repeats may"
        " still have one, and no document promises otherwise.",
        n=repeats,
        most=percent(1 - 0.05 ** (1 / repeats)),
    )


def checks_of(record: Record, plain: Sequence[float], called: Sequence[float]) -> Iterator[Check]:
    counted = sum(row.counted for row in record[Trial] if row.guard == "with a lock")
    yield Check(say("With a lock all of {n} increments were counted.", n=counted), True)
    found = [row for row in record[Switch] if row.variant == PLAIN]
    if seen := sum(row.seen for row in found):
        between = sum(row.seen for row in found if row.between)
        claim = say(
            "`n += 1` was seen interrupted {seen} times, {between} times between reading and writing.",
            seen=seen,
            between=between,
        )
        yield Check(claim, (between > 0) == any(plain) or None)
    lost = estimate(called)
    claim = say(
        "With a call between, {low} to {high} were lost.", low=percent(lost.low), high=percent(lost.high)
    )
    yield Check(claim, lost.low > 0 or None)


def price(record: Record) -> Iterator[Check]:
    """What the lock costs, from pairs that were measured in the same repeat."""
    steps = {
        guard: [r.step_s for r in record[Trial] if (r.variant, r.guard) == (PLAIN, guard)]
        for guard in get_args(Guard)
    }
    cost = estimate([b - a for a, b in zip(*steps.values(), strict=False)])
    claim = say(
        "The lock adds {low} to {high} to `n += 1`.", low=duration(cost.low), high=duration(cost.high)
    )
    yield Check(claim, cost.low > 0 or None)
