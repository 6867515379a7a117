"""The page of an experiment, its form, and the same page with a run on it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app.bench.bench import Bench, QueueFull
from app.bench.editions import Edition, spoken
from app.bench.live_run import Live
from app.catalogue import catalogue, courses
from app.door import links
from app.export import card, takeaway
from app.figures import Board
from app.ground.payloads import FigureSpec
from app.runs import labels, pads
from app.runs.conditions import conditions
from app.runs.run import Run
from app.storage.errors import StorageFailed
from app.text import languages, prose
from app.web.pages.base import (
    TABLE_ROWS,
    default_python,
    interpreter_label,
    is_watching,
    python_label,
    read_form,
    render,
)
from app.web.shared import bench_of
from experiments.kit.spec import Experiment, ParameterError, chapters

router = APIRouter(include_in_schema=False)


@router.api_route("/experiments/{name}", methods=["GET", "HEAD"])
async def show_experiment(
    request: Request, name: str, preset: str | None = None, repeat: str | None = None
) -> Response:
    """The form with its defaults, a preset, or the parameters of a run to repeat."""
    bench = bench_of(request)
    experiment = bench.experiment(name)
    if repeat is not None:
        run = await bench.views.run(repeat)
        form = form_of(run, bench)
        missing = run.python if not form.python else ""
        error = f"python: {missing} is not here; the repeat is measured with another one" if missing else ""
        return await bench_page(request, experiment, replace(form, error=error))
    params = experiment.parse({}, preset)
    return await bench_page(request, experiment, Form(params, preset))


@router.post("/experiments/{name}")
async def start_run(request: Request, name: str) -> Response:
    """The form without a script: 303 to the run, or the form again with what is wrong."""
    bench = bench_of(request)
    experiment = bench.experiment(name)
    sent = await read_form(request)
    preset, python = sent.pop("preset", "") or None, sent.pop("python", "") or None
    given = {f.name: sent.get(f.name, "" if f.type is bool else f.default) for f in experiment.params}
    try:
        preset = preset if preset and given_as_preset(experiment, given, preset) else None
        run = await bench.submit(name, given, preset, python, pads.given(experiment, sent))
    except (ParameterError, QueueFull, StorageFailed) as error:
        status = {ParameterError: 422, QueueFull: 429}.get(type(error), 507)
        form = Form(given, preset, python, str(error), custom=True, sent=sent)
        return await bench_page(request, experiment, form, status=status)
    return RedirectResponse(f"/runs/{run.id}", 303)


@router.api_route("/runs/{id}", methods=["GET", "HEAD"])
async def show_run(request: Request, id: str) -> Response:
    """The permalink: the experiment's page, with this run on it."""
    bench = bench_of(request)
    view = await bench.views.of(id)
    return await bench_page(request, view.experiment, form_of(view.run, bench), view)


@router.get("/runs/{id}/parts")
async def show_parts(request: Request, id: str) -> Response:
    """What the script swaps in when the run's state has changed: verdict, facts, downloads."""
    bench = bench_of(request)
    view = await bench.views.of(id)
    facts = facts_of(view.experiment) | facts_of_run(bench, view) | {"taken": taken(request, view)}
    return render(request, "_parts.html", twin=await asyncio.to_thread(bench.store.twin, view.run), **facts)


@router.post("/runs/{id}/stop")
async def stop_run(request: Request, id: str) -> Response:
    await bench_of(request).stop(id)
    return RedirectResponse(f"/runs/{id}", 303)


@router.post("/runs/{id}/keep")
async def keep_run(request: Request, id: str) -> Response:
    """Name, note and pin, without a script: 303 to the run; what is wrong gets a page of its own."""
    await bench_of(request).annotate(id, labels.read_form(await read_form(request)))
    return RedirectResponse(f"/runs/{id}", 303)


@router.post("/runs/{id}/delete")
async def delete_run(request: Request, id: str) -> Response:
    await bench_of(request).delete(id)
    return RedirectResponse("/runs", 303)


@dataclass(frozen=True)
class Form:
    """What the form shows: the values, where they come from, and what is wrong with them."""

    params: Mapping[str, Any]
    preset: str | None = None
    python: str | None = None
    error: str = ""

    custom: bool = False  # neither the defaults nor a preset
    sent: Mapping[str, str] = field(default_factory=dict)  # all fields of a form that was refused

    @property
    def wrong(self) -> str:
        """The parameter that the error names."""
        return self.error.partition(":")[0]


def form_of(run: Run, bench: Bench) -> Form:
    python = run.python if run.python in bench.interpreters else None
    defaults = bench.experiment(run.experiment).parse({})
    return Form(run.params, run.preset, python, custom=not run.preset and run.params != defaults)


def given_as_preset(experiment: Experiment, given: Mapping[str, Any], preset: str) -> bool:
    """Whether the form still holds what the preset filled in; a changed field makes it another run."""
    return experiment.parse(given) == experiment.parse({}, preset)


async def bench_page(
    request: Request, experiment: Experiment, form: Form, view: Live | None = None, status: int = 200
) -> Response:
    bench = bench_of(request)
    lede, *why = prose.paragraphs(languages.t(experiment.article))
    edition = await bench.views.told(view, languages.words().language) if view else None
    # Now: what is published from here on comes by the topic.
    state = page_state(experiment, view, edition) | {"watching": is_watching(request)}
    return render(
        request,
        "experiment.html",
        status,
        here="experiments",
        form=form,
        lede=lede,
        why=why,
        missing=await asyncio.to_thread(experiment.missing),
        interpreters=[(i.id, interpreter_label(i)) for i in bench.interpreters.values()],
        command=command_of(bench, experiment, form),
        pad=pads.pad(experiment, form.params),
        figures=state["figures"],
        table_rows=TABLE_ROWS,
        sources=list(catalogue.sources(experiment)),
        state=state,
        **facts_of(experiment),
        **(facts_of_run(bench, view) if view else {"run": None}),
        taken=taken(request, view),
        stop=courses.here(courses.begun(request.cookies.get(courses.COOKIE)), experiment.name),
        experiments=bench.experiments,
        twin=await asyncio.to_thread(bench.store.twin, view.run) if view else None,
    )


def facts_of(experiment: Experiment) -> dict[str, Any]:
    chapter = next(c for c in chapters() if c.name == experiment.chapter)
    return {"experiment": experiment, "chapter": chapter}


def facts_of_run(bench: Bench, view: Live) -> dict[str, Any]:
    run = view.run
    return {
        "run": run,
        "position": bench.position(run.id),
        "wait_s": bench.wait_s(run.id),
        "python": python_label(bench, run),
        "conditions": conditions(run),
        "tables": [t for t in view.experiment.tables if run.rows.get(t.name)],
    }


def taken(request: Request, view: Live | None) -> dict[str, Any] | None:
    """What the section "Take it with you" shows; None until a run has ended."""
    if view is None or not view.run.state.ended:
        return None
    bench, run, experiment = bench_of(request), view.run, view.experiment
    told = card.facts(
        experiment,
        run,
        command=command_of(bench, experiment, form_of(run, bench)),
        python=python_label(bench, run),
        link=links.shared(request.app.state.settings, f"/runs/{run.id}"),
    )
    return {"card": told, "offers": takeaway.offers(experiment, run)}


def page_state(experiment: Experiment, view: Live | None, edition: Edition | None) -> dict[str, Any]:
    """What the script begins with. It then follows the topic from this sequence number on."""
    topic = edition.topic if edition else None
    words = languages.words()
    return {
        "experiment": catalogue.describe(experiment),
        "language": words.language,
        "figures": edition.board.figures() if edition else empty_figures(experiment),
        "run": spoken(view.run.as_json(), words) if view else None,
        "topic": topic.name if topic else None,
        "epoch": topic.epoch if topic else None,
        "seq": topic.seq if topic else None,
    }


def empty_figures(experiment: Experiment) -> list[FigureSpec]:
    return Board(experiment, languages.words()).figures()


def command_of(bench: Bench, experiment: Experiment, form: Form) -> str:
    python = form.python if form.python != default_python(bench) else None
    return catalogue.command_line(experiment, form.params, python or "")
