"""Bars with whiskers, side by side: upright, or lying where their names would be crowded below them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.svg.letters import width_of
from app.svg.shapes import Shape, hatch, line, path, rect, short, text

if TYPE_CHECKING:
    from app.svg.chart.axes import Place

Trace = Mapping[str, Any]

TURNS = {"/": 45, "\\": -45, "x": 45, "-": 90, "|": 0, "+": 0, ".": 45}  # degrees of a bar's hatch
GAP = 0.35  # of the room of one place, between groups
CAP = 4.0  # of a whisker, to each side
OVER = 3.0  # pixels that the mark of a guess stands out of its bar, to each side
DASHED = "9 5"
MARK_DASHED = "5 3"


def draw(data: Sequence[Trace], place: Place, prefix: str) -> Iterator[Shape]:
    drawn = [(n, trace) for n, trace in enumerate(data) if is_bar(trace)]
    if not drawn or not place.names:
        return
    thick = place.slot * (1 - GAP) / len(drawn)
    single = sum(not is_guess(trace) for _, trace in drawn) == 1
    for order, (n, trace) in enumerate(drawn):
        starts = [place.at_x(x) + (order - len(drawn) / 2) * thick for x in trace["x"]]
        for bar, start in enumerate(starts):
            yield from one_bar(trace, n, bar, start, thick, place, prefix)
        if single and not is_guess(trace):
            yield from values(trace, starts, thick, place)
        for other in data:
            if other.get("on") == trace["id"]:
                yield from marks(other, dict(zip(trace["x"], starts, strict=True)), thick, place)


def one_bar(
    trace: Trace, n: int, bar: int, start: float, thick: float, place: Place, prefix: str
) -> Iterator[Shape]:
    y = trace["y"][bar]
    if place.y.log and y <= 0:
        return
    fill = fill_of(trace, n, prefix, bar)
    outline: dict[str, Any] = (
        {"stroke": color_of(trace, bar)} if fill.startswith("url") or is_guess(trace) else {}
    )
    if is_guess(trace):
        outline |= {"stroke_dasharray": DASHED, "stroke_width": "1.8"}
    box = place.box(start, thick, place.floor, place.at_y(y))
    yield rect(*box, fill=fill, **outline)
    reach = whiskers(trace)
    if reach:
        yield whisker(start + thick / 2, y, reach[bar], place)


def marks(trace: Trace, starts: Mapping[Any, float], thick: float, place: Place) -> Iterator[Shape]:
    """What was guessed of one of a group, as a line across the bar that answers."""
    for x, y in zip(trace["x"], trace["y"], strict=True):
        if x in starts and not (place.y.log and y <= 0):
            at = place.at_y(y)
            (x1, y1), (x2, y2) = (
                place.point(starts[x] - OVER, at),
                place.point(starts[x] + thick + OVER, at),
            )
            yield line(x1, y1, x2, y2, stroke="$screen", stroke_width=6)
            yield line(x1, y1, x2, y2, stroke="$ink", stroke_width=2.4, stroke_dasharray=MARK_DASHED)


def whiskers(trace: Trace) -> list[tuple[float, float]]:
    """How far each whisker reaches down and up."""
    error = trace.get("error_y")
    if trace.get("type") != "bar" or not error or not error.get("array"):
        return []
    up, down = error["array"], error.get("arrayminus") or error["array"]
    kept = trace.get("kept") or range(len(up))
    return [(down[n] or 0.0, up[n] or 0.0) for n in kept]


def whisker(middle: float, y: float, reach: tuple[float, float], place: Place) -> Shape:
    low = y - reach[0]
    lower = place.floor if low <= 0 else place.at_y(low)
    upper = place.at_y(y + reach[1])
    lines = [((middle, lower), (middle, upper))]
    lines += [((middle - CAP, end), (middle + CAP, end)) for end in (lower, upper)]
    d = "".join(f"M{at(*place.point(*begin))}L{at(*place.point(*end))}" for begin, end in lines)
    return path(d, fill="none", stroke="$ink-2", stroke_width="1.2")


def at(x: float, y: float) -> str:
    return f"{short(x)} {short(y)}"


def values(trace: Trace, starts: Sequence[float], thick: float, place: Place) -> Iterator[Shape]:
    """A single series of bars has room for its values inside, where its bars are large enough."""
    words = trace.get("text") or []
    for bar, (start, y) in enumerate(zip(starts, trace["y"], strict=True)):
        said = words[(trace.get("kept") or range(len(words)))[bar]] if words else ""
        if said and not (place.y.log and y <= 0):
            left, top, width, height = place.box(start, thick, place.floor, place.at_y(y))
            if width_of(said, 12, bold=True) < width - 6 and height > 16 and not pattern_of(trace):
                look = {"text_anchor": "middle", "fill": "$screen", "font_weight": 700}
                yield text(left + width / 2, top + height / 2 + 4, said, **look)


# -- how they look ----------------------------------------------------------------------------


def is_bar(trace: Trace) -> bool:
    """And no mark across one."""
    return trace.get("type") == "bar" and not trace.get("on")


def is_guess(trace: Trace) -> bool:
    return str(trace.get("id", "")).startswith("guess:")


def color_of(trace: Trace, bar: int = 0) -> str:
    """Of a bar's body, or of a guess's outline."""
    marker = trace.get("marker") or {}
    color = (
        (marker.get("line") or {}).get("color", "$ink") if is_guess(trace) else marker.get("color", "$ch1")
    )
    if isinstance(color, str):
        return color
    kept = trace.get("kept") or range(len(color))
    return str(color[kept[bar]])


def fill_of(trace: Trace, n: int, prefix: str, bar: int = 0) -> str:
    if is_guess(trace):
        return "none"
    return f"url(#{prefix}-bar{n})" if pattern_of(trace) else color_of(trace, bar)


def pattern_of(trace: Trace) -> str:
    return str(((trace.get("marker") or {}).get("pattern") or {}).get("shape") or "")


def patterns(data: Sequence[Trace], prefix: str) -> Iterator[Shape]:
    for n, trace in enumerate(data):
        if trace.get("type") == "bar" and pattern_of(trace):
            yield hatch(f"{prefix}-bar{n}", color_of(trace), TURNS.get(pattern_of(trace), 45))
