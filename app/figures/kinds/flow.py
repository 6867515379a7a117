"""One call told on two lanes, program and kernel, under each model of waiting for data.

A row's `call` names the system call that the span belongs to. Spans of the same call that touch,
on either lane, are one call: an arrow down where it starts, an arrow up where it returns. Data is
ready when the kernel's last wait ends; it is in the buffer when the last call has returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from app.figures.figure import Figure, Row, picker, state_of
from app.figures.patch import Patch
from app.ground.payloads import FigureTable
from app.text.languages import ENGLISH, Words
from app.text.values import is_number, name_of, number
from experiments.kit.charts import STATES, Flow

MOST_SPANS = 400  # of one model; a spinning reader calls thousands of times
WAITING = ("blocked", "uninterruptible")  # what the kernel lane says while there is no data


class Span(NamedTuple):
    lane: str
    start_s: float
    end_s: float
    state: str
    call: str


class Call(NamedTuple):
    start_s: float
    end_s: float
    name: str


class FlowFigure(Figure):
    chart: Flow

    def prepare(self) -> None:
        chart = self.chart
        self.pick = picker(
            chart.row, chart.model, chart.lane, chart.state, chart.start, chart.end, chart.call
        )
        self.models: dict[str, list[Span]] = {}

    def title(self) -> str:
        return self.t(self.chart.title or "One read, told by the program and by the kernel")

    def first_layout(self) -> dict[str, Any]:
        return {"t1": 0.0, "states": self.states()}

    def take(self, rows: Sequence[Row]) -> Patch:
        touched: dict[str, None] = {}
        for model, lane, state, start, end, call in map(self.pick, rows):
            if is_number(start) and is_number(end):
                span = Span(lane_of(lane), start, end, state_of(state), call or "")
                self.models.setdefault(name_of(model), []).append(span)
                touched[name_of(model)] = None
        patch: Patch = [["trace", model, self.trace(model)] for model in touched]
        ends = [span.end_s for spans in self.models.values() for span in spans]
        return patch + self.put("layout.t1", max(ends)) if patch else []

    def trace(self, model: str) -> dict[str, Any]:
        spans = sorted(self.models[model][:MOST_SPANS], key=lambda span: (span.start_s, span.end_s))
        calls = calls_of(spans)
        ready_s, done_s = ready_at(spans), done_at(spans, calls)
        return {
            "label": self.t(model),
            "call": self.t(", then ").join(dict.fromkeys(call.name for call in calls)),
            "note": note(spans, ready_s, done_s, self.t),
            "spans": [list(span) for span in spans],
            "calls": arrows(calls, done_s, self.t("data")),
            "ready_s": ready_s,
            "done_s": done_s,
        }

    def told(self) -> list[str]:
        return [self.item(model, self.trace(model)["note"]) for model in self.models]

    def table(self) -> FigureTable:
        chart = self.chart
        names = [chart.model, chart.lane, chart.start, chart.end, chart.state, *filter(None, [chart.call])]
        rows = [
            [
                self.t(model),
                self.t(span.lane),
                span.start_s,
                span.end_s,
                self.t(STATES[span.state].label),
                span.call,
            ][: len(names)]
            for model, spans in self.models.items()
            for span in spans
        ]
        return {"columns": [self.heading(self.fields[name]) for name in names], "rows": rows}


def lane_of(value: Any) -> str:
    return "kernel" if value == "kernel" else "program"


def calls_of(spans: Sequence[Span]) -> list[Call]:
    """The calls in the order of their start; touching spans of one name are one call."""
    calls: list[Call] = []
    last: dict[str, int] = {}
    for span in (span for span in spans if span.call):
        place = last.get(span.call)
        if place is not None and span.start_s <= calls[place].end_s:
            calls[place] = calls[place]._replace(end_s=max(calls[place].end_s, span.end_s))
        else:
            last[span.call] = len(calls)
            calls.append(Call(span.start_s, span.end_s, span.call))
    return calls


def ready_at(spans: Sequence[Span]) -> float | None:
    waits = [span.end_s for span in spans if span.lane == "kernel" and span.state in WAITING]
    return max(waits, default=None)


def done_at(spans: Sequence[Span], calls: Sequence[Call]) -> float | None:
    copied = [span.end_s for span in spans if span.lane == "kernel" and span.state not in WAITING]
    return max([*copied, *(call.end_s for call in calls)], default=None)


def arrows(calls: Sequence[Call], done_s: float | None, data: str = "data") -> list[list[Any]]:
    """Down into the kernel, named where the name is new; up again, `data` where it comes back with it."""
    drawn: list[tuple[float, int, str]] = []
    names = ["", *(call.name for call in calls)]
    for before, call in zip(names, calls, strict=False):
        drawn.append((call.start_s, 1, "" if before == call.name else call.name))
        drawn.append((call.end_s, -1, data if call.end_s == done_s else ""))
    return [list(arrow) for arrow in sorted(drawn, key=lambda arrow: arrow[0])]


def note(spans: Sequence[Span], ready_s: float | None, done_s: float | None, t: Words = ENGLISH) -> str:
    """How long both phases took. Calls are not counted here: of thousands only some are drawn."""
    if ready_s is None:
        return ""
    waited = t("{time} waiting", time=number(ready_s - min(span.start_s for span in spans), "s"))
    if done_s is None or done_s <= ready_s:
        return waited
    return waited + t(", ") + t("{time} after arrival", time=number(done_s - ready_s, "s"))
