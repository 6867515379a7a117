"""What the pages and the JSON interface have in common: the bench that a request asks, answers as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import JSONResponse
from pydantic_core import to_json

from app.bench.bench import (
    Bench,
)


class Answer(JSONResponse):
    """JSON by the fast encoder. A number that is not finite becomes null."""

    def render(self, content: Any) -> bytes:
        return to_json(content, inf_nan_mode="null")


def bench_of(request: Request) -> Bench:
    bench: Bench = request.app.state.bench
    return bench


TheBench = Annotated[Bench, Depends(bench_of)]
