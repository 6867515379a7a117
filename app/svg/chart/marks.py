"""What stands in a chart: lines, steps, bands, markers, and the key below it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from app.svg.letters import width_of
from app.svg.shapes import Drawn, Shape, line, pair, path, rect, short, tenths, text
from app.text.values import is_number

if TYPE_CHECKING:
    from app.svg.chart.axes import Place

DASHES = {"dash": "9 5", "dot": "2 4", "dashdot": "9 4 2 4", "longdash": "14 5"}
SEEN = 3.0  # pixels; a step of a curve that is shorter both ways is not drawn by itself


class Entry(NamedTuple):
    words: str
    color: str
    look: str  # line, box, guess or mark
    dash: str = ""  # of a line, in Plotly's names


# -- lines ------------------------------------------------------------------------------------


def scatter(trace: Mapping[str, Any], place: Place) -> Iterator[Shape]:
    at = [
        (place.at_x(x), place.at_y(y))
        for x, y in zip(trace["x"], trace["y"], strict=True)
        if fits(x, y, place)
    ]
    if not at:
        return
    if trace.get("fill"):
        yield path(through(at) + "z", fill=trace["fillcolor"])
    mode = trace.get("mode", "lines")
    if "lines" in mode and (trace.get("line") or {}).get("width", 2) > 0:
        steps = (trace.get("line") or {}).get("shape") == "hv"
        yield path(
            stepped(at) if steps else through(at),
            fill="none",
            stroke_linejoin="round",
            **stroke(trace["line"]),
        )
    if "markers" in mode:
        marker = trace.get("marker") or {}
        size = float(marker.get("size", 8)) / 2
        look = {"fill": marker.get("color", "$ink")}
        if str(marker.get("symbol", "")).endswith("-open"):
            look = {"fill": "$screen", "stroke": marker.get("color", "$ink"), "stroke_width": "1.8"}
        yield markers(str(marker.get("symbol", "circle")), at, size, look)


def fits(x: Any, y: float, place: Place) -> bool:
    return not ((place.x.log and (not is_number(x) or x <= 0)) or (place.y.log and y <= 0))


def stroke(look: Mapping[str, Any]) -> dict[str, Any]:
    dash = look.get("dash", "solid")
    drawn = {"stroke": look.get("color", "$ink"), "stroke_width": look.get("width", 2)}
    return drawn | ({"stroke_dasharray": DASHES.get(dash, dash)} if dash not in ("solid", "", None) else {})


def through(at: Sequence[tuple[float, float]]) -> str:
    return traced(at, "l")


def stepped(at: Sequence[tuple[float, float]]) -> str:
    """To the right at the old height, then up or down; steps too small to be seen join the next one."""
    kept = [at[0]]
    for point in at[1:-1]:
        if abs(point[0] - kept[-1][0]) >= SEEN or abs(point[1] - kept[-1][1]) >= SEEN:
            kept.append(point)
    return traced([*kept, *at[1:][-1:]], "hv")


def traced(at: Sequence[tuple[float, float]], way: str) -> str:
    """From place to place, each told from the one before in whole tenths, so that nothing drifts."""
    places = [(round(10 * x), round(10 * y)) for x, y in at]
    parts = [f"M{pair(*places[0])}"]
    for (x, y), (next_x, next_y) in pairwise(places):
        right, down = next_x - x, next_y - y
        parts.append(f"h{tenths(right)}v{tenths(down)}" if way == "hv" else f"l{pair(right, down)}")
    return "".join(parts)


def markers(name: str, at: Sequence[tuple[float, float]], r: float, look: Mapping[str, Any]) -> Shape:
    """One path for all markers of a line. A dot is a line of no length with a round end."""
    name = name.removesuffix("-open")
    if name not in POLYGONS and look["fill"] != "$screen":
        dots = "".join(f"M{short(x)} {short(y)}h0" for x, y in at)
        round_ends = {"stroke": look["fill"], "stroke_width": 2 * r, "stroke_linecap": "round"}
        return path(dots, fill="none", **round_ends)
    return path("".join(symbol(name, x, y, r) for x, y in at), **look)


def symbol(name: str, x: float, y: float, r: float) -> str:
    """The outline of a marker, in Plotly's names."""
    if name in POLYGONS:
        return through([(x + r * dx, y + r * dy) for dx, dy in POLYGONS[name]]) + "z"
    wide = short(2 * r)
    arc = f"a{short(r)} {short(r)} 0 1 0"
    return f"M{short(x - r)} {short(y)}{arc} {wide} 0{arc} -{wide} 0z"


PLUS = [(-0.35, -1), (0.35, -1), (0.35, -0.35), (1, -0.35), (1, 0.35), (0.35, 0.35)]
PLUS += [(0.35, 1), (-0.35, 1), (-0.35, 0.35), (-1, 0.35), (-1, -0.35), (-0.35, -0.35)]
POLYGONS = {
    "square": [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
    "diamond": [(0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)],
    "triangle-up": [(0, -1.2), (1.15, 0.8), (-1.15, 0.8)],
    "cross": PLUS,
    "x": [((dx - dy) * math.sqrt(0.5), (dx + dy) * math.sqrt(0.5)) for dx, dy in PLUS],
}


# -- the key ----------------------------------------------------------------------------------


def key(entries: Sequence[Entry], width: float) -> Drawn:
    """Entries in as many rows as they need."""
    shapes: list[Shape] = []
    x, y = 12.0, 4.0
    for entry in entries:
        length = 28 + width_of(entry.words, 12.5) + 16
        if x + length > width and x > 12:
            x, y = 12.0, y + 20
        shapes += swatch(entry, x, y)
        shapes.append(text(x + 28, y + 11, entry.words, font_size="12.5", fill="$ink"))
        x += length
    return Drawn(width, y + 20 if entries else 0, shapes)


def swatch(entry: Entry, x: float, y: float) -> list[Shape]:
    if entry.look == "guess":
        return [rect(x, y, 18, 13, fill="none", stroke="$ink-2", stroke_dasharray="4 3", stroke_width="1.6")]
    if entry.look == "mark":
        return [line(x, y + 7, x + 18, y + 7, stroke="$ink", stroke_width=2.4, stroke_dasharray="5 3")]
    if entry.look == "box":
        return [rect(x, y, 18, 13, fill=entry.color, stroke="$ink-3", stroke_width="0.6")]
    look = stroke({"color": entry.color, "width": 3, "dash": entry.dash})
    return [line(x, y + 7, x + 22, y + 7, **look)]
