"""The experiments, and the interpreters that can measure them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.catalogue.catalogue import describe
from app.runs import pads
from app.web.shared import Answer, TheBench

router = APIRouter(prefix="/api")


@router.get("/experiments")
def list_experiments(bench: TheBench) -> Response:
    """Every experiment with its parameters, tables and charts, and what this machine lacks for it."""
    return Answer({"experiments": [describe(experiment) for experiment in bench.experiments.values()]})


@router.get("/experiments/{name}")
def show_experiment(name: str, bench: TheBench) -> Response:
    """One experiment."""
    return Answer(describe(bench.experiment(name)))


@router.get("/experiments/{name}/guess")
async def show_guess(request: Request, name: str, bench: TheBench) -> Response:
    """What there is to guess of a run with these parameters, read as a form's; null where nothing is."""
    experiment = bench.experiment(name)
    sent = {k: v for k, v in request.query_params.items() if k != "python" and not k.startswith(pads.PREFIX)}
    preset = sent.pop("preset", "") or None
    return Answer(pads.pad(experiment, experiment.parse(sent, preset)))


@router.get("/interpreters")
def list_interpreters(bench: TheBench) -> Response:
    """The Pythons that a run can be measured with; the first is the default."""
    return Answer({"interpreters": [known.as_json() for known in bench.interpreters.values()]})
