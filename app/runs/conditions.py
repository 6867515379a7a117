"""What disturbed a run, as it is told to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.runs.run import Run
from experiments.kit.causes import HELD_BACK, NOISY

LIMITS = {"foreign_cpu": NOISY, "steal": NOISY, "throttled": HELD_BACK}  # beyond them a verdict doubts itself
CONDITIONS = (  # name in the record, what it is called, what it means
    ("foreign_cpu", "foreign CPU", "what all other programs burned meanwhile, of the cores of the run"),
    (
        "run_delay",
        "run-queue delay",
        "how long the subjects waited for a core, of the time they wanted one",
    ),
    (
        "throttled",
        "quota used up",
        "how often the CPU quota of the run's control group ended, of its periods",
    ),
    ("steal", "steal", "what the host took away from this virtual machine"),
    ("own_cpu", "oscope itself", "the server, while it watched"),
)
LABELS = {key: label for key, label, _ in CONDITIONS}


def known_shares(conditions: Mapping[str, float | None]) -> dict[str, float]:
    """In the order of the page; without those that nobody could measure, and without a quota that never
    ended or is not there."""
    known = {key: conditions.get(key) for key in LABELS}
    return {key: share for key, share in known.items() if share is not None and (share or key != "throttled")}


def conditions(run: Run) -> list[dict[str, Any]]:
    known = known_shares(run.conditions)
    return [
        {
            "name": label,
            "help": text,
            "share": known[key],
            "bad": key in LIMITS and known[key] > LIMITS[key],
        }
        for key, label, text in CONDITIONS
        if key in known
    ]


def noisy(run: Run) -> bool:
    """Whether something else used so much of the machine that the verdict doubts itself."""
    return any(condition["bad"] for condition in conditions(run))
