"""Stacked bars of how a lane spent its time, by exact totals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.figures.figure import YOURS, Figure, Guessed, Row, picker
from app.figures.patch import Patch
from app.ground.payloads import FigureTable
from app.text.values import is_number, name_of, percent_of
from experiments.kit.charts import STATES, Shares

GUESS = "guess:parts"


class SharesFigure(Figure):
    chart: Shares

    def prepare(self) -> None:
        self.columns = {name: state_in(name) for name in self.chart.parts or self.fields}
        self.columns = {name: state for name, state in self.columns.items() if state}
        self.pick = picker(self.chart.row, self.chart.lane, *self.columns)
        self.bars: dict[str, list[float]] = {}
        self.unknown: dict[str, list[Any]] = {}  # lanes of which a part was not told: a bar would hide that
        self.seen: dict[str, int] = {}

    def title(self) -> str:
        return self.t(self.chart.title or "Where the time went")

    def first_layout(self) -> dict[str, Any]:
        return {"states": self.states()}

    def take(self, rows: Sequence[Row]) -> Patch:
        patch: Patch = []
        for lane, *seconds in map(self.pick, rows):
            name = self.name(name_of(lane))
            if None in seconds:
                self.unknown[name] = seconds
                continue
            self.bars[name] = [max(0.0, value) if is_number(value) else 0.0 for value in seconds]
            parts = [
                [state, value] for state, value in zip(self.columns.values(), self.bars[name], strict=True)
            ]
            patch.append(["trace", name, {"label": self.t(name), "parts": parts}])
        return patch

    def show_guess(self) -> Patch:
        """Parts as a lane of their own above all others; a number as a mark on the lane it is about."""
        parts = {said.point.series: said.number for said in self.predicted if said.point.series in STATES}
        marks = [said for said in self.predicted if said.point.series not in STATES]
        return self.guess_lane(parts) + self.put("layout.marks", [self.mark(said) for said in marks])

    def guess_lane(self, parts: dict[str, float]) -> Patch:
        if not parts:
            return []
        ordered = [[state, parts[state]] for state in self.columns.values() if state in parts]
        lane = {"id": GUESS, "label": self.t(YOURS), "parts": ordered}
        measured = [trace for trace in self.spec["data"] if trace["id"] != GUESS]
        return [["set", "data", [lane, *measured]]]

    def mark(self, said: Guessed) -> dict[str, Any]:
        share = percent_of(said.number)
        return {
            "id": f"guess:{said.point.key}",
            "lane": said.point.series,
            "at": said.number,
            "label": f"{self.t(YOURS)} {share}",
        }

    def name(self, lane: str) -> str:
        """A lane that comes back gets a bar of its own."""
        while True:
            self.seen[lane] = count = self.seen.get(lane, 0) + 1
            name = lane if count == 1 else f"{lane} ({count})"
            if name not in self.bars and name not in self.unknown:
                return name

    def told(self) -> list[str]:
        told = [self.item(name, *self.tell(seconds)) for name, seconds in self.bars.items()]
        return told + self.tell_guess()

    def tell_guess(self) -> list[str]:
        drawn = {said.point.series: said.number for said in self.predicted}
        parts = [drawn.get(state, 0.0) for state in self.columns.values()]
        lane = [self.item(YOURS, *self.tell(parts))] if any(parts) else []
        marks = self.spec["layout"].get("marks", [])
        return lane + [self.item(mark["lane"], mark["label"]) for mark in marks]

    def tell(self, seconds: list[float]) -> list[str]:
        whole = sum(seconds) or 1.0
        parts = zip(self.columns.values(), seconds, strict=True)
        return [f"{self.t(STATES[state].label)} {percent_of(part / whole)}" for state, part in parts if part]

    def table(self) -> FigureTable:
        columns = [self.fields[name] for name in (self.chart.lane, *self.columns)]
        rows = [[self.t(name), *seconds] for name, seconds in (*self.bars.items(), *self.unknown.items())]
        return {"columns": [self.heading(field) for field in columns], "rows": rows}


def state_in(column: str) -> str:
    """The state that a column of seconds names: `ready_s` is ready, `gil_wait_s` is gil; else ""."""
    state = column.removesuffix("_s").removesuffix("_wait")
    return state if column.endswith("_s") and state in STATES else ""
