"""A timeline: one lane for each thread or process, coded by colour, height and hatch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from app.svg.diagrams.lanes import Box, Frame, boxes, frame, in_groups
from app.svg.letters import shortened, width_of
from app.svg.scales import moment, nice_step, ticks
from app.svg.shapes import Drawn, Shape, hatches, line, paint, pair, path, rect, short, tenths, text

TICK_APART = 100  # pixels
LONGEST_LABEL = 0.4  # of the width


def draw(figure: Mapping[str, Any], width: float, prefix: str) -> Drawn:
    layout = figure["layout"]
    traces = in_groups(figure["data"])
    labels = [width_of(trace["label"], 12, "$mono") for trace in traces]
    place = frame(traces, width, min(max(labels, default=0.0), width * LONGEST_LABEL))
    t0 = layout["t0"]
    t1 = max(layout["t1"], t0 + 1e-9, math.nextafter(t0, math.inf))  # some time passes, whatever a file says
    states = {state["id"]: state for state in layout["states"]}
    heights = {id: state["height"] for id, state in states.items()}
    shapes = [*axis(t0, t1, place), *marks(layout, t0, t1, place)]
    used: dict[str, None] = {}
    for trace, (label, top) in zip(traces, place.rows, strict=True):
        shapes.append(label_of(trace["label"], place, label, top))
        drawn = boxes(trace, heights, t0, t1, int(place.plot))
        for state in dict.fromkeys(box.state for box in drawn):
            fill = paint(states[state], prefix)
            shapes += paths_of(drawn, states[state], place.left, top, place.lane_height, fill)
            used[state] = None
    shapes += [text(place.left + 4, y + 14, words) for y, words in place.heads]
    shapes.append(rect(place.left + 0.5, 0.5, place.plot - 0.5, place.bottom, fill="none", stroke="$rule"))
    there = [state for state in states if state in used]
    patterns = hatches((states[id] for id in there), prefix)
    return Drawn(width, place.height, [patterns, *shapes], there)


def label_of(words: str, place: Frame, label: float, top: float) -> Shape:
    look = {"font_family": "$mono", "fill": "$ink"}
    if place.above:
        return text(place.left + 4, label + 11, shortened(words, place.plot - 8, 12, "$mono"), **look)
    kept = shortened(words, place.left - 14, 12, "$mono")
    return text(place.left - 12, top + place.lane_height / 2 + 4, kept, text_anchor="end", **look)


def paths_of(
    drawn: list[Box], state: Mapping[str, Any], left: float, top: float, height: float, fill: str
) -> Iterator[Shape]:
    """One state of a lane: whole spans as one dashed stroke, shares of columns as one filled path."""
    mine = [box for box in drawn if box.state == state["id"]]
    spans = [box for box in mine if box.bottom == 0 and box.top == state["height"]]
    if spans:
        tall = height * state["height"]
        middle = top + height - tall / 2
        yield path(strokes(spans, left, middle), fill="none", stroke=fill, stroke_width=max(tall, 1.5))
    shares = [box for box in mine if box.bottom != 0 or box.top != state["height"]]
    if shares:
        step = max(box.width for box in shares)
        yield path(
            columns(shares, step, left, top, height), fill="none", stroke=fill, stroke_width=step + 0.1
        )


def strokes(spans: list[Box], left: float, y: float) -> str:
    """A line that is down where there is a span. Tenths of pixels are counted, so that nothing drifts."""
    parts, at = [f"M{short(left)} {short(y)}"], 0
    for span in spans:
        start, end = round(span.x * 10), round((span.x + span.width) * 10)
        move = f"m{tenths(start - at)} 0" if start != at else ""
        parts.append(f"{move}h{tenths(end - start)}")
        at = end
    return "".join(parts)


def columns(shares: list[Box], step: float, left: float, top: float, height: float) -> str:
    """An upright line as wide as a column for each share of it; its ends lie on half pixels."""
    parts = [f"M{short(left)} {short(top)}"]
    at_x = at_y = 0
    for share in shares:
        upper = 5 * round(2 * height * (1 - share.top))
        lower = max(5 * round(2 * height * (1 - share.bottom)), upper + 5)
        x = round((share.x + step / 2) * 10)
        parts.append(f"m{pair(x - at_x, upper - at_y)}v{tenths(lower - upper)}")
        at_x, at_y = x, lower
    return "".join(parts)


def axis(t0: float, t1: float, place: Frame) -> Iterator[Shape]:
    """Moments from the start of what is drawn."""
    step = nice_step(t1 - t0, max(2.0, place.plot / TICK_APART))
    for t in ticks(t0, t1, step):
        x = place.left + (t - t0) * place.plot / (t1 - t0)
        words = moment(t, step)
        half = width_of(words, 11, "$mono") / 2
        at = min(max(x, place.left + half), place.left + place.plot - half)
        yield line(x, 0, x, place.bottom + 4, stroke="$grid-2")
        look = {"text_anchor": "middle", "font_family": "$mono", "font_size": 11, "fill": "$ink-3"}
        yield text(at, place.height - 6, words, **look)


def marks(layout: Mapping[str, Any], t0: float, t1: float, place: Frame) -> Iterator[Shape]:
    for mark in layout.get("marks") or ():
        if t0 <= mark["t"] <= t1:
            x = place.left + (mark["t"] - t0) * place.plot / (t1 - t0)
            yield line(x, 0, x, place.bottom, stroke="$ink-2", stroke_dasharray="3 3")
