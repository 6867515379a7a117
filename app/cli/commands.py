"""The command `oscope`: serve, list, run, doctor, export, import.

Everything heavy is imported where it is used, so that a short command is a quick one.
Exit codes: 0 done; 2 a bad parameter, an unknown name, or a place that could not be written (stdout, a
file); 3 the run failed; 130 stopped; 141 who read stdout had enough (as for any program behind a pipe).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from app import __version__
from app.catalogue import catalogue
from app.cli import endings, streams
from app.export.downloads import FORMS
from app.ground import addresses, files, paths
from app.text.languages import LANGUAGES
from experiments.kit.docstrings import NoSource, docstring_of
from experiments.kit.numbers import read_whole
from experiments.kit.spec import Experiment, Field, ParameterError, SpecError, load, names

if TYPE_CHECKING:
    from app.cli.local import Order, Outcome
    from experiments.kit.guess import Guess

Read = TypeVar("Read")  # what an address is read as

BAD, FAILED, STOPPED = 2, 3, 130
NO_HOME = "this user has no home folder, so there is no place for the history: name one with --data"
FILES = ("html", "json", "csv", "md", "trace")  # what a run is written to, beside the history
GENERAL = (
    "preset",
    "python",
    "guess",
    *(f"{form}_to" for form in FILES),
    "data",
    "store",
)  # options of every run

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


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="oscope", message="%(prog)s %(version)s")
def cli() -> None:
    """An oscilloscope for operating systems and concurrency: guess, measure here and now, understand."""


# -- serve ------------------------------------------------------------------------------------


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=WholeRange(0, 65535), default=8000, show_default=True, help="0: any free one.")
@data_option
@click.option("--open/--no-open", "browse", default=False, help="Open the page in a browser.")
@click.option(
    "--token", default="", envvar="OSCOPE_TOKEN", help="Ask for this token; made where it is needed."
)
@click.option(
    "--viewer-token",
    default="",
    envvar="OSCOPE_VIEWER_TOKEN",
    help="Who has this one may watch and change nothing; made where there is a token.",
)
@click.option(
    "--allow-host", multiple=True, metavar="NAME", help="A name under which oscope may be asked for."
)
@click.option("--proxy", is_flag=True, help="A reverse proxy in front of oscope is expected and trusted.")
@click.option(
    "--url", default="", envvar="OSCOPE_URL", help="The address that others open; printed, drawn, on cards."
)
@click.option(
    "--prefix", default="", envvar="OSCOPE_PREFIX", help="The path that a proxy shows oscope under."
)
def serve(
    host: str,
    port: int,
    data: Path | None,
    browse: bool,
    token: str,
    viewer_token: str,
    allow_host: tuple[str, ...],
    proxy: bool,
    url: str,
    prefix: str,
) -> None:
    """Serve the bench: the pages, the live figures and the JSON interface."""
    from app.cli import server
    from app.ground.settings import Settings

    url, prefix = public_address(url, prefix)
    settings = Settings(
        data=history_folder(data),
        host=host.strip("[]"),
        port=port,
        token=token,
        viewer_token=viewer_token,
        allowed_hosts=tuple(address("allow-host", addresses.read_allowed, name) for name in allow_host),
        proxy=proxy,
        url=url,
        prefix=prefix,
    )
    try:
        server.serve(settings, browse)
    except server.CannotServe as error:
        refuse(error)


def public_address(url: str, prefix: str) -> tuple[str, str]:
    """The address that others open and the path in it, of which one may tell the other."""
    prefix = address("prefix", addresses.read_prefix, prefix)
    if not url:
        return "", prefix
    public = address("url", addresses.read_url, url)
    if prefix and public.prefix and prefix != public.prefix:
        refuse(f"--prefix {prefix} is not the path of --url, {public.prefix}: leave one of them out")
    public = replace(public, prefix=public.prefix or prefix)
    return public.url(""), public.prefix


def address(option: str, read: Callable[[str], Read], text: str) -> Read:
    """What the text of an option says; a sentence where it says nothing."""
    try:
        return read(text)
    except addresses.Misaddressed as error:
        refuse(f"--{option}: {error}")


# -- list and doctor --------------------------------------------------------------------------


def load_all() -> dict[str, Experiment]:
    try:
        return {name: load(name) for name in names()}
    except SpecError as error:
        refuse(error)


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="With parameters, tables and charts, as JSON.")
def list_(as_json: bool) -> None:
    """List the experiments and their questions."""
    experiments = load_all()
    if as_json:
        print_json({"experiments": [catalogue.describe(e) for e in experiments.values()]})
    else:
        from app.cli import terminal

        terminal.show_catalogue(experiments)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@data_option
def doctor(as_json: bool, data: Path | None) -> None:
    """What this machine can show, and what is missing for the rest."""
    from app.cli import doctor

    findings = doctor.examine(load_all(), data)
    if as_json:
        print_json(doctor.as_json(findings))
    else:
        from app.cli import terminal

        terminal.show_findings(findings)


# -- run --------------------------------------------------------------------------------------


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


@cli.group(cls=Experiments, subcommand_metavar="NAME [OPTIONS]")
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


# -- export -----------------------------------------------------------------------------------


@cli.command()
@click.argument("run_id", metavar="RUN")
@click.option(
    "--to",
    "form",
    type=click.Choice([str(form) for form in FORMS]),
    required=True,
    help="The form; csv and svg are archives.",
)
@click.option("-o", "--output", metavar="FILE", help="- for stdout; the default is a name of its own.")
@click.option("--lang", type=click.Choice([*LANGUAGES]), default="en", help="The language of its texts.")
@click.option(
    "--theme",
    type=click.Choice(["auto", "light", "dark"]),
    default="auto",
    help="The colours of html and svg.",
)
@data_option
def export(run_id: str, form: str, output: str | None, lang: str, theme: str, data: Path | None) -> None:
    """Write a run of the history to a file."""
    from app.cli import local
    from app.storage.errors import StorageFailed

    try:
        with endings.interrupting():
            name, content = local.export(run_id, form, history_folder(data), lang, theme)
    except (LookupError, StorageFailed) as error:
        refuse(error.args[0])
    target = output or name
    if target == "-":
        sys.stdout.buffer.write(content)
        return
    try:
        files.write_whole(Path(target), content)
    except OSError as error:
        refuse(f"{target} cannot be written: {error.strerror}")
    click.echo(f"wrote {target}", err=True)


@cli.command("import")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@data_option
def import_(file: Path, data: Path | None) -> None:
    """Put a run that another oscope exported as JSON into the history; - reads it from stdin."""
    from app.cli import local
    from app.storage.errors import StorageFailed

    try:
        said = local.adopt(file, history_folder(data))
    except (LookupError, StorageFailed, OSError) as error:
        refuse(error.args[0] if isinstance(error, LookupError) else error)
    click.echo(said)


def as_text(thing: Any) -> str:
    """JSON has no infinity and no "not a number": null stands for them."""
    from pydantic_core import to_json

    return to_json(thing, indent=1, inf_nan_mode="null").decode() + "\n"


def print_json(thing: Any) -> None:
    """UTF-8 whatever the terminal speaks: JSON is."""
    sys.stdout.buffer.write(as_text(thing).encode())


def main() -> None:
    """The console script."""
    streams.prepare_streams()
    os.umask(os.umask(0o077) & 0o077)  # nobody is kept from reading again what oscope writes for them
    restore_help(cli)
    sys.exit(carry_out())


def carry_out() -> int:
    """The command to its end; its exit code."""
    try:
        with streams.delivering():
            return int(cli.main(prog_name="oscope", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return STOPPED
    except streams.StdoutFailed as failure:
        if failure.code != streams.UNREAD:
            click.echo(failure, err=True)
        return failure.code


def restore_help(group: click.Group) -> None:
    """What the commands say of themselves, where this Python has dropped their docstrings."""
    for command in (group, *group.commands.values()):
        if command.callback and not command.help:
            with suppress(NoSource):
                command.help = docstring_of(command.callback)
