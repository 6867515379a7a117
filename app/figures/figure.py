"""What all figures have in common: a spec that is exactly what its patches have made it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.figures.patch import Patch, apply, own
from app.figures.words import sentence, words
from experiments.kit.charts import STATES, Chart
from experiments.kit.spec import Field, Table

Row = Sequence[Any]
NOTHING = "No rows yet."


class Figure:
    """One chart that grows. A subclass keeps what it needs of the rows and says what changed."""

    chart: Chart

    def __init__(self, chart: Any, tables: Mapping[type, Table]) -> None:
        self.chart = chart
        self.tables = tables
        self.fields = {field.name: field for field in tables[chart.row].columns}
        self.prepare()
        self.spec: dict[str, Any] = {
            "id": chart.id,
            "kind": chart.kind,
            "title": self.title(),
            "caption": chart.caption or self.caption(),
            "data": self.first_traces(),
            "layout": self.first_layout(),
            "summary": NOTHING,
            "table": {"columns": [], "rows": []},
        }

    def prepare(self) -> None:
        """Set up what the rows are gathered in."""

    def title(self) -> str:
        return self.chart.title or sentence(words(type(self.chart).__name__))

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
        """What changes with these rows of another table."""
        return []

    def summary(self) -> str:
        """The figure in words and numbers, for who cannot see it."""
        told = self.told()
        lead = self.title() if self.title().endswith(("?", ".", "!")) else f"{self.title()}."
        return f"{lead} {'. '.join(told)}." if told else NOTHING

    def told(self) -> list[str]:
        """A few words with numbers for each thing that is drawn."""
        raise NotImplementedError

    def table(self) -> dict[str, Any]:
        raise NotImplementedError

    def add(self, row: type, rows: Sequence[Row]) -> Patch:
        if not rows:
            return []
        patch = self.take(rows) if row is self.chart.row else self.take_reference(row, rows)
        apply(self.spec, patch)
        return patch

    def close(self) -> Patch:
        """The words and the table, which nobody needs before the end."""
        patch = self.put("summary", self.summary()) + self.put("table", self.table())
        apply(self.spec, patch)
        return patch

    def now(self) -> dict[str, Any]:
        """The whole figure, to keep or to send."""
        whole: dict[str, Any] = own(self.spec)
        return whole | {"summary": self.summary(), "table": self.table()}

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


def heading(field: Field, name: str = "", help: str = "") -> dict[str, str]:
    return {"name": name or field.name, "unit": field.unit, "help": help or field.help}


def plain_heading(name: str, unit: str = "", help: str = "") -> dict[str, str]:
    return {"name": name, "unit": unit, "help": help}


def spread_headings(by: str | None, x: Field, y: Field) -> list[dict[str, str]]:
    """Of a table with the median of `y`, its quartiles and the number of rows at every `x`."""
    return [
        plain_heading(by or "series"),
        heading(x),
        heading(y),
        heading(y, "low", "a quarter of the rows is below"),
        heading(y, "high", "a quarter of the rows is above"),
        plain_heading("rows"),
    ]


def all_states() -> list[dict[str, Any]]:
    return [
        {"id": state.id, "label": state.label, "height": state.height, "hatch": state.hatch}
        for state in STATES.values()
    ]


def state_of(value: Any) -> str:
    return value if value in STATES else "unknown"
