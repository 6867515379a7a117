"""Whether other loops wait together, too, and what their turns cost: rows, how they are taken, and checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, NamedTuple

from experiments.coroutines._event_loop.loops import ASKED, EXTRA, Crew, Loop, Sleep, ask
from experiments.kit import Check, Count, Ratio, Record, Seconds, Sentence, asserted, packages, say, times
from experiments.kit.kernel.clock import seconds
from experiments.kit.stats import FEWEST, estimate, median

SLEEPS = 4
SLEEP_S = 0.002
TOGETHER = SLEEPS / 2  # sleeps' lengths: less than that, and they overlapped even on a busy machine
BLOCKED = SLEEPS - 0.1  # no less can they take one after another; a clock may be rounded
TURNS = 500  # of a loop at a stretch: a millisecond or two, in which the clock speed hardly changes
STRETCHES = 2  # in each round
QUICKER = 0.9  # of a turn of asyncio; a clock speed that wanders between two stretches makes less


class Nap(NamedTuple):
    """Four sleeps that were started together, on one loop."""

    loop: Loop
    sleep: Sleep
    repeat: Count
    took_s: Seconds
    lengths: Annotated[Ratio, "in lengths of one sleep: 1 for all at once, 4 for one after another"]


class Pace(NamedTuple):
    """What a turn of one loop costs."""

    loop: Loop
    repeat: Count
    turn_s: Annotated[Seconds, "one sleep(0), with nobody else in the loop"]
    ratio: Annotated[Ratio, "beside a turn of asyncio, a moment before or after"]


class Note(NamedTuple):
    """Something that could not be done as asked, and why."""

    about: str
    why: str


def lacks(names: list[str]) -> Iterator[Note]:
    if why := packages.missing(names, EXTRA):
        yield Note(", ".join(names), f"{why} Everything else ran.")


def naps(crew: Crew, repeat: int) -> Iterator[Nap]:
    for loop in in_turn(crew, repeat):
        for sleep in ASKED[loop]:
            took_s = seconds(ask(crew[loop], "together", sleep, SLEEPS, SLEEP_S))
            yield Nap(loop, sleep, repeat, took_s, took_s / SLEEP_S)


def paces(crew: Crew, repeat: int) -> Iterator[Pace]:
    """Loops in turns, each of them some milliseconds; a patch changes no turn, so gevent comes once."""
    for stretch in range(STRETCHES):
        order = [loop for loop in in_turn(crew, repeat + stretch) if loop != "gevent, patched"]
        turn_s = {loop: seconds(ask(crew[loop], "turns", TURNS)) / TURNS for loop in order}
        for loop in order:
            yield Pace(loop, repeat, turn_s[loop], turn_s[loop] / turn_s["asyncio"])


def in_turn(crew: Crew, repeat: int) -> list[Loop]:
    """Forwards and backwards: a clock speed that drifts favours none."""
    return list(crew)[:: 1 if repeat % 2 else -1]


def cost(repeats: int) -> float:
    """About how many seconds, if both packages are there."""
    lengths = len(ASKED) * (1 + SLEEPS)
    return 0.05 + repeats * (lengths * SLEEP_S * 1.05 + STRETCHES * TURNS * 10e-6)


# -- what they say ----------------------------------------------------------------------------------

SAME = "{loop}: four of its own sleeps take {own} as long as one, four of time.sleep {blocked}."
PATCHED = (
    "Patched by gevent, four of time.sleep take {own} as long as one; four sleeps in C still take {blocked}."
)


def lengths(record: Record) -> dict[tuple[str, str], list[float]]:
    """What was measured on each loop of each sleep."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in record[Nap]:
        found.setdefault((row.loop, row.sleep), []).append(row.lengths)
    return found


def loop_checks(record: Record) -> Iterator[Check]:
    found = lengths(record)
    for loop, sleeps in ASKED.items():
        own, blocked = (found.get((loop, sleep), []) for sleep in sleeps)
        if min(len(own), len(blocked)) >= FEWEST:
            told = say(
                PATCHED if loop == "gevent, patched" else SAME,
                loop=loop,
                own=times(median(own)),
                blocked=times(median(blocked)),
            )
            yield Check(told, waits_as_told(own, blocked))
    if ratios := [row.ratio for row in record[Pace] if row.loop == "uvloop"]:
        seen = estimate(ratios)
        claim = "A turn of uvloop takes {low} to {high} as long as one of asyncio: quicker, and no cure."
        yield asserted(say(claim, low=times(seen.low), high=times(seen.high)), seen.high < QUICKER or None)


def waits_as_told(own: list[float], blocked: list[float]) -> bool | None:
    """Who blocks cannot be quicker than one after another; who waits may be late on a busy machine."""
    if min(blocked) < BLOCKED:
        return False
    return True if median(own) < TOGETHER else None


def loop_doubts(record: Record) -> tuple[Sentence, ...]:
    return tuple(say("{why}", why=note.why) for note in record[Note])
