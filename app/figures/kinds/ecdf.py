"""Whole distributions: for every value, the share of rows at or below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.figures import axes
from app.figures.axes import Group
from app.figures.figure import YOURS, Figure, Row, picker
from app.figures.patch import Patch
from app.ground.payloads import FigureTable
from app.text.values import escape, is_number, name_of, number, role, words
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
        return axes.title(self.chart.title, self.field, self.t)

    def caption(self) -> str:
        return "Each curve climbs to the share of rows at or below the value; the label is its median."

    def first_layout(self) -> dict[str, Any]:
        x = axes.axis(self.field, self.chart.log_x, self.t)
        y = {"title": {"text": self.t("rows at or below (%)")}, "type": "linear", "tickformat": ".0%"}
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

    def show_guess(self) -> Patch:
        """A choice names a curve, and its label says so; a number is an upright line."""
        patch = self.put("layout.annotations", self.labels())
        for point, value, _ in self.predicted:
            if axes.fits(value, self.chart.log_x):
                patch += self.put_trace(f"guess:{point.key}", self.guess_trace(float(value)))
        return patch

    def guess_trace(self, at: float) -> dict[str, Any]:
        said = number(at, self.field.unit)
        return {
            "type": "scatter",
            "mode": "lines",
            "name": self.t(YOURS),
            "x": [at, at],
            "y": [0.0, 1.0],
            "text": [said, said],
            "hovertemplate": f"%{{text}}<extra>{escape(self.t(YOURS))}</extra>",
            "line": {"color": "$ink", "width": 1.8, "dash": "dash"},
        }

    def chosen(self, name: str) -> bool:
        return any(said.value == name for said in self.predicted)

    def curve(self, name: str) -> dict[str, Any]:
        xs, ys = points(self.series[name].values)
        return {
            "type": "scatter",
            "mode": "lines",
            "name": self.t(name),
            "x": xs,
            "y": ys,
            "text": [number(x, self.field.unit) for x in xs],
            "hovertemplate": self.t("%{y:.0%} within %{text}") + f"<extra>{escape(self.t(name))}</extra>",
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
            text = axes.bold(self.t(name), number(middle, self.field.unit))
            text += f" · {escape(self.t(YOURS))}" if self.chosen(name) else ""
            label = axes.end_label(name, 1, 1 - place / max(8, len(medians)), text, self.color(name))
            drawn.append(label | {"xref": "paper"})
        return drawn

    def told(self) -> list[str]:
        numbers = [number(said.number, self.field.unit) for said in self.predicted if is_number(said.value)]
        told = [self.tell(name, group) for name, group in self.series.items()]
        return told + ([self.item(YOURS, *numbers)] if numbers else [])

    def tell(self, name: str, group: Group) -> str:
        half, most = (number(group.at(share), self.field.unit) for share in (0.5, 0.9))
        told = "half of {n} rows within {half}, nine tenths within {most}"
        yours = [self.t(YOURS)] if self.chosen(name) else []
        return self.item(name, self.t(told, n=len(group.values), half=half, most=most), *yours)

    def table(self) -> FigureTable:
        told = [
            self.heading(self.field, name, self.t("{share} of the rows are below", share=f"{share:.0%}"))
            for name, share in TOLD.items()
        ]
        columns = [self.plain_heading(self.chart.by or "series"), *told, self.plain_heading("rows")]
        rows = [
            [self.t(name), *(group.at(share) for share in TOLD.values()), len(group.values)]
            for name, group in self.series.items()
        ]
        return {"columns": columns, "rows": rows}


def points(ordered: Sequence[float]) -> tuple[list[float], list[float]]:
    """The steps of the curve: one for each value, or for evenly spaced ones of them."""
    count = len(ordered)
    steps = min(count, MOST_POINTS - 1)
    ranks = [round(step * (count - 1) / max(1, steps - 1)) for step in range(steps)]
    return [ordered[0], *(ordered[rank] for rank in ranks)], [0.0, *((rank + 1) / count for rank in ranks)]
