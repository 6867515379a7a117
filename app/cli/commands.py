"""The command `oscope`: serve, list, run, doctor, export, import.

Everything heavy is imported where it is used, so that a short command is a quick one.
Exit codes: 0 done; 2 a bad parameter, an unknown name, or a place that could not be written (stdout, a
file); 3 the run failed; 130 stopped; 141 who read stdout had enough (as for any program behind a pipe).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click

from app import __version__
from app.catalogue import catalogue
from app.cli import endings, streams
from app.cli.common import (
    STOPPED,
    WholeRange,
    data_option,
    history_folder,
    load_all,
    print_json,
    refuse,
)
from app.cli.run import run
from app.export.downloads import FORMS
from app.ground import addresses, files
from app.text.languages import LANGUAGES
from experiments.kit.docstrings import NoSource, docstring_of

Read = TypeVar("Read")  # what an address is read as


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="oscope", message="%(prog)s %(version)s")
def cli() -> None:
    """An oscilloscope for operating systems and concurrency: guess, measure here and now, understand."""


cli.add_command(run)


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
