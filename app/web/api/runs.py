"""The runs: begin one, look at it, write on it, take it away, forget it.

Handlers without `async` read from disk; the framework gives each of them a thread.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic_core import from_json

from app.bench.bench import (
    Bench,
)
from app.bench.open_runs import UnknownRun
from app.export import downloads, exports
from app.export.downloads import FormName
from app.ground.addresses import to
from app.ground.whole import Whole
from app.runs import labels
from app.runs.run import Run, State
from app.storage.records import tables_of
from app.svg import standalone
from app.text import languages
from app.web.api import contract, uploads
from app.web.shared import Answer, TheBench, bench_of
from experiments.kit.guess import Numbers, shortened
from experiments.kit.spec import Experiment, Field, ParameterError, Table

router = APIRouter(prefix="/api")

RUN_ID = re.compile(r"[0-9a-f]{10}")
MEMBERS = ("experiment", "params", "preset", "python", "guess")  # of the body that starts a run


async def run_of(id: str, bench: Annotated[Bench, Depends(bench_of)]) -> Run:
    """The run a path names; what cannot be an id is no run either."""
    if id == "import":  # an address of its own, which only takes files
        raise HTTPException(405)
    if not RUN_ID.fullmatch(id):
        raise UnknownRun(id)
    return await bench.views.run(id)


TheRun = Annotated[Run, Depends(run_of)]
ThemeName = Literal["auto", "light", "dark"]


# -- runs -------------------------------------------------------------------------------------


@router.post("/runs", status_code=201)
async def start_run(request: Request, bench: TheBench) -> Response:
    """Queue a run. Given parameters go over the preset's, and those over the defaults."""
    order = read_order(await request.body())
    check_types(bench.experiment(order["experiment"]), order.get("params", {}), order.get("guess"))
    run = await bench.submit(**order)
    url = f"/runs/{run.id}"
    placed = {"id": run.id, "state": run.state, "position": bench.position(run.id), "url": to(url)}
    return Answer(placed, 201, headers={"Location": f"/api{url}"})


@router.post("/runs/import", status_code=201)
async def import_run(request: Request, bench: TheBench) -> Response:
    """Make a run of a JSON file that an oscope exported; it is kept whole or not at all."""
    run = await uploads.take(request, bench)
    url = f"/runs/{run.id}"
    return Answer({"id": run.id, "url": to(url)}, 201, headers={"Location": f"/api{url}"})


@router.get("/runs")
def list_runs(
    bench: TheBench,
    experiment: str | None = None,
    state: State | None = None,
    limit: Annotated[Whole, Query(ge=1, le=contract.LARGEST_PAGE)] = contract.PAGE,
    before: str | None = None,
    q: str = "",
    pinned: bool | None = None,
) -> Response:
    """The runs, newest first; `next` is the `before` of the next page. All words of `q` have to occur."""
    if before is not None and not RUN_ID.fullmatch(before):
        raise HTTPException(422, f"before: {before[:40]!r} is not the id of a run")
    try:
        runs, following = bench.store.list(experiment, state, limit, before, q, pinned)
    except KeyError:
        raise HTTPException(404, f"before: there is no run {before!r}") from None
    alive = ((bench.live(run.id), run) for run in runs)
    return Answer({"runs": [(live.run if live else run).as_json() for live, run in alive], "next": following})


@router.get("/runs/{id}")
async def show_run(run: TheRun, bench: TheBench) -> Response:
    """One run as it is now."""
    return Answer(run.as_json() | {"position": bench.position(run.id)})


@router.patch("/runs/{id}")
async def annotate_run(request: Request, run: TheRun, bench: TheBench) -> Response:
    """Name a run, write a note on it, or pin it, so that it is kept: `{"name"?, "note"?, "pinned"?}`."""
    try:
        changes = labels.read(from_json(await request.body()))
    except labels.LabelError:
        raise
    except ValueError:
        raise HTTPException(400, "the body is not JSON") from None
    return Answer((await bench.annotate(run.id, changes)).as_json())


@router.put("/runs/{id}/guess")
async def guess_run(request: Request, run: TheRun, bench: TheBench) -> Response:
    """Say what is expected of a run, as in `{"threads@4": 2.6}`; the first guess counts."""
    try:
        given = from_json(await request.body())
    except ValueError:
        raise HTTPException(400, "the body is not JSON") from None
    check_types(bench.experiment(run.experiment), {}, given)
    return Answer((await bench.guess(run.id, given)).as_json())


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
    """The figures as they are now, in the reader's language, and where on which topic of the run that is."""
    view = await bench.views.of(run.id)
    edition = await bench.views.told(view, languages.words().language)
    topic = edition.topic
    place = {"topic": topic.name, "epoch": topic.epoch, "seq": topic.seq}
    return Answer(place | {"figures": edition.board.figures()})


@router.get("/runs/{id}/rows/{table}")
def show_rows(run: TheRun, bench: TheBench, table: str, format: Literal["json", "csv"] = "json") -> Response:
    """The rows of one table, with the unit and the meaning of each column."""
    experiment = bench.experiment(run.experiment)
    kind = table_of(experiment, table)
    rows = tables_of(bench.store, experiment, run.id).get(kind.name, [])
    if format == "json":
        return Answer(exports.as_table(kind, rows))
    return Response(exports.as_csv(kind, rows), media_type="text/csv; charset=utf-8")


@router.get("/runs/{id}/export/{format}")
def export_run(run: TheRun, bench: TheBench, format: FormName, theme: ThemeName = "auto") -> Response:
    """A download of the run, in one of the forms of `downloads.FORMS`."""
    experiment = bench.experiment(run.experiment)
    tables = tables_of(bench.store, experiment, run.id)
    whole = downloads.whole(format, experiment, run, tables, languages.words(), theme)
    file = downloads.make(format, whole)
    named = f'attachment; filename="{file.name}"'
    return Response(file.content, media_type=file.kind, headers={"Content-Disposition": named})


@router.get("/runs/{id}/figures/{figure}.svg")
def draw_figure(run: TheRun, bench: TheBench, figure: str, theme: ThemeName = "auto") -> Response:
    """One figure as a drawing that scales, in the reader's language and the colours of a theme."""
    experiment = bench.experiment(run.experiment)
    tables = tables_of(bench.store, experiment, run.id)
    whole = downloads.whole("svg", experiment, run, tables, languages.words(), theme)
    specs = {spec["id"]: spec for spec in whole.figures}
    if figure not in specs:
        has = ", ".join(specs)
        raise HTTPException(404, f"{experiment.name} has no figure {figure[:80]!r}; it has {has}")
    named = f'attachment; filename="{exports.file_name(run, f"{figure}.svg")}"'
    drawn = standalone(specs[figure], theme)
    return Response(drawn, media_type="image/svg+xml", headers={"Content-Disposition": named})


def table_of(experiment: Experiment, name: str) -> Table:
    for table in experiment.tables:
        if table.name == name:
            return table
    has = ", ".join(table.name for table in experiment.tables)
    raise HTTPException(404, f"{experiment.name} has no table {name[:80]!r}; it has {has}")


# -- the body that starts a run ---------------------------------------------------------------


def read_order(body: bytes) -> dict[str, Any]:
    """The checked members of `{"experiment", "params"?, "preset"?, "python"?, "guess"?}`."""
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


def check_types(experiment: Experiment, params: Mapping[str, Any], guess: object) -> None:
    """In JSON a text is no number; forms and the command line have nothing but texts."""
    for field in experiment.params:
        if field.name in params:
            check_type(field, params[field.name])
    if isinstance(guess, Mapping) and isinstance(experiment.guess, Numbers):
        for key, value in guess.items():
            if isinstance(value, str):
                raise ParameterError(f"guess: {key[:80]}: {shortened(value)} is not a number")


def check_type(field: Field, value: object) -> None:
    if field.type is bool and not isinstance(value, bool):
        raise ParameterError(f"{field.name}: {value!r} is neither true nor false")
    if field.type in (int, float) and isinstance(value, str):
        raise ParameterError(f"{field.name}: {value!r} is not a number")
