"""`oscope run NAME`: an experiment measured here and now, with its parameters as options."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.catalogue import catalogue
from app.cli import endings, streams
from app.cli.common import BAD, FAILED, NO_HOME, STOPPED, folder, print_json, refuse
from app.ground import paths
from experiments.kit.spec import Experiment, Field, ParameterError, SpecError, load, names

if TYPE_CHECKING:
    from app.cli.local import Order, Outcome
    from experiments.kit.guess import Guess

FILES = ("html", "json", "csv", "md", "trace")  # what a run is written to, beside the history
GENERAL = (
    "preset",
    "python",
    "guess",
    *(f"{form}_to" for form in FILES),
    "data",
    "store",
)  # options of every run


class Experiments(click.Group):
    """`oscope run NAME`: a command for every experiment, with its parameters as options."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in names():
            return None
        try:
            return run_command(load(cmd_name))
        except SpecError as error:
            refuse(error)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in names():
            refuse(f"there is no experiment {args[0]!r}; `oscope list` shows those that are there")
        return super().resolve_command(ctx, args)


@click.group(cls=Experiments, subcommand_metavar="NAME [OPTIONS]")
def run() -> None:
    """Measure one experiment here and now; it needs no server.

    Each has its own parameters: `oscope run NAME --help` shows them with their ranges.
    """


def run_command(experiment: Experiment) -> click.Command:
    """The command of one experiment."""
    from app.text.markup import read_article

    lede = read_article(experiment.article)[0]
    return click.Command(
        experiment.name,
        params=[*map(parameter_option, experiment.params), *general_options(experiment)],
        callback=lambda **given: measure(experiment, given),
        help=f"{experiment.question}\n\n{lede}",
        short_help=experiment.question,
    )


def parameter_option(field: Field) -> click.Option:
    """Takes any text: the experiment itself checks it, and says the same sentence everywhere."""
    spellings = dict.fromkeys([catalogue.option(field.name), f"--{field.name}"])
    allowed = "|".join(field.choices) or field.range() or "true|false"
    default = f"[default:\u00a0{catalogue.as_word(field.default)}]"
    text = f"{field.help[:1].upper()}{field.help[1:]}  {default}" if field.help else default
    return click.Option([*spellings, field.name], metavar=f"[{allowed}]", help=text)


def general_options(experiment: Experiment) -> list[click.Parameter]:
    presets = "|".join(experiment.presets)
    options = [click.Option(["--preset"], metavar=f"[{presets}]", help="Parameters that belong together.")]
    return [
        *(options if presets else []),
        *([guess_option(experiment.guess, experiment.parse({}))] if experiment.guess else []),
        click.Option(["--python"], metavar="ID", help="Measure with this interpreter; see `oscope doctor`."),
        click.Option(["--json", "json_to"], metavar="FILE", help="Write the whole record; - for stdout."),
        click.Option(["--html", "html_to"], metavar="FILE", help="Write a page that needs no server."),
        click.Option(["--md", "md_to"], metavar="FILE", help="Write the verdict and its table as Markdown."),
        click.Option(["--trace", "trace_to"], metavar="FILE", help="Write the lanes for the Perfetto UI."),
        click.Option(
            ["--csv", "csv_to"],
            metavar="FOLDER",
            help="Write a CSV for each table into this folder, or an archive of them if it ends in .zip.",
        ),
        click.Option(
            ["--data"],
            type=folder,
            envvar="OSCOPE_DATA",
            default=paths.data_dir,
            help="Where runs are kept.",
        ),
        click.Option(["--store/--no-store"], default=True, help="Keep the run in the history (the default)."),
    ]


def guess_option(guess: Guess, params: Mapping[str, Any]) -> click.Option:
    """Its keys are those of a run with the default parameters."""
    asked = guess.as_json(params)
    text = f"Say it first: {asked['ask'].replace('`', '')}"
    if "choices" in asked:
        return click.Option(["--guess"], metavar=f"[{'|'.join(asked['choices'])}]", help=text)
    keys = [point["key"] for point in asked["points"]]
    bounds = "0 % to 100 %" if asked["unit"] == "share" else f"{asked['low']:g} to {asked['high']:g}"
    if len(keys) == 1:
        return click.Option(["--guess"], metavar="NUMBER", help=f"{text} {bounds}.")
    bounds += ", together 100 %" if asked.get("whole") else ""
    other = "; other parameters ask for other keys" if asked["x_about"] else ""
    text += f" {bounds}, for all of {', '.join(keys)}{other}."
    return click.Option(["--guess"], metavar="KEY=NUMBER,…", help=text)


def measure(experiment: Experiment, given: dict[str, Any]) -> None:
    """Run it, show it, keep it; ends with the exit code that says how it went."""
    params = {k: v for k, v in given.items() if k not in GENERAL and v is not None}
    try:
        values = experiment.parse(params, given.get("preset"))
    except ParameterError as error:
        refuse(error)
    for form in FILES:
        check_target(form, given[f"{form}_to"])
    from app.cli import local, terminal
    from app.storage.errors import StorageFailed

    try:
        guess = read_guess(experiment, given.get("guess"), values)
        python = local.interpreter(given["python"])
        order = local.Order(experiment, values, given.get("preset"), python, guess)
    except ParameterError as error:
        refuse(error)
    try:
        with endings.asked() as end:
            with terminal.progress(experiment) as watch:
                outcome = local.measure(order, watch, end)
            kept = local.keep(outcome, given["data"] or NO_HOME) if given["store"] else ""
    except StorageFailed as error:
        refuse(f"nothing was measured: {error}", FAILED)
    with endings.interrupting():
        whole = deliver(order, outcome, given, kept)
    if end.wish:
        sys.exit(STOPPED)
    sys.exit({"done": 0 if whole else BAD, "stopped": STOPPED}.get(outcome.run.state, FAILED))


def read_guess(experiment: Experiment, said: str | None, params: Mapping[str, Any]) -> dict[str, Any] | None:
    """What "threads@2=1.9,threads@4=3", "0.5" or "blocking" stands for; ParameterError says why not."""
    if said is None:
        return None
    points = [point.rpartition("=") for point in said.split(",")]  # a key may be "n += 1"
    given: object = said.strip()
    if "=" in said:
        given = {name.strip(): value.strip() for name, _, value in points}
    return experiment.parse_guess(given, params)


def check_target(form: str, target: str | None) -> None:
    """Better now than after the measurement."""
    if target is None or (form, target) == ("json", "-"):
        return
    if target == "-":
        refuse(f"{form}: only --json can be written to stdout")
    path = Path(target)
    if not os.path.isdir(path.parent):  # `os.path` asks without raising, also where we may not look
        refuse(f"{form}: there is no folder {str(path.parent)!r}")
    folder, there = form == "csv" and path.suffix != ".zip", os.path.exists(path)
    if there and os.path.isdir(path) != folder:
        refuse(f"{form}: {target!r} is {'no' if folder else 'a'} folder")
    if not os.access(path if there else path.parent, os.W_OK) or not can_be_named(path):
        refuse(f"{form}: {target!r} may not be written")


def can_be_named(path: Path) -> bool:
    """Whether the system takes this name: not too long, no loop of links."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def deliver(order: Order, outcome: Outcome, given: Mapping[str, Any], kept: str) -> bool:
    """The run to files and the terminal; it is kept already. Whether all of it got there.

    Where nobody reads stdout, the sentences on stderr are still said, and then StdoutFailed is raised.
    """
    from app.cli import local, terminal
    from app.export import exports

    asked = {form: given[f"{form}_to"] for form in FILES}
    targets = {form: Path(target) for form, target in asked.items() if target not in (None, "-")}
    complaints = list(local.write(order, outcome, targets))
    with ExitStack() as at_last:
        for sentence in reversed([*complaints, *filter(None, [kept])]):
            at_last.callback(click.echo, sentence, err=True)
        with streams.delivering():
            if given["json_to"] == "-":
                print_json(exports.as_json(order.experiment, outcome.run, outcome.tables))
            else:
                terminal.show_outcome(order.experiment, outcome.run)
    return not complaints
