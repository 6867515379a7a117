"""What people predict before they see it, and how far off they were.

A guess is a set of points, each with a key and a number: `{"threads@4": 2.6}` for a line,
`{"running": 0.25}` for bars, `{"value": 5.0}` for a number; a choice is `{"choice": "blocking"}`.

Every measuring process imports this module, and each method that `dataclass` writes costs its start
a tenth of a millisecond: so these classes have an `__init__` made for them and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from experiments.kit.charts import STATES
from experiments.kit.numbers import read_number
from experiments.kit.sentences import Value, duration, percent, significant, times

if TYPE_CHECKING:
    from experiments.kit.spec import Record

Params = Mapping[str, Any]
Given = Mapping[str, "float | str"]
NEAR = {"×": 1.15, "share": 0.05, "s": 1.5}  # off by no more than this counts as right
NUMBER, CHOICE = "value", "choice"  # the keys of guesses that have one point only
SHOWN = 40  # characters of a wrong value that a sentence repeats
NOTHING = "–"


class GuessError(ValueError):
    """A guess that does not answer the question; the message is a sentence for people."""


class Point(NamedTuple):
    """One thing to predict. `series` is a line or a part of the figure, `x` its place on a line."""

    key: str
    series: str = ""
    x: float | None = None
    label: str = ""  # what people call the series


class Row(NamedTuple):
    """One line of the table "you, measured, off by". `near` is None where nothing can be compared."""

    point: Point
    you: Value
    measured: Value
    off: Value
    near: bool | None

    def as_json(self) -> dict[str, Any]:
        values = {name: vars(getattr(self, name)) for name in ("you", "measured", "off")}
        return {**self.point._asdict(), "near": self.near, **values}


@dataclass(eq=False, repr=False, kw_only=True)
class Guess:
    """`ask` is the question, `figure` the id of the chart that answers it and shows the guess.

    Where that chart groups its bars, `by` is the series whose bars answer: the points name places on x.
    """

    ask: str
    figure: str = ""
    by: str = ""
    kind: ClassVar[str]

    def points(self, params: Params) -> tuple[Point, ...]:
        """What is to be predicted in a run with these parameters."""
        raise NotImplementedError

    def point(self, key: str) -> Point:
        """The point that a key names, whatever the parameters."""
        raise NotImplementedError

    def drawn(self, given: Given) -> list[tuple[Point, float | str]]:
        """What was said as a figure shows it, in order."""
        return [(self.point(key), said) for key, said in given.items()]

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


@dataclass(eq=False, repr=False, kw_only=True)
class Numbers(Guess):
    """Guesses of numbers, all with one unit and between `low` and `high`.

    `measured` tells from a record what each key really was; a key that it leaves out is "not measured".
    `x_about` is what x counts ("workers"), for the words of the table.
    """

    unit: str
    low: float
    high: float | Callable[[Params], float]
    measured: Callable[[Record], Mapping[str, float]]
    log: bool = False
    x_about: str = ""

    def top(self, params: Params) -> float:
        return self.high(params) if callable(self.high) else self.high

    def parse(self, given: object, params: Params) -> dict[str, float | str]:
        keys = [point.key for point in self.points(params)]
        if not keys:
            raise GuessError("guess: with these parameters there is nothing to guess")
        if not isinstance(given, Mapping):
            raise GuessError(f"guess: {shortened(given)} names no points; it has {', '.join(keys)}")
        for key in given:
            if key not in keys:
                raise GuessError(f"guess: there is no point {shortened(key)}; it has {', '.join(keys)}")
        for key in keys:
            if key not in given:
                raise GuessError(f"guess: {key} is missing")
        top = self.top(params)
        return {key: self.parse_number(key, given[key], top) for key in keys}

    def parse_number(self, key: str, given: object, top: float) -> float:
        value = number_in(given, self.unit)
        if not math.isfinite(value):
            raise GuessError(f"guess: {key}: {shortened(given)} is not a number")
        if not self.low <= value <= top:
            raise GuessError(f"guess: {key}: {value:.10g} is outside {self.low:.10g} to {top:.10g}")
        return value

    def rows(self, given: Given, record: Record) -> list[dict[str, Any]]:
        measured = self.measured(record)
        return [
            row_of(self.point(key), float(said), measured.get(key, math.nan), self.unit).as_json()
            for key, said in given.items()
        ]

    def as_json(self, params: Params) -> dict[str, Any]:
        bounds = {"unit": self.unit, "low": self.low, "high": self.top(params), "log": self.log}
        return super().as_json(params) | bounds | {"x_about": self.x_about}


@dataclass(eq=False, repr=False, kw_only=True)
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
        return tuple(self.point(f"{name}@{x:g}") for name in self.series for x in places)

    def point(self, key: str) -> Point:
        name, _, x = key.rpartition("@")
        return Point(key, name, float(x), name)

    def drawn(self, given: Given) -> list[tuple[Point, float | str]]:
        first_x, first_y = self.starts or (None, 0.0)
        begins = [(Point("", name, first_x, name), first_y) for name in self.series]
        return [*(begins if self.starts else ()), *super().drawn(given)]

    def as_json(self, params: Params) -> dict[str, Any]:
        return super().as_json(params) | {"starts": self.starts}


@dataclass(eq=False, repr=False, kw_only=True)
class BarsGuess(Numbers):
    """The heights of named bars; with `whole`, they are parts of one and add up to it.

    A bar is named as in the figure: by a series, by a place on its x axis, or by a state.
    """

    bars: tuple[str, ...]
    whole: float | None = None
    kind: ClassVar[str] = "bars"

    def points(self, params: Params) -> tuple[Point, ...]:
        return tuple(map(self.point, self.bars))

    def point(self, key: str) -> Point:
        return Point(key, key, None, STATES[key].label if key in STATES else key)

    def parse(self, given: object, params: Params) -> dict[str, float | str]:
        parsed = super().parse(given, params)
        total = math.fsum(float(value) for value in parsed.values())
        if self.whole is not None and not math.isclose(total, self.whole, abs_tol=0.011 * self.whole):
            raise GuessError(f"guess: the parts add up to {total:.4g}, not to {self.whole:.10g}")
        return parsed

    def as_json(self, params: Params) -> dict[str, Any]:
        return super().as_json(params) | {"whole": self.whole}


@dataclass(eq=False, repr=False, kw_only=True)
class NumberGuess(Numbers):
    """One number; `about` names the series, the bar or the lane of the figure that it is about."""

    about: str = ""
    kind: ClassVar[str] = "number"

    def points(self, params: Params) -> tuple[Point, ...]:
        return (self.point(NUMBER),)

    def point(self, key: str) -> Point:
        return Point(key, self.about, None, self.about)

    def parse(self, given: object, params: Params) -> dict[str, float | str]:
        return super().parse(given if isinstance(given, Mapping) else {NUMBER: given}, params)


@dataclass(eq=False, repr=False, kw_only=True)
class ChoiceGuess(Guess):
    """One of several answers: id → words.

    `measured` says of the answers whether they were right; those it leaves out cannot be judged, and
    where none was right for sure nothing was decided.
    """

    choices: Mapping[str, str]
    measured: Callable[[Record], Mapping[str, bool]]
    kind: ClassVar[str] = "choice"

    def points(self, params: Params) -> tuple[Point, ...]:
        return (self.point(CHOICE),)

    def point(self, key: str) -> Point:
        return Point(key)

    def drawn(self, given: Given) -> list[tuple[Point, float | str]]:
        """With the words of the answer, for figures in which it has no place of its own."""
        return [(Point(key, label=self.choices.get(str(said), "")), said) for key, said in given.items()]

    def parse(self, given: object, params: Params) -> dict[str, float | str]:
        if isinstance(given, Mapping):
            for key in given:
                if key != CHOICE:
                    raise GuessError(f"guess: there is no point {shortened(key)}; it has {CHOICE}")
            given = given.get(CHOICE)
        if not isinstance(given, str) or given not in self.choices:
            raise GuessError(f"guess: {shortened(given)} is not one of {', '.join(self.choices)}")
        return {CHOICE: given}

    def rows(self, given: Given, record: Record) -> list[dict[str, Any]]:
        said, measured = str(given[CHOICE]), self.measured(record)
        right = next((answer for answer, was_right in measured.items() if was_right), "")
        near = measured.get(said) if right else None
        words = {None: NOTHING, True: "right", False: "wrong"}[near]
        seen = self.worded(right) if right else Value("unclear")
        return [Row(self.point(CHOICE), self.worded(said), seen, Value(words), near).as_json()]

    def worded(self, answer: str) -> Value:
        return Value(self.choices.get(answer, answer), about=answer)

    def as_json(self, params: Params) -> dict[str, Any]:
        return super().as_json(params) | {"choices": dict(self.choices)}


def number_in(given: object, unit: str) -> float:
    """What was given as a number; NaN where it is none. A share may be said in percent: "25 %"."""
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return math.nan
    try:
        if not isinstance(given, str):
            return float(given) + 0.0
    except OverflowError:
        return math.nan
    percent = unit == "share" and given.endswith("%")
    number = read_number(given.removesuffix("%").removesuffix(" ") if percent else given)
    if number is None:
        return math.nan
    return number / 100 if percent else number


def shortened(given: object) -> str:
    """A wrong value for a sentence, in quotes."""
    text = given if isinstance(given, str) else f"{given}"
    return repr(text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…")


def row_of(point: Point, you: float, measured: float | None, unit: str) -> Row:
    """One line of the table; a value that is not finite was not measured."""
    said = shown(you, unit, point.series)
    if measured is None or not math.isfinite(measured):
        return Row(point, said, Value("not measured"), Value(NOTHING), None)
    off, near = off_by(you, measured, unit)
    return Row(point, said, shown(measured, unit, point.series), off, near)


def off_by(you: float, measured: float, unit: str) -> tuple[Value, bool]:
    """Shares differ by percentage points, everything else by a factor; and whether that is near."""
    if unit == "share":
        points = abs(you - measured) * 100
        said = f"{points:.0f} point{'' if round(points) == 1 else 's'}"
        return Value(said, points), points <= NEAR["share"] * 100 + 1e-9
    small, large = sorted((you, measured))
    if small == large:
        return Value("1.0×", 1.0, "×"), True
    if small <= 0:
        return Value("∞×"), False
    factor = large / small
    return Value(f"{significant(factor, 2)}×", factor, "×"), factor <= NEAR.get(unit, NEAR["×"])


def shown(value: float, unit: str, about: str = "") -> Value:
    if unit == "×":
        return times(value, about)
    if unit == "share":
        return percent(value, about)
    if unit == "s":
        return duration(value, about)
    return Value(f"{significant(value)}\u00a0{unit}".rstrip(), value, unit, about)
