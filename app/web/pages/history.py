"""The page /runs: what was measured here, searched and in pages."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from app.runs.run import State
from app.web.pages.base import as_it_is, render
from app.web.shared import bench_of

router = APIRouter(include_in_schema=False)

PAGE = 30  # runs on a page of the history


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
