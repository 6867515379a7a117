"""Address spaces as columns of their parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.figures.figure import Row, picker
from app.figures.patch import Patch
from app.figures.picture import PictureFigure
from app.ground.payloads import FigureTable
from app.text.values import is_number, name_of, size_of
from experiments.kit.charts import Space
from experiments.kit.kernel.maps import KINDS


class SpaceFigure(PictureFigure):
    chart: Space

    def prepare(self) -> None:
        chart = self.chart
        self.pick = picker(chart.row, chart.by, chart.part, chart.size, chart.resident)
        self.columns: dict[str, dict[str, tuple[int, int | None]]] = {}

    def title(self) -> str:
        return self.t(self.chart.title or "What lies where in memory")

    def first_layout(self) -> dict[str, Any]:
        return super().first_layout() | {"classic": self.chart.classic}

    def take(self, rows: Sequence[Row]) -> Patch:
        for by, part, size_b, resident_b in map(self.pick, rows):
            if is_number(size_b):
                column = self.columns.setdefault(name_of(by), {})
                column[name_of(part)] = (size_b, resident_b if is_number(resident_b) else None)
        return self.show([self.column(name) for name in self.columns])

    def column(self, name: str) -> dict[str, Any]:
        """Its parts from low addresses to high ones; what the kit does not know comes last."""
        parts = self.columns[name]
        known: dict[str, int] = {kind: place for place, kind in enumerate(KINDS)}
        ordered = sorted(parts, key=lambda part: known.get(part, len(known)))
        return {
            "id": name,
            "label": self.t(name),
            "parts": [[part, *parts[part]] for part in ordered],
        }

    def told(self) -> list[str]:
        return [
            self.item(name, *(f"{self.t(part)} {size_of(total)}" for part, (total, _) in parts.items()))
            for name, parts in self.columns.items()
        ]

    def table(self) -> FigureTable:
        chart = self.chart
        names = [name for name in (chart.by, chart.part, chart.size, chart.resident) if name]
        rows = [
            [self.t(name), self.t(part), *values[: len(names) - 2]]
            for name, parts in self.columns.items()
            for part, values in parts.items()
        ]
        return {"columns": [self.heading(self.fields[name]) for name in names], "rows": rows}
