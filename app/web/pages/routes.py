"""The pages /routes: the courses, and one of them with what is done of it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from app.bench.bench import Bench
from app.catalogue import courses
from app.catalogue.courses import COOKIE, Begun, Route
from app.door.language import YEAR_S
from app.runs.run import Run
from app.web.pages.base import render
from app.web.shared import bench_of

router = APIRouter(include_in_schema=False)


@router.api_route("/routes", methods=["GET", "HEAD"])
def show_all(request: Request) -> Response:
    experiments = bench_of(request).experiments
    on = courses.begun(request.cookies.get(COOKIE))
    known: dict[str, Any] = {"routes": courses.routes().values(), "on": on, "experiments": experiments}
    return render(request, "routes.html", here="routes", still=True, **known)


@router.api_route("/routes/{id}", methods=["GET", "HEAD"])
async def show_one(request: Request, id: str) -> Response:
    """The stops, each with the run that was measured here since the route was begun."""
    bench, route = bench_of(request), route_of(id)
    on = courses.begun(request.cookies.get(COOKIE))
    on = on if on and on.route.id == id else None
    done = await asyncio.to_thread(measured_since, bench, on) if on else {}
    following = next((stop for stop in route.stops if stop.experiment not in done), None)
    told: dict[str, Any] = {"route": route, "on": on, "done": done, "following": following}
    return render(request, "route.html", here="routes", still=True, experiments=bench.experiments, **told)


@router.post("/routes/{id}/begin")
def begin(request: Request, id: str) -> Response:
    """Begin it, or begin it again: what was measured before does not count."""
    answer = RedirectResponse(f"/routes/{id}", 303)
    said = courses.cookie_for(route_of(id), time.time())
    answer.set_cookie(COOKIE, said, max_age=YEAR_S, httponly=True, samesite="strict")
    return answer


@router.post("/routes/{id}/leave")
def leave(id: str) -> Response:
    """The pages of experiments say nothing of it any more."""
    answer = RedirectResponse(f"/routes/{route_of(id).id}", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def measured_since(bench: Bench, on: Begun) -> dict[str, Run]:
    """Experiment → its newest run here since the route was begun, where it was carried out to its end."""
    newest = bench.store.newest_here(stop.experiment for stop in on.route.stops)
    return {name: run for name, run in newest.items() if run.created_at >= on.since - 1}


def route_of(id: str) -> Route:
    try:
        return courses.routes()[id]
    except KeyError:
        known = ", ".join(courses.routes())
        raise HTTPException(404, f"there is no route {id[:80]!r}; there are {known}") from None
