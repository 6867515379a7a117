"""The experiments as plain data: what the API, the command line and the pages tell about them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from experiments.kit.charts import Chart
from experiments.kit.sentences import trimmed
from experiments.kit.spec import Experiment, Field, Table


def describe(experiment: Experiment) -> dict[str, Any]:
    """An experiment as JSON. It may run although something is missing: then without those parts."""
    missing = experiment.missing()
    return {
        "name": experiment.name,
        "chapter": experiment.chapter,
        "title": experiment.title,
        "question": experiment.question,
        "article": experiment.article,
        "params": [field.as_json() for field in experiment.params],
        "presets": {name: dict(preset) for name, preset in experiment.presets.items()},
        "tables": [describe_table(table) for table in experiment.tables],
        "charts": [describe_chart(chart) for chart in experiment.charts],
        "guess": experiment.guess.as_json(experiment.parse({})) if experiment.guess else None,
        "cost_s": experiment.cost(experiment.parse({})),
        "available": not missing,
        "missing": list(missing),
    }


def describe_table(table: Table) -> dict[str, Any]:
    columns = [describe_column(field) for field in table.columns]
    return {"name": table.name, "caption": table.caption, "columns": columns}


def describe_column(field: Field) -> dict[str, str]:
    return {"name": field.name, "unit": field.unit, "help": field.help}


def describe_chart(chart: Chart) -> dict[str, Any]:
    return {
        "id": chart.id,
        "kind": chart.kind,
        "title": chart.title,
        "caption": chart.caption,
        "table": chart.row.__name__.lower(),
        "columns": chart.columns(),
    }


def sources(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """(path, text) of the code that runs: the module, then the helpers that it imports, and those of them."""
    module = Path(experiment.file)
    waiting, seen = [module], {module}
    for path in waiting:
        text = path.read_text(encoding="utf-8")
        yield f"experiments/{experiment.chapter}/{path.relative_to(module.parent)}", text
        helpers = [module.parent / f"{name}.py" for name in private_imports(text, experiment.chapter)]
        new = [helper for helper in helpers if helper not in seen and helper.is_file()]
        waiting += new
        seen.update(new)


@lru_cache(maxsize=64)  # a page asks every time, and reading a module takes 5 ms
def private_imports(source: str, chapter: str) -> list[str]:
    """What a module imports from below its chapter, as in ["_touch", "_paging/promises"].

    A name may also be one that a module defines: `from experiments.memory._touch import write` gives "_touch"
    and "_touch/write".
    """
    home, found = f"experiments.{chapter}", []
    for statement in ast.walk(ast.parse(source)):
        if isinstance(statement, ast.ImportFrom) and f"{statement.module}.".startswith(f"{home}."):
            inside = (statement.module or "").removeprefix(home)
            names = [inside, *(f"{inside}.{alias.name}" for alias in statement.names)]
            found += [name.lstrip(".").replace(".", "/") for name in names if name.startswith("._")]
    return list(dict.fromkeys(found))


def command_line(experiment: Experiment, params: Mapping[str, Any], python: str = "") -> str:
    """What to type for the same run; parameters that stand at their default are left out."""
    words = ["oscope run", experiment.name]
    for field in experiment.params:
        value = params.get(field.name, field.default)
        if value != field.default:
            words.append(f"{option(field.name)} {as_word(value)}")
    return " ".join(words + ([f"--python {python}"] if python else []))


def option(name: str) -> str:
    """The option of a parameter: "switch_interval" is --switch-interval."""
    return f"--{name.replace('_', '-')}"


def as_word(value: Any) -> str:
    """A value as the command line takes it, with every digit: the command orders just this run again."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return trimmed(f"{Decimal(repr(value)):f}") if isinstance(value, float) else str(value)
