"""Address spaces from rows: columns of parts, laid out once for page, report and card."""

from typing import NamedTuple

import pytest

from app import drawing
from app.figures.space import SpaceFigure
from experiments.kit.charts import Space
from experiments.kit.spec import read_table
from experiments.kit.units import Bytes

KIB, MIB = 1024, 1024 * 1024


class Part(NamedTuple):
    """One part of an address space."""

    moment: str
    part: str
    size_b: Bytes
    resident_b: Bytes


CHART = Space(Part, id="space", by="moment", part="part", size="size_b", resident="resident_b")
ROWS = [
    ["before", "stack", 132 * KIB, 16 * KIB],
    ["before", "heap", 2 * MIB, 2 * MIB],
    ["after", "stack", 132 * KIB, 20 * KIB],
    ["after", "reserved", 64 * MIB, 0],
    ["after", "heap", 8 * MIB, 3 * MIB],
]


@pytest.fixture
def figure() -> SpaceFigure:
    return SpaceFigure(CHART, {Part: read_table(Part)})


def words_in(shape: dict) -> list[str]:
    return [shape["text"]] * bool(shape["text"]) + [w for child in shape["children"] for w in words_in(child)]


def test_parts_lie_from_low_addresses_to_high_ones(figure):
    figure.add(Part, ROWS)
    assert [(column["id"], [part[0] for part in column["parts"]]) for column in figure.spec["data"]] == [
        ("before", ["heap", "stack"]),
        ("after", ["heap", "reserved", "stack"]),
    ]
    assert figure.spec["data"][1]["parts"][0] == ["heap", 8 * MIB, 3 * MIB]


def test_a_part_that_comes_again_replaces_the_one_before(figure):
    figure.add(Part, ROWS)
    figure.add(Part, [["before", "heap", 4 * MIB, 4 * MIB]])
    assert figure.spec["data"][0]["parts"][0] == ["heap", 4 * MIB, 4 * MIB]


def test_the_page_and_the_report_draw_the_same_words(figure):
    figure.add(Part, ROWS)
    told = figure.now()
    (group,) = told["layout"]["pictures"]["640"]["shapes"]
    for said in ("before", "after", "heap", "2 MiB", "2 MiB in memory, 100 %", "reserved"):
        assert said in [word.replace("\u00a0", " ") for word in words_in(group)]
        assert said in drawing.embedded(told, 640).replace("\u00a0", " ")


def test_twice_the_size_is_drawn_taller(figure):
    one, two = heights(figure, 2 * MIB), heights(figure, 4 * MIB)
    assert two > one


def heights(figure: SpaceFigure, size_b: int) -> float:
    figure.add(Part, [["before", "heap", size_b, 0]])
    return figure.now()["layout"]["pictures"]["640"]["height"]


def test_the_figure_is_told_in_words_and_as_a_table(figure):
    figure.add(Part, ROWS[:2])
    told = figure.now()
    assert told["summary"].endswith(
        "before: stack 132 KiB, heap 2 MiB.".replace(" KiB", "\u00a0KiB").replace(" MiB", "\u00a0MiB")
    )
    assert told["table"]["rows"] == [
        ["before", "stack", 132 * KIB, 16 * KIB],
        ["before", "heap", 2 * MIB, 2 * MIB],
    ]
