"""Experiments as a run measures them: in a process of its own, by the runner of the server."""

import asyncio
import dataclasses
from typing import Any

from app.children.runner import run_child
from app.system.interpreters import Interpreter, default
from experiments.kit import Machine, Record
from experiments.kit.spec import Experiment, load


@dataclasses.dataclass(frozen=True)
class Ran:
    experiment: Experiment
    params: dict[str, Any]
    rows: dict[str, list[list[Any]]]
    messages: list[dict[str, Any]]

    def record(self) -> Record:
        return Record(
            Machine(**self.messages[-1]["machine"]),
            self.params,
            self.typed_rows(),
            self.messages[-1]["conditions"],
        )

    def typed_rows(self) -> list[Any]:
        types = {table.name: table.row for table in self.experiment.tables}
        return [types[name](*row) for name, rows in self.rows.items() for row in rows]


def measured(name: str, preset: str | None = None, python: Interpreter | None = None, **given: Any) -> Ran:
    experiment = load(name)
    params = experiment.parse(given, preset)
    rows: dict[str, list[list[Any]]] = {table.name: [] for table in experiment.tables}
    messages = asyncio.run(collect(experiment, params, python or default()))
    for message in messages:
        if message["t"] == "rows":
            rows[message["table"]] += message["rows"]
    return Ran(experiment, params, rows, messages)


async def collect(
    experiment: Experiment, params: dict[str, Any], python: Interpreter
) -> list[dict[str, Any]]:
    deadline_s = experiment.deadline(params)
    run = run_child(experiment.name, params, python=python, deadline_s=deadline_s, memory_b=2 << 30)
    return [message async for message in run]
