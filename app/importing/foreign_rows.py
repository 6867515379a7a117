"""Rows of a file from elsewhere, held against the tables that the experiment has today. Pure.

A million values are checked a column at a time, so that the loops run in the interpreter's own code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, NoReturn

from app.importing.checks import ImportRefused, fits, mapping, on_one_line, shown
from experiments.kit.spec import Experiment, Field, Table

MOST_ROWS = 2_000_000  # of a run; more than a run of the longest kind measures
LONGEST_TEXT = 2000  # characters in a cell
TYPES: dict[type, frozenset[type]] = {  # JSON writes 1.0 as 1 where another program has written it
    int: frozenset({int}),
    float: frozenset({int, float}),
    bool: frozenset({bool}),
    str: frozenset({str}),
}
NOUNS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}

Rows = list[list[Any]]
Check = Callable[[Any], bool]


def read_tables(experiment: Experiment, given: object) -> dict[str, Rows]:
    """Table → rows in the order of today's columns; ImportRefused names table and column."""
    sent = mapping("tables", given)
    known = {table.name for table in experiment.tables}
    for name in sent:
        if name not in known:
            raise ImportRefused(f"{experiment.name} has no table {shown(name)}; it has {', '.join(known)}")
    for name in known - sent.keys():
        raise ImportRefused(f"the table {name} is missing")
    tables = {table.name: read_table(table, sent[table.name]) for table in experiment.tables}
    total = sum(map(len, tables.values()))
    if total > MOST_ROWS:
        raise ImportRefused(f"{total} rows are more than {MOST_ROWS}")
    return tables


def read_table(table: Table, given: object) -> Rows:
    sent = mapping(f"table {table.name}", given)
    rows = sent.get("rows")
    if not isinstance(rows, list) or not all(type(row) is list for row in rows):
        raise ImportRefused(f"table {table.name}: its rows are not a list of lists")
    names = column_names(table, sent.get("columns"))
    if len(rows) > MOST_ROWS:
        raise ImportRefused(f"table {table.name}: {len(rows)} rows are more than {MOST_ROWS}")
    for n, row in enumerate(rows):
        if len(row) != len(names):
            raise ImportRefused(
                f"table {table.name}: row {n + 1} has {len(row)} values for {len(names)} columns"
            )
    rows = in_order(table, names, rows)
    for place, field in enumerate(table.columns):
        check_column(table, field, list(map(itemgetter(place), rows)))
    return rows


def column_names(table: Table, given: object) -> list[str]:
    """The names that the file gives; they have to be those of today, in any order. What may be unknown may
    be missing: an earlier version did not measure it."""
    if not isinstance(given, list):
        raise ImportRefused(f"table {table.name}: its columns are not a list")
    names = [column.get("name") if isinstance(column, dict) else column for column in given]
    wanted = [field.name for field in table.columns]
    missing = [field.name for field in table.columns if field.name not in names and not field.optional]
    if missing:
        raise ImportRefused(f"table {table.name}: the column {missing[0]} is missing")
    foreign = [name for name in names if name not in wanted]
    if foreign:
        raise ImportRefused(f"table {table.name}: the column {shown(foreign[0])} is not known here")
    if len(names) != len(set(names)):
        raise ImportRefused(f"table {table.name}: a column is there twice")
    return [str(name) for name in names]


def in_order(table: Table, names: Sequence[str], rows: Rows) -> Rows:
    wanted = [field.name for field in table.columns]
    if names == wanted:
        return rows
    places = [names.index(name) if name in names else None for name in wanted]
    return [[None if place is None else row[place] for place in places] for row in rows]


def check_column(table: Table, field: Field, values: list[Any]) -> None:
    """Every value has the column's type and keeps its rules; an empty number stands for "not a number"."""
    allowed = set(TYPES[field.type])
    if field.optional or field.type is float:
        allowed.add(type(None))
    if not set(map(type, values)) <= allowed:
        complain(table, field, values, lambda value: type(value) in allowed, f"is not {NOUNS[field.type]}")
    there = [value for value in values if value is not None] if type(None) in allowed else values
    if not there:
        return
    if field.type in (int, float):
        check_numbers(table, field, there, values)
    if field.type is str:
        check_texts(table, field, set(there), values)


def check_numbers(table: Table, field: Field, there: list[Any], values: list[Any]) -> None:
    """`min` and `max` are blind to NaN, which JSON cannot bring."""
    good = partial(fits, whole=field.type is int)
    if not (good(min(there)) and good(max(there))):
        complain(table, field, values, or_missing(good), "is not a number that can be stored")


def check_texts(table: Table, field: Field, there: set[str], values: list[Any]) -> None:
    if field.choices and not there <= set(field.choices):
        has = f"is not one of {', '.join(field.choices)}"
        complain(table, field, values, or_missing(field.choices.__contains__), has)
    if max(map(len, there)) > LONGEST_TEXT:
        long = f"is longer than {LONGEST_TEXT} characters"
        complain(table, field, values, or_missing(lambda value: len(value) <= LONGEST_TEXT), long)
    if not all(map(on_one_line, there)):
        complain(table, field, values, or_missing(on_one_line), "does not stand on one line")


def or_missing(good: Check) -> Check:
    return lambda value: value is None or good(value)


def complain(table: Table, field: Field, values: list[Any], good: Check, rule: str) -> NoReturn:
    """Name the first value that breaks the rule."""
    place, value = next((n, value) for n, value in enumerate(values, 1) if not good(value))
    raise ImportRefused(f"table {table.name}, column {field.name}: {shown(value)} in row {place} {rule}")


def counts(tables: Mapping[str, Rows]) -> dict[str, int]:
    return {name: len(rows) for name, rows in tables.items() if rows}
