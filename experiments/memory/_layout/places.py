"""What `memory.layout` measures, and what it says: rows, checks and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from experiments.kit import Bytes, Check, Count, Mebibytes, Record, Sentence, Value, Verdict, say
from experiments.kit.kernel.maps import Kind
from experiments.kit.sentences import significant
from experiments.kit.stats import FEWEST, Estimate, estimate, median
from experiments.memory._layout.growing import Action
from experiments.memory._touch import MIB, PAGE_B

USUAL_DEPTH = 300  # of the recursion
SMALL_STACK_MIB = 2.3  # with less, the usual depth does not fit
HARDLY = 0.05  # of the addresses: threads that wait fill less than this
CLOSE = 0.05  # of what was asked for; an allocator keeps books of its own

Of = Literal["addresses", "memory"]


class Part(NamedTuple):
    """A part of a child's address space, as the kernel lists it."""

    moment: Literal["at first", "afterwards"]
    part: Kind
    regions: Annotated[Count, "entries of this kind in the kernel's list"]
    lowest: Annotated[str, "address of the first of them"]
    addresses_b: Annotated[Bytes, "in all of them"]
    resident_b: Annotated[Bytes | None, "of these, in memory"]


class Growth(NamedTuple):
    """A part that a child's action has changed."""

    repeat: Count
    action: Action
    part: Kind
    regions: Annotated[Count, "entries that came"]
    grown_mib: Annotated[Mebibytes, "addresses that came"]
    resident_mib: Annotated[Mebibytes, "memory that came"]


class Sum(NamedTuple):
    """All parts of a child together: how much its action has added."""

    repeat: Count
    action: Action
    kind: Of
    grown_mib: Annotated[Mebibytes, "what came"]


class Limit(NamedTuple):
    """What the system allowed in this run; empty where it sets no limit."""

    stack_mib: Annotated[Mebibytes | None, "for one stack (`ulimit -s`)"]


def by_threads(record: Record) -> dict[str, float]:
    sums = grown(record, "threads", "addresses")
    return {"value": median(sums)} if sums else {}


def grown(record: Record, action: Action, kind: Of) -> list[float]:
    return [row.grown_mib for row in record[Sum] if (row.action, row.kind) == (action, kind)]


def part_grown(record: Record, action: Action, part: Kind) -> list[float]:
    return [row.grown_mib for row in record[Growth] if (row.action, row.part) == (action, part)]


def verdict(record: Record) -> Verdict:
    """Judged by what the threads filled of the addresses that they brought."""
    share = filled(record, "threads")
    if share is None:
        return Verdict("unclear", say("The run ended before enough children had been looked at."))
    checks = (filled_check(share), *stack_checks(record), *mapping_checks(record), *heap_checks(record))
    told: dict[str, Value | str | float] = {
        "addresses": size(median(grown(record, "threads", "addresses"))),
        "memory": size(median(grown(record, "threads", "memory"))),
        "share": fine(share.value),
        "threads": int(record.params["threads"]),
    }
    doubts = tuple(deep_doubts(record))
    if share.beyond(HARDLY) is False:
        return Verdict("addresses, hardly memory", say(EMPTY, **told), checks, doubts)
    return Verdict("unclear", say(ODD, **told), checks, doubts)


def deep_doubts(record: Record) -> Iterator[Sentence]:
    """Where a small stack did not allow what is usual."""
    depth, allowed = record.params.get("depth", USUAL_DEPTH), [row.stack_mib for row in record[Limit]]
    if allowed and allowed[0] is not None and depth < USUAL_DEPTH and allowed[0] < SMALL_STACK_MIB:
        yield say(
            "A stack may have {allowed} here (`ulimit -s`), so the recursion went {depth} calls deep only.",
            allowed=size(allowed[0]),
            depth=int(depth),
        )


EMPTY = (
    "Threads that only wait ({threads}) brought {addresses} of addresses and {memory} of memory: {share} of"
    " what came is filled."
)
ODD = (
    "Threads that only wait ({threads}) brought {addresses} of addresses and {memory} of memory: {share} of"
    " what came is filled, more than stacks that nobody uses should need."
)


def size(mib: float) -> Value:
    """In the unit that a reader would choose."""
    number, unit = (mib / 1024, "GiB") if mib >= 1024 else (mib, "MiB") if mib >= 1 else (mib * 1024, "KiB")
    return Value(f"{significant(number)}\u00a0{unit}", mib, "MiB")


def fine(share: float) -> Value:
    """A percentage with two digits, however small: what is hardly filled is not empty."""
    return Value(f"{share * 100:.2g}\u00a0%", share * 100, "%")


def filled(record: Record, action: Action) -> Estimate | None:
    """How much of the addresses that came is in memory, over all children."""
    pairs = zip(grown(record, action, "memory"), grown(record, action, "addresses"), strict=False)
    shares = [memory / addresses for memory, addresses in pairs if addresses > 0]
    return estimate(shares) if len(shares) >= FEWEST else None


def filled_check(share: Estimate) -> Check:
    claim = say(
        "Of the addresses that came with threads, {low} to {high} are filled.",
        low=fine(share.low),
        high=fine(share.high),
    )
    return Check(claim, share.beyond(HARDLY) is False)


def stack_checks(record: Record) -> Iterator[Check]:
    """Where C libraries keep stacks otherwise, none is found; nothing follows from that."""
    threads = int(record.params["threads"])
    stacks = part_grown(record, "threads", "thread stacks")
    allowed = [row.stack_mib for row in record[Limit]]
    if not stacks:
        yield Check(say("No stack of a thread could be told from other mappings here."), None)
        return
    each = median(stacks) / threads
    if not allowed:
        return  # a run of before limits were noted
    if allowed[0] is None:
        yield Check(say("The stack of a thread has {each}; there is no limit here.", each=size(each)), None)
        return
    claim = say(
        "The stack of a thread has {each}; `ulimit -s` says {allowed}.",
        each=size(each),
        allowed=size(allowed[0]),
    )
    yield Check(claim, each == allowed[0] or None)  # a program may choose its own
    guards = part_grown(record, "threads", "guards")
    if guards:
        below = say("Below it lies a forbidden part of {each}.", each=size(median(guards) / threads))
        yield Check(below, median(guards) / threads * MIB >= PAGE_B)


def mapping_checks(record: Record) -> Iterator[Check]:
    mib = float(record.params["mib"])
    addresses, memory = (grown(record, "mapping", kind) for kind in ("addresses", "memory"))
    if not addresses:
        return
    claim = say(
        "A mapping of {mib} brought {addresses} of addresses, and {memory} of memory after its first half was"
        " written.",
        mib=size(mib),
        addresses=size(median(addresses)),
        memory=size(median(memory)),
    )
    yield Check(claim, near(median(addresses), mib) and near(median(memory), mib / 2))


def heap_checks(record: Record) -> Iterator[Check]:
    """A C library is free to take small blocks from mappings; then the heap stands still."""
    mib = float(record.params["mib"])
    sums, heaps = (
        grown(record, "blocks", "addresses"),
        part_grown(record, "blocks", "heap"),
    )
    if not sums:
        return
    if not heaps:
        yield Check(say("Small blocks did not come from the heap here."), None)
        return
    claim = say(
        "Small blocks, {mib} in all, grew the heap by {heap}.", mib=size(mib), heap=size(median(heaps))
    )
    yield Check(claim, near(median(heaps), mib) or None)
    stacks = part_grown(record, "recursion", "stack")
    if stacks:
        deep = say("The deep recursion grew the stack by {stack}.", stack=size(median(stacks)))
        yield Check(deep, True)


def near(found: float, asked: float) -> bool:
    return abs(found - asked) <= CLOSE * asked + 1  # an interpreter's own arena may come in between
