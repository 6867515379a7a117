"""Address spaces from rows: columns of parts, laid out once for page, report and card."""

from typing import NamedTuple

import pytest

from app.figures.kinds.space import SpaceFigure
from app.svg import embedded, standalone
from app.text.languages import load
from experiments.kit.charts import Space
from experiments.kit.spec import load_all, read_table
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
        assert said in embedded(told, 640).replace("\u00a0", " ")


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


# -- columns beside each other ------------------------------------------------------------------


def boxes(figure: SpaceFigure, width: str = "640") -> dict[str, list[float]]:
    """How far down each name stands, in every column that has it."""
    (group,) = figure.now()["layout"]["pictures"][width]["shapes"]
    found: dict[str, list[float]] = {}
    for shape in group["children"]:
        if "transform" in shape["attributes"] and (said := words_in(shape)):
            found.setdefault(said[0], []).append(float(shape["attributes"]["transform"].split()[1][:-1]))
    return found


def test_a_part_that_did_not_change_stands_at_one_height_in_all_columns(figure):
    figure.add(Part, [*ROWS, ["before", "text", 4 * MIB, MIB], ["after", "text", 4 * MIB, MIB]])
    (before, after) = boxes(figure)["text"]
    assert before == after


def test_what_grows_up_keeps_its_foot_and_what_grows_down_its_head(figure):
    figure.add(Part, [["before", "heap", MIB, 0], ["after", "heap", 64 * MIB, 0]])
    figure.add(Part, [["before", "stack", MIB, 0], ["after", "stack", 64 * MIB, 0]])
    assert boxes(figure)["heap"][0] > boxes(figure)["heap"][1]
    assert boxes(figure)["stack"][0] == boxes(figure)["stack"][1]


def test_what_came_since_the_first_column_is_written_with_a_plus(figure):
    figure.add(Part, ROWS)
    (group,) = figure.now()["layout"]["pictures"]["640"]["shapes"]
    plus = [word.replace("\u00a0", " ") for word in words_in(group) if word.startswith("+")]
    assert plus == ["+64 MiB", "+6 MiB"]


def test_wide_columns_are_low_and_say_all_in_one_line(figure):
    figure.add(Part, ROWS)
    wide, usual = (figure.now()["layout"]["pictures"][width] for width in ("960", "640"))
    said = [word.replace("\u00a0", " ") for word in words_in(wide["shapes"][0])]
    assert wide["height"] < 0.85 * usual["height"]
    assert {"+64 MiB", "+6 MiB", "8 MiB", "3 MiB in memory, 38 %"} <= set(said)


def test_sizes_are_told_on_a_phone_too(figure):
    figure.add(Part, ROWS)
    (group,) = figure.now()["layout"]["pictures"]["300"]["shapes"]
    said = [word.replace("\u00a0", " ") for word in words_in(group)]
    assert {"132 KiB", "2 MiB", "8 MiB", "64 MiB", "+6 MiB"} <= set(said)


def test_the_split_of_32_bits_stands_beside_where_it_is_asked_for_and_fits():
    chart = Space(Part, id="s", by="moment", part="part", size="size_b", classic=True)
    figure = SpaceFigure(chart, {Part: read_table(Part)})
    figure.add(Part, ROWS)
    wide, narrow = (
        words_in(figure.now()["layout"]["pictures"][width]["shapes"][0]) for width in ("640", "300")
    )
    assert "with 32 bits" in wide
    assert "with 32 bits" not in narrow
    assert "with 32 bits" in standalone(figure.now())


def test_a_picture_is_in_the_language_of_its_figure_whoever_feeds_it():
    chinese = load("zh", load_all())
    figure = SpaceFigure(CHART, {Part: read_table(Part)}, chinese)
    figure.add(Part, ROWS)
    (group,) = figure.now()["layout"]["pictures"]["640"]["shapes"]
    assert chinese("heap") in words_in(group)
    assert "heap" not in words_in(group)
