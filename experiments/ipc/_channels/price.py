"""What `ipc.channels` measures, and what it says: rows, checks and the verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from experiments.ipc._channels.bulk import Stream
from experiments.ipc._channels.ways import Way
from experiments.kit import (
    Bytes,
    Check,
    Count,
    Record,
    Seconds,
    Sentence,
    Unit,
    Verdict,
    asserted,
    duration,
    say,
    times,
)
from experiments.kit.causes import crowded
from experiments.kit.stats import Estimate, median, ratio_interval

Placement = Literal["one core", "two cores"]
Use = Literal["messages", "bulk"]
MebibytesPerSecond = Annotated[float, Unit("MiB/s")]

PIPE_B = 1 << 16  # the buffer of a pipe, unless it was changed (pipe(7))
FEWEST = 3  # rounds that an interval needs
SPINS = 2  # times: a wake-up saved, or a slice wasted, is many times a message; less is something else
CLEAR = 1.15  # times: a clock speed that wanders between two moments makes less
SPINNING: Way = "shared, spinning"
RAW: tuple[Way, ...] = (  # that carry a message and sleep in the kernel, with nothing of Python around them
    "pipe",
    "FIFO",
    "POSIX queue",
    "System V queue",
    "Unix",
    "UDP",
    "TCP",
    "shared memory",
)


class Trip(NamedTuple):
    """Round trips in a row by one way in one round: there and back."""

    round: Count
    way: Way
    placement: Placement
    trips: Count
    trip_s: Annotated[Seconds, "there and back, median"]
    p95_s: Annotated[Seconds, "95 of 100 took no longer"]


class Apart(NamedTuple):
    """Data in one direction in one round, on two cores where there are two."""

    round: Count
    stream: Stream
    size_b: Annotated[Bytes, "one piece"]
    throughput_mib: Annotated[MebibytesPerSecond, "in a second, until the last piece had arrived"]


class Together(NamedTuple):
    """Data in one direction in one round, both processes on the same core."""

    round: Count
    stream: Stream
    size_b: Annotated[Bytes, "one piece"]
    throughput_mib: Annotated[MebibytesPerSecond, "in a second, until the last piece had arrived"]


class Absent(NamedTuple):
    """A way that could not be had here, for messages or in bulk, with the name of the system's error."""

    way: Literal[Way, Stream]
    why: str
    use: Use = "messages"


def trips(record: Record, way: Way, placement: Placement) -> list[float]:
    return [row.trip_s for row in record[Trip] if (row.way, row.placement) == (way, placement)]


def pipe_on_two_cores(record: Record) -> dict[str, float]:
    took = trips(record, "pipe", "two cores")
    return {"value": median(took)} if took else {}


class Effects(NamedTuple):
    """In each round: how many times dearer a typical way is apart, and than the cheapest way together."""

    place: list[float]
    way: list[float]


def effects(record: Record) -> Effects:
    together, apart = by_round(record, "one core"), by_round(record, "two cores")
    place, way = [], []
    for number in sorted(together.keys() & apart.keys()):
        one, two = together[number], apart[number]
        if one.keys() == two.keys() and len(one) >= FEWEST:
            place.append(median(two[name] / one[name] for name in one))
            way.append(median(one.values()) / min(one.values()))
    return Effects(place, way)


def by_round(record: Record, placement: Placement) -> dict[int, dict[Way, float]]:
    found: dict[int, dict[Way, float]] = {}
    for row in record[Trip]:
        if row.placement == placement and row.way in RAW:
            found.setdefault(row.round, {})[row.way] = row.trip_s
    return found


def verdict(record: Record) -> Verdict:
    together, apart = trips(record, "pipe", "one core"), trips(record, "pipe", "two cores")
    if together and record.machine.cores < 2:
        return on_one_core(record, together)
    place, way = effects(record)
    if len(place) < FEWEST:
        return Verdict("unclear", say("It takes {few} rounds to judge.", few=FEWEST))
    sentence = say(
        "There and back through a pipe took {one} on one core, {two} on two. A second core made a typical way"
        " {other_core} as dear; on one core a typical way is {other_way} as dear as the cheapest.",
        one=duration(median(together)),
        two=duration(median(apart)),
        other_core=times(median(place)),
        other_way=times(median(way)),
    )
    answer = answer_of(ratio_interval(place, way))
    return Verdict(answer, sentence, tuple(checks_of(record)), tuple(absent(record)))


def on_one_core(record: Record, pipe: list[float]) -> Verdict:
    """The half of it that needs no second core: what is it worth to choose the way?"""
    ways = list(by_round(record, "one core").values())
    dear = [median(took.values()) / min(took.values()) for took in ways if len(took) >= FEWEST]
    spun, slept = (
        median(trips(record, way, "one core") or [math.nan]) for way in (SPINNING, "shared memory")
    )
    if min(len(dear), len(pipe)) < FEWEST or math.isnan(spun) or math.isnan(slept):
        return Verdict("unclear", say("It takes {few} rounds to judge.", few=FEWEST))
    sentence = say(
        "On the only core a pipe took {one} there and back; a typical way is {other_way} as dear as the"
        " cheapest, and spinning took {spun}. What a second core would change cannot be seen here.",
        one=duration(median(pipe)),
        other_way=times(median(dear)),
        spun=duration(spun),
    )
    spins = ratio_interval(trips(record, SPINNING, "one core"), trips(record, "shared memory", "one core"))
    answer = "on one core sleep, never spin" if spins.low > SPINS else "unclear"
    return Verdict(answer, sentence, tuple(checks_of(record)), tuple(absent(record)))


def answer_of(ratio: Estimate) -> str:
    if ratio.low > CLEAR:
        return "where they run counts for more than how they talk"
    if ratio.high < 1 / CLEAR:
        return "how they talk counts for more than where they run"
    return "unclear"


def checks_of(record: Record) -> Iterator[Check]:
    yield from spinning_apart(record)
    yield from spinning_together(record)
    yield from queue_check(record)
    yield from pipe_check(record)


def compared(a: list[float], b: list[float]) -> Estimate | None:
    n = min(len(a), len(b))
    return ratio_interval(a[:n], b[:n]) if n >= FEWEST else None


def spinning_apart(record: Record) -> Iterator[Check]:
    spun, slept = trips(record, SPINNING, "two cores"), trips(record, "shared memory", "two cores")
    if ratio := compared(slept, spun):
        claim = say(
            "On two cores shared memory took {spun} where both spin, {slept} where they sleep.",
            spun=duration(median(spun)),
            slept=duration(median(slept)),
        )
        yield Check(claim, None if crowded(record) else ratio.clearly_above(SPINS))


def spinning_together(record: Record) -> Iterator[Check]:
    spun, slept = trips(record, SPINNING, "one core"), trips(record, "shared memory", "one core")
    if ratio := compared(spun, slept):
        claim = say(
            "On one core spinning took {spun}, sleeping {slept}: who spins keeps the other one waiting.",
            spun=duration(median(spun)),
            slept=duration(median(slept)),
        )
        yield asserted(claim, ratio.clearly_above(SPINS))


def queue_check(record: Record) -> Iterator[Check]:
    if ratio := compared(trips(record, "mp Queue", "one core"), trips(record, "pipe", "one core")):
        claim = say(
            "A Queue of multiprocessing took {ratio} as long as the pipe that it is made of.",
            ratio=times(ratio.value),
        )
        yield Check(claim, ratio.clearly_above(CLEAR))


def pipe_check(record: Record) -> Iterator[Check]:
    """On two cores, each fill of the buffer puts the sender to sleep, who must be woken on the other core."""
    most = max((row.size_b for row in record[Apart]), default=0)
    usual, large = (
        [row.throughput_mib for row in record[Apart] if (row.stream, row.size_b) == (stream, most)]
        for stream in ("pipe", "pipe, 1 MiB")
    )
    if most > PIPE_B and (ratio := compared(large, usual)):
        claim = say(
            "In pieces of {size} KiB a pipe with a buffer of 1 MiB carried {ratio} as much to the other core"
            " as one of 64 KiB.",
            size=most >> 10,
            ratio=times(ratio.value),
        )
        yield Check(claim, None if crowded(record) else ratio.clearly_above(CLEAR))


def absent(record: Record) -> Iterator[Sentence]:
    for row in record[Absent]:
        claim = "{name} could not be had here ({why})."
        if row.use == "bulk":
            claim = "{name} could not be had here in bulk ({why})."
        yield say(claim, name=row.way, why=row.why)
