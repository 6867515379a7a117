"""A run as a Chrome trace, which the Perfetto UI opens: a track for each lane, a slice for each span.

The form is the Trace Event Format's JSON object (docs.google.com/document/d/
1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU). What it calls a process is a chart here, because the UI
opens a single process unfolded; what it calls a thread is a lane, with its group before its name. Times
are microseconds with three digits behind the point, so that the nanoseconds of the rows survive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from app import __version__
from app.export.exports import Whole
from app.runs.run import State
from app.text.values import is_number, name_of
from experiments.kit.charts import STATES, Flow, Timeline
from experiments.kit.spec import Experiment, load_all

COLOURS = {  # names that the older viewer, chrome://tracing, knows; Perfetto colours by the slice's name
    "running": "thread_state_running",
    "ready": "thread_state_runnable",
    "blocked": "thread_state_sleeping",
    "io": "thread_state_iowait",
    "uninterruptible": "thread_state_uninterruptible",
    "gil": "terrible",
    "lock": "bad",
    "stopped": "grey",
    "zombie": "black",
    "loop": "good",
    "due": "thread_state_unknown",
    "cancelled": "yellow",
    "unknown": "generic_work",
}


class NoLanes(LookupError):
    """The experiment draws no lanes, or the run has no rows for them; the message is a sentence."""


FIRST_LANE = 101  # viewers show this number behind the name: "spinner 1 101", not "spinner 1 2"


class Track(NamedTuple):
    """Where a span is drawn: under the title of its chart, in a lane."""

    chart: str
    lane: str


class Span(NamedTuple):
    track: Track
    state: str
    start_ns: int
    end_ns: int
    call: str = ""


def as_trace(whole: Whole) -> dict[str, Any]:
    """The whole trace; NoLanes says why there is none."""
    charts = lane_charts(whole.experiment)
    if not charts:
        raise NoLanes(f"{whole.experiment.name} has no lanes to trace; {others()}")
    spans = [span for chart in charts for span in spans_of(whole, chart)]
    if not spans:
        if whole.run.state in (State.QUEUED, State.RUNNING):
            raise NoLanes(f"run {whole.run.id} has no spans to trace yet")
        raise NoLanes(f"run {whole.run.id} has no spans to trace: it ended before the first of them")
    tracks = numbered(spans)
    zero_ns = min(0, *(span.start_ns for span in spans))  # Perfetto drops what begins before 0
    return {
        "traceEvents": [
            *names_of(tracks),
            *(slice_of(span, zero_ns, tracks, whole.words) for span in spans),
        ],
        "displayTimeUnit": "ns",
        "otherData": other_data(whole),
    }


def lane_charts(experiment: Experiment) -> list[Timeline | Flow]:
    return [chart for chart in experiment.charts if isinstance(chart, Timeline | Flow)]


def others() -> str:
    """Which experiments have lanes, as the end of a sentence."""
    found = [name for name, experiment in load_all().items() if lane_charts(experiment)]
    return f"these have: {', '.join(found)}" if found else "no experiment here has"


# -- spans ------------------------------------------------------------------------------------


def spans_of(whole: Whole, chart: Timeline | Flow) -> Iterator[Span]:
    """The spans of one chart; rows without a start or an end are no spans."""
    table = next(table for table in whole.experiment.tables if table.row is chart.row)
    names = [column.name for column in table.columns]
    rows = whole.tables.get(table.name, ())
    group, call = (chart.model, chart.call) if isinstance(chart, Flow) else (chart.group, None)
    pick = picker(names, group, chart.lane, chart.state, chart.start, chart.end, call)
    title = whole.words(chart.title) if chart.title else chart.id
    tracks: dict[tuple[Any, Any], Track] = {}
    for values in map(pick, rows):
        in_group, lane, state, start, end, name = values
        if is_number(start) and is_number(end) and end >= start:
            if (in_group, lane) not in tracks:
                tracks[in_group, lane] = Track(title, lane_name(in_group, lane, whole.words))
            known = state if state in STATES else "unknown"
            yield Span(tracks[in_group, lane], known, round(start * 1e9), round(end * 1e9), str(name or ""))


def picker(names: list[str], *wanted: str | None) -> Callable[[Any], list[Any]]:
    places = [None if name is None else names.index(name) for name in wanted]
    return lambda row: [None if place is None else row[place] for place in places]


def lane_name(group: Any, lane: Any, words: Callable[[str], str]) -> str:
    """The lane's name behind the name of its group: "threads · thread 1"."""
    parts = [lane] if group is None else [group, lane]
    return " · ".join(words(name_of(part)) for part in parts)


# -- events -----------------------------------------------------------------------------------


def numbered(spans: list[Span]) -> dict[Track, tuple[int, int]]:
    """Track → (pid, tid), in the order in which they appear; viewers sort by these numbers."""
    tracks = list(dict.fromkeys(span.track for span in spans))
    pids = {chart: pid for pid, chart in enumerate(dict.fromkeys(track.chart for track in tracks), 1)}
    return {track: (pids[track.chart], tid) for tid, track in enumerate(tracks, FIRST_LANE)}


def names_of(tracks: Mapping[Track, tuple[int, int]]) -> Iterator[dict[str, Any]]:
    """What the tracks are called, and their order."""
    charts = {track.chart: pid for track, (pid, _) in tracks.items()}
    for chart, pid in charts.items():
        yield meta("process_name", pid, 0, {"name": chart})
        yield meta("process_sort_index", pid, 0, {"sort_index": pid})
    for track, (pid, tid) in tracks.items():
        yield meta("thread_name", pid, tid, {"name": track.lane})
        yield meta("thread_sort_index", pid, tid, {"sort_index": tid})


def meta(name: str, pid: int, tid: int, args: dict[str, Any]) -> dict[str, Any]:
    return {"ph": "M", "name": name, "pid": pid, "tid": tid, "args": args}


def slice_of(
    span: Span, zero_ns: int, tracks: Mapping[Track, tuple[int, int]], words: Callable[[str], str]
) -> dict[str, Any]:
    """A complete event; touching spans touch, because both ends were rounded before the difference."""
    pid, tid = tracks[span.track]
    event = {
        "ph": "X",
        "name": words(STATES[span.state].label),
        "cat": span.state,
        "cname": COLOURS[span.state],
        "pid": pid,
        "tid": tid,
        "ts": (span.start_ns - zero_ns) / 1000,
        "dur": (span.end_ns - span.start_ns) / 1000,
    }
    return event | {"args": {"call": span.call}} if span.call else event


def other_data(whole: Whole) -> dict[str, Any]:
    """What a viewer shows as facts about the trace; texts and numbers only."""
    run = whole.run
    facts: dict[str, Any] = {
        "oscope": __version__,
        "run": run.id,
        "experiment": run.experiment,
        "question": whole.words(whole.experiment.question),
        "python": run.python,
        "host": run.host,
        "state": str(run.state),
    }
    facts |= {f"param.{name}": value for name, value in run.params.items()}
    known = {name: value for name, value in (run.machine or {}).items() if value is not None}
    return facts | {f"machine.{name}": value for name, value in known.items()}
