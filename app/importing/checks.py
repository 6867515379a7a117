"""What a file from elsewhere may hold: small checks that say in a sentence what is wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.runs.labels import is_control

LARGEST = 2**63 - 1  # of whole numbers; nothing that is measured is larger
FARTHEST = 1e15  # of all others; what is near the end of the numbers breaks whoever computes with it
MEMORY_B = 1024 * 1024 * 1024  # of address space to read a file in; two million rows need half of it
TOO_HEAVY = "the file unfolds to more than the memory that an import may take"
LATEST_S = 253_402_300_799  # the end of the year 9999, Unix seconds


class ImportRefused(ValueError):
    """A file that does not become a run; the message is a sentence for people."""


def shown(value: object) -> str:
    """A value as a sentence can hold it."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def text(where: str, value: object, most: int) -> str:
    if not isinstance(value, str):
        raise ImportRefused(f"{where}: {shown(value)} is not a text")
    if len(value) > most:
        raise ImportRefused(f"{where}: {len(value)} characters are more than {most}")
    return value


def line(where: str, value: object, most: int) -> str:
    """A text that stands on one line and has no control characters."""
    said = text(where, value, most)
    if not on_one_line(said):
        raise ImportRefused(f"{where}: {shown(value)} does not stand on one line")
    return said


def on_one_line(said: str) -> bool:
    """Whether a text has no control characters and nothing that breaks a line or cannot stand in XML."""
    return said.isprintable() or not any(map(breaks, said))


def breaks(character: str) -> bool:
    return is_control(character) or character in "\ufffe\uffff"


def number(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ImportRefused(f"{where}: {shown(value)} is not a number")
    if not fits(value):
        raise ImportRefused(f"{where}: {shown(value)} is not a number that can be stored")
    return value


def fits(value: float, whole: bool = False) -> bool:
    """Whether a number is of a size that something measured can have; it is where it is not there."""
    return -LARGEST <= value <= LARGEST if whole else -FARTHEST <= value <= FARTHEST


def moment(where: str, value: object) -> float:
    """Unix seconds."""
    if not 0 <= number(where, value) <= LATEST_S:
        raise ImportRefused(f"{where}: {shown(value)} is no time in Unix seconds")
    return float(value)  # type: ignore[arg-type]  # `number` has seen it


def mapping(where: str, value: object, most: int = 200) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ImportRefused(f"{where}: {shown(value)} is not an object")
    if len(value) > most:
        raise ImportRefused(f"{where}: {len(value)} members are more than {most}")
    return value


def member(record: Mapping[str, Any], name: str) -> Any:
    if name not in record:
        raise ImportRefused(f"the file has no {name!r}: it is not a run that oscope exported")
    return record[name]
