"""A whole number in an address, by the rule that forms and bodies have too (see `kit.numbers`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from experiments.kit.numbers import read_whole


def whole_in(given: object) -> object:
    if not isinstance(given, str):
        return given
    value = read_whole(given)
    if value is None:
        raise PydanticCustomError("int_parsing", "is not a whole number")
    return value


Whole = Annotated[int, BeforeValidator(whole_in)]
