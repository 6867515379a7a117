"""Runs side by side: which may be compared, what differs between them, their figures in one. Pure.

A run of a comparison has a letter, A to D, and keeps it everywhere: in the figures a line is
"threads · A", its colour says threads and its dashes say A.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.runs import conditions, pads
from app.runs.run import Run
from app.text import values as named
from app.text.cores import describe_cores
from app.text.languages import ENGLISH, Words
from experiments.kit.charts import STATES
from experiments.kit.sentences import ValueJson, duration, percent
from experiments.kit.spec import Experiment

LETTERS = "ABCD"
MOST = len(LETTERS)
ALIKE = 0.05  # conditions are shares that are never equal; this near they did not make the difference

Spec = dict[str, Any]


class Incomparable(Exception):
    """Why these runs cannot lie side by side: a sentence, the status to answer with, and the run meant."""

    def __init__(self, sentence: str, status: int = 422, run: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.run = run


# -- which runs -------------------------------------------------------------------------------


def wanted(given: Iterable[str]) -> list[str]:
    """The ids in `runs=a,b` or `run=a&run=b`, in their order; Incomparable where they are no comparison."""
    ids = [id for text in given for part in text.split(",") if (id := part.strip())]
    for id in ids:
        if ids.count(id) > 1:
            raise Incomparable(f"run {id[:40]} is named twice: compare it with another one", run=id)
    if len(ids) > MOST:
        raise Incomparable(f"{len(ids)} runs are too many: two to four fit side by side")
    return ids


def check(runs: Sequence[Run]) -> None:
    """Incomparable where runs answer different questions, go on, or left nothing to look at."""
    names = list(dict.fromkeys(run.experiment for run in runs))
    if len(names) > 1:
        raise Incomparable(f"these runs answer different questions: {', '.join(names)}")
    for run in runs:
        if not run.state.ended:
            raise Incomparable(f"run {run.id} is {run.state}: compare it when it has ended", 409, run.id)
        if not has_rows(run):
            why = f" ({run.why})" if run.why else ""
            raise Incomparable(f"run {run.id} is {run.state} and left no rows to compare{why}", run=run.id)


def has_rows(run: Run) -> bool:
    return any(run.rows.values())


# -- what differs -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Fact:
    """Something about every run: its values in the order of the runs, as a reader sees them."""

    section: str
    name: str
    values: tuple[str, ...]
    same: bool


def facts(
    experiment: Experiment, runs: Sequence[Run], pythons: Sequence[str], words: Words = ENGLISH
) -> list[Fact]:
    """Parameters, interpreter, machine and conditions; `pythons` are the interpreters' names."""
    told = [parameter(field.name, field.unit, runs, words) for field in experiment.params]
    told.append(fact(words("interpreter"), words("interpreter"), pythons))
    told += [machine_fact(name, runs, words) for name in MACHINE]
    told += [
        condition(key, name, runs, words) for key, name in conditions.LABELS.items() if measured(key, runs)
    ]
    return [fact for fact in told if any(value != NOTHING for value in fact.values)]


NOTHING = "–"
MACHINE = (
    "host",
    "cpu",
    "cores",
    "system",
    "memory_b",
    "implementation",
    "python",
    "gil",
    "switch_interval_s",
)


def fact(section: str, name: str, values: Sequence[str]) -> Fact:
    return Fact(section, name, tuple(values), len(set(values)) == 1)


def parameter(name: str, unit: str, runs: Sequence[Run], words: Words) -> Fact:
    values = [shown(run.params.get(name), unit, words) for run in runs]
    return fact(words("parameters"), words(name.replace("_", " ")), values)


def machine_fact(name: str, runs: Sequence[Run], words: Words) -> Fact:
    unit = {"memory_b": "B", "switch_interval_s": "s"}.get(name, "")
    machines = [run.machine or {} for run in runs]
    values = [
        describe_cores(m, words) or NOTHING if name == "cores" else shown(m.get(name), unit, words)
        for m in machines
    ]
    return fact(words("machine"), words({"gil": "GIL", "cpu": "CPU"}.get(name, named.words(name))), values)


def measured(key: str, runs: Sequence[Run]) -> bool:
    """Whether it is told of one of them; quotas are, only where there is one."""
    return key != "throttled" or any(key in conditions.known_shares(run.conditions) for run in runs)


def condition(key: str, name: str, runs: Sequence[Run], words: Words) -> Fact:
    shares = [run.conditions.get(key) for run in runs]
    known = [share for share in shares if share is not None]
    values = tuple(NOTHING if share is None else percent(share).text for share in shares)
    same = len(known) in (0, len(shares)) and (not known or max(known) - min(known) < ALIKE)
    return Fact(words("conditions"), words(name), values, same)


def shown(value: Any, unit: str, words: Words) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return words("on") if value else words("off")
    if not named.is_number(value):
        return words(str(value))
    if unit == "s":
        return duration(value).text
    if unit == "B":
        return named.size_of(value)
    return f"{named.tick(value)} {words(unit)}".rstrip()


# -- what they say ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line of a table with a column for every run; each cell is JSON of a kit's Value, or None."""

    name: str
    about: str
    cells: tuple[Mapping[str, Any] | None, ...]


def numbers(runs: Sequence[Run], words: Words = ENGLISH) -> list[Line]:
    """The numbers that a headline tells, for every run that knows them; those it does not are None."""
    headlines = [headline(run) for run in runs]
    told = {name for template, _ in headlines for name in re.findall(r"\{(\w+)\}", template)}
    found: dict[tuple[str, str], list[Mapping[str, Any] | None]] = {}
    for place, (_, values) in enumerate(headlines):
        for name, value in values.items():
            about = value.get("about") or ""
            counts = not (value.get("unit") or about)  # a mere count is a name
            if name in told and value.get("number") is not None and not counts:
                found.setdefault((name, about), [None] * len(runs))[place] = value
    abouts = [about for _, about in found]
    return [
        Line(number_name(name, about, about in abouts[:n], words), about, tuple(cells))
        for n, ((name, about), cells) in enumerate(found.items())
    ]


def headline(run: Run) -> tuple[str, Mapping[str, ValueJson]]:
    """The template of a run's headline and its values."""
    told = run.headline
    return ("", {}) if isinstance(told, str) else (told["template"], told["values"])


def number_name(name: str, about: str, again: bool, words: Words) -> str:
    """What a number is about; the second one about the same has its own name, too."""
    plain = words(name.replace("_", " "))
    if not about:
        return plain
    label = words(STATES[about].label if about in STATES else about)
    return f"{label}{words(': ')}{plain}" if again else label


@dataclass(frozen=True)
class Guessed:
    """One line of the guesses: what was asked, and for every run its row of "you, measured, off by"."""

    name: str
    about: str
    cells: tuple[Mapping[str, Any] | None, ...]


def guesses(runs: Sequence[Run], about: str = "", words: Words = ENGLISH) -> list[Guessed]:
    """Every point that was guessed in one of the runs; `about` says what its x counts."""
    found: dict[tuple[str, Any], list[Mapping[str, Any] | None]] = {}
    names: dict[tuple[str, Any], str] = {}
    for place, run in enumerate(runs):
        for row in run.compared:
            key = (row.get("series") or "", row.get("x"))
            names[key] = pads.point_name(row, about, words)
            found.setdefault(key, [None] * len(runs))[place] = row
    return [Guessed(names[key], key[0], tuple(cells)) for key, cells in found.items()]
