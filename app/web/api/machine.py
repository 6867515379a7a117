"""This machine, the state of the server, and load for a demonstration."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app import __version__
from app.web.shared import Answer, TheBench
from experiments.kit.kernel.machine import Machine

router = APIRouter(prefix="/api")


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


@router.post("/stir/{kind}", status_code=202)
async def begin_stir(kind: str, bench: TheBench) -> Response:
    """Let the machine work in this way for some seconds, to be seen on the scope; an earlier way ends."""
    await bench.stir(kind)
    return Answer(bench.stirring.state(), 202)


@router.delete("/stir")
async def end_stir(bench: TheBench) -> Response:
    """Back to rest."""
    await bench.stirring.end()
    return Answer(bench.stirring.state())
