"""Where the spans of a timeline go. Numbers in, rectangles out; dense lanes become stacked shares."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

DENSE = 0.6  # spans for each pixel; above it a lane shows shares instead of spans
AVERAGED = 4  # spans for each column of shares; with fewer, slices beat with pixels and draw a pattern
NARROWEST = 2  # pixels of such a column: finer ones only make a file longer
PURE = 0.98  # of a column in one state
SEEN = 0.004  # of a column; less is not drawn
TOUCHING = 0.05  # pixels between two spans that are one
LEAST = 0.03  # height of a part that is drawn at all


class Box(NamedTuple):
    """A part of a lane: x and width in pixels, bottom and top as shares of the lane's height."""

    x: float
    width: float
    state: str
    bottom: float
    top: float


class Frame(NamedTuple):
    """Where lanes, their labels and the heads of groups go, for a width in pixels."""

    left: float
    plot: float
    above: bool
    lane_height: float
    rows: list[tuple[float, float]]  # (top of the label, top of the lane)
    heads: list[tuple[float, str]]
    bottom: float
    height: float


SIZES = ((12, 22.0, 7.0), (28, 15.0, 5.0), (math.inf, 11.0, 4.0))  # lanes up to, their height, the gap


def frame(lanes: Sequence[Mapping[str, Any]], width: float, label_width: float) -> Frame:
    """Labels stand left of their lanes, or above them where they would take too much of the width."""
    height, gap = size(len(lanes))
    above = label_width + 20 > width * 0.28
    left = 1.0 if above else math.ceil(label_width + 20)
    rows, heads = [], []
    y, group = gap, ""
    for lane in lanes:
        if lane.get("group") and lane["group"] != group:
            heads.append((y, lane["group"]))
            y += 24
        group = lane.get("group") or ""
        label, y = y, y + (16 if above else 0)
        rows.append((label, y))
        y += height + gap
    return Frame(left, width - left - 1, above, height, rows, heads, y, y + 26)


def size(lanes: int) -> tuple[float, float]:
    """Height of each of so many lanes and the gap between two, in pixels."""
    return next((height, gap) for up_to, height, gap in SIZES if lanes <= up_to)


def pitch(lanes: int) -> int:
    """From one of so many lanes to the next, in pixels."""
    return round(sum(size(lanes)))


def in_groups(traces: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Lanes of a group stand together, in the order in which groups and lanes appeared."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for trace in traces:
        groups.setdefault(trace.get("group") or "", []).append(trace)
    return [trace for group in groups.values() for trace in group]


def boxes(
    trace: Mapping[str, Any], heights: Mapping[str, float], t0: float, t1: float, plot: float
) -> list[Box]:
    """The whole lane between two moments as boxes over `plot` pixels, equal neighbours joined."""
    if len(trace["start"]) <= plot * DENSE:
        return joined(spans(trace, heights, t0, t1, plot))
    return joined(shares(trace, heights, t0, t1, plot))


def spans(
    trace: Mapping[str, Any], heights: Mapping[str, float], t0: float, t1: float, plot: float
) -> Iterator[Box]:
    scale = plot / (t1 - t0)
    for start, end, state in zip(trace["start"], trace["end"], trace["state"], strict=True):
        left, right = max(0.0, (start - t0) * scale), min(plot, (end - t0) * scale)
        if right >= left:
            yield Box(left, max(1.0, right - left), state, 0.0, heights[state])


def shares(
    trace: Mapping[str, Any], heights: Mapping[str, float], t0: float, t1: float, plot: float
) -> Iterator[Box]:
    """Columns of a few pixels, so wide that each averages over several spans."""
    least = max(NARROWEST, math.ceil(AVERAGED * plot / len(trace["start"])))
    columns = math.floor(plot / least)
    step = plot / columns
    sums = sum_columns(trace, t0, (t1 - t0) / columns, columns)
    for n in range(columns):
        x = n * step
        column = {state: sums[state][n] for state in heights if state in sums}
        pure = next((state for state, share in column.items() if share > PURE), None)
        if pure is not None:
            yield Box(x, step, pure, 0.0, heights[pure])
        else:
            yield from stacked(column, heights, x, step)


def stacked(
    column: Mapping[str, float], heights: Mapping[str, float], x: float, width: float
) -> Iterator[Box]:
    """Shares on top of each other, each as high as the state would be, times its share."""
    bottom = 0.0
    for state, share in column.items():
        if share > SEEN:
            height = share * heights[state]
            yield Box(x, width, state, bottom, min(1.0, bottom + max(height, LEAST)))
            bottom += height


def sum_columns(trace: Mapping[str, Any], t0: float, column_s: float, columns: int) -> dict[str, list[float]]:
    """How much of each column was spent in each state."""
    sums: dict[str, list[float]] = {}
    for start, end, state in zip(trace["start"], trace["end"], trace["state"], strict=True):
        left, right = max(0.0, (start - t0) / column_s), min(columns, (end - t0) / column_s)
        column = min(columns - 1, int(left))
        mine = sums.get(state)
        if mine is None:
            mine = sums[state] = [0.0] * columns
        if right <= column + 1:
            mine[column] += right - left
            continue
        mine[column] += column + 1 - left
        whole = int(right)
        for between in range(column + 1, whole):
            mine[between] += 1.0
        if right > whole:
            mine[whole] += right - whole
    return sums


def joined(drawn: Iterator[Box]) -> list[Box]:
    """Neighbours in one state and of one height as one; shares stay columns."""
    kept: list[Box] = []
    for box in drawn:
        if kept and continues(kept[-1], box):
            kept[-1] = kept[-1]._replace(width=box.x + box.width - kept[-1].x)
        else:
            kept.append(box)
    return kept


def continues(last: Box, box: Box) -> bool:
    alike = box.bottom == last.bottom == 0 and (box.state, box.top) == (last.state, last.top)
    return alike and abs(last.x + last.width - box.x) < TOUCHING
