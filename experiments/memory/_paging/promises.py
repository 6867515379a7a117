"""What `memory.paging` measures, and what it says: rows, checks and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from experiments.kit import (
    Check,
    Count,
    Mebibytes,
    Nanoseconds,
    Ratio,
    Record,
    Seconds,
    Value,
    Verdict,
    say,
    times,
)
from experiments.kit.sentences import mebibytes
from experiments.kit.stats import FEWEST, estimate, median

EXACT = 0.03  # the slope of memory over what was written may be off by this much
COUNTED = 0.02  # faults per page likewise: some pages are the interpreter's own
FEWER = 10  # huge pages save at least this factor, or the kernel did not really give any

Arm = Literal["written", "only read", "huge pages"]
DEARER = 2  # times: a fault is a call of the kernel, and costs many times a write that finds its page


class Step(NamedTuple):
    """What the kernel counted after so much of the mapping had been touched."""

    arm: Arm
    repeat: Count
    touched_mib: Annotated[Mebibytes, "touched so far"]
    virtual_mib: Annotated[Mebibytes, "growth of the address space"]
    resident_mib: Annotated[Mebibytes, "growth of the memory that is really there"]
    minor_faults: Annotated[Count, "in this step"]
    first_ns: Annotated[Nanoseconds | None, "CPU time of the first touch of a page"]
    second_ns: Annotated[Nanoseconds | None, "CPU time of the second touch of a page"]
    system_s: Annotated[Seconds, "of this step, spent in the kernel"]


class Total(NamedTuple):
    """One pass over the whole mapping, and one more over pages that are there."""

    arm: Arm
    repeat: Count
    pages: Count
    minor_faults: Count
    faults_per_page: Ratio
    slope: Annotated[Ratio, "memory that came, for each part that was touched"]
    slower: Annotated[Ratio, "how many times as long the first touch took as the second"]


def of(record: Record, arm: Arm) -> list[Total]:
    return [total for total in record[Total] if total.arm == arm]


def how_much_slower(record: Record) -> dict[str, float]:
    passes = of(record, "written")
    return {"value": median(total.slower for total in passes)} if passes else {}


def verdict(record: Record) -> Verdict:
    """Judged by what the kernel counted; times are told, and only their ratio is held to anything."""
    arm: Arm = "written" if record.params["huge"] != "on" else "huge pages"
    passes, untouched = of(record, arm), [s for s in record[Step] if s.arm == arm and not s.touched_mib]
    if len(passes) < FEWEST:
        return Verdict("unclear", say("It takes {few} passes to see how far they spread.", few=FEWEST))
    slope = estimate([total.slope for total in passes])
    promised, there = median(s.virtual_mib for s in untouched), median(s.resident_mib for s in untouched)
    told = {"promised": whole(promised), "there": whole(there), "slope": mebibytes(slope.value)}
    before = say("Before the first touch {promised} were promised and {there} were there.", **told)
    growth = say(
        "Each MiB that was touched added {slope} of memory ({low} to {high}).",
        low=mebibytes(slope.low),
        high=mebibytes(slope.high),
        **told,
    )
    known = (
        Check(before, promised >= record.params["mib"] and there <= EXACT * promised),
        Check(growth, slope.low >= 1 - EXACT and slope.high <= 1 + EXACT),
    )
    checks = (*known, *fault_checks(record), *time_checks(record))
    if all(check.ok for check in known):
        return Verdict("at the first touch", say(REAL, **told), checks)
    return Verdict("unclear", say(ODD, **told), checks)


REAL = (
    "{promised} were promised at once, and nothing of it was real: memory came when it was touched,"
    " {slope} for each MiB."
)
ODD = (
    "The memory that came does not fit what was touched: {there} before the first touch, {slope} for each"
    " MiB. Nothing seen here tells why; run it again."
)


def whole(mib: float) -> Value:
    return Value(f"{mib:.4g}\u00a0MiB", mib, "MiB")


def fault_checks(record: Record) -> Iterator[Check]:
    """Whoever counts exactly is held to it; what a kernel may refuse is not."""
    if written := of(record, "written"):
        claim = say("Writing took {faults} page faults for {pages} pages.", **faults_of(written))
        yield Check(claim, abs(per_page(written) - 1) <= COUNTED)
    if read := of(record, "only read"):
        slope = median(total.slope for total in read)
        claim = say(
            "Reading took {faults} page faults for {pages} pages, and added {slope} for each MiB: all pages"
            " that were only read are one page of zeros.",
            slope=mebibytes(slope),
            **faults_of(read),
        )
        yield Check(claim, True if slope <= EXACT and abs(per_page(read) - 1) <= COUNTED else None)
    if huge := of(record, "huge pages"):
        fewer = round(1 / max(per_page(huge), 1e-9))
        if fewer >= FEWER:
            told = "Huge pages took {faults} faults, {fewer} times fewer than there are pages."
            yield Check(say(told, fewer=fewer, **faults_of(huge)), True)
        else:
            yield Check(say("This kernel gave few huge pages or none, though it was asked for them."), None)
    elif record.params["huge"] != "off":
        yield Check(say("This machine has no huge pages that fit, so they were left out."), None)


def per_page(passes: list[Total]) -> float:
    return median(total.faults_per_page for total in passes)


def faults_of(passes: list[Total]) -> dict[str, int]:
    return {"faults": round(median(t.minor_faults for t in passes)), "pages": passes[0].pages}


def time_checks(record: Record) -> Iterator[Check]:
    for arm in ("written", "huge pages"):
        if passes := of(record, arm):
            slower = estimate([total.slower for total in passes])
            claim = say(
                "The first touch ({arm}) took {slower} as long as the second ({low} to {high}).",
                arm=arm,
                slower=times(slower.value),
                low=times(slower.low),
                high=times(slower.high),
            )
            yield Check(claim, slower.clearly_above(DEARER))
