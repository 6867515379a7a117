"""Why a core was lacking: only what was measured meanwhile is named as the cause, and nothing else.

The run queue tells that a task waited, and not for whom. Who had the core is told by the conditions of the
run: what other programs used of its cores, what the host took, and how often a CPU quota was used up. Where
none of them explains it, nobody may be blamed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from experiments.kit.sentences import Sentence, Value, percent, say

if TYPE_CHECKING:
    from experiments.kit.spec import Record

NOISY = 0.10  # of the run's cores: what others used beyond that is a doubt (docs/measuring.md)
HELD_BACK = 0.05  # of the periods of a quota: a run that is stopped more often than that lacks cores
HALF = 0.5  # of what was lacking: others that used less than that of one core are not the reason

QUOTA = "The CPU quota of the run's control group was used up in {throttled} of its periods."
ALLOWED = "The run's control group allows it {quota} cores."
FOREIGN = "Other programs used {foreign} of the run's cores meanwhile."
STEAL = "The host took {steal} of the run's cores away."
UNTOLD = "This system does not tell what other programs used meanwhile."
NOTHING = "Nothing seen here tells why."


class Because(NamedTuple):
    """Whole sentences with places, to be put behind the sentence that tells of the lack."""

    text: str
    values: dict[str, Value]


def why_no_core(record: Record, lacked: float | None = None, ours: str = "") -> Because:
    """What explains that `lacked` cores were missing; `ours` is what the run itself had on them, a sentence.

    `lacked` is in seconds per second; None where only that something was late is known.
    """
    found = list(seen_meanwhile(record, lacked))
    if ours:
        found.insert(0, say(ours))
    if not found:
        untold = "foreign_cpu" in record.conditions and record.conditions["foreign_cpu"] is None
        found = [say(UNTOLD)] if untold else []
        found.append(say(NOTHING))
    values = {name: value for sentence in found for name, value in sentence.values.items()}
    return Because(" ".join(sentence.template for sentence in found), values)


def seen_meanwhile(record: Record, lacked: float | None = None) -> Iterator[Sentence]:
    """What took cores from the run, as far as it was measured."""
    yield from quota(record)
    foreign, steal = (record.conditions.get(name) for name in ("foreign_cpu", "steal"))
    if explains(foreign, lacked, record.machine.cores):
        yield say(FOREIGN, foreign=percent(foreign or 0))
    if explains(steal, lacked, record.machine.cores):
        yield say(STEAL, steal=percent(steal or 0))


def explains(share: float | None, lacked: float | None, cores: int) -> bool:
    """Whether others used so much of the run's cores that it may be what was lacking."""
    if share is None or share <= NOISY:
        return False
    return lacked is None or share * cores >= HALF * min(lacked, cores)


def quota(record: Record) -> Iterator[Sentence]:
    """The kernel's own count of how often the quota ended; where that is not known, the quota."""
    allowed, throttled = record.machine.quota_cores, record.conditions.get("throttled")
    if throttled is not None and throttled > HELD_BACK:
        yield say(QUOTA, throttled=percent(throttled))
    elif throttled is None and allowed is not None and allowed < record.machine.cores:
        yield say(ALLOWED, quota=Value(f"{allowed:g}", allowed))


def crowded(record: Record) -> bool:
    """Whether so much was taken from the run's cores that small differences mean nothing."""
    return any(seen_meanwhile(record))


def doubts_of(record: Record) -> Iterator[Sentence]:
    """The same as doubts of a verdict; that a share is not known is said too, once."""
    yield from seen_meanwhile(record)
    if "foreign_cpu" in record.conditions and record.conditions["foreign_cpu"] is None:
        yield say(UNTOLD)
