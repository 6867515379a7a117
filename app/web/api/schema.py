"""What /openapi.json says of the body that starts a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.web.api import contract
from experiments.kit.spec import Experiment, Field


def order_schema(experiments: Mapping[str, Experiment]) -> dict[str, Any]:
    """The JSON schema of that body: one shape for each experiment, told apart by its name."""
    return {
        "oneOf": [experiment_schema(experiment) for experiment in experiments.values()],
        "discriminator": {"propertyName": "experiment"},
    }


def experiment_schema(experiment: Experiment) -> dict[str, Any]:
    params = {field.name: field_schema(field) for field in experiment.params}
    return {
        "type": "object",
        "title": experiment.name,
        "description": experiment.question,
        "required": ["experiment"],
        "additionalProperties": False,
        "properties": {
            "experiment": {"const": experiment.name},
            "params": {"type": "object", "additionalProperties": False, "properties": params},
            "preset": {"enum": [*experiment.presets, None]},
            "python": {"type": ["string", "null"], "description": "the id of an interpreter"},
        }
        | ({"guess": guess_schema(experiment, experiment.parse({}))} if experiment.guess else {}),
    }


def guess_schema(experiment: Experiment, params: Mapping[str, Any]) -> dict[str, Any]:
    """What may be guessed of a run with these parameters; others may ask for other points."""
    assert experiment.guess
    asked = experiment.guess.as_json(params)
    if "choices" in asked:
        value: dict[str, Any] = {"enum": [*asked["choices"]]}
    else:
        value = {"type": "number", "minimum": asked["low"]}
    return {
        "type": ["object", "null"],
        "description": f"{asked['ask']} GET /api/experiments/{experiment.name}/guess has the points.",
        "additionalProperties": value,
        "examples": [{point["key"]: example(asked) for point in asked["points"]}],
    }


def example(asked: Mapping[str, Any]) -> Any:
    """A guess that would be taken: the first answer, an equal part, the middle."""
    if "choices" in asked:
        return next(iter(asked["choices"]))
    if asked.get("whole"):
        return asked["whole"] / len(asked["points"])
    return (asked["low"] + asked["high"]) / 2


def field_schema(field: Field) -> dict[str, Any]:
    """One parameter; the same bounds that `Field.parse` holds it to."""
    kinds = {int: "integer", float: "number", bool: "boolean", str: "string"}
    unit = f" ({field.unit})" if field.unit else ""
    schema: dict[str, Any] = {"type": kinds[field.type], "default": field.default}
    if field.help:
        schema["description"] = field.help + unit
    if field.choices:
        schema["enum"] = list(field.choices)
    if field.low is not None:
        schema |= {"minimum": field.low, "maximum": field.high}
    return schema


def document(app: FastAPI, experiments: Mapping[str, Experiment]) -> None:
    """Let /openapi.json tell the truth, for these experiments."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            app.openapi_schema = contract.complete(schema, order_schema(experiments))
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
