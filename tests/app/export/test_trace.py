"""A run as a Chrome trace: lanes, slices, nanoseconds, and what is said where there are none."""

import json
import math
from dataclasses import replace
from itertools import pairwise
from typing import Literal, NamedTuple

import pytest

from app.export import trace
from app.export.exports import Whole
from app.runs.run import Run, State
from app.text.languages import load as words_of
from experiments.kit import Seconds
from experiments.kit.charts import Flow, Line, Timeline
from experiments.kit.spec import Experiment, load, read_table
from tests.tiny.root import load as tiny

RUN = Run(
    id="0123456789",
    experiment="x.y",
    params={"workers": 2},
    python="cpython-3.11.7",
    state=State.DONE,
    machine={"host": "lab-7", "cores": 2},
    host="lab-7",
)


class Stretch(NamedTuple):
    """A span."""

    kind: str
    who: str
    state: str
    start_s: Seconds
    end_s: Seconds


class Told(NamedTuple):
    """A span of a call."""

    model: str
    lane: Literal["program", "kernel"]
    state: str
    start_s: Seconds
    end_s: Seconds
    call: str


GROUPED = Timeline(
    Stretch, lane="who", group="kind", state="state", start="start_s", end="end_s", title="Who ran?", id="t"
)
PLAIN = Timeline(Stretch, lane="who", state="state", start="start_s", end="end_s", title="Who ran?", id="t")
CALLS = Flow(
    Told, model="model", lane="lane", state="state", start="start_s", end="end_s", call="call", id="f"
)


def whole(*charts, language="en", **tables):
    experiment = Experiment(
        "x.y", "Title", "Who ran?", "", (), (read_table(Stretch), read_table(Told)), charts, None, None
    )
    words = words_of(language, {"threads.scaling": load("threads.scaling")})
    return Whole(experiment=experiment, run=RUN, tables=tables, words=words)


def events(whole, phase):
    return [event for event in trace.as_trace(whole)["traceEvents"] if event["ph"] == phase]


def named(whole, what):
    return {
        (e["pid"], e["tid"]): e["args"]["name"] for e in events(whole, "M") if e["name"] == f"{what}_name"
    }


ROWS = [
    ["threads", "thread 1", "running", 0.0, 0.5],
    ["threads", "thread 2", "gil", 0.0, 0.5],
    ["processes", "process 1", "ready", 0.25, 1.0],
]


def test_a_chart_is_a_process_which_viewers_open_unfolded_and_a_lane_a_thread_with_its_group():
    made = whole(GROUPED, stretch=ROWS)
    assert named(made, "process") == {(1, 0): "Who ran?"}
    lanes = ["threads · thread 1", "threads · thread 2", "processes · process 1"]
    assert named(made, "thread") == {(1, 101 + n): lane for n, lane in enumerate(lanes)}
    orders = [e["args"]["sort_index"] for e in events(made, "M") if e["name"] == "thread_sort_index"]
    assert orders == [101, 102, 103]


def test_lanes_without_a_group_have_their_own_names_only():
    made = whole(PLAIN, stretch=ROWS)
    assert list(named(made, "thread").values()) == ["thread 1", "thread 2", "process 1"]


def test_the_lanes_of_two_charts_stand_under_both():
    told = [["blocking", "kernel", "blocked", 0.0, 0.1, "recv"]]
    made = whole(PLAIN, CALLS, stretch=ROWS, told=told)
    assert named(made, "process") == {(1, 0): "Who ran?", (2, 0): "f"}
    assert named(made, "thread")[2, 104] == "blocking · kernel"


def test_a_span_is_a_slice_named_by_its_state():
    first, second, third = events(whole(GROUPED, stretch=ROWS), "X")
    assert (first["name"], first["cat"], first["ts"], first["dur"]) == (
        "running on a core",
        "running",
        0,
        5e5,
    )
    assert (second["name"], second["tid"]) == ("waiting for the GIL", 102)
    assert (third["tid"], third["ts"], third["dur"]) == (103, 250_000, 750_000)


def test_states_and_lanes_are_named_in_the_readers_language():
    made = whole(GROUPED, language="zh", stretch=ROWS)
    first, *_ = events(made, "X")
    assert (first["name"], first["cat"]) == ("在核心上运行", "running")
    assert named(made, "thread")[1, 101] == "线程 · 线程 1"


def test_nanoseconds_survive_and_touching_spans_touch():
    edges = [0.0, 0.000_000_001, 0.123_456_789, 1.000_000_003]
    rows = [["a", "b", "running", *edge] for edge in pairwise(edges)]
    made = json.loads(json.dumps(events(whole(GROUPED, stretch=rows), "X")))
    assert [round(e["ts"] * 1000) for e in made] == [0, 1, 123_456_789]
    assert [round((e["ts"] + e["dur"]) * 1000) for e in made] == [1, 123_456_789, 1_000_000_003]


def test_what_began_before_zero_moves_everything_to_the_right():
    """Perfetto drops what begins before 0."""
    rows = [["a", "b", "running", -0.002, 0.0], ["a", "b", "ready", 0.0, 0.001]]
    first, second = events(whole(GROUPED, stretch=rows), "X")
    assert (first["ts"], first["dur"], second["ts"]) == (0, 2000, 2000)


def test_rows_that_are_no_spans_are_left_out_and_unknown_states_said_so():
    rows = [
        ["a", "b", "running", None, 1.0],
        ["a", "b", "running", 1.0, None],
        ["a", "b", "running", math.nan, 1.0],
        ["a", "b", "running", 2.0, 1.0],
        ["a", None, "dreaming", 1.0, 2.0],
    ]
    (only,) = events(whole(GROUPED, stretch=rows), "X")
    assert (only["cat"], only["ts"]) == ("unknown", 1e6)
    assert named(whole(GROUPED, stretch=rows), "thread") == {(1, 101): "a · –"}


def test_a_call_is_told_on_the_lanes_of_its_model():
    rows = [
        ["blocking", "kernel", "blocked", 0.0, 0.1, "recv"],
        ["blocking", "program", "running", 0.1, 0.2, ""],
    ]
    made = whole(CALLS, told=rows)
    assert list(named(made, "thread").values()) == ["blocking · kernel", "blocking · program"]
    assert [event.get("args") for event in events(made, "X")] == [{"call": "recv"}, None]


def test_the_trace_says_what_was_measured_where():
    said = trace.as_trace(whole(GROUPED, stretch=ROWS))["otherData"]
    assert (said["run"], said["experiment"], said["question"]) == ("0123456789", "x.y", "Who ran?")
    assert (said["param.workers"], said["machine.cores"], said["host"]) == (2, 2, "lab-7")


def test_a_run_without_lanes_is_refused_with_the_names_of_those_that_have_some():
    counting = tiny()["tiny.counting"]
    assert all(isinstance(chart, Line) for chart in counting.charts)
    with pytest.raises(trace.NoLanes) as refused:
        trace.as_trace(Whole(experiment=counting, run=RUN, tables={}))
    assert str(refused.value).startswith("tiny.counting has no lanes to trace; these have: ")
    assert "processes.states" in str(refused.value)


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
def test_a_run_that_has_no_span_yet_is_refused_until_it_has(state):
    early = replace(whole(GROUPED, stretch=[]), run=replace(RUN, state=state))
    with pytest.raises(trace.NoLanes, match="run 0123456789 has no spans to trace yet"):
        trace.as_trace(early)


def test_a_run_that_ended_before_its_first_span_is_refused():
    with pytest.raises(trace.NoLanes, match="run 0123456789 has no spans to trace"):
        trace.as_trace(whole(GROUPED, stretch=[]))


def test_every_experiment_of_today_has_lanes():
    lanes = {name: trace.lane_charts(load(name)) for name in ("threads.scaling", "processes.states")}
    assert all(lanes.values())
