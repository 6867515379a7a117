"""What changes in a figure. static/js/figures/patch.js means the same by every operation.

["ext", trace, {column: [values]}]   append to the lists of a trace
["trace", trace, {...}]              replace a trace, or add it as the last one
["set", "layout.xaxis.type", value]  set a member, creating the dicts on the way
["cell", key, value]                 set a member of layout.cells
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from app.ground.payloads import FigureSpec
from app.ground.payloads import Patch as Patch


def apply(figure: FigureSpec, patch: Patch) -> None:
    """Change the figure in place. Nothing of the patch is shared with it afterwards."""
    for name, *arguments in patch:
        OPERATIONS[name](figure, *arguments)


def extend(figure: FigureSpec, id: str, columns: dict[str, list[Any]]) -> None:
    trace = next((trace for trace in figure["data"] if trace["id"] == id), None)
    if trace is None:
        trace = {"id": id}
        figure["data"].append(trace)
    for name, values in columns.items():
        trace.setdefault(name, []).extend(values)


def replace(figure: FigureSpec, id: str, trace: dict[str, Any]) -> None:
    new = {"id": id, **own(trace)}
    traces = figure["data"]
    place = next((i for i, old in enumerate(traces) if old["id"] == id), len(traces))
    traces[place : place + 1] = [new]


def set_path(figure: FigureSpec, path: str, value: Any) -> None:
    *way, last = path.split(".")
    place = cast(dict[str, Any], figure)
    for step in way:
        place = place.setdefault(step, {})
    place[last] = own(value)


def set_cell(figure: FigureSpec, key: str, value: Any) -> None:
    figure["layout"].setdefault("cells", {})[key] = value


OPERATIONS: dict[str, Callable[..., None]] = {
    "ext": extend,
    "trace": replace,
    "set": set_path,
    "cell": set_cell,
}


def own(value: Any) -> Any:
    """A copy that shares no list or dict; a patch waits in a log while its figure grows on."""
    if isinstance(value, dict):
        return {key: own(member) for key, member in value.items()}
    if isinstance(value, list):
        return [own(member) if isinstance(member, dict | list) else member for member in value]
    return value
