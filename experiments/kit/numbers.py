"""How a number is written: one rule for forms, the command line, addresses and JSON.

It is the rule of HTML's number field ("valid floating-point number"): digits from 0 to 9, a minus, a point,
an exponent. Python's own `float` and `int` would also take `1_000`, ` 3`, `+3`, `٣`, `nan` and `inf`. A whole
number is one without a fraction, however it is written: `3`, `3.0`, `3e0`.
"""

from __future__ import annotations

import math
import re

NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
LONGEST = 400  # characters; the longest finite number has 309 digits before its point


def read_number(text: str) -> float | None:
    """The number that is written there; None where none is, infinity where it is beyond all that fit."""
    if len(text) > LONGEST or not NUMBER.fullmatch(text):
        return None
    return float(text) + 0.0  # there is no minus zero


def read_whole(text: str) -> int | None:
    """The whole number that is written there; None where none is."""
    number = read_number(text)
    if number is None or not math.isfinite(number) or not number.is_integer():
        return None
    return int(text) if text.lstrip("-").isdecimal() else int(number)  # beyond 2**53 digits count
