"""Things as nodes, relations as arrows: who waits for whom, who is whose child."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from app.figures.figure import Row, picker, state_of
from app.figures.patch import Patch
from app.figures.picture import PictureFigure
from app.ground.payloads import FigureTable
from app.text.values import name_of
from experiments.kit.charts import Graph

MOST = 6  # graphs in a picture; the table has all

Pair = tuple[str, str]


class Moment(NamedTuple):
    """One graph: arrows with what they mean, and nodes with their states, in order of appearance."""

    arrows: dict[Pair, str]
    nodes: dict[str, str]


class GraphFigure(PictureFigure):
    chart: Graph

    def prepare(self) -> None:
        chart = self.chart
        self.pick = picker(chart.row, chart.source, chart.target, chart.label, chart.by, chart.state)
        self.moments: dict[str, Moment] = {}

    def first_layout(self) -> dict[str, Any]:
        states = self.states() if self.chart.state else []
        return super().first_layout() | {"arrangement": self.chart.arrangement, "states": states}

    def take(self, rows: Sequence[Row]) -> Patch:
        for source, target, label, by, state in map(self.pick, rows):
            moment = self.moments.setdefault(name_of(by) if self.chart.by else "", Moment({}, {}))
            for name in (source, target or source):
                moment.nodes.setdefault(name_of(name), "")
            if target:
                moment.arrows[name_of(source), name_of(target)] = name_of(label) if label else ""
            if state:
                moment.nodes[name_of(target or source)] = state_of(state)
        return self.show([self.drawn(name) for name in list(self.moments)[:MOST]])

    def drawn(self, by: str) -> dict[str, Any]:
        moment = self.moments[by]
        closed = self.closed(moment)
        there = {node for arrow in closed for node in arrow}
        nodes = [
            {"id": node, "label": self.t(node), "square": self.square(node), "state": state}
            | {"closed": node in there}
            for node, state in moment.nodes.items()
        ]
        arrows = [
            {"source": source, "target": target, "label": self.t(label) if label else ""}
            | {"closed": (source, target) in closed}
            for (source, target), label in moment.arrows.items()
        ]
        return {"id": by, "label": self.t(by), "nodes": nodes, "arrows": arrows, "told": self.verdict(closed)}

    def closed(self, moment: Moment) -> set[Pair]:
        return cycle_in(moment.arrows) if self.chart.arrangement == "circle" else set()

    def square(self, node: str) -> bool:
        return node.startswith(self.chart.squares)

    def verdict(self, closed: Iterable[Pair]) -> str:
        """Whether the arrows of a circle close; a tree has no such question."""
        if self.chart.arrangement == "tree":
            return ""
        return self.t("closed cycle") if closed else self.t("no cycle")

    def told(self) -> list[str]:
        told = [self.tell(name, moment) for name, moment in self.moments.items()]
        return told + list(filter(None, [self.spec["layout"]["guess"]]))

    def tell(self, by: str, moment: Moment) -> str:
        arrows = [self.arrow(*pair, label) for pair, label in moment.arrows.items()]
        found = [*arrows, *filter(None, [self.verdict(self.closed(moment))])]
        return self.item(by, *found) if by else self.t(", ").join(found)

    def arrow(self, source: str, target: str, label: str) -> str:
        way = self.t("{source} to {target}", source=self.t(source), target=self.t(target))
        return f"{way} ({self.t(label)})" if label else way

    def table(self) -> FigureTable:
        chart = self.chart
        names = [name for name in (chart.by, chart.source, chart.target, chart.label) if name]
        rows = [
            [*filter(None, [by]), *row][: len(names)]
            for by, moment in self.moments.items()
            for row in self.table_rows(moment)
        ]
        columns = [self.heading(self.fields[name]) for name in names]
        return {"columns": columns, "rows": [[self.t(value) for value in row] for row in rows]}

    def table_rows(self, moment: Moment) -> list[list[str]]:
        """Its arrows, and the nodes that no arrow touches."""
        touched = {node for arrow in moment.arrows for node in arrow}
        alone = [[node, "–", "–"] for node in moment.nodes if node not in touched]
        return [[*pair, label] for pair, label in moment.arrows.items()] + alone


def cycle_in(arrows: Mapping[Pair, Any]) -> set[Pair]:
    """The arrows that lie on a cycle: from whose target a way leads back to their source."""
    after: dict[str, list[str]] = {}
    for source, target in arrows:
        after.setdefault(source, []).append(target)
    return {(source, target) for source, target in arrows if source in reached(target, after)}


def reached(start: str, after: Mapping[str, Sequence[str]]) -> set[str]:
    found = {start}
    waiting = [start]
    while waiting:
        fresh = [node for node in after.get(waiting.pop(), ()) if node not in found]
        found.update(fresh)
        waiting += fresh
    return found
