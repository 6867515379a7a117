"""Rows in, figures out; and the patches on the way add up to the same figures."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.figures import Board, apply
from app.figures.kinds.ecdf import MOST_POINTS
from app.figures.kinds.flow import FlowFigure
from app.figures.kinds.timeline import MOST_SPANS
from app.text.values import name_of, number, role, tick, words
from experiments.kit import charts
from experiments.kit.charts import (
    Bars,
    Cells,
    Chart,
    Ecdf,
    Flow,
    Line,
    Reference,
    Shares,
    StateDiagram,
    Timeline,
)
from experiments.kit.spec import Experiment, number_charts, read_table
from experiments.kit.units import Bytes, Count, Ratio, Seconds

GOLDEN = Path(__file__).parents[2] / "golden" / "patches.json"

Kind = Literal["threads", "processes"]


class Round(NamedTuple):
    """One timed round."""

    kind: Kind
    workers: Count
    wall_s: Annotated[Seconds, "from the barrier to the last worker's end"]
    speedup: Annotated[Ratio, "work per second, compared with one worker"]


class Capacity(NamedTuple):
    """What the cores can do."""

    cores: Count
    ratio: Ratio


class Span(NamedTuple):
    """A stretch of time in one state."""

    lane: str
    group: str
    state: str
    start_s: Seconds
    end_s: Seconds


class Share(NamedTuple):
    """Where the time went."""

    thread: str
    wall_s: Seconds
    running_s: Seconds
    gil_wait_s: Seconds


class Transition(NamedTuple):
    """From state to state."""

    source: str
    target: str
    count: Count
    how: str


class Read(NamedTuple):
    """One read."""

    model: str
    size_b: Bytes
    after_send_s: Seconds


class Step(NamedTuple):
    """One stretch of one read."""

    model: str
    lane: str
    state: str
    start_s: Seconds
    end_s: Seconds
    call: str


ROWS = (Round, Capacity, Span, Share, Transition, Read, Step)
CHARTS = (
    Line(
        Round,
        x="workers",
        y="speedup",
        by="kind",
        references=(
            Reference(label="measured capacity", row=Capacity, x="cores", y="ratio"),
            Reference(label="ideal"),
        ),
    ),
    Line(Read, x="size_b", y="after_send_s", by="model", log_x=True, log_y=True, title="Does size matter?"),
    Bars(Round, x="workers", y="wall_s", by="kind"),
    Bars(Read, x="model", y="after_send_s", log_y=True),
    Ecdf(Read, x="after_send_s", by="model", log_x=True),
    Cells(Round, across="workers", down="kind", value="wall_s"),
    Timeline(Span, lane="lane", state="state", start="start_s", end="end_s", group="group"),
    Shares(Share, lane="thread"),
    StateDiagram(Transition, source="source", target="target", count="count", how="how"),
    Flow(Step, model="model", lane="lane", state="state", start="start_s", end="end_s", call="call"),
)


def nothing(*_: Any) -> Any:
    raise AssertionError("a board measures nothing")


def experiment(*asked: Chart) -> Experiment:
    return Experiment(
        name="test.figures",
        title="Figures",
        question="Do they grow?",
        article="",
        params=(),
        tables=tuple(read_table(row) for row in ROWS),
        charts=number_charts(asked),
        measure=nothing,
        verdict=nothing,
    )


def drawn(chart: Chart, *rows: Any) -> dict[str, Any]:
    """The figure of these rows."""
    board = Board(experiment(chart))
    for row in rows:
        board.add(type(row).__name__.lower(), [list(row)])
    return board.figures()[0]


def trace(figure: dict[str, Any], id: str) -> dict[str, Any]:
    return next(trace for trace in figure["data"] if trace["id"] == id)


def label(figure: dict[str, Any], name: str) -> dict[str, Any]:
    return next(label for label in figure["layout"]["annotations"] if label["name"] == f"end:{name}")


# Patches

numbers = st.one_of(st.none(), st.integers(-3, 40), st.floats(-1, 50, allow_nan=False))
names = st.sampled_from(["threads", "processes", "a|b", "<b>", ""])
states = st.sampled_from([*charts.STATES, "dreaming"])
lanes = st.sampled_from(["program", "kernel"])
VALUES: dict[type, tuple[st.SearchStrategy[Any], ...]] = {
    Round: (names, numbers, numbers, numbers),
    Capacity: (numbers, numbers),
    Span: (names, names, states, numbers, numbers),
    Share: (names, numbers, numbers, numbers),
    Transition: (states, states, st.one_of(st.none(), st.integers(0, 9)), st.sampled_from(["counted", None])),
    Read: (names, numbers, numbers),
    Step: (names, lanes, states, numbers, numbers, st.sampled_from(["recv", "poll", None])),
}


def batch_of(row: type) -> st.SearchStrategy[tuple[str, list[list[Any]]]]:
    rows = st.lists(st.tuples(*VALUES[row]).map(list), max_size=6)
    return st.tuples(st.just(row.__name__.lower()), rows)


batches = st.lists(st.one_of([batch_of(row) for row in ROWS]), max_size=12)


@settings(deadline=None)  # a busy machine is no mistake
@given(batches)
def test_patches_applied_to_the_empty_figures_give_the_figures_at_the_end(
    given_batches: Sequence[tuple[str, list[list[Any]]]],
) -> None:
    board = Board(experiment(*CHARTS))
    page = {figure["id"]: figure for figure in board.figures()}
    ops = [op for table, rows in given_batches for op in board.add(table, rows)] + board.close()

    for op in json.loads(json.dumps(ops)):
        apply(page[op["id"]], op["patch"])

    assert list(page.values()) == json.loads(json.dumps(board.figures()))


@settings(deadline=None)  # a busy machine is no mistake
@given(batches)
def test_how_rows_are_cut_into_batches_changes_nothing(
    given_batches: Sequence[tuple[str, list[list[Any]]]],
) -> None:
    in_batches, one_by_one = Board(experiment(*CHARTS)), Board(experiment(*CHARTS))
    for table, rows in given_batches:
        in_batches.add(table, rows)
        for row in rows:
            one_by_one.add(table, [row])

    assert in_batches.figures() == one_by_one.figures()


def test_a_figure_taken_earlier_does_not_change_with_later_rows() -> None:
    board = Board(experiment(*CHARTS))
    board.add("span", [["t", "g", "running", 0.0, 1.0]])
    before = board.figures()
    kept = json.dumps(before)
    board.add("span", [["t", "g", "ready", 1.0, 2.0]])

    assert json.dumps(before) == kept


def test_a_patch_in_the_log_does_not_change_with_later_rows() -> None:
    board = Board(experiment(*CHARTS))
    ops = board.add("span", [["t", "g", "running", 0.0, 1.0]])
    kept = json.dumps(ops)
    board.add("span", [["t", "g", "ready", 1.0, 2.0]])

    assert json.dumps(ops) == kept


def test_rows_that_no_chart_draws_change_nothing() -> None:
    board = Board(experiment(Shares(Share, lane="thread")))

    assert board.add("capacity", [[2, 1.6]]) == []


@pytest.mark.parametrize("case", json.loads(GOLDEN.read_text()), ids=lambda case: case["name"])
def test_a_patch_means_what_the_golden_file_says(case: dict[str, Any]) -> None:
    figure = case["figure"]
    apply(figure, case["patch"])

    assert figure == case["result"]


# Lines

SPEEDUP = CHARTS[0]


def test_a_line_goes_through_the_medians_and_its_band_through_the_quartiles() -> None:
    rows = [Round("threads", 2, 1.0, speedup) for speedup in (0.5, 1.0, 0.9, 0.8, 0.7)]
    figure = drawn(SPEEDUP, Round("threads", 1, 1.0, 1.0), *rows)

    assert trace(figure, "threads")["x"] == [1, 2]
    assert trace(figure, "threads")["y"] == [1.0, 0.8]
    assert trace(figure, "threads/band")["x"] == [1, 2, 2, 1]
    assert trace(figure, "threads/band")["y"] == pytest.approx([1.0, 0.9, 0.7, 1.0])
    assert "middle half" in figure["caption"]


def test_a_line_is_labelled_at_its_end_with_its_last_value_in_its_own_colour() -> None:
    figure = drawn(SPEEDUP, Round("processes", 1, 1.0, 1.0), Round("processes", 2, 1.0, 1.516))

    assert label(figure, "processes")["text"] == "<b>processes</b> 1.52×"
    assert (label(figure, "processes")["x"], label(figure, "processes")["y"]) == (2, 1.516)
    assert label(figure, "processes")["font"]["color"] == "$en-processes"
    assert trace(figure, "processes")["line"]["color"] == "$en-processes"


def test_on_logarithmic_axes_labels_stand_at_powers_of_ten() -> None:
    figure = drawn(CHARTS[1], Read("blocking", 1000, 0.01))

    assert label(figure, "blocking")["x"] == pytest.approx(3)
    assert label(figure, "blocking")["y"] == pytest.approx(-2)


def test_a_reference_is_dashed_and_held_flat_to_the_right_edge() -> None:
    rows = [Round("threads", workers, 1.0, 1.0) for workers in (1, 2, 4)]
    figure = drawn(SPEEDUP, *rows, Capacity(1, 1.0), Capacity(2, 1.6))
    capacity = trace(figure, "reference:measured capacity")

    assert (capacity["x"], capacity["y"]) == ([1, 2, 4], [1.0, 1.6, 1.6])
    assert capacity["line"]["dash"] == "dash"
    assert label(figure, "reference:measured capacity")["text"] == "measured capacity 1.60×"


def test_a_reference_of_which_a_value_is_void_is_not_drawn() -> None:
    rows = [Round("threads", workers, 0.5, 1.0) for workers in (1, 2)]
    figure = drawn(SPEEDUP, *rows, Capacity(1, 1.0), Capacity(2, None))  # type: ignore[arg-type]

    assert trace(figure, "reference:measured capacity")["x"] == []
    assert not [a for a in figure["layout"]["annotations"] if a["name"] == "reference:measured capacity"]


def test_a_lane_of_which_a_part_is_unknown_is_no_bar_and_no_zero_in_the_table() -> None:
    rows = [Share("thread 1", 0.5, 0.5, 0.0), Share("thread 2", 0.5, None, 0.0)]  # type: ignore[arg-type]
    figure = drawn(Shares(Share, lane="thread"), *rows)

    assert [lane["id"] for lane in figure["data"]] == ["thread 1"]
    assert figure["table"]["rows"][1] == ["thread 2", None, 0.0]


def test_a_line_may_be_held_against_another_column_of_its_own_rows() -> None:
    own = Reference(label="wall clock", row=Round, x="workers", y="wall_s")
    rows = [Round("threads", workers, 0.5, 1.0) for workers in (1, 2)]
    figure = drawn(replace(SPEEDUP, references=(own,)), *rows)

    assert (trace(figure, "reference:wall clock")["y"], trace(figure, "threads")["y"]) == ([0.5, 0.5], [1, 1])


def test_the_ideal_line_does_not_squeeze_what_was_measured() -> None:
    rows = [Round("threads", workers, 1.0, 1.5) for workers in (1, 2, 32)]
    ideal = trace(drawn(SPEEDUP, *rows), "reference:ideal")

    assert ideal["x"] == ideal["y"]
    assert ideal["y"][-1] == pytest.approx(1.8)


def test_measured_places_are_the_ticks_and_carry_their_units() -> None:
    figure = drawn(CHARTS[1], *(Read("blocking", size, 0.001) for size in (1, 4096, 1 << 20)))
    axes = figure["layout"]

    assert axes["xaxis"]["tickvals"] == [1, 4096, 1 << 20]
    assert axes["xaxis"]["ticktext"] == ["1\u00a0B", "4\u00a0KiB", "1\u00a0MiB"]
    assert axes["xaxis"]["title"] == {"text": "size"}
    assert axes["yaxis"]["title"] == {"text": "after send"}
    assert axes["yaxis"]["ticksuffix"] == "s"


def test_the_title_falls_back_to_what_the_column_means() -> None:
    assert drawn(SPEEDUP)["title"] == "Work per second, compared with one worker"
    assert drawn(SPEEDUP)["layout"]["yaxis"]["title"] == {"text": "speedup"}
    assert drawn(CHARTS[1])["title"] == "Does size matter?"


def test_ratios_are_drawn_from_zero() -> None:
    assert drawn(SPEEDUP)["layout"]["yaxis"]["rangemode"] == "tozero"


def test_a_long_line_is_thinned_but_keeps_its_ends() -> None:
    board = Board(experiment(SPEEDUP))
    board.add("round", [["threads", n, 1.0, 1.0] for n in range(1, 5001)])
    line = trace(board.figures()[0], "threads")

    assert len(line["x"]) <= 401
    assert (line["x"][0], line["x"][-1]) == (1, 5000)


def test_a_patch_touches_only_the_lines_that_got_rows() -> None:
    board = Board(experiment(SPEEDUP))
    board.add("round", [["threads", 1, 1.0, 1.0], ["processes", 2, 1.0, 1.0]])
    (op,) = board.add("round", [["threads", 1, 1.0, 3.0]])

    assert [step[1] for step in op["patch"] if step[0] == "trace"] == [
        "threads/band",
        "threads",
        "reference:ideal",
    ]


def test_empty_values_are_not_drawn() -> None:
    row = ["threads", 1, 1.0, None]
    board = Board(experiment(SPEEDUP))

    assert board.add("round", [row, ["threads", 1, 1.0, math.inf]]) == []


# Bars, distributions, cells


def test_bars_stand_in_the_order_of_numbers_and_of_appearance_of_names() -> None:
    figure = drawn(CHARTS[2], Round("threads", 4, 2.0, 1.0), Round("processes", 2, 1.0, 1.0))
    assert figure["layout"]["xaxis"]["categoryarray"] == ["2", "4"]

    figure = drawn(CHARTS[3], Read("multiplexed", 1, 0.1), Read("blocking", 1, 0.1))
    assert figure["layout"]["xaxis"]["categoryarray"] == ["multiplexed", "blocking"]


def test_names_under_bars_carry_their_unit_once() -> None:
    chart = Bars(Read, x="size_b", y="after_send_s")
    axis = drawn(chart, Read("blocking", 4096, 0.1))["layout"]["xaxis"]

    assert axis["categoryarray"] == ["4\u00a0KiB"]
    assert "ticksuffix" not in axis


def test_bars_without_series_take_the_colour_of_what_they_stand_for() -> None:
    figure = drawn(CHARTS[3], Read("multiplexed", 1, 0.1), Read("blocking", 1, 0.1))

    assert figure["data"][0]["marker"]["color"] == ["$en-multiplexed", "$en-blocking"]


def test_a_distribution_climbs_to_one_through_every_value() -> None:
    figure = drawn(CHARTS[4], *(Read("blocking", 1, value) for value in (0.3, 0.1, 0.2, 0.4)))

    assert figure["data"][0]["x"] == [0.1, 0.1, 0.2, 0.3, 0.4]
    assert figure["data"][0]["y"] == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_a_large_distribution_keeps_few_points_and_its_extremes() -> None:
    board = Board(experiment(CHARTS[4]))
    board.add("read", [["blocking", 1, 1 + value] for value in range(10_000)])
    curve = board.figures()[0]["data"][0]

    assert len(curve["x"]) == MOST_POINTS
    assert (curve["x"][0], curve["x"][-1], curve["y"][-1]) == (1, 10_000, 1.0)


def test_cells_fill_with_medians() -> None:
    rows = [Round("threads", 2, wall, 1.0) for wall in (1.0, 3.0, 2.0)]
    figure = drawn(CHARTS[5], Round("threads", 10, 5.0, 1.0), *rows)

    assert figure["layout"]["across"] == ["2", "10"]
    assert figure["layout"]["cells"] == {"threads|10": 5.0, "threads|2": 2.0}
    assert figure["data"] == [{"id": "threads", "label": "threads", "role": "$en-threads"}]


# States

LANES = CHARTS[6]


def test_a_timeline_appends_columns_to_its_lanes() -> None:
    board = Board(experiment(LANES))
    board.add("span", [["t1", "four threads", "running", 0.0, 0.25]])
    (op,) = board.add("span", [["t1", "four threads", "gil", 0.25, 1.0]])

    assert op["patch"] == [
        ["ext", "t1", {"start": [0.25], "end": [1.0], "state": ["gil"]}],
        ["set", "layout.t1", 1.0],
    ]
    assert trace(board.figures()[0], "t1")["group"] == "four threads"


def test_a_timeline_says_its_shares_in_words_and_as_a_table() -> None:
    figure = drawn(LANES, Span("t1", "", "running", 0.0, 0.25), Span("t1", "", "gil", 0.25, 1.0))

    assert "t1: waiting for the GIL 75\u00a0%, running on a core 25\u00a0%" in figure["summary"]
    assert [column["name"] for column in figure["table"]["columns"]] == [
        "lane",
        "running on a core",
        "waiting for the GIL",
        "time",
    ]
    assert figure["table"]["rows"] == [["t1", 0.25, 0.75, 1.0]]


def test_a_lane_that_grows_too_long_is_cut_aloud() -> None:
    board = Board(experiment(LANES))
    board.add("span", [["t1", "", "running", i / 1000, (i + 1) / 1000] for i in range(MOST_SPANS + 5)])
    figure = board.figures()[0]

    assert len(figure["data"][0]["start"]) == MOST_SPANS
    assert "t1" in figure["layout"]["note"]
    assert figure["table"]["rows"][0][-1] == pytest.approx(20.005)


def test_shares_find_their_columns_by_the_names_of_states() -> None:
    figure = drawn(CHARTS[7], Share("thread 1", 2.0, 0.5, 1.5))

    assert figure["data"] == [
        {"id": "thread 1", "label": "thread 1", "parts": [["running", 0.5], ["gil", 1.5]]}
    ]
    assert "waiting for the GIL 75" in figure["summary"]


def test_a_state_diagram_sums_its_counts_and_says_how_they_were_counted() -> None:
    figure = drawn(
        CHARTS[8],
        Transition("running", "ready", 10, "counted"),
        Transition("running", "ready", 4, "sampled"),
    )

    assert figure["data"][0]["count"] == 14
    assert figure["data"][0]["how"] == "counted and sampled"
    assert figure["data"][0]["label"] == "preempted"
    assert [node["id"] for node in figure["layout"]["nodes"]] == ["running", "ready"]


def test_a_flow_finds_its_calls_and_phases_in_the_spans() -> None:
    figure = drawn(
        CHARTS[9],
        Step("multiplexed", "program", "blocked", 0.0, 0.002, "epoll_wait"),
        Step("multiplexed", "kernel", "blocked", 0.0, 0.002, "epoll_wait"),
        Step("multiplexed", "program", "running", 0.002, 0.00201, ""),
        Step("multiplexed", "program", "blocked", 0.00201, 0.00203, "recv"),
        Step("multiplexed", "kernel", "io", 0.00201, 0.00203, "recv"),
    )
    model = figure["data"][0]

    assert model["calls"] == [
        [0.0, 1, "epoll_wait"],
        [0.002, -1, ""],
        [0.00201, 1, "recv"],
        [0.00203, -1, "data"],
    ]
    assert (model["ready_s"], model["done_s"]) == (0.002, 0.00203)
    assert model["call"] == "epoll_wait, then recv"
    assert model["note"] == "2.00\u00a0ms waiting, 30.0\u00a0µs after arrival"


def test_a_flow_does_not_count_calls_of_which_it_draws_only_some() -> None:
    spans = [Step("non-blocking", "program", "running", n / 10, n / 10 + 0.05, "recv") for n in range(3)]
    figure = drawn(CHARTS[9], *spans, Step("non-blocking", "kernel", "blocked", 0.0, 0.3, ""))

    assert "call" not in figure["data"][0]["note"]


def test_a_reader_that_spins_names_its_call_once() -> None:
    steps = [Step("non-blocking", "program", "running", n / 10, n / 10 + 0.05, "recv") for n in range(3)]
    model = drawn(CHARTS[9], *steps)["data"][0]

    assert [text for _, way, text in model["calls"] if way > 0] == ["recv", "", ""]


def test_a_flow_draws_a_bounded_number_of_spans() -> None:
    board = Board(experiment(CHARTS[9]))
    board.add("step", [["n", "program", "running", n, n + 0.5, "recv"] for n in range(2000)])

    assert len(board.figures()[0]["data"][0]["spans"]) == 400
    assert isinstance(board.drawn[0], FlowFigure)


# Words


def test_a_figure_tells_its_question_and_its_numbers_in_a_sentence() -> None:
    rows = [Round("threads", 1, 1.0, 1.0), Round("threads", 2, 1.0, 0.97), Capacity(2, 1.6)]
    assert drawn(SPEEDUP, *rows)["summary"] == (
        "Work per second, compared with one worker. threads: 1.00× at workers 1, 0.97× at workers 2."
        " measured capacity: 1.60×."
    )
    assert drawn(CHARTS[1], Read("blocking", 64, 0.001))["summary"] == (
        "Does size matter? blocking: 1.00\u00a0ms at size 64\u00a0B."
    )


def test_every_figure_has_a_text_alternative_and_a_table_from_the_start() -> None:
    for figure in Board(experiment(*CHARTS)).figures():
        assert figure["summary"]
        assert figure["table"]["rows"] == []


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.516, "×", "1.52×"),
        (0.48, "share", "48\u00a0%"),
        (0.0000035, "s", "3.50\u00a0µs"),
        (11_412, "", "11\u2009412"),
        (65_536, "B", "64\u00a0KiB"),
        (250, "ms", "250\u00a0ms"),
        (4, "", "4"),
        (2.5, "/s", "2.5\u00a0/s"),
    ],
)
def test_numbers_read_as_people_say_them(value: float, unit: str, text: str) -> None:
    assert number(value, unit) == text


def test_ticks_have_no_zeros_to_spare() -> None:
    assert [tick(value, "s") for value in (0.001, 0.0015, 0.1)] == ["1\u00a0ms", "1.5\u00a0ms", "100\u00a0ms"]


def test_entities_and_states_keep_their_colours_and_others_take_channels_in_turn() -> None:
    assert role("Signal driven") == "$en-signal-driven"
    assert role("multiplexed, working") == "$en-multiplexed"
    assert role("gil") == "$st-gil"
    assert [role("x", order) for order in (0, 5, 6)] == ["$ch1", "$ch6", "$ch1"]


def test_columns_are_read_without_their_units() -> None:
    named = [words(column) for column in ("run_queue_ns", "switches_per_s", "per_s", "workers")]
    assert named == ["run queue", "switches", "per second", "workers"]


def test_values_of_any_type_have_names() -> None:
    assert [name_of(value) for value in (True, None, 2, 0.5, "x")] == ["on", "–", "2", "0.5", "x"]
