"""All the figures of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.figures.figure import Figure, Guessed, Row
from app.figures.kinds.bars import BarsFigure
from app.figures.kinds.cells import CellsFigure
from app.figures.kinds.ecdf import EcdfFigure
from app.figures.kinds.flow import FlowFigure
from app.figures.kinds.graph import GraphFigure
from app.figures.kinds.line import LineFigure
from app.figures.kinds.shares import SharesFigure
from app.figures.kinds.space import SpaceFigure
from app.figures.kinds.states import StatesFigure
from app.figures.kinds.timeline import TimelineFigure
from app.figures.patch import Patch
from app.ground.payloads import FigureOp, FigureSpec
from app.text.languages import ENGLISH, Words
from experiments.kit import charts
from experiments.kit.spec import Experiment

FIGURES: dict[type[charts.Chart], type[Figure]] = {
    charts.Line: LineFigure,
    charts.Bars: BarsFigure,
    charts.Ecdf: EcdfFigure,
    charts.Cells: CellsFigure,
    charts.Timeline: TimelineFigure,
    charts.Shares: SharesFigure,
    charts.StateDiagram: StatesFigure,
    charts.Flow: FlowFigure,
    charts.Space: SpaceFigure,
    charts.Graph: GraphFigure,
}


class Board:
    """`add` says what changes with the rows it is given, `figures` how all of it looks now."""

    def __init__(
        self, experiment: Experiment, words: Words = ENGLISH, guess: Mapping[str, Any] | None = None
    ) -> None:
        """All its texts are said with `words`; ids of traces and the rows stay English.

        `guess` is what was predicted, as in `{"threads@4": 2.6}`: see `guess`.
        """
        self.words = words
        tables = {table.row: table for table in experiment.tables}
        self.rows = {table.name: table.row for table in experiment.tables}
        self.drawn = [FIGURES[type(chart)](chart, tables, words) for chart in experiment.charts]
        self.asks = experiment.guess
        self.guess(guess or {})

    def add(self, table: str, rows: Sequence[Row]) -> list[FigureOp]:
        """The operations for a page: one for each figure that changes with these rows."""
        row = self.rows[table]
        return [op(figure, patch) for figure in self.drawn if (patch := figure.add(row, rows))]

    def guess(self, points: Mapping[str, Any]) -> list[FigureOp]:
        """The operations that show what was predicted, on the figure that answers it."""
        if self.asks is None or not points:
            return []
        said = [Guessed(point, value, self.asks.by) for point, value in self.asks.drawn(points)]
        answers = (figure for figure in self.drawn if figure.chart.id == self.asks.figure)
        return [op(figure, patch) for figure in answers if (patch := figure.guess(said))]

    def close(self) -> list[FigureOp]:
        """The last operations of a run: what each figure says, in words and as a table."""
        return [op(figure, patch) for figure in self.drawn if (patch := figure.close())]

    def figures(self) -> list[FigureSpec]:
        """Every figure as it is now, to keep; nothing in it changes later."""
        return [figure.now() for figure in self.drawn]


def op(figure: Figure, patch: Patch) -> FigureOp:
    return {"o": "fig", "id": figure.chart.id, "patch": patch}
