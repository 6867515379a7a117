"""What a terminal shows: the catalogue, a run's progress, its verdict, what the machine can show.

Rich reads square brackets as markup, so it gets nothing as `str`: all that it shows goes through `styled`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from app.text.cores import describe_cores
from experiments.kit.sentences import duration, percent
from experiments.kit.spec import Experiment, read_chapter

if TYPE_CHECKING:
    from rich.text import Text

    from app.cli.doctor import Finding
    from app.cli.local import Watch
    from app.runs.run import Run

MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}
MARKED = {"": "", "em": "italic", "strong": "bold"}  # how a terminal shows a mark
COLOURS = {"done": "green", "failed": "red", "stopped": "yellow"}
CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)  # what moves a cursor, rings or colours; not tab, not line
LAST_WORDS = 12  # lines of what a child printed before its end


# -- the catalogue ----------------------------------------------------------------------------


def show_catalogue(experiments: Mapping[str, Experiment]) -> None:
    """Chapter by chapter, each experiment with its question. Not by rich: it must be quick."""
    width = max((len(name) for name in experiments), default=0)
    for chapter, members in groupby(experiments.values(), key=lambda e: e.chapter):
        click.secho(f"\n{read_chapter(chapter).title}", bold=True)
        for experiment in members:
            click.echo(f"  {click.style(experiment.name.ljust(width), fg='cyan')}  {experiment.question}")
    click.echo("\noscope run NAME measures one here and now; oscope run NAME --help shows its parameters.")


# -- a run ------------------------------------------------------------------------------------


@contextmanager
def progress(experiment: Experiment) -> Iterator[Watch]:
    """A bar on stderr, drawn anew only when somebody looks; nothing where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[doing]}", style="dim", markup=False),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(experiment.name, total=1.0, doing="")

        def watch(run: Run) -> None:
            bar.update(task, completed=run.progress, doing=CONTROLS.sub("", run.progress_text), refresh=True)

        yield watch


def show_outcome(experiment: Experiment, run: Run) -> None:
    """The question, what was measured on what, the verdict with its checks and doubts."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table

    console = Console(highlight=False)
    checks = Table.grid(padding=(0, 1, 0, 0))
    for mark, sentence in findings(run):
        checks.add_row(mark, sentence)
    console.print(styled(f"\n{experiment.question}", "bold"))
    console.print(styled(f"{setting(experiment, run)}\n", "dim"))
    console.print(panel(run))
    console.print(Padding(checks, (0, 2)))
    if compared := comparison(experiment, run):
        console.print(Padding(compared, (1, 2, 0, 2)))
    console.print(styled(f"\n{disturbances(run)}" if run.conditions else "", "dim"))


def styled(text: object, style: str = "") -> Text:
    """Text as it is: a bracket in it is a bracket, and nothing in it moves the cursor."""
    from rich.text import Text

    return Text(CONTROLS.sub("\ufffd", str(text)), style)


def setting(experiment: Experiment, run: Run) -> str:
    """ "python 3.11.7 on vm, 2 cores · workers 4, work 100 ms"."""
    machine = run.machine or {}
    place = ", ".join(filter(None, (f"{run.python} on {run.host}", describe_cores(machine))))
    units = {field.name: field.unit for field in experiment.params}
    params = [f"{name} {shown(value)} {units.get(name, '')}".rstrip() for name, value in run.params.items()]
    return f"{', '.join(params)}\n{place}{took(run)}"


def shown(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def took(run: Run) -> str:
    return "" if run.took_s is None else f", {duration(run.took_s).text}"


def panel(run: Run) -> Any:
    """The answer and the sentence with its numbers, or why there is none."""
    from rich.box import ROUNDED
    from rich.panel import Panel

    from app.text.values import sentence

    if run.verdict:
        title, text = run.verdict["answer"], spoken(run.headline)
    else:
        title, text = str(run.state), styled(f"{sentence(run.why)}.".replace("..", "."))
        text.append_text(styled(last_words(run), "dim"))
    colour = COLOURS[run.state] if not run.verdict or title != "unclear" else "yellow"
    return Panel(text, title=styled(title, "bold"), title_align="left", border_style=colour, box=ROUNDED)


def last_words(run: Run) -> str:
    lines = run.last_words.strip().splitlines()[-LAST_WORDS:]
    return "\n\n" + "\n".join(lines) if lines else ""


def spoken(sentence: Mapping[str, Any] | str) -> Text:
    """A sentence with its numbers in bold; `code` keeps its marks, so that it can be told and copied."""
    from app.text.languages import ENGLISH, parts
    from app.text.markup import read_sentence

    text = styled("")
    for mark, alike in groupby(read_sentence(parts(sentence, ENGLISH)), key=lambda span: span.mark):
        fence, style = ("`", "") if mark == "code" else ("", MARKED[mark])
        text.append(fence)
        for span in alike:
            text.append_text(
                styled(span.value["text"], f"bold {style}") if span.value else styled(span.words, style)
            )
        text.append(fence)
    return text


def findings(run: Run) -> Iterator[tuple[Text, Text]]:
    """The checks with ✓, ✗ or ?, then the doubts."""
    for claim, ok in run.checks:
        mark, colour = MARKS[ok]
        yield styled(mark, colour), spoken(claim)
    for doubt in run.doubts:
        yield styled("!", "yellow"), spoken(doubt)


def comparison(experiment: Experiment, run: Run) -> Any:
    """The table you, measured, off by; None where nobody guessed or nothing was compared."""
    from rich.table import Table

    from app.runs.pads import point_name
    from app.text.languages import ENGLISH

    if not run.compared:
        return None
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    about = getattr(experiment.guess, "x_about", "")
    table.add_column("your guess")
    for heading in ("you", "measured", "off by"):
        table.add_column(heading, justify="right")
    for row in run.compared:
        colour = {True: "green", False: "red", None: "yellow"}[row["near"]]
        told = [styled(row[name]["text"]) for name in ("you", "measured")]
        name = styled(point_name(row, about, ENGLISH))
        table.add_row(name, *told, styled(row["off"]["text"], colour))
    return table


def disturbances(run: Run) -> str:
    from app.runs.conditions import conditions

    return " · ".join(f"{told['name']} {percent(told['share']).text}" for told in conditions(run))


# -- the doctor -------------------------------------------------------------------------------


def show_findings(findings: Sequence[Finding]) -> None:
    """One line for what is there, and under what is missing the step that brings it."""
    from rich.console import Console
    from rich.table import Table

    grid = Table.grid(padding=(0, 1))
    for finding in findings:
        mark, colour = MARKS[finding.ok]
        grid.add_row(styled(mark, colour), styled(finding.name, "bold"), styled(finding.says))
        if finding.brings:
            grid.add_row("", "", styled(finding.brings, "dim"))
    Console(highlight=False).print(grid)
