"""The forms in which a run is taken away: one table for the pages, the API and the command line.

Each form is made from a `Whole` and nothing else. What makes it is imported when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from app.export import exports
from app.export.exports import Rows, Whole
from app.ground.payloads import FigureSpec
from app.text.languages import ENGLISH, Words
from experiments.kit.spec import Experiment

if TYPE_CHECKING:
    from app.runs.run import Run


class FormName(StrEnum):
    """What a form is called in addresses and on the command line."""

    HTML = "html"
    INTERACTIVE = "interactive"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "md"
    TRACE = "trace"
    SVG = "svg"


@dataclass(frozen=True)
class Form:
    """One form: what its files end in, what they are for a browser, and who makes their content."""

    ending: str
    kind: str
    make: Callable[[Whole], bytes]
    needs_figures: bool = False


@dataclass(frozen=True)
class File:
    """Something to save: a safe name, a media type, the content."""

    name: str
    kind: str
    content: bytes


def as_html(whole: Whole) -> bytes:
    from app.export import report

    return report.as_html(whole).encode()


def as_interactive(whole: Whole) -> bytes:
    from app.export import interactive

    return interactive.as_html(whole).encode()


def as_json(whole: Whole) -> bytes:
    from pydantic_core import to_json

    record = exports.as_json(whole.experiment, whole.run, whole.tables)
    return to_json(record, inf_nan_mode="null")


def as_csv(whole: Whole) -> bytes:
    return exports.as_zip(exports.csv_files(whole.experiment, whole.tables))


def as_markdown(whole: Whole) -> bytes:
    from app.export import markdown

    return markdown.as_markdown(whole).encode()


def as_trace(whole: Whole) -> bytes:
    from pydantic_core import to_json

    from app.export import trace

    return to_json(trace.as_trace(whole), inf_nan_mode="null")


def as_svg(whole: Whole) -> bytes:
    """Every figure as a drawing of its own, in one archive."""
    from app.svg import standalone

    drawn = {f"{spec['id']}.svg": standalone(spec, whole.theme) for spec in whole.figures}
    return exports.as_zip(drawn)


HTML = "text/html; charset=utf-8"
FORMS: dict[str, Form] = {
    FormName.HTML: Form("html", HTML, as_html, needs_figures=True),
    FormName.INTERACTIVE: Form(
        "interactive.html", "text/html; charset=utf-8", as_interactive, needs_figures=True
    ),
    FormName.JSON: Form("json", "application/json", as_json),
    FormName.CSV: Form("zip", "application/zip", as_csv),
    FormName.MARKDOWN: Form("md", "text/markdown; charset=utf-8", as_markdown, needs_figures=True),
    FormName.TRACE: Form("trace.json", "application/json", as_trace),
    FormName.SVG: Form("svg.zip", "application/zip", as_svg, needs_figures=True),
}


def whole(
    form: str,
    experiment: Experiment,
    run: Run,
    tables: Mapping[str, Rows],
    words: Words = ENGLISH,
    theme: str = "auto",
) -> Whole:
    """What this form is made from. Its figures are drawn only where it has some: that is most of the work."""
    figures = drawn(experiment, run, tables, words) if FORMS[form].needs_figures else ()
    return Whole(experiment=experiment, run=run, tables=tables, figures=figures, words=words, theme=theme)


def drawn(experiment: Experiment, run: Run, tables: Mapping[str, Rows], words: Words) -> list[FigureSpec]:
    """The figures of these rows."""
    from app.figures import Board

    board = Board(experiment, words, run.points)
    for name, rows in tables.items():
        board.add(name, rows)
    return board.figures()


def make(form: str, whole: Whole) -> File:
    """The run in this form. LookupError says in a sentence why a run has none of it (`trace.NoLanes`)."""
    chosen = FORMS[form]
    name = exports.file_name(whole.run, chosen.ending)
    return File(name, chosen.kind, chosen.make(whole))
