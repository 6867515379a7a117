"""Graphs: nodes on an oval, or as a tree; arrows that close a cycle are thick, in the signal colour.

Several moments stand beside each other where there is room, else below, and take no more room than they
need: who draws them makes them as large as fits. On ovals a node keeps its place in all of them, so that
what changes is the arrows.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from app.svg.letters import shortened, width_of
from app.svg.shapes import Drawn, Shape, hatches, line, paint, path, rect, shape, text

BETWEEN = 20.0  # graphs
HEAD = 28.0  # pixels above a graph: its moment, and whether a cycle closes
LINE = 18.0  # where these two do not fit beside each other
LEAST, MOST = 17.0, 28.0  # radii of a node
SQUARE = 0.8  # half a side of a square, in radii of a circle
OUT = 9.0  # that a name may stand out of its node
APART = 59.0  # from a node to the next on an oval
LARGEST = 140.0  # half of the width of an oval
FLATTEST = 0.6  # of its height to its width
STEPS = 720  # of the line of an oval
STEP = 92.0  # from a generation of a tree to the next
BESIDE = 84.0  # from a sibling to the next
LOW = 0.6  # of an arrow of a tree, where siblings are further apart
DASHES = (None, "6 4", "2 3", "9 3 2 3")  # of the first meaning of an arrow, the second, …
HALO = {"stroke": "$screen", "stroke_width": 4, "stroke_linejoin": "round", "paint_order": "stroke"}

Places = dict[str, complex]
Graph = Mapping[str, Any]


class Look(NamedTuple):
    """What all graphs of a picture share."""

    radius: float
    dashes: Mapping[str, str | None]
    worded: float | None  # where on an arrow what it means has room, as a share of its length
    states: Mapping[str, Mapping[str, Any]]
    prefix: str


class Sheet(NamedTuple):
    """Where the nodes of each graph stand, and how much room each graph takes."""

    places: list[Places]
    widths: list[float]
    heights: list[float]
    radius: float


def draw(figure: Graph, width: float, prefix: str) -> Drawn:
    """`data` has graphs {"id", "label", "nodes", "arrows", "told"}; see app/figures/kinds/graph.py."""
    graphs = figure["data"]
    arrange = on_ovals if figure["layout"]["arrangement"] == "circle" else as_trees
    sheet = arrange(graphs, width)
    look = look_of(figure, sheet, prefix)
    rows = rows_of(sheet.widths, width)
    wide = max(sum(sheet.widths[n] for n in row) + BETWEEN * (len(row) - 1) for row in rows)
    shapes: list[Shape] = [hatches((look.states[id] for id in seen(figure)), prefix)]
    lines = max(map(heading_lines, graphs, sheet.widths))
    head = HEAD + LINE * (lines - 1) if lines else 6.0
    top = 0.0
    for row in rows:
        left = 0.0
        for n in row:
            inside = one(graphs[n], sheet.places[n], look)
            below = shape("g", "", inside, transform=f"translate(0 {head:g})")
            place = f"translate({left:.1f} {top:.1f})"
            above = heading(graphs[n], sheet.widths[n], lines)
            shapes.append(shape("g", "", [*above, below], transform=place))
            left += sheet.widths[n] + BETWEEN
        top += head + max(sheet.heights[n] for n in row) + BETWEEN
    if not look.worded:
        shapes += key_of(look.dashes, top)
        top += 24
    return Drawn(min(width, wide), top, shapes, list(seen(figure)))


def rows_of(widths: Sequence[float], width: float) -> list[list[int]]:
    """As many graphs in a row as it has room for."""
    rows: list[list[int]] = []
    left = math.inf
    for n, wide in enumerate(widths):
        if left + wide > width + 0.5:
            rows.append([])
            left = 0.0
        rows[-1].append(n)
        left += wide + BETWEEN
    return rows


def fitting(width: float, each: float, wanted: int) -> int:
    return max(1, min(wanted, int((width + BETWEEN) // (each + BETWEEN))))


def look_of(figure: Graph, sheet: Sheet, prefix: str) -> Look:
    arrows = [
        (arrow, places)
        for g, places in zip(figure["data"], sheet.places, strict=True)
        for arrow in g["arrows"]
    ]
    meanings = list(dict.fromkeys(arrow["label"] for arrow, _ in arrows if arrow["label"]))
    lengths = {
        arrow["label"]: min(length(other, at) for other, at in arrows if other["label"] == arrow["label"])
        for arrow, _ in arrows
    }
    room = {label: long - 2 * sheet.radius - 12 for label, long in lengths.items()}
    tree = figure["layout"]["arrangement"] == "tree"
    share = LOW if tree else 0.5 if all(width_of(label, 11) < room[label] for label in meanings) else None
    dashes = {label: None if tree else DASHES[n % len(DASHES)] for n, label in enumerate(meanings)}
    known = {state["id"]: state for state in figure["layout"].get("states") or ()}
    return Look(sheet.radius, dashes, share, known, prefix)


def length(arrow: Graph, places: Places) -> float:
    return abs(places[arrow["source"]] - places[arrow["target"]])


def seen(figure: Graph) -> dict[str, None]:
    """The states of its nodes."""
    states = [state["id"] for state in figure["layout"].get("states") or ()]
    there = {node["state"] for graph in figure["data"] for node in graph["nodes"]}
    return dict.fromkeys(state for state in states if state in there)


# -- places -----------------------------------------------------------------------------------


def on_ovals(graphs: Sequence[Graph], width: float) -> Sheet:
    """As wide as there is room for, and no higher than neighbours need to keep apart."""
    orders = [around(alike) for alike in families(graphs)]
    most = max(map(len, orders))
    circle = max(64.0, most * APART / math.tau)
    radius = node_radius(circle, most)
    across = fitting(width, 2 * (circle + radius + OUT), len(graphs))
    room = (width - BETWEEN * (across - 1)) / across
    wide = max(40.0, min(LARGEST, room / 2 - radius - OUT))
    high = min(circle, max(FLATTEST * wide, math.sqrt(max(0.0, 2 * circle**2 - wide**2))))
    each = min(room, 2 * (wide + radius + OUT))
    middle = complex(each / 2, high + radius + 4)
    places: Places = {}
    for order in orders:
        places |= {node: middle + at for node, at in zip(order, on_oval(len(order), wide, high), strict=True)}
    tall = 2 * (high + radius) + 8
    return Sheet([places] * len(graphs), [each] * len(graphs), [tall] * len(graphs), radius)


def on_oval(count: int, wide: float, high: float) -> list[complex]:
    """So many places around the origin from the top on, equally far from each other along the line."""
    turns = [math.tau * n / STEPS for n in range(STEPS + 1)]
    line = [complex(wide * math.sin(turn), -high * math.cos(turn)) for turn in turns]
    gone = [0.0, *accumulate(abs(after - before) for before, after in pairwise(line))]
    return [line[bisect_left(gone, gone[-1] * n / count - 1e-9)] for n in range(count)]


def node_radius(circle: float, nodes: int) -> float:
    """So that an arrow fits between neighbours."""
    return max(LEAST, min(MOST, 2 * circle * math.sin(math.pi / max(2, nodes)) * 0.34))


def families(graphs: Sequence[Graph]) -> list[list[Graph]]:
    """Graphs that have nodes in common; each family has a circle of its own."""
    found: list[tuple[set[str], list[Graph]]] = []
    for graph in graphs:
        nodes = {node["id"] for node in graph["nodes"]}
        kin = [family for family in found if family[0] & nodes]
        found = [family for family in found if family not in kin]
        found.append((nodes.union(*(own for own, _ in kin)), [g for _, own in kin for g in own] + [graph]))
    return [family for _, family in found]


def around(graphs: Sequence[Graph]) -> list[str]:
    """All nodes in an order in which arrows lead to a neighbour: closed cycles first, as they close."""
    nodes = dict.fromkeys(node["id"] for graph in graphs for node in graph["nodes"])
    arrows = [arrow for graph in graphs for arrow in graph["arrows"]]
    arrows.sort(key=lambda arrow: not arrow["closed"])
    near: dict[str, list[str]] = {node: [] for node in nodes}
    for arrow in arrows:
        near[arrow["source"]].append(arrow["target"])
    for arrow in arrows:
        near[arrow["target"]].append(arrow["source"])
    start = [arrow["source"] for arrow in arrows if arrow["closed"]]
    found: dict[str, None] = {}
    for node in [*start, *nodes]:
        walk(node, near, found)
    return list(found)


def walk(node: str, near: Mapping[str, Sequence[str]], found: dict[str, None]) -> None:
    """Depth first, without recursion."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found[node] = None
            waiting += reversed(near[node])


def as_trees(graphs: Sequence[Graph], width: float) -> Sheet:
    """Each as wide as its siblings and its heading need."""
    trees = [tree(graph) for graph in graphs]
    columns = [1 + max(place.real for place in places.values()) for places in trees]
    beside = min(BESIDE, width / max(columns))
    radius = max(LEAST, min(MOST - 4, beside * 0.32))
    wished = [
        max(count * beside, width_of(graph["label"], 13, bold=True))
        for graph, count in zip(graphs, columns, strict=True)
    ]
    widths = [min(wish, width) for wish in wished]

    def standing(cells: Places, count: float, wide: float) -> Places:
        left = (wide - count * beside) / 2
        return {
            id: complex(left + (cell.real + 0.5) * beside, cell.imag * STEP + radius + 4)
            for id, cell in cells.items()
        }

    places = [standing(*given) for given in zip(trees, columns, widths, strict=True)]
    heights = [max(place.imag for place in cells.values()) + radius + 4 for cells in places]
    return Sheet(places, widths, heights, radius)


def tree(graph: Graph) -> Places:
    """Column and row of each node: sources above the middle of their targets, one leaf a column."""
    below: dict[str, list[str]] = {node["id"]: [] for node in graph["nodes"]}
    parents: dict[str, str] = {}
    for arrow in graph["arrows"]:
        if arrow["target"] not in parents and arrow["source"] not in line_of(arrow["target"], below):
            parents[arrow["target"]] = arrow["source"]
            below[arrow["source"]].append(arrow["target"])
    found: Places = {}
    leaves = 0
    for node in below:
        if node not in parents:
            leaves = hang(node, 0, leaves, below, found)
    return found


def line_of(node: str, below: Mapping[str, Sequence[str]]) -> set[str]:
    """A node and everybody below it: none of them may become its parent."""
    found: dict[str, None] = {}
    walk(node, below, found)
    return set(found)


def hang(node: str, row: int, leaves: int, below: Mapping[str, Sequence[str]], found: Places) -> int:
    """Place a node and what hangs from it; how many columns are taken now."""
    for child in below[node]:
        leaves = hang(child, row + 1, leaves, below, found)
    if below[node]:
        ends = found[below[node][0]].real, found[below[node][-1]].real
        found[node] = complex(sum(ends) / 2, row)
        return leaves
    found[node] = complex(leaves, row)
    return leaves + 1


# -- shapes -----------------------------------------------------------------------------------


def heading_lines(graph: Graph, width: float) -> int:
    """In how many lines its moment, and whether a cycle closes, can stand above a graph so wide."""
    said = [words for words in (graph["label"], graph["told"]) if words]
    return 1 if len(said) == 2 and sum(heading_widths(graph)) + 10 <= width else len(said)


def heading_widths(graph: Graph) -> tuple[float, float]:
    return width_of(graph["label"], 13, bold=True), width_of(graph["told"], 12, bold=True)


def heading(graph: Graph, width: float, lines: int) -> Iterator[Shape]:
    """The moment, and beside or below it whether a cycle closes."""
    closed = any(arrow["closed"] for arrow in graph["arrows"])
    strong: dict[str, Any] = {"font_size": 13, "font_weight": 700, "fill": "$ink"}
    told: dict[str, Any] = {"font_size": 12, "fill": "$ink-3"}
    told |= {"fill": "$signal", "font_weight": 700} if closed else {}
    if graph["label"] and graph["told"] and lines == 1:
        label, said = heading_widths(graph)
        seam = (width + label - said) / 2
        yield text(seam - 5, 17, graph["label"], text_anchor="end", **strong)
        yield text(seam + 5, 17, graph["told"], **told)
        return
    if graph["label"]:
        yield text(width / 2, 17, shortened(graph["label"], width, 13), text_anchor="middle", **strong)
    if graph["told"]:
        yield text(width / 2, 34 if graph["label"] else 17, graph["told"], text_anchor="middle", **told)


def one(graph: Graph, places: Places, look: Look) -> list[Shape]:
    """Arrows below nodes, and the words on top."""
    squares = {node["id"] for node in graph["nodes"] if node["square"]}
    pairs = {(arrow["source"], arrow["target"]) for arrow in graph["arrows"]}
    words: list[Shape] = []
    shapes: list[Shape] = []
    for arrow in sorted(graph["arrows"], key=lambda arrow: arrow["closed"]):
        both = (arrow["target"], arrow["source"]) in pairs
        start, tip = ends(arrow, places, squares, look, both)
        shapes += arrow_shapes(start, tip, look.dashes.get(arrow["label"]), arrow["closed"])
        if look.worded and arrow["label"]:
            words += meaning(start + (tip - start) * (0.3 if both else look.worded), arrow)
    for node in graph["nodes"]:
        shapes += node_shapes(node, places[node["id"]], look)
    return shapes + words + [word for node in graph["nodes"] for word in name(node, places[node["id"]], look)]


def ends(
    arrow: Graph, places: Places, squares: Iterable[str], look: Look, both: bool
) -> tuple[complex, complex]:
    """Where it leaves its source and touches its target; two that go to and fro stand side by side."""
    begin, end = places[arrow["source"]], places[arrow["target"]]
    along = (end - begin) / (abs(end - begin) or 1)
    offset = along * -1j * look.radius * 0.4 if both else 0

    def border(node: str) -> float:
        wide = 1 / max(abs(along.real), abs(along.imag), 0.1) if node in squares else 1.0
        return look.radius * (SQUARE * wide if node in squares else wide) + 2

    return begin + along * border(arrow["source"]) + offset, end - along * border(arrow["target"]) + offset


def arrow_shapes(start: complex, tip: complex, dash: str | None, closed: bool) -> list[Shape]:
    """One on a cycle is thicker, for those who see no colours."""
    colour, width, widest = ("$signal", 3.4, 13) if closed else ("$ink-2", 1.5, 9)
    along = (tip - start) / (abs(tip - start) or 1)
    size = min(widest, 0.6 * abs(tip - start))  # of the head
    neck = tip - along * size
    side = along * 1j * size * 0.48
    head = f"M{at(tip)}L{at(neck + side)}L{at(neck - side)}z"
    stem = line(start.real, start.imag, neck.real, neck.imag, stroke=colour, stroke_width=width)
    if dash:
        stem = stem._replace(attributes={**stem.attributes, "stroke-dasharray": dash})
    return [stem, path(head, fill=colour)]


def at(point: complex) -> str:
    return f"{point.real:.1f} {point.imag:.1f}"


def meaning(middle: complex, arrow: Graph) -> list[Shape]:
    look: dict[str, Any] = {"font_size": 11, "text_anchor": "middle", **HALO}
    look |= {"fill": "$signal", "font_weight": 700} if arrow["closed"] else {}
    return [text(middle.real, middle.imag + 4, arrow["label"], **look)]


def node_shapes(node: Graph, place: complex, look: Look) -> Iterator[Shape]:
    """A circle or a square in the colour of its state; on a cycle it has two outlines."""
    state = look.states.get(node["state"])
    role = f"$st-{node['state']}" if state else "$ink-2"
    edge = "$signal" if node["closed"] else role
    outline: dict[str, Any] = {"stroke": edge, "stroke_width": 2.2}
    if node["state"] in ("blocked", "stopped"):
        outline["stroke_dasharray"] = "5 4"
    yield body(node["square"], place, look.radius, fill="$screen")
    if state and state["hatch"]:
        yield body(node["square"], place, look.radius, fill=paint(state, look.prefix), opacity=0.45)
    fill = "none" if state and state["hatch"] else f"{role}/{0.16 if state else 0.05}"
    yield body(node["square"], place, look.radius, fill=fill, **outline)
    if node["closed"]:
        yield body(node["square"], place, look.radius - 4, fill="none", stroke=edge, stroke_width=1.2)


def body(square: bool, place: complex, radius: float, **attributes: Any) -> Shape:
    if square:
        half = radius * SQUARE
        return rect(place.real - half, place.imag - half, 2 * half, 2 * half, **attributes)
    return shape("circle", cx=place.real, cy=place.imag, r=radius, **attributes)


def name(node: Graph, place: complex, look: Look) -> list[Shape]:
    """In the middle of its node, in as many lines as it has words; it may stand out a little."""
    lines = node["label"].split(" ")
    widest = max(width_of(words, 11, bold=True) for words in lines)
    size = max(10.5, min(13.0, 11 * (2 * look.radius + 10) / widest))
    top = place.imag - (len(lines) - 1) * size * 0.56 + size * 0.36
    common: dict[str, Any] = {"text_anchor": "middle", "font_size": round(size, 1), "font_weight": 700}
    return [
        text(place.real, top + n * size * 1.12, words, fill="$ink", **common, **(HALO | {"stroke_width": 3}))
        for n, words in enumerate(lines)
    ]


def key_of(dashes: Mapping[str, str | None], top: float) -> Iterator[Shape]:
    """What the arrows mean, where they are too short to say it."""
    x = 4.0
    for label, dash in dashes.items():
        yield from arrow_shapes(complex(x, top + 8), complex(x + 42, top + 8), dash, closed=False)
        yield text(x + 50, top + 12, label)
        x += 50 + width_of(label, 12) + 20
