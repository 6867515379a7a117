"""Stacked bars of how a lane spent its time, by exact totals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.figures.figure import Figure, Row, all_states, heading, picker
from app.figures.patch import Patch
from app.figures.words import is_number, name_of, percent_of
from experiments.kit.charts import STATES, Shares


class SharesFigure(Figure):
    chart: Shares

    def prepare(self) -> None:
        self.columns = {name: state_in(name) for name in self.chart.parts or self.fields}
        self.columns = {name: state for name, state in self.columns.items() if state}
        self.pick = picker(self.chart.row, self.chart.lane, *self.columns)
        self.bars: dict[str, list[float]] = {}
        self.seen: dict[str, int] = {}

    def title(self) -> str:
        return self.chart.title or "Where the time went"

    def first_layout(self) -> dict[str, Any]:
        return {"states": all_states()}

    def take(self, rows: Sequence[Row]) -> Patch:
        patch: Patch = []
        for lane, *seconds in map(self.pick, rows):
            name = self.name(name_of(lane))
            self.bars[name] = [max(0.0, value) if is_number(value) else 0.0 for value in seconds]
            parts = [
                [state, value] for state, value in zip(self.columns.values(), self.bars[name], strict=True)
            ]
            patch.append(["trace", name, {"label": name, "parts": parts}])
        return patch

    def name(self, lane: str) -> str:
        """A lane that comes back gets a bar of its own."""
        while True:
            self.seen[lane] = count = self.seen.get(lane, 0) + 1
            name = lane if count == 1 else f"{lane} ({count})"
            if name not in self.bars:
                return name

    def told(self) -> list[str]:
        return [f"{name}: {self.tell(seconds)}" for name, seconds in self.bars.items()]

    def tell(self, seconds: list[float]) -> str:
        whole = sum(seconds) or 1.0
        parts = zip(self.columns.values(), seconds, strict=True)
        return ", ".join(f"{STATES[state].label} {percent_of(part / whole)}" for state, part in parts if part)

    def table(self) -> dict[str, Any]:
        columns = [self.fields[name] for name in (self.chart.lane, *self.columns)]
        rows = [[name, *seconds] for name, seconds in self.bars.items()]
        return {"columns": [heading(field) for field in columns], "rows": rows}


def state_in(column: str) -> str:
    """The state that a column of seconds names: `ready_s` is ready, `gil_wait_s` is gil; else ""."""
    state = column.removesuffix("_s").removesuffix("_wait")
    return state if column.endswith("_s") and state in STATES else ""
