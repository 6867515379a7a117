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

- "It is one line, so it is atomic" is wrong, and so is "threads lose numbers at once". Since CPython 3.10
  a thread with the GIL is only made to let go of it at a few places: at the end of a turn of a loop, and
  where a function is called ([Python/bytecodes.c]). In `n += 1` there is no such place between reading
  and writing, so nothing is lost.
- Put a call in between, and there is one: `n = int(n) + 1` looks just as harmless and loses a
  large part. A thread that is stopped there comes back a few milliseconds later, writes the number
  that it had in its head, and wipes out all that the others counted meanwhile.
- "Then I may rely on it" is wrong, too. No document promises it: the [library FAQ] lists `i = i+1` under
  what is not atomic. CPython 3.9 looked for a reason to switch almost anywhere, PyPy switches at places of
  its own, and a build without the GIL ([PEP 703]) runs the steps of two threads at the same moment: 3.9
  and that build lose increments of the plainest kind. And an n that is no plain integer may run code of
  its own when it is added to.
- With a [Lock] around the three steps nothing is ever lost, on any build. It costs something; the page
  shows how much.

How it is measured: every variant runs without and with a lock, in turns, again and again, each
time with threads that start together in a process made for it. Where the interpreter switches is
seen, not looked up: an extra thread asks for the GIL again and again, and whenever it gets it, it
finds the counting thread standing at the very instruction where it was interrupted. Zero losses
mean "not observed in so many repeats", and the page says how little that proves. To compare
builds, choose another Python for the next run.

[library FAQ]: https://docs.python.org/3/faq/library.html#what-kinds-of-global-value-mutation-are-thread-safe
[Lock]: https://docs.python.org/3/library/threading.html#threading.Lock
[Python/bytecodes.c]: https://github.com/python/cpython/blob/main/Python/bytecodes.c
[PEP 703]: https://peps.python.org/pep-0703/
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Annotated, Any, get_args

from experiments.kit import Bars, BarsGuess, Between, Cells, Count, Line, Milliseconds, Progress
from experiments.kit.kernel.clock import seconds
from experiments.kit.stats import median
from experiments.kit.subjects import tally
from experiments.kit.subjects.subjects import Group, Worker
from experiments.threads._race.losses import Loss, Switch, Trial, losses, verdict
from experiments.threads._race.variants import Guard, Variant, do

__all__ = ["Loss", "Switch", "Trial", "charts", "cost", "guess", "measure", "presets", "verdict"]

LOOK_S = 0.08  # at the switches of each variant
CROWDED = 2  # times what a thread alone needs: with two and a lock it was 1.3 to 4, without one 0.9 to 1.5
BETWEEN = "▸ "  # in front of an instruction after which n has been read and not yet written

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
    by="without a lock",
    measured=lambda record: {v: median(lost) for v in get_args(Variant) if (lost := losses(record, v))},
)

presets = {
    "quick": {"repeats": 3, "work": 40},
    "hasty": {"interval": 0.001},
    "crowd": {"threads": 8},
    "careful": {"work": 300},
}


def measure(
    threads: Annotated[Count, Between(2, 8), "threads that count together"] = 2,
    repeats: Annotated[Count, Between(3, 50), "of each variant, without and with a lock"] = 10,
    work: Annotated[Milliseconds, Between(20, 1000), "what one repeat would take a thread alone"] = 50,
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
    return 0.5 + LOOK_S * len(get_args(Variant)) + repeats * arms * CROWDED * work / 1000


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
