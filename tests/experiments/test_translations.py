"""Every experiment speaks every language: what it says of itself, while it runs, in figures and verdict."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import experiments
from app import compare, pads
from app.editions import spoken
from app.figures import Board
from app.languages import LANGUAGES, Words, load
from app.runs import Run
from experiments.kit.spec import Experiment, chapters, load_all
from experiments.kit.verdict import judge
from tests.experiments.measured import Ran, quick, together

ROOT = Path(experiments.__file__).parent
EXPERIMENTS = load_all()
OTHERS = [language for language in LANGUAGES if language != "en"]
ENGLISH_LEFT = re.compile(r"[A-Za-z]{2,}(?:[ -][A-Za-z]{2,}){2,}")  # three Latin words in a row
SENTENCE = re.compile(r"[A-Z{`](?=.*[a-z]{2})[^\n]*\s[^\n]*\s[^\n]*[.?!]", re.DOTALL)
READ = {"title", "caption", "summary", "name", "label", "help", "text", "hovertemplate", "ticktext", "rows"}
NAMES = {  # in figures of any language: of units and systems, and of calls
    *("CPU", "GIL", "POSIX", "RLock", "aio", "KiB", "MiB", "GiB", "EAGAIN", "SIGIO"),
    *("TCP", "UDP", "System", "Unix", "Pipe", "SimpleQueue", "Queue", "Manager", "eventfd"),
    *("recv", "select", "poll", "epoll", "epoll_wait", "sigwaitinfo", "io_uring", "io_uring_enter"),
    *("asyncio", "await", "gather", "Semaphore", "shield", "sleep", "TaskGroup", "time", "wait", "wait_for"),
    *("RSS", "PSS", "fork", "freeze", "guard", "top", "Python", "SHA", "Timer", "while", "int", "one"),
    *("extra", "text"),  # of Plotly's templates
}

INSTRUCTION = re.compile("[A-Z]+(_[A-Z]+)*")  # of the interpreter: LOAD_GLOBAL

pytestmark = together


@pytest.fixture(scope="module", params=OTHERS)
def words(request) -> Words:
    return load(request.param, EXPERIMENTS)


@pytest.fixture(scope="module", params=EXPERIMENTS.values(), ids=EXPERIMENTS)
def experiment(request) -> Experiment:
    return request.param


@pytest.fixture(scope="module")
def ran(experiment) -> Ran:
    return quick(experiment.name)


# What an experiment says of itself


def test_what_an_experiment_says_of_itself_is_translated(experiment, words):
    told = {experiment.title, experiment.question, experiment.article, *experiment.presets}
    for chart in experiment.charts:
        told |= {chart.title, chart.caption, *(r.label for r in getattr(chart, "references", ()))}
    for field in experiment.params:
        told |= {field.name.replace("_", " "), field.help, *field.choices}
    for table in experiment.tables:
        told |= {table.caption}.union(*({field.help, *field.choices} for field in table.columns))
    assert [text for text in told if text and not words.knows(text)] == []


def test_what_there_is_to_guess_is_translated(experiment, words):
    """The question, and what names its points, answers and places, with every preset."""
    told: set[str] = set()
    for preset in (None, *experiment.presets):
        pad = pads.pad(experiment, experiment.parse({}, preset))
        told |= {
            pad["ask"],
            pad.get("x_about", ""),
            *pad["labels"].values(),
            *pad.get("choices", {}).values(),
        }
    assert len(told) > 1
    assert [text for text in told if text and not words.knows(text)] == []


def test_an_article_keeps_its_paragraphs_and_its_lists(experiment, words):
    assert shape(words(experiment.article)) == shape(experiment.article)
    assert not ENGLISH_LEFT.search(words(experiment.article))


def shape(article: str) -> list[str | int]:
    """The paragraphs, and how many items each list has."""
    blocks = re.split(r"\n\s*\n", article.strip())
    return [len(re.findall(r"^- ", block, re.M)) or "paragraph" for block in blocks]


def test_chapters_are_translated(words):
    assert [text for chapter in chapters() for text in chapter[1:] if not words.knows(text)] == []


# What its code says


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def test_every_sentence_in_the_code_of_the_experiments_is_translated(words):
    unknown = [
        (name, text)
        for name, module in modules()
        if not name.endswith(("kit/spec.py", "kit/guess.py"))  # whose errors are for authors, or the app's
        for text in sentences(module)
        if not (words.knows(text) or words.knows(core(text)))
    ]
    assert unknown == []


def core(text: str) -> str:
    """A sentence without the others that are put in before and after it."""
    return re.sub(r"^(\{it\} ?)+|( ?\{it\})+$", "", text)


def sentences(module: ast.Module) -> set[str]:
    """The texts of a module that end like a sentence, without docstrings and logs."""
    skipped = {id(node) for statement in ast.walk(module) for node in documents(statement)}
    found = (text_of(node) for node in ast.walk(module) if id(node) not in skipped)
    return {text for text in found if SENTENCE.fullmatch(core(text))}


def documents(node: ast.AST) -> Iterator[ast.AST]:
    """Docstrings, and the parts of f-strings, which are read whole."""
    if isinstance(node, ast.Expr):
        yield node.value
    if isinstance(node, ast.JoinedStr):
        yield from ast.walk(ast.Module([ast.Expr(part) for part in node.values], []))


def text_of(node: ast.AST) -> str:
    """A literal; in an f-string `{it}` stands for what is put in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if not isinstance(node, ast.JoinedStr):
        return ""
    return "".join(str(p.value) if isinstance(p, ast.Constant) else "{it}" for p in node.values)


def test_every_say_answer_and_progress_of_the_experiments_is_translated(words):
    unknown = [
        (name, text)
        for name, module in modules()
        for text in spoken_literals(module)
        if re.search(r"[a-z]{2}", re.sub(r"\{\w+\}", "", text)) and not words.knows(text)
    ]
    assert unknown == []


def spoken_literals(module: ast.Module) -> Iterator[str]:
    """What `say`, `Verdict` and `Progress` are given, as far as it is written down in their place."""
    places = {"say": 0, "Verdict": 0, "Progress": 1}
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in places:
            given = node.args[places[node.func.id] :][:1]
            yield from (text for argument in given for text in literals(argument))


def literals(node: ast.expr) -> list[str]:
    if isinstance(node, ast.IfExp):
        return literals(node.body) + literals(node.orelse)
    return [text_of(node)] if isinstance(node, ast.Constant | ast.JoinedStr) else []


# What a run says


def test_a_run_reports_its_progress_in_the_readers_language(ran, words):
    told = {message["text"] for message in ran.messages if message["t"] == "progress" and message["text"]}
    assert told
    assert [text for text in told if not words.knows(text)] == []
    assert not any(
        ENGLISH_LEFT.search(spoken({"progress_text": text}, words)["progress_text"]) for text in told
    )


def test_a_verdict_is_translated_whole(ran, words):
    verdict = judge(ran.experiment, ran.record()).as_json()
    parts = [verdict["said"]["headline"], *verdict["said"]["checks"], *verdict["said"]["doubts"]]
    told = [words(verdict["answer"]), *(whole(words.sentence(part)) for part in parts)]
    assert [text for text in told if ENGLISH_LEFT.search(text) or "{" in text] == []
    assert words(verdict["answer"]) != verdict["answer"]


def test_the_numbers_of_a_verdict_have_names_where_runs_are_compared(ran, words):
    verdict = judge(ran.experiment, ran.record()).as_json()
    run = Run(id="a1", experiment=ran.experiment.name, params={}, verdict=verdict)
    lines = compare.numbers([run, run], words)
    left = {word for line in lines for word in re.findall(r"[a-z_]{3,}", line.name)}
    assert left - NAMES == set()


def whole(said: dict[str, Any]) -> str:
    return str(said["template"]).format_map({name: value["text"] for name, value in said["values"].items()})


def test_figures_are_drawn_in_the_readers_language(ran, words):
    left = {
        word
        for figure in board_of(ran, words)
        for text in read_out(figure)
        for word in re.findall(r"[A-Za-z_]{3,}", text)
        if word not in NAMES and not INSTRUCTION.fullmatch(word)
    }
    assert left == set()


def test_the_search_for_english_in_a_figure_finds_it(ran):
    assert any(re.search("[a-z]{3}", text) for text in read_out(board_of(ran, load("en", EXPERIMENTS))))


def test_another_language_changes_no_id_and_no_number(ran, words):
    english, other = board_of(ran, load("en", EXPERIMENTS)), board_of(ran, words)
    for before, after in zip(english, other, strict=True):
        assert [trace["id"] for trace in after["data"]] == [trace["id"] for trace in before["data"]]
        assert list(numbers(after)) == list(numbers(before))


def board_of(ran: Ran, words: Words) -> list[dict[str, Any]]:
    board = Board(ran.experiment, words=words)
    for name, rows in ran.rows.items():
        board.add(name, rows)
    board.close()
    return board.figures()


def read_out(member: Any, key: str = "") -> Iterator[str]:
    """All texts of a figure that people read."""
    if isinstance(member, dict):
        for name, value in member.items():
            yield from read_out(value, name)
    elif isinstance(member, list):
        for value in member:
            yield from read_out(value, key)
    elif isinstance(member, str) and key in READ and not member.startswith(("$", "end:")):  # ids of labels
        yield member


def numbers(member: Any) -> Iterator[float]:
    if isinstance(member, dict):
        for name, value in member.items():
            if name != "pictures":  # which have a place for every word
                yield from numbers(value)
    elif isinstance(member, list):
        for value in member:
            yield from numbers(value)
    elif isinstance(member, int | float) and not isinstance(member, bool):
        yield member
