"""A run as Markdown, for a wiki, a chat or a pull request: verdict, guess, tables, how to repeat it.

What comes from people, modules or measurements is escaped: it can neither break a table nor bring a
link, a picture or HTML of its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from app import __version__
from app.export.exports import Whole
from app.export.report import WHY_NOT, command, guessed_late, guesses
from app.runs.conditions import conditions
from app.runs.run import Run, State
from app.text import languages, markup, prose
from app.text.languages import t
from experiments.kit.sentences import SentenceJson, percent

MOST_ROWS = 12  # of a figure's table: a message is no file
SIGNS = re.compile(r"([\\`*{}\[\]|~$]|(?<=\])\(|(?<![^\W_])_|_(?![^\W_]))")  # no _ inside of a word
SPOKEN = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}  # what no backslash takes the meaning of
LINKS = re.compile(r"(?i):(?=//)|(?<=www)\.|:(?=[\w+-]+:)")  # of an address, or of a name like :smile:
SIGN_OF = {"": "", "em": "*", "strong": "**"}
STARTS = re.compile(r"^([-+=#]|\d+[.](?=\s|$))")  # of a heading or a list
MARKED = {True: "✓", False: "✗", None: "?"}


def as_markdown(whole: Whole) -> str:
    """GitHub-flavoured Markdown, in the words of `whole`; it ends with a line break."""
    with languages.speaking(whole.words):
        blocks = [block for block in told(whole) if block]
    return "\n\n".join(blocks) + "\n"


def told(whole: Whole) -> Iterator[str]:
    run, experiment = whole.run, whole.experiment
    yield f"# {plain(t(experiment.question))}"
    yield f"**{isolated(run.name)}**" if run.name else ""
    yield verdict(run)
    yield from guess(whole)
    yield "\n".join(checks(run))
    yield isolated(run.note)
    for figure in whole.figures:
        yield from table(figure)
    yield "\n".join(facts(whole))
    yield f"{t('The same run from a terminal')}{t(': ').rstrip()}\n\n{fenced(command(whole))}"
    host = (run.machine or {}).get("host") or run.host or "–"
    when = prose.moment(run.ended_at or run.created_at)
    measured = t("Measured by oscope {version} on {host}, {when}.", version=__version__, host=host, when=when)
    yield f"{plain(measured)}{t(' ')}{prose.capital(t('run'))} `{run.id}`"


def verdict(run: Run) -> str:
    if run.verdict:
        answer, headline = prose.ended(run.verdict["answer"]), sentence(run.headline)
        return f"**{plain(answer)}** {headline}"  # a space in Chinese too: without it ** is text
    lead = {State.FAILED: t("Failed."), State.STOPPED: t("Stopped.")}.get(State(run.state), "")
    why = prose.ended(run.why) if run.why and run.why != "stopped on request" else ""
    bold = f"**{lead}** " if lead else ""  # the space is Markdown's: without it nothing ends what is bold
    said = bold + t(" ").join(filter(None, [t(WHY_NOT[State(run.state)]), plain(why)]))
    return f"{said}\n\n{fenced(run.last_words)}" if run.last_words else said


def sentence(given: SentenceJson | str) -> str:
    """A sentence of the verdict in the reader's language, as Markdown, with its numbers in it."""
    return marked(markup.read_sentence(languages.parts(given, languages.words())))


def guess(whole: Whole) -> Iterator[str]:
    rows = guesses(whole)
    if rows and rows[0]["you"]["number"] is None:
        yield "\n".join(plain(answered(row)) for row in rows)
    elif rows:
        lines = [
            [row["name"], *(t(row[part]["text"]) for part in ("you", "measured", "off"))] for row in rows
        ]
        yield grid([t("Your guess"), t("you"), t("measured"), t("off by")], lines)
    yield t("Guessed after the run had ended.") if guessed_late(whole.run) else ""


def answered(row: Mapping[str, Any]) -> str:
    """What became of an answer that was chosen."""
    said = {part: t(row[part]["text"]) for part in ("you", "measured")}
    if row["near"] is None:
        return t("You said: {you}. The run could not tell.", **said)
    if row["near"]:
        return t("You said: {you}. That is right.", **said)
    return t("You said: {you}. Measured: {measured}.", **said)


def checks(run: Run) -> Iterator[str]:
    for claim, ok in run.checks:
        yield f"- {MARKED[ok]} {sentence(claim)}"
    for doubt in run.doubts:
        yield f"- **{plain(t('Doubt:'))}** {sentence(doubt)}"


def table(figure: Mapping[str, Any]) -> Iterator[str]:
    """The figure's title and the first rows of its table; nothing where it has none."""
    columns, rows = figure["table"]["columns"], figure["table"]["rows"]
    if not rows:
        return
    yield f"## {plain(figure['title'])}"
    lines = [
        [prose.cell(v, c["unit"]) for v, c in zip(row, columns, strict=True)] for row in rows[:MOST_ROWS]
    ]
    words = [isinstance(value, str) for value in rows[0]]
    yield grid([prose.heading(column["name"]) for column in columns], lines, words)
    if len(rows) > MOST_ROWS:
        left = prose.number(len(rows) - MOST_ROWS)
        yield t("And {n} more rows; the CSV of this run has all of them.", n=left)


def facts(whole: Whole) -> Iterator[str]:
    """Parameters, interpreter, machine, and what disturbed the run."""
    run, machine = whole.run, whole.run.machine or {}
    params = ((f.name, f.unit) for f in whole.experiment.params)
    given = [f"{prose.named(name)} {prose.measured(run.params.get(name), unit)}" for name, unit in params]
    system = [
        machine.get("cpu"),
        prose.cores(machine),
        machine.get("system"),
    ]
    disturbed = [f"{t(c['name'])} {percent(c['share']).text}" for c in conditions(run)]
    yield line(t("Parameters"), " · ".join(given))
    yield line(t("interpreter"), run.python)
    yield line(t("The machine it ran on"), " · ".join(str(part) for part in system if part))
    yield line(t("What disturbed the measurement"), " · ".join(disturbed))


def line(name: str, value: str) -> str:
    return f"- {plain(prose.capital(name))}{t(': ')}{plain(value) or '–'}"


# -- Markdown ---------------------------------------------------------------------------------


def plain(text: object) -> str:
    """Text on one line in which no character means anything to Markdown or to HTML."""
    return begun(escaped(on_one_line(str(text)).strip()))


def marked(spans: Sequence[markup.Span]) -> str:
    """A sentence of a module with its values: its marks stay marks, and nothing in a value is one."""
    parts = []
    for mark, alike in groupby(spans, key=lambda span: span.mark):
        words = on_one_line("".join(str(span.value["text"]) if span.value else span.words for span in alike))
        parts.append(coded(words) if mark == "code" else SIGN_OF[mark] + escaped(words) + SIGN_OF[mark])
    return begun("".join(parts).strip())


def coded(text: str) -> str:
    """`code`, in a fence longer than any in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence, gap = "`" * (longest + 1), " " * ("`" in (text[:1], text[-1:]))
    return f"{fence}{gap}{text}{gap}{fence}"


def on_one_line(text: str) -> str:
    return "".join(map(shown, text))


def escaped(text: str) -> str:
    signs = SIGNS.sub(r"\\\1", "".join(SPOKEN.get(char, char) for char in text))
    return LINKS.sub(lambda found: f"&#{ord(found[0])};", signs)


def begun(text: str) -> str:
    """What would begin a heading or a list is a word."""
    return STARTS.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", text)


def shown(char: str) -> str:
    """Line breaks and control characters as a space; none of them may end a line of a table."""
    return " " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char


def isolated(text: str) -> str:
    """Words of people may run from right to left; what stands beside them shall not turn."""
    if not text:
        return ""
    turning = any(unicodedata.bidirectional(char) in ("R", "AL", "RLE", "RLO", "RLI") for char in text)
    said = plain(text)
    return f"\u2068{said}\u2069" if turning else said


def grid(head: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[bool] = (True,)) -> str:
    """A table; numbers stand at the right."""
    sides = ["---" if n < len(words) and words[n] else "---:" for n in range(len(head))]
    lines = [head, sides, *rows]
    return "\n".join(
        "| " + " | ".join(cell if n == 1 else plain(cell) or " " for cell in line) + " |"
        for n, line in enumerate(lines)
    )


def fenced(text: str) -> str:
    """A block of code with a fence longer than any in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text.rstrip()}\n{fence}"
