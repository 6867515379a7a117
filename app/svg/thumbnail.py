"""The shape of a result at the size of a stamp: no words, no axes, only what its figure looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from app.svg.chart.axes import Place, categories, x_range, y_range
from app.svg.chart.chart import drawable
from app.svg.diagrams.lanes import boxes, in_groups
from app.svg.shapes import Shape, markup, path, rect, short

WIDTH, HEIGHT, PAD = 160, 100, 10
LANES = 6
POINTS = 40  # of a line: more cannot be told apart
APART = ("reference:", "guess:")  # what is no result


def thumbnail(figures: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> str:
    """What stands inside an <svg> of 160 × 100, coloured by CSS variables; empty where nothing was drawn.

    The first of the `wanted` figures that has something to show is taken.
    """
    known = {figure["id"]: figure for figure in figures}
    for figure in (known[id] for id in wanted if id in known):
        draw = DRAWN.get(figure["kind"])
        shapes = list(draw(figure)) if draw and figure["data"] else []
        if shapes:
            return "".join(markup(shape, None) for shape in shapes)
    return ""


def lines(figure: Mapping[str, Any]) -> Iterator[Shape]:
    """The series of a chart of Plotly's, without bands."""
    data = [trace for trace in drawable(figure["data"]) if not trace["id"].startswith(APART)]
    data = [trace for trace in data if not trace["id"].endswith("/band")]
    if not data:
        return
    layout = figure["layout"]
    names = categories(data, layout) if layout["xaxis"].get("type") == "category" else None
    ranges = x_range(data, layout, names), y_range(data, layout["yaxis"])
    place = Place(PAD, PAD, WIDTH - 2 * PAD, HEIGHT - 2 * PAD, *ranges, names)
    bars = [trace for trace in data if trace.get("type") == "bar"]
    for n, trace in enumerate(bars):
        yield from columns(trace, place, n, len(bars))
    for trace in data:
        if trace not in bars and len(trace["x"]) > 1:
            yield curve(trace, place)


def columns(trace: Mapping[str, Any], place: Place, n: int, count: int) -> Iterator[Shape]:
    """Bars of one series, beside those of the others."""
    colour = trace.get("marker", {}).get("color", "$ink-3")
    colours = [colour] * len(trace["x"]) if isinstance(colour, str) else colour
    step = place.width / max(1, len(place.names or trace["x"])) * 0.8
    for x, y, fill in zip(trace["x"], trace["y"], colours, strict=True):
        top = place.at_y(y)
        left = place.at_x(x) - step / 2 + n * step / count
        yield rect(left, top, step / count - 1, HEIGHT - PAD - top, fill=fill)


def curve(trace: Mapping[str, Any], place: Place) -> Shape:
    every = max(1, len(trace["x"]) // POINTS)
    kept = [*range(0, len(trace["x"]) - 1, every), len(trace["x"]) - 1]
    points = " ".join(f"{short(place.at_x(trace['x'][n]))} {short(place.at_y(trace['y'][n]))}" for n in kept)
    colour = trace.get("line", {}).get("color") or trace.get("marker", {}).get("color") or "$ink-3"
    return path(f"M{points}", fill="none", stroke=colour, stroke_width=2.4, stroke_linejoin="round")


def timeline(figure: Mapping[str, Any]) -> Iterator[Shape]:
    layout = figure["layout"]
    heights = {state["id"]: state["height"] for state in layout["states"]}
    lanes = in_groups([trace for trace in figure["data"] if trace["start"]])[:LANES]
    step = (HEIGHT - 2 * PAD) / max(4, len(lanes))
    t1 = max(layout["t1"], layout["t0"] + 1e-9)
    for n, trace in enumerate(lanes):
        bottom = PAD + (n + 1) * step - 4
        for box in boxes(trace, heights, layout["t0"], t1, (WIDTH - 2 * PAD) // 2):
            tall = (box.top - box.bottom) * (step - 6)
            top = bottom - box.top * (step - 6)
            yield rect(PAD + 2 * box.x, top, 2 * box.width, tall, fill=f"$st-{box.state}")


def shares(figure: Mapping[str, Any]) -> Iterator[Shape]:
    lanes = [trace for trace in figure["data"] if not trace["id"].startswith(APART)][:LANES]
    step = (HEIGHT - 2 * PAD) / max(4, len(lanes))
    for n, trace in enumerate(lanes):
        whole = sum(seconds for _, seconds in trace["parts"]) or 1.0
        x = float(PAD)
        for state, seconds in trace["parts"]:
            width = seconds / whole * (WIDTH - 2 * PAD)
            if width >= 0.5:
                yield rect(x, PAD + n * step, width - 0.4, step - 6, fill=f"$st-{state}")
            x += width


DRAWN: dict[str, Callable[[Mapping[str, Any]], Iterator[Shape]]] = {
    "plotly": lines,
    "timeline": timeline,
    "shares": shares,
}
