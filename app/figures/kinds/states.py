"""States as circles, transitions as arrows with their counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.figures.figure import Figure, Row, picker, state_of
from app.figures.patch import Patch
from app.ground.payloads import FigureTable
from app.text.values import is_number, name_of, number
from experiments.kit.charts import STATES, StateDiagram

NAMES = {"running": "running", "ready": "ready", "uninterruptible": "uninterruptible", "io": "copying"}
LABELS = {
    "running>ready": "preempted",
    "ready>running": "dispatched",
    "running>gil": "drops the GIL",
    "gil>running": "takes the GIL",
    "gil>ready": "gets the GIL",
    "ready>gil": "waits for the GIL",
    "running>blocked": "waits",
    "blocked>ready": "wakes",
    "blocked>running": "wakes, runs at once",
    "blocked>gil": "wakes, needs the GIL",
    "gil>blocked": "waits",
    "running>lock": "waits for the lock",
    "lock>running": "gets the lock",
    "lock>ready": "gets the lock",
    "running>uninterruptible": "waits for the device",
    "uninterruptible>ready": "device done",
    "uninterruptible>running": "device done",
    "running>zombie": "exits",
    "running>stopped": "stopped",
    "ready>stopped": "stopped",
    "blocked>stopped": "stopped",
    "stopped>ready": "continued",
    "stopped>running": "continued",
    "stopped>blocked": "continued",
}


class Edge:
    """One kind of transition, added up over all rows."""

    def __init__(self, source: str, target: str) -> None:
        self.source = source
        self.target = target
        self.count = 0
        self.how: dict[str, None] = {}


class StatesFigure(Figure):
    chart: StateDiagram

    def prepare(self) -> None:
        chart = self.chart
        self.pick = picker(chart.row, chart.source, chart.target, chart.count, chart.how)
        self.edges: dict[str, Edge] = {}

    def title(self) -> str:
        return self.t(self.chart.title or "States and transitions")

    def first_layout(self) -> dict[str, Any]:
        return {"nodes": [], "states": self.states()}

    def take(self, rows: Sequence[Row]) -> Patch:
        touched: dict[str, None] = {}
        for source, target, count, how in map(self.pick, rows):
            if is_number(count):
                edge = self.edge(state_of(source), state_of(target))
                edge.count += count
                if how is not None:
                    edge.how[name_of(how)] = None
                touched[f"{edge.source}>{edge.target}"] = None
        patch: Patch = [["trace", id, self.trace(id)] for id in touched]
        return patch + self.put("layout.nodes", self.nodes()) if patch else []

    def edge(self, source: str, target: str) -> Edge:
        return self.edges.setdefault(f"{source}>{target}", Edge(source, target))

    def trace(self, id: str) -> dict[str, Any]:
        edge = self.edges[id]
        known = {"source": edge.source, "target": edge.target, "count": edge.count}
        return known | {"label": self.t(LABELS[id]) if id in LABELS else "", "how": " and ".join(edge.how)}

    def nodes(self) -> list[dict[str, str]]:
        there = {state for edge in self.edges.values() for state in (edge.source, edge.target)}
        return [
            {"id": state.id, "label": self.t(NAMES.get(state.id, state.label))}
            for state in STATES.values()
            if state.id in there
        ]

    def told(self) -> list[str]:
        return [self.tell(edge) for edge in self.edges.values()]

    def tell(self, edge: Edge) -> str:
        way = self.t("{source} to {target}", source=self.state(edge.source), target=self.state(edge.target))
        return self.item(way, number(edge.count), *filter(None, [self.how(edge)]))

    def state(self, id: str) -> str:
        return self.t(STATES[id].label)

    def how(self, edge: Edge) -> str:
        return self.t(" and ").join(map(self.t, edge.how))

    def table(self) -> FigureTable:
        names = [self.chart.source, self.chart.target, self.chart.count]
        columns = [self.heading(self.fields[name]) for name in names] + [self.plain_heading("how")]
        rows = [
            [self.state(edge.source), self.state(edge.target), edge.count, self.how(edge)]
            for edge in self.edges.values()
        ]
        return {"columns": columns, "rows": rows}
