"""A run as one HTML file that opens from disk: figures as SVG, tables, verdict, code, no script.

It asks nobody for anything: its content security policy forbids all but its own styles. Without a
fixed theme it follows the reader's, because its drawings are coloured by CSS variables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup
from pygments.lexers.python import PythonLexer
from pygments.token import Token

from app.catalogue import catalogue
from app.export.exports import Whole
from app.ground import paths
from app.runs import pads
from app.runs.conditions import conditions
from app.runs.run import Run, State
from app.svg import NARROW, WIDE, Styles, embedded
from app.svg.tokens import declarations
from app.system import interpreters
from app.text import languages, prose, templating
from app.text.values import escape
from experiments.kit.spec import chapters

TABLE_ROWS = 30  # of a figure's table; the files have all of them
ROOM = 102_000  # characters for drawings and code together: so a report stays under 150 kB
CODE = 36_000  # characters of source at most; helpers beyond it are named only
TOKENS = re.compile("(?!fs-|gutter|maxw|shade|hair|signal-ink|lamp|r$|tl-fs)")  # those that a report uses
ELEMENTS = (
    (Token.Comment, "i"),
    (Token.Literal.String.Doc, "i"),
    (Token.Literal.String, "u"),
    (Token.Keyword, "b"),
    (Token.Operator.Word, "b"),
    (Token.Name.Function, "var"),
    (Token.Name.Class, "var"),
    (Token.Name.Decorator, "var"),
)
INTERPRETER = re.compile(r"[A-Za-z0-9._+-]+")
WHY_NOT = {
    State.QUEUED: "This run has not begun: there is nothing to show yet.",
    State.RUNNING: "This run was still being measured when this page was made; what it had by then is here.",
    State.STOPPED: "No verdict: the run was ended early.",
    State.FAILED: "No verdict: the run did not reach its end.",
    State.DONE: "No verdict.",
}


def as_html(whole: Whole) -> str:
    """The report, in the words of `whole`; its theme is "light", "dark" or anything else for both."""
    with languages.speaking(whole.words):
        return environment().get_template("report.html").render(**facts(whole))


def facts(whole: Whole) -> dict[str, Any]:
    run, experiment = whole.run, whole.experiment
    styles = Styles()
    figures = [panel(figure, styles) for figure in whole.figures]
    taken = sum(len(figure["drawings"]) for figure in figures)
    sources, others = code(whole, min(CODE, ROOM - taken))
    lede, *why = prose.paragraphs(languages.t(experiment.article), at_home=False)
    chapter = next((c.title for c in chapters() if c.name == experiment.chapter), experiment.chapter)
    return {
        "run": run,
        "experiment": experiment,
        "chapter": chapter,
        "tag": languages.TAGS[whole.words.language],
        "theme": whole.theme if whole.theme in ("light", "dark") else "",
        "css": css(whole.theme, whole.words.language) + Markup(styles.css()),
        "figures": figures,
        "conditions": conditions(run),
        "why_not": WHY_NOT[State(run.state)],
        "command": command(whole),
        "guesses": guesses(whole),
        "guessed_late": guessed_late(run),
        "lede": lede,
        "why": why,
        "sources": sources,
        "others": others,
        "made_at": run.ended_at or run.created_at,
        "most": TABLE_ROWS,
    }


@cache
def environment() -> Environment:
    return templating.environment()


def command(whole: Whole) -> str:
    """What repeats the run; the interpreter is named where it is not the one oscope runs on.

    People copy this line into a shell: of a run that came from elsewhere nothing else may be in it.
    """
    python = whole.run.python if INTERPRETER.fullmatch(whole.run.python) else ""
    python = "" if python == interpreters.default().id else python
    return catalogue.command_line(whole.experiment, whole.run.params, python)


def guesses(whole: Whole) -> list[dict[str, Any]]:
    """The table "you, measured, off by": each line with what it is called."""
    about = getattr(whole.experiment.guess, "x_about", "")
    return [row | {"name": pads.point_name(row, about)} for row in whole.run.compared]


def guessed_late(run: Run) -> bool:
    """A guess that was given when the answer was there already."""
    return run.guessed_late


def panel(figure: Mapping[str, Any], styles: Styles) -> dict[str, Any]:
    """A figure twice, for a desk and for a phone; the stylesheet shows one of them."""
    drawn = [embedded(figure, width, styles) for width in (WIDE, NARROW)]
    return {"spec": figure, "drawings": Markup("\n".join(drawn))}


# -- styles -----------------------------------------------------------------------------------


def css(theme: str, language: str) -> Markup:
    """All styles of the report. Print is always light: paper is."""
    light, dark = declarations("light", TOKENS), declarations("dark", TOKENS)
    folder = paths.resource("static") / "css"
    own = "".join(map(stylesheet, [folder / "report.css", *folder.glob(f"report.{language}.css")]))
    if theme == "dark":
        return Markup(f":root{{{light}}}@media screen{{:root{{color-scheme:dark;{dark}}}}}{own}")
    if theme == "light":
        return Markup(f":root{{color-scheme:light;{light}}}{own}")
    both = f":root{{color-scheme:light dark;{light}}}"
    return Markup(f"{both}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{own}")


@cache
def stylesheet(path: Path) -> str:
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\s+", " ", text).strip()


# -- the code ---------------------------------------------------------------------------------


def code(whole: Whole, room: int) -> tuple[list[tuple[str, Markup, str]], list[str]]:
    """Module and helpers as (path, code, line numbers), and the paths of those there is no room for."""
    shown: list[tuple[str, Markup, str]] = []
    others: list[str] = []
    for path, text in catalogue.sources(whole.experiment):
        room -= len(text)
        if room >= 0 or not shown:
            shown.append((path, *listing(text)))
        else:
            others.append(path)
    return shown, others


@lru_cache(maxsize=64)  # the same modules in every report
def listing(source: str) -> tuple[Markup, str]:
    """The code after docstring and imports, with the least marks that colour it, and its line numbers."""
    first = prose.first_statement(source)
    lines = source.rstrip().splitlines()
    code = "\n".join(lines[first - 1 :])
    tokens = PythonLexer(stripnl=False, ensurenl=False).get_tokens(code)
    parts = []
    for element, run in groupby(tokens, key=lambda token: element_of(token[0])):
        text = escape("".join(words for _, words in run))
        parts.append(f"<{element}>{text}</{element}>" if element else text)
    return Markup("".join(parts)), "\n".join(map(str, range(first, len(lines) + 1)))


def element_of(kind: Any) -> str:
    """Short elements instead of classes: a listing is a third of the file."""
    return next((element for known, element in ELEMENTS if kind in known), "")
