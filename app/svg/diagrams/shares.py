"""How lanes spent their time, as stacked bars of the same length, coded like the timeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from app.svg.letters import shortened, width_of
from app.svg.shapes import Drawn, Shape, hatches, line, paint, rect, text
from app.text.values import percent_of

BAR = 22
STEP = 34
MARKED = 7  # more room below a lane with a mark, for its words
TOP = 12


class Place(NamedTuple):
    left: float
    width: float
    prefix: str


def draw(figure: Mapping[str, Any], width: float, prefix: str) -> Drawn:
    states = {state["id"]: state for state in figure["layout"]["states"]}
    gutter = max((width_of(trace["label"], 12, "$mono") for trace in figure["data"]), default=0) + 24
    above = gutter > width * 0.3
    left = 10 if above else gutter
    place = Place(left, width - left - 10, prefix)
    shapes: list[Shape] = []
    y: float = TOP
    for trace in figure["data"]:
        look = {"font_family": "$mono", "fill": "$ink"}
        if above:
            shapes.append(text(left, y + 11, shortened(trace["label"], place.width, 12, "$mono"), **look))
            y += 17
        else:
            shapes.append(text(left - 12, y + BAR / 2 + 4, trace["label"], text_anchor="end", **look))
        guessed = trace["id"].startswith("guess:")
        shapes += bar(trace["parts"], states, place, y, guessed)
        marks = [mark for mark in figure["layout"].get("marks", ()) if mark["lane"] == trace["id"]]
        for mark in marks:
            shapes += marked(mark, place, y)
        y += STEP + (MARKED if marks else 0)
    there = {state for trace in figure["data"] for state, seconds in trace["parts"] if seconds}
    used = [state for state in states if state in there]
    patterns = hatches((states[id] for id in used), prefix)
    return Drawn(width, y, [patterns, *shapes], used)


def bar(
    parts: list[list[Any]], states: Mapping[str, Any], place: Place, y: float, guessed: bool = False
) -> Iterator[Shape]:
    if not guessed:
        yield rect(place.left, y, place.width, BAR, fill="$grid")
    whole = sum(seconds for _, seconds in parts)
    x = place.left
    for id, seconds in parts:
        if whole and seconds > 0:
            width = seconds / whole * place.width
            look = predicted(states[id]) if guessed else counted(states[id])
            yield rect(x, y, max(0.5, width - 0.8), BAR, fill=paint(states[id], place.prefix), **look)
            yield from told(states[id], seconds / whole, x, y, width, guessed)
            x += width


def counted(state: Mapping[str, Any]) -> dict[str, Any]:
    return {"stroke": f"$st-{state['id']}"} if state["hatch"] else {"fill_opacity": "$tl-body"}


def predicted(state: Mapping[str, Any]) -> dict[str, Any]:
    """The same code, drawn faintly in a dashed outline."""
    dashed = {"stroke": f"$st-{state['id']}", "stroke_width": 1.5, "stroke_dasharray": "4 3"}
    return dashed | {"fill_opacity": 0.55 if state["hatch"] else 0.22}


def told(
    state: Mapping[str, Any], share: float, x: float, y: float, width: float, guessed: bool
) -> Iterator[Shape]:
    """The share in percent, where there is room for it."""
    words = percent_of(share)
    wide = width_of(words, 11, "$mono") + 10
    if wide + 4 > width:
        return
    light = guessed or state["hatch"] or state["id"] == "blocked"
    back, ink = ("$screen", "$ink") if light else ("none", "$screen")
    if back != "none":
        yield rect(x + (width - wide) / 2, y + 3.5, wide, BAR - 7, fill=back, rx=2)
    look = {"text_anchor": "middle", "font_size": 11, "font_weight": 700, "font_family": "$mono"}
    yield text(x + width / 2, y + BAR / 2 + 4, words, fill=ink, **look)


def marked(mark: Mapping[str, Any], place: Place, y: float) -> Iterator[Shape]:
    """A share that was predicted: a dashed line across its lane, its words below."""
    x = place.left + min(1.0, max(0.0, mark["at"])) * place.width
    top, bottom = y - 5, y + BAR + 4
    half = width_of(mark["label"], 11, "$sans") / 2
    middle = min(max(x, place.left + half), place.left + place.width - half)
    yield line(x, top, x, bottom, stroke="$screen", stroke_width=5)
    yield line(x, top, x, bottom, stroke="$ink", stroke_width=2, stroke_dasharray="5 3")
    look = {"text_anchor": "middle", "font_size": 11, "fill": "$ink"}
    yield text(middle, y + BAR + 11, mark["label"], **look)
