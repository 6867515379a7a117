"""Result charts: lines with bands and references, curves of distributions, bars with whiskers.

The figure speaks Plotly's language, because the page draws it with Plotly. This draws the part of it
that our figures use: scatter (lines, steps, markers, filled bands), bar with error bars, annotations
at the ends of lines, dashed lines across.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from app.drawing import ends, marks
from app.drawing.letters import in_lines, width_of
from app.drawing.scales import Range, decades, nice_step, thin, ticks
from app.drawing.shapes import Drawn, Shape, line, path, shape, short, text
from app.figures.words import is_number, tick

HEIGHT = 318.0
NARROW = 560  # pixels; below it labels stand under the chart instead of beside it
SLANT = 38  # degrees
PAD = 0.04  # of the range, left and right of the data
HEADROOM = 0.07  # of the range, above the data
MONO_TICK = {"font_family": "$mono", "font_size": 11.5}


class Place(NamedTuple):
    """The rectangle of the plot and what its axes show; `names` are the categories of x, if it has them."""

    left: float
    top: float
    width: float
    height: float
    x: Range
    y: Range
    names: list[str] | None

    def at_x(self, value: Any) -> float:
        if self.names is not None:
            n = self.names.index(value) if value in self.names else -1
            return self.left + (n + 0.5) / max(1, len(self.names)) * self.width
        return self.left + self.x.share(value) * self.width

    def at_y(self, value: float) -> float:
        return self.top + (1 - self.y.share(value)) * self.height


def draw(figure: Mapping[str, Any], width: float, prefix: str, height: float = HEIGHT) -> Drawn:
    layout, data = figure["layout"], drawable(figure["data"])
    narrow = width < NARROW
    notes = [note for note in layout.get("annotations") or () if str(note.get("name", "")).startswith("end:")]
    notes = notes if narrow else ends.fitted(notes, width)
    names = categories(data, layout) if layout["xaxis"].get("type") == "category" else None
    title = in_lines(layout["yaxis"].get("title", {}).get("text", ""), width - 24, width_of)
    slanted = slant(names, width - 74) if names else 0.0
    entries = entries_of(data, notes if narrow else [], prefix)
    key = marks.key(entries, width)
    right = 16 if narrow else ends.room_for(notes, width)
    top, below = 14.0 + len(title) * 16, 46 + slanted + key.height
    plot = (58.0, top, width - 58 - right, height - top - 46 - slanted)
    place = Place(*plot, x_range(data, layout, names), y_range(data, layout["yaxis"]), names)
    shapes = [shape("defs", "", marks.patterns(data, prefix))]
    shapes += [text(10, 14 + 16 * n, words) for n, words in enumerate(title)]
    shapes += y_axis(layout["yaxis"], place)
    shapes += x_axis(layout["xaxis"], place, bool(slanted))
    shapes += marks.bars(data, place, prefix)
    shapes += [drawn for trace in in_depth(data) for drawn in marks.scatter(trace, place)]
    shapes += across(layout, place)
    if not narrow:
        shapes += ends.labels(notes, data, place)
    lowered = shape("g", "", key.shapes, transform=f"translate(0 {plot[1] + plot[3] + 46 + slanted:.0f})")
    return Drawn(width, top + plot[3] + below, [*shapes, lowered] if key.shapes else shapes)


def drawable(data: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The traces without the points that have no number to draw."""
    kept = []
    for trace in data:
        xs, ys = trace.get("x") or [], trace.get("y") or []
        there = [n for n, (x, y) in enumerate(zip(xs, ys, strict=False)) if y is not None and x is not None]
        there = [n for n in there if is_number(ys[n])]
        if there:
            picked = {"x": [xs[n] for n in there], "y": [ys[n] for n in there]}
            kept.append({**trace, **picked, "kept": there})
    return kept


def in_depth(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted((t for t in data if t.get("type") != "bar"), key=lambda trace: trace.get("zorder", 1))


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
    reach = marks.whiskers(trace)
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


# -- axes -------------------------------------------------------------------------------------


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
    widest = max((width_of(name, 11.5, "$mono") for name in names), default=0.0)
    if not names or widest + 8 <= room / len(names):
        return 0.0
    return widest * math.sin(math.radians(SLANT))


# -- beside the lines -------------------------------------------------------------------------


def across(layout: Mapping[str, Any], place: Place) -> Iterator[Shape]:
    """Lines that a layout draws over all of the plot, at one height or at one place."""
    for drawn in layout.get("shapes") or ():
        look = marks.stroke(drawn.get("line") or {})
        right, bottom = place.left + place.width, place.top + place.height
        if drawn.get("type") == "line" and drawn.get("xref") == "paper":
            y = place.at_y(drawn["y0"])
            yield line(place.left, y, right, y, **look)
        elif drawn.get("type") == "line" and drawn.get("yref") == "paper":
            x = place.at_x(drawn["x0"])
            yield line(x, place.top, x, bottom, **look)


def entries_of(
    data: list[dict[str, Any]], notes: Sequence[Mapping[str, Any]], prefix: str
) -> list[marks.Entry]:
    """What stands under the chart: labels that found no room in it, or the series of grouped bars."""
    drawn = [(n, trace) for n, trace in enumerate(data) if trace.get("type") == "bar"]
    if len(drawn) > 1:
        return [marks.bar_entry(t, n, prefix) for n, t in drawn]
    return ends.entries(data, notes)
