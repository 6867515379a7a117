"""What `memory.copy_on_write` measures, and what it says: rows, checks and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

from experiments.kit import (
    Check,
    Count,
    Mebibytes,
    Nanoseconds,
    Record,
    Sentence,
    Share,
    Value,
    Verdict,
    percent,
    say,
    times,
)
from experiments.kit.sentences import mebibytes
from experiments.kit.stats import FEWEST, Estimate, estimate, median
from experiments.memory._copy_on_write.readers import Way
from experiments.memory._touch import MIB, PAGE_B

EXACT = 0.03  # the slope of what both hold over what was written may be off by this much
STILL = 0.03  # of what was written: as far as a size may move that is said not to move
COUNTED = 0.02  # faults per page: some pages are the interpreter's own
MUCH, LITTLE = 0.3, 0.1  # of the things that were read

Role = Literal["parent", "child", "together"]
Moment = Literal["before", "after"]
DEARER = 2  # times: a fault is a call of the kernel, and costs many times a write that finds its page


class Step(NamedTuple):
    """Sizes after the child has written so much of what it shares with its parent."""

    repeat: Count
    role: Role
    written_mib: Annotated[Mebibytes, "written by the child so far"]
    rss_mib: Annotated[Mebibytes, "resident: a shared page counts in full in each"]
    pss_mib: Annotated[Mebibytes, "proportional: a page that two have counts half in each"]
    private_dirty_mib: Annotated[Mebibytes, "written, and nobody else's"]
    shared_dirty_mib: Annotated[Mebibytes, "written before the fork, and still shared"]
    minor_faults: Annotated[Count | None, "of the child in this step"]
    ns_per_page: Annotated[Nanoseconds | None, "CPU time of the first write to a page"]
    again_ns: Annotated[Nanoseconds | None, "CPU time of the second write to a page"]


class Reading(NamedTuple):
    """A child that only read what its parent had made."""

    repeat: Count
    way: Way
    held_mib: Annotated[Mebibytes, "what the things take"]
    copied_mib: Annotated[Mebibytes, "what the child copied by reading them"]
    copied_share: Annotated[Share, "of these things copied, though nobody wrote"]
    minor_faults: Annotated[Count, "of the child while it read"]


class Address(NamedTuple):
    """The first byte of the shared memory, as parent and child see it."""

    repeat: Count
    role: Role
    moment: Moment
    address: Annotated[str, "of the first byte, as the program knows it"]
    value: Annotated[Count, "at this address"]
    frame: Annotated[Count | None, "page frame behind it; the kernel tells it to root only"]


def read_copies(record: Record) -> dict[str, float]:
    shares = copied(record, "strings")
    return {"value": median(shares)} if shares else {}


def copied(record: Record, way: Way) -> list[float]:
    return [row.copied_share for row in record[Reading] if row.way == way]


def steps_of(record: Record, repeat: int, role: Role) -> list[Step]:
    return [row for row in record[Step] if (row.repeat, row.role) == (repeat, role)]


def verdict(record: Record) -> Verdict:
    """Judged by sizes that the kernel adds up, and by faults; times are only told."""
    slope, drift = growth(record), rss_drift(record)
    if slope is None or drift is None:
        return Verdict("unclear", say("The run ended before the child had written enough."))
    written = max(row.written_mib for row in record[Step])
    told = {
        "slope": mebibytes(slope.value),
        "low": mebibytes(slope.low),
        "high": mebibytes(slope.high),
        "drift": mebibytes(drift),
        "written": whole(written),
    }
    grew = say(
        "For each MiB that the child wrote, both together took {slope} more ({low} to {high}).", **told
    )
    stood = say("The resident size of the child moved by {drift} meanwhile.", **told)
    known = (
        Check(grew, slope.low >= 1 - EXACT and slope.high <= 1 + EXACT),
        Check(stood, drift <= STILL * written),
    )
    checks = (*known, *fault_checks(record), *address_checks(record), *reading_checks(record))
    if all(check.ok for check in known):
        return Verdict("only what is written", say(COPIED, **told), checks, tuple(lacking(record)))
    return Verdict("unclear", say(ODD, **told), checks, tuple(lacking(record)))


def lacking(record: Record) -> Iterator[Sentence]:
    if copied(record, "lists") and not copied(record, "frozen lists"):
        python = f"{record.machine.implementation} {record.machine.python}"
        yield say("{python} has no `gc.freeze()`, so lists that are frozen are missing.", python=python)


COPIED = (
    "While the child wrote {written}, both together took {slope} more for each MiB: the kernel copied what"
    " was written, and nothing else. The resident size did not show it."
)
ODD = (
    "What both hold does not fit what the child wrote: {low} to {high} more for each MiB, and its resident"
    " size moved by {drift}. Nothing seen here tells why; run it again."
)


def whole(mib: float) -> Value:
    return Value(f"{mib:.4g}\u00a0MiB", mib, "MiB")


def growth(record: Record) -> Estimate | None:
    """What both together took for each MiB written: the slopes from step to step, of all children."""
    slopes = []
    for repeat in sorted({row.repeat for row in record[Step]}):
        for before, after in pairwise(steps_of(record, repeat, "together")):
            slopes.append((after.pss_mib - before.pss_mib) / (after.written_mib - before.written_mib))
    return estimate(slopes) if len(slopes) >= FEWEST else None


def rss_drift(record: Record) -> float | None:
    """The furthest that the child's resident size went from where it began; the middle of all children."""
    drifts = []
    for repeat in sorted({row.repeat for row in record[Step]}):
        rss = [row.rss_mib for row in steps_of(record, repeat, "child")]
        drifts += [max(abs(each - rss[0]) for each in rss)] if rss else []
    return median(drifts) if drifts else None


def fault_checks(record: Record) -> Iterator[Check]:
    steps = [row for row in record[Step] if row.role == "child" and row.written_mib]
    children = len({row.repeat for row in steps})
    pages = children * round(max(row.written_mib for row in steps) * MIB / PAGE_B)
    faults = sum(row.minor_faults or 0 for row in steps)
    claim = say("Writing {pages} shared pages took {faults} page faults.", pages=pages, faults=faults)
    yield Check(claim, abs(faults / pages - 1) <= COUNTED)
    slower = estimate([(row.ns_per_page or 0) / max(1, row.again_ns or 0) for row in steps])
    claim = say(
        "The first write to a shared page took {slower} as long as the second ({low} to {high}).",
        slower=times(slower.value),
        low=times(slower.low),
        high=times(slower.high),
    )
    yield Check(claim, slower.clearly_above(DEARER))


def address_checks(record: Record) -> Iterator[Check]:
    seen = {(row.moment, row.role): row for row in record[Address]}
    if len(seen) < 4:
        return
    same = len({row.address for row in seen.values()}) == 1
    values = {"parent": seen["after", "parent"].value, "child": seen["after", "child"].value}
    claim = say(
        "At {address} both read {before}. Then the child wrote: it reads {child}, the parent {parent}.",
        address=seen["before", "parent"].address,
        before=seen["before", "parent"].value,
        **values,
    )
    began_alike = seen["before", "parent"].value == seen["before", "child"].value
    yield Check(claim, same and began_alike and values["parent"] != values["child"])
    frames = {key: row.frame for key, row in seen.items()}
    if all(frames.values()):
        alike = frames["before", "parent"] == frames["before", "child"]
        apart = frames["after", "parent"] != frames["after", "child"]
        yield Check(say("Behind it was one page frame before, and two after."), alike and apart)


def reading_checks(record: Record) -> Iterator[Check]:
    """What an interpreter does with its counters is its own affair: it is told, and never a failure."""
    for expected, way, template in READ:
        if shares := copied(record, way):
            share = median(shares)
            counts = (
                record.machine.implementation == "CPython" or way != "strings"
            )  # PyPy counts no references
            fits = share >= MUCH if expected == "much" and counts else share <= LITTLE
            yield Check(say(template, share=percent(share)), True if fits else None)


READ: tuple[tuple[str, Way, str], ...] = (
    ("much", "strings", "A child that only looped over strings copied {share} of them."),
    ("little", "array", "A child that looped over an array of numbers copied {share} of it."),
    ("much", "lists", "A garbage collection copied {share} of the lists in the child."),
    ("little", "frozen lists", "After `gc.freeze()` it copied {share} of them."),
)
