"""Axes, labels and spreads: what the three kinds of charts drawn by Plotly share."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence
from typing import Any, NamedTuple

from app.text.languages import ENGLISH, Words
from app.text.values import escape, is_number, sentence, tick, with_unit, words
from experiments.kit.spec import Field
from experiments.kit.stats import quantile

MOST_TICKS = 16  # more measured places than this, and Plotly chooses the ticks
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross")


class Spread(NamedTuple):
    """The median, and the quartiles around it."""

    median: float
    low: float
    high: float


class Group:
    """The values of one place on the x axis, kept sorted: the next median costs one look."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def add(self, value: float) -> None:
        insort(self.values, value)

    def spread(self) -> Spread:
        return Spread(self.at(0.5), self.at(0.25), self.at(0.75))

    def at(self, share: float) -> float:
        place = share * (len(self.values) - 1)
        below = math.floor(place)
        return quantile(self.values[below : below + 2], place - below)


def axis(field: Field, log: bool = False, t: Words = ENGLISH) -> dict[str, Any]:
    """An axis of Plotly's: its ticks carry the unit where it is short, else its title does."""
    common: dict[str, Any] = {"title": {"text": named(t(words(field.name)), field)}}
    common["type"] = "log" if log else "linear"
    return common | TICKS.get(field.unit, {})


def categories(field: Field, t: Words = ENGLISH) -> dict[str, Any]:
    """An axis of names, which carry their units themselves."""
    return {"title": axis(field, t=t)["title"], "type": "category", "categoryarray": []}


TICKS: dict[str, dict[str, str]] = {
    "×": {"ticksuffix": "×"},
    "share": {"tickformat": ".0%"},
    "s": {"tickformat": "~s", "ticksuffix": "s"},
    "B": {"tickformat": "~s", "ticksuffix": "B"},
}


def y_axis(field: Field, titled_by_help: bool, log: bool = False, t: Words = ENGLISH) -> dict[str, Any]:
    """The help of a column says what is measured, unless the figure's title says it already."""
    drawn = axis(field, log, t) | ({} if log else {"rangemode": "tozero"})
    if field.help and not titled_by_help:
        drawn["title"] = {"text": named(t(field.help), field)}
    return drawn


def named(text: str, field: Field) -> str:
    return text if field.unit in TICKS else with_unit(text, field)


def title(given: str, field: Field, t: Words = ENGLISH) -> str:
    return t(given) if given else sentence(t(field.help or words(field.name)))


def ticks(places: Sequence[Any], field: Field) -> tuple[list[Any] | None, list[str] | None]:
    """Where the measured places are few, they are the ticks."""
    if len(places) > MOST_TICKS or not all(is_number(place) for place in places):
        return None, None
    return list(places), [tick(place, field.unit) for place in places]


def fits(value: Any, log: bool) -> bool:
    return is_number(value) and (value > 0 or not log)


def on_axis(value: float, log: bool) -> float:
    """Where Plotly wants the annotation of a value: a logarithmic axis counts in powers of ten."""
    return math.log10(value) if log else value


def end_label(name: str, x: float, y: float, text: str, color: str, size: int = 13) -> dict[str, Any]:
    """A label to the right of where a line ends; `x` and `y` in the axis' own measure."""
    return {
        "name": f"end:{name}",
        "x": x,
        "y": y,
        "text": text,
        "xanchor": "left",
        "xshift": 12,
        "showarrow": False,
        "font": {"color": color, "size": size},
    }


def bold(name: str, value: str) -> str:
    return f"<b>{escape(name)}</b> {escape(value)}"
