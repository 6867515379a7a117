"""Which figure of an experiment says most at the size of a stamp."""

from __future__ import annotations

from experiments.kit.spec import Experiment

# The kinds of charts in the order in which they help where there is little room.
SMALL = ("space", "graph", "timeline", "line", "shares", "ecdf", "bars", "statediagram", "flow", "cells")


def telling(experiment: Experiment) -> list[str]:
    """The ids of the figures: the one that answers the guess, then the telling ones."""
    if not experiment.charts:
        return []
    ranked = sorted(experiment.charts, key=lambda chart: SMALL.index(type(chart).__name__.lower()))
    answering = (experiment.guess and experiment.guess.figure) or experiment.charts[0].id
    return sorted((chart.id for chart in ranked), key=lambda id: id != answering)
