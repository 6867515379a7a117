"""Texts and numbers as a page shows them: articles, sentences, source code, parameters. Pure.

What comes from a module or a measurement is escaped here, once, by markupsafe.
"""

from __future__ import annotations

import ast
import re
import string
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.python import PythonLexer

from app.text import languages, markup, values
from app.text.cores import describe_cores
from app.text.languages import t
from experiments.kit.charts import STATES
from experiments.kit.sentences import duration, fixed, grouped, significant, trimmed
from experiments.kit.spec import Field

HAN = r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]"  # with its punctuation


# -- articles and code ------------------------------------------------------------------------


def paragraphs(article: str, *, at_home: bool = True) -> tuple[Markup, ...]:
    """Each block of an article as HTML (`app.text.markup`)."""
    return markup.render_article(article, at_home=at_home)


def inline(text: str) -> Markup:
    """Running text on one line: `code`, *stress* and **strong words** are marked."""
    return markup.render_line(text)


def clauses(title: str) -> Markup:
    """A title of several Chinese clauses, each in an element: a line breaks between them if it can."""
    parts = re.split(r"(?<=[，；：])", title)
    return escape(title) if len(parts) == 1 else Markup().join(map(Markup("<span>{}</span>").format, parts))


@lru_cache(maxsize=64)  # a page shows the same source every time, and colouring it takes 30 ms
def listing(source: str) -> Markup:
    """Python source with Pygments' classes, one numbered element a line, from where the code begins."""
    coloured = highlight(source.rstrip(), PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))
    lines = list(enumerate(coloured.splitlines(), 1))[first_statement(source) - 1 :]
    # A line of nothing keeps its height: an empty element would collapse.
    return Markup("".join(f'<span class="l" data-n="{n}">{line or " "}</span>' for n, line in lines))


def first_statement(source: str) -> int:
    """The line where the code begins: after the docstring, which the page shows as text, and imports."""
    for statement in ast.parse(source).body:
        documents = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not documents and not isinstance(statement, ast.Import | ast.ImportFrom):
            decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
            return min([statement.lineno, *(d.lineno for d in decorators)])
    return 1


# -- sentences --------------------------------------------------------------------------------


def colour(about: str) -> str:
    """The CSS variable of a state or an entity; empty where the word has no colour."""
    if about in STATES:
        return f"--st-{about}"
    return f"--en-{about}" if about in values.ENTITIES else ""


def said(sentence: Mapping[str, Any] | str) -> Markup:
    """A sentence in the reader's language, its numbers coloured by what they speak of (`kit.sentences`)."""
    return markup.render_sentence(languages.parts(sentence, languages.words()), value)


def html(english: str, **values: Any) -> Markup:
    """A text in the reader's language with HTML in its places; what is not Markup is escaped."""
    return Markup("{}").format(t(english)).format(**values)


def ended(text: str) -> str:
    """A few words as a sentence of the reader's language: a capital first, a full stop last."""
    told = capital(t(text))
    return told if told[-1:] in ".!?…。！？" else told + t(".")


def capital(text: str) -> str:
    """The text as a sentence begins; Chinese has no capitals."""
    return text if re.search(HAN, text) else values.sentence(text)


def value(given: Mapping[str, Any]) -> Markup:
    variable = colour(given.get("about") or "")
    if not variable:
        return escape(given["text"])
    return Markup('<span class="about" style="--c:var({})">{}</span>').format(variable, given["text"])


def strip(verdict: Mapping[str, Any] | None, most: int = 3) -> Markup:
    """A verdict in a few words: the answer, then numbers of its headline, each with what it speaks of."""
    if not verdict:
        return Markup("")
    answer = Markup('<span class="answer">{}</span>').format(t(verdict["answer"]))
    numbers = [named_number(one) for one in comparable(verdict.get("said", {}).get("headline", {}))]
    return Markup('<span class="strip">{}</span>').format(Markup(" ").join([answer, *numbers[:most]]))


def comparable(sentence: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The numbers that a sentence says of something by name: one for each name, of the unit of the first."""
    names = [name for _, name, _, _ in string.Formatter().parse(sentence.get("template", "")) if name]
    values = [sentence["values"][name] for name in names if name in sentence["values"]]
    named = [v for v in values if v.get("number") is not None and v.get("about")]
    found: dict[str, Mapping[str, Any]] = {}
    for v in named:
        if v["unit"] == named[0]["unit"]:
            found.setdefault(v["about"], v)
    return list(found.values())


def named_number(given: Mapping[str, Any]) -> Markup:
    """ "threads 0.97×", in their colour."""
    about = given["about"]
    name = t(STATES[about].label if about in STATES else about)
    return Markup('<span class="of">{} {}</span>').format(name, value(given))


# -- parameters and numbers -------------------------------------------------------------------


def number(given: Any) -> str:
    """A value of any kind as text: 0.25, 200 000, yes, hash."""
    if given is None:
        return "–"
    if isinstance(given, bool):
        return t("yes") if given else t("no")
    if isinstance(given, int) or (isinstance(given, float) and given.is_integer() and abs(given) < 1e15):
        return grouped(given)
    return trimmed(significant(given, 6)) if isinstance(given, float) else t(str(given))


def named(name: str) -> str:
    """What a parameter or a column is called: its name in words, in the reader's language."""
    return t(name.replace("_", " "))


def heading(column: str) -> str:
    """What stands over a column whose cells have their units: "ready_s" is "ready"."""
    return values.words(column)


def measured(given: Any, unit: str = "") -> str:
    """A parameter's value with its unit: "100 ms"."""
    return f"{number(given)} {t(unit)}".rstrip()


def bounds(field: Field) -> str:
    """ "2 to 32", "5 to 1000 ms"."""
    return f"{t('{low} to {high}', low=number(field.low), high=number(field.high))} {t(field.unit)}".rstrip()


def cell(given: Any, unit: str = "") -> str:
    """A measured value in a table: 12.3 ms, 48 %, thread 1."""
    if isinstance(given, int | float) and not isinstance(given, bool):
        return values.number(given, unit)
    return number(given)


def parameters(fields: Sequence[Field], params: Mapping[str, Any]) -> str:
    """What differs from the defaults, "workers 4 · work 100 ms"; "defaults" where nothing does."""
    known = {field.name: field for field in fields}
    shown = [
        f"{named(name)} {measured(given, known[name].unit if name in known else '')}"
        for name, given in params.items()
        if name not in known or given != known[name].default
    ]
    return " · ".join(shown) or t("defaults")


def took(run: Any) -> str:
    """How long a run took; empty where nobody knows."""
    return "" if run.took_s is None else duration(run.took_s).text


def cores(machine: Mapping[str, Any]) -> str:
    """Which cores a run had, in the reader's language."""
    return describe_cores(machine, languages.words())


def rough(seconds: float) -> str:
    """About how long: "7 s", "0.4 s", "3 min"."""
    if seconds >= 100:
        return t("{n}\u00a0min", n=grouped(seconds / 60))
    return f"{grouped(seconds)}\u00a0s" if seconds >= 0.95 else f"{fixed(max(seconds, 0.1), 1)}\u00a0s"


def moment(seconds: float | None) -> str:
    """Local time, "2026-11-23 10:22"."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds else ""


def iso(seconds: float | None) -> str:
    """For machines: UTC, "2026-11-23T09:22:05Z"."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds else ""


# -- processes --------------------------------------------------------------------------------

PROCESS_STATES = {  # the letters of /proc/<pid>/stat, proc(5)
    "R": "running or ready",
    "S": "blocked",
    "D": "blocked, uninterruptible",
    "T": "stopped",
    "t": "stopped by a debugger",
    "Z": "zombie",
    "X": "dead",
    "I": "idle kernel thread",
}


def process_state(letter: str) -> str:
    """What a state is called, in English."""
    return PROCESS_STATES.get(letter, letter)


def process_states() -> dict[str, str]:
    """All of them, in the reader's language."""
    return {letter: t(said) for letter, said in PROCESS_STATES.items()}
