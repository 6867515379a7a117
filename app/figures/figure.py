"""What all figures have in common: a spec that is exactly what its patches have made it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from app.figures.patch import Patch, apply, own
from app.ground.payloads import FigureSpec, FigureTable, Heading
from app.text.languages import ENGLISH, Words
from app.text.values import is_number, sentence, words
from experiments.kit.charts import STATES, Chart
from experiments.kit.guess import Point
from experiments.kit.spec import Field, Table

Row = Sequence[Any]
YOURS = "your guess"
NOTHING = "No rows."


class Guessed(NamedTuple):
    """One thing that somebody predicted; a choice is a text."""

    point: Point
    value: float | str
    by: str = ""  # of grouped bars, the series that it is about

    @property
    def number(self) -> float:
        return float(self.value) if is_number(self.value) else math.nan


class Figure:
    """One chart that grows. A subclass keeps what it needs of the rows and says what changed."""

    chart: Chart

    def __init__(self, chart: Any, tables: Mapping[type, Table], words: Words = ENGLISH) -> None:
        self.t = words
        self.chart = chart
        self.tables = tables
        self.fields = {field.name: field for field in tables[chart.row].columns}
        self.predicted: list[Guessed] = []
        self.prepare()
        self.spec: FigureSpec = {
            "id": chart.id,
            "kind": chart.kind,
            "title": self.title(),
            "caption": self.t(chart.caption or self.caption()),
            "data": self.first_traces(),
            "layout": self.first_layout(),
            "summary": self.t(NOTHING),
            "table": {"columns": [], "rows": []},
        }

    def prepare(self) -> None:
        """Set up what the rows are gathered in."""

    def title(self) -> str:
        return self.t(self.chart.title or sentence(words(type(self.chart).__name__)))

    def caption(self) -> str:
        return ""

    def first_traces(self) -> list[dict[str, Any]]:
        return []

    def first_layout(self) -> dict[str, Any]:
        raise NotImplementedError

    def take(self, rows: Sequence[Row]) -> Patch:
        """What changes with these rows of the chart's own table."""
        raise NotImplementedError

    def take_reference(self, row: type, rows: Sequence[Row]) -> Patch:
        """What changes with these rows, where a reference is made of them."""
        return []

    def guess(self, said: Sequence[Guessed]) -> Patch:
        """Show what was predicted. Only some figures can: the others leave out `show_guess`."""
        self.predicted = list(said)
        patch = self.show_guess()
        apply(self.spec, patch)
        if self.spec["summary"] != self.t(NOTHING):  # the words were there already
            patch += (words := self.put("summary", self.summary()))
            apply(self.spec, words)
        return patch

    def show_guess(self) -> Patch:
        return []

    def summary(self) -> str:
        """The figure in words and numbers, for who cannot see it."""
        told = self.told()
        stop, between = self.t("."), self.t(". ")
        lead, full = self.title(), ("?", ".", "!", "？", "。", "！")
        lead = (
            f"{lead.rstrip()} "
            if lead.endswith(full[:3])
            else lead
            if lead.endswith(full)
            else lead + between
        )
        return f"{lead}{between.join(told)}{stop}" if told else self.t(NOTHING)

    def item(self, name: str, *told: str) -> str:
        """ "threads: 0.97×, 1.02×" in the reader's punctuation."""
        return self.t(name) + self.t(": ") + self.t(", ").join(told)

    def states(self) -> list[dict[str, Any]]:
        """All states as a page draws them, with their names."""
        return [state | {"label": self.t(state["label"])} for state in all_states()]

    def heading(self, field: Field, name: str = "", help: str = "") -> Heading:
        """Of a column; one whose name has no translation keeps the name that it has in the files."""
        plain = name or words(field.name)
        said = self.t(plain)
        return heading(field, said if said != plain else name, self.t(help or field.help))

    def plain_heading(self, name: str, unit: str = "", help: str = "") -> Heading:
        return plain_heading(self.t(name), unit, self.t(help))

    def spread_headings(self, by: str | None, x: Field, y: Field) -> list[Heading]:
        """Of a table with the median of `y`, its quartiles and the number of rows at every `x`."""
        return [
            self.plain_heading(by or "series"),
            self.heading(x),
            self.heading(y),
            self.heading(y, "low", "a quarter of the rows is below"),
            self.heading(y, "high", "a quarter of the rows is above"),
            self.plain_heading("rows"),
        ]

    def told(self) -> list[str]:
        """A few words with numbers for each thing that is drawn."""
        raise NotImplementedError

    def table(self) -> FigureTable:
        raise NotImplementedError

    def add(self, row: type, rows: Sequence[Row]) -> Patch:
        if not rows:
            return []
        patch = self.take_reference(row, rows)
        if row is self.chart.row:  # which may hold its lines against another column of the same rows
            patch += self.take(rows)
        apply(self.spec, patch)
        return patch

    def close(self) -> Patch:
        """The words and the table, which nobody needs before the end."""
        patch = self.put("summary", self.summary()) + self.put("table", self.table())
        apply(self.spec, patch)
        return patch

    def now(self) -> FigureSpec:
        """The whole figure, to keep or to send."""
        whole: FigureSpec = own(self.spec)
        return {**whole, "summary": self.summary(), "table": self.table()}

    def put(self, path: str, value: Any) -> Patch:
        """Set a member, if that changes anything."""
        place: Any = self.spec
        *way, last = path.split(".")
        for step in way:
            place = place.get(step, {})
        return [] if last in place and place[last] == value else [["set", path, value]]

    def put_trace(self, id: str, trace: dict[str, Any]) -> Patch:
        """Replace or add a trace, if that changes anything."""
        whole = {"id": id, **trace}
        return (
            [] if whole in (old for old in self.spec["data"] if old["id"] == id) else [["trace", id, trace]]
        )


def picker(row: Any, *names: str | None) -> Callable[[Row], tuple[Any, ...]]:
    """A function that takes these columns from a row; None where a chart names no column."""
    places = [None if name is None else row._fields.index(name) for name in names]
    return lambda values: tuple(None if place is None else values[place] for place in places)


def heading(field: Field, name: str = "", help: str = "") -> Heading:
    return {"name": name or field.name, "unit": field.unit, "help": help or field.help}


def plain_heading(name: str, unit: str = "", help: str = "") -> Heading:
    return {"name": name, "unit": unit, "help": help}


def all_states() -> list[dict[str, Any]]:
    return [
        {"id": state.id, "label": state.label, "height": state.height, "hatch": state.hatch}
        for state in STATES.values()
    ]


def state_of(value: Any) -> str:
    return value if value in STATES else "unknown"
