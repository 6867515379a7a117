"""One call under several models, on two lines: what the program did, what the kernel did for it.

All models are aligned where their data arrived. The copy takes microseconds and the wait takes
milliseconds, so that the axis has two scales there, and says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from app.svg.letters import in_lines, width_of
from app.svg.scales import moment, nice_step, ticks
from app.svg.shapes import Drawn, Shape, hatches, line, paint, path, rect, short, text
from app.text.languages import t
from app.text.values import sentence

WIDE_FROM = 720  # from here on names stand left of the lines, and numbers right of them
ONE_SCALE = 0.2  # of the width, for what comes after the arrival: then no magnifying is needed
SEAM = 0.56  # of the width, where the data arrives and the scale changes
HEIGHT = 18.0  # of a state that fills its lane
APART = 5.0  # pixels between arrows; nearer ones are left out
MAGNIFIED = 1.5  # less is not worth a word
HEAD = 40.0
PAD = 14.0
SMALL = {"font_family": "$mono", "font_size": 11}
MOMENT = {**SMALL, "text_anchor": "middle", "fill": "$ink-3"}
CALL = {**SMALL, "fill": "$ink"}


class Phases(NamedTuple):
    """Where a model begins, when its data was there, when it was in the buffer, when it ends; seconds."""

    begin: float
    ready: float
    done: float
    end: float


class Scale(NamedTuple):
    """Pixels for seconds around the arrival of the data."""

    seam: float
    slow: float
    fast: float

    @property
    def magnified(self) -> float:
        return self.fast / self.slow if self.slow else 1.0

    def x(self, moment_s: float) -> float:
        return self.seam + moment_s * (self.slow if moment_s < 0 else self.fast)


class Place(NamedTuple):
    left: float
    right: float
    width: float
    wide: bool
    scale: Scale
    before: float
    after: float
    prefix: str


def draw(figure: Mapping[str, Any], width: float, prefix: str) -> Drawn:
    models = [trace for trace in figure["data"] if trace["spans"]]
    wide = width >= WIDE_FROM
    left, right = (188.0, 176.0) if wide else (PAD, PAD)
    all_phases = [phases(trace) for trace in models]
    before = max((p.ready - p.begin for p in all_phases), default=0.0)
    after = max((p.end - p.ready for p in all_phases), default=0.0) * 1.06
    scale = scales(before, after, left, width - left - right)
    place = Place(left, width - right, width, wide, scale, before, after, prefix)
    states = {state["id"]: state for state in figure["layout"]["states"]}
    there = {span[3] for trace in models for span in trace["spans"]}
    used = [state for state in states if state in there]
    shapes = [hatches((states[id] for id in used), prefix), *header(place)]
    y = HEAD
    for n, trace in enumerate(models):
        if n:
            shapes.append(line(PAD, y, width - PAD, y, stroke="$rule"))
        drawn, height = model(trace, place, states, y)
        shapes += drawn
        y += height
    shapes += axis(place, y)
    return Drawn(width, y + 32, shapes, used)


def phases(trace: Mapping[str, Any]) -> Phases:
    begin = min(span[1] for span in trace["spans"])
    end = max(span[2] for span in trace["spans"])
    ready = first(trace.get("ready_s"), trace.get("done_s"), end)
    return Phases(begin, ready, max(ready, first(trace.get("done_s"), end)), end)


def first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def scales(before: float, after: float, left: float, width: float) -> Scale:
    whole = before + after or 1.0
    one = after / whole >= ONE_SCALE or before == 0
    seam = before / whole * width if one else SEAM * width
    return Scale(left + seam, seam / before if before else 0.0, (width - seam) / after if after else 0.0)


def header(place: Place) -> Iterator[Shape]:
    """What the two halves of the axis mean."""
    if not place.before:
        return
    seam = place.scale.seam
    beside, anchor = (7, "start") if place.wide else (-7, "end")
    yield text(seam + beside, 22, t("data arrives"), font_weight=700, fill="$ink", text_anchor=anchor)
    if place.wide:
        yield text(place.left, 22, t("waiting for data"))
    if place.scale.magnified > MAGNIFIED:
        words = t("time magnified {factor}×", factor=f"{place.scale.magnified:.0f}")
        yield text(place.right, 22, words, **SMALL, text_anchor="end", fill="$ink-3")
    yield path(f"M{seam:.2f} 29l-4 -7h8z", fill="$ink")


# -- the axis ---------------------------------------------------------------------------------


def axis(place: Place, y: float) -> Iterator[Shape]:
    """Moments left and right of the arrival, each on its own scale; a zigzag where the scale changes."""
    yield line(place.left, y + 0.5, place.right, y + 0.5, stroke="$rule-2")
    taken: list[tuple[float, float]] = []
    for moment_s, words in moments(place):
        x = place.scale.x(moment_s)
        half = width_of(words, 11, "$mono") / 2 + 4
        at = min(max(x, place.left + half), place.right - half)
        yield line(x, y, x, y + 4, stroke="$ink-3")
        if all(abs(other - at) >= its_half + half for other, its_half in taken):
            taken.append((at, half))
            yield text(at, y + 18, words, **MOMENT)
    if place.scale.magnified > MAGNIFIED:
        d = f"M{place.scale.seam - 14:.2f} {y + 5:.2f}l4 -9m2 9l4 -9"
        yield path(d, stroke="$ink-2", stroke_width="1.3", fill="none")


def moments(place: Place) -> list[tuple[float, str]]:
    """The arrival first: where labels would touch, the earlier ones of this list stay."""
    found = [(0.0, "0")]
    if place.before:
        step = nice_step(place.before, max(2.0, (place.scale.seam - place.left) / 90))
        places = [tick for tick in ticks(-place.before, 0, step) if tick < -step / 2]
        found += [(tick, f"−{moment(-tick, step)}") for tick in places]
    if place.after:
        step = nice_step(place.after, max(2.0, (place.right - place.scale.seam) / 90))
        places = [tick for tick in ticks(0, place.after, step) if tick > step / 2]
        found += [(tick, f"+{moment(tick, step)}") for tick in places]
    return found


# -- one model --------------------------------------------------------------------------------


def model(
    trace: Mapping[str, Any], place: Place, states: Mapping[str, Any], top: float
) -> tuple[list[Shape], float]:
    heading = 0.0 if place.wide else 40.0
    lanes = {"program": top + heading + 42, "kernel": top + heading + 96}
    notes = notes_of(trace, place)
    height = heading + 112 + (0 if place.wide else len(notes) * 16 + 10)
    shapes = list(phase_shapes(trace, place, top + heading + 6))
    shapes += [line(place.left, y + 0.5, place.right, y + 0.5, stroke="$rule-2") for y in lanes.values()]
    shapes += spans(trace, place, states, lanes)
    shapes += calls(trace, place, lanes)
    shapes += heading_shapes(trace, place, lanes, top)
    x, y = (place.right + 12, lanes["program"] - 4) if place.wide else (place.left, lanes["kernel"] + 22)
    shapes += [text(x, y + n * 16, words, **SMALL) for n, words in enumerate(notes)]
    return shapes, height


def notes_of(trace: Mapping[str, Any], place: Place) -> list[str]:
    if place.wide:
        return [part for part in re.split(", |，", trace["note"]) if part]
    return in_lines(trace["note"], place.width - 2 * PAD, lambda words: width_of(words, 11, "$mono"))


def phase_shapes(trace: Mapping[str, Any], place: Place, y: float) -> Iterator[Shape]:
    begin, ready, done, _ = phases(trace)
    scale = place.scale
    left = scale.x(begin - ready)
    yield rect(left, y, scale.seam - left, 100, fill="$grid", opacity=0.6)
    yield rect(scale.seam, y, scale.x(done - ready) - scale.seam, 100, fill="$grid-2", opacity=0.6)


def spans(
    trace: Mapping[str, Any], place: Place, states: Mapping[str, Any], lanes: Mapping[str, float]
) -> Iterator[Shape]:
    """One path for each state of a lane: a reader that asks again and again has hundreds of spans."""
    ready = phases(trace).ready
    kinds: dict[tuple[str, str], list[str]] = {}
    for lane, start, end, id, *_ in trace["spans"]:
        height = short(max(3.0, HEIGHT * states[id]["height"]))
        x, x2 = place.scale.x(start - ready), place.scale.x(end - ready)
        wide = short(max(1.0, x2 - x - 0.6))
        box = f"M{short(x)} {short(lanes[lane])}v-{height}h{wide}v{height}z"
        kinds.setdefault((lane, id), []).append(box)
    for (_, id), boxes in kinds.items():
        outline = {"stroke": f"$st-{id}"} if states[id]["hatch"] else {"fill_opacity": "$tl-body"}
        yield path("".join(boxes), fill=paint(states[id], place.prefix), **outline)


def heading_shapes(
    trace: Mapping[str, Any], place: Place, lanes: Mapping[str, float], top: float
) -> Iterator[Shape]:
    title = {"font_family": "$serif", "font_size": 18, "fill": "$ink"}
    code = {"font_family": "$mono", "font_size": "11.5", "fill": "$ink-3"}
    words = sentence(trace["label"])
    if not place.wide:
        yield text(place.left, top + 24, words, **title)
        room = place.width - 2 * place.left - width_of(words, 18, "$serif") - 10
        if width_of(trace["call"], 11.5, "$mono") <= room:
            yield text(place.width - place.left, top + 24, trace["call"], text_anchor="end", **code)
        return
    yield text(PAD, lanes["program"], words, **title)
    lines = in_lines(trace["call"], place.left - PAD - 58, lambda part: width_of(part, 11.5, "$mono"))
    for n, part in enumerate(lines[:3]):
        yield text(PAD, lanes["program"] + 19 + n * 15, part, **code)
    named = {"font_size": "10.5", "fill": "$ink-3", "text_anchor": "end"}
    yield text(place.left - 8, lanes["program"] + 1, t("program"), **named)
    yield text(place.left - 8, lanes["kernel"] + 1, t("kernel"), **named)


def calls(trace: Mapping[str, Any], place: Place, lanes: Mapping[str, float]) -> list[Shape]:
    """Arrows between the lanes. Names go where there is room, in two rows; the rest stays unnamed."""
    ready = phases(trace).ready
    arrows: dict[int, list[float]] = {1: [], -1: []}
    names: list[Shape] = []
    rows = [-math.inf, -math.inf]
    newest = -math.inf
    for called_s, way, words in trace["calls"]:
        x = place.scale.x(called_s - ready)
        if arrows[way] and x - arrows[way][-1] < APART and not words:
            continue
        x = min(place.right - 2, newest + APART if x - newest < APART else x)  # a call and its return
        newest = x
        arrows[way].append(x)
        if words:
            names += call_name(words, x, rows, place, lanes)
    return [shape for way, xs in arrows.items() if xs for shape in arrow_shapes(xs, way, lanes)] + names


def call_name(
    words: str, x: float, rows: list[float], place: Place, lanes: Mapping[str, float]
) -> Iterator[Shape]:
    width = width_of(words, 11, "$mono")
    start = max(place.left, x - 5 - width if x + 5 + width > place.right else x + 5)
    row = next((n for n, end in enumerate(rows) if end + 6 <= start), None)
    if row is not None:
        rows[row] = start + width
        y = lanes["program"] + 17 + row * 14
        yield rect(start - 2, y - 10, width + 4, 13, fill="$screen/0.9", rx=2)  # keeps arrows out of it
        yield text(start, y, words, **CALL)


def arrow_shapes(xs: list[float], way: int, lanes: Mapping[str, float]) -> list[Shape]:
    """All arrows of one direction: down into the kernel, dashed on the way back."""
    upper, lower = lanes["program"] + 2, lanes["kernel"] - 20
    start, end = (upper, lower) if way > 0 else (lower, upper)
    stems = "".join(f"M{short(x)} {short(start)}V{short(end - way * 5)}" for x in xs)
    heads = "".join(f"M{short(x)} {short(end)}l-3.4 {-way * 6}h6.8z" for x in xs)
    dash = {"stroke_dasharray": "3 2"} if way < 0 else {}
    stem = path(stems, stroke="$ink-2", stroke_width="1.2", fill="none", **dash)
    return [stem, path(heads, fill="$ink-2")]
