"""The pages as HTML. Each makes sense before its script arrives, and its forms work without one.

A handler gathers what a template shows; how numbers and sentences look is in `prose`. What goes
wrong is raised as it is: `main` answers with `error_page` here and with JSON under /api.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment
from markupsafe import Markup
from pydantic_core import to_json

from app.bench.bench import Bench, QueueFull
from app.bench.editions import Edition, spoken
from app.bench.live_run import Live
from app.catalogue import catalogue, courses
from app.catalogue.courses import Begun
from app.door import links
from app.export import card, takeaway
from app.figures import Board
from app.ground.payloads import FigureSpec
from app.runs import labels, pads
from app.runs.conditions import conditions, noisy
from app.runs.run import Run, State
from app.storage.errors import StorageFailed
from app.svg.diagrams.lanes import pitch
from app.system.interpreters import Interpreter
from app.system.machine import facts, online_cores, tells_load
from app.text import languages, markup, prose, templating
from app.text.cores import name_ranges
from app.text.folding import LONGEST_SEARCH, fold, words_of
from app.web.assets import Assets
from experiments.kit import stir
from experiments.kit.machine import Machine
from experiments.kit.spec import Chapter, Experiment, ParameterError, chapters

router = APIRouter(include_in_schema=False)

LATEST = 6  # runs on the home page
PAGE = 30  # runs on a page of the history
TABLE_ROWS = 200  # of a figure's table in HTML; the files have all of them
CORE_CHANNELS = 4  # of the scope: on a larger machine each is the mean of a group of cores
MACHINE_CHANNELS = (("runnable", "runnable threads"), ("switches", "context switches"))
TELLING = ("flow", "space", "graph", "statediagram", "timeline", "ecdf", "line", "shares", "bars", "cells")
WORDS_OF_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalPy"}
ADVICE = {
    403: "Open oscope under the address it printed when it started.",
    404: "It may have been deleted, or the address has a typing error.",
    409: "Go back and look at the run: its state has changed meanwhile.",
    421: "Open oscope under the address it printed when it started.",
    422: "Go back, correct the value and send it again.",
    429: "Wait until a run has ended, then send it again.",
    500: "The log of the server knows more.",
    507: "Delete runs you no longer need, or free space on the disk.",
}


# -- templates --------------------------------------------------------------------------------


@cache
def environment() -> Environment:
    more = {"pads": pads, "noisy": noisy, "embed": embed, "languages": languages, "lane_pitch": pitch}
    return templating.environment(**more)


def render(request: Request, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
    assets: Assets = request.app.state.assets
    assets.refresh()

    def stay(**changed: str) -> str:
        """The query of this page with something changed in it."""
        return urlencode({**request.query_params, **changed})

    facts |= {"assets": assets, "stay": stay, "watching": is_watching(request)}
    text = environment().get_template(template).render(alarms=bench_of(request).store.alarms(), **facts)
    headers = {
        "Cache-Control": "no-cache",
        "Content-Language": languages.TAGS[languages.words().language],
        "Vary": "Accept-Language, Cookie",
    }
    return HTMLResponse(text, status, headers)


def is_watching(request: Request) -> bool:
    """Whether its reader may only look on; the guard refuses the rest."""
    return bool(request.scope.get("state", {}).get("role") == "viewer")


def embed(value: Any) -> Markup:
    """JSON inside a script element: no character in it can end the element."""
    text = to_json(value, inf_nan_mode="null").decode()
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)


def error_page(request: Request, status: int, detail: str) -> HTMLResponse:
    """What went wrong, in a sentence, and the next step."""
    known: dict[str, Any] = {"here": "", "code": status, "sentence": prose.ended(detail)}
    if status == 404 and request.url.path.startswith("/processes/"):
        known |= {"advice": "The list has those that run now.", "ways": [("All processes", "/processes")]}
    else:
        advice = ADVICE.get(status, "Go back, or start again at the bench.")
        known |= {"advice": advice, "ways": [("To the bench", "/"), ("All runs", "/runs")]}
    return render(request, "error.html", status, **known)


# -- the bench --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One question of the catalogue: its picture, its cost in seconds, its last finished run if any."""

    experiment: Experiment
    picture: str
    cost_s: float | None
    last: Run | None
    missing: tuple[str, ...]

    @property
    def words(self) -> str:
        """What the catalogue is searched in: English and the reader's language, folded."""
        told = self.experiment
        said = [told.name, told.title, told.question, languages.t(told.title), languages.t(told.question)]
        return fold(" ".join([*said, self.first_sentence]))

    @property
    def first_sentence(self) -> str:
        """Of the article, in the reader's language."""
        return opening(languages.t(self.experiment.article))


@lru_cache(
    maxsize=256
)  # reading an article as Markdown takes milliseconds, and the home page shows all of them
def opening(article: str) -> str:
    """Its first sentence."""
    said = markup.read_article(article)[0]
    return re.split(r"(?<=\.) |(?<=。)", said, maxsplit=1)[0]


@router.api_route("/", methods=["GET", "HEAD"])
def home(request: Request, q: str = "") -> Response:
    """The scope, the questions (those with all words of `q`), the latest runs."""
    bench = bench_of(request)
    runs, _ = bench.store.list(limit=LATEST)
    machine = Machine.here()
    on = courses.begun(request.cookies.get(courses.COOKIE))
    route = on.route if on else next(iter(courses.routes().values()))
    done = measured_since(bench, on) if on else None
    return render(
        request,
        "bench.html",
        here="bench",
        machine=machine,
        stir_s=round(stir.LENGTH_S),
        channels=channels(facts()["logical_cores"], online_cores()),
        load_told=tells_load(),
        chapters=shelves(bench, q),
        q=q[:LONGEST_SEARCH],
        runs=[as_it_is(bench, run) for run in runs],
        experiments=bench.experiments,
        route=route,
        done=done,
        following=next((stop for stop in route.stops if stop.experiment not in (done or {})), None),
        notices=bench.store.remarks(),
    )


def measured_since(bench: Bench, on: Begun) -> dict[str, Run]:
    """Experiment → its newest run here since the route was begun, where it was carried out to its end."""
    newest = bench.store.newest_here(stop.experiment for stop in on.route.stops)
    return {name: run for name, run in newest.items() if run.created_at >= on.since - 1}


def channels(cores: int, numbers: Sequence[int] = ()) -> list[dict[str, Any]]:
    """The traces of the scope: cores by their numbers, or groups of them, then what the machine does."""
    named = list(numbers) if len(numbers) == cores else list(range(cores))
    groups = min(cores, CORE_CHANNELS)
    bounds = [round(n * cores / groups) for n in range(groups + 1)]
    shown = [
        {"kind": "cores", "first": a, "end": b, "label": f"cpu{name_ranges(named[a:b])}"}
        for a, b in pairwise(bounds)
    ]
    shown += [{"kind": kind, "label": languages.t(label)} for kind, label in MACHINE_CHANNELS]
    return [channel | {"number": n} for n, channel in enumerate(shown, 1)]


def shelves(bench: Bench, q: str = "") -> list[tuple[Chapter, list[Entry]]]:
    """The chapters that have experiments, with their questions; only those with all words of `q`."""
    drawn = pictures(list(bench.experiments.values()))
    last = bench.store.newest_here(bench.experiments)
    entries = [
        Entry(e, drawn[name], e.cost(e.parse({})), last.get(name), e.missing())
        for name, e in bench.experiments.items()
    ]
    wanted = words_of(q)
    entries = [entry for entry in entries if all(word in entry.words for word in wanted)]
    filled = [(c, [e for e in entries if e.experiment.chapter == c.name]) for c in chapters()]
    return [(chapter, found) for chapter, found in filled if found]


def pictures(experiments: Sequence[Experiment]) -> dict[str, str]:
    """A thumbnail for each: its most telling kind of chart, and not the same one twice if it can be."""
    chosen: dict[str, str] = {}
    for experiment in experiments:
        kinds = {type(chart).__name__.lower() for chart in experiment.charts}
        ranked = sorted(kinds, key=TELLING.index)
        fresh = [kind for kind in ranked if kind not in chosen.values()]
        chosen[experiment.name] = next(iter(fresh + ranked), "")
    return chosen


# -- an experiment, and a run of it -----------------------------------------------------------


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


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a urlencoded form; a repeated one counts once, a file not at all."""
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


async def bench_page(
    request: Request, experiment: Experiment, form: Form, view: Live | None = None, status: int = 200
) -> Response:
    bench = bench_of(request)
    lede, *why = prose.paragraphs(languages.t(experiment.article))
    edition = await bench.views.told(view, languages.words().language) if view else None
    state = page_state(experiment, view, edition) | {
        "watching": is_watching(request)
    }  # now: what is published from here on comes by the topic
    state["watching"] = is_watching(request)
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


def default_python(bench: Bench) -> str:
    return next(iter(bench.interpreters))


def interpreter_label(interpreter: Interpreter) -> str:
    name = WORDS_OF_IMPLEMENTATIONS.get(interpreter.implementation.lower(), interpreter.implementation)
    known = f"{name} {interpreter.version}"
    if interpreter.gil:
        return languages.t("{python}, with the GIL", python=known)
    return languages.t("{python}, without a GIL", python=known)


def python_label(bench: Bench, run: Run) -> str:
    known = bench.interpreters.get(run.python)
    return interpreter_label(known) if known else run.python


# -- the history ------------------------------------------------------------------------------


@router.api_route("/runs", methods=["GET", "HEAD"])
def list_runs(
    request: Request,
    experiment: str = "",
    state: str = "",
    before: str | None = None,
    q: str = "",
    pinned: str = "",
) -> Response:
    bench = bench_of(request)
    if experiment:
        bench.experiment(experiment)
    try:
        runs, following = bench.store.list(
            experiment=experiment or None,
            state=state_of(state),
            limit=PAGE,
            before=before,
            q=q,
            pinned=True if pinned else None,
        )
    except KeyError:
        raise HTTPException(404, f"before: there is no run {before!r:.42}") from None
    wishes = {"experiment": experiment, "state": state, "q": q, "pinned": pinned}
    chosen = {name: value for name, value in wishes.items() if value}
    return render(
        request,
        "runs.html",
        here="runs",
        runs=[as_it_is(bench, run) for run in runs],
        experiments=bench.experiments,
        states=list(State),
        experiment=experiment,
        state=state,
        q=q,
        pinned=pinned,
        paged=before is not None,
        newest="/runs?" + urlencode(chosen) if chosen else "/runs",
        older="/runs?" + urlencode(chosen | {"before": following}) if following else "",
        notices=bench.store.remarks(),
    )


def state_of(name: str) -> State | None:
    if not name:
        return None
    try:
        return State(name)
    except ValueError:
        raise HTTPException(422, f"state: {name[:40]!r} is not one of {', '.join(State)}") from None


def as_it_is(bench: Bench, run: Run) -> Run:
    """The stored run, or what it has become while it is on the bench."""
    live = bench.live(run.id)
    return live.run if live else run


def bench_of(request: Request) -> Bench:
    bench: Bench = request.app.state.bench
    return bench
