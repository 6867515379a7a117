"""The home page: this machine on a scope, the questions, the latest runs, a route."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.bench.bench import Bench
from app.catalogue import courses
from app.runs.run import Run
from app.system.machine import facts, online_cores, tells_load
from app.text import languages, markup
from app.text.cores import name_ranges
from app.text.folding import LONGEST_SEARCH, fold, words_of
from app.web.pages.base import as_it_is, render
from app.web.pages.routes import measured_since
from app.web.shared import bench_of
from experiments.kit.child import stir
from experiments.kit.kernel.machine import Machine
from experiments.kit.spec import Chapter, Experiment, chapters

router = APIRouter(include_in_schema=False)
LATEST = 6  # runs on the home page
CORE_CHANNELS = 4  # of the scope: on a larger machine each is the mean of a group of cores
MACHINE_CHANNELS = (("runnable", "runnable threads"), ("switches", "context switches"))
TELLING = ("flow", "space", "graph", "statediagram", "timeline", "ecdf", "line", "shares", "bars", "cells")


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
