"""States as circles, counted transitions as arrows between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from app.svg.letters import width_of
from app.svg.shapes import Drawn, Shape, hatches, paint, path, shape, text
from app.text.languages import t
from app.text.values import number, sentence

WIDEST = 720.0
NARROW = 460
PLACES = {  # where a state stands, in shares of the drawing; each takes its first place that is free
    "running": [(0.5, 0.0)],
    "ready": [(0.0, 0.42)],
    "gil": [(1.0, 0.42)],
    "lock": [(1.0, 0.42), (1.0, 0.95)],
    "uninterruptible": [(1.0, 0.42), (1.0, 0.95), (0.0, 0.95)],
    "io": [(1.0, 0.95), (1.0, 0.42)],
    "blocked": [(0.5, 0.86)],
    "stopped": [(0.0, 1.0), (1.0, 1.0)],
    "zombie": [(1.0, 0.0), (0.0, 0.0)],
    "unknown": [(0.0, 0.0), (1.0, 1.0)],
}


class Node(NamedTuple):
    x: float
    y: float
    radius: float


class Box(NamedTuple):
    """A rectangle that something takes; `dear` is what it costs beyond what it covers."""

    left: float
    top: float
    right: float
    bottom: float
    anchor: str = "middle"
    dear: float = 0.0


class Arrow(NamedTuple):
    """A curve from `start` over `bend` to `tip`; `aside` points to its left."""

    edge: Mapping[str, Any]
    start: complex
    bend: complex
    tip: complex
    aside: complex

    def at(self, share: float) -> complex:
        return (1 - share) ** 2 * self.start + 2 * share * (1 - share) * self.bend + share**2 * self.tip


def draw(figure: Mapping[str, Any], width: float, prefix: str) -> Drawn:
    nodes, states = figure["layout"]["nodes"], figure["layout"]["states"]
    if not nodes:
        words = text(width / 2, 60, t("No transitions yet."), text_anchor="middle", fill="$ink-3")
        return Drawn(width, 120, [words])
    width = min(width, WIDEST)
    placed = place_nodes(nodes, width)
    there = [e for e in figure["data"] if e["source"] != e["target"] and e["count"] > 0]
    edges = [edge for edge in there if edge["source"] in placed and edge["target"] in placed]
    arrows = [arrow(edge, placed, edges) for edge in edges]
    trails = [box for drawn in arrows for box in trail(drawn)]
    known = {state["id"]: state for state in states}
    names = [name(node, placed, trails) for node in nodes]
    taken = [*map(around, placed.values()), *(box for box, _ in names), *trails]
    labels = [piece for drawn in arrows for piece in label(drawn, taken, width < NARROW)]
    shapes = [hatches((known[node["id"]] for node in nodes), prefix)]
    shapes += [piece for drawn in arrows for piece in arrow_shapes(drawn)]
    shapes += [piece for node in nodes for piece in circle(known[node["id"]], placed[node["id"]], prefix)]
    shapes += [*(drawn for _, drawn in names), *labels]
    lowest = max(node.y + node.radius for node in placed.values())
    return Drawn(width, round(lowest + 44), shapes)


def place_nodes(nodes: Sequence[Mapping[str, Any]], width: float) -> dict[str, Node]:
    radius = min(46.0, max(26.0, width * 0.08))
    edge = radius + min(70.0, width * 0.1)
    unit: dict[str, tuple[float, float]] = {}
    for node in nodes:
        taken = set(unit.values())
        free = [place for place in PLACES.get(node["id"], []) if place not in taken]
        unit[node["id"]] = free[0] if free else ((len(unit) % 3) / 2, 0.7)
    top = min(0.42, *(y for _, y in unit.values()))
    span = min(330.0, max(250.0, width * 0.5))
    return {
        id: Node(edge + x * (width - 2 * edge), radius + 34 + (y - top) * span, radius)
        for id, (x, y) in unit.items()
    }


# -- circles ----------------------------------------------------------------------------------


def circle(state: Mapping[str, Any], node: Node, prefix: str) -> list[Shape]:
    role, running = f"$st-{state['id']}", state["id"] == "running"
    outline: dict[str, Any] = {"stroke": role, "stroke_width": "3.5" if running else "2"}
    if state["id"] in ("blocked", "stopped"):
        outline["stroke_dasharray"] = "5 4"
    place = {"cx": node.x, "cy": node.y, "r": node.radius}
    ground = shape("circle", fill="$screen", **place)
    if state["hatch"]:
        body = shape("circle", fill=paint(state, prefix), opacity=0.45, **place)
        return [ground, body, shape("circle", fill="none", **place, **outline)]
    return [ground, shape("circle", fill=f"{role}/{0.2 if running else 0.09}", **place, **outline)]


def name(node: Mapping[str, Any], placed: Mapping[str, Node], trails: Sequence[Box]) -> tuple[Box, Shape]:
    """Below its circle, or above it where arrows come from below and in the top row."""
    x, y, radius = placed[node["id"]]
    lines = name_lines(sentence(node["label"]), radius * 2 + 44)
    half = max(map(name_width, lines)) / 2
    height = len(lines) * 16
    tops = (y + radius + 6, y - radius - 6 - height)
    boxes = [Box(x - half, top, x + half, top + height) for top in tops]
    others = [around(other) for id, other in placed.items() if id != node["id"]]
    below, above = (cost(box, [*others, *trails]) for box in boxes)
    in_top_row = y == min(other.y for other in placed.values())
    box = boxes[1] if in_top_row or above < below else boxes[0]
    spans = [shape("tspan", words, x=x, y=box.top + 13 + n * 16) for n, words in enumerate(lines)]
    look = {"text_anchor": "middle", "font_size": 14, "font_weight": 700, "fill": "$ink"}
    return box, shape("text", "", spans, **look)


def name_width(words: str) -> float:
    return width_of(words, 14, bold=True)


def name_lines(words: str, room: float) -> list[str]:
    """In one line, or in the two that are most alike in length."""
    parts = words.split(" ")
    if name_width(words) <= room or len(parts) == 1:
        return [words]
    cuts = [[" ".join(parts[:n]), " ".join(parts[n:])] for n in range(1, len(parts))]
    return min(cuts, key=lambda lines: max(map(name_width, lines)))


def around(node: Node) -> Box:
    x, y, r = node
    return Box(x - r, y - r, x + r, y + r)


# -- arrows -----------------------------------------------------------------------------------


def arrow(edge: Mapping[str, Any], placed: Mapping[str, Node], edges: Sequence[Mapping[str, Any]]) -> Arrow:
    """Two that go to and fro stand beside each other; one through a third circle bends around it."""
    source, target = placed[edge["source"]], placed[edge["target"]]
    begin, end = complex(source.x, source.y), complex(target.x, target.y)
    along = (end - begin) / (abs(end - begin) or 1)
    aside = along * -1j
    both = any(other["source"] == edge["target"] and other["target"] == edge["source"] for other in edges)
    offset = aside * (min(12.0, source.radius * 0.28) if both else 0.0)
    gap = along * (source.radius + 4)
    start, tip = begin + gap + offset, end - gap + offset
    return Arrow(edge, start, bend(edge, start, tip, aside, placed), tip, aside)


def bend(
    edge: Mapping[str, Any], start: complex, tip: complex, aside: complex, placed: Mapping[str, Node]
) -> complex:
    middle = (start + tip) / 2
    for id, node in placed.items():
        if id in (edge["source"], edge["target"]):
            continue
        side, beyond = from_line(complex(node.x, node.y), start, tip, aside)
        if math.hypot(side, beyond) < node.radius + 12:
            push = (-1 if side > 0 else 1) * (node.radius + 22 - abs(side)) * 2
            return middle + aside * push
    return middle


def from_line(point: complex, start: complex, tip: complex, aside: complex) -> tuple[float, float]:
    """How far a point is to the side of a line, and how far beyond its ends."""
    length = abs(tip - start) or 1.0
    away = point - start
    along = (away * (tip - start).conjugate()).real / length
    return (away * aside.conjugate()).real, max(0.0, -along, along - length)


def arrow_shapes(drawn: Arrow) -> list[Shape]:
    """As wide as its count is large."""
    width = 1 + math.log10(drawn.edge["count"] + 1) * 0.8
    along = (drawn.tip - drawn.bend) / (abs(drawn.tip - drawn.bend) or 1)
    neck = drawn.tip - along * 9
    side = along * 1j * (width / 2 + 3)
    stem = f"M{at(drawn.start)}Q{at(drawn.bend)} {at(neck)}"
    head = f"M{at(drawn.tip)}L{at(neck + side)}L{at(neck - side)}z"
    return [path(stem, stroke="$ink-3", stroke_width=width, fill="none"), path(head, fill="$ink-3")]


def at(point: complex) -> str:
    return f"{point.real:.1f} {point.imag:.1f}"


def trail(drawn: Arrow) -> list[Box]:
    """Small boxes along an arrow, which nothing should cover."""
    steps = max(10, round(abs(drawn.tip - drawn.start) / 8))
    points = [drawn.at(n / steps) for n in range(1, steps + 1)]
    return [Box(p.real - 4, p.imag - 4, p.real + 4, p.imag + 4) for p in points]


def label(drawn: Arrow, taken: list[Box], narrow: bool) -> list[Shape]:
    """What happens and how often, beside the arrow, where it covers least of what is there already."""
    edge = drawn.edge
    words = "" if narrow else edge["label"]
    counted = f"{'≈ ' if 'sample' in edge['how'] else ''}{number(edge['count'])}"
    width = max(width_of(words, 12.5), width_of(counted, 13.5, "$mono"))
    best = min(candidates(drawn, width, 33 if words else 16), key=lambda box: cost(box, taken))
    taken.append(best)
    middle = (best.left + best.right) / 2
    x = {"start": best.left, "middle": middle, "end": best.right}[best.anchor]
    halo = {"stroke": "$screen", "stroke_width": 4, "stroke_linejoin": "round", "paint_order": "stroke"}
    common = {"text_anchor": best.anchor, **halo}
    strong = {"font_size": "13.5", "font_weight": 700, "font_family": "$mono", "fill": "$ink"}
    shapes = [text(x, best.bottom - 4, counted, **common, **strong)]
    return [text(x, best.top + 12, words, font_size="12.5", **common), *shapes] if words else shapes


def candidates(drawn: Arrow, width: float, height: float) -> list[Box]:
    boxes = []
    for side in (1, -1):
        for share in (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8):
            on = drawn.at(share)
            x = on.real + drawn.aside.real * side * 9
            y = on.imag + drawn.aside.imag * side * (9 + height / 2)
            lean = drawn.aside.real * side
            anchor = "start" if lean > 0.25 else "end" if lean < -0.25 else "middle"
            left = {"start": x, "middle": x - width / 2, "end": x - width}[anchor]
            box = Box(left, y - height / 2, left + width, y + height / 2, anchor, 40.0 if side < 0 else 0.0)
            boxes.append(box)
    return boxes


def cost(box: Box, taken: Sequence[Box]) -> float:
    return box.dear + max(0.0, 4 - box.left) * 50 + sum(overlap(box, other) for other in taken)


def overlap(one: Box, other: Box) -> float:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return width * height if width > 0 and height > 0 else 0.0
