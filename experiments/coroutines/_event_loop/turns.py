"""What `coroutines.event_loop` measures, and what it says: rows, checks and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

from experiments.coroutines._event_loop.blocks import BEAT_S, TURNS, Call
from experiments.coroutines._event_loop.naps import loop_checks, loop_doubts
from experiments.coroutines._event_loop.scenes import Arrangement, Scene
from experiments.coroutines._event_loop.traced import End
from experiments.kit import (
    Check,
    Count,
    Ratio,
    Record,
    Seconds,
    Sentence,
    Share,
    Verdict,
    asserted,
    duration,
    say,
    times,
)
from experiments.kit.causes import why_no_core
from experiments.kit.stats import FEWEST, Estimate, estimate, median

QUICKER = 1.2  # waits that overlap gain more than this over waits one after another
CROWDED = 0.5  # of the blocking call: a heartbeat that is so late beside nothing lacked a core
TOUCH_S = 1e-9  # stamps are seconds; two turns may share the very nanosecond


class Turn(NamedTuple):
    """A stretch of a task's time in the first round: three tasks, together or one after another."""

    arrangement: Arrangement
    lane: str
    state: str
    start_s: Seconds
    end_s: Seconds


class Ending(NamedTuple):
    """The same, where a task fails, is too slow, or is cancelled."""

    scene: Scene
    lane: str
    state: str
    start_s: Seconds
    end_s: Seconds


class Pulse(NamedTuple):
    """The same, of a heartbeat and of what runs beside it."""

    call: Call
    lane: str
    state: str
    start_s: Seconds
    end_s: Seconds


class Whole(NamedTuple):
    """All three tasks of one round, done in one arrangement."""

    arrangement: Arrangement
    repeat: Count
    took_s: Seconds
    gain: Annotated[Ratio, "how many times as fast as awaited one after another, in the same round"]


class Fate(NamedTuple):
    """How a task ended, and how it had to end."""

    scene: Scene
    repeat: Count
    task: Literal["A", "B", "C"]
    expected: End
    end: End
    cancelled: Annotated[Share, "of the repeats"]
    asked: Annotated[bool, "whether a CancelledError was thrown into it"]
    rank: Annotated[Count, "1 for the task of the scene that ended first"]


class Lag(NamedTuple):
    """How late a heartbeat of 5 ms was beside a call."""

    call: Call
    repeat: Count
    beats: Count
    worst_s: Annotated[Seconds, "of the beat that was late the most"]
    typical_s: Annotated[Seconds, "half of the beats were late by no more"]


DONE = (
    "Three waits took {sequence} awaited one after another, and {gathered} gathered: whoever waits lets"
    " another run, but never two at once. A blocking call of {block} made all others {late} late."
)
FEW = "It takes {few} rounds to see how far they spread."
OVERLAP = "Two tasks had the loop at the same time, and that must never happen: run it again."
ODD = "The task {task} of “{scene}” was {end} and not {expected}, as documented: run it again."
CROWD = "A heartbeat beside nothing was {late} late: it had no core."
SPREAD = "The rounds spread too far to be sure: take more of them, or a quieter moment."
NO_GROUPS = "This Python has no TaskGroup, which came with 3.11; everything else ran."


def lags(record: Record) -> dict[str, list[float]]:
    """The largest lag of each repeat, by call."""
    found: dict[str, list[float]] = {}
    for row in record[Lag]:
        found.setdefault(row.call, []).append(row.worst_s)
    return found


def worst_lags(record: Record) -> dict[str, float]:
    return {call: median(found) for call, found in lags(record).items()}


def took(record: Record, arrangement: Arrangement) -> list[float]:
    return [row.took_s for row in record[Whole] if row.arrangement == arrangement]


def gain(record: Record, arrangement: Arrangement) -> Estimate:
    return estimate([row.gain for row in record[Whole] if row.arrangement == arrangement])


def verdict(record: Record) -> Verdict:
    late = lags(record)
    needed = [
        took(record, "await"),
        took(record, "gather"),
        late.get("time.sleep", []),
        late.get("nothing", []),
    ]
    if min(map(len, needed)) < FEWEST:
        return Verdict("unclear", say(FEW, few=FEWEST))
    checks = tuple(checks_of(record, late))
    doubts = loop_doubts(record) if took(record, "TaskGroup") else (say(NO_GROUPS), *loop_doubts(record))
    if wrong := contradiction(record, late):
        return Verdict("unclear", wrong, checks, doubts)
    headline = say(
        DONE,
        sequence=duration(median(needed[0])),
        gathered=duration(median(needed[1])),
        block=duration(record.params["block"] / 1000),
        late=duration(median(late["time.sleep"])),
    )
    return Verdict("one runs, the others wait", headline, checks, doubts)


def contradiction(record: Record, late: dict[str, list[float]]) -> Sentence | None:
    """Why nothing can be concluded, if so."""
    if overlaps(record):
        return say(OVERLAP)
    if odd := next((row for row in record[Fate] if row.end != row.expected), None):
        return say(ODD, task=odd.task, scene=odd.scene, end=odd.end, expected=odd.expected)
    if median(late["nothing"]) > CROWDED * record.params["block"] / 1000:
        because = why_no_core(record)
        told = f"{CROWD} {because.text}"
        return say(told, late=duration(median(late["nothing"])), **because.values)
    return None if gain(record, "gather").beyond(QUICKER) else say(SPREAD)


def turns(record: Record) -> dict[str, list[tuple[float, float]]]:
    """Whoever had the loop, by loop: begin and end, in order."""
    found: dict[str, list[tuple[float, float]]] = {}
    for loop, _, state, start_s, end_s in (*record[Turn], *record[Ending], *record[Pulse]):
        if state == "loop":
            found.setdefault(loop, []).append((start_s, end_s))
    return {loop: sorted(stretches) for loop, stretches in found.items()}


def overlaps(record: Record) -> int:
    return sum(
        later[0] < earlier[1] - TOUCH_S
        for stretches in turns(record).values()
        for earlier, later in pairwise(stretches)
    )


def checks_of(record: Record, late: dict[str, list[float]]) -> Iterator[Check]:
    known = turns(record)
    claim = say(
        "{n} turns in {loops} loops: {overlaps} of them overlapped.",
        n=sum(map(len, known.values())),
        loops=len(known),
        overlaps=overlaps(record),
    )
    yield Check(claim, not overlaps(record) if known else None)
    seen = gain(record, "gather")
    claim = say("Gathered waits are {low} to {high} as fast.", low=times(seen.low), high=times(seen.high))
    yield Check(claim, seen.beyond(QUICKER))
    seen = gain(record, "task, await")
    claim = say(
        "A task that is awaited at once gains nothing: {low} to {high}.",
        low=times(seen.low),
        high=times(seen.high),
    )
    yield asserted(claim, seen.high < QUICKER or None)
    yield from fate_checks(record[Fate])
    yield from lag_checks(record, late)
    yield from loop_checks(record)


def fate_checks(rows: Sequence[Fate]) -> Iterator[Check]:
    claim = say(
        "{right} of {n} tasks ended as the documentation says, {cancelled} of them cancelled.",
        right=sum(row.end == row.expected for row in rows),
        n=len(rows),
        cancelled=sum(row.end == "cancelled" for row in rows),
    )
    yield Check(claim, all(row.end == row.expected for row in rows) if rows else None)
    levels = [row for row in rows if row.scene == "three levels"]
    if levels:
        ended = [row.task for row in sorted(levels, key=lambda row: (row.repeat, row.rank))]
        claim = say("A cancellation reached the innermost task first: {order}.", order=" → ".join(ended[:3]))
        yield Check(claim, ended == ["A", "B", "C"] * (len(ended) // 3))


LAG_CLAIMS: dict[Call, str] = {
    "time.sleep": "A blocking call makes the heartbeat {late} late; awaiting the same sleep, {cured}.",
    "sleep, thread": "In a thread the blocking sleep harms nobody: {late} late.",
    "computing, turns": "Computing that gives way {turns} times leaves the heartbeat {late} late.",
    "computing, thread": "Computing in a thread leaves the heartbeat {late} late: the thread keeps the GIL.",
    "C call, thread": "One long C call that keeps the GIL has no cure in a thread: {late} late.",
    "computing, process": "In a process of its own the computation leaves the heartbeat {late} late.",
}
MEDIAN = (
    "The median hides it: beside the blocking call half of the beats were late by no more than {typical}."
)
WITHOUT_GIL: dict[Call, str] = {
    "computing, thread": (
        "Computing in a thread leaves the heartbeat {late} late: there is no GIL to wait for."
    ),
    "C call, thread": (
        "One long C call in a thread leaves the heartbeat {late} late: there is no GIL to keep."
    ),
}
OTHER_GIL: dict[Call, str] = {
    "computing, thread": (
        "Computing in a thread leaves the heartbeat {late} late: {python} hands its GIL over by rules of"
        " its own."
    ),
    "C call, thread": (
        "What is one long C call in CPython leaves the heartbeat {late} late in a thread: {python} runs it as"
        " Python, and may let go of its GIL meanwhile."
    ),
}


def lag_checks(record: Record, late: dict[str, list[float]]) -> Iterator[Check]:
    block_s = record.params["block"] / 1000
    cured = late.get("asyncio.sleep")
    for call, claim in LAG_CLAIMS.items():
        if not (found := late.get(call)) or (call == "time.sleep" and not cured):
            continue
        machine = record.machine
        others = WITHOUT_GIL if not machine.gil else OTHER_GIL if machine.implementation != "CPython" else {}
        told = say(
            others.get(call, claim),
            late=duration(median(found)),
            cured=duration(median(cured or found)),
            turns=TURNS,
            python=machine.implementation,
        )
        if call in OTHER_GIL and others is OTHER_GIL:
            yield Check(told, True)  # both may happen: nothing is claimed but what was measured
        else:
            yield asserted(told, fits(call, found, block_s, machine.gil))
    if blocked := [row for row in record[Lag] if row.call == "time.sleep"]:
        typical_s = median(row.typical_s for row in blocked)
        said = say(MEDIAN, typical=duration(typical_s))
        yield asserted(said, True if typical_s < block_s / 4 else None)


def fits(call: Call, late: list[float], block_s: float, gil: bool = True) -> bool | None:
    """Whether the lags are what the claim says; a machine that is busy can only leave that open."""
    if call == "time.sleep":
        return min(late) >= block_s - BEAT_S  # it had at most one beat to go, and nobody could run
    middle = median(late)
    if call == "C call, thread" and gil:
        return True if middle > block_s / 2 else None
    return True if middle < block_s / 2 else None
