"""The page /compare: runs of one experiment side by side, or what stands against it and a way on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from app.bench.bench import Bench
from app.bench.live_run import Live
from app.bench.open_runs import UnknownRun
from app.comparison import compare, overlay
from app.comparison.compare import LETTERS, Incomparable
from app.runs.run import Run
from app.text import languages, prose
from app.text.languages import t
from app.web.pages.base import TABLE_ROWS, python_label, render
from app.web.shared import bench_of
from experiments.kit.spec import Experiment

router = APIRouter(include_in_schema=False)

OFFERED = 30  # earlier runs on the page that chooses


@dataclass(frozen=True)
class Side:
    """A run with its letter."""

    letter: str
    run: Run


@router.api_route("/compare", methods=["GET", "HEAD"])
async def show(
    request: Request,
    runs: list[str] = Query(default=[]),  # noqa: B008
    run: list[str] = Query(default=[]),  # noqa: B008
) -> Response:
    """`?runs=a,b` or `?run=a&run=b`, as ticked boxes send it; one run alone leads to a choice."""
    bench = bench_of(request)
    known: list[Run] = []
    try:
        ids = compare.wanted([*runs, *run])
        if run and len(ids) > 1:
            return RedirectResponse(address(ids), 303)
        for id in ids:
            known.append(await find(bench, id))  # noqa: PERF401  what was found stands in a refusal too
        compare.check(known)
        if len(known) < 2:
            return await choose(request, bench, known)
        return await compared(request, bench, known)
    except Incomparable as why:
        return refused(request, bench, why, known)


def address(ids: Sequence[str]) -> str:
    return "/compare?" + urlencode({"runs": ",".join(ids)}, safe=",")


async def find(bench: Bench, id: str) -> Run:
    try:
        return await bench.views.run(id)
    except UnknownRun as unknown:
        raise Incomparable(f"{unknown}; it may have been deleted", 404) from None


# -- the choice -------------------------------------------------------------------------------


async def choose(request: Request, bench: Bench, known: Sequence[Run]) -> Response:
    """What else could lie beside this run; without any, the history is the place to choose."""
    if not known:
        return refused(request, bench, Incomparable("no run is named: choose two to four of one experiment"))
    experiment = bench.experiment(known[0].experiment)
    others, _ = await asyncio.to_thread(bench.store.list, experiment=experiment.name, limit=OFFERED + 1)
    fitting = [run for run in others if run.state.ended and compare.has_rows(run) and run.id != known[0].id]
    return page(
        request, experiment=experiment, run=known[0], others=fitting[:OFFERED], experiments=bench.experiments
    )


def refused(request: Request, bench: Bench, why: Incomparable, known: Sequence[Run] = ()) -> Response:
    """The sentence, and where to go from here."""
    sentence = t(str(why))
    named = {run.experiment: run for run in known}
    ways = [(t("The run {id}", id=why.run), f"/runs/{why.run}")] if why.run else []
    ways += [
        (t("Runs to compare with run {id}", id=run.id), address([run.id]))
        for run in named.values()
        if run.state.ended and compare.has_rows(run)
    ]
    ways.append((t("All runs"), "/runs"))
    return page(request, why.status, refusal=prose.capital(sentence), ways=ways)


# -- the comparison ---------------------------------------------------------------------------


async def compared(request: Request, bench: Bench, known: Sequence[Run]) -> Response:
    experiment = bench.experiment(known[0].experiment)
    views = [await view_of(bench, run) for run in known]
    language = languages.words().language
    boards = [(await bench.views.told(view, language)).board for view in views]
    figures = [board.figures() for board in boards]
    return await asyncio.to_thread(whole, request, bench, experiment, [view.run for view in views], figures)


async def view_of(bench: Bench, run: Run) -> Live:
    try:
        return await bench.views.of(run.id)
    except UnknownRun:
        raise Incomparable(f"there is no run {run.id!r}; it may have been deleted", 404) from None


def whole(
    request: Request,
    bench: Bench,
    experiment: Experiment,
    runs: Sequence[Run],
    figures: Sequence[Sequence[Mapping[str, Any]]],
) -> Response:
    """In a thread: four runs of 20 000 spans are some megabytes of text."""
    words = languages.words()
    groups = overlay.groups([[dict(spec) for spec in specs] for specs in figures], words)
    pythons = [python_label(bench, run) for run in runs]
    facts = compare.facts(experiment, runs, pythons, words)
    return page(
        request,
        experiment=experiment,
        sides=[Side(letter, run) for letter, run in zip(LETTERS, runs, strict=False)],
        groups=groups,
        differing=[fact for fact in facts if not fact.same],
        alike=[fact for fact in facts if fact.same],
        numbers=compare.numbers(runs, words),
        guesses=compare.guesses(runs, getattr(experiment.guess, "x_about", ""), words),
        table_rows=TABLE_ROWS,
        state={
            "figures": [panel for group in groups for panel in group.panels],
            "linked": [[panel["id"] for panel in group.panels] for group in groups if group.linked],
            "name": f"{experiment.name}-compared",
        },
    )


def page(request: Request, status: int = 200, **told: Any) -> Response:
    empty: dict[str, Any] = {"refusal": "", "ways": [], "sides": [], "others": [], "run": None}
    return render(request, "compare.html", status, here="runs", **empty | told)
