"""A table of medians; the larger the value, the deeper the shade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.svg.letters import shortened, width_of
from app.svg.shapes import Drawn, Shape, rect, text
from app.text.values import number

ROW, GAP, PAD = 28.0, 3.0, 10.0
LEAST, MOST = 0.06, 0.4  # opacity of the smallest and of the largest value


def draw(figure: Mapping[str, Any], width: float, prefix: str) -> Drawn:
    layout, lines = figure["layout"], figure["data"]
    across, cells = layout["across"], layout.get("cells") or {}
    head = max((width_of(row["label"], 12, "$mono") for row in lines), default=0.0)
    left = min(max(head, width_of(layout["across_title"] if across else "", 12)) + 20, width * 0.4)
    column = (width - left - PAD) / max(1, len(across))
    shapes = [text(PAD, 20, layout["across_title"] if across else "", fill="$ink-3")]
    middle = {"text_anchor": "middle", "font_family": "$mono"}
    for n, words in enumerate(across):
        shapes.append(text(left + (n + 0.5) * column, 20, shortened(words, column, 12, "$mono"), **middle))
    most = max((value for value in cells.values()), default=0) or 1
    for n, row in enumerate(lines):
        y = 30 + n * (ROW + GAP)
        label = shortened(row["label"], left - 14, 12, "$mono")
        shapes.append(text(PAD, y + ROW / 2 + 4, label, font_family="$mono", fill="$ink"))
        for place, words in enumerate(across):
            box = (left + place * column, y, column - GAP, ROW)
            shapes += cell(cells.get(f"{row['id']}|{words}"), most, row["role"], layout["unit"], box)
    return Drawn(width, 36 + len(lines) * (ROW + GAP), shapes)


def cell(value: float | None, most: float, role: str, unit: str, box: tuple[float, ...]) -> list[Shape]:
    if value is None:
        return [rect(*box, fill="none", stroke="$rule-2", stroke_dasharray="3 3")]
    depth = LEAST + (MOST - LEAST) * max(0.0, value) / most
    x, y, width, height = box
    words = shortened(number(value, unit), width, 12, "$mono")
    look = {"text_anchor": "middle", "font_family": "$mono", "fill": "$ink"}
    return [
        rect(*box, fill=f"{role}/{depth:.2f}", stroke=f"{role}/0.55"),
        text(x + width / 2, y + height / 2 + 4, words, **look),
    ]
