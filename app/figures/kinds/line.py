"""Lines of medians with the middle half of the rows as a band, held against references."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from app.figures import axes
from app.figures.axes import Group, Spread
from app.figures.figure import YOURS, Figure, Row, picker
from app.figures.patch import Patch
from app.ground.payloads import FigureTable
from app.text.values import escape, is_number, name_of, number, role, words
from experiments.kit.charts import Line, Reference
from experiments.kit.stats import median

MOST_POINTS = 400  # of one line; the eye cannot see more on any screen
ABOVE = 1.2  # how far the ideal line rises over what was measured


class LineFigure(Figure):
    chart: Line

    def prepare(self) -> None:
        self.pick = picker(self.chart.row, self.chart.by, self.chart.x, self.chart.y)
        self.series: dict[str, dict[float, Group]] = {}
        self.spreads: dict[str, dict[float, Spread]] = {}
        self.void: set[str] = set()  # references of which a row says that it has no value
        self.held: dict[str, list[tuple[float, float]]] = {r.label: [] for r in self.chart.references}
        self.x_field = self.fields[self.chart.x]
        self.y_field = self.fields[self.chart.y]

    def title(self) -> str:
        return axes.title(self.chart.title, self.y_field, self.t)

    def caption(self) -> str:
        return "Points are medians of the rows; the band holds their middle half."

    def first_traces(self) -> list[dict[str, Any]]:
        empty: tuple[list[float], list[float]] = ([], [])
        return [{"id": trace_id(r), **self.reference_trace(r, *empty)} for r in self.chart.references]

    def first_layout(self) -> dict[str, Any]:
        return {
            "title": {"text": self.title()},
            "xaxis": axes.axis(self.x_field, self.chart.log_x, self.t),
            "yaxis": axes.y_axis(self.y_field, not self.chart.title, self.chart.log_y, self.t),
            "annotations": [],
            "showlegend": False,
        }

    def take(self, rows: Sequence[Row]) -> Patch:
        touched: dict[str, set[float]] = {}
        for by, x, y in map(self.pick, rows):
            if axes.fits(x, self.chart.log_x) and axes.fits(y, self.chart.log_y):
                name = name_of(by) if self.chart.by else words(self.chart.y)
                self.series.setdefault(name, {}).setdefault(x, Group()).add(y)
                touched.setdefault(name, set()).add(x)
        for name, places in touched.items():
            spreads = self.spreads.setdefault(name, {})
            spreads.update({x: self.series[name][x].spread() for x in places})
        return self.redraw(touched) if touched else []

    def take_reference(self, row: type, rows: Sequence[Row]) -> Patch:
        for reference in self.chart.references:
            if reference.row is row:
                points = list(map(picker(row, reference.x, reference.y), rows))
                self.held[reference.label] += [(x, y) for x, y in points if is_number(x) and is_number(y)]
                if any(y is None for _, y in points):
                    self.void.add(reference.label)
        if not any(reference.row is row for reference in self.chart.references):
            return []
        return self.redraw([])

    def redraw(self, touched: Iterable[str]) -> Patch:
        patch: Patch = []
        for name in touched:
            patch += [["trace", f"{name}/band", self.band(name)], ["trace", name, self.line(name)]]
        lines = self.reference_lines()
        for reference in self.chart.references:
            patch += self.put_trace(
                trace_id(reference), self.reference_trace(reference, *lines[reference.label])
            )
        for name in self.guessed():
            patch += self.put_trace(f"guess:{name}", self.guess_trace(name))
        where, said = axes.ticks(self.marked(), self.x_field)
        patch += self.put("layout.xaxis.tickvals", where) + self.put("layout.xaxis.ticktext", said)
        labels = [*self.labels(), *self.guess_labels(), *self.reference_labels(lines)]
        return patch + self.put("layout.annotations", labels)

    def show_guess(self) -> Patch:
        return self.redraw([])

    def guessed(self) -> dict[str, list[tuple[float, float]]]:
        """The lines that were predicted, each with its points; a single number is a level line."""
        lines: dict[str, list[tuple[float, float]]] = {}
        for point, value, _ in self.predicted:
            if axes.fits(value, self.chart.log_y):
                where = self.places() if point.x is None else [point.x]
                at = lines.setdefault(point.series, [])
                at += [(x, float(value)) for x in where if axes.fits(x, self.chart.log_x)]
        return {name: sorted(at) for name, at in lines.items()}

    def marked(self) -> list[float]:
        """Where something was measured or predicted."""
        return sorted({*self.places(), *(x for at in self.guessed().values() for x, _ in at)})

    def places(self) -> list[float]:
        return sorted({x for points in self.spreads.values() for x in points})

    def points(self, name: str) -> tuple[list[float], list[Spread]]:
        """The line from left to right, thinned where there are more points than a screen shows."""
        places = sorted(self.spreads[name])
        stride = -(-len(places) // MOST_POINTS)
        kept = places[::stride] if places[-1] in places[::stride] else [*places[::stride], places[-1]]
        return kept, [self.spreads[name][x] for x in kept]

    def color(self, name: str) -> str:
        return role(name, self.order(name))

    def order(self, name: str) -> int:
        """Its place among the lines, measured ones first."""
        return list({**self.series, **dict.fromkeys(said.point.series for said in self.predicted)}).index(
            name
        )

    def symbol(self, name: str) -> str:
        return axes.SYMBOLS[self.order(name) % len(axes.SYMBOLS)]

    def line(self, name: str) -> dict[str, Any]:
        places, spreads = self.points(name)
        return {
            "type": "scatter",
            "mode": "lines+markers",
            "name": self.t(name),
            "x": places,
            "y": [point.median for point in spreads],
            "text": [number(point.median, self.y_field.unit) for point in spreads],
            "hovertemplate": f"%{{text}}<extra>{escape(self.t(name))}</extra>",
            "line": {"color": self.color(name), "width": 2.6},
            "marker": {"color": self.color(name), "symbol": self.symbol(name), "size": 9},
            "zorder": 2,
        }

    def guess_trace(self, name: str) -> dict[str, Any]:
        at = self.guessed()[name]
        said = [number(y, self.y_field.unit) for _, y in at]
        return {
            "type": "scatter",
            "mode": "lines+markers",
            "name": self.t(YOURS),
            "x": [x for x, _ in at],
            "y": [y for _, y in at],
            "text": said,
            "hovertemplate": f"%{{text}}<extra>{escape(self.yours(name))}</extra>",
            "line": {"color": self.color(name), "width": 1.8, "dash": "dash"},
            "marker": {"color": self.color(name), "symbol": f"{self.symbol(name)}-open", "size": 8},
            "zorder": 1,
        }

    def yours(self, name: str) -> str:
        return self.t(YOURS) + self.t(": ") + self.t(name) if name else self.t(YOURS)

    def band(self, name: str) -> dict[str, Any]:
        places, spreads = self.points(name)
        return {
            "type": "scatter",
            "mode": "lines",
            "fill": "toself",
            "x": places + places[::-1],
            "y": [point.high for point in spreads] + [point.low for point in reversed(spreads)],
            "fillcolor": f"{self.color(name)}/0.16",
            "line": {"width": 0},
            "hoverinfo": "skip",
            "zorder": 0,
        }

    def reference_trace(self, reference: Reference, xs: list[float], ys: list[float]) -> dict[str, Any]:
        return reference_trace(reference, xs, ys) | {"name": self.t(reference.label)}

    def reference_lines(self) -> dict[str, tuple[list[float], list[float]]]:
        """Each by its label, held flat to the right edge; the ideal one rises a little over the rest."""
        places = self.places()
        lines = {}
        for reference in self.chart.references:
            if reference.row:
                lines[reference.label] = self.held_line(reference.label, places)
        heights = [y for _, ys in lines.values() for y in ys]
        heights += [point.high for points in self.spreads.values() for point in points.values()]
        for reference in self.chart.references:
            if not reference.row:
                lines[reference.label] = ideal_line(places, max(heights, default=0) * ABOVE)
        return lines

    def held_line(self, label: str, places: list[float]) -> tuple[list[float], list[float]]:
        """Nothing where one of its values is void: a line through the others would be another one."""
        by_x: dict[float, list[float]] = {}
        for x, y in [] if label in self.void else self.held[label]:
            if axes.fits(x, self.chart.log_x) and axes.fits(y, self.chart.log_y):
                by_x.setdefault(x, []).append(y)
        xs = sorted(by_x)
        ys = [median(by_x[x]) for x in xs]
        if xs and places and places[-1] > xs[-1]:
            return [*xs, places[-1]], [*ys, ys[-1]]
        return xs, ys

    def labels(self) -> list[dict[str, Any]]:
        drawn = []
        for name, points in self.spreads.items():
            x = max(points)
            text = axes.bold(self.t(name), number(points[x].median, self.y_field.unit))
            drawn.append(self.label(name, x, points[x].median, text, self.color(name)))
        return drawn

    def reference_labels(self, lines: dict[str, tuple[list[float], list[float]]]) -> list[dict[str, Any]]:
        drawn = []
        for reference in self.chart.references:
            xs, ys = lines[reference.label]
            if xs:
                value = f" {number(ys[-1], self.y_field.unit)}" if reference.row else ""
                text = escape(self.t(reference.label) + value)
                drawn.append(self.label(f"reference:{reference.label}", xs[-1], ys[-1], text, "$ink-3", 12))
        return drawn

    def guess_labels(self) -> list[dict[str, Any]]:
        drawn = []
        for name, at in self.guessed().items():
            if at:
                text = escape(f"{self.yours(name)} {number(at[-1][1], self.y_field.unit)}")
                drawn.append(self.label(f"guess:{name}", *at[-1], text, self.color(name), 12))
        return drawn

    def label(self, name: str, x: float, y: float, text: str, color: str, size: int = 13) -> dict[str, Any]:
        at_x, at_y = axes.on_axis(x, self.chart.log_x), axes.on_axis(y, self.chart.log_y)
        return axes.end_label(name, at_x, at_y, text, color, size)

    def told(self) -> list[str]:
        told = [self.tell(name, points) for name, points in self.spreads.items()]
        return (
            told
            + [
                self.item(label, number(ys[-1], self.y_field.unit))
                for label, (xs, ys) in self.reference_lines().items()
                if xs and self.held.get(label)
            ]
            + [self.tell_guess(name, at) for name, at in self.guessed().items() if at]
        )

    def tell_guess(self, name: str, at: list[tuple[float, float]]) -> str:
        x, y = at[-1]
        return self.item(self.yours(name), self.tell_point(x, Spread(y, y, y)))

    def tell(self, name: str, points: dict[float, Spread]) -> str:
        first, last = min(points), max(points)
        ends = [first] if first == last else [first, last]
        return self.item(name, *(self.tell_point(x, points[x]) for x in ends))

    def tell_point(self, x: float, point: Spread) -> str:
        at = f"{self.t(words(self.chart.x))} {number(x, self.x_field.unit)}"
        return self.t("{value} at {place}", value=number(point.median, self.y_field.unit), place=at)

    def table(self) -> FigureTable:
        columns = self.spread_headings(self.chart.by, self.x_field, self.y_field)
        rows = [
            [self.t(name), x, *points[x], len(self.series[name][x].values)]
            for name, points in self.spreads.items()
            for x in sorted(points)
        ]
        return {"columns": columns, "rows": rows}


def ideal_line(places: list[float], highest: float) -> tuple[list[float], list[float]]:
    if not places or places[0] > highest:
        return [], []
    ends = [places[0], min(places[-1], highest)]
    return ends, list(ends)


def trace_id(reference: Reference) -> str:
    return f"reference:{reference.label}"


def reference_trace(reference: Reference, xs: list[float], ys: list[float]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": reference.label,
        "x": xs,
        "y": ys,
        "line": {"color": "$ink-3", "width": 1.5, "dash": "dash" if reference.row else "dot"},
        "hoverinfo": "skip",
        "zorder": 1,
    }
