"""Bars of medians, side by side, with whiskers around the middle half of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.figures import axes
from app.figures.axes import Group, Spread
from app.figures.figure import Figure, Row, picker, spread_headings
from app.figures.patch import Patch
from app.figures.words import escape, in_order, is_number, name_of, number, role, tick, words
from experiments.kit.charts import Bars

HATCHES = ("", "/", "\\", "x", "-", ".")


class BarsFigure(Figure):
    chart: Bars

    def prepare(self) -> None:
        self.pick = picker(self.chart.row, self.chart.by, self.chart.x, self.chart.y)
        self.series: dict[str, dict[Any, Group]] = {}
        self.x_field = self.fields[self.chart.x]
        self.y_field = self.fields[self.chart.y]

    def title(self) -> str:
        return axes.title(self.chart.title, self.y_field)

    def caption(self) -> str:
        return "Bars are medians of the rows; the whiskers hold their middle half."

    def first_layout(self) -> dict[str, Any]:
        return {
            "title": {"text": self.title()},
            "xaxis": axes.categories(self.x_field),
            "yaxis": axes.y_axis(self.y_field, not self.chart.title, self.chart.log_y),
            "barmode": "group",
            "showlegend": False,
        }

    def take(self, rows: Sequence[Row]) -> Patch:
        touched: dict[str, None] = {}
        for by, x, y in map(self.pick, rows):
            if axes.fits(y, self.chart.log_y):
                name = name_of(by) if self.chart.by else words(self.chart.y)
                self.series.setdefault(name, {}).setdefault(x, Group()).add(y)
                touched[name] = None
        patch: Patch = [["trace", name, self.bars(name)] for name in touched]
        order = [self.place(x) for x in self.places()]
        return patch + self.put("layout.xaxis.categoryarray", order) if patch else []

    def places(self) -> list[Any]:
        return in_order(x for groups in self.series.values() for x in groups)

    def place(self, x: Any) -> str:
        return tick(x, self.x_field.unit) if is_number(x) and self.x_field.unit else name_of(x)

    def spreads(self, name: str) -> list[tuple[Any, Spread]]:
        return [(x, self.series[name][x].spread()) for x in in_order(self.series[name])]

    def bars(self, name: str) -> dict[str, Any]:
        spreads = self.spreads(name)
        order = list(self.series).index(name)
        color: Any = role(name, order)
        if not self.chart.by:  # one bar for each x: then x is what has a colour
            color = [role(name_of(x)) for x, _ in spreads]
        return {
            "type": "bar",
            "name": name,
            "x": [self.place(x) for x, _ in spreads],
            "y": [point.median for _, point in spreads],
            "text": [number(point.median, self.y_field.unit) for _, point in spreads],
            "textposition": "none",
            "hovertemplate": f"%{{text}}<extra>{escape(name)}</extra>",
            "marker": {"color": color, "pattern": {"shape": HATCHES[order % len(HATCHES)]}},
            "error_y": whiskers([point for _, point in spreads]),
        }

    def told(self) -> list[str]:
        told = {name: ", ".join(self.tell(*place) for place in self.spreads(name)) for name in self.series}
        return [f"{name}: {text}" if self.chart.by else text for name, text in told.items()]

    def tell(self, x: Any, point: Spread) -> str:
        return f"{number(point.median, self.y_field.unit)} at {self.place(x)}"

    def table(self) -> dict[str, Any]:
        columns = spread_headings(self.chart.by, self.x_field, self.y_field)
        rows = [
            [name, x, *point, len(self.series[name][x].values)]
            for name in self.series
            for x, point in self.spreads(name)
        ]
        return {"columns": columns, "rows": rows}


def whiskers(points: list[Spread]) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [point.high - point.median for point in points],
        "arrayminus": [point.median - point.low for point in points],
        "color": "$ink-2",
        "thickness": 1.2,
        "width": 4,
    }
