import dataclasses
from typing import NamedTuple

import pytest

from experiments.kit import Cells, Ecdf, Flow, Line, Shares, StateDiagram, Timeline, charts


class Row(NamedTuple):
    """A row."""

    who: str
    x: float
    y: float


def test_a_chart_knows_the_columns_that_it_reads():
    assert Line(Row, x="x", y="y", by="who").columns() == ["x", "y", "who"]
    assert Line(Row, x="x", y="y").columns() == ["x", "y"]
    assert Cells(Row, across="x", down="who", value="y").columns() == ["x", "who", "y"]


def test_parts_are_columns_too():
    assert Shares(Row, lane="who", parts=("x", "y")).columns() == ["who", "x", "y"]


def test_titles_and_switches_are_no_columns():
    assert Ecdf(Row, title="who", x="x", log_x=True).columns() == ["x"]


@pytest.mark.parametrize(
    ("chart", "kind"),
    [
        (Line, "plotly"),
        (Ecdf, "plotly"),
        (Cells, "cells"),
        (Timeline, "timeline"),
        (Flow, "flow"),
        (Shares, "shares"),
        (StateDiagram, "states"),
    ],
)
def test_every_chart_says_how_it_is_drawn(chart, kind):
    assert chart.kind == kind


def test_a_chart_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Line(Row, x="x", y="y").x = "y"


def test_states_are_told_apart_without_colour():
    """Two states look alike only if neither their height nor their hatch differs."""
    looks = [
        (state.height, state.hatch) for state in charts.STATES.values() if state.id not in {"io", "lock"}
    ]
    assert len(set(looks)) == len(looks)
    assert all(id == state.id and state.label for id, state in charts.STATES.items())
