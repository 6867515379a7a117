"""Lanes of spans: who was in which state, when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.figures.figure import Figure, Row, picker, state_of
from app.figures.patch import Patch
from app.ground.payloads import FigureTable
from app.text.values import is_number, name_of, number, percent_of
from experiments.kit.charts import STATES, Timeline

MOST_SPANS = 20_000  # of one lane; sixty-four such lanes still draw in one frame or two
TENTH_OF_NS = 10  # digits behind the point that a second needs


class Lane:
    """The sums of one lane: what the shares are told from."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.spans = 0
        self.seconds: dict[str, float] = {}


class TimelineFigure(Figure):
    chart: Timeline

    def prepare(self) -> None:
        chart = self.chart
        self.pick = picker(chart.row, chart.lane, chart.group, chart.state, chart.start, chart.end)
        self.lanes: dict[str, Lane] = {}
        self.left: float | None = None
        self.right: float | None = None

    def title(self) -> str:
        return self.t(self.chart.title or "Who was doing what")

    def first_layout(self) -> dict[str, Any]:
        return {"states": self.states(), "t0": 0.0, "t1": 0.0, "marks": [], "note": ""}

    def take(self, rows: Sequence[Row]) -> Patch:
        new: dict[str, dict[str, list[Any]]] = {}
        opened: Patch = []
        for lane, group, state, start, end in map(self.pick, rows):
            if is_number(start) and is_number(end):
                name = name_of(lane)
                if name not in self.lanes:
                    opened.append(self.open(name, "" if group is None else name_of(group)))
                self.count(new, name, state_of(state), start, end)
        spans: Patch = [["ext", name, columns] for name, columns in new.items() if columns["start"]]
        return opened + spans + self.frame()

    def open(self, name: str, group: str) -> list[Any]:
        self.lanes[name] = Lane(group)
        return [
            "trace",
            name,
            {"label": self.t(name), "group": self.t(group), "start": [], "end": [], "state": []},
        ]

    def count(self, new: dict[str, Any], name: str, state: str, start: float, end: float) -> None:
        lane = self.lanes[name]
        lane.spans += 1
        lane.seconds[state] = lane.seconds.get(state, 0.0) + end - start
        self.left = start if self.left is None else min(self.left, start)
        self.right = end if self.right is None else max(self.right, end)
        if lane.spans <= MOST_SPANS:
            columns = new.setdefault(name, {"start": [], "end": [], "state": []})
            columns["start"].append(round(start, TENTH_OF_NS))
            columns["end"].append(round(end, TENTH_OF_NS))
            columns["state"].append(state)

    def frame(self) -> Patch:
        patch = self.put("layout.t0", self.left or 0.0) + self.put("layout.t1", self.right or 0.0)
        cut = [name for name, lane in self.lanes.items() if lane.spans > MOST_SPANS]
        return patch + self.put("layout.note", self.note(cut) if cut else "")

    def note(self, cut: list[str]) -> str:
        lanes = self.t(", ").join(map(self.t, cut))
        return self.t("Only the first {n} spans are drawn of: {lanes}.", n=number(MOST_SPANS), lanes=lanes)

    def occurring(self) -> list[str]:
        return [state for state in STATES if any(state in lane.seconds for lane in self.lanes.values())]

    def told(self) -> list[str]:
        return [self.item(name, *self.tell(lane)) for name, lane in self.lanes.items()]

    def tell(self, lane: Lane) -> list[str]:
        whole = sum(lane.seconds.values()) or 1.0
        told = sorted(lane.seconds.items(), key=lambda part: -part[1])
        return [f"{self.t(STATES[state].label)} {percent_of(seconds / whole)}" for state, seconds in told]

    def table(self) -> FigureTable:
        states = self.occurring()
        columns = [
            self.plain_heading(self.chart.lane),
            *(
                self.plain_heading(STATES[state].label, "share", "of the time that is drawn")
                for state in states
            ),
            self.plain_heading("time", "s"),
        ]
        rows = [self.table_row(name, lane, states) for name, lane in self.lanes.items()]
        return {"columns": columns, "rows": rows}

    def table_row(self, name: str, lane: Lane, states: list[str]) -> list[Any]:
        whole = sum(lane.seconds.values())
        shares = [lane.seconds.get(state, 0.0) / whole if whole else 0.0 for state in states]
        return [self.t(name), *shares, whole]
