"""Bars of medians, side by side, with whiskers around the middle half of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.figures import axes
from app.figures.axes import Group, Spread
from app.figures.figure import YOURS, Figure, Guessed, Row, picker
from app.figures.patch import Patch
from app.ground.payloads import FigureTable
from app.text.values import escape, in_order, is_number, name_of, number, role, tick, words
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
        return axes.title(self.chart.title, self.y_field, self.t)

    def caption(self) -> str:
        return "Bars are medians of the rows; the whiskers hold their middle half."

    def first_layout(self) -> dict[str, Any]:
        return {
            "title": {"text": self.title()},
            "xaxis": axes.categories(self.x_field, self.t),
            "yaxis": axes.y_axis(self.y_field, not self.chart.title, self.chart.log_y, self.t),
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

    def show_guess(self) -> Patch:
        return [["trace", "guess:bars", self.guess_trace()]] if self.outlined() else []

    def outlined(self) -> list[Guessed]:
        """What was predicted of single bars: each point names a place on the x axis."""
        return [said for said in self.predicted if said.point.series]

    def guess_trace(self) -> dict[str, Any]:
        """Outlines, each beside the bar that it is about; or marks across bars of the series `on`."""
        said = self.outlined()
        return {
            "type": "bar",
            **({"on": said[0].by} if self.chart.by else {}),
            "name": self.t(YOURS),
            "x": [self.t(one.point.label) for one in said],
            "y": [one.number for one in said],
            "text": [number(one.number, self.y_field.unit) for one in said],
            "textposition": "none",
            "hovertemplate": f"%{{text}}<extra>{escape(self.t(YOURS))}</extra>",
            "marker": {
                "color": "$screen/0",
                "line": {"color": [role(one.point.series) for one in said], "width": 1.8},
            },
        }

    def places(self) -> list[Any]:
        return in_order(x for groups in self.series.values() for x in groups)

    def place(self, x: Any) -> str:
        return tick(x, self.x_field.unit) if is_number(x) and self.x_field.unit else self.t(name_of(x))

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
            "name": self.t(name),
            "x": [self.place(x) for x, _ in spreads],
            "y": [point.median for _, point in spreads],
            "text": [number(point.median, self.y_field.unit) for _, point in spreads],
            "textposition": "none",
            "hovertemplate": f"%{{text}}<extra>{escape(self.t(name))}</extra>",
            "marker": {"color": color, "pattern": {"shape": HATCHES[order % len(HATCHES)]}},
            "error_y": whiskers([point for _, point in spreads]),
        }

    def told(self) -> list[str]:
        told = {name: [self.tell(*place) for place in self.spreads(name)] for name in self.series}
        between = self.t(", ")
        items = [self.item(name, *t) if self.chart.by else between.join(t) for name, t in told.items()]
        yours = [self.tell_guess(said) for said in self.outlined()]
        return items + ([self.item(YOURS, *yours)] if yours else [])

    def tell_guess(self, said: Guessed) -> str:
        value = number(said.number, self.y_field.unit)
        place = self.t(", ").join(map(self.t, filter(None, [said.point.label, said.by])))
        return self.t("{value} at {place}", value=value, place=place)

    def tell(self, x: Any, point: Spread) -> str:
        return self.t(
            "{value} at {place}", value=number(point.median, self.y_field.unit), place=self.place(x)
        )

    def table(self) -> FigureTable:
        columns = self.spread_headings(self.chart.by, self.x_field, self.y_field)
        rows = [
            [self.t(name), self.t(x) if isinstance(x, str) else x, *point, len(self.series[name][x].values)]
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
