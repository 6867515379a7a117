"""The JSON interface: what the pages show and do, for programs.

Handlers without `async` read from disk; the framework gives each of them a thread.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from pydantic_core import from_json, to_json
from starlette.exceptions import HTTPException as StarletteHTTPException

from app import __version__, exports
from app.bench import Bench, NotRunning, QueueFull, StillRunning, UnknownExperiment, UnknownRun
from app.catalogue import describe
from app.runs import Run, State, StorageFailed
from experiments.kit.machine import Machine
from experiments.kit.spec import Experiment, Field, ParameterError, Table

router = APIRouter(prefix="/api")

RUN_ID = re.compile(r"[0-9a-f]{10}")
MEMBERS = ("experiment", "params", "preset", "python")  # of the body that starts a run
LONGEST_DETAIL = 400  # characters; a sentence repeats the value, and a value may be a whole body


class Answer(JSONResponse):
    """JSON by the fast encoder. A number that is not finite becomes null."""

    def render(self, content: Any) -> bytes:
        return to_json(content, inf_nan_mode="null")


def bench_of(request: Request) -> Bench:
    bench: Bench = request.app.state.bench
    return bench


async def run_of(id: str, bench: Annotated[Bench, Depends(bench_of)]) -> Run:
    """The run a path names; what cannot be an id is no run either."""
    if not RUN_ID.fullmatch(id):
        raise UnknownRun(f"there is no run {id[:40]!r}")
    return await bench.get(id)


TheBench = Annotated[Bench, Depends(bench_of)]
TheRun = Annotated[Run, Depends(run_of)]


# -- experiments and machine ------------------------------------------------------------------


@router.get("/experiments")
def list_experiments(bench: TheBench) -> Response:
    """Every experiment with its parameters, tables and charts, and what this machine lacks for it."""
    return Answer({"experiments": [describe(experiment) for experiment in bench.experiments.values()]})


@router.get("/experiments/{name}")
def show_experiment(name: str, bench: TheBench) -> Response:
    """One experiment."""
    return Answer(describe(bench.experiment(name)))


@router.get("/interpreters")
def list_interpreters(bench: TheBench) -> Response:
    """The Pythons that a run can be measured with; the first is the default."""
    return Answer(
        {
            "interpreters": [
                {"id": i.id, "version": i.version, "implementation": i.implementation, "gil": i.gil}
                for i in bench.interpreters.values()
            ]
        }
    )


@router.get("/machine")
def show_machine() -> Response:
    """The facts of this machine."""
    return Answer(Machine.here().as_json())


@router.get("/health")
async def show_health(bench: TheBench, request: Request) -> Response:
    """The live state of the server."""
    return Answer(
        {
            "status": "ok",
            "oscope": __version__,
            "started_at": request.app.state.started_at,
            "queue": bench.queue(),
            "quiet": bench.hub.quiet,
            "notices": bench.store.notices(),
        }
    )


# -- runs -------------------------------------------------------------------------------------


@router.post("/runs", status_code=201)
async def start_run(request: Request, bench: TheBench) -> Response:
    """Queue a run. Given parameters go over the preset's, and those over the defaults."""
    order = read_order(await request.body())
    run = await bench.submit(**order)
    url = f"/runs/{run.id}"
    placed = {"id": run.id, "state": run.state, "position": bench.position(run.id), "url": url}
    return Answer(placed, 201, headers={"Location": f"/api{url}"})


@router.get("/runs")
def list_runs(
    bench: TheBench,
    experiment: str | None = None,
    state: State | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: str | None = None,
) -> Response:
    """The runs, newest first; `next` is the `before` of the next page."""
    if before is not None and not RUN_ID.fullmatch(before):
        raise HTTPException(422, f"before: {before[:40]!r} is not the id of a run")
    try:
        runs, following = bench.store.list(experiment, state, limit, before)
    except KeyError:
        raise HTTPException(404, f"before: there is no run {before!r}") from None
    alive = ((bench.live(run.id), run) for run in runs)
    return Answer({"runs": [(live.run if live else run).as_json() for live, run in alive], "next": following})


@router.get("/runs/{id}")
async def show_run(run: TheRun, bench: TheBench) -> Response:
    """One run as it is now."""
    return Answer(run.as_json() | {"position": bench.position(run.id)})


@router.post("/runs/{id}/stop", status_code=202)
async def stop_run(run: TheRun, bench: TheBench) -> Response:
    """End a run and all its processes. What was measured stays."""
    stopped = await bench.stop(run.id)
    return Answer({"id": stopped.id, "state": stopped.state, "why": stopped.why}, 202)


@router.delete("/runs/{id}", status_code=204)
async def delete_run(run: TheRun, bench: TheBench) -> Response:
    """Forget a run that has ended, with its rows."""
    await bench.delete(run.id)
    return Response(status_code=204)


@router.get("/runs/{id}/figures")
async def show_figures(run: TheRun, bench: TheBench) -> Response:
    """The figures as they are now, and where on the run's topic that is."""
    view = await bench.view(run.id)
    return Answer({"epoch": view.topic.epoch, "seq": view.topic.seq, "figures": view.board.figures()})


@router.get("/runs/{id}/rows/{table}")
def show_rows(run: TheRun, bench: TheBench, table: str, format: Literal["json", "csv"] = "json") -> Response:
    """The rows of one table, with the unit and the meaning of each column."""
    kind = table_of(bench.experiment(run.experiment), table)
    rows = bench.tables(run).get(kind.name, [])
    if format == "json":
        return Answer(exports.as_table(kind, rows))
    return Response(exports.as_csv(kind, rows), media_type="text/csv; charset=utf-8")


@router.get("/runs/{id}/export/{format}")
def export_run(run: TheRun, bench: TheBench, format: Literal["json", "csv"]) -> Response:
    """A download: the whole record as one JSON object, or an archive with a CSV for each table."""
    experiment = bench.experiment(run.experiment)
    tables = bench.tables(run)
    if format == "json":
        return download(to_json(exports.as_json(experiment, run, tables)), run, "json", "application/json")
    packed = exports.as_zip(exports.csv_files(experiment, tables))
    return download(packed, run, "zip", "application/zip")


def download(content: bytes, run: Run, ending: str, kind: str) -> Response:
    name = exports.file_name(run, ending)
    return Response(
        content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def table_of(experiment: Experiment, name: str) -> Table:
    for table in experiment.tables:
        if table.name == name:
            return table
    has = ", ".join(table.name for table in experiment.tables)
    raise HTTPException(404, f"{experiment.name} has no table {name[:80]!r}; it has {has}")


# -- the body that starts a run ---------------------------------------------------------------


def read_order(body: bytes) -> dict[str, Any]:
    """The checked members of `{"experiment", "params"?, "preset"?, "python"?}`."""
    try:
        order = from_json(body)
    except ValueError:
        raise HTTPException(400, "the body is not JSON") from None
    if not isinstance(order, dict):
        raise HTTPException(422, "the body is not an object")
    for name in order:
        if name not in MEMBERS:
            raise HTTPException(422, f"a run has no member {name[:80]!r}; it has {', '.join(MEMBERS)}")
    if not isinstance(order.get("experiment"), str):
        raise HTTPException(422, "experiment: a name is missing")
    if not isinstance(order.get("params", {}), dict):
        raise HTTPException(422, "params: they are not an object of names and values")
    for name in ("preset", "python"):
        if not isinstance(order.get(name), str | None):
            raise HTTPException(422, f"{name}: it is not a name")
    return order


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
        },
    }


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
    """Let /openapi.json tell the truth about the body that starts a run, for these experiments."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            body = {"required": True, "content": {"application/json": {"schema": order_schema(experiments)}}}
            schema["paths"]["/api/runs"]["post"]["requestBody"] = body
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


# -- errors -----------------------------------------------------------------------------------

STATUS: dict[type[Exception], int] = {
    UnknownExperiment: 404,
    UnknownRun: 404,
    NotRunning: 409,
    StillRunning: 409,
    ParameterError: 422,
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
        "greater_than_equal": f"is less than {bounds.get('ge')}",
        "less_than_equal": f"is more than {bounds.get('le')}",
        "enum": f"is not {bounds.get('expected')}",
        "literal_error": f"is not {bounds.get('expected')}",
        "missing": "is missing",
    }
    value = error.get("input")
    shown = value if isinstance(value, str) and value.lstrip("-").isdigit() else repr(value)
    return f"{error['loc'][-1]}: {shown} {rules.get(error['type'], error['msg'])}"


def answer(error: StarletteHTTPException) -> Response:
    """`{"detail": "a sentence"}`."""
    detail = str(error.detail)
    if len(detail) > LONGEST_DETAIL:
        detail = f"{detail[: LONGEST_DETAIL - 1]}…"
    return Answer({"detail": detail}, error.status_code, headers=error.headers)
