"""What disturbed a run, as it is told to people."""

from __future__ import annotations

from typing import Any

from app.runs import Run
from experiments.kit.verdict import NOISY

CONDITIONS = (  # name in the record, what it is called, what it means
    ("foreign_cpu", "foreign CPU", "what all other programs burned meanwhile, of the whole machine"),
    (
        "run_delay",
        "run-queue delay",
        "how long the subjects waited for a core, of the time they wanted one",
    ),
    ("steal", "steal", "what the host took away from this virtual machine"),
    ("own_cpu", "oscope itself", "the server, while it watched"),
)
LABELS = {key: label for key, label, _ in CONDITIONS}


def conditions(run: Run) -> list[dict[str, Any]]:
    """In the order of the page; without those that nobody could measure."""
    known = [(row, run.conditions.get(row[0])) for row in CONDITIONS]
    return [
        {
            "name": label,
            "help": text,
            "share": share,
            "bad": key in ("foreign_cpu", "steal") and share > NOISY,
        }
        for (key, label, text), share in known
        if share is not None
    ]


def noisy(run: Run) -> bool:
    """Whether something else used so much of the machine that the verdict doubts itself."""
    return any(condition["bad"] for condition in conditions(run))
