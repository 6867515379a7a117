"""What all commands share: exit codes, refusals, the option of the history, JSON on stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from app.ground import paths
from experiments.kit.numbers import read_whole
from experiments.kit.spec import Experiment, SpecError, load, names

BAD, FAILED, STOPPED = 2, 3, 130
NO_HOME = "this user has no home folder, so there is no place for the history: name one with --data"
folder = click.Path(file_okay=False, path_type=Path)
data_option = click.option(
    "--data", type=folder, envvar="OSCOPE_DATA", help="Where runs are kept.", default=paths.data_dir
)  # None where this user has no home


class WholeRange(click.IntRange):
    """A whole number by the rule that forms have too; Python's own takes `8_000` and digits of any script."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str):
            known = read_whole(value)
            if known is None:
                self.fail(f"{value!r} is not a whole number", param, ctx)
            value = known
        return super().convert(value, param, ctx)


def refuse(sentence: object, code: int = BAD) -> NoReturn:
    """End with a sentence on stderr, and nothing on stdout."""
    click.echo(str(sentence), err=True)
    raise SystemExit(code)


def history_folder(data: Path | None) -> Path:
    """The folder of the history, where a command is nothing without one."""
    return data or refuse(NO_HOME)


def load_all() -> dict[str, Experiment]:
    try:
        return {name: load(name) for name in names()}
    except SpecError as error:
        refuse(error)


def as_text(thing: Any) -> str:
    """JSON has no infinity and no "not a number": null stands for them."""
    from pydantic_core import to_json

    return to_json(thing, indent=1, inf_nan_mode="null").decode() + "\n"


def print_json(thing: Any) -> None:
    """UTF-8 whatever the terminal speaks: JSON is."""
    sys.stdout.buffer.write(as_text(thing).encode())
