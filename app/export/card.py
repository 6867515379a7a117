"""What the card of a run says, in the reader's language. The page lays it out and draws it. Pure.

Colours are roles ("$en-threads"), as in the figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.door import links
from app.figures import telling
from app.runs import pads
from app.runs.run import Run, State
from app.text import languages, markup, prose
from app.text.languages import t, words
from experiments.kit.spec import Experiment, Field

Span = dict[str, str]


def facts(experiment: Experiment, run: Run, *, command: str, python: str, link: str) -> dict[str, Any]:
    """Everything on the card but the pictures; `link` is empty where nobody else reaches this server."""
    return {
        "id": run.id,
        "experiment": run.experiment,
        "state": str(run.state),
        "question": t(experiment.question),
        "said": list(said(run)),
        "guess": guessed(experiment, run),
        "doubts": doubts(run),
        "params": params(experiment, run),
        "machine": machine(run, python),
        "when": prose.moment(run.created_at),
        "command": command,
        "link": link,
        "code": links.code(link) if link else None,
        "figures": telling(experiment) if any(run.rows.values()) else [],
    }


# -- the verdict ------------------------------------------------------------------------------


def said(run: Run) -> Iterator[Span]:
    """Answer and headline in pieces: {"text"}, with a "role" where it is a number of something."""
    if run.verdict:
        yield {"text": prose.capital(t(run.verdict["answer"])) + t("."), "look": "answer"}
        yield {"text": joint()}
        yield from spans(run.verdict.get("said", {}).get("headline") or run.verdict["headline"])
    elif run.state == State.FAILED:
        yield {"text": t("Failed."), "look": "answer"}
        yield {"text": joint() + t("This run did not reach its end.")}
        if run.why:
            yield {"text": joint() + prose.capital(t(run.why).rstrip(".。")) + t(".")}
    elif run.state == State.STOPPED:
        yield {"text": t("Stopped."), "look": "answer"}
        yield {"text": joint() + t("This run was ended early; what was measured until then is here.")}
    else:
        yield {"text": t("No verdict yet.")}


def joint() -> str:
    """What stands between two sentences of this language."""
    return t(". ").removeprefix(t("."))


def spans(sentence: Mapping[str, Any] | str) -> Iterator[Span]:
    for span in markup.read_sentence(languages.parts(sentence, words())):
        yield value(span.value) if span.value else {"text": span.words}


def value(given: Mapping[str, Any]) -> Span:
    variable = prose.colour(given.get("about") or "")
    return {"text": given["text"], "role": "$" + variable[2:]} if variable else {"text": given["text"]}


def doubts(run: Run) -> list[str]:
    return ["".join(span["text"] for span in spans(doubt)) for doubt in run.doubts]


# -- the guess --------------------------------------------------------------------------------


def guessed(experiment: Experiment, run: Run) -> list[dict[str, Any]]:
    """The lines "you, measured" of the card; empty where nobody guessed or nothing was measured."""
    about = getattr(experiment.guess, "x_about", "")
    return [
        {
            "label": pads.point_name(row, about),
            "role": "$" + (prose.colour(row["series"])[2:] or "ink"),
            "you": t(row["you"]["text"]),
            "measured": t(row["measured"]["text"]),
            "near": row["near"],
        }
        for row in run.compared
    ]


# -- where it comes from ----------------------------------------------------------------------


def params(experiment: Experiment, run: Run) -> str:
    """Every parameter with its unit: the card alone tells what was measured."""
    parts = [param(field, run.params.get(field.name)) for field in experiment.params]
    return " · ".join([t(run.preset), *parts] if run.preset else parts)


def param(field: Field, given: Any) -> str:
    return f"{t(field.name.replace('_', ' '))} {t(prose.number(given))} {t(field.unit)}".rstrip()


def machine(run: Run, python: str) -> str:
    """Cores, kernel and interpreter, as far as the run knows them."""
    known = run.machine or {}
    cores = known.get("cores")
    host = [
        words().count(cores, "{n} core", "{n} cores") if cores else "",
        known.get("cpu", ""),
        known.get("system", ""),
        t(python),
    ]
    return " · ".join(filter(None, host))
