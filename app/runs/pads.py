"""The pad on which a guess is set: what its page needs, in the reader's language, and what its form sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.text import prose, values
from app.text.languages import t
from experiments.kit.numbers import read_number
from experiments.kit.sentences import plain
from experiments.kit.spec import Experiment, ParameterError

Speak = Callable[..., str]  # `t`, or the words of a language
PREFIX = "guess."  # of the form's fields; the rest is the key of a point
PERCENT = 100  # a share is typed as percent


def pad(experiment: Experiment, params: Mapping[str, Any]) -> dict[str, Any] | None:
    """`Guess.as_json` for these parameters (the defaults where they are wrong), with its texts translated.

    `labels` and `roles` say what each series is called and how it is coloured, `about` what x counts.
    """
    if experiment.guess is None:
        return None
    told = experiment.guess.as_json(sound(experiment, params))
    labels = {point["series"]: label(point) for point in told["points"]}
    said = {
        "ask": t(told["ask"]),
        "labels": labels,
        "roles": {name: values.role(name, n) for n, name in enumerate(labels)},
        "about": t(told.get("x_about", "")),
        "fields": [field(told, point) for point in told["points"]],
    }
    if "choices" in told:
        said["choices"] = {id: t(text) for id, text in told["choices"].items()}
    return told | said


def sound(experiment: Experiment, params: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return experiment.parse(params)
    except ParameterError:
        return experiment.parse({})


def label(point: Mapping[str, Any]) -> str:
    """What a point's line or bar is called, or the point of a table's row."""
    return t(point["label"]) if point["label"] else t("Your guess")


def place(x: float, about: str, speak: Speak = t) -> str:
    """ "at 4 workers"."""
    return speak("at {x} {about}", x=plain(x), about=speak(about)).strip()


def point_name(row: Mapping[str, Any], about: str, speak: Speak = t) -> str:
    """What a point of a guess is called, wherever it is named: "threads at 4 workers", "blocked"."""
    label = row.get("label") or row.get("series") or "Your guess"
    return " ".join([speak(label), *([] if row.get("x") is None else [place(row["x"], about, speak)])])


def variable(about: str) -> str:
    """The CSS variable that paints an answer."""
    return prose.colour(about) or "--accent"


def field(told: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    """One plain input: its name in the form, what it asks for, and within which bounds."""
    name = PREFIX + point["key"]
    if told["kind"] == "choice":
        return {"name": name}
    factor = PERCENT if told["unit"] == "share" else 1
    return {
        "name": name,
        "label": point_name(point, told.get("x_about", "")),
        "unit": "%" if factor == PERCENT else t(told["unit"]),
        "low": f"{told['low'] * factor:.10g}",
        "high": f"{told['high'] * factor:.10g}",
    }


def given(experiment: Experiment, sent: Mapping[str, str]) -> dict[str, Any] | None:
    """The guess in a sent form, unchecked; None where every field of it was left empty."""
    typed = {name.removeprefix(PREFIX): value for name, value in sent.items() if name.startswith(PREFIX)}
    filled = {key: value for key, value in typed.items() if value.strip()}
    if not filled:
        return None
    if getattr(experiment.guess, "unit", "") == "share":
        return {key: as_share(value) for key, value in filled.items()}
    return filled


def as_share(percent: str) -> float | str:
    number = read_number(percent)
    return percent if number is None else number / PERCENT  # the guess's own check has the sentence for it
