"""A table of medians that fills while configurations finish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.figures.axes import Group
from app.figures.figure import Figure, Row, picker
from app.figures.patch import Patch
from app.ground.payloads import FigureTable
from app.text.values import in_order, is_number, name_of, number, role, tick, words
from experiments.kit.charts import Cells


class CellsFigure(Figure):
    chart: Cells

    def prepare(self) -> None:
        self.pick = picker(self.chart.row, self.chart.down, self.chart.across, self.chart.value)
        self.groups: dict[tuple[Any, Any], Group] = {}
        self.field = self.fields[self.chart.value]

    def title(self) -> str:
        given = self.chart.title
        return self.t(given) if given else self.t("Median {value}", value=self.t(words(self.chart.value)))

    def first_layout(self) -> dict[str, Any]:
        across = {"across": [], "across_title": self.t(words(self.chart.across)), "unit": self.field.unit}
        return across | {"cells": {}}

    def take(self, rows: Sequence[Row]) -> Patch:
        touched: dict[tuple[Any, Any], None] = {}
        for down, across, value in map(self.pick, rows):
            if is_number(value):
                self.groups.setdefault((down, across), Group()).add(value)
                touched[down, across] = None
        patch: Patch = [["cell", self.key(*place), self.groups[place].at(0.5)] for place in touched]
        return self.frame() + patch if patch else []

    def frame(self) -> Patch:
        """The heads of the table, where they are new."""
        there = {trace["id"] for trace in self.spec["data"]}
        lines = {name_of(down): None for down, _ in self.groups}
        patch: Patch = [
            ["trace", name, {"label": self.t(name), "role": role(name, order)}]
            for order, name in enumerate(lines)
            if name not in there
        ]
        return patch + self.put("layout.across", [self.head(value) for value in self.across()])

    def across(self) -> list[Any]:
        return in_order(across for _, across in self.groups)

    def head(self, value: Any) -> str:
        field = self.fields[self.chart.across]
        return tick(value, field.unit) if is_number(value) and field.unit else self.t(name_of(value))

    def key(self, down: Any, across: Any) -> str:
        return f"{name_of(down)}|{self.head(across)}"

    def told(self) -> list[str]:
        return [
            self.item(
                self.t("{value} at {place}", value=self.t(name_of(down)), place=self.head(across)),
                number(group.at(0.5), self.field.unit),
            )
            for (down, across), group in self.groups.items()
        ]

    def table(self) -> FigureTable:
        names = (self.chart.down, self.chart.across, self.chart.value)
        rows = [
            [self.said(down), self.said(across), group.at(0.5)]
            for (down, across), group in self.groups.items()
        ]
        return {"columns": [self.heading(self.fields[name]) for name in names], "rows": rows}

    def said(self, value: Any) -> Any:
        return self.t(value) if isinstance(value, str) else value
