"""What the reads say: who burnt CPU while it waited, where it slept, how late it had the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from experiments.io_models._five_models.rows import Note, Payload, Read, Waiting
from experiments.kit import Check, Record, Sentence, Value, Verdict, asserted, duration, percent, say
from experiments.kit.causes import crowded, why_no_core
from experiments.kit.stats import Estimate, estimate, median, ratio_interval, theil_sen

FEWEST = 8  # reads of a model that allow a sentence about it
BURNS, RESTS = 0.9, 0.1  # of a core, while it waits; what lies between is neither
MOST_POINTS = 250  # of a slope, which looks at every pair of them
CROWDED = 0.1  # of the time in the run queue: then latencies speak of something else, too
SOONER = 1.3  # times: a wake-up saved is more than that
FIRST = 1.1  # times: closer than that, nobody was first
GROWS = 1.5  # times: from the least payload to the largest a copy grows by orders of magnitude
LOST = 0.05  # of the reads: then the sender was too often faster than the call

SHARED = "Sender and receiver share the only core."

SLEEPERS = ("blocking", "multiplexed", "signal-driven", "asynchronous")
NEEDED = ("blocking", "non-blocking", "multiplexed")

Reads = Mapping[str, Sequence[Read]]  # by series; those that compute meanwhile apart


def verdict(record: Record) -> Verdict:
    reads = by_series(record[Read])
    if any(len(reads.get(model, ())) < FEWEST for model in NEEDED):
        return Verdict("unclear", say("Too few reads were measured to say anything."), (), doubts(record))
    shares = {
        model: cpu_share([*reads[model], *(row for row in record[Waiting] if row.model == model)])
        for model in ("non-blocking", *SLEEPERS)
        if len(reads.get(model, ())) >= FEWEST
    }
    told = crowding(record[Read]) is not None
    burns, rests, late = burning(shares["non-blocking"], told), resting(shares), latency(record, reads)
    checks = [burns, rests, calls(reads), asleep(reads), late, *copying(record[Payload])]
    answer = "it sleeps, unless it keeps asking" if burns.ok and rests.ok else "unclear"
    return Verdict(answer, headline(reads, shares, bool(late.ok)), tuple(checks), doubts(record))


def by_series(reads: Iterable[Read]) -> dict[str, list[Read]]:
    found: dict[str, list[Read]] = {}
    for read in reads:
        found.setdefault(read.series, []).append(read)
    return found


def cpu_share(rows: Sequence[Read | Waiting]) -> Estimate:
    """CPU seconds that one more second of waiting costs: a slope, so what every read costs drops out.

    Time in the run queue is taken off, where the system tells it: there is no CPU to burn in it.
    """
    few = rows[:: 1 + len(rows) // MOST_POINTS]
    available = [row.wait_s + row.after_send_s - (row.ready_s or 0) for row in few]
    return theil_sen(available, [row.cpu_s for row in few])


def headline(reads: Reads, shares: Mapping[str, Estimate], latencies: bool) -> Sentence:
    """Latencies are told in it only where the machine was quiet enough to tell them apart."""
    most = max((model for model in SLEEPERS if model in shares), key=lambda model: shares[model].value)
    burnt = percent(clipped(shares["non-blocking"].value), "non-blocking")
    rest = percent(clipped(shares[most].value), most)
    text = (
        "While it waited for data the non-blocking reader used {burnt} of a core, no other more than {most}"
    )
    if not latencies:
        return say(text + ".", burnt=burnt, most=rest)
    return say(
        text + "; the data was there {fast} after the send without blocking, {slow} with it.",
        burnt=burnt,
        most=rest,
        fast=duration(median(after_send(reads["non-blocking"])), "non-blocking"),
        slow=duration(median(after_send(reads["blocking"])), "blocking"),
    )


def burning(share: Estimate, told: bool) -> Check:
    """Where nobody can tell how long it had no core, less of one may be just that."""
    claim = "Asking again and again used {share} of a core for as long as there was no data."
    burns = share.beyond(BURNS)
    return Check(say(claim, share=share_between(share, "non-blocking")), burns if told else burns or None)


def resting(shares: Mapping[str, Estimate]) -> Check:
    sleepers = {model: share for model, share in shares.items() if model in SLEEPERS}
    over = [share.beyond(RESTS) for share in sleepers.values()]
    values = {model: share_between(share, model) for model, share in sleepers.items()}
    ok = False if True in over else None if None in over else True
    return asserted(listed("The others slept. Of a core they used: {list}.", values), ok)


def calls(reads: Reads) -> Check:
    counts = {model: median(read.syscalls for read in rows) for model, rows in plain(reads).items()}
    values = {model: Value(f"{count:g}", count, "", model) for model, count in counts.items()}
    ok = counts["blocking"] == 1 and 2 <= counts["multiplexed"] < counts["non-blocking"]
    return Check(listed("System calls for one read: {list}.", values), ok)


def asleep(reads: Reads) -> Check:
    """Where the waiting was done: voluntary context switches, and how long the second call took."""
    slept = {model: median(read.voluntary for read in rows) >= 1 for model, rows in plain(reads).items()}
    seconders = ("multiplexed", "signal-driven")
    fetches: dict[str, Value] = {
        model: duration(median(copies), model)
        for model in seconders
        if model in alike(reads)
        if (copies := [read.copy_s for read in reads[model] if read.copy_s is not None])
    }
    ok = all(slept[model] for model in slept if model != "non-blocking") and not slept["non-blocking"]
    claim = "Blocking slept inside its only call. Those who slept in a call of its own then fetched the data"
    return asserted(listed(claim + " in: {list}.", fetches), ok or None)


def latency(record: Record, reads: Reads) -> Check:
    """It takes a second core that could sleep, and one that nobody else wants.

    What stays awake saves a wake-up, which is most of what a blocking read takes after the send; so less
    than a third is something else, caches or the clock speed.
    """
    fast, slow = ({read.read: read.after_send_s for read in reads[m]} for m in ("non-blocking", "blocking"))
    both = sorted(fast.keys() & slow.keys())
    ratio = ratio_interval([fast[i] for i in both], [slow[i] for i in both])
    values = {model: time_between(estimate(after_send(rows)), model) for model, rows in alike(reads).items()}
    claim = "A core that never sleeps has the data sooner. After the send it took: {list}."
    told = listed(claim, values)
    if record.machine.cores < 2 or is_crowded(record, chain(*reads.values())):
        return asserted(told, None)
    if ratio.beyond(1):
        return Check(told, False)
    return asserted(told, True if ratio.high < 1 / SOONER else None)


def first(record: Record) -> dict[str, bool]:
    """Which model had the data soonest after it was sent; empty where the reads do not decide it."""
    reads = by_series(record[Read])
    models = {model: late_by_read(rows) for model, rows in alike(reads).items()}
    unsure = not set(NEEDED) <= set(models) or is_crowded(record, record[Read])
    if unsure or latency(record, reads).ok is None:
        return {}
    soonest = min(models, key=lambda model: median(models[model].values()))
    if any(sooner(models[soonest], late) is not True for model, late in models.items() if model != soonest):
        return {}
    return {model: model == soonest for model in models}


def late_by_read(rows: Sequence[Read]) -> dict[int, float]:
    """Of each round, the median over the arms of a model."""
    rounds: dict[int, list[float]] = {}
    for row in rows:
        rounds.setdefault(row.read, []).append(row.after_send_s)
    return {read: median(late) for read, late in rounds.items()}


def sooner(one: Mapping[int, float], other: Mapping[int, float]) -> bool | None:
    """Whether one had the data sooner than the other in the same rounds; None where they do not tell."""
    both = sorted(one.keys() & other.keys())
    if len(both) < FEWEST:
        return None
    return ratio_interval([other[read] for read in both], [one[read] for read in both]).clearly_above(FIRST)


def copying(payloads: Sequence[Payload]) -> list[Check]:
    """The least payload against the largest, in pairs of the same round; nothing if it was not swept."""
    copies = {
        (row.size_b, row.read): row.copy_s for row in payloads if row.model == "multiplexed" and row.copy_s
    }
    if not copies:
        return []
    small_b, large_b = min(copies)[0], max(copies)[0]
    both = [i for size, i in copies if size == small_b and (large_b, i) in copies]
    small, large = ([copies[size, i] for i in both] for size in (small_b, large_b))
    if len(both) < 3 or small_b == large_b:
        return []
    claim = say(
        "The copy grows with the payload: {small} for {small_b} B, {large} for {large_b} B.",
        small=time_between(estimate(small), "multiplexed"),
        large=time_between(estimate(large), "multiplexed"),
        small_b=small_b,
        large_b=large_b,
    )
    return [asserted(claim, ratio_interval(large, small).clearly_above(GROWS))]


def doubts(record: Record) -> tuple[Sentence, ...]:
    reads = record[Read]
    found = [say("{why}", why=note.why) for note in record[Note]]
    waited = crowding(reads)
    if waited is None and reads:
        found.append(say("This system does not tell how long the receiver waited for a core."))
    elif waited is not None and waited > CROWDED:
        because = why_no_core(record, waited, ours=SHARED if record.machine.cores < 2 else "")
        told = f"The receiver waited {{share}} of the time for a core of its own. {because.text}"
        found.append(say(told, share=percent(waited), **because.values))
    wanted = record.params.get("reads", 0) * len({read.arm for read in reads})
    if wanted and (lost := 1 - len(reads) / wanted) > LOST:
        found.append(say("{share} of the reads are left out: they were not waited for.", share=percent(lost)))
    return tuple(found)


def crowding(reads: Iterable[Read]) -> float | None:
    """The share of its time that the receiver was ready to run, while its core ran something else.

    None where the system does not tell.
    """
    times = [(read.ready_s, read.wait_s + read.after_send_s) for read in reads]
    ready = [ready for ready, _ in times if ready is not None]
    return sum(ready) / max(sum(all_ for _, all_ in times), 1e-9) if len(ready) == len(times) else None


def is_crowded(record: Record, reads: Iterable[Read]) -> bool:
    """Whether latencies may speak of something else; where nobody can tell, they may."""
    waited = crowding(reads)
    return waited is None or waited > CROWDED or crowded(record)


def plain(reads: Reads) -> dict[str, Sequence[Read]]:
    """Those who did nothing but wait, in the order of the textbooks."""
    order = ("blocking", "non-blocking", "multiplexed", "signal-driven", "asynchronous")
    return {model: reads[model] for model in order if len(reads.get(model, ())) >= FEWEST}


def alike(reads: Reads) -> dict[str, Sequence[Read]]:
    """Those that read as much as blocking does: less of it is there sooner."""
    found = plain(reads)
    return {model: rows for model, rows in found.items() if rows[0].size_b == found["blocking"][0].size_b}


def after_send(reads: Sequence[Read]) -> list[float]:
    return [read.after_send_s for read in reads]


def clipped(share: float) -> float:
    return min(1.0, max(0.0, share))


def share_between(share: Estimate, about: str) -> Value:
    low, high = (percent(clipped(edge)).text for edge in (share.low, share.high))
    value = percent(clipped(share.value), about)
    return replace(value, text=f"{value.text} ({low} – {high})")


def time_between(time: Estimate, about: str) -> Value:
    value = duration(time.value, about)
    return replace(value, text=f"{value.text} ({duration(time.low).text} – {duration(time.high).text})")


def listed(template: str, values: Mapping[str, Value]) -> Sentence:
    """`{list}` becomes "{blocking} blocking, {non_blocking} non-blocking", each number of its own colour."""
    names = {model: model.replace("-", "_") for model in values}
    text = ", ".join(f"{{{name}}} {model}" for model, name in names.items())
    return say(template.replace("{list}", text), **{names[model]: value for model, value in values.items()})
