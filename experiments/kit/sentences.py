"""Sentences with numbers in them.

A sentence keeps its template and its values apart, so that the page can colour a number by
what it speaks of, another language can put it elsewhere, and a terminal can simply print it:

    say("{n} threads ran {speedup} as fast as one.", n=4, speedup=times(0.97, "threads"))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict


class ValueJson(TypedDict):
    """A `Value` as JSON."""

    text: str
    number: float | None
    unit: str
    about: str


class SentenceJson(TypedDict):
    """A `Sentence` as JSON."""

    template: str
    values: dict[str, ValueJson]


@dataclass(frozen=True)
class Value:
    """One number of a sentence: as a reader sees it, as it was measured, and what it speaks of.

    `about` names an entity or a state ("threads", "ready"); the page colours the number like it.
    """

    text: str
    number: float | None = None
    unit: str = ""
    about: str = ""

    def as_json(self) -> ValueJson:
        return {"text": self.text, "number": self.number, "unit": self.unit, "about": self.about}


@dataclass(frozen=True)
class Sentence:
    template: str
    values: Mapping[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template.format_map({name: value.text for name, value in self.values.items()})

    def as_json(self) -> SentenceJson:
        return {"template": self.template, "values": {name: v.as_json() for name, v in self.values.items()}}


def say(template: str, **values: Value | str | float) -> Sentence:
    """A sentence from a template and its values; plain numbers and words become values too."""
    return Sentence(template, {name: as_value(value) for name, value in values.items()})


def as_value(value: Value | str | float) -> Value:
    if isinstance(value, Value):
        return value
    if isinstance(value, str):
        return Value(value)
    return Value(plain(value), value)


def times(ratio: float, about: str = "") -> Value:
    return Value(f"{fixed(ratio, 2)}×", ratio, "×", about)


def percent(share: float, about: str = "") -> Value:
    """A fraction of one as percent; small ones keep a digit, so that 0.4 % does not read 0 %."""
    digits = 1 if 0 < abs(share) < 0.0995 else 0
    return Value(f"{fixed(share * 100, digits)}\u00a0%", share, "share", about)


def duration(seconds: float, about: str = "") -> Value:
    """Seconds with three significant digits in the unit a reader would choose."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if abs(seconds) * factor >= 0.9995 or unit == "µs":
            return Value(f"{significant(seconds * factor)}\u00a0{unit}", seconds, "s", about)
    raise AssertionError("unreachable")


def size(bytes_: float, about: str = "") -> Value:
    """Bytes with three significant digits in the unit a reader would choose: 64 KiB, 1010 KiB, 1.5 GiB."""
    amount, units = bytes_, iter(("B", "KiB", "MiB", "GiB"))
    for unit in units:
        if abs(amount) < 1024:
            return Value(f"{trimmed(significant(amount))}\u00a0{unit}", bytes_, "B", about)
        amount /= 1024
    return Value(f"{trimmed(significant(amount))}\u00a0TiB", bytes_, "B", about)


def mebibytes(mib: float) -> Value:
    """MiB, also of less than one: amounts that are compared with each other keep one unit."""
    return Value(f"{significant(mib)}\u00a0MiB", mib, "MiB")


# -- digits: static/js/figures/units.js has the same rules, and tests/golden/numbers.json holds both to them


def plain(number: float) -> str:
    """A number that has no unit, or one that follows: 11 412, 4, 0.25."""
    if isinstance(number, int) or abs(number) >= 999.5:
        return grouped(number)
    return trimmed(significant(number))


def grouped(number: float) -> str:
    """A whole number in groups of three digits."""
    return f"{0 if abs(number) < 0.5 else number:,.0f}".replace(",", "\u2009")


def trimmed(text: str) -> str:
    """Digits without the zeros that only say how well something was measured."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def fixed(number: float, digits: int) -> str:
    """So many digits behind the point; nothing reads as -0."""
    text = f"{number:.{digits}f}"
    return text.lstrip("-") if not text.strip("-0.") else text


def significant(number: float, digits: int = 3) -> str:
    """A number without an exponent: 4180, 78.5, 5.13, 0.42, 0.003; only zero reads as 0."""
    if number == 0:
        return "0"
    rounded = float(f"{number:.{digits}g}")
    first = int(f"{rounded:e}".partition("e")[2])  # the power of ten of the first digit
    return f"{rounded:.{max(0, digits - 1 - max(first, 0), -first)}f}"
