"""An address space as a column: high addresses on top, as high as the logarithm of their sizes.

What is in memory fills a box from the left. The axis is broken where two parts grow towards each other:
terabytes of nothing lie there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from app.drawing.letters import width_of
from app.drawing.shapes import Drawn, Shape, hatch, line, path, rect, shape, text
from app.figures.words import percent_of, size
from app.languages import t

PAGE_B = 4096
LEAST, EACH = 18.0, 5.2  # pixels: of one page, and for each doubling of it
GAP = 34
BETWEEN = 26  # columns
WIDEST = 420.0
TOP = 26
ROLES = {
    "text": "$ch2",
    "initialised data": "$ch1",
    "bss": "$ch1",
    "heap": "$ch5",
    "mappings": "$ch6",
    "libraries": "$ch3",
    "thread stacks": "$ch4",
    "stack": "$ch4",
}
GROWS = {"heap": "up", "mappings": "down", "stack": "down"}
SHUT = ("reserved", "guards")  # no access: addresses only, never memory


class Column(NamedTuple):
    left: float
    width: float
    prefix: str


def draw(figure: Mapping[str, Any], width: float, prefix: str) -> Drawn:
    """`data` has columns {"id", "label", "parts"}; a part is [kind, bytes, those in memory or None]."""
    columns = figure["data"]
    each = min(WIDEST, (width - BETWEEN * (len(columns) - 1)) / max(1, len(columns)))
    shapes: list[Shape] = [shape("defs", "", [hatch(f"{prefix}-shut", "$ink-3")])]
    lowest = 0.0
    for n, column in enumerate(columns):
        place = Column(n * (each + BETWEEN) + 1, each - 2, prefix)
        drawn, bottom = stack(column, place)
        shapes += drawn
        lowest = max(lowest, bottom)
    return Drawn(width, lowest + 4, shapes)


def stack(column: Mapping[str, Any], place: Column) -> tuple[list[Shape], float]:
    """Boxes from the top down, and where they end."""
    shapes = [text(place.left, 14, column["label"], font_weight=700, fill="$ink")]
    y = float(TOP)
    for piece, height in pieces(column["parts"], place):
        shapes.append(shape("g", "", piece, transform=f"translate(0 {y:.1f})"))
        y += height
    return shapes, y


def pieces(parts: Sequence[Sequence[Any]], place: Column) -> Iterator[tuple[list[Shape], float]]:
    """What stands below each other, each drawn from 0 down, with its height."""
    yield closed(t("the kernel's half: not ours to see"), place), 30
    before = ""
    for kind, size_b, resident_b in reversed(parts):
        if before and (GROWS.get(before) == "down" or GROWS.get(kind) == "up"):
            yield broken(before, kind, place), GAP
        height = LEAST + EACH * math.log2(max(1.0, size_b / PAGE_B))
        yield box(kind, size_b, resident_b, height, place), height
        before = kind
    yield closed(t("nothing: a null pointer fails here"), place), 24


def box(kind: str, size_b: int, resident_b: int | None, height: float, place: Column) -> list[Shape]:
    role = ROLES.get(kind, "$ink-3")
    shut = kind in SHUT
    ground = f"url(#{place.prefix}-shut)" if shut else "$screen"
    shapes = [rect(place.left, 0, place.width, height, fill=ground, fill_opacity=0.4 if shut else None)]
    if resident_b and size_b:
        filled = max(1.5, min(1.0, resident_b / size_b) * place.width)
        shapes.append(rect(place.left, 0, filled, height, fill=f"{role}/0.3"))
    shapes.append(rect(place.left, 0, place.width, height, fill="none", stroke=role, stroke_width=1.2))
    return shapes + labels(kind, size_b, resident_b, height, place)


def labels(kind: str, size_b: int, resident_b: int | None, height: float, place: Column) -> list[Shape]:
    """Name and size; how much of it is in memory stands below where there is room, else between them."""
    name, total = t(kind), size(size_b)
    left, right = place.left + 8, place.left + place.width - 8
    tall = height >= 36
    y = height / 2 + (-3 if tall else 4)
    shapes = [
        text(left, y, name, font_weight=700, fill="$ink"),
        text(right, y, total, text_anchor="end", font_family="$mono", fill="$ink"),
    ]
    if resident_b is None or kind in SHUT:
        return shapes
    told = t(
        "{size} in memory, {share}", size=size(resident_b), share=percent_of(resident_b / max(1, size_b))
    )
    if tall:
        shapes.append(text(left, y + 15, told, font_size=11))
    elif width_of(name, 12, bold=True) + width_of(told, 11) + width_of(total, 12, "$mono") + 50 < place.width:
        middle = left + width_of(name, 12, bold=True) + 14
        shapes.append(text(middle, y, told, font_size=11))
    return shapes


def closed(words: str, place: Column) -> list[Shape]:
    """Addresses that nobody may use."""
    ground = rect(place.left, 2, place.width, 20, fill=f"url(#{place.prefix}-shut)", fill_opacity=0.35)
    halo = {"stroke": "$screen", "stroke_width": 4, "stroke_linejoin": "round", "paint_order": "stroke"}
    return [ground, text(place.left + 8, 16, words, font_size=11, **halo)]


def broken(above: str, below: str, place: Column) -> list[Shape]:
    """The axis is interrupted; arrows say who grows into the gap."""
    teeth = "".join(f"l{6} {-5 if n % 2 else 5}" for n in range(int(place.width // 6)))
    look = {"fill": "none", "stroke": "$ink-3", "stroke_width": 1}
    shapes = [path(f"M{place.left:.1f} {y}{teeth}", **look) for y in (GAP / 2 - 5, GAP / 2 + 1)]
    middle = place.left + place.width / 2
    if GROWS.get(above) == "down":
        shapes += arrow(middle - 14, 3, GAP - 8)
    if GROWS.get(below) == "up":
        shapes += arrow(middle + 14, GAP - 3, 8)
    return shapes


def arrow(x: float, start: float, end: float) -> list[Shape]:
    turn = 5 if end > start else -5
    head = f"M{x - 4:.1f} {end - turn:.1f}L{x:.1f} {end:.1f}L{x + 4:.1f} {end - turn:.1f}"
    look = {"stroke": "$ink", "stroke_width": 1.6, "fill": "none"}
    return [line(x, start, x, end, **look), path(head, **look)]
