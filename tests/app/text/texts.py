"""Every text of the app that people read, as it stands in templates, Python and scripts."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

from jinja2 import nodes

from app.web.pages.base import environment

ROOT = Path(__file__).parents[3]
SAYING = ("t", "count", "html", "words")  # what says a text in the reader's language
LITERAL = r'"((?:[^"\\]|\\.)*)"'
IN_SCRIPT = re.compile(rf'\b(?:t|say|count)\(\s*(?:[^"()]*?,\s*)?{LITERAL}(?:,\s*{LITERAL})?')


# -- templates --------------------------------------------------------------------------------


@cache
def templates() -> dict[str, nodes.Template]:
    made = environment()
    names = sorted(made.list_templates(extensions=["html"]))
    return {name: made.parse((ROOT / "templates" / name).read_text()) for name in names}


def said_in(template: nodes.Template) -> Iterator[str]:
    """The literals that a template gives to t, count and html."""
    for call in template.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in SAYING:
            for given in call.args:
                yield from (const.value for const in constants(given) if isinstance(const.value, str))


def constants(node: nodes.Node) -> list[nodes.Const]:
    """What an expression can be, where that stands in it: itself, or the arms of a choice."""
    if isinstance(node, nodes.Const):
        return [node]
    if isinstance(node, nodes.CondExpr):
        return constants(node.expr1) + (constants(node.expr2) if node.expr2 else [])
    if isinstance(node, nodes.Or | nodes.And):
        return constants(node.left) + constants(node.right)
    return []


def written(node: nodes.Node) -> str:
    """The HTML that a template writes by itself: every branch of it, and nothing for an expression."""
    match node:
        case nodes.TemplateData():
            return node.data
        case nodes.Output():
            return "".join(map(written, node.nodes))
        case nodes.Expr():
            return " ".join(const.value for const in constants(node) if isinstance(const.value, str))
    inside = [part for name in ("body", "elif_", "else_") for part in getattr(node, name, None) or []]
    return "".join(map(written, inside))


class Raw(HTMLParser):
    """Gathers what a page of HTML says to people."""

    ATTRIBUTES = ("aria-label", "title", "placeholder", "alt", "aria-description", "aria-valuetext")
    SILENT = ("script", "style", "code", "kbd", "svg")

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attributes if name in self.ATTRIBUTES and value]
        if tag in self.SILENT:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if not self.open:
            self.found.append(data)


# -- Python -----------------------------------------------------------------------------------


def modules(folder: str) -> list[Path]:
    """The modules in a folder of the checkout, by their paths in it."""
    return [path.relative_to(ROOT) for path in sorted((ROOT / folder).rglob("*.py"))]


def said_by(path: Path) -> Iterator[str]:
    """The literals that a module gives to t, count, html and words, also as `self.t` or `words.count`."""
    for call in calls(path):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name in SAYING and not is_counting(call, name):
            for given in call.args:
                yield from (text for text in literals(given) if isinstance(text, str))


def is_counting(call: ast.Call, name: str) -> bool:
    """Whether it is the `count` of a string or a list, which takes one thing."""
    return name == "count" and len(call.args) < 3


def calls(path: Path) -> Iterator[ast.Call]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def literals(node: ast.AST) -> list[object]:
    if isinstance(node, ast.Constant):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return literals(node.body) + literals(node.orelse)
    if isinstance(node, ast.BoolOp):
        return [text for value in node.values for text in literals(value)]
    return []


WORDS = re.compile(r"[a-z]{2,} [a-z]{2,}")
NO_WORDS = re.compile(
    r"(?i)[<{]|\s*(select|insert|update|delete|create|alter|pragma|import)\b|.*\(select|.*:root"
)
LOGGING = ("debug", "info", "warning", "error", "exception")


def written_in(path: Path) -> set[str]:
    """Every literal of a module with two words in a row, its places filled with 7; no SQL, CSS or HTML."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    skipped = {id(part) for node in ast.walk(tree) for part in unsaid(node)}
    found = {text for node in ast.walk(tree) if id(node) not in skipped for text in samples(node)}
    return {text for text in found if WORDS.search(text) and not NO_WORDS.match(text)}


def unsaid(node: ast.AST) -> Iterator[ast.AST]:
    """Docstrings, what goes to the log, and the pieces of a literal with places, which is read whole."""
    match node:
        case ast.Expr(value=ast.Constant()):
            yield node.value
        case ast.JoinedStr():
            yield from (piece for piece in node.values if isinstance(piece, ast.Constant))
        case ast.Call(func=ast.Attribute(attr=name)) if name in LOGGING:
            yield from ast.walk(node)


def raised_by(path: Path, kinds: Iterable[str]) -> Iterator[str]:
    """A sample of every sentence that a module raises as one of these errors, its places filled with 7."""
    for call in calls(path):
        if getattr(call.func, "id", "") in kinds:
            yield from (text for given in call.args for text in samples(given))


def samples(node: ast.AST) -> list[str]:
    if isinstance(node, ast.JoinedStr):
        return ["".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)]
    return [text for text in literals(node) if isinstance(text, str)]


# -- scripts ----------------------------------------------------------------------------------


def said_by_scripts() -> set[str]:
    found = set()
    for path in sorted((ROOT / "static" / "js").rglob("*.js")):
        code = re.sub(r"^\s*//.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for texts in IN_SCRIPT.findall(code):
            found |= {unescaped(text) for text in texts if text}
    return found


def unescaped(literal: str) -> str:
    text = ast.literal_eval(f'"{literal}"')
    assert isinstance(text, str)
    return text
