"""What `io_models.readiness` measures, and what it says: rows, checks and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from experiments.io_models._readiness.semantics import Fact
from experiments.io_models._readiness.watch import Method
from experiments.kit import Check, Count, Record, Seconds, Sentence, Verdict, duration, say, times
from experiments.kit.stats import Estimate, median, ratio_interval

What = Literal["expected", "seen"]

USUAL_WATCHED = 5000
FEWEST = 3  # rounds that an interval needs
APART = 10  # times: from the fewest to the most descriptors, so that what grows with them is seen
FLAT = 3.0  # times: caches cost something, but nothing that grows with every descriptor
GROWN = 4.0
CLEAR = 1.15  # times: a clock speed that wanders between two moments makes less


class Waited(NamedTuple):
    """Some waits while few descriptors were ready, by one way in one round."""

    round: Count
    method: Method
    watched: Annotated[Count, "descriptors that are watched"]
    ready: Annotated[Count, "descriptors that are ready at once"]
    wait_s: Annotated[Seconds, "the call that waits, median; it never had to sleep"]
    cpu_s: Annotated[Seconds, "CPU time of a wake-up: make ready, wait, read"]


class Crowded(NamedTuple):
    """Some waits while all of the descriptors were ready, by one way in one round."""

    round: Count
    method: Method
    watched: Annotated[Count, "descriptors that are watched"]
    event_s: Annotated[Seconds, "the call that waits, median, for each that was ready"]
    cpu_s: Annotated[Seconds, "CPU time of a wake-up: make ready, wait, read"]


class Served(NamedTuple):
    """Questions that an echo server answered over 10 connections beside idle ones."""

    round: Count
    method: Method
    idle: Annotated[Count, "connections on which nothing happens"]
    cpu_s: Annotated[Seconds, "CPU time of the server for one question"]
    answer_s: Annotated[Seconds, "median until the answer, for the client"]


class Promise(NamedTuple):
    """A fact about one of the ways: the number that must be seen, and the one that was."""

    fact: Fact
    what: What
    value: Count


class Limit(NamedTuple):
    """How many descriptors a process of this user may have, and how many this run allowed itself."""

    soft: Count
    hard: Count
    used: Count


def growth(record: Record, method: Method) -> Estimate | None:
    """How many times as long a wait takes with most descriptors as with fewest, in pairs of a round."""
    few, most = ends(record)
    return paired(waits(record, method, most), waits(record, method, few))


def ends(record: Record) -> tuple[int, int]:
    watched = {row.watched for row in record[Waited]} or {0}
    return min(watched), max(watched)


def waits(record: Record, method: Method, watched: int) -> list[float]:
    return [row.wait_s for row in record[Waited] if (row.method, row.watched) == (method, watched)]


def paired(a: list[float], b: list[float]) -> Estimate | None:
    n = min(len(a), len(b))
    return ratio_interval(a[:n], b[:n]) if n >= FEWEST else None


def crowd_ratio(record: Record) -> Estimate | None:
    """Epoll over poll, for an event, when all that are watched are ready."""
    most = max((row.watched for row in record[Crowded]), default=0)
    epoll, poll = (
        [row.event_s for row in record[Crowded] if (row.method, row.watched) == (method, most)]
        for method in ("epoll", "poll")
    )
    return paired(epoll, poll)


def typical(record: Record) -> dict[str, float]:
    """For the guess: "poll@10", and so on, with the seconds that a wait took."""
    found: dict[str, list[float]] = {}
    for row in record[Waited]:
        found.setdefault(f"{row.method}@{row.watched:g}", []).append(row.wait_s)
    return {key: median(took) for key, took in found.items()}


def verdict(record: Record) -> Verdict:
    poll, epoll = growth(record, "poll"), growth(record, "epoll")
    if poll is None or epoll is None:
        return Verdict("unclear", say("It takes {few} rounds to judge.", few=FEWEST))
    few, most = ends(record)
    if most < APART * few:
        few_allowed = tuple(limit_doubts(record, most))
        told = say("Watch at least {n} times as many as are ready.", n=APART)
        return Verdict("unclear", told, tuple(checks_of(record)), few_allowed)
    sentence = say(
        "With {most} instead of {few} descriptors a wait took {whole_list} as long with poll"
        " ({whole_list_took}) and {ready_list} with epoll ({ready_list_took}).",
        few=few,
        most=most,
        whole_list=times(poll.value),
        whole_list_took=duration(median(waits(record, "poll", most))),
        ready_list=times(epoll.value),
        ready_list_took=duration(median(waits(record, "epoll", most))),
    )
    doubts = tuple(limit_doubts(record, most))
    return Verdict(answer_of(poll, epoll), sentence, tuple(checks_of(record)), doubts)


def limit_doubts(record: Record, most: int) -> Iterator[Sentence]:
    """Where the hard limit allows less than is usual."""
    for row in record[Limit]:
        if row.hard < USUAL_WATCHED and most < USUAL_WATCHED:
            claim = (
                "A process may have {hard} descriptors here (`ulimit -Hn`), so {most} were watched at most."
            )
            yield say(claim, hard=row.hard, most=most)


def answer_of(poll: Estimate, epoll: Estimate) -> str:
    if epoll.high < FLAT and poll.low > max(GROWN, 2 * epoll.high):
        return "epoll does not pay for those that are silent"
    if epoll.low > GROWN:
        return "epoll pays for those that are silent, too"
    if poll.high < FLAT:
        return "neither pays for those that are silent"
    return "unclear"


def checks_of(record: Record) -> Iterator[Check]:
    yield from crowd_check(record)
    yield from server_check(record)
    yield from select_check(record)
    yield from promise_checks(record)
    for row in record[Limit]:
        if row.used > row.soft:
            claim = say(
                "The soft limit of {soft} descriptors was raised to {used} for this run;"
                " the hard one is {hard}.",
                **row._asdict(),
            )
            yield Check(claim, True)


def crowd_check(record: Record) -> Iterator[Check]:
    if ratio := crowd_ratio(record):
        claim = say(
            "With all of them ready, epoll took {ratio} as long for an event as poll, called from Python"
            " ({low} to {high}).",
            ratio=times(ratio.value),
            low=times(ratio.low),
            high=times(ratio.high),
        )
        yield Check(claim, ratio.clearly_above(CLEAR))


def server_check(record: Record) -> Iterator[Check]:
    idle = max((row.idle for row in record[Served]), default=0)
    cpu = {
        method: [row.cpu_s for row in record[Served] if (row.method, row.idle) == (method, idle)]
        for method in ("poll", "epoll")
    }
    if ratio := paired(cpu["poll"], cpu["epoll"]):
        claim = say(
            "Beside {idle} idle connections a question cost the server {poll} of CPU time with poll,"
            " {epoll} with epoll.",
            idle=idle,
            poll=duration(median(cpu["poll"])),
            epoll=duration(median(cpu["epoll"])),
        )
        yield Check(claim, ratio.clearly_above(CLEAR))


SELECT_ENDS = "Select was measured up to {n}: with more, a descriptor is numbered 1024, and it refuses that."


def select_check(record: Record) -> Iterator[Check]:
    if by_select := [row.watched for row in record[Waited] if row.method == "select"]:
        most, ended = ends(record)[1], max(by_select)
        if ended < most:
            yield Check(say(SELECT_ENDS, n=ended), True)


PROMISES: dict[Fact, str] = {
    "level: wakes for 10 bytes by threes": "Level-triggered, 10 bytes read by threes took {seen} wakes.",
    "edge: wakes for 10 bytes by threes": "Edge-triggered, there was {seen} wake.",
    "edge: bytes stuck": "{seen} bytes were left unread, and nothing told of them.",
    "edge: wakes after new data": "Only new data woke it again.",
    "one-shot: wakes before it is armed": "One-shot, there was {seen} wake until it was armed again.",
    "level: writable, in 100 looks": "An idle socket that may be written was told in {seen} of 100 looks.",
    "epoll: takes a regular file": "Epoll refuses a regular file.",
    "select: takes number 1024": "Select refuses a single descriptor if its number is 1024.",
    "epoll: tells a closed one with a twin": "A closed descriptor was still told: a duplicate was open.",
    "epoll: told at once by default": "One call of epoll told {seen} at most where no number was given.",
}


def promise_checks(record: Record) -> Iterator[Check]:
    """The facts that are worth a sentence, and any that was not seen as expected."""
    found = {(row.fact, row.what): row.value for row in record[Promise]}
    for fact in dict.fromkeys(row.fact for row in record[Promise]):
        expected, seen = found.get((fact, "expected")), found.get((fact, "seen"))
        if seen is None or expected is None:
            continue
        if seen != expected:
            claim = say("{fact}: {expected} expected, {seen} seen.", fact=fact, expected=expected, seen=seen)
            yield Check(claim, False)
        elif fact in PROMISES:
            yield Check(say(PROMISES[fact], seen=seen), True)
