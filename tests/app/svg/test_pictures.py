"""Literal figures in, SVG out: what is drawn, where, and in which colours."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from app.svg import Styles, embedded, letters, scales, standalone, tokens
from app.text.languages import Words, speaking
from experiments.kit.charts import STATES

SVG = "{http://www.w3.org/2000/svg}"
ALL_STATES = [{"id": s.id, "label": s.label, "height": s.height, "hatch": s.hatch} for s in STATES.values()]


def figure(kind, data, layout, **more):
    known = {"id": "f", "kind": kind, "title": "How fast?", "caption": "", "summary": "Fast."}
    return known | {"data": data, "layout": layout, "table": {"columns": [], "rows": []}} | more


def drawn(spec, theme="light", width=None):
    return ET.fromstring(standalone(spec, theme, width))


def texts(svg):
    return ["".join(node.itertext()) for node in svg.iter(f"{SVG}text")]


def paths(svg, **having):
    """The outlines of the paths with these attributes."""
    wanted = {name.replace("_", "-"): value for name, value in having.items()}
    return [p.get("d") for p in svg.iter(f"{SVG}path") if wanted.items() <= p.attrib.items()]


def numbers(d):
    return [float(found) for found in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", d)]


def line_figure(**trace):
    line = {"id": "threads", "type": "scatter", "mode": "lines", "x": [1, 2, 4], "y": [1.0, 2.0, 4.0]}
    axes = {"xaxis": {"type": "linear", "title": {"text": "workers"}}}
    axes["yaxis"] = {"type": "linear", "rangemode": "tozero", "ticksuffix": "×", "title": {"text": "speed"}}
    look = {"line": {"color": "$en-threads", "width": 2}}
    return figure("plotly", [line | look | trace], axes | {"annotations": []})


def lane(name, *spans, group=""):
    starts, ends, states = ([span[n] for span in spans] for n in range(3))
    return {"id": name, "label": name, "group": group, "start": starts, "end": ends, "state": states}


def timeline(*lanes, t1=1.0, **layout):
    return figure("timeline", list(lanes), {"states": ALL_STATES, "t0": 0.0, "t1": t1, "marks": []} | layout)


# -- colours ----------------------------------------------------------------------------------


def test_the_colours_come_from_the_stylesheet_and_dark_has_all_that_light_has():
    css = ":root {\n  --ink: #111; /* a; b */\n  --mono: a,\n    b;\n}\n"
    css += ':root[data-theme="dark"] {\n  --ink: #eee;\n}\n'
    css += "@media (prefers-contrast: more) {\n  :root {\n    --ink: #000;\n  }\n}\n"
    assert tokens.read(css) == {
        "light": {"ink": "#111", "mono": "a, b"},
        "dark": {"ink": "#eee", "mono": "a, b"},
    }


def test_every_state_and_entity_has_a_colour_in_both_themes():
    for theme in ("light", "dark"):
        known = tokens.themes()[theme]
        assert {f"st-{state}" for state in STATES} <= known.keys()
        assert re.fullmatch("#[0-9a-f]{6}", known["en-threads"])


def test_a_role_takes_the_value_of_the_theme_and_its_opacity_beside_it():
    assert tokens.resolve("$en-threads/0.16", "light") == ("#b23a08", 0.16)
    assert tokens.resolve("$en-threads", None) == ("var(--en-threads)", 1.0)
    assert tokens.resolve("none", "light") == ("none", 1.0)


def test_a_file_has_the_colours_of_its_theme_and_a_page_those_of_its_own():
    assert paths(drawn(line_figure(), "light"), stroke="#b23a08")
    assert paths(drawn(line_figure(), "dark"), stroke="#f0633f")
    assert 'stroke="var(--en-threads)"' in embedded(line_figure())


def test_looks_that_shapes_share_are_said_once():
    styles = Styles()
    svg = embedded(line_figure(), styles=styles)
    assert "stroke=" not in svg
    assert "stroke:var(--en-threads)" in styles.css()
    used = set(re.findall(r'class="(?:fig-960 )?(_\w+)"', svg))
    assert used == set(styles.names.values())


# -- lines, bars, curves ----------------------------------------------------------------------


def test_a_line_goes_through_its_points():
    [d] = paths(drawn(line_figure(), width=700), stroke="#b23a08")
    _, _, right, up, right_again, up_again = numbers(d)
    assert (right_again / right, up_again / up) == (pytest.approx(2, abs=0.01), pytest.approx(2, abs=0.01))
    assert right > 0 > up


def test_a_point_without_a_number_is_left_out():
    [d] = paths(drawn(line_figure(y=[1.0, None, 4.0])), stroke="#b23a08")
    assert d.count("l") == 1


def test_a_band_is_filled_faintly():
    band = {"fill": "toself", "fillcolor": "$en-threads/0.16", "line": {"width": 0}}
    svg = drawn(line_figure(**band))
    assert paths(svg, fill="#b23a08", fill_opacity="0.16")
    assert not paths(svg, stroke="#b23a08")


def test_a_guess_is_drawn_dashed():
    look = {"line": {"color": "$en-threads", "width": 2, "dash": "dash"}}
    assert paths(drawn(line_figure(id="guess:threads", **look)), stroke_dasharray="9 5")


def test_the_axes_carry_round_numbers_with_their_unit():
    said = texts(drawn(line_figure()))
    assert {"0×", "1×", "2×", "3×", "4×", "workers", "speed"} <= set(said)


def test_a_logarithmic_axis_has_ticks_at_decades():
    spec = line_figure(x=[1e-5, 1e-2], y=[1.0, 2.0])
    spec["layout"]["xaxis"] = {"type": "log", "ticksuffix": "s", "title": {"text": "delay"}}
    assert {"10 µs", "100 µs", "1 ms", "10 ms"} <= {t.replace("\u00a0", " ") for t in texts(drawn(spec))}


def test_a_curve_of_many_small_steps_needs_no_more_than_the_eye_sees():
    xs, ys = [n / 5000 for n in range(5000)], [n / 5000 for n in range(5000)]
    look = {"line": {"color": "$en-threads", "width": 2, "shape": "hv"}}
    [d] = paths(drawn(line_figure(x=xs, y=ys, **look)), stroke="#b23a08")
    assert 100 < d.count("h") < 700
    [straight] = paths(drawn(line_figure(x=[0, 1], y=[0.0, 1.0])), stroke="#b23a08")
    assert sum(numbers(d)[2::2]) == pytest.approx(numbers(straight)[2], abs=1)  # it ends where it should


def bars(*names, **layout):
    traces = [
        {
            "id": name,
            "type": "bar",
            "name": name,
            "x": ["a", "b"],
            "y": [1.0, 3.0],
            "marker": {"color": "$ch1", "pattern": {"shape": "/" if n else ""}},
            "error_y": {"array": [0.5, 0.5], "arrayminus": [0.5, 0.5]},
        }
        for n, name in enumerate(names)
    ]
    axes = {"xaxis": {"type": "category", "categoryarray": ["a", "b"], "title": {"text": "who"}}}
    return figure("plotly", traces, axes | {"yaxis": {"type": "linear", "rangemode": "tozero"}} | layout)


def heights(svg):
    found = [r for r in svg.iter(f"{SVG}rect") if r.get("fill") == tokens.themes()["light"]["ch1"]]
    return [float(r.get("height")) for r in found]


def test_a_bar_is_as_high_as_its_value():
    low, high = heights(drawn(bars("one")))
    assert high / low == pytest.approx(3, abs=0.02)


def test_grouped_bars_are_told_apart_by_hatch_and_named_below():
    svg = drawn(bars("voluntary", "involuntary"))
    hatched = [r for r in svg.iter(f"{SVG}rect") if r.get("fill", "").startswith("url(#")]
    assert len(hatched) == 3  # two bars, and the key
    assert {"voluntary", "involuntary"} <= set(texts(svg))
    ids = {pattern.get("id") for pattern in svg.iter(f"{SVG}pattern")}
    assert {r.get("fill")[5:-1] for r in hatched} == ids


def test_a_bar_that_was_guessed_is_an_outline():
    spec = bars("one")
    guess = {"id": "guess:bars", "type": "bar", "name": "your guess", "x": ["a"], "y": [2.0]}
    spec["data"].append(guess | {"marker": {"color": "$screen/0", "line": {"color": ["$ch2"], "width": 1.8}}})
    dashed = [r for r in drawn(spec).iter(f"{SVG}rect") if r.get("stroke-dasharray") == "9 5"]
    assert [(r.get("fill"), r.get("stroke")) for r in dashed] == [("none", tokens.themes()["light"]["ch2"])]


WAYS = [f"way number {n}" for n in range(16)]


def many_bars():
    spec = bars("one core", "two cores", xaxis={"type": "category", "categoryarray": WAYS})
    for trace in spec["data"]:
        trace |= {"x": WAYS, "y": [float(n + 1) for n in range(16)], "error_y": {}}
    return spec


def test_where_many_names_would_be_crowded_bars_lie_beside_them_and_all_can_be_read():
    svg = drawn(many_bars(), width=348)
    names = [t for t in svg.iter(f"{SVG}text") if t.text in WAYS]
    assert [name.text for name in names] == WAYS
    assert not any(name.get("transform") for name in names)
    assert all(int(below.get("y")) - int(above.get("y")) >= 22 for above, below in pairwise(names))
    ink = tokens.themes()["light"]["ch1"]
    lying = [r for r in svg.iter(f"{SVG}rect") if r.get("fill") == ink and r.get("x")][:16]
    assert float(lying[9].get("width")) == pytest.approx(10 * float(lying[0].get("width")), rel=0.02)
    assert len({r.get("height") for r in lying}) == len({r.get("x") for r in lying}) == 1


def test_where_there_is_room_for_names_bars_stand():
    assert len(set(heights(drawn(many_bars(), width=960)))) > 10
    assert any(t.get("transform") for t in drawn(many_bars(), width=960).iter(f"{SVG}text"))
    assert not any(t.get("transform") for t in drawn(bars("one"), width=348).iter(f"{SVG}text"))


def test_labels_at_the_ends_of_lines_keep_apart():
    notes = [
        {
            "name": f"end:{n}",
            "x": 4,
            "y": 4.0 - n / 100,
            "text": f"<b>line {n}</b> 4×",
            "font": {"color": "$ink"},
        }
        for n in range(4)
    ]
    spec = line_figure()
    spec["layout"]["annotations"] = notes
    svg = drawn(spec)
    at = sorted(int(t.get("y")) for t in svg.iter(f"{SVG}text") if "line" in "".join(t.itertext()))
    assert len(at) == 4
    assert all(below - above >= 17 for above, below in pairwise(at))


def curves(*dashes):
    """Two curves of shares, whose labels are a list beside the plot."""
    look = {"type": "scatter", "mode": "lines", "x": [1, 2], "y": [0.0, 1.0]}
    lines = [
        {"id": f"c{n}", "line": {"color": "$en-threads", "dash": dash}} | look
        for n, dash in enumerate(dashes)
    ]
    note = {"xref": "paper", "x": 1, "font": {"color": "$en-threads", "size": 13}}
    notes = [
        note | {"name": f"end:c{n}", "y": 1 - n / 8, "text": f"<b>curve {n}</b>"} for n in range(len(dashes))
    ]
    spec = line_figure()
    return spec | {"data": lines, "layout": spec["layout"] | {"annotations": notes}}


@pytest.mark.parametrize("width", [900, 348])
def test_curves_of_one_colour_are_told_apart_by_their_dashes_in_the_list_of_names(width):
    svg = drawn(curves("solid", "dashdot"), width=width)
    shown = [x for x in svg.iter(f"{SVG}line") if x.get("stroke") == tokens.themes()["light"]["en-threads"]]
    assert [line.get("stroke-dasharray") for line in shown] == [None, "9 4 2 4"]


def test_a_label_inside_the_plot_makes_way_for_the_other_lines():
    spec = line_figure(x=[0, 10], y=[1.0, 1.0])
    early = {"id": "early", "type": "scatter", "mode": "lines", "x": [0, 4], "y": [1.0, 1.0], "line": {}}
    spec["data"].append(early)
    note = {"x": 4, "y": 1.0, "text": "<b>early</b>", "font": {"color": "$ink"}, "name": "end:early"}
    spec["layout"]["annotations"] = [note, note | {"x": 10, "name": "end:threads", "text": "threads"}]
    svg = drawn(spec)
    at = {"".join(t.itertext()): float(t.get("y")) for t in svg.iter(f"{SVG}text")}
    assert abs(at["early"] - at["threads"]) >= 15


def test_a_label_that_is_too_long_for_its_room_is_set_smaller_and_not_cut():
    spec = line_figure()
    note = {
        "name": "end:threads",
        "x": 4,
        "y": 4.0,
        "text": "long " * 20,
        "font": {"color": "$ink", "size": 13},
    }
    spec["layout"]["annotations"] = [note]
    [label] = [t for t in drawn(spec, width=700).iter(f"{SVG}text") if "long" in "".join(t.itertext())]
    size = float(label.get("font-size"))
    assert size < 13
    assert float(label.get("x")) + letters.width_of(("long " * 20).strip(), size) <= 700


def test_a_timeline_in_a_file_keeps_away_from_the_edge():
    svg = drawn(timeline(lane("a", (0, 1, "running"))), width=1000)
    [frame] = [r for r in svg.iter(f"{SVG}rect") if r.get("stroke") == tokens.themes()["light"]["rule"]]
    assert svg.get("width") == "1000"
    assert float(frame.get("x")) + float(frame.get("width")) <= 990


def test_on_a_phone_labels_stand_below_the_chart():
    spec = line_figure()
    label = {"name": "end:threads", "x": 4, "y": 4.0, "text": "<b>threads</b> 4×", "font": {"color": "$ink"}}
    spec["layout"]["annotations"] = [label]
    wide, narrow = (drawn(spec, width=width) for width in (900, 348))
    [beside] = [t for t in wide.iter(f"{SVG}text") if "threads" in "".join(t.itertext())]
    [below] = [t for t in narrow.iter(f"{SVG}text") if "threads" in "".join(t.itertext())]
    assert float(beside.get("x")) > 600
    assert float(below.get("x")) < 100


# -- lanes ------------------------------------------------------------------------------------


def test_a_span_is_told_by_colour_height_and_hatch():
    svg = drawn(timeline(lane("a", (0, 0.5, "running"), (0.5, 0.7, "gil"), (0.7, 1, "blocked"))))
    look = {p.get("stroke"): float(p.get("stroke-width")) for p in svg.iter(f"{SVG}path") if p.get("stroke")}
    light = tokens.themes()["light"]
    assert look == {light["st-running"]: 22.0, "url(#f-f-gil)": 12.8, light["st-blocked"]: 3.1}
    assert [p.get("id") for p in svg.iter(f"{SVG}pattern")] == ["f-f-gil"]


def test_spans_lie_where_their_time_is():
    svg = drawn(timeline(lane("a", (0, 0.25, "running"), (0.75, 1, "running"))), width=1000)
    [d] = paths(svg, stroke=tokens.themes()["light"]["st-running"])
    _, _, first, gap, _, second = numbers(d)
    assert first == pytest.approx(second, abs=0.2)
    assert gap == pytest.approx(2 * first, abs=0.5)


def test_spans_of_one_state_that_touch_are_one():
    spans = [(n / 10, (n + 1) / 10, "running") for n in range(10)]
    [d] = paths(drawn(timeline(lane("a", *spans))), stroke=tokens.themes()["light"]["st-running"])
    assert d.count("h") == 1


def test_a_dense_lane_shows_how_the_time_of_a_column_was_shared():
    count = 20_000
    spans = [(n / count, (n + 1) / count, ("running", "ready")[n % 2]) for n in range(count)]
    spec = timeline(lane("a", *spans))
    svg = drawn(spec, width=1000)
    light = tokens.themes()["light"]
    [running] = paths(svg, stroke=light["st-running"])
    [ready] = paths(svg, stroke=light["st-ready"])
    assert running.count("v") == ready.count("v") <= 500  # of two pixels at least
    assert set(re.findall(r"v([\d.]+)", running)) == {"11"}  # half of the time, half of the lane
    assert set(re.findall(r"v([\d.]+)", ready)) == {"6.5"}  # half of the time at 58 % of the height
    assert len(standalone(spec)) < 25_000


def test_a_dense_lane_in_one_state_is_one_stroke():
    spans = [(n / 5000, (n + 1) / 5000, "running") for n in range(5000)]
    [d] = paths(drawn(timeline(lane("a", *spans))), stroke=tokens.themes()["light"]["st-running"])
    assert d.count("h") == 1


def test_groups_stand_together_under_their_heads():
    spec = timeline(
        lane("a", (0, 1, "running"), group="threads"),
        lane("p", (0, 1, "running"), group="processes"),
        lane("b", (0, 1, "running"), group="threads"),
    )
    svg = drawn(spec)
    at = {"".join(t.itertext()): float(t.get("y")) for t in svg.iter(f"{SVG}text")}
    assert at["threads"] < at["a"] < at["b"] < at["processes"] < at["p"]


def test_the_key_names_the_states_that_occur_and_no_other():
    said = texts(drawn(timeline(lane("a", (0, 1, "running")))))
    assert "running on a core" in said
    assert "waiting for the GIL" not in said


# -- shares, states, calls, cells -------------------------------------------------------------


def test_a_share_is_as_wide_as_its_part_of_the_time():
    data = [{"id": "a", "label": "a", "parts": [["running", 3.0], ["ready", 1.0]]}]
    svg = drawn(figure("shares", data, {"states": ALL_STATES}), width=500)
    light = tokens.themes()["light"]
    wide = {
        r.get("fill"): float(r.get("width"))
        for r in svg.iter(f"{SVG}rect")
        if r.get("height") == "22" and r.get("fill") != light["grid"]
    }
    assert wide[light["st-running"]] / wide[light["st-ready"]] == pytest.approx(3, abs=0.03)
    assert {"75\u00a0%", "25\u00a0%"} <= set(texts(svg))


def test_a_transition_is_an_arrow_with_its_count():
    nodes = [{"id": "running", "label": "running"}, {"id": "ready", "label": "ready"}]
    edge = {"id": "running>ready", "source": "running", "target": "ready", "how": "sample"}
    data = [edge | {"count": 1200, "label": "preempted"}]
    svg = drawn(figure("states", data, {"nodes": nodes, "states": ALL_STATES}))
    assert {"Running", "Ready", "preempted", "≈ 1\u2009200"} <= set(texts(svg))
    assert len(paths(svg)) == 2  # a stem and a head


def test_a_diagram_without_transitions_says_so():
    edge = {"id": "a", "source": "running", "target": "running", "count": 0, "how": "", "label": ""}
    svg = drawn(figure("states", [edge], {"nodes": [], "states": ALL_STATES}))
    assert "No transitions yet." in texts(svg)


FLOW = {
    "id": "blocking",
    "label": "blocking",
    "call": "recv",
    "note": "10 ms waiting, 20 µs after arrival",
    "spans": [
        ["program", 0.0, 0.01, "blocked", "recv"],
        ["kernel", 0.0, 0.01, "blocked", "recv"],
        ["kernel", 0.01, 0.01002, "io", "recv"],
    ],
    "calls": [[0.0, 1, "recv"], [0.01002, -1, "data"]],
    "ready_s": 0.01,
    "done_s": 0.01002,
}


def test_a_call_is_told_on_two_lanes_with_its_time_magnified_after_the_arrival():
    svg = drawn(figure("flow", [FLOW], {"t1": 0.01002, "states": ALL_STATES}))
    said = texts(svg)
    assert {"Blocking", "program", "kernel", "recv", "data", "data arrives"} <= set(said)
    assert any(text.startswith("time magnified") for text in said)


def test_what_a_drawing_says_itself_is_in_the_language_of_the_reader():
    with speaking(Words("zh", {"data arrives": "数据到达", "program": "程序"})):
        svg = drawn(figure("flow", [FLOW], {"t1": 0.01002, "states": ALL_STATES}))
    assert {"数据到达", "程序"} <= set(texts(svg))


def test_a_cell_that_is_not_known_yet_is_empty():
    layout = {"across": ["1", "2"], "across_title": "workers", "unit": "×", "cells": {"threads|1": 1.0}}
    svg = drawn(figure("cells", [{"id": "threads", "label": "threads", "role": "$en-threads"}], layout))
    assert "1.00×" in texts(svg)
    assert len([r for r in svg.iter(f"{SVG}rect") if r.get("stroke-dasharray")]) == 1


@pytest.mark.parametrize("kind", ["plotly", "timeline", "shares", "states", "flow", "cells"])
def test_a_figure_without_rows_says_so(kind):
    assert "No rows." in texts(drawn(figure(kind, [], {})))


# -- for everybody ----------------------------------------------------------------------------


def test_a_drawing_has_its_words_for_those_who_cannot_see_it():
    svg = drawn(line_figure())
    title, desc = svg.find(f"{SVG}title"), svg.find(f"{SVG}desc")
    assert (title.text, desc.text) == ("How fast?", "Fast.")
    assert svg.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert svg.get("role") == "img"


def test_nothing_in_a_figure_becomes_markup():
    bad = "<script>alert(1)</script> & \"'\x00\u202e"
    spec = timeline(lane(bad, (0, 1, "running"), group=bad), note=bad)
    svg = drawn(spec | {"title": bad, "summary": bad, "id": 'x" onload="alert(1)'})
    assert not list(svg.iter(f"{SVG}script"))
    assert svg.get("onload") is None
    assert any("<script>" in text for text in texts(svg))


def test_labels_that_plotly_reads_as_html_are_read_as_it_does():
    spec = line_figure()
    label = {
        "name": "end:x",
        "x": 4,
        "y": 4.0,
        "text": "<b>a &lt;b&gt; &amp;</b> 4×",
        "font": {"color": "$ink"},
    }
    spec["layout"]["annotations"] = [label]
    assert "a <b> & 4×" in texts(drawn(spec))


def test_a_very_long_name_is_cut_and_not_drawn_over_the_chart():
    svg = drawn(timeline(lane("x" * 500, (0, 1, "running"))), width=600)
    [name] = [text for text in texts(svg) if text.startswith("xxx")]
    assert name.endswith("…")
    assert letters.width_of(name, 12, "$mono") < 600


# -- letters and ticks ------------------------------------------------------------------------


def test_a_chinese_character_is_as_wide_as_the_type_is_high():
    assert letters.width_of("线程", 12) == 24
    assert letters.width_of("ii", 12) < letters.width_of("mm", 12) < 24


def test_chinese_breaks_between_characters_but_never_before_a_full_stop():
    lines = letters.in_lines("线程等待锁。", 36, lambda words: letters.width_of(words, 12))
    assert lines == ["线程等", "待锁。"]
    assert letters.in_lines("two words", 30, lambda words: letters.width_of(words, 12)) == ["two", "words"]


def test_places_are_moved_apart_as_little_as_possible():
    assert letters.spread([10, 12, 50], 18, 0, 100) == [2, 20, 50]
    assert letters.spread([0, 0, 0], 40, 0, 60) == [0, 30, 60]
    assert letters.spread([], 18, 0, 100) == []


def test_steps_between_ticks_are_round():
    assert [scales.nice_step(span, 5) for span in (1, 3.1, 7, 10)] == [0.2, 0.5, 1, 2]
    assert scales.ticks(0, 1, 0.25) == [0, 0.25, 0.5, 0.75, 1]
    assert scales.decades(0, 1, 9) == [1, 2, 3, 5, 7, 10]
    assert scales.decades(-6, 3, 5) == [1e-6, 1e-4, 1e-2, 1, 100]


def test_of_labels_that_would_touch_the_first_and_the_last_stay():
    assert scales.thin([0, 10, 20, 30, 40], [18] * 5) == [0, 2, 4]
    assert scales.thin([], []) == []


# -- what only a strange file brings ----------------------------------------------------------


def test_a_timeline_in_which_no_time_passes_is_drawn():
    late = 1e15
    moment = timeline(lane("a", (late, late, "running")), t0=late, t1=late, marks=[{"t": late}])
    assert "a" in texts(drawn(moment))


def test_powers_of_ten_below_the_smallest_number_are_no_ticks():
    assert 0.0 not in scales.decades(-330.0, -320.0, 40)
