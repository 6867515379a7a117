"""The figures of several runs as one figure, or as several drawn to the same scale. Pure.

Figures come as `Board` makes them, already in the reader's language. Lines, distributions and bars
are laid over each other; everything else is drawn once for each run. A colour says what is drawn,
as everywhere; dashes, fillings and hatches say which run it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.comparison.compare import LETTERS
from app.figures.patch import own
from app.text.languages import ENGLISH, Words
from app.text.values import escape
from experiments.kit.charts import STATES

DASHES = ("solid", "dash", "dot", "dashdot")
FILLINGS = ("", "-open", "-dot", "-open-dot")
HATCHES = ("", "/", "x", ".")
WIDTHS = (2.6, 2.2, 2.2, 2.2)
GUESS, REFERENCE, BAND = "guess:", "reference:", "/band"
BANDS_UPTO = 2  # runs; more bands over each other are fog
HEIGHT, LABEL_HEIGHT, AXES_HEIGHT = 340, 19, 90  # pixels

Spec = dict[str, Any]
Variant = tuple[int, dict[str, Any]]


@dataclass(frozen=True)
class Group:
    """One chart of an experiment for all runs. With `linked`, zooming one panel zooms them all."""

    id: str
    panels: tuple[Spec, ...]
    linked: bool = False


def groups(boards: Sequence[Sequence[Spec]], words: Words = ENGLISH) -> list[Group]:
    """What to draw for runs A, B, …, whose figures these are; charts without a row anywhere are left out."""
    found = []
    for specs in zip(*boards, strict=True):
        if any(spec["data"] for spec in specs):
            overlaid = specs[0]["kind"] == "plotly"
            panels = (overlay(specs, words),) if overlaid else tuple(beside(specs))
            found.append(Group(specs[0]["id"], panels, linked=specs[0]["kind"] == "timeline"))
    return found


def with_letter(text: str, place: int) -> str:
    return f"{text} · {LETTERS[place]}"


# -- over each other --------------------------------------------------------------------------


def overlay(specs: Sequence[Spec], words: Words) -> Spec:
    """One Plotly figure with the traces of all."""
    made: Spec = own(next(spec for spec in specs if spec["data"]))
    made["data"] = [drawn(trace, place, len(specs)) for place, trace in traces(specs)]
    labels = end_labels(specs)
    made["layout"]["annotations"] = labels
    made["layout"]["xaxis"] = made["layout"].get("xaxis", {}) | ticks(specs)
    told = (f"{LETTERS[place]}{words(': ')}{spec['summary']}" for place, spec in enumerate(specs))
    made["summary"] = words(" ").join(told)
    made["table"] = joined([spec["table"] for spec in specs], words("run"))
    made["reserve"] = max(HEIGHT, LABEL_HEIGHT * len(labels) + AXES_HEIGHT)
    return made


def traces(specs: Sequence[Spec]) -> list[Variant]:
    """(place of the run, trace): all runs of the first trace, then of the second, …"""
    by_id: dict[str, list[Variant]] = {}
    for place, spec in enumerate(specs):
        for trace in spec["data"]:
            if not trace["id"].startswith(GUESS) and not trace["id"].startswith("your guess"):
                by_id.setdefault(trace["id"], []).append((place, trace))
    kept: list[Variant] = []
    for id, variants in by_id.items():
        if id.endswith(BAND) and len(specs) > BANDS_UPTO:
            continue
        kept += [longest(variants)] if is_ideal(variants) else variants
    return kept


def is_ideal(variants: Sequence[Variant]) -> bool:
    """Whether it is a line that no measurement makes, the same in every run."""
    _, trace = variants[0]
    return bool(trace["id"].startswith(REFERENCE) and trace.get("line", {}).get("dash") == "dot")


def longest(variants: Sequence[Variant]) -> Variant:
    place, trace = max(variants, key=lambda variant: max(variant[1]["x"], default=0))
    return -1 - place, trace  # of no run


def drawn(trace: Mapping[str, Any], place: int, count: int) -> dict[str, Any]:
    """A trace in the manner of its run."""
    made: dict[str, Any] = own(dict(trace))
    if place < 0:
        return made
    made["id"] = f"{LETTERS[place]}/{made['id']}"
    made["name"] = with_letter(str(made.get("name", "")), place)
    if "hovertemplate" in made:
        made["hovertemplate"] = made["hovertemplate"].replace("</extra>", f" · {LETTERS[place]}</extra>")
    if made.get("type") == "bar":
        made["marker"] = made.get("marker", {}) | {"pattern": {"shape": HATCHES[place]}}
    elif trace["id"].startswith(REFERENCE):
        made["line"] = made["line"] | {"width": 1.2}
    elif not trace["id"].endswith(BAND):
        made["line"] = made.get("line", {}) | {"dash": DASHES[place], "width": WIDTHS[place]}
        if "marker" in made:
            symbol = made["marker"].get("symbol", "circle")
            made["marker"] = made["marker"] | {"symbol": symbol + FILLINGS[place]}
    return made


def end_labels(specs: Sequence[Spec]) -> list[dict[str, Any]]:
    """The labels at the ends of the lines, each with its run's letter."""
    ideal = {trace["id"] for place, trace in traces(specs) if place < 0}
    shown = {trace["id"]: str(trace.get("name", "")) for spec in specs for trace in spec["data"]}
    by_name: dict[str, list[dict[str, Any]]] = {}
    for place, spec in enumerate(specs):
        for label in spec["layout"].get("annotations", []):
            name = str(label.get("name", ""))
            bare = name.removeprefix("end:")
            if bare.startswith(GUESS):
                continue
            if bare in ideal:
                by_name[name] = [max([*by_name.get(name, []), own(label)], key=lambda one: one["x"])]
                continue
            text = lettered(label["text"], shown.get(bare, ""), place)
            made = own(label) | {"name": f"end:{LETTERS[place]}/{bare}", "text": text}
            by_name.setdefault(name, []).append(made)
    return at_edge([label for labels in ranked(list(by_name.values())) for label in labels])


def at_edge(labels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines of several runs end anywhere: all labels stand at the right, at the height of their end."""
    right = max((label["x"] for label in labels if label.get("xref") != "paper"), default=0)
    return [label if label.get("xref") == "paper" else label | {"x": right} for label in labels]


def lettered(text: str, name: str, place: int) -> str:
    """The letter follows the name, which is bold in labels of what was measured."""
    bold, end, value = text.partition("</b>")
    if end:
        return f"{with_letter(bold, place)}{end}{value}"
    plain = escape(name)
    found, value = (plain, text[len(plain) :]) if plain and text.startswith(plain) else (text, "")
    return f"{with_letter(found, place)}{value}"


def ranked(groups: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    """Labels on the paper, as distributions have them, stand from top to bottom, all runs of one together."""
    groups = sorted(groups, key=lambda labels: -sum(label["y"] for label in labels) / len(labels))
    paper = [label for labels in groups for label in labels if label.get("xref") == "paper"]
    for place, label in enumerate(paper):
        label["y"] = 1 - place / max(8, len(paper))
    return groups


def ticks(specs: Sequence[Spec]) -> dict[str, Any]:
    """The places of all runs: numbers in their order, names as they came."""
    xaxes = [spec["layout"].get("xaxis", {}) for spec in specs if spec["data"]]
    made: dict[str, Any] = {}
    if any("categoryarray" in axis for axis in xaxes):
        made["categoryarray"] = union(axis.get("categoryarray") or () for axis in xaxes)
    if all(axis.get("tickvals") for axis in xaxes):
        pairs = {
            x: said for axis in xaxes for x, said in zip(axis["tickvals"], axis["ticktext"], strict=True)
        }
        made |= {"tickvals": sorted(pairs), "ticktext": [pairs[x] for x in sorted(pairs)]}
    elif any("tickvals" in axis for axis in xaxes):
        made |= {"tickvals": None, "ticktext": None}
    return made


def union(lists: Iterable[Iterable[Any]]) -> list[Any]:
    return list(dict.fromkeys(member for members in lists for member in members))


def joined(tables: Sequence[Mapping[str, Any]], heading: str) -> dict[str, Any]:
    """The tables as one with a first column that names the run."""
    columns: list[Any] = next((table["columns"] for table in tables if table["columns"]), [])
    run = {"name": heading, "unit": "", "help": ""}
    rows = [[LETTERS[place], *row] for place, table in enumerate(tables) for row in table["rows"]]
    return {"columns": [run, *columns] if columns else [], "rows": rows}


# -- beside each other ------------------------------------------------------------------------


def beside(specs: Sequence[Spec]) -> list[Spec]:
    """One figure for each run, all to the same scale."""
    scale = SCALES.get(specs[0]["kind"], lambda _: {})([spec for spec in specs if spec["data"]])
    return [
        own(spec)
        | {
            "id": f"{spec['id']}-{LETTERS[place].lower()}",
            "title": with_letter(spec["title"], place),
            "caption": spec["caption"] if place == len(specs) - 1 else "",
            "layout": own(spec["layout"]) | scale,
        }
        for place, spec in enumerate(specs)
    ]


def one_axis(specs: Sequence[Spec]) -> dict[str, Any]:
    return {
        "t0": min(spec["layout"]["t0"] for spec in specs),
        "t1": max(spec["layout"]["t1"] for spec in specs),
    }


def one_shade(specs: Sequence[Spec]) -> dict[str, Any]:
    values = [value for spec in specs for value in spec["layout"].get("cells", {}).values()]
    return {"most": max(values, default=0)}


def one_map(specs: Sequence[Spec]) -> dict[str, Any]:
    """States that occur anywhere stand in the same place everywhere."""
    nodes = {node["id"]: node for spec in specs for node in spec["layout"].get("nodes", [])}
    return {"nodes": [nodes[state] for state in STATES if state in nodes]}


def one_clock(specs: Sequence[Spec]) -> dict[str, Any]:
    """How long before and after the arrival of the data anything happened, in seconds."""
    phases = [phase(trace) for spec in specs for trace in spec["data"] if trace.get("spans")]
    return {
        "before": max((before for before, _ in phases), default=0.0),
        "after": max((after for _, after in phases), default=0.0),
    }


def phase(trace: Mapping[str, Any]) -> tuple[float, float]:
    begin = min(span[1] for span in trace["spans"])
    end = max(span[2] for span in trace["spans"])
    ready = next((t for t in (trace.get("ready_s"), trace.get("done_s")) if t is not None), end)
    return max(0.0, ready - begin), max(0.0, end - ready)


SCALES = {"timeline": one_axis, "cells": one_shade, "states": one_map, "flow": one_clock}
