"""A run as something to take away: the JSON object of a record, and CSV for every table. Pure."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app import __version__
from experiments.kit.spec import Experiment, Field, Table

if TYPE_CHECKING:
    from app.runs import Run

Rows = Sequence[Sequence[Any]]

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
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run such a text


def column(field: Field) -> dict[str, str]:
    return {"name": field.name, "unit": field.unit, "help": field.help}


def as_table(table: Table, rows: Rows) -> dict[str, Any]:
    """`{"columns": [{"name", "unit", "help"}], "rows": [[…]]}`."""
    return {"columns": [column(field) for field in table.columns], "rows": [list(row) for row in rows]}


def as_json(experiment: Experiment, run: Run, tables: Mapping[str, Rows]) -> dict[str, Any]:
    """The whole record of a run as one object (DESIGN, "Contracts"); every table is in it."""
    verdict = run.verdict and {k: run.verdict[k] for k in ("answer", "headline", "checks", "doubts")}
    return {
        "oscope": __version__,
        "experiment": run.experiment,
        "params": run.params,
        "preset": run.preset,
        "python": run.python,
        "machine": run.machine,
        "conditions": run.conditions,
        "tables": {t.name: as_table(t, tables.get(t.name, ())) for t in experiment.tables},
        "verdict": verdict,
        "state": str(run.state),
        "why": run.why,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
    }


def header(field: Field) -> str:
    """The column's name, with its unit behind it where the name does not say it already."""
    said = field.unit in NEEDLESS or field.name.endswith(SUFFIXES.get(field.unit, ()))
    return field.name if said else f"{field.name} [{field.unit}]"


def cell(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula gets an apostrophe; numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def as_csv(table: Table, rows: Rows) -> str:
    """One table: a header with units, then a line a row (RFC 4180, lines end in CR LF)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([header(field) for field in table.columns])
    writer.writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()


def csv_files(experiment: Experiment, tables: Mapping[str, Rows]) -> dict[str, str]:
    """File name → CSV, one for every table that has rows."""
    filled = (table for table in experiment.tables if tables.get(table.name))
    return {f"{table.name}.csv": as_csv(table, tables[table.name]) for table in filled}


def as_zip(files: Mapping[str, str]) -> bytes:
    """The files in one archive, each as UTF-8."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def file_name(run: Run, ending: str) -> str:
    """What a download of a run is called: "oscope-threads.scaling-0123456789.json"."""
    return f"oscope-{run.experiment}-{run.id}.{ending}"
