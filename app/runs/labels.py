"""What people write on a run: a name, a note, and that it is to be kept. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

NAME_LENGTH = 120  # characters
NOTE_LENGTH = 4000


class LabelError(ValueError):
    """What cannot be written on a run; the message is a sentence for people."""


def read(given: object) -> dict[str, Any]:
    """The checked members of `{"name"?, "note"?, "pinned"?}`; LabelError names what is wrong."""
    if not isinstance(given, Mapping):
        raise LabelError("the body is not an object")
    for member in given:
        if member not in READERS:
            known = ", ".join(READERS)
            raise LabelError(f"a run's label has no member {str(member)[:80]!r}; it has {known}")
    if not given:
        raise LabelError(f"there is nothing to change: name one of {', '.join(READERS)}")
    return {member: READERS[member](value) for member, value in given.items()}


def read_form(sent: Mapping[str, str]) -> dict[str, Any]:
    """The same from a form, which leaves out a box that is not ticked."""
    return read({"name": sent.get("name", ""), "note": sent.get("note", ""), "pinned": "pinned" in sent})


def name(value: object) -> str:
    text = text_of("name", value, NAME_LENGTH)
    if any(is_control(character) for character in text):
        raise LabelError("name: it has to stand on one line")
    return text


def note(value: object) -> str:
    text = text_of("note", value, NOTE_LENGTH)
    if any(is_control(character) and character not in "\n\t" for character in text):
        raise LabelError("note: it has a control character that no page can show")
    return text


def pinned(value: object) -> bool:
    if not isinstance(value, bool):
        raise LabelError(f"pinned: {str(value)[:40]!r} is neither true nor false")
    return value


READERS = {"name": name, "note": note, "pinned": pinned}


def text_of(member: str, value: object, most: int) -> str:
    """A text without blanks around it; browsers send lines that end in CR LF."""
    if not isinstance(value, str):
        raise LabelError(f"{member}: it is not a text")
    text = value.replace("\r\n", "\n").strip()
    if len(text) > most:
        raise LabelError(f"{member}: {len(text)} characters are more than {most}")
    if any(unicodedata.category(character) == "Cs" for character in text):
        raise LabelError(f"{member}: it has half a character, which no file can hold")
    return text


def is_control(character: str) -> bool:
    """A control character, or one that breaks a line."""
    return unicodedata.category(character) in ("Cc", "Zl", "Zp")
