"""What went wrong, as a status and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import HTTPException, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

from app.bench.bench import (
    Busy,
    GuessedAlready,
    NotRunning,
    QueueFull,
    StillRunning,
    UnknownExperiment,
)
from app.bench.demo_load import UnknownStir
from app.bench.open_runs import UnknownRun
from app.export.trace import NoLanes
from app.importing.checks import ImportRefused
from app.runs import labels
from app.storage.errors import StorageFailed
from app.web.shared import Answer
from experiments.kit.numbers import read_whole
from experiments.kit.spec import ParameterError

LONGEST_DETAIL = 400  # characters; a sentence repeats the value, and a value may be a whole body
STATUS: dict[type[Exception], int] = {
    UnknownExperiment: 404,
    UnknownRun: 404,
    UnknownStir: 404,
    Busy: 409,
    labels.LabelError: 422,
    GuessedAlready: 409,
    NotRunning: 409,
    StillRunning: 409,
    NoLanes: 404,
    ParameterError: 422,
    ImportRefused: 422,
    QueueFull: 429,
    StorageFailed: 507,
}


def as_http(error: Exception, path: str) -> StarletteHTTPException:
    """What went wrong, as a status and a sentence; pages and this interface share it."""
    if isinstance(error, StarletteHTTPException):
        plain = {
            "Not Found": f"there is nothing at {path[:80]}",
            "Method Not Allowed": "this address does not do that",
        }
        detail = plain.get(error.detail, error.detail)
        return StarletteHTTPException(error.status_code, detail, error.headers)
    if isinstance(error, RequestValidationError):
        return HTTPException(422, "; ".join(map(complaint, error.errors())))
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, QueueFull) else None
    status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
    return HTTPException(status, str(error), headers)


def complaint(error: Mapping[str, Any]) -> str:
    """One of the framework's findings in our words: name, value, rule."""
    bounds = error.get("ctx", {})
    rules = {
        "int_parsing": "is not a whole number",
        "bool_parsing": "is neither true nor false",
        "greater_than_equal": f"is less than {bounds.get('ge')}",
        "less_than_equal": f"is more than {bounds.get('le')}",
        "enum": f"is not {bounds.get('expected')}",
        "literal_error": f"is not {bounds.get('expected')}",
        "missing": "is missing",
    }
    value = error.get("input")
    shown = value if isinstance(value, str) and read_whole(value) is not None else repr(value)
    return f"{error['loc'][-1]}: {shown} {rules.get(error['type'], error['msg'])}"


def answer(error: StarletteHTTPException) -> Response:
    """`{"detail": "a sentence"}`."""
    detail = str(error.detail)
    if len(detail) > LONGEST_DETAIL:
        detail = f"{detail[: LONGEST_DETAIL - 1]}…"
    return Answer({"detail": detail}, error.status_code, headers=error.headers)
