"""Axes: ticks at round numbers, on linear and logarithmic scales, and which labels fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from experiments.kit.sentences import fixed

NBSP = "\u00a0"


class Range(NamedTuple):
    """What an axis shows, in its own measure: powers of ten on a logarithmic one."""

    low: float
    high: float
    log: bool = False
    empty: bool = False

    def share(self, value: float) -> float:
        """Where a value lies: 0 at the low end, 1 at the high one."""
        at = math.log10(max(value, 1e-300)) if self.log else value
        return self.share_of(at)

    def share_of(self, at: float) -> float:
        """The same for a place in the axis' own measure."""
        return (at - self.low) / ((self.high - self.low) or 1)


def nice_step(span: float, target: float) -> float:
    """The distance between ticks: 1, 2 or 5 times a power of ten, for about `target` of them."""
    raw = span / max(1.0, target)
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    factor = raw / power
    nice = 1 if factor < 1.5 else 2 if factor < 3.5 else 5 if factor < 7.5 else 10
    return nice * power


def ticks(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [n * step for n in range(first, last + 1)]


def moment(seconds: float, step: float) -> str:
    """A moment on an axis whose ticks are `step` apart: no more digits than tell two ticks apart."""
    factor, unit = (1.0, "s") if step >= 0.1 else (1e3, "ms") if step >= 1e-4 else (1e6, "µs")
    digits = max(0, -math.floor(math.log10(step * factor) + 1e-9))
    written = fixed(seconds * factor, digits)
    return f"{'0' if float(written) == 0 else written}{NBSP}{unit}"


def decades(low: float, high: float, most: float) -> list[float]:
    """1, 2, 5, 10 … between two powers of ten; fewer of them where that gives more than `most`."""
    for digits in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        values = in_decades(low, high, digits, 1)
        if len(values) <= most:
            return values
    return in_decades(low, high, (1,), math.ceil((high - low) / max(1.0, most)))


def in_decades(low: float, high: float, digits: Sequence[int], every: int) -> list[float]:
    values = [
        float(f"{digit}e{power}")
        for power in range(math.floor(low), math.floor(high) + 1)
        if power % every == 0
        for digit in digits
    ]
    return [value for value in values if value and low - 1e-9 <= math.log10(value) <= high + 1e-9]


def thin(pixels: Sequence[float], widths: Sequence[float]) -> list[int]:
    """Which labels fit beside each other; the first and the last one always, where they can."""
    if not pixels:
        return []

    def fits(a: int, b: int) -> bool:
        return pixels[b] - pixels[a] >= (widths[a] + widths[b]) / 2

    last, kept = len(pixels) - 1, [0]
    for n in range(1, last + 1):
        if fits(kept[-1], n) and (n == last or fits(n, last)):
            kept.append(n)
    return kept
