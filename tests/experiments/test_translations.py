"""Every experiment speaks every language: what it says of itself, and every sentence in its modules."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import experiments
from app.runs import pads
from app.text.languages import LANGUAGES, Words, load
from app.text.markup import read_article
from experiments.kit.spec import Experiment, chapters, load_all

ROOT = Path(experiments.__file__).parent
EXPERIMENTS = load_all()
OTHERS = [language for language in LANGUAGES if language != "en"]
ENGLISH_LEFT = re.compile(r"[A-Za-z]{2,}(?:[ -][A-Za-z]{2,}){2,}")  # three Latin words in a row
SENTENCE = re.compile(r"[A-Z{`](?=.*[a-z]{2})[^\n]*\s[^\n]*\s[^\n]*[.?!]", re.DOTALL)


@pytest.fixture(scope="module", params=OTHERS)
def words(request) -> Words:
    return load(request.param, EXPERIMENTS)


@pytest.fixture(scope="module", params=EXPERIMENTS.values(), ids=EXPERIMENTS)
def experiment(request) -> Experiment:
    return request.param


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
    assert [text for text in read_article(words(experiment.article)) if ENGLISH_LEFT.search(text)] == []


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
