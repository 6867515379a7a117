"""The JSON that crosses a boundary, as types: what a page gets, what a run keeps, what a worker says.

A verdict's is `kit.verdict.VerdictJson`, a sentence's `kit.sentences.SentenceJson`; docs/protocol.md
tells the same in words.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

FORMAT = 1  # of the record as JSON; a reader refuses what is newer than it knows

Row = list[Any]
Patch = list[list[Any]]  # see `figures.patch`

# -- figures ----------------------------------------------------------------------------------


class Heading(TypedDict):
    """Of a column of a figure's table; the unit is one of `kit.units`."""

    name: str
    unit: str
    help: str


class FigureTable(TypedDict):
    columns: list[Heading]
    rows: list[Row]


class FigureSpec(TypedDict):
    """A figure as the page draws it. `data` are traces, each with an "id"; `layout` depends on the kind."""

    id: str
    kind: str
    title: str
    caption: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]
    summary: str
    table: FigureTable


# -- operations on the topic of a run ---------------------------------------------------------


class FigureOp(TypedDict):
    o: Literal["fig"]
    id: str
    patch: Patch


class RunOp(TypedDict):
    """Members of the run that have changed."""

    o: Literal["run"]
    v: dict[str, Any]


class QuietOp(TypedDict):
    """Whether the page holds its drawing back, because something is measured."""

    o: Literal["quiet"]
    on: bool


class GoneOp(TypedDict):
    """On the topic `runs`: this run was deleted."""

    o: Literal["gone"]
    id: str


Op = FigureOp | RunOp | QuietOp | GoneOp


# -- what a run keeps -------------------------------------------------------------------------


class GuessJson(TypedDict):
    """`given_at` is Unix seconds; `rows` (see `kit.guess.Row`) are None until the run is judged.

    `late` is true where the run had ended when it was given, as the order of the two says.
    """

    points: dict[str, float | str]
    given_at: float
    rows: list[dict[str, Any]] | None
    late: NotRequired[bool]


# -- what a worker says, a JSON line each -----------------------------------------------------


class Hello(TypedDict):
    t: Literal["hello"]
    pid: int
    machine: dict[str, Any]


class RowsMessage(TypedDict):
    t: Literal["rows"]
    table: str
    rows: list[Row]


class ProgressMessage(TypedDict):
    """`done` is a share of the whole."""

    t: Literal["progress"]
    done: float
    text: str


class Failed(TypedDict):
    """The experiment raised: `why` is what the error says, `kind` its class."""

    t: Literal["failed"]
    why: str
    kind: str
    traceback: str


class End(TypedDict):
    """The closing line of the supervisor; the server adds `sentence`, `conditions` and `last_words`.

    Times are seconds; what nobody could measure is None.
    """

    t: Literal["end"]
    why: str
    rc: int | None
    signal: str | None
    cpu_s: float | None
    killed: int
    machine: NotRequired[dict[str, Any] | None]  # like the next two: by the measuring half, if it got so far
    run_s: NotRequired[float | None]
    delay_s: NotRequired[float | None]
    sentence: NotRequired[str]
    conditions: NotRequired[dict[str, float | None]]
    last_words: NotRequired[str]


Message = Hello | RowsMessage | ProgressMessage | Failed | End
