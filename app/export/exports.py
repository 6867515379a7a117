"""A run as something to take away: the JSON object of a record, and CSV for every table. Pure."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app import __version__
from app.catalogue.catalogue import describe_column
from app.ground.payloads import FORMAT, FigureSpec
from app.text.languages import ENGLISH, Words
from experiments.kit.spec import Experiment, Field, Table

if TYPE_CHECKING:
    from app.runs.run import Run

Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True, kw_only=True)
class Whole:
    """All that a run is: what every form of it (a page, a picture, a file) is made from.

    `figures` are the specs of its Board, in the words of the reader; `theme` is "light",
    "dark", or "auto" for the one of whoever looks (where a form cannot follow, light).
    """

    experiment: Experiment
    run: Run
    tables: Mapping[str, Rows]
    figures: Sequence[FigureSpec] = ()
    words: Words = ENGLISH
    theme: str = "auto"


SUFFIXES = {  # how a column's name says its unit
    "s": ("_s",),
    "ms": ("_ms",),
    "µs": ("_us",),
    "ns": ("_ns",),
    "B": ("_b", "_bytes"),
    "Hz": ("_hz",),
    "/s": ("per_second", "_per_s"),
}
NEEDLESS = {"", "×", "share"}  # a ratio and a share explain themselves by their name
FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "＝",
    "＋",
    "－",
    "＠",
)  # a spreadsheet would run such a text
SKIPPED = " \u00a0\u200b\u200e\u200f\u202a\u202b\u202d\u202e\u2066\u2067\u2068\ufeff"
SAFE_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def as_table(table: Table, rows: Rows) -> dict[str, Any]:
    """`{"columns": [{"name", "unit", "help"}], "rows": [[…]]}`."""
    columns = [describe_column(field) for field in table.columns]
    return {"columns": columns, "rows": [list(row) for row in rows]}


def as_json(experiment: Experiment, run: Run, tables: Mapping[str, Rows]) -> dict[str, Any]:
    """The whole record of a run as one object (docs/protocol.md); `imports` makes a run of it again.

    "said" has the sentences of the verdict as templates with values.
    """
    verdict = run.verdict
    return {
        "oscope": __version__,
        "format": FORMAT,
        "id": run.id,
        "name": run.name,
        "note": run.note,
        "host": run.host,
        "origin": run.origin,
        "experiment": run.experiment,
        "params": run.params,
        "preset": run.preset,
        "python": run.python,
        "machine": run.machine,
        "conditions": run.conditions,
        "guess": run.guess,
        "tables": {t.name: as_table(t, tables.get(t.name, ())) for t in experiment.tables},
        "verdict": {k: v for k, v in verdict.items() if k != "said"} if verdict else None,
        "said": verdict.get("said") if verdict else None,
        "state": str(run.state),
        "why": run.why,
        "last_words": run.last_words,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "length_s": run.length_s,
    }


def header(field: Field) -> str:
    """The column's name, with its unit behind it where the name does not say it already."""
    said = field.unit in NEEDLESS or field.name.endswith(SUFFIXES.get(field.unit, ()))
    return field.name if said else f"{field.name} [{field.unit}]"


def cell(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula gets an apostrophe; numbers stay numbers.

    Spaces and marks of direction before it do not hide a formula: some programs skip them.
    """
    if not isinstance(value, str):
        return value
    begins = value.lstrip(SKIPPED)
    return f"'{value}" if value.startswith(FORMULA) or begins.startswith(FORMULA) else value


def as_csv(table: Table, rows: Rows) -> str:
    """One table: a header with units, then a line a row (RFC 4180, lines end in CR LF)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([cell(header(field)) for field in table.columns])
    writer.writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()


def csv_files(experiment: Experiment, tables: Mapping[str, Rows]) -> dict[str, str]:
    """File name → CSV, one for every table that has rows; where none has any, their headers."""
    filled = [table for table in experiment.tables if tables.get(table.name)] or experiment.tables
    return {f"{safe(table.name)}.csv": as_csv(table, tables.get(table.name, ())) for table in filled}


def as_zip(files: Mapping[str, str]) -> bytes:
    """The files in one archive, each as UTF-8."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def file_name(run: Run, ending: str) -> str:
    """What a download of a run is called on every system: "oscope-threads.scaling-0123456789.json"."""
    return f"oscope-{safe(run.experiment)}-{safe(run.id)}.{ending}"


def safe(text: str) -> str:
    """The text as a part of a file name: Latin letters, digits, dots and dashes."""
    return SAFE_IN_NAMES.sub("-", text)[:80].strip(".-") or "run"
