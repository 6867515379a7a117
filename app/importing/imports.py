"""Makes a run of a JSON file that an oscope exported, perhaps another one. Pure.

A file comes from anybody, so nothing in it is believed that can be checked. Its rows are held against
the tables that the experiment has today, and the verdict is made again here, from the rows: a forged
one does not survive. What stood in the file as the answer is kept under `origin` if it differs.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, get_type_hints

from pydantic_core import from_json

from app import __version__
from app.ground.limits import IMPORT_B
from app.ground.payloads import FORMAT, GuessJson
from app.importing.checks import ImportRefused, line, mapping, member, moment, number, shown, text
from app.importing.foreign_rows import MOST_ROWS, Rows, counts, read_tables
from app.runs import labels
from app.runs.labels import LabelError
from app.runs.run import Run, State, new_id
from app.storage.records import record_of
from experiments.kit import say
from experiments.kit.kernel.machine import Machine
from experiments.kit.spec import Experiment, ParameterError, Record
from experiments.kit.verdict import Verdict, VerdictJson, judge

log = logging.getLogger(__name__)

MOST_VALUES = 16_000_000  # commas in the file: what the values weigh in memory follows from it
MOST_LISTS = MOST_ROWS + 100_000  # opening brackets and braces: an empty list weighs 20 times its 3 bytes
MOST_CORES = 8192  # the most that a Linux kernel is built for (CONFIG_NR_CPUS)
LONGEST_S = 86_400.0  # far more than any run may last
ARCHIVES = {
    b"PK": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"7z\xbc\xaf": "a 7z archive",
}
TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"(\s*+:)?', re.DOTALL)
ID = re.compile(r"[0-9a-f]{10}")
VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})\S{0,20}")


@dataclass(frozen=True)
class Imported:
    """A run that is ready to be stored, with its rows and the names of their columns."""

    run: Run
    columns: dict[str, list[str]]
    rows: dict[str, Rows]


def read(content: bytes | bytearray, experiments: Mapping[str, Experiment]) -> Imported:
    """The run in a file; ImportRefused says in a sentence why there is none."""
    record = parse(content)
    check_version(record)
    experiment = experiment_of(record, experiments)
    params = params_of(record, experiment)
    tables = read_tables(experiment, member(record, "tables"))
    run = read_run(record, experiment, params, counts(tables))
    run = judged(run, experiment, tables, record)
    columns = {table.name: [field.name for field in table.columns] for table in experiment.tables}
    return Imported(run, columns, {name: rows for name, rows in tables.items() if rows})


# -- the file ---------------------------------------------------------------------------------


def parse(content: bytes | bytearray) -> Mapping[str, Any]:
    """The object in the file. It is measured before it is unfolded, so that it cannot fill the memory."""
    if len(content) > IMPORT_B:
        raise ImportRefused(f"the file has {len(content)} bytes; {IMPORT_B} are the most")
    for magic, kind in ARCHIVES.items():
        if content.startswith(magic):
            raise ImportRefused(f"this is {kind}: unpack it, and import the JSON file that is in it")
    if content.count(b",") > MOST_VALUES or content.count(b"[") + content.count(b"{") > MOST_LISTS:
        raise ImportRefused(f"the file holds more than the {MOST_ROWS} rows that a run may have")
    try:
        record = from_json(content, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise ImportRefused(f"the file is not JSON, or it is damaged: {error}") from None
    if not isinstance(record, dict):
        raise ImportRefused("the file is JSON, but not a run that oscope exported")
    written = names_written(content)
    if written not in (names_read(record, rows=False), names_read(record)):
        raise ImportRefused("the file says something twice: two members of an object have the same name")
    return record


def names_written(content: bytes | bytearray) -> int:
    """How many members the objects of this JSON have, as it is written: the texts that a colon follows."""
    return sum(1 for text in TEXT.finditer(content) if text.lastindex)


def names_read(value: object, rows: bool = True) -> int:
    """How many members were read: of those with one name it is the last one alone.

    Without those in lists of lists, as rows are: a million of them take their time.
    """
    total, left = 0, [value]
    while left:
        inside = left.pop()
        if isinstance(inside, dict):
            total += len(inside)
            left += inside.values()
        elif isinstance(inside, list) and inside and (rows or type(inside[0]) is not list):
            left += inside
    return total


def check_version(record: Mapping[str, Any]) -> None:
    """Only what this version can read; the version of the form counts, and that of the program."""
    version = line("oscope", member(record, "oscope"), 40)
    form = member(record, "format")
    if type(form) is not int or form < 1:
        raise ImportRefused(f"format: {shown(form)} is not the number of a format")
    found = VERSION.fullmatch(version)
    if not found:
        raise ImportRefused(f"oscope: {shown(version)} is not a version of oscope")
    if form > FORMAT or tuple(map(int, found.groups())) > ours():
        raise ImportRefused(
            f"a newer oscope exported this file (version {version}, format {form};"
            f" this is version {__version__}, format {FORMAT}): update oscope"
        )


def ours() -> tuple[int, ...]:
    found = VERSION.fullmatch(__version__)
    return tuple(map(int, found.groups())) if found else (0, 0, 0)


# -- what the file says -----------------------------------------------------------------------


def experiment_of(record: Mapping[str, Any], experiments: Mapping[str, Experiment]) -> Experiment:
    name = line("experiment", member(record, "experiment"), 100)
    if name not in experiments:
        raise ImportRefused(f"there is no experiment {shown(name)} here")
    return experiments[name]


def params_of(record: Mapping[str, Any], experiment: Experiment) -> dict[str, Any]:
    """All parameters, within today's bounds: "repeat here" has to work."""
    given = mapping("params", member(record, "params"))
    for field in experiment.params:
        if field.name not in given:
            raise ImportRefused(f"params: {field.name} is missing")
    try:
        return experiment.parse(given)
    except ParameterError as error:
        raise ImportRefused(f"params: {error}") from None


def read_run(
    record: Mapping[str, Any], experiment: Experiment, params: dict[str, Any], rows: dict[str, int]
) -> Run:
    """The run, with a new id; all but verdict and guess."""
    state = state_of(record)
    preset = record.get("preset")
    created_at = moment("created_at", member(record, "created_at"))
    return Run(
        id=new_id(),
        experiment=experiment.name,
        params=params,
        preset=preset if isinstance(preset, str) and preset in experiment.presets else None,
        python=line("python", member(record, "python"), 80),
        state=state,
        why=text("why", record.get("why", ""), 2000),
        last_words=text("last_words", record.get("last_words", ""), 20_000),
        machine=machine_of(record, state),
        conditions=conditions_of(record),
        progress=1.0 if state is State.DONE else 0.0,
        created_at=created_at,
        started_at=optional_moment(record, "started_at"),
        ended_at=optional_moment(record, "ended_at"),
        length_s=length_of(record),
        host=line("host", member(record, "host"), 255),
        rows=rows,
        origin=origin_of(record),
        name=label(labels.name, record.get("name", "")),
        note=label(labels.note, record.get("note", "")),
    )


def state_of(record: Mapping[str, Any]) -> State:
    state = member(record, "state")
    if state not in [*State]:
        raise ImportRefused(f"state: {shown(state)} is not the state of a run")
    if not State(state).ended:
        raise ImportRefused(f"the run was still {state} when it was exported: export it when it has ended")
    return State(state)


def label(read: Callable[[object], str], given: object) -> str:
    """A name or a note, held to the rules of those that people give here."""
    try:
        return read(given)
    except LabelError as error:
        raise ImportRefused(str(error)) from None


def optional_moment(record: Mapping[str, Any], name: str) -> float | None:
    value = member(record, name)
    return None if value is None else moment(name, value)


def length_of(record: Mapping[str, Any]) -> float | None:
    """How long it was measured; files of older versions do not tell."""
    value = record.get("length_s")
    if value is None:
        return None
    length = number("length_s", value)
    if not 0 <= length < LONGEST_S:
        raise ImportRefused(f"length_s: {shown(value)} is not the length of a run")
    return length


def origin_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Where the run came from: its id, host and version there."""
    id = member(record, "id")
    if not isinstance(id, str) or not ID.fullmatch(id):
        raise ImportRefused(f"id: {shown(id)} is not the id of a run")
    host = line("host", member(record, "host"), 255)
    return {"id": id, "host": host, "oscope": record["oscope"], "imported_at": time.time()}


def machine_of(record: Mapping[str, Any], state: State) -> dict[str, Any] | None:
    """The facts of the machine, every one of its type; a run that failed early may have none."""
    given = member(record, "machine")
    if given is None and state is not State.DONE:
        return None
    sent = mapping("machine", given)
    hints = get_type_hints(Machine)
    machine = {field.name: sent.get(field.name) for field in fields(Machine)}
    for name, value in machine.items():
        check_fact(f"machine.{name}", hints[name], value)
    return machine


def check_fact(where: str, kind: Any, value: object) -> None:
    if kind is str:
        line(where, value, 200)
    elif kind is bool:
        if not isinstance(value, bool):
            raise ImportRefused(f"{where}: {shown(value)} is neither true nor false")
    elif kind == Sequence[int] | None:
        check_core_numbers(where, value)
    elif not (value is None and kind not in (int, float)):
        number(where, value)


def check_core_numbers(where: str, value: object) -> None:
    numbers = [] if value is None else value
    if not isinstance(numbers, list) or not all(type(n) is int and 0 <= n < MOST_CORES for n in numbers):
        raise ImportRefused(f"{where}: {shown(value)} is no list of whole numbers from 0 to {MOST_CORES - 1}")
    if len(numbers) > MOST_CORES:
        raise ImportRefused(f"{where}: {len(numbers)} cores are more than a machine has ({MOST_CORES})")


def conditions_of(record: Mapping[str, Any]) -> dict[str, float | None]:
    given = mapping("conditions", member(record, "conditions"), 40)
    named = {line("conditions", name, 40): value for name, value in given.items()}
    return {n: None if value is None else number(f"conditions.{n}", value) for n, value in named.items()}


# -- what is judged here ----------------------------------------------------------------------


def judged(run: Run, experiment: Experiment, tables: Mapping[str, Rows], record: Mapping[str, Any]) -> Run:
    """The run with its verdict and what became of its guess, both from the rows, as they would be here.

    Only a run that was carried out to its end has a verdict.
    """
    measured = record_of(experiment, run, dict(tables)) if run.state is State.DONE else None
    guess = guess_of(record, experiment, run, measured)
    if measured is None:
        return replace(run, guess=guess)
    verdict = verdict_of(experiment, measured)
    given = record.get("verdict")
    answer = given.get("answer") if isinstance(given, dict) else None
    origin = dict(run.origin or {})
    if isinstance(answer, str) and answer != verdict["answer"]:
        origin["answer"] = answer[:80]  # what was said there, where it is not what is said here
    return replace(run, verdict=verdict, guess=guess, origin=origin)


def verdict_of(experiment: Experiment, measured: Record) -> VerdictJson:
    """One that breaks is unclear, as on the bench."""
    try:
        return judge(experiment, measured).as_json()
    except Exception as error:
        log.info("the verdict of %s broke on an imported run", experiment.name, exc_info=True)
        why = f"{type(error).__name__}: {error}"[:200]
        broke = say("The rows are here, but the verdict on them broke: {why}.", why=why)
        return Verdict("unclear", broke).as_json()


def guess_of(
    record: Mapping[str, Any], experiment: Experiment, run: Run, measured: Record | None
) -> GuessJson | None:
    """What was guessed there, and how far off it was by the rows."""
    if record.get("guess") is None:
        return None
    given = mapping("guess", record["guess"])
    try:
        points = experiment.parse_guess(member(given, "points"), run.params)
    except ParameterError as error:
        raise ImportRefused(str(error)) from None
    given_at = moment("guess.given_at", member(given, "given_at"))
    guess: GuessJson = {
        "points": points,
        "given_at": given_at,
        "rows": compared(experiment, points, measured),
    }
    if isinstance(given.get("late"), bool):
        guess["late"] = given["late"]
    return guess


def compared(
    experiment: Experiment, points: Mapping[str, float | str], measured: Record | None
) -> list[dict[str, Any]] | None:
    if measured is None or experiment.guess is None:
        return None
    try:
        return experiment.guess.rows(points, measured)
    except Exception:
        log.info("the guess of %s broke on an imported run", experiment.name, exc_info=True)
        return None
