"""Medians with their spread. Noise decides what may be said, so every estimate has an interval.

Intervals are percentile bootstraps (Efron 1979) with a fixed seed: the same rows give the same
verdict. Fewer than three values tell nothing about their spread; their interval is endless.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

RESAMPLES = 1000
FEWEST = 3  # values that an interval needs


class Estimate(NamedTuple):
    """A value and the interval that it may as well lie in."""

    value: float
    low: float
    high: float

    def beyond(self, limit: float) -> bool | None:
        """Whether it is above `limit`; None where the interval contains the limit."""
        if self.low > limit:
            return True
        if self.high < limit:
            return False
        return None

    def clearly_above(self, least: float) -> bool | None:
        """Whether a ratio shows an effect of at least this factor: a difference that is significant and
        still small may have any reason. False where the contrary was seen; else None."""
        return True if self.low > least else False if self.high < 1 else None


def median(values: Iterable[float]) -> float:
    return float(statistics.median(values))


def known_median(values: Iterable[float | None]) -> float | None:
    """None where there are none, or one of them is not known."""
    given = list(values)
    known = [value for value in given if value is not None]
    return median(known) if known and len(known) == len(given) else None


def quantile(values: Iterable[float], p: float) -> float:
    """The value that the share `p` of all values does not exceed, interpolated between neighbours."""
    ordered = sorted(values)
    if not ordered:
        raise statistics.StatisticsError("no quantile of no values")
    place = p * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (ordered[above] - ordered[below]) * (place - below))


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Where the median of `values` lies with this confidence."""
    if len(values) < FEWEST:
        return -math.inf, math.inf
    dice = random.Random(0)
    medians = sorted(statistics.median(dice.choices(values, k=len(values))) for _ in range(RESAMPLES))
    outside = round((1 - confidence) / 2 * RESAMPLES)
    return float(medians[outside]), float(medians[-outside - 1])


def estimate(values: Sequence[float], confidence: float = 0.95) -> Estimate:
    """The median of `values` with its interval."""
    return Estimate(median(values), *interval(values, confidence))


def ratio_interval(a: Sequence[float], b: Sequence[float], confidence: float = 0.95) -> Estimate:
    """How many times b is a, from pairs that were measured a moment apart.

    Pairs, because the clock speed of a machine wanders within seconds: it cancels within a pair,
    not between two blocks of measurements.
    """
    return estimate([x / y for x, y in zip(a, b, strict=True)], confidence)


def theil_sen(xs: Sequence[float], ys: Sequence[float], confidence: float = 0.95) -> Estimate:
    """The median of the slopes between all pairs of points (Sen 1968): outliers do not tilt it.

    The interval is that of the middle pairs, by Kendall's statistic without ties.
    """
    points = sorted(zip(xs, ys, strict=True))
    slopes = sorted((d - b) / (c - a) for (a, b), (c, d) in combinations(points, 2) if c != a)
    if not slopes:
        raise statistics.StatisticsError("no slope without two different x")
    n = len(points)
    z = statistics.NormalDist().inv_cdf((1 + confidence) / 2)
    spread = z * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low = math.floor((len(slopes) - spread) / 2)
    high = math.ceil((len(slopes) + spread) / 2)
    return Estimate(
        median(slopes),
        slopes[low] if low >= 0 else -math.inf,
        slopes[high] if high < len(slopes) else math.inf,
    )
