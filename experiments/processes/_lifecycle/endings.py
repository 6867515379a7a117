"""What `processes.lifecycle` measures, and what it says: rows, checks and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from experiments.kit import (
    Check,
    Count,
    Mebibytes,
    Pid,
    Record,
    Seconds,
    Sentence,
    Value,
    Verdict,
    duration,
    say,
)
from experiments.kit.causes import why_no_core
from experiments.kit.sentences import mebibytes
from experiments.kit.stats import FEWEST, median
from experiments.kit.subjects.sampling import State
from experiments.processes._lifecycle.family import PROGRAM

PROMPT = 2  # looks after its parent's end in which an orphan has another

Process = Literal["adopter", "parent", "child", "orphan"]
Stage = Literal["forked", "runs a program", "stopped", "continued", "exited", "left behind", "adopted"]

Moment = Literal["after fork", "after exec", "after exit", "after wait", "before the end", "after the end"]


class Span(NamedTuple):
    """A stretch of the first life that one process spent in one state, drawn from looks."""

    process: Process
    pid: Pid
    state: State
    start_s: Seconds
    end_s: Seconds
    reason: Annotated[str, "for a wait: the system call, and the kernel function it sleeps in"]


class Kin(NamedTuple):
    """Who is whose parent at one moment of the first life, as the kernel tells it."""

    moment: Moment
    parent: Process
    child: Process
    relation: Literal["forked", "adopted"]
    state: State


class Life(NamedTuple):
    """A process at the end of one stage of its life."""

    repeat: Count
    stage: Stage
    process: Process
    at_s: Annotated[Seconds, "since the family began"]
    state: State
    program: Annotated[str, "the name that the kernel has for it"]
    parent: Process | None
    resident_mib: Annotated[Mebibytes, "its memory"]


class Ending(NamedTuple):
    """How one process ended: what was done is stamped, what it looked like was seen in looks."""

    repeat: Count
    process: Process
    told_s: Annotated[Seconds, "when it was told to end"]
    zombie_s: Annotated[Seconds | None, "the first look that found a zombie"]
    called_s: Annotated[Seconds, "when its parent called wait"]
    returned_s: Annotated[Seconds, "when that wait returned"]
    gone_s: Annotated[Seconds | None, "the first look that did not find it any more"]
    looks: Annotated[Count, "that found a zombie"]
    others: Annotated[Count, "that found something else between the first zombie and the wait"]
    outside: Annotated[Count, "that found a zombie before it was told to end, or after the wait"]
    resident_mib: Annotated[Mebibytes, "most memory that a zombie was seen with"]
    pidfd_looks: Annotated[Count | None, "from the first zombie to a readable pidfd"]


class Adoption(NamedTuple):
    """How the orphan got another parent."""

    repeat: Count
    by: Annotated[Literal["adopter", "another"], "whose child it is now"]
    looks: Annotated[Count, "from the first in which its parent was dead to the first with another parent"]
    after_s: Annotated[Seconds, "the same as a time"]


def becomes(record: Record) -> dict[str, bool]:
    """What became of the orphan: nothing is said where no life came so far."""
    lives = [row.state for row in record[Life] if row.stage == "adopted"]
    if not lives or not record[Adoption]:
        return {}
    alive = all(state not in ("zombie", "unknown") for state in lives)
    by = {row.by for row in record[Adoption]}
    return {
        "ends": not alive,
        "zombie": "zombie" in lives,
        "adopted": alive and by == {"adopter"},
        "alone": False,
    }


def verdict(record: Record) -> Verdict:
    """Everything here has to hold in every life: the kernel promises it."""
    endings, adoptions = record[Ending], record[Adoption]
    if len(adoptions) < FEWEST or not endings:
        return Verdict("unclear", say("The run ended before enough lives had been watched."))
    seen = [row for row in endings if row.looks and row.zombie_s is not None]
    if len(seen) < len(endings):
        because = why_no_core(record)
        told = f"{{n}} of {{all}} endings fell between two looks. {because.text}"
        return Verdict("unclear", say(told, n=len(endings) - len(seen), all=len(endings), **because.values))
    known = (until_wait(endings), empty(endings), adopted(adoptions))
    checks = (*known, *pidfd_checks(endings), *life_checks(record))
    values: dict[str, Value | str | float] = {
        "zombie": duration(median(zombie_times(endings)), "zombie"),
        "memory": mebibytes(max(row.resident_mib for row in endings)),
        "lives": len(adoptions),
    }
    if all(check.ok for check in known):
        return Verdict("zombie until wait, orphan adopted", say(TOLD, **values), checks)
    return Verdict("unclear", say(ODD, **values), checks)


TOLD = (
    "In each of {lives} lives the child stayed a zombie from its exit until its parent waited for it,"
    " {zombie} at the median, with {memory} of memory; who lost its parent was adopted."
)
ODD = (
    "In {lives} lives not everything went as the kernel promises: see which of these does not hold. Zombies"
    " were seen for {zombie} at the median, with {memory} of memory."
)


def zombie_times(endings: list[Ending]) -> list[float]:
    """How long each child was a zombie."""
    children = [row for row in endings if row.process == "child"]
    return [row.returned_s - row.zombie_s for row in children if row.zombie_s is not None]


def until_wait(endings: list[Ending]) -> Check:
    """No look found a zombie too early, too late, or anything else in between."""
    odd = sum(row.others + row.outside for row in endings)
    claim = say(
        "{looks} looks found a zombie; {odd} of all were at odds with what exit and wait allow.",
        looks=sum(row.looks for row in endings),
        odd=odd,
    )
    return Check(claim, odd == 0)


def empty(endings: list[Ending]) -> Check:
    most = max(row.resident_mib for row in endings)
    return Check(
        say("The most memory that a zombie was seen with is {most}.", most=mebibytes(most)), most == 0
    )


def adopted(adoptions: list[Adoption]) -> Check:
    slowest = max(adoptions, key=lambda row: row.looks)
    claim = say(
        "After its parent's end the orphan had another within {looks} looks ({within}), in {n} of {all} lives"
        " the adopter.",
        looks=slowest.looks,
        within=duration(slowest.after_s),
        n=sum(row.by == "adopter" for row in adoptions),
        all=len(adoptions),
    )
    return Check(claim, slowest.looks <= PROMPT and all(row.by == "adopter" for row in adoptions))


def pidfd_checks(endings: list[Ending]) -> Iterator[Check]:
    offs = [row.pidfd_looks for row in endings if row.pidfd_looks is not None]
    if not offs:
        yield Check(say("This system has no descriptors for processes (pidfd)."), None)
        return
    most = max(map(abs, offs))
    yield Check(
        say("The descriptor of a process became readable within {looks} looks of its end.", looks=most),
        most <= PROMPT,
    )


def life_checks(record: Record) -> Iterator[Check]:
    """Of the child: exec gives it another name and other memory, SIGSTOP halts it."""
    by = {
        stage: [row for row in record[Life] if row.stage == stage] for stage in ("forked", "runs a program")
    }
    forked, began = by["forked"], by["runs a program"]
    if forked and began:
        yield Check(exec_claim(forked, began), {row.program for row in began} == {PROGRAM[0]})
    halted = [row.state for row in record[Life] if row.stage == "stopped"]
    if halted:
        told = say("SIGSTOP stopped it in {n} of {all} lives.", n=halted.count("stopped"), all=len(halted))
        yield Check(told, all(state == "stopped" for state in halted))


def exec_claim(forked: list[Life], began: list[Life]) -> Sentence:
    return say(
        "With exec the same process was called `{later}` instead of `{former}`, and had {late} of memory"
        " instead of {early}.",
        former=forked[0].program,
        later=began[0].program,
        early=mebibytes(median([row.resident_mib for row in forked])),
        late=mebibytes(median([row.resident_mib for row in began])),
    )
