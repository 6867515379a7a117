"""How names, numbers and colours of a table appear in a figure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from experiments.kit.charts import STATES
from experiments.kit.sentences import duration, percent, plain, size, times
from experiments.kit.spec import Field

ENTITIES = (
    "threads",
    "processes",
    "interpreters",
    "asyncio",
    "seq",
    "free",
    "blocking",
    "non-blocking",
    "multiplexed",
    "signal-driven",
    "asynchronous",
)
NAMED_FIRST = re.compile(r"oscope\b|\w+[._/]\w|[\w-]*\d")  # the same in static/js/words.js
CHANNELS = 6
SUFFIXES = {"s", "ms", "us", "ns", "b", "mib", "hz"}
SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def name_of(value: Any) -> str:
    """A value as the name of a line, a lane or a row."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return "–"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def role(name: str, order: int = 0) -> str:
    """The colour of a series: its own where it is an entity or a state, else the next channel's.

    What follows a comma is a variation, "multiplexed, working", and keeps the colour.
    """
    slug = name.partition(",")[0].lower().replace("_", "-").replace(" ", "-")
    if slug in ENTITIES:
        return f"$en-{slug}"
    if name in STATES:
        return f"$st-{name}"
    return f"$ch{order % CHANNELS + 1}"


def words(column: str) -> str:
    """`run_queue_ns` reads "run queue"; the unit stands elsewhere."""
    parts = column.split("_")
    if len(parts) > 1 and parts[-1] in SUFFIXES:
        parts.pop()
    if parts[-1] == "per":
        parts = parts[:-1] or ["per", "second"]
    return " ".join(parts)


def with_unit(text: str, field: Field) -> str:
    unit = "%" if field.unit == "share" else field.unit
    return f"{text} ({unit})" if unit else text


def sentence(text: str) -> str:
    """As a sentence begins. A name stays as it is: `threads.scaling`, `io_uring`, cpython-3.11.2."""
    return text if NAMED_FIRST.match(text) else text[:1].upper() + text[1:]


def number(value: float, unit: str = "") -> str:
    """A number as a reader says it: 1.52×, 48 %, 3.5 µs, 64 KiB, 11 412."""
    if unit == "×":
        return times(value).text
    if unit == "share":
        return percent(value).text
    if unit in SECONDS:
        return duration(value * SECONDS[unit]).text
    if unit == "B":
        return size_of(value)
    return f"{plain(value)}\u00a0{unit}" if unit else plain(value)


def tick(value: float, unit: str = "") -> str:
    """The same for a tick, without zeros that only say how well it was measured."""
    return re.sub(
        r"\.(\d*?)0+(?=\D|$)", lambda found: f".{found[1]}" if found[1] else "", number(value, unit)
    )


def escape(text: str) -> str:
    """Plotly reads a little HTML in its labels; names of series are none."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def in_order(values: Iterable[Any]) -> list[Any]:
    """Numbers by size, anything else as it came."""
    seen = list(dict.fromkeys(values))
    return sorted(seen) if all(is_number(value) for value in seen) else seen


def percent_of(share: float) -> str:
    return percent(share).text


def size_of(bytes_: float) -> str:
    return size(bytes_).text
