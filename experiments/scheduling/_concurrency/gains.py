"""What `scheduling.concurrency` measures, and what it says: rows, checks and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

from experiments.kit import (
    Check,
    Count,
    Microseconds,
    Ratio,
    Record,
    Seconds,
    Verdict,
    asserted,
    duration,
    percent,
    say,
    times,
)
from experiments.kit.causes import crowded, why_no_core
from experiments.kit.stats import FEWEST, Estimate, estimate, known_median, median, ratio_interval

Arrangement = Literal["in sequence", "on one core", "on all cores"]
Placement = Literal["one core", "two cores"]

FASTER = 1.15  # a gain below this is none
ONE_CORE = 1.05  # CPU seconds per second of tasks that share a core
CROWDED = 0.15  # of its time in the run queue, with a core for each task: something took it
QUICKER = 1.2  # as quick on one core as on two: to wake a core costs several times what a byte does
NOISE = 0.1  # a gain that is so much more than the cores is none


class Slice(NamedTuple):
    """A stretch of a task's time in the first round of each arrangement."""

    arrangement: Arrangement
    lane: str
    task: Count
    state: str
    core: Count | None
    start_s: Seconds
    end_s: Seconds


class Finish(NamedTuple):
    """When each task was done, counted from the start of the first."""

    task: Count
    arrangement: Arrangement
    repeat: Count
    finish_s: Seconds
    cpu_s: Annotated[Seconds, "time on a core"]
    delay_s: Annotated[Seconds | None, "time ready without a core"]


class Whole(NamedTuple):
    """All tasks of one round, done in one arrangement."""

    arrangement: Arrangement
    repeat: Count
    makespan_s: Annotated[Seconds, "from the first start to the last end"]
    gain: Annotated[Ratio, "how many times as fast as in sequence, in the same round"]
    effective_cores: Annotated[Ratio, "CPU seconds per second"]


class Chatty(NamedTuple):
    """Two tasks that swap a byte after every piece of work."""

    work_us: Annotated[Microseconds, "work of each task between two messages"]
    placement: Placement
    us_per_step: Annotated[Microseconds, "for the work of both, and the exchange"]


def gains(record: Record) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for row in record[Whole]:
        found.setdefault(row.arrangement, []).append(row.gain)
    return found


ALONE = "Started at once, {n} tasks are done {one} as fast as in sequence on one core."
BOTH = "Started at once, {n} tasks are done {one} as fast as in sequence on one core, {all} on {cores} cores."
WHY = {
    "only on several cores": "One core that takes turns does the same work; only more cores do more.",
    "not on one core": "A core that takes turns does the same work; it has just more tasks under way.",
}
SPREAD = "But the rounds spread too far to be sure: take more of them, or a quieter moment."
CROWDED_OUT = "But for {waited} of the time a task alone waited for a core."
NO_CORE = "But a second core was lacking."
TOO_FAST = "But {cores} cores cannot gain that much: the rounds were not alike."
RIDDLE = "Taking turns cannot make work less, so run it again."


def verdict(record: Record) -> Verdict:
    gained = gains(record)
    one, many = gained.get("on one core", []), gained.get("on all cores", [])
    if len(one) < FEWEST or (record.machine.cores > 1 and len(many) < FEWEST):
        return Verdict("unclear", say("It takes {few} rounds to see how far they spread.", few=FEWEST))
    seen = {name: estimate(values) for name, values in gained.items()}
    waited = waiting_alone(record)
    doubt = contradiction(seen, is_crowded(waited), used_cores(record), record.machine.cores)
    because = why_no_core(record, waited if doubt == CROWDED_OUT else None)
    if doubt in (CROWDED_OUT, NO_CORE, TOO_FAST):
        doubt = f"{doubt} {because.text}"
    answer = "only on several cores" if many else "not on one core"
    headline = say(
        f"{BOTH if many else ALONE} {doubt or WHY[answer]}",
        n=record.params["tasks"],
        one=times(seen["on one core"].value, "on one core"),
        cores=record.machine.cores,
        all=times(seen["on all cores"].value if many else 1, "on all cores"),
        **({} if waited is None else {"waited": percent(waited, "ready")}),
        **because.values,
    )
    return Verdict("unclear" if doubt else answer, headline, tuple(checks_of(record, seen)))


def waiting_alone(record: Record) -> float | None:
    """The share of its time that a task in sequence was ready without a core: nobody of ours wanted it.

    None where the system does not tell.
    """
    alone = [row for row in record[Finish] if row.arrangement == "in sequence"]
    return known_median(row.delay_s and row.delay_s / (row.cpu_s + row.delay_s) for row in alone)


def is_crowded(waited: float | None) -> bool:
    return waited is not None and waited > CROWDED


def used_cores(record: Record) -> float:
    """CPU seconds per second of tasks that took turns on one core."""
    return median(row.effective_cores for row in record[Whole] if row.arrangement == "on one core")


def contradiction(seen: Mapping[str, Estimate], crowded: bool, used: float, cores: int) -> str:
    """Why nothing can be concluded, or ""."""
    one = seen["on one core"].beyond(FASTER)
    if one is None and used <= ONE_CORE and not crowded:
        one = False  # the same work in the same CPU seconds; a clock speed that wanders does not count
    if one is not False:
        return CROWDED_OUT if crowded else RIDDLE if one else SPREAD
    if "on all cores" in seen and not (faster := seen["on all cores"].beyond(FASTER)):
        return CROWDED_OUT if crowded else SPREAD if faster is None else NO_CORE
    if "on all cores" in seen and seen["on all cores"].value > cores * (1 + NOISE):
        return TOO_FAST
    return ""


def checks_of(record: Record, seen: Mapping[str, Estimate]) -> Iterator[Check]:
    one = seen["on one core"]
    claim = say("On one core nothing is gained: {low} to {high}.", low=times(one.low), high=times(one.high))
    yield asserted(claim, one.high <= FASTER or None)
    if "on all cores" in seen:
        many = seen["on all cores"]
        claim = say("On all cores it is faster: {low} to {high}.", low=times(many.low), high=times(many.high))
        yield asserted(claim, many.beyond(FASTER) or None)
    claim = say("Together they kept {used} of one core busy.", used=percent(used_cores(record), "running"))
    yield Check(claim, used_cores(record) <= ONE_CORE or None)
    yield first_check(record)
    yield from chat_checks(record[Chatty], is_crowded(waiting_alone(record)) or crowded(record))


def first_check(record: Record) -> Check:
    """Who is done first: that is what taking turns costs."""
    firsts: dict[str, dict[int, float]] = {}
    for row in record[Finish]:
        rounds = firsts.setdefault(row.arrangement, {})
        rounds[row.repeat] = min(row.finish_s, rounds.get(row.repeat, row.finish_s))
    alone, turns = (list(firsts[name].values()) for name in ("in sequence", "on one core"))
    claim = say(
        "The first task was done after {alone} in sequence, and after {turns} by turns.",
        alone=duration(median(alone)),
        turns=duration(median(turns)),
    )
    n = min(len(alone), len(turns))
    return Check(claim, ratio_interval(turns[:n], alone[:n]).beyond(FASTER))


def chat_checks(rows: Sequence[Chatty], busy: bool) -> Iterator[Check]:
    took: dict[float, dict[str, list[float]]] = {}
    for row in rows:
        took.setdefault(row.work_us, {}).setdefault(row.placement, []).append(row.us_per_step)
    if not took or any(len(places) < 2 for places in took.values()):
        return
    idle = took[min(took)]
    n = min(map(len, idle.values()))
    quicker = ratio_interval(idle["two cores"][:n], idle["one core"][:n])
    claim = say(
        "Tasks that only talk are {low} to {high} as quick on one core as on two.",
        low=times(quicker.low),
        high=times(quicker.high),
    )
    yield Check(claim, None if busy else quicker.clearly_above(QUICKER))
    dear = [w for w, us in took.items() if median(us["two cores"]) >= median(us["one core"])]
    if pays := [w for w in sorted(took) if w > max(dear, default=-1)]:
        work = duration(pays[0] / 1e6)
        claim = say("A second core pays from about {work} of work between two messages.", work=work)
        yield asserted(claim, True if quicker.low > QUICKER and pays[0] > min(took) and not busy else None)
