"""An address space as a column: high addresses on top, as high as the logarithm of their sizes.

What is in memory fills a box from the left. The axis is broken where two parts grow towards each other:
terabytes of nothing lie there. Columns stand beside each other, so that each part is at one height in all;
what has grown since the first of them says by how much.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from app.svg.letters import width_of
from app.svg.shapes import Drawn, Shape, hatch, line, path, rect, shape, text
from app.text.languages import t
from app.text.values import percent_of, size_of
from experiments.kit.kernel.maps import KINDS

PAGE_B = 4096
LEAST, EACH = 18.0, 5.2  # pixels: of one page, and for each doubling of it
TWO_LINES = 36.0  # pixels of a box that has room for them
GAP = 34
BETWEEN = 26  # columns
WIDEST = 420.0
NARROW = 220.0  # of a column: names and sizes stand below each other
WIDE = 360.0  # of a column: all words have room in one line, so that boxes may be low
LOW = 1.8  # pixels for each doubling, in a wide column
ROOMY = 600.0  # of a picture: the classic split has a place beside the columns
BESIDE = 118.0
TOP = 26
KERNEL, NOTHING = 46.0, 24.0
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


class Band(NamedTuple):
    """The place of one part in all columns; `below` is the part above a break of the axis, else ""."""

    kind: str
    top: float
    height: float
    below: str = ""

    @property
    def bottom(self) -> float:
        return self.top + self.height


def draw(figure: Mapping[str, Any], width: float, prefix: str) -> Drawn:
    """`data` has columns {"id", "label", "parts"}; a part is [kind, bytes, those in memory or None].

    With `layout.classic` the split of 32 bits stands beside them, where there is room.
    """
    columns = figure["data"]
    beside = BESIDE if figure["layout"].get("classic") and width >= ROOMY else 0.0
    places = in_places(columns, width - (beside + BETWEEN if beside else 0), prefix)
    bands = list(in_bands([column["parts"] for column in columns], places[0].width))
    bottom = (bands[-1].bottom if bands else TOP + KERNEL) + NOTHING
    shapes: list[Shape] = [shape("defs", "", [hatch(f"{prefix}-shut", "$ink-3")])]
    first = {kind: size_b for kind, size_b, _ in columns[0]["parts"]}
    for n, (column, place) in enumerate(zip(columns, places, strict=True)):
        shapes += stack(column, bands, bottom, place, first if n else None)
    if beside:
        right = places[-1].left + places[-1].width
        shapes += classic(Column(right + BETWEEN, beside - 2, prefix), bottom)
    return Drawn(width, bottom + 4, shapes)


def in_places(columns: Sequence[Any], width: float, prefix: str) -> list[Column]:
    each = min(WIDEST, (width - BETWEEN * (len(columns) - 1)) / len(columns))
    return [Column(n * (each + BETWEEN) + 1, each - 2, prefix) for n in range(len(columns))]


def in_bands(columns: Sequence[Sequence[Sequence[Any]]], width: float) -> Iterator[Band]:
    """From the top down; a band is as high as its highest box."""
    known: dict[str, int] = {kind: place for place, kind in enumerate(KINDS)}
    heights: dict[str, float] = {}
    for parts in columns:
        for kind, size_b, _ in parts:
            heights[kind] = max(heights.get(kind, 0.0), height_of(size_b, width))
    y, before = TOP + KERNEL, ""
    for kind in sorted(heights, key=lambda kind: known.get(kind, len(known)), reverse=True):
        apart = bool(before) and (GROWS.get(before) == "down" or GROWS.get(kind) == "up")
        y += GAP if apart else 0
        yield Band(kind, y, heights[kind], before if apart else "")
        y += heights[kind]
        before = kind


def height_of(size_b: int, width: float) -> float:
    height = LEAST + (LOW if width >= WIDE else EACH) * math.log2(max(1.0, size_b / PAGE_B))
    return max(height, TWO_LINES) if width < NARROW else height


def stack(
    column: Mapping[str, Any],
    bands: Sequence[Band],
    bottom: float,
    place: Column,
    first: Mapping[str, int] | None,
) -> list[Shape]:
    """One column. `first` has the sizes that it is held against."""
    parts = {kind: (size_b, resident_b) for kind, size_b, resident_b in column["parts"]}
    shapes = [text(place.left, 14, column["label"], font_weight=700, fill="$ink")]
    shapes += rails(bottom, place)
    shapes += closed(t("the kernel's half: not ours to see"), TOP, KERNEL - 6, place)
    for band in bands:
        if band.below:
            shapes.append(moved(broken(band.below, band.kind, place), band.top - GAP))
        if band.kind in parts:
            size_b, resident_b = parts[band.kind]
            height = height_of(size_b, place.width)
            down = GROWS.get(band.kind) == "down"  # it keeps its upper end; all else keeps the lower one
            grown_b = size_b - first.get(band.kind, 0) if first is not None else 0
            drawn = box(band.kind, size_b, resident_b, grown_b, height, place)
            shapes.append(moved(drawn, band.top if down else band.bottom - height))
    return shapes + closed(t("nothing: a null pointer fails here"), bottom - NOTHING + 2, 20, place)


def moved(shapes: Sequence[Shape], y: float) -> Shape:
    return shape("g", "", shapes, transform=f"translate(0 {y:.1f})")


def rails(bottom: float, place: Column) -> list[Shape]:
    """What belongs to one address space hangs together, where it has no part, too."""
    look = {"stroke": "$ink-3", "stroke_width": 0.8, "stroke_dasharray": "2 4"}
    ends = (place.left, place.left + place.width)
    return [line(x, TOP, x, bottom - 2, **look) for x in ends]


def box(
    kind: str, size_b: int, resident_b: int | None, grown_b: int, height: float, place: Column
) -> list[Shape]:
    role = ROLES.get(kind, "$ink-3")
    shut = kind in SHUT
    shapes = [rect(place.left, 0, place.width, height, fill="$screen")]
    if shut:
        shapes.append(
            rect(place.left, 0, place.width, height, fill=f"url(#{place.prefix}-shut)", fill_opacity=0.4)
        )
    if resident_b and size_b:
        filled = max(1.5, min(1.0, resident_b / size_b) * place.width)
        shapes.append(rect(place.left, 0, filled, height, fill=f"{role}/0.3"))
    outline = 2.4 if grown_b > 0 else 1.2
    shapes.append(rect(place.left, 0, place.width, height, fill="none", stroke=role, stroke_width=outline))
    return shapes + labels(kind, size_b, resident_b, grown_b, height, place)


def labels(
    kind: str, size_b: int, resident_b: int | None, grown_b: int, height: float, place: Column
) -> list[Shape]:
    """Name and size above; below, where there is room, what is in memory of it, and how much came."""
    name, total = t(kind), size_of(size_b)
    left, right = place.left + 8, place.left + place.width - 8
    room = place.width - 16
    tall = height >= TWO_LINES
    y = height / 2 + (-3 if tall else 4)
    beside = room - width_of(name, 12, bold=True) - width_of(total, 12, "$mono") - 8
    at_right = {"text_anchor": "end", "font_family": "$mono", "fill": "$ink"}
    halo = HALO if kind in SHUT else {}
    shapes = [text(left, y, name, font_weight=700, fill="$ink", **halo)]
    if beside >= 0 or not tall:
        shapes.append(text(right, y, total, **at_right, **halo))
        more = f"+{size_of(grown_b)}" if grown_b > 0 else ""
    else:
        more = total
    strong = {**at_right, **halo, "font_weight": 700, "font_size": 11}
    if tall and more:
        shapes.append(text(right, y + 15, more, **strong))
    elif more and place.width >= WIDE:
        shapes.append(text(right - width_of(total, 12, "$mono") - 12, y, more, **strong))
        beside -= width_of(more, 11, "$mono", bold=True) + 12
    if resident_b is None or kind in SHUT:
        return shapes
    told = in_memory(resident_b, size_b, room - width_of(more, 11, "$mono", bold=True) - 8)
    if tall and told:
        shapes.append(text(left, y + 15, told, font_size=11))
    elif told and width_of(told, 11) + 26 < beside:
        shapes.append(text(left + width_of(name, 12, bold=True) + 14, y, told, font_size=11))
    return shapes


def in_memory(resident_b: int, size_b: int, room: float) -> str:
    """As many words as there is room for."""
    share = percent_of(resident_b / max(1, size_b))
    long = t("{size} in memory, {share}", size=size_of(resident_b), share=share)
    return next((told for told in (long, share) if width_of(told, 11) <= room), "")


HALO = {"stroke": "$screen", "stroke_width": 4, "stroke_linejoin": "round", "paint_order": "stroke"}


def closed(words: str, y: float, height: float, place: Column) -> list[Shape]:
    """Addresses that nobody may use."""
    ground = rect(place.left, y, place.width, height, fill=f"url(#{place.prefix}-shut)", fill_opacity=0.35)
    shown = words if width_of(words, 11) <= place.width - 12 else words.partition(":")[0].partition("：")[0]
    return [ground, text(place.left + 8, y + height / 2 + 4, shown, font_size=11, **HALO)]


def classic(place: Column, bottom: float) -> list[Shape]:
    """All that 32 bits can address, in proportion: the upper quarter is the kernel's."""
    top, end = TOP, bottom - 2
    split = top + (end - top) / 4
    low = {"font_size": 11, "font_family": "$mono"}
    frame = rect(place.left, top, place.width, end - top, fill="none", stroke="$ink-3", stroke_width=1.2)
    marks = ((top + 14, "4\u00a0GiB"), (split + 15, "3\u00a0GiB"), (end - 6, "0"))
    return [
        text(place.left, 14, t("with 32 bits"), font_weight=700, fill="$ink"),
        *closed(t("kernel"), top, split - top, place),
        frame,
        line(place.left, split, place.left + place.width, split, stroke="$ink-3", stroke_width=1.2),
        text(place.left + 8, (split + end) / 2 + 4, t("program"), fill="$ink"),
        *(text(place.left + 8, y, words, **low, **HALO) for y, words in marks),
    ]


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
