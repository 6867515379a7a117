"""The axes of a chart: what they show, where their values stand, and how they are drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from app.svg.chart import bars
from app.svg.letters import shortened, width_of
from app.svg.scales import Range, decades, nice_step, thin, ticks
from app.svg.shapes import Shape, path, short, text
from app.text.values import is_number, tick

SLANT = 38  # degrees
PAD = 0.04  # of the range, left and right of the data
HEADROOM = 0.07  # of the range, above the data
LEAST_SLANTED = 40.0  # pixels from a slanted name to the next
STEEP = 0.26  # of the height, at most, for slanted names
FIRST_TICK = 24  # pixels that the first of the values below takes at the left
MONO_TICK = {"font_family": "$mono", "font_size": 11.5}


class Place(NamedTuple):
    """The rectangle of the plot and what its axes show; `names` are the categories of x, if it has them.

    Where bars lie, x goes down and y to the right.
    """

    left: float
    top: float
    width: float
    height: float
    x: Range
    y: Range
    names: list[str] | None
    lying: bool = False

    def at_x(self, value: Any) -> float:
        if self.names is not None:
            n = self.names.index(value) if value in self.names else -1
            return (self.top if self.lying else self.left) + (n + 0.5) * self.slot
        return self.left + self.x.share(value) * self.width

    def at_y(self, value: float) -> float:
        return self.on_y(self.y.share(value))

    def on_y(self, share: float) -> float:
        return self.left + share * self.width if self.lying else self.top + (1 - share) * self.height

    @property
    def slot(self) -> float:
        """The room of one of the names."""
        return (self.height if self.lying else self.width) / max(1, len(self.names or ()))

    @property
    def floor(self) -> float:
        """Where bars begin."""
        return self.on_y(0) if self.y.log else self.at_y(max(0.0, self.y.low))

    def point(self, x: float, y: float) -> tuple[float, float]:
        """A place along the names and one along the values, as a place of the picture."""
        return (y, x) if self.lying else (x, y)

    def box(self, start: float, thick: float, one: float, other: float) -> tuple[float, float, float, float]:
        """Left, top, width and height of a bar from one place along the values to another."""
        low, long = min(one, other), abs(other - one)
        return (low, start, long, thick) if self.lying else (start, low, thick, long)


# -- what the axes show -----------------------------------------------------------------------


def categories(data: list[dict[str, Any]], layout: Mapping[str, Any]) -> list[str]:
    named = list(layout["xaxis"].get("categoryarray") or ())
    return list(dict.fromkeys([*named, *(x for trace in data for x in trace["x"])]))


def x_range(data: list[dict[str, Any]], layout: Mapping[str, Any], names: list[str] | None) -> Range:
    log = layout["xaxis"].get("type") == "log"
    found = None if names is not None else extent([x for trace in data for x in trace["x"]], log)
    if not found:
        return Range(0, 1, False, True)
    pad = (found.high - found.low or 1) * PAD
    return Range(found.low - pad, found.high + pad, log)


def y_range(data: list[dict[str, Any]], axis: Mapping[str, Any]) -> Range:
    log = axis.get("type") == "log"
    if axis.get("range"):
        return Range(axis["range"][0], axis["range"][1], log)
    found = extent([y for trace in data for y in heights(trace)], log)
    if not found:
        return Range(0, 1, False, True)
    to_zero = axis.get("rangemode") == "tozero"
    tall = found.high - (min(0.0, found.low) if to_zero else found.low) or 1
    bars = any(trace.get("type") == "bar" for trace in data)
    below = 0.3 + 0.05 * tall if log and bars else HEADROOM * tall  # the lowest bar is seen too
    low = 0.0 if to_zero and found.low >= 0 else found.low - below
    return Range(low, found.high + HEADROOM * tall, log)


def heights(trace: Mapping[str, Any]) -> list[float]:
    reach = bars.whiskers(trace)
    return (
        [*trace["y"], *(y + up for y, (_, up) in zip(trace["y"], reach, strict=True))]
        if reach
        else trace["y"]
    )


def extent(values: Sequence[Any], log: bool) -> Range | None:
    usable = [value for value in values if is_number(value) and (value > 0 or not log)]
    if not usable:
        return None
    low, high = min(usable), max(usable)
    return Range(math.log10(low), math.log10(high), True) if log else Range(low, high)


# -- how they are drawn -----------------------------------------------------------------------


def unit_of(axis: Mapping[str, Any]) -> str:
    return "share" if axis.get("tickformat") == ".0%" else axis.get("ticksuffix") or ""


def tick_values(axis: Mapping[str, Any], shown: Range, most: float) -> tuple[list[float], list[str]]:
    if shown.empty:
        return [], []
    if axis.get("tickvals"):
        values = list(axis["tickvals"])
        return values, axis.get("ticktext") or [tick(value, unit_of(axis)) for value in values]
    values = decades(shown.low, shown.high, most) if shown.log else linear_ticks(shown, most, unit_of(axis))
    return values, [tick(value, unit_of(axis)) for value in values]


def linear_ticks(shown: Range, most: float, unit: str) -> list[float]:
    base = 1024.0 ** max(0, math.floor(math.log(max(shown.high, 1), 1024))) if unit == "B" else 1.0
    step = nice_step((shown.high - shown.low) / base, most) * base
    return [round(value, 12) for value in ticks(shown.low, shown.high, step)]


def y_axis(axis: Mapping[str, Any], place: Place) -> Iterator[Shape]:
    values, words = tick_values(axis, place.y, place.height / (26 if place.y.log else 48))
    left, at = place.left, [place.at_y(value) for value in values]
    grid = "".join(f"M{short(left)} {short(y)}h{short(place.width)}" for y in at)
    ruled = "".join(f"M{short(left - 4)} {short(y)}h4" for y in at)
    yield path(grid, stroke="$grid-2", fill="none")
    yield path(
        f"{ruled}M{short(left)} {short(place.top)}v{short(place.height)}", stroke="$ink-3", fill="none"
    )
    for y, said in zip(at, words, strict=True):
        yield text(left - 8, y + 4, said, text_anchor="end", **MONO_TICK)


def x_axis(axis: Mapping[str, Any], place: Place, slanted: bool) -> Iterator[Shape]:
    bottom = place.top + place.height
    values: Sequence[Any]
    if place.names is not None:
        values, words = place.names, place.names
    else:
        values, words = tick_values(axis, place.x, place.width / 64)
    at = [place.at_x(value) for value in values]
    every = slanted or place.names is not None
    widths = [0.0 if every else width_of(said, 12, "$mono") + 8 for said in words]
    kept = thin(at, widths)
    ruled = "".join(f"M{short(at[n])} {short(bottom)}v4" for n in kept)
    yield path(
        f"{ruled}M{short(place.left)} {short(bottom)}h{short(place.width)}", stroke="$ink-3", fill="none"
    )
    for n in kept:
        if slanted:
            turn = {"transform": f"rotate(-{SLANT} {at[n]:.1f} {bottom + 14:.1f})", "text_anchor": "end"}
            yield text(at[n] + 3, bottom + 16, words[n], **MONO_TICK, **turn)
        else:
            yield text(at[n], bottom + 18, words[n], text_anchor="middle", **MONO_TICK)
    title = axis.get("title", {}).get("text", "")
    below = bottom + 38 + (slant(place.names, place.width) if slanted and place.names else 0)
    yield text(place.left + place.width / 2, below, title, text_anchor="middle", font_size=12.5)


def slant(names: Sequence[str], room: float) -> float:
    """How much room names of categories need below the axis when they must be slanted; 0 where they fit."""
    widest = widest_of(names)
    if not names or widest + 8 <= room / len(names):
        return 0.0
    return widest * math.sin(math.radians(SLANT))


# -- of lying bars ----------------------------------------------------------------------------


def crowded(names: Sequence[str], room: float, height: float) -> bool:
    """Whether even slanted names would stand too close to be read, or leave their bars too little height."""
    slanted = slant(names, room)
    return slanted > STEEP * height or (slanted > 0 and room / len(names) < LEAST_SLANTED)


def widest_of(names: Sequence[str]) -> float:
    return max((width_of(name, 11.5, "$mono") for name in names), default=0.0)


def names_beside(axis: Mapping[str, Any], place: Place) -> Iterator[Shape]:
    """Left of the bars that they name, and below them what they are names of."""
    names = place.names or []
    ruled = "".join(f"M{short(place.left - 4)} {short(place.at_x(name))}h4" for name in names)
    yield path(
        f"{ruled}M{short(place.left)} {short(place.top)}v{short(place.height)}", stroke="$ink-3", fill="none"
    )
    beside = {"text_anchor": "end", **MONO_TICK}
    for name in names:
        words = shortened(name, place.left - 10, 11.5, "$mono")
        yield text(place.left - 8, place.at_x(name) + 4, words, **beside)
    title = shortened(axis.get("title", {}).get("text", ""), place.left - FIRST_TICK, 12.5)
    below = place.top + place.height + 18
    yield text(place.left - FIRST_TICK, below, title, text_anchor="end", font_size=12.5)


def values_below(axis: Mapping[str, Any], place: Place) -> Iterator[Shape]:
    values, words = tick_values(axis, place.y, place.width / 58)
    at, bottom = [place.at_y(value) for value in values], place.top + place.height
    grid = "".join(f"M{short(x)} {short(place.top)}v{short(place.height)}" for x in at)
    ruled = "".join(f"M{short(x)} {short(bottom)}v4" for x in at)
    yield path(grid, stroke="$grid-2", fill="none")
    yield path(ruled, stroke="$ink-3", fill="none")
    kept = thin(at, [width_of(said, 11.5, "$mono") + 8 for said in words])
    for n in kept:
        yield text(at[n], bottom + 18, words[n], text_anchor="middle", **MONO_TICK)
