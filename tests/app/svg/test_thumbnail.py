"""The shape of a result as a small picture."""

import xml.etree.ElementTree as ET

from app.svg.thumbnail import thumbnail


def shapes(markup: str) -> list[ET.Element]:
    return list(ET.fromstring(f"<svg>{markup}</svg>"))


def numbers(path: str) -> list[tuple[float, float]]:
    flat = [float(part) for part in path[1:].split()]
    return list(zip(flat[::2], flat[1::2], strict=True))


def chart(*traces: dict, **axes: dict) -> dict:
    return {
        "id": "line",
        "kind": "plotly",
        "data": list(traces),
        "layout": {"xaxis": {"type": "linear"}, "yaxis": {"type": "linear", "rangemode": "tozero"}} | axes,
    }


def line(id: str, ys: list[float], colour: str = "$en-threads") -> dict:
    return {"id": id, "type": "scatter", "x": [1, 2, 4], "y": ys, "line": {"color": colour}}


STATES = [{"id": "running", "height": 1.0}, {"id": "blocked", "height": 0.14}]


def test_a_line_that_rises_rises_and_has_its_colour():
    (drawn,) = shapes(thumbnail([chart(line("threads", [1.0, 2.0, 4.0]))], ["line"]))
    places = numbers(drawn.attrib["d"])
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert [y for _, y in places] == sorted((y for _, y in places), reverse=True)
    assert drawn.attrib["stroke"] == "var(--en-threads)"


def test_guesses_references_and_bands_are_no_result():
    others = [line(id, [3.0, 3.0, 3.0]) for id in ("guess:threads", "reference:ideal", "threads/band")]
    assert len(shapes(thumbnail([chart(line("threads", [1.0, 1.0, 1.0]), *others)], ["line"]))) == 1


def test_bars_stand_on_the_ground_as_high_as_they_are():
    bars = {"id": "b", "type": "bar", "x": ["one", "two"], "y": [1.0, 2.0], "marker": {"color": "$ch1"}}
    low, high = shapes(thumbnail([chart(bars, xaxis={"type": "category"})], ["line"]))
    tall = [float(bar.attrib["height"]) for bar in (low, high)]
    assert 1.9 < tall[1] / tall[0] < 2.1
    assert {float(bar.attrib["y"]) + float(bar.attrib["height"]) for bar in (low, high)} == {90.0}


def test_bars_have_the_colours_of_the_figure():
    bars = {"id": "b", "type": "bar", "x": ["one", "two"], "y": [1.0, 2.0]}
    for given, seen in (
        ("$ch1", ["var(--ch1)"] * 2),
        (["$ch1", "$st-stopped"], ["var(--ch1)", "var(--st-stopped)"]),
    ):
        figure = chart(bars | {"marker": {"color": given}}, xaxis={"type": "category"})
        assert [bar.attrib["fill"] for bar in shapes(thumbnail([figure], ["line"]))] == seen


def test_lanes_show_their_states_in_order():
    lane = {"id": "a", "label": "a", "group": "", "start": [0.0, 0.5], "end": [0.5, 1.0]}
    figure = {"id": "lanes", "kind": "timeline", "data": [lane | {"state": ["running", "blocked"]}]}
    figure["layout"] = {"states": STATES, "t0": 0.0, "t1": 1.0}
    running, blocked = shapes(thumbnail([figure], ["lanes"]))
    assert (running.attrib["fill"], blocked.attrib["fill"]) == ("var(--st-running)", "var(--st-blocked)")
    assert float(running.attrib["x"]) < float(blocked.attrib["x"])
    assert float(running.attrib["height"]) > float(blocked.attrib["height"])


def test_the_first_wanted_figure_that_shows_something_is_taken():
    empty = chart() | {"id": "empty"}
    states = {"id": "map", "kind": "states", "data": [{"id": "x"}], "layout": {}}
    full = chart(line("threads", [1.0, 2.0, 3.0]))
    assert thumbnail([empty, states, full], ["empty", "map", "gone", "line"]) == thumbnail([full], ["line"])
    assert thumbnail([empty, states], ["empty", "map"]) == ""


def test_a_result_of_ten_thousand_points_is_a_small_picture():
    xs = list(range(10_000))
    many = {"id": "threads", "type": "scatter", "x": xs, "y": xs, "line": {"color": "$ch1"}}
    assert len(thumbnail([chart(many)], ["line"])) < 1000
