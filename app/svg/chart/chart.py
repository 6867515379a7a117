"""Result charts: lines with bands and references, curves of distributions, bars with whiskers.

The figure speaks Plotly's language, because the page draws it with Plotly. This draws the part of it
that our figures use: scatter (lines, steps, markers, filled bands), bar with error bars, annotations
at the ends of lines, dashed lines across.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.svg.chart import axes, bars, ends, marks
from app.svg.chart.axes import Place
from app.svg.letters import in_lines, width_of
from app.svg.scales import Range
from app.svg.shapes import Drawn, Shape, line, shape, text
from app.text.values import is_number

HEIGHT = 318.0
NARROW = 560  # pixels; below it labels stand under the chart instead of beside it
LYING = 9.0  # pixels of a lying bar
LEAST_LYING = 23.0  # of a name of lying bars
MOST_NAMES = 0.6  # of the width, for them


def draw(figure: Mapping[str, Any], width: float, prefix: str, height: float = HEIGHT) -> Drawn:
    layout, data = figure["layout"], drawable(figure["data"])
    names = axes.categories(data, layout) if layout["xaxis"].get("type") == "category" else None
    if names and axes.crowded(names, width - 74, height):
        return lying(data, layout, names, width, prefix)
    narrow = width < NARROW
    notes = [note for note in layout.get("annotations") or () if str(note.get("name", "")).startswith("end:")]
    notes = notes if narrow else ends.fitted(notes, width)
    title = y_title(layout, width)
    slanted = axes.slant(names, width - 74) if names else 0.0
    key = marks.key(entries_of(data, notes if narrow else [], prefix), width)
    right = 16 if narrow else ends.room_for(notes, width)
    top = 14.0 + len(title) * 16
    plot = (58.0, top, width - 58 - right, height - top - 46 - slanted)
    place = Place(*plot, axes.x_range(data, layout, names), axes.y_range(data, layout["yaxis"]), names)
    shapes = [shape("defs", "", bars.patterns(data, prefix)), *title]
    shapes += axes.y_axis(layout["yaxis"], place)
    shapes += axes.x_axis(layout["xaxis"], place, bool(slanted))
    shapes += bars.draw(data, place, prefix)
    shapes += [drawn for trace in in_depth(data) for drawn in marks.scatter(trace, place)]
    shapes += across(layout, place)
    if not narrow:
        shapes += ends.labels(notes, data, place)
    return with_key(shapes, key, place.top + place.height + 46 + slanted)


def lying(
    data: list[dict[str, Any]], layout: Mapping[str, Any], names: list[str], width: float, prefix: str
) -> Drawn:
    """Bars that lie beside their names, as high as they need to be: every name can be read."""
    title = y_title(layout, width)
    left = min(width * MOST_NAMES, axes.widest_of(names) + 18)
    top = 14.0 + len(title) * 16
    each = max(LEAST_LYING, LYING * sum(map(bars.is_bar, data)) / (1 - bars.GAP))
    plot = (left, top, width - left - 24, each * len(names))
    place = Place(*plot, Range(0, 1), axes.y_range(data, layout["yaxis"]), names, lying=True)
    shapes = [shape("defs", "", bars.patterns(data, prefix)), *title]
    shapes += axes.values_below(layout["yaxis"], place)
    shapes += axes.names_beside(layout["xaxis"], place)
    shapes += bars.draw(data, place, prefix)
    return with_key(shapes, marks.key(entries_of(data, [], prefix), width), place.top + place.height + 32)


def y_title(layout: Mapping[str, Any], width: float) -> list[Shape]:
    lines = in_lines(layout["yaxis"].get("title", {}).get("text", ""), width - 24, width_of)
    return [text(10, 14 + 16 * n, words) for n, words in enumerate(lines)]


def with_key(shapes: list[Shape], key: Drawn, top: float) -> Drawn:
    if key.shapes:
        shapes.append(shape("g", "", key.shapes, transform=f"translate(0 {top:.0f})"))
    return Drawn(key.width, top + key.height, shapes)


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
        return [bar_entry(trace, n, prefix) for n, trace in drawn]
    return ends.entries(data, notes)


def bar_entry(trace: Mapping[str, Any], n: int, prefix: str) -> marks.Entry:
    look = "mark" if trace.get("on") else "guess" if bars.is_guess(trace) else "box"
    return marks.Entry(str(trace.get("name", "")), bars.fill_of(trace, n, prefix), look)
