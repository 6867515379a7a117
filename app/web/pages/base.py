"""What every page stands on: the templates, the frame, the sentence for what went wrong.

A page makes sense before its script arrives, and its forms work without one. A handler gathers what a
template shows; how numbers and sentences look is in `text.prose`. What goes wrong is raised as it is:
`main` answers with `error_page` here and with JSON under /api.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment
from markupsafe import Markup
from pydantic_core import to_json

from app.bench.bench import Bench
from app.runs import pads
from app.runs.conditions import noisy
from app.runs.run import Run
from app.svg.diagrams.lanes import pitch
from app.system.interpreters import Interpreter
from app.text import languages, prose, templating
from app.web.assets import Assets
from app.web.shared import bench_of

TABLE_ROWS = 200  # of a figure's table in HTML; the files have all of them
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


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a urlencoded form; a repeated one counts once, a file not at all."""
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


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


def as_it_is(bench: Bench, run: Run) -> Run:
    """The stored run, or what it has become while it is on the bench."""
    live = bench.live(run.id)
    return live.run if live else run
