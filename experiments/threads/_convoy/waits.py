"""What `threads.convoy` measures, and what it says: rows, checks and the verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, NamedTuple, get_args

from experiments.kit import (
    Check,
    Count,
    Record,
    Seconds,
    Sentence,
    Share,
    Verdict,
    asserted,
    duration,
    percent,
    say,
)
from experiments.kit.causes import why_no_core
from experiments.kit.stats import Estimate, estimate, median
from experiments.threads._convoy.echo import Beside

FEWEST = 6  # answers that a median is judged from
KEPT = 0.5  # intervals: who must ask for the GIL waits a whole one, who meets it free none
BUSY = 0.2  # cores that busy threads must have had together, to be called busy
CROWD = 0.8  # cores; with less of one, other programs may have bent what is hard to explain
SLOW_S = 0.001  # no answer takes that long when it finds a core


class Echo(NamedTuple):
    """A question, and how long its answer took; empty where none came."""

    beside: Beside
    answer_s: Annotated[Seconds | None, "from sending the question to reading the answer"]


class Part(NamedTuple):
    """Some questions in a row, and what the busy neighbour got meanwhile."""

    beside: Beside
    interval_s: Annotated[Seconds, "switch interval of the interpreter"]
    questions: Count
    busy_share: Annotated[Share, "of the time, that a busy thread or process was on a core"]
    call_s: Annotated[Seconds | None, "CPU time of one of its calls, or turns of a loop; empty for nobody"]


class Sweep(NamedTuple):
    """The same beside Python code, with other switch intervals."""

    interval_s: Annotated[Seconds, "switch interval of the interpreter"]
    answer_s: Annotated[Seconds | None, "from sending the question to reading the answer"]


def answers(record: Record) -> dict[str, list[float]]:
    """The seconds that answers took beside each neighbour; an answer that never came took for ever."""
    found: dict[str, list[float]] = {}
    for row in record[Echo]:
        found.setdefault(row.beside, []).append(math.inf if row.answer_s is None else row.answer_s)
    return found


ONE = "Beside a busy thread a typical answer took {python}, beside a busy process {process}."
MORE = "Beside {hogs} busy threads a typical answer took {python}, beside as many processes {process}."
SEVERAL = "several switch intervals"
WHY = {
    "about one switch interval": "It must get the GIL back, and may ask for it only after that time.",
    SEVERAL: "Whoever lets go of the GIL may lose it to another busy thread first.",
    "not at all": "This Python runs without a GIL: nobody waits for a neighbour while there is a core.",
}
CROWDED = "But beside processes it waited as well: a core was lacking."
IDLE = "But what should be busy had a core for {busy} of the time only."
ONE_CORE = "There is one core only."
SPREAD = "But the answers spread too far to say how many switch intervals that is: ask more of them."
RIDDLE = "That does not fit what is known of the GIL, so run it again."
OTHER_RULES = (
    "The GIL of {implementation} is not that of CPython: it is handed over by other rules, so no number of"
    " switch intervals follows from that."
)


def verdict(record: Record) -> Verdict:
    took = answers(record)
    if min(len(took.get(name, ())) for name in get_args(Beside)) < FEWEST:
        return Verdict("unclear", say("It takes {few} answers beside each neighbour to judge.", few=FEWEST))
    seen = {name: estimate(values) for name, values in took.items()}
    hogs = record.params["hogs"]
    busy_cores = hogs * busy_share(record)
    waited = in_intervals(took["python"], seen["process"].value, record.params["interval"] / 1000)
    answer = "not at all" if not record.machine.gil else in_words(waited, hogs)
    doubt = contradiction(seen, waited, busy_cores, record.machine.gil) or ("" if answer in WHY else SPREAD)
    if busy_cores < CROWD and (doubt in (RIDDLE, SPREAD) or answer == SEVERAL):
        doubt = IDLE
    if has_other_gil(record) and doubt not in (IDLE, CROWDED):
        doubt = OTHER_RULES
    lacked = max(0.0, 1 - busy_cores) if doubt == IDLE else None
    because = why_no_core(record, lacked, ours=ONE_CORE if record.machine.cores == 1 else "")
    if doubt in (IDLE, CROWDED):
        doubt = f"{doubt} {because.text}"
    headline = say(
        f"{ONE if hogs == 1 else MORE} {doubt or WHY[answer]}",
        hogs=hogs,
        python=duration(seen["python"].value, "threads"),
        process=duration(seen["process"].value, "processes"),
        busy=percent(busy_cores, "running"),
        implementation=record.machine.implementation,
        **because.values,
    )
    checks = checks_of(record, seen)
    return Verdict("unclear" if doubt else answer, headline, tuple(checks), tuple(unanswered(took)))


def has_other_gil(record: Record) -> bool:
    """What is known of the GIL's switch interval, and of who lets go of it, is known of CPython."""
    return record.machine.gil and record.machine.implementation != "CPython"


def busy_share(record: Record) -> float:
    """Of the time, that a thread with Python code was on a core while it kept answers waiting."""
    parts = [row for row in record[Part] if row.beside == "python"]
    return median(row.busy_share for row in parts) if parts else 0.0


def call_length(record: Record) -> float:
    """What a long call really took: it is made of so many turns as fitted when the run began."""
    took = [row.call_s for row in record[Part] if row.beside == "long call" and row.call_s]
    return median(took) if took else float(record.params["call"]) / 1000


def in_intervals(took_s: Sequence[float], free_s: float, interval_s: float) -> Estimate:
    """How many switch intervals an answer waited beyond what it takes anyway."""
    return estimate([(one - free_s) / interval_s for one in took_s])


def in_words(waited: Estimate, hogs: int) -> str:
    if hogs > 1 and waited.low > 1.5:
        return SEVERAL
    if 0.7 <= waited.value <= 1.6 and waited.low >= 0.5 and waited.high <= 3:
        return "about one switch interval"
    return "unclear"


def contradiction(seen: Mapping[str, Estimate], waited: Estimate, busy_cores: float, gil: bool) -> str:
    """Why nothing can be concluded, or "": what is known of the machine beats what was seen."""
    python, process = seen["python"], seen["process"]
    if busy_cores < BUSY:
        return IDLE
    if process.value > SLOW_S:
        return CROWDED
    if gil and waited.high < 0.5:
        return RIDDLE
    if gil and process.high > python.low / 2:
        return SPREAD
    if not gil and python.low > max(SLOW_S, 2 * process.high):
        return RIDDLE
    return ""


def checks_of(record: Record, seen: Mapping[str, Estimate]) -> Iterator[Check]:
    python, call_s = seen["python"], call_length(record)
    claim = say(
        "With nobody beside it an answer took {nobody}, and beside a process from {low} to {high}.",
        nobody=duration(seen["nobody"].value),
        low=duration(seen["process"].low, "processes"),
        high=duration(seen["process"].high, "processes"),
    )
    if record.machine.gil:
        yield Check(claim, seen["process"].high < python.low or None)
    else:  # there a thread is a neighbour like a process
        yield Check(claim, seen["process"].value <= SLOW_S or None)
    if not record.machine.gil or has_other_gil(record):
        return
    small, large, long = (seen[name] for name in ("small hash", "large hash", "long call"))
    interval_s = record.params["interval"] / 1000
    claim = say("Small hashes keep the GIL: {took}.", took=duration(small.value, "gil"))
    kept = small.low > max(seen["process"].high, KEPT * interval_s)
    yield asserted(claim, kept or None)
    claim = say("Large ones let go of it: {took}.", took=duration(large.value))
    yield asserted(claim, large.high < python.low or None)
    yield long_check(long, python, call_s, interval_s)
    yield from sweep_checks(record)


def long_check(long: Estimate, python: Estimate, call_s: float, interval_s: float) -> Check:
    """A question comes somewhere in a call: half of it is left on average. It is asked for after one
    interval, and where less than that was left, the next call has begun by then."""
    claim = say(
        "A long call of {call} keeps it to its end: {took}, where half a call and one interval make"
        " {expected}.",
        call=duration(call_s),
        took=duration(long.value, "gil"),
        expected=duration(call_s / 2 + interval_s),
    )
    waited_for_it = long.low > python.high and long.low >= interval_s + call_s / 4
    return asserted(claim, waited_for_it or None)


def sweep_checks(record: Record) -> Iterator[Check]:
    found: dict[float, list[float]] = {}
    for row in record[Sweep]:
        found.setdefault(row.interval_s, []).append(math.inf if row.answer_s is None else row.answer_s)
    if len(found) < 2:
        return
    (short_s, quick), *_, (long_s, slow) = sorted((at, estimate(took)) for at, took in found.items())
    claim = say(
        "With a switch interval of {short} it took {quick}, with {long} {slow}.",
        short=duration(short_s),
        quick=duration(quick.value, "gil"),
        long=duration(long_s),
        slow=duration(slow.value, "gil"),
    )
    yield asserted(claim, quick.high < slow.low or None)


def unanswered(took: Mapping[str, Sequence[float]]) -> Iterator[Sentence]:
    if missing := sum(math.isinf(one) for values in took.values() for one in values):
        yield say("{n} questions were never answered.", n=missing)
