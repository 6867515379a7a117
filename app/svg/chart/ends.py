"""Names of lines: beside their ends, inside the plot where a line ends early, or in a key below it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from app.svg.chart import marks
from app.svg.letters import spread, width_of
from app.svg.scales import Range
from app.svg.shapes import Shape, line, shape

if TYPE_CHECKING:
    from app.svg.chart.axes import Place

Note = Mapping[str, Any]

APART = 18.0  # pixels between two labels
MOST = 0.4  # of the width, for labels beside the plot
GAP = 12  # between the end of a line and its label
SAMPLE = 26  # of a line, before the label of a curve whose end says nothing
LATE = 0.8  # of the plot; a line that ends there has its label on the left
RAISED = (0.0, -17.0, 17.0, -32.0, 32.0)  # where a label inside the plot may stand, the nearest first
STEP = 4.0  # pixels between two looks at what a label would cover


def room_for(ends: Sequence[Note], width: float) -> float:
    """What the labels beside the plot take of the width."""
    widest = max((length_of(note) for note in at_edge(ends)), default=0.0)
    return min(width * MOST, widest + GAP + 22) if widest else 16.0


def fitted(ends: Sequence[Note], width: float) -> list[Note]:
    """Labels too long for the room beside the plot are set in smaller letters: none is cut."""
    widest = max((length_of(note) for note in at_edge(ends)), default=0.0)
    share = (width * MOST - GAP - 22) / widest if widest else 1.0
    if share >= 1:
        return list(ends)
    return [{**note, "font": {**note["font"], "size": size_of(note) * share}} for note in ends]


def at_edge(ends: Sequence[Note]) -> list[Note]:
    """Labels of lines that reach the right edge; the others stand inside the chart."""
    last = max((note["x"] for note in ends if not on_paper(note)), default=None)
    return [note for note in ends if on_paper(note) or note["x"] == last]


def on_paper(note: Note) -> bool:
    """Curves of shares all end at 100 %: their labels are a list beside the plot."""
    return bool(note.get("xref") == "paper")


def labels(ends: Sequence[Note], data: Sequence[Mapping[str, Any]], place: Place) -> Iterator[Shape]:
    beside = at_edge(ends)
    wished = [place.top + (1 - height_of(note, place.y)) * place.height for note in beside]
    apart = spread(wished, APART, place.top + 6, place.top + place.height - 4)
    dashes = dashes_of(data)
    for note, y in zip(beside, apart, strict=True):
        x = place.left + place.width if on_paper(note) else across_at(note, place)
        if on_paper(note):
            yield sample(note, dashes.get(note["name"], ""), x + GAP, y)
            x += SAMPLE
        yield label(note, x + GAP, y + 4, "start")
    drawn = lines_of(data, place)
    for note in ends:
        if note not in beside:
            yield inside(note, drawn, place)


def sample(note: Note, dash: str, x: float, y: float) -> Shape:
    look = marks.stroke({"color": note["font"]["color"], "width": 2.4, "dash": dash})
    return line(x, y, x + SAMPLE - 6, y, **look)


def inside(note: Note, drawn: Sequence[Sequence[tuple[float, float]]], place: Place) -> Shape:
    """Beside the end of its line, or a little above or below where it would cover others."""
    x = across_at(note, place)
    y = place.top + (1 - place.y.share_of(note["y"])) * place.height
    length = length_of(note)
    late = x + GAP + length > place.left + place.width or x > place.left + place.width * LATE
    left = x - GAP - length if late else x + GAP

    def covered(raised: float) -> float:
        top = y + raised - 9
        out = top < place.top or top + 18 > place.top + place.height
        return 1000 * out + sum(crossed(one, left, top, length) for one in drawn)

    raised = min(RAISED, key=covered)
    return label(note, x - GAP if late else x + GAP, y + raised + 4, "end" if late else "start")


def lines_of(data: Sequence[Mapping[str, Any]], place: Place) -> list[list[tuple[float, float]]]:
    """Every line of the chart in pixels."""
    return [
        [
            (place.at_x(x), place.at_y(y))
            for x, y in zip(t["x"], t["y"], strict=True)
            if marks.fits(x, y, place)
        ]
        for t in data
        if "lines" in t.get("mode", "") and not t.get("fill")
    ]


def crossed(drawn: Sequence[tuple[float, float]], left: float, top: float, length: float) -> int:
    """At how many places a line runs through a label's box."""
    found = 0
    for (x0, y0), (x1, y1) in pairwise(drawn):
        steps = max(1, round(max(abs(x1 - x0), abs(y1 - y0)) / STEP))
        for n in range(steps + 1):
            x, y = x0 + (x1 - x0) * n / steps, y0 + (y1 - y0) * n / steps
            found += left <= x <= left + length and top <= y <= top + 18
    return found


def height_of(note: Note, shown: Range) -> float:
    """On paper as on the axis: Plotly counts both from the bottom."""
    return float(note["y"]) if note.get("yref") == "paper" else shown.share_of(note["y"])


def across_at(note: Note, place: Place) -> float:
    if place.names is not None:
        return place.at_x(note["x"])
    return place.left + place.x.share_of(note["x"]) * place.width


def label(note: Note, x: float, y: float, anchor: str) -> Shape:
    """A label with its bold part; a margin in the colour of the screen keeps lines out of it."""
    look = {"text_anchor": anchor, "font_size": size_of(note), "fill": note["font"]["color"]}
    halo = {"stroke": "$screen", "stroke_width": 4, "stroke_linejoin": "round", "paint_order": "stroke"}
    strong, rest = re.fullmatch(r"(?:<b>(.*?)</b>)?(.*)", note["text"], re.DOTALL).groups()  # type: ignore[union-attr]
    parts = [shape("tspan", bare(strong), font_weight=700)] if strong else []
    return shape("text", "", [*parts, shape("tspan", bare(rest))], x=round(x), y=round(y), **look, **halo)


def length_of(note: Note) -> float:
    return width_of(bare(note["text"]), size_of(note), bold=True) + (SAMPLE if on_paper(note) else 0)


def size_of(note: Note) -> float:
    return float(note.get("font", {}).get("size", 13))


def bare(words: str) -> str:
    """The words of a label without Plotly's HTML."""
    plain = re.sub(r"</?b>", "", words.replace("<br>", " "))
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def dashes_of(data: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The name of a line's label → how the line is dashed."""
    return {f"end:{t['id']}": (t.get("line") or {}).get("dash", "") for t in data}


def entries(data: Sequence[Mapping[str, Any]], ends: Sequence[Note]) -> list[marks.Entry]:
    """The same names for a key below the chart."""
    dashes = dashes_of(data)
    dashed = ("end:reference:", "end:guess:")
    return [
        marks.Entry(
            bare(note["text"]),
            note["font"]["color"],
            "line",
            dashes.get(note["name"]) or ("dash" if note["name"].startswith(dashed) else ""),
        )
        for note in ends
    ]
