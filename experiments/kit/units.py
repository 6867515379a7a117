"""Numbers with a unit. Parameters and columns use them alike.

A unit travels twice: in the name of a column (`wall_s`), so that a CSV explains itself,
and in its type (`Seconds`), so that a page can print the symbol.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Unit:
    """The symbol behind a number; "share" is a fraction of one, which pages print as percent."""

    symbol: str


Count = Annotated[int, Unit("")]
Pid = Annotated[int, Unit("")]
Bytes = Annotated[int, Unit("B")]
Ratio = Annotated[float, Unit("×")]
Share = Annotated[float, Unit("share")]
Mebibytes = Annotated[float, Unit("MiB")]
Seconds = Annotated[float, Unit("s")]
Milliseconds = Annotated[float, Unit("ms")]
Microseconds = Annotated[float, Unit("µs")]
Nanoseconds = Annotated[int, Unit("ns")]
Hertz = Annotated[float, Unit("Hz")]
PerSecond = Annotated[float, Unit("/s")]
