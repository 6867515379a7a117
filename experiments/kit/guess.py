"""What people predict before they see it, and how far off they were.

A guess is a set of points, each with a key and a number: `{"threads@4": 2.6}` for a line,
`{"running": 0.25}` for bars, `{"value": 5.0}` for a number; a choice is `{"choice": "blocking"}`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from experiments.kit.sentences import Value, duration, percent, significant, times

if TYPE_CHECKING:
    from experiments.kit.spec import Record

Params = Mapping[str, Any]
Given = Mapping[str, "float | str"]
NEAR = {"×": 1.15, "share": 0.05, "s": 1.5}  # off by no more than this counts as right
NUMBER, CHOICE = "value", "choice"  # the keys of guesses that have one point only


class GuessError(ValueError):
    """A guess that does not answer the question; the message is a sentence for people."""


class Point(NamedTuple):
    """One thing to predict. `series` is a line or a bar of the figure, `x` its place on a line."""

    key: str
    series: str = ""
    x: float | None = None


@dataclass(frozen=True, kw_only=True)
class Guess:
    """`ask` is the question, `figure` the id of the chart that answers it and shows the guess dashed."""

    ask: str
    figure: str = ""
    kind: ClassVar[str]

    def points(self, params: Params) -> tuple[Point, ...]:
        """What is to be predicted in a run with these parameters."""
        raise NotImplementedError

    def parse(self, given: object, params: Params) -> dict[str, float | str]:
        """The checked guess; GuessError names the point, the value and the rule."""
        raise NotImplementedError

    def rows(self, given: Given, record: Record) -> list[dict[str, Any]]:
        """For the verdict: what was said, measured, and how far apart they are (see `Row`)."""
        raise NotImplementedError

    def as_json(self, params: Params) -> dict[str, Any]:
        """What a page needs for its pad."""
        points = [point._asdict() for point in self.points(params)]
        return {"kind": self.kind, "ask": self.ask, "figure": self.figure, "points": points}


class Row(NamedTuple):
    """One line of the table "you, measured, off by". `near` is None where nothing was measured."""

    series: str
    x: float | None
    you: Value
    measured: Value
    off: Value
    near: bool | None

    def as_json(self) -> dict[str, Any]:
        values = {name: vars(getattr(self, name)) for name in ("you", "measured", "off")}
        return {"series": self.series, "x": self.x, "near": self.near, **values}


@dataclass(frozen=True, kw_only=True)
class Numbers(Guess):
    """Guesses of numbers, all with one unit and between `low` and `high`.

    `measured` tells from a record what each key really was; a key that it leaves out is "not measured".
    `x_about` is what x counts ("workers"), for the words of the table.
    """

    unit: str
    low: float
    high: float
    measured: Callable[[Record], Mapping[str, float]]
    log: bool = False
    x_about: str = ""

    def parse(self, given: object, params: Params) -> dict[str, float | str]:
        keys = [point.key for point in self.points(params)]
        if not isinstance(given, Mapping):
            raise GuessError(f"guess: it is not an object of {', '.join(keys)}")
        for key in given:
            if key not in keys:
                raise GuessError(f"guess: there is no point {str(key)[:40]!r}; it has {', '.join(keys)}")
        for key in keys:
            if key not in given:
                raise GuessError(f"guess: {key} is missing")
        return {key: self.parse_number(key, given[key]) for key in keys}

    def parse_number(self, key: str, given: object) -> float:
        try:
            value = math.nan if isinstance(given, bool) else float(given)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if not math.isfinite(value):
            raise GuessError(f"guess: {key}: {str(given)[:40]!r} is not a number")
        if not self.low <= value <= self.high:
            raise GuessError(f"guess: {key}: {value:.10g} is outside {self.low:.10g} to {self.high:.10g}")
        return value

    def rows(self, given: Given, record: Record) -> list[dict[str, Any]]:
        measured = self.measured(record)
        return [
            row_of(point, float(given[point.key]), measured.get(point.key, math.nan), self.unit).as_json()
            for point in self.points(record.params)
            if point.key in given
        ]

    def as_json(self, params: Params) -> dict[str, Any]:
        bounds = {"unit": self.unit, "low": self.low, "high": self.high, "log": self.log}
        return super().as_json(params) | bounds | {"x_about": self.x_about}


@dataclass(frozen=True, kw_only=True)
class LineGuess(Numbers):
    """One or more lines over the x axis of a figure, a handle at each of `places`.

    `starts` says where every line begins (x, y): a point that is known and not to be guessed.
    """

    series: tuple[str, ...]
    places: Callable[[Params], Sequence[float]]
    starts: tuple[float, float] | None = None
    kind: ClassVar[str] = "line"

    def points(self, params: Params) -> tuple[Point, ...]:
        places = self.places(params)
        return tuple(Point(f"{name}@{x:g}", name, x) for name in self.series for x in places)

    def as_json(self, params: Params) -> dict[str, Any]:
        return super().as_json(params) | {"starts": self.starts}


@dataclass(frozen=True, kw_only=True)
class BarsGuess(Numbers):
    """The heights of named bars; with `whole`, they are parts of one and add up to it."""

    bars: tuple[str, ...]
    whole: float | None = None
    kind: ClassVar[str] = "bars"

    def points(self, params: Params) -> tuple[Point, ...]:
        return tuple(Point(bar, bar) for bar in self.bars)

    def parse(self, given: object, params: Params) -> dict[str, float | str]:
        parsed = super().parse(given, params)
        total = math.fsum(float(value) for value in parsed.values())
        if self.whole is not None and not math.isclose(total, self.whole, abs_tol=0.011 * self.whole):
            raise GuessError(f"guess: the parts add up to {total:.10g}, not to {self.whole:.10g}")
        return parsed

    def as_json(self, params: Params) -> dict[str, Any]:
        return super().as_json(params) | {"whole": self.whole}


@dataclass(frozen=True, kw_only=True)
class NumberGuess(Numbers):
    """One number; `about` names the series of the table and the line in the figure."""

    about: str = ""
    kind: ClassVar[str] = "number"

    def points(self, params: Params) -> tuple[Point, ...]:
        return (Point(NUMBER, self.about),)

    def parse(self, given: object, params: Params) -> dict[str, float | str]:
        return super().parse(given if isinstance(given, Mapping) else {NUMBER: given}, params)


@dataclass(frozen=True, kw_only=True)
class ChoiceGuess(Guess):
    """One of several answers: id → words. `measured` gives the id that was right, "" where unclear."""

    choices: Mapping[str, str]
    measured: Callable[[Record], str]
    kind: ClassVar[str] = "choice"

    def points(self, params: Params) -> tuple[Point, ...]:
        return (Point(CHOICE),)

    def parse(self, given: object, params: Params) -> dict[str, float | str]:
        chosen = given.get(CHOICE) if isinstance(given, Mapping) else given
        if chosen not in self.choices:
            raise GuessError(f"guess: {str(chosen)[:40]!r} is not one of {', '.join(self.choices)}")
        return {CHOICE: str(chosen)}

    def rows(self, given: Given, record: Record) -> list[dict[str, Any]]:
        right, said = self.measured(record), str(given[CHOICE])
        near = None if not right else said == right
        words = {None: "–", True: "right", False: "wrong"}[near]
        measured = Value(self.choices[right], about=right) if right else Value("unclear")
        you = Value(self.choices[said], about=said)
        return [Row("", None, you, measured, Value(words), near).as_json()]

    def as_json(self, params: Params) -> dict[str, Any]:
        return super().as_json(params) | {"choices": dict(self.choices)}


def row_of(point: Point, you: float, measured: float, unit: str) -> Row:
    """One line of the table; a value that is not finite was not measured."""
    said = shown(you, unit, point.series)
    if not math.isfinite(measured):
        return Row(point.series, point.x, said, Value("not measured"), Value("–"), None)
    off, near = off_by(you, measured, unit)
    return Row(point.series, point.x, said, shown(measured, unit, point.series), off, near)


def off_by(you: float, measured: float, unit: str) -> tuple[Value, bool]:
    """Shares differ by percentage points, everything else by a factor; and whether that is near."""
    if unit == "share":
        points = abs(you - measured) * 100
        return Value(f"{points:.0f} points", points), points <= NEAR["share"] * 100
    small, large = sorted((abs(you), abs(measured)))
    if small == 0:
        return (Value("0", 0.0), True) if large == 0 else (Value("∞", math.inf), False)
    factor = large / small
    return Value(f"{factor:.1f}×", factor, "×"), factor <= NEAR.get(unit, NEAR["×"])


def shown(value: float, unit: str, about: str = "") -> Value:
    if unit == "×":
        return times(value, about)
    if unit == "share":
        return percent(value, about)
    if unit == "s":
        return duration(value, about)
    return Value(f"{significant(value)}\u00a0{unit}".rstrip(), value, unit, about)
