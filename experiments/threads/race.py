"""Lost increments

Is n += 1 atomic?

Two people keep one tally on a blackboard. Each of them looks at the number, adds one in the head,
and writes the new number down. If both look at 7 before either writes, both write 8, and one of
the two is lost. Nobody made a mistake, and nothing looks broken: the sum is just too small. That
is a *race*: the result depends on who comes between whom.

`n += 1` is one line, but to the interpreter it is the same three steps: read n, add 1, write n.
Atomic would mean that nobody can come between the first step and the last. Here several threads
make a known number of such increments, and afterwards we compare what they counted with what they
should have. The difference was lost. That is not an estimate: it is exact.

- "It is one line, so it is atomic" is wrong, and so is "threads lose numbers at once". Since
  CPython 3.10 a thread with the GIL is only made to let go of it at a few places: at the end of a
  turn of a loop, and where a function is called. In `n += 1` there is no such place between
  reading and writing, so nothing is lost.
- Put a call in between, and there is one: `n = int(n) + 1` looks just as harmless and loses a
  large part. A thread that is stopped there comes back a few milliseconds later, writes the number
  that it had in its head, and wipes out all that the others counted meanwhile.
- "Then I may rely on it" is wrong, too. No document promises it. CPython 3.9 looked for a reason to
  switch almost anywhere, and a build without the GIL runs the steps of two threads at the same
  moment: both lose increments of the plainest kind. And an n that is no plain integer may run code of
  its own when it is added to.
- With a `Lock` around the three steps nothing is ever lost, on any build. It costs something; the page
  shows how much.

How it is measured: every variant runs without and with a lock, in turns, again and again, each
time with threads that start together in a process made for it. Where the interpreter switches is
seen, not looked up: an extra thread asks for the GIL again and again, and whenever it gets it, it
finds the counting thread standing at the very instruction where it was interrupted. Zero losses
mean "not observed in so many repeats", and the page says how little that proves. To compare
builds, choose another Python for the next run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Annotated, Any, NamedTuple, get_args

from experiments.kit import (
    Bars,
    BarsGuess,
    Between,
    Cells,
    Check,
    Count,
    Line,
    Milliseconds,
    Progress,
    Record,
    Seconds,
    Sentence,
    Share,
    Verdict,
    duration,
    percent,
    say,
    tally,
)
from experiments.kit.clock import seconds
from experiments.kit.stats import FEWEST, estimate, median
from experiments.kit.subjects import Group, Worker
from experiments.threads._variants import Guard, Variant, do

PLAIN: Variant = "n += 1"
CALLED: Variant = "t = n; one(); n = t + 1"
LOOK_S = 0.08  # at the switches of each variant
BETWEEN = "▸ "  # in front of an instruction after which n has been read and not yet written


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


charts = [
    Bars(
        Trial,
        id="lost",
        title="How many increments are lost?",
        x="variant",
        y="lost_share",
        by="guard",
    ),
    Cells(
        Switch,
        title="Where does the interpreter switch to another thread?",
        caption="The bytecode of one turn of each loop. From the instruction that reads n up to the one that"
        " writes it (marked ▸) nobody may come in between. Without a GIL there is nothing to count:"
        " threads run side by side, and any place will do.",
        across="variant",
        down="instruction",
        value="share",
    ),
    Line(
        Loss,
        title="How much did each repeat lose, without a lock?",
        x="repeat",
        y="lost_share",
        by="variant",
    ),
    Bars(
        Trial, id="price", title="What does an increment cost, all told?", x="variant", y="step_s", by="guard"
    ),
]

guess = BarsGuess(
    ask="Several threads count without a lock. What share of the increments does each way lose?",
    figure="lost",
    unit="share",
    low=0,
    high=1,
    bars=get_args(Variant),
    measured=lambda record: {v: median(lost) for v in get_args(Variant) if (lost := losses(record, v))},
)

presets = {
    "quick": {"repeats": 3, "work": 50},
    "hasty": {"interval": 0.001},
    "crowd": {"threads": 8},
    "careful": {"work": 300},
}


def measure(
    threads: Annotated[Count, Between(2, 8), "threads that count together"] = 2,
    repeats: Annotated[Count, Between(3, 50), "of each variant, without and with a lock"] = 10,
    work: Annotated[Milliseconds, Between(20, 1000), "how long one repeat takes, about"] = 100,
    interval: Annotated[Milliseconds, Between(0.001, 50), "switch interval of the interpreter"] = 5,
) -> Iterator[Trial | Loss | Switch | Progress]:
    arms = list(product(get_args(Variant), get_args(Guard)))
    with Group() as group:
        subject = group.worker(do, name="process that counts")
        loops = {arm: max(1, ask(subject, "loops", *arm, work / 1000) // threads) for arm in arms}
        yield from switches(subject)
        for repeat in range(repeats):
            yield Progress(repeat / repeats, f"repeat {repeat + 1} of {repeats}")
            for variant, guard in arms[:: 1 if repeat % 2 == 0 else -1]:
                each = loops[variant, guard]
                counted, wall_ns, delay_ns = ask(
                    subject, "race", variant, guard, threads, each, interval / 1000
                )
                tally.add(0, delay_ns)
                expected = each * threads
                lost = 1 - counted / expected
                yield Trial(variant, guard, repeat + 1, expected, counted, lost, seconds(wall_ns / expected))
                if guard == "without a lock":
                    yield Loss(variant, repeat + 1, lost)


def cost(threads: int, repeats: int, work: float, interval: float) -> float:
    arms = len(get_args(Variant)) * len(get_args(Guard))
    return 0.5 + LOOK_S * len(get_args(Variant)) + repeats * arms * work / 1000


def ask(subject: Worker, *job: str | float) -> Any:
    subject.ask(*job)
    return subject.answer()


def switches(subject: Worker) -> Iterator[Switch]:
    """The rows of all variants, so ordered that each column reads from top to bottom."""
    rows: list[Switch] = []
    order: list[str] = []
    for variant in reversed(get_args(Variant)):  # the longest one first
        steps = ask(subject, "switches", variant, LOOK_S)
        all_seen = sum(seen for _, _, seen in steps)
        place = 0
        for name, between, seen in steps:
            label = f"{BETWEEN}{name}" if between else name
            if label not in order:
                order.insert(place, label)
            place = order.index(label) + 1
            if all_seen:
                rows.append(Switch(variant, label, between, seen, seen / all_seen))
    variants = get_args(Variant)
    yield from sorted(rows, key=lambda row: (order.index(row.instruction), variants.index(row.variant)))


# -- what was guessed, and the verdict -----------------------------------------------------------

SAFE = "In {repeats} repeats `n += 1` lost none of {steps} increments."
CALLS = "With a call between reading and writing, {lost} were lost."
WRONG = "Even with a lock {n} increments were lost, and that must never happen: run it again."
LOSES = "`n += 1` lost {lost} of its increments, in {lossy} of {repeats} repeats."
WITH_GIL = "So this interpreter may switch between reading and writing."
WITHOUT_GIL = "This Python runs without a GIL: two threads read the same number at the same moment."
NOTHING = "Nothing was lost, not even with a call between reading and writing: the threads hardly met."
LONGER = "Let them work for longer, with a shorter switch interval."


def losses(record: Record, variant: Variant, guard: Guard = "without a lock") -> list[float]:
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
        return Verdict("no", say(f"{LOSES} {why}", lost=percent(estimate(plain).value), **values), checks)
    if not any(called):
        return Verdict("unclear", say(f"{NOTHING} {LONGER}"), checks)
    steps = sum(
        row.expected for row in record[Trial] if (row.variant, row.guard) == (PLAIN, "without a lock")
    )
    headline = say(f"{SAFE} {CALLS}", lost=percent(estimate(called).value), steps=steps, **values)
    return Verdict("no loss seen", headline, checks, (doubt(len(plain)),))


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
