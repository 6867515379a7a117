"""The cores that a run had, as people are told of them: how many, which, and how nice it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.text.languages import ENGLISH, Words


def describe_cores(machine: Mapping[str, Any], words: Words = ENGLISH) -> str:
    """ "1 core (cpu 0), nice 5"; empty where the record knows nothing of it."""
    n = machine.get("cores")
    if not n:
        return ""
    told = words.count(n, "{n} core", "{n} cores")
    if numbers := name_ranges(machine.get("core_ids") or ()):
        told = words("{cores} (cpu {numbers})", cores=told, numbers=numbers)
    if nice := machine.get("nice"):
        told += words(", nice {n}", n=nice)
    return told


def name_ranges(numbers: Sequence[int]) -> str:
    """ "0–3, 8" for 0, 1, 2, 3, 8, as `taskset -c` and the kernel write it."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    return ", ".join("–".join(map(str, ends)) for ends in ranges)
