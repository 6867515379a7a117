"""A run without a server: measured like any other, watched by a terminal, kept in the same history.

While it is measured its rows lie in a folder of its own; the history sees the run when it is whole.
So a server may work on the same history at the same time, and a run that is broken off leaves nothing.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.bench.bench import Bench
from app.bench.live_run import Live
from app.children.scratch import lend_scratch
from app.cli.endings import End
from app.export import downloads, exports
from app.export.trace import NoLanes
from app.ground import paths
from app.ground.files import write_whole
from app.ground.limits import IMPORT_B
from app.importing import adoption
from app.importing.checks import ImportRefused
from app.live.topics import Hub
from app.runs.run import Run
from app.storage.errors import StorageFailed
from app.storage.records import tables_of
from app.storage.schema import Rows
from app.storage.store import Store
from app.storage.writer import copy_whole, keep_whole
from app.system import interpreters
from app.system.interpreters import Interpreter
from app.text import languages
from experiments.kit.spec import Experiment, ParameterError, SpecError, load, load_all

LOOK_S = 0.5  # between two looks at the progress: each costs the cores that are being measured

Watch = Callable[[Run], None]


@dataclass(frozen=True)
class Order:
    """What to measure, with all parameters and the interpreter."""

    experiment: Experiment
    params: Mapping[str, Any]
    preset: str | None
    python: Interpreter
    guess: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Outcome:
    """A run that has ended, with its rows and the names of their columns."""

    run: Run
    tables: dict[str, Rows]
    columns: dict[str, list[str]]


def interpreter(id: str | None) -> Interpreter:
    """The one of that id; ParameterError names those that are there."""
    if id is None:
        return interpreters.default()
    found = interpreters.find()
    if id not in found:
        raise ParameterError(f"python: {id!r} is not one of {', '.join(found)}")
    return found[id]


# -- measuring --------------------------------------------------------------------------------


def measure(order: Order, watch: Watch, end: End) -> Outcome:
    """Carry the order out; `watch` sees the run now and then. A signal stops it, and its rows stay.

    StorageFailed says why there is no place for its rows.
    """
    with folder_of_ours() as folder, closing(Store(paths.database(folder))) as store:
        return asyncio.run(carry_out(order, store, watch, end))


@contextmanager
def folder_of_ours() -> Iterator[Path]:
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(lend_scratch())
        except OSError as error:
            raise StorageFailed(f"there is no place for temporary files: {error}") from error
        yield folder


async def carry_out(order: Order, store: Store, watch: Watch, end: End) -> Outcome:
    name = order.experiment.name
    bench = Bench({name: order.experiment}, store, Hub(), {order.python.id: order.python})
    try:
        await bench.start()
        run = await bench.submit(name, order.params, order.preset, order.python.id, order.guess)
        live = await bench.views.of(run.id)
        loop = asyncio.get_running_loop()
        end.tell = lambda why: loop.call_soon_threadsafe(live.stop, why)
        if end.wish:
            live.stop(end.wish)
        await follow(live, watch)
        tables = await asyncio.to_thread(tables_of, store, order.experiment, run.id)
        return Outcome(live.run, tables, await asyncio.to_thread(store.columns, run.id))
    finally:
        end.tell = None
        await bench.close()


async def follow(live: Live, watch: Watch) -> None:
    while not live.ended.is_set():
        watch(live.run)
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await live.ended.wait()
    watch(live.run)


# -- the history ------------------------------------------------------------------------------


def keep(outcome: Outcome, data: Path | str) -> str:
    """Put the run into the history in one step; a sentence says where it is, or why it is not.

    In place of a folder `data` may be the sentence that says why there is none.
    """
    run = outcome.run
    if isinstance(data, str):
        return f"the run was not kept: {data}"
    try:
        data.mkdir(parents=True, exist_ok=True)
        keep_whole(paths.database(data), run, outcome.columns, outcome.tables)
    except (StorageFailed, OSError) as error:
        return f"the run was not kept: {error}"
    return f"kept as run {run.id}; `oscope serve` shows it at /runs/{run.id}"


def write(order: Order, outcome: Outcome, targets: Mapping[str, Path]) -> Iterator[str]:
    """The run in each of these forms to its file; a sentence for each that could not be written."""
    for form, target in targets.items():
        try:
            if form == "csv" and target.suffix != ".zip":
                write_csv(target, exports.csv_files(order.experiment, outcome.tables))
            else:
                whole = downloads.whole(form, order.experiment, outcome.run, outcome.tables)
                write_whole(target, downloads.make(form, whole).content)
        except NoLanes as error:
            yield f"{target} was not written: {error}"
        except OSError as error:
            yield f"{target} cannot be written: {error.strerror}"


def write_csv(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_whole(folder / name, text.encode())


def export(
    run_id: str, form: str, data: Path, language: str = "en", theme: str = "auto"
) -> tuple[str, bytes]:
    """Name and content of a file with one run of the history; LookupError and StorageFailed say why not."""
    path = paths.database(data)
    if not os.path.exists(path):
        raise LookupError(f"there is no history in {data}; --data names another folder")
    with folder_of_ours() as folder:
        copy = folder / path.name
        copy_whole(path, copy)
        with closing(Store(copy)) as store:
            return export_from(store, run_id, form, language, theme)


def adopt(file: Path, data: Path) -> str:
    """Put a file that an oscope exported into the history; LookupError and StorageFailed say why not."""
    named = "stdin" if str(file) == "-" else str(file)
    try:
        content = read_file(file)
    except OSError as error:
        raise LookupError(f"{named} cannot be read: {error.strerror}") from None
    if len(content) > IMPORT_B:
        raise LookupError(f"{named}: a file to import may have {IMPORT_B // 2**20} MB")
    try:
        run = adoption.adopt(content, load_all(), paths.database(data))
    except ImportRefused as error:
        raise LookupError(f"{named}: {error}") from None
    return f"imported as run {run.id}; `oscope serve` shows it at /runs/{run.id}"


def read_file(file: Path) -> bytes:
    """What is in it, up to one byte too many; "-" is stdin."""
    if str(file) == "-":
        return sys.stdin.buffer.read(IMPORT_B + 1)
    with file.open("rb") as opened:
        return opened.read(IMPORT_B + 1)


def export_from(store: Store, run_id: str, form: str, language: str, theme: str) -> tuple[str, bytes]:
    try:
        run = store.get(run_id)
    except KeyError:
        raise LookupError(f"there is no run {run_id!r} in this history") from None
    try:
        experiment = load(run.experiment)
    except (ImportError, SpecError) as error:
        raise LookupError(f"the experiment {run.experiment} is not there any more: {error}") from None
    experiments = {run.experiment: experiment}
    tables = tables_of(store, experiment, run.id)
    words = languages.load(language, experiments)
    with languages.speaking(words):
        file = downloads.make(form, downloads.whole(form, experiment, run, tables, words, theme))
    return file.name, file.content
