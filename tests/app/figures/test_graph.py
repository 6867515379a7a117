"""Graphs from rows: cycles are found and picked out, trees hang from their roots, moments stand apart."""

import re
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from app.figures.figure import Guessed
from app.figures.kinds.graph import GraphFigure, cycle_in
from app.svg import embedded, standalone
from app.svg.diagrams import graph as layout
from experiments.kit.charts import Graph
from experiments.kit.guess import Point
from experiments.kit.spec import read_table


class Edge(NamedTuple):
    """Who waits for whom, or who is whose child."""

    moment: str
    source: str
    target: str | None
    relation: str
    state: str | None


class Hold(NamedTuple):
    """The same, without moments."""

    source: str
    target: str


WAITS = Graph(
    Edge,
    id="waits",
    source="source",
    target="target",
    label="relation",
    by="moment",
    squares=("lock",),
)
FAMILY = Graph(
    Edge,
    id="family",
    source="source",
    target="target",
    label="relation",
    by="moment",
    state="state",
    arrangement="tree",
)
OPEN = [
    ["before", "lock A", "thread 1", "held by", None],
    ["before", "lock B", "thread 2", "held by", None],
    ["before", "thread 1", "lock B", "waits for", None],
]
CLOSED = [["closed", *row[1:]] for row in OPEN] + [["closed", "thread 2", "lock A", "waits for", None]]
TREE = [
    ["fork", "shell", "parent", "", "blocked"],
    ["fork", "parent", "child 1", "", "running"],
    ["fork", "parent", "child 2", "", "zombie"],
]


@pytest.fixture
def figure() -> GraphFigure:
    return GraphFigure(WAITS, {Edge: read_table(Edge)})


@pytest.fixture
def family() -> GraphFigure:
    return GraphFigure(FAMILY, {Edge: read_table(Edge)})


def all_of(shape: dict[str, Any]) -> list[dict[str, Any]]:
    return [shape] + [found for child in shape["children"] for found in all_of(child)]


def drawn(figure: GraphFigure, width: str = "640") -> list[dict[str, Any]]:
    return [shape for top in figure.now()["layout"]["pictures"][width]["shapes"] for shape in all_of(top)]


def words_in(figure: GraphFigure, width: str = "640") -> list[str]:
    return [shape["text"] for shape in drawn(figure, width) if shape["text"]]


def test_only_arrows_on_a_cycle_are_picked_out(figure):
    figure.add(Edge, [*CLOSED, ["closed", "thread 3", "lock A", "waits for", None]])
    (graph,) = figure.spec["data"]
    assert [(a["source"], a["closed"]) for a in graph["arrows"]] == [
        ("lock A", True),
        ("lock B", True),
        ("thread 1", True),
        ("thread 2", True),
        ("thread 3", False),
    ]
    assert {node["id"] for node in graph["nodes"] if not node["closed"]} == {"thread 3"}


def test_a_chain_of_waits_is_no_cycle(figure):
    figure.add(Edge, OPEN)
    assert not any(arrow["closed"] for arrow in figure.spec["data"][0]["arrows"])
    assert figure.now()["summary"].endswith(
        "before: lock A to thread 1 (held by), lock B to thread 2 (held by),"
        " thread 1 to lock B (waits for), no cycle."
    )


def test_who_waits_for_what_it_holds_itself_closes_a_cycle():
    assert cycle_in({("thread 1", "lock A"): "", ("lock A", "thread 1"): ""}) == {
        ("thread 1", "lock A"),
        ("lock A", "thread 1"),
    }


def test_a_cycle_is_told_by_colour_thickness_and_words(figure):
    figure.add(Edge, OPEN + CLOSED)
    lines = {shape["attributes"]["stroke-width"] for shape in drawn(figure) if shape["tag"] == "line"}
    signal = [shape for shape in drawn(figure) if shape["attributes"].get("stroke") == "$signal"]
    assert len(lines) == 2
    assert {shape["attributes"]["stroke-width"] for shape in signal if shape["tag"] == "line"} == {max(lines)}
    assert {"closed cycle", "no cycle"} <= set(words_in(figure))


def test_locks_are_squares_and_threads_are_circles(figure):
    figure.add(Edge, OPEN)
    nodes = figure.spec["data"][0]["nodes"]
    assert [node["id"] for node in nodes if node["square"]] == ["lock A", "lock B"]
    tags = [shape["tag"] for shape in drawn(figure)]
    assert (tags.count("circle"), tags.count("rect")) == (4, 4)  # a ground, and a body each


def test_a_node_keeps_its_place_from_moment_to_moment(figure):
    figure.add(Edge, OPEN + CLOSED)
    sheet = layout.on_ovals(figure.spec["data"], 640)
    assert sheet.places[0] == sheet.places[1]


def test_neighbours_on_the_circle_are_joined_by_the_cycle(figure):
    figure.add(Edge, OPEN + CLOSED)
    order = layout.around(figure.spec["data"])
    assert order in (
        ["lock A", "thread 1", "lock B", "thread 2"],
        ["lock B", "thread 2", "lock A", "thread 1"],
    )


def test_moments_stand_side_by_side_where_there_is_room_and_else_below_each_other(figure):
    figure.add(Edge, OPEN + CLOSED)
    pictures = figure.now()["layout"]["pictures"]
    assert pictures["300"]["height"] > pictures["780"]["height"]


def test_trees_take_no_more_room_than_they_need(family):
    chain = [["shell", "parent", "forked", "running"], ["parent", "child", "forked", "running"]]
    family.add(Edge, [[f"moment {n}", *row] for n in range(6) for row in chain])
    picture = family.now()["layout"]["pictures"]["780"]
    assert picture["width"] < 780
    assert picture["width"] > 1.7 * picture["height"]  # all six in a row: about the shape of a card


def test_ovals_are_as_wide_as_there_is_room_and_keep_neighbours_apart(figure):
    ring = [f"fork {n}" for n in range(10)]
    figure.add(Edge, [["ring", a, b, "", None] for a, b in pairwise([*ring, ring[0]])] + CLOSED + OPEN)
    wide = layout.on_ovals(figure.spec["data"], 960)
    assert wide.widths[0] > 1.3 * wide.heights[0]
    places = [wide.places[0][fork] for fork in ring]
    gaps = [abs(after - before) for before, after in pairwise([*places, places[0]])]
    assert min(gaps) > 0.9 * layout.APART
    assert max(gaps) < 1.1 * min(gaps)


def test_where_there_is_room_it_stands_beside_its_moment_whether_a_cycle_closes(figure):
    figure.add(Edge, OPEN)
    at = {
        s["text"]: s["attributes"]["y"] for s in drawn(figure, "640") if s["text"] in ("before", "no cycle")
    }
    assert at["before"] == at["no cycle"]


def test_a_drawing_narrower_than_its_file_stands_in_the_middle(family):
    family.add(Edge, TREE)
    svg = standalone(family.now())
    assert float(re.search(r"translate\((\d+) 0\)", svg)[1]) > 300


def test_no_more_than_six_moments_are_drawn_and_all_are_in_the_table(figure):
    figure.add(Edge, [[f"moment {n}", "thread 1", "lock A", "waits for", None] for n in range(8)])
    told = figure.now()
    assert len(told["data"]) == 6
    assert len(told["table"]["rows"]) == 8


def test_the_page_and_the_report_draw_the_same_words(figure):
    figure.add(Edge, CLOSED)
    for said in ("closed", "waits for", "held by"):
        assert said in words_in(figure, "780")
        assert said in embedded(figure.now(), 960)


def test_arrows_too_short_for_words_have_a_key(figure):
    ring = [[f"lock {n}", f"thread {n}", "held by"] for n in range(8)]
    ring += [[f"thread {n}", f"lock {(n + 1) % 8}", "waits for"] for n in range(8)]
    figure.add(Edge, [["all", *row, None] for row in ring])
    assert words_in(figure, "300").count("waits for") == 1
    assert len(figure.spec["data"][0]["arrows"]) == 16


def test_a_tree_has_its_root_on_top_and_parents_above_the_middle_of_their_children(family):
    family.add(Edge, TREE)
    places = layout.tree(family.spec["data"][0])
    assert places == {"shell": 0.5, "parent": 0.5 + 1j, "child 1": 2j, "child 2": 1 + 2j}


def test_a_tree_with_two_roots_or_a_loop_is_still_drawn(family):
    family.add(Edge, [*TREE, ["fork", "child 1", "shell", "", None], ["fork", "init", None, "", "running"]])
    places = layout.tree(family.spec["data"][0])
    assert len(set(places.values())) == len(places) == 5


def test_states_of_nodes_have_their_colours_and_a_key(family):
    family.add(Edge, TREE)
    assert {"running on a core", "blocked", "zombie"} <= set(words_in(family))
    assert "$st-zombie" in {shape["attributes"].get("stroke") for shape in drawn(family)}


def test_a_later_row_changes_the_state_of_a_node(family):
    family.add(Edge, TREE)
    family.add(Edge, [["fork", "parent", "child 1", "", "zombie"]])
    (graph,) = family.spec["data"]
    assert {node["id"]: node["state"] for node in graph["nodes"]}["child 1"] == "zombie"
    assert len(graph["arrows"]) == 3


def test_a_graph_without_moments_needs_no_heading():
    figure = GraphFigure(Graph(Hold, id="g", source="source", target="target"), {Hold: read_table(Hold)})
    figure.add(Hold, [["a", "b"]])
    assert figure.now()["summary"].endswith("a to b, no cycle.")
    assert figure.now()["table"]["rows"] == [["a", "b"]]


def test_words_of_two_arrows_to_and_fro_do_not_cover_each_other(figure):
    figure.add(
        Edge,
        [["self", "thread 1", "lock A", "waits for", None], ["self", "lock A", "thread 1", "held by", None]],
    )
    heights = {
        s["text"]: s["attributes"]["y"] for s in drawn(figure) if s["text"] in ("waits for", "held by")
    }
    assert abs(heights["waits for"] - heights["held by"]) > 20


def test_graphs_without_a_common_node_have_circles_of_their_own(figure):
    ring = [f"fork {n}" for n in range(9)]
    figure.add(Edge, [*CLOSED, *(["ring", a, b, "", None] for a, b in pairwise(ring))])
    two, many = layout.families(figure.spec["data"])
    assert (len(layout.around(two)), len(layout.around(many))) == (4, 9)
    places = layout.on_ovals(figure.spec["data"], 640).places[0]
    assert places["lock A"].real == pytest.approx(places["lock B"].real)  # opposite each other


def test_a_guess_stands_in_words_below_the_graph(figure):
    figure.guess([Guessed(Point("choice", label="an RLock helps"), "rlock")])
    figure.add(Edge, OPEN)
    assert "your guess: an RLock helps" in words_in(figure, "780")
    assert figure.now()["summary"].endswith("no cycle. your guess: an RLock helps.")
    assert figure.guess([Guessed(Point("choice"), "rlock")])
    assert "your guess: rlock" in words_in(figure, "300")
