"""What /openapi.json says beside what the handlers' signatures say: every status, every kind of content,
and the one form that all errors have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.export.downloads import FORMS
from experiments.kit.child.stir import KINDS

ERROR = "Error"
ERROR_SCHEMA = {
    "type": "object",
    "title": ERROR,
    "description": "What is wrong, in a sentence for people.",
    "required": ["detail"],
    "additionalProperties": False,
    "properties": {"detail": {"type": "string"}},
}
MEANING = {
    400: "the request or its body cannot be read",
    401: "the token is missing",
    403: "it comes from another page, or from a viewer",
    404: "there is no such thing",
    408: "the body did not arrive in time",
    409: "not in the state that it has now",
    413: "the body is too large",
    415: "the body is not application/json",
    421: "the Host header does not name this server",
    422: "a value breaks a rule, which the sentence names",
    429: "too many wait; Retry-After says when to come again",
    507: "the history cannot be written",
}
ALWAYS = (400, 401, 403, 421)  # of the guard, and of the server in front of it
WITH_BODY = (408, 413, 415)
OWN = {  # what a handler itself refuses with
    ("get", "/api/experiments/{name}"): (404,),
    ("get", "/api/experiments/{name}/guess"): (404, 422),
    ("post", "/api/stir/{kind}"): (404, 409),
    ("post", "/api/runs"): (404, 422, 429, 507),
    ("get", "/api/runs"): (404, 422),
    ("post", "/api/runs/import"): (422, 429, 507),
    ("get", "/api/runs/{id}"): (404,),
    ("patch", "/api/runs/{id}"): (404, 422, 507),
    ("delete", "/api/runs/{id}"): (404, 409, 507),
    ("put", "/api/runs/{id}/guess"): (404, 409, 422, 507),
    ("post", "/api/runs/{id}/stop"): (404, 409),
    ("get", "/api/runs/{id}/figures"): (404,),
    ("get", "/api/runs/{id}/rows/{table}"): (404, 422),
    ("get", "/api/runs/{id}/export/{format}"): (404, 422),
    ("get", "/api/runs/{id}/figures/{figure}.svg"): (404, 422),
}
TEXT = {"schema": {"type": "string"}}
CONTENT = {  # where it is not JSON alone
    ("get", "/api/runs/{id}/rows/{table}"): ("application/json", "text/csv"),
    ("get", "/api/runs/{id}/export/{format}"): tuple(
        dict.fromkeys(form.kind.partition(";")[0] for form in FORMS.values())
    ),
    ("get", "/api/runs/{id}/figures/{figure}.svg"): ("image/svg+xml",),
}
PAGE, LARGEST_PAGE = 50, 200  # runs
RUN_ID = {"type": "string", "pattern": "^[0-9a-f]{10}$"}
LABEL = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "maxLength": 120, "pattern": r"^[\x20-\x7e\xa0-\u2027\u202a-\ud7ff]*$"},
        "note": {
            "type": "string",
            "maxLength": 4000,
            "pattern": r"^[\n\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff]*$",
        },
        "pinned": {"type": "boolean"},
    },
}
GUESS = {
    "type": "object",
    "minProperties": 1,
    "description": "Every point that GET /api/experiments/{name}/guess names, with what is expected there.",
    "additionalProperties": {"type": ["number", "string"]},
}
EXPORTED = {"type": "object", "description": "What GET /api/runs/{id}/export/json gives."}
BODIES: dict[tuple[str, str], Mapping[str, Any]] = {
    ("patch", "/api/runs/{id}"): LABEL,
    ("put", "/api/runs/{id}/guess"): GUESS,
    ("post", "/api/runs/import"): EXPORTED,
}


def complete(schema: dict[str, Any], order: Mapping[str, Any]) -> dict[str, Any]:
    """The framework's schema with what it cannot know; `order` is the body that starts a run."""
    known = schema.setdefault("components", {}).setdefault("schemas", {})
    for made in ("HTTPValidationError", "ValidationError"):
        known.pop(made, None)
    known[ERROR] = ERROR_SCHEMA
    bodies = {**BODIES, ("post", "/api/runs"): order}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            complete_operation(operation, (method, path), bodies.get((method, path)))
    return schema


def complete_operation(
    operation: dict[str, Any], of: tuple[str, str], body: Mapping[str, Any] | None
) -> None:
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    for parameter in operation.get("parameters", []):
        describe_parameter(parameter)
    answers = operation["responses"]
    answers.pop("422", None)  # the framework's own form of it
    for status, answer in answers.items():
        if status != "204":
            kinds = CONTENT.get(of, ("application/json",))
            answer["content"] = {kind: content_of(kind) for kind in kinds}
        if status == "201":
            answer["headers"] = {"Location": {"schema": {"type": "string"}}}
    for status in sorted({*ALWAYS, *(WITH_BODY if body is not None else ()), *OWN.get(of, ())}):
        answers[str(status)] = refusal(status)


def describe_parameter(parameter: dict[str, Any]) -> None:
    if parameter["name"] == "id":
        parameter["schema"] = RUN_ID
    elif parameter["name"] == "before":
        parameter["schema"] = {"anyOf": [RUN_ID, {"type": "null"}]}
    elif parameter["name"] == "limit":
        parameter["schema"] = {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE}
    elif parameter["name"] == "kind":
        parameter["schema"] = {"enum": [*KINDS]}


def content_of(kind: str) -> dict[str, Any]:
    return {"schema": {"type": "object"}} if kind == "application/json" else TEXT


def refusal(status: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": MEANING[status],
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{ERROR}"}}},
    }
    if status == 429:
        told["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return told
