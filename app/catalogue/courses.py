"""Routes: ordered courses through experiments, read from `courses.toml`, with what is done of them.

Somebody who begins a route gets a cookie with its id and the moment; a stop is done when its experiment
was measured here since then. So progress survives reloads and restarts, and needs no account.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

COOKIE = "oscope-route"
BEGUN = re.compile(r"([a-z]{1,20})\.([0-9]{1,12})")


@dataclass(frozen=True)
class Stop:
    """An experiment on the way, how many minutes it takes in a workshop, and what to say there."""

    experiment: str
    minutes: int
    say: str


@dataclass(frozen=True)
class Route:
    id: str
    title: str
    about: str
    stops: tuple[Stop, ...]

    @property
    def minutes(self) -> int:
        return sum(stop.minutes for stop in self.stops)


@dataclass(frozen=True)
class Begun:
    """A route that somebody is on, since a moment in Unix seconds."""

    route: Route
    since: float


@dataclass(frozen=True)
class Here:
    """Where on a route an experiment is: the number of its stop, from 1, and what comes before and after."""

    route: Route
    number: int
    before: Stop | None
    after: Stop | None


@cache
def routes() -> Mapping[str, Route]:
    """Id → route, in the order of the file."""
    told = tomllib.loads((Path(__file__).parent / "courses.toml").read_text(encoding="utf-8"))
    return {one["id"]: read(one) for one in told["route"]}


def read(told: Mapping[str, object]) -> Route:
    stops = tuple(Stop(**stop) for stop in told["stop"])  # type: ignore[attr-defined]
    return Route(str(told["id"]), str(told["title"]), str(told["about"]), stops)


def begun(cookie: str | None) -> Begun | None:
    """What the cookie says; None where there is none, or where it says nothing that we know."""
    found = BEGUN.fullmatch(cookie or "")
    route = routes().get(found[1]) if found else None
    return Begun(route, float(found[2])) if found and route else None


def cookie_for(route: Route, now: float) -> str:
    return f"{route.id}.{now:.0f}"


def here(on: Begun | None, experiment: str) -> Here | None:
    """The stop of the route one is on that this experiment is."""
    if on is None:
        return None
    stops: Sequence[Stop] = on.route.stops
    for n, stop in enumerate(stops):
        if stop.experiment == experiment:
            after = stops[n + 1] if n + 1 < len(stops) else None
            return Here(on.route, n + 1, stops[n - 1] if n else None, after)
    return None
