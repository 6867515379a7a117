"""Whole distributions: for every value, the share of rows at or below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.figures import axes
from app.figures.axes import Group
from app.figures.figure import Figure, Row, heading, picker, plain_heading
from app.figures.patch import Patch
from app.figures.words import escape, name_of, number, role, words
from experiments.kit.charts import Ecdf

MOST_POINTS = 400  # of one curve; beyond that it goes through as many quantiles
TOLD = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


class EcdfFigure(Figure):
    chart: Ecdf

    def prepare(self) -> None:
        self.pick = picker(self.chart.row, self.chart.by, self.chart.x)
        self.series: dict[str, Group] = {}
        self.field = self.fields[self.chart.x]

    def title(self) -> str:
        return axes.title(self.chart.title, self.field)

    def caption(self) -> str:
        return "Each curve climbs to the share of rows at or below the value; the label is its median."

    def first_layout(self) -> dict[str, Any]:
        x = axes.axis(self.field, self.chart.log_x)
        y = {"title": {"text": "rows at or below (%)"}, "type": "linear", "tickformat": ".0%"}
        return {
            "title": {"text": self.title()},
            "xaxis": x,
            "yaxis": y | {"range": [0, 1.02], "tickvals": [0, 0.25, 0.5, 0.75, 1]},
            "annotations": [],
            "showlegend": False,
        }

    def take(self, rows: Sequence[Row]) -> Patch:
        touched: dict[str, None] = {}
        for by, x in map(self.pick, rows):
            if axes.fits(x, self.chart.log_x):
                name = name_of(by) if self.chart.by else words(self.chart.x)
                self.series.setdefault(name, Group()).add(x)
                touched[name] = None
        patch: Patch = [["trace", name, self.curve(name)] for name in touched]
        return patch + self.put("layout.annotations", self.labels()) if patch else []

    def curve(self, name: str) -> dict[str, Any]:
        xs, ys = points(self.series[name].values)
        return {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": xs,
            "y": ys,
            "text": [number(x, self.field.unit) for x in xs],
            "hovertemplate": f"%{{y:.0%}} within %{{text}}<extra>{escape(name)}</extra>",
            "line": {"color": self.color(name), "width": 2.4, "shape": "hv", "dash": self.dash(name)},
        }

    def color(self, name: str) -> str:
        return role(name, list(self.series).index(name))

    def dash(self, name: str) -> str:
        return ("solid", "dash", "dot", "dashdot", "longdash")[list(self.series).index(name) % 5]

    def labels(self) -> list[dict[str, Any]]:
        """At the right edge from top to bottom in the order of the medians."""
        medians = sorted((group.at(0.5), name) for name, group in self.series.items())
        drawn = []
        for place, (middle, name) in enumerate(medians):
            text = axes.bold(name, number(middle, self.field.unit))
            label = axes.end_label(name, 1, 1 - place / max(8, len(medians)), text, self.color(name))
            drawn.append(label | {"xref": "paper"})
        return drawn

    def told(self) -> list[str]:
        return [self.tell(name, group) for name, group in self.series.items()]

    def tell(self, name: str, group: Group) -> str:
        half, most = (number(group.at(share), self.field.unit) for share in (0.5, 0.9))
        return f"{name}: half of {len(group.values)} rows within {half}, nine tenths within {most}"

    def table(self) -> dict[str, Any]:
        told = [
            heading(self.field, name, f"{share:.0%} of the rows are below") for name, share in TOLD.items()
        ]
        columns = [plain_heading(self.chart.by or "series"), *told, plain_heading("rows")]
        rows = [
            [name, *(group.at(share) for share in TOLD.values()), len(group.values)]
            for name, group in self.series.items()
        ]
        return {"columns": columns, "rows": rows}


def points(ordered: Sequence[float]) -> tuple[list[float], list[float]]:
    """The steps of the curve: one for each value, or for evenly spaced ones of them."""
    count = len(ordered)
    steps = min(count, MOST_POINTS - 1)
    ranks = [round(step * (count - 1) / max(1, steps - 1)) for step in range(steps)]
    return [ordered[0], *(ordered[rank] for rank in ranks)], [0.0, *((rank + 1) / count for rank in ranks)]
