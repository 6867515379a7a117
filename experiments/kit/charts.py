"""What to draw. A chart names columns of one row type; the app turns it into a figure.

A title is a question or a plain statement of what is on the axes. States and entities keep
their colour everywhere, so charts name them and never a colour.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Any, ClassVar, Literal


@dataclass(frozen=True)
class State:
    """How a state is drawn: colour by id, and height and hatch for those who see no colour."""

    id: str
    label: str
    height: float
    hatch: bool = False


STATES = {
    state.id: state
    for state in (
        State("running", "running on a core", 1.0),
        State("gil", "waiting for the GIL", 0.58, hatch=True),
        State("ready", "ready, no core free", 0.58),
        State("blocked", "blocked", 0.14),
        State("io", "kernel copies data", 1.0),
        State("lock", "waiting for a lock", 0.58, hatch=True),
        State("uninterruptible", "blocked, uninterruptible", 0.34, hatch=True),
        State("stopped", "stopped", 0.28),
        State("zombie", "zombie", 0.42, hatch=True),
        State("loop", "has the event loop", 0.9),
        State("due", "ready, the loop is not free", 0.7, hatch=True),
        State("cancelled", "cancelled, tidying up", 0.5, hatch=True),
        State("unknown", "cannot be seen from user space", 0.8, hatch=True),
    )
}


def column(default: Any = None) -> Any:
    """A field of a chart that names a column of its row type."""
    return field(default=default, metadata={"column": True})


@dataclass(frozen=True)
class Chart:
    """`title` is shown above the figure, `caption` in small type below it; `id` is found if not given."""

    row: type
    _: KW_ONLY
    title: str = ""
    id: str = ""
    caption: str = ""

    kind: ClassVar[str] = "plotly"

    def columns(self) -> list[str]:
        """The columns of `row` that the chart reads."""
        named: list[str] = []
        for f in fields(self):
            if f.metadata.get("column") and (value := getattr(self, f.name)):
                named += [value] if isinstance(value, str) else list(value)
        return named


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A dashed line to hold a measured one against: rows of another table, or y = x."""

    label: str
    row: type | None = None
    x: str = ""
    y: str = ""


@dataclass(frozen=True, kw_only=True)
class Line(Chart):
    """The median of `y` for every `x`, one line for each value of `by`, with the spread as a band."""

    x: str = column()
    y: str = column()
    by: str | None = column()
    references: tuple[Reference, ...] = ()
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True, kw_only=True)
class Bars(Chart):
    """The median of `y` for every `x`, side by side for each value of `by`."""

    x: str = column()
    y: str = column()
    by: str | None = column()
    log_y: bool = False


@dataclass(frozen=True, kw_only=True)
class Ecdf(Chart):
    """For every value of `x`, the share of rows at or below it: the whole distribution, no bins."""

    x: str = column()
    by: str | None = column()
    log_x: bool = False


@dataclass(frozen=True, kw_only=True)
class Cells(Chart):
    """A table of medians that fills while configurations finish."""

    across: str = column()
    down: str = column()
    value: str = column()

    kind: ClassVar[str] = "cells"


@dataclass(frozen=True, kw_only=True)
class Timeline(Chart):
    """Lanes of spans: who was in which state, when."""

    lane: str = column()
    state: str = column()
    start: str = column()
    end: str = column()
    group: str | None = column()

    kind: ClassVar[str] = "timeline"


@dataclass(frozen=True, kw_only=True)
class Shares(Chart):
    """One stacked bar a row; each part is a column named `<state>_s`."""

    lane: str = column()
    parts: tuple[str, ...] = column(())

    kind: ClassVar[str] = "shares"


@dataclass(frozen=True, kw_only=True)
class StateDiagram(Chart):
    """States as circles, counted transitions as arrows between them."""

    source: str = column()
    target: str = column()
    count: str = column()
    how: str | None = column()

    kind: ClassVar[str] = "states"


@dataclass(frozen=True, kw_only=True)
class Flow(Chart):
    """One call told on two lanes, "program" and "kernel", with the calls that cross between them."""

    model: str = column()
    lane: str = column()
    state: str = column()
    start: str = column()
    end: str = column()
    call: str | None = column()

    kind: ClassVar[str] = "flow"


@dataclass(frozen=True, kw_only=True)
class Space(Chart):
    """Address spaces as columns of their parts, low addresses at the bottom; a column for each value of `by`.

    `part` names are those of `kernel.maps`; `size` and `resident` are bytes. A part that comes again replaces
    the one before. With `classic` the 3 and 1 GiB of 32 bits stand beside them, for comparison.
    """

    by: str = column()
    part: str = column()
    size: str = column()
    resident: str | None = column()
    classic: bool = False

    kind: ClassVar[str] = "space"


@dataclass(frozen=True, kw_only=True)
class Graph(Chart):
    """Things as nodes and relations as arrows; one graph for each value of `by`, up to six of them.

    A row is an arrow; one without a `target` is a node alone. `label` says what the arrow means, `state` the
    state of the target, or of a node alone. In a "circle" arrows that close a cycle are picked out; in a
    "tree" sources stand above their targets. Nodes whose names begin with a word of `squares` are squares.
    """

    source: str = column()
    target: str = column()
    label: str | None = column()
    by: str | None = column()
    state: str | None = column()
    arrangement: Literal["circle", "tree"] = "circle"
    squares: tuple[str, ...] = ()

    kind: ClassVar[str] = "graph"
