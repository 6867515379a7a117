"""What the section "Take it with you" offers for a run: only forms that this run has. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.export import exports
from app.export.downloads import FORMS
from app.export.trace import lane_charts
from app.ground.addresses import to
from app.runs.run import Run
from app.text.languages import t, words
from app.text.prose import number
from experiments.kit.spec import Experiment

Offer = Mapping[str, str]

# form, what it is called, what it is good for
PAGES = (
    ("html", "Report (HTML)", "one file, opens without a network"),
    ("interactive", "Report with live charts (HTML)", "one file, zoom and hover; about 2 MB"),
    ("md", "Markdown", "verdict and table, for a wiki or a chat"),
)
NUMBERS = (
    ("json", "JSON, all of it", "another oscope opens it as a run"),
    ("csv", "CSV, every table (zip)", "for a spreadsheet"),
    ("trace", "Trace", "open it at ui.perfetto.dev or in chrome://tracing"),
)


def offers(experiment: Experiment, run: Run) -> list[dict[str, Any]]:
    """Groups of downloads: {"title", "items": [{"href", "name", "label", "help"}]}."""
    has = {form for form in FORMS if form != "trace" or has_lanes(experiment, run)}
    groups = [
        ("To read", [offer(run, *row) for row in PAGES if row[0] in has]),
        ("To compute with", [offer(run, *row) for row in NUMBERS if row[0] in has] + tables(experiment, run)),
        ("Figures as SVG", figures(experiment, run) if "svg" in has else []),
    ]
    return [{"title": t(title), "items": items} for title, items in groups if items]


def has_lanes(experiment: Experiment, run: Run) -> bool:
    """Whether there are states over time to put into a trace."""
    return any(run.rows.get(chart.row.__name__.lower()) for chart in lane_charts(experiment))


def offer(run: Run, form: str, label: str, help: str) -> Offer:
    return {
        "href": to(f"/api/runs/{run.id}/export/{form}"),
        "name": exports.file_name(run, FORMS[form].ending),
        "label": t(label),
        "help": t(help),
    }


def tables(experiment: Experiment, run: Run) -> list[Offer]:
    return [
        {
            "href": to(f"/api/runs/{run.id}/rows/{table.name}?format=csv"),
            "name": exports.file_name(run, f"{table.name}.csv"),
            "label": t("CSV, {table}", table=table.name),
            "help": words().count(count, "{n} row", "{n} rows").replace(str(count), number(count)),
        }
        for table in experiment.tables
        if (count := run.rows.get(table.name))
    ]


def figures(experiment: Experiment, run: Run) -> list[Offer]:
    """A link for each figure that has rows; the archive of all of them comes first."""
    drawn = [chart for chart in experiment.charts if run.rows.get(chart.row.__name__.lower())]
    each = [
        {
            "href": to(f"/api/runs/{run.id}/figures/{chart.id}.svg"),
            "name": exports.file_name(run, f"{chart.id}.svg"),
            "label": t(chart.title),
            "help": "",
        }
        for chart in drawn
    ]
    return [offer(run, "svg", "All figures (zip)", "as drawings that scale"), *each] if each else []
