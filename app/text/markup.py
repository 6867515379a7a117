"""Markdown as oscope's texts use it: articles with links and lists, sentences with `code` and *stress*. Pure.

CommonMark by markdown-it, without HTML and without pictures. An article comes from a module that this
oscope runs, so it may have links. A sentence may have come with a stranger's record, so it may not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token
from markupsafe import Markup

MARKS = ("newline", "backticks", "emphasis")  # what a sentence may have
MORE = (
    "list",
    "reference",
    "heading",
    "fence",
    "link",
    "autolink",
    "escape",
    "entity",
)  # what an article adds
ELEMENTS = {"code_inline": "code", "strong_open": "strong", "em_open": "em"}
REL = " ".join(("noopener", "noreferrer", "external"))
OUTSIDE = {"rel": REL, "target": "_blank"}  # another tab: the run that is watched stays where it is
TOP_HEADING = 3  # an article stands under the page's own h1 and h2
INSIDE = re.compile(r"(/[\w.-]+)*/?(#[\w-]+)?")  # a path of oscope's own, or a place on the page

HAN = re.compile(r"[\u3400-\u9fff]")
FULL_WIDTH = re.compile(r"[\u3000-\u303f\uff00-\uffef]")  # Chinese punctuation, which has its space in it
QUOTES = "“”‘’…—"  # full width where the text around them is Chinese
FIRST_PLACE = 0xF0000  # of the private characters that stand for a sentence's values while it is read
PRIVATE = re.compile("[\U000f0000-\U000ffffd]")


Value = Mapping[str, Any]  # JSON of a `Value` of the kit


class Span(NamedTuple):
    """A stretch of a sentence, words or a value, and how it is marked."""

    words: str
    value: Value | None = None
    mark: str = ""  # code, strong, em or nothing


# -- articles ---------------------------------------------------------------------------------


@lru_cache(maxsize=64)  # a page shows the same article every time
def render_article(article: str, *, at_home: bool = True) -> tuple[Markup, ...]:
    """Each block as HTML: a paragraph, a list, code. Away from home a link into oscope is its words."""
    tokens = article_parser().parse(article)
    if not at_home:
        for token in tokens:
            token.children = drop_inner_links(token.children or [])
    blocks = (RendererHTML().render(block, article_parser().options, {}) for block in split_blocks(tokens))
    return tuple(Markup(block.rstrip("\n")) for block in blocks)


def split_blocks(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """The tokens of each block that stands in no other."""
    block: list[Token] = []
    for token in tokens:
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield block
            block = []


def read_article(article: str) -> list[str]:
    """The words of each block, one line each, without marks and addresses: for a terminal, for a search."""
    tokens = article_parser().parse(article)
    return [
        " ".join(text for token in block if (text := words_of(token.children or []) or token.content.strip()))
        for block in split_blocks(tokens)
    ]


def find_links(article: str) -> list[str]:
    """The addresses that an article links to."""
    inside = [child for token in article_parser().parse(article) for child in token.children or []]
    return [str(child.attrs["href"]) for child in inside if child.type == "link_open"]


def is_safe(address: str) -> bool:
    """Whether a link may lead there: http, https, or a place within oscope; no other scheme, no "//host"."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if parts.scheme:
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    return bool(INSIDE.fullmatch(address))


def is_outside(address: str) -> bool:
    return bool(urlsplit(address).scheme)


def drop_inner_links(tokens: Sequence[Token]) -> list[Token]:
    """Without the links that lead into oscope: a file that was taken away has no pages beside it."""
    kept, within = [], False
    for token in tokens:
        if token.type == "link_open" and not is_outside(str(token.attrs["href"])):
            within = True
        elif token.type == "link_close" and within:
            within = False
        else:
            kept.append(token)
    return kept


# -- sentences --------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def render_line(text: str) -> Markup:
    """Running text on one line: `code`, *stress* and **strong words** are marked."""
    return Markup(RendererHTML().renderInline(line_tokens(text), sentence_parser().options, {}))


def render_sentence(parts: Iterable[str | Value], render_value: Callable[[Value], Markup]) -> Markup:
    """A sentence (`languages.parts`) as HTML. Its marks are read before its values stand in it."""
    text, values = hide_values(parts)
    return Markup(PRIVATE.sub(lambda found: render_value(values[found[0]]), render_line(text)))


def read_sentence(parts: Iterable[str | Value]) -> list[Span]:
    """The same as spans, for what is not HTML."""
    text, values = hide_values(parts)
    return list(spans_of(line_tokens(text), values))


def hide_values(parts: Iterable[str | Value]) -> tuple[str, dict[str, Value]]:
    """The sentence with a private character for each value, so that nothing in a value can be a mark."""
    text, values = "", dict[str, Value]()
    for part in parts:
        if isinstance(part, str):
            text += PRIVATE.sub("\ufffd", part)
        else:
            values[place := chr(FIRST_PLACE + len(values))] = part
            text += place
    return text, values


def spans_of(tokens: Sequence[Token], values: Mapping[str, Value]) -> Iterator[Span]:
    marks: list[str] = []
    for token in tokens:
        if token.nesting == 1:
            marks.append(ELEMENTS[token.type])
        elif token.nesting == -1:
            marks.pop()
        else:
            mark = ELEMENTS.get(token.type) or (marks[-1] if marks else "")
            for part in re.split(f"({PRIVATE.pattern})", token.content):
                if part:
                    yield Span("", values[part], mark) if part in values else Span(part, None, mark)


def line_tokens(text: str) -> list[Token]:
    """The tokens of one line. A blank at an end stays one: a number may stand there."""
    bare = text.strip()
    tokens = sentence_parser().parseInline(bare)[0].children or [] if bare else []
    before, after = (" " if text[:1].isspace() else ""), (" " if bare and text[-1:].isspace() else "")
    return [*blank(before), *tokens, *blank(after)]


def blank(text: str) -> list[Token]:
    return [Token("text", "", 0, content=text)] if text else []


def words_of(tokens: Sequence[Token]) -> str:
    return "".join(token.content for token in tokens if token.nesting == 0)


# -- the parser -------------------------------------------------------------------------------


@cache
def article_parser() -> MarkdownIt:
    parser = sentence_parser.__wrapped__().enable(list(MORE))
    parser.validateLink = is_safe  # type: ignore[method-assign, assignment]
    return parser


@cache
def sentence_parser() -> MarkdownIt:
    parser = MarkdownIt("zero", {"html": False}).enable(list(MARKS))
    parser.inline.ruler.at("emphasis", begin_stress)
    parser.core.ruler.push("settle", settle)
    return parser


def begin_stress(state: StateInline, silent: bool) -> bool:
    """Notes a run of `*`, which opens before words and closes after them.

    CommonMark also asks for a blank or a mark on the other side: Chinese has none. And `_` is part of names.
    """
    if silent or state.src[state.pos] != "*":
        return False
    length = state.scanDelims(state.pos, True).length
    before, after = state.src[: state.pos][-1:], state.src[state.pos + length :][:1]
    for _ in range(length):
        state.push("text", "", 0).content = "*"
        opens, closes = not (after or " ").isspace(), not (before or " ").isspace()
        state.delimiters.append(Delimiter(ord("*"), length, len(state.tokens) - 1, -1, opens, closes))
    state.pos += length
    return True


def settle(state: StateCore) -> None:
    """Joins lines, and says what a link is and which heading."""
    for token in state.tokens:
        if token.type.startswith("heading"):
            token.tag = f"h{min(6, int(token.tag[1:]) + TOP_HEADING - 1)}"
        children = token.children or []
        for place, child in enumerate(children):
            if child.type in ("softbreak", "hardbreak"):
                text = "" if is_glued(children[:place], children[place + 1 :], token.content) else " "
                children[place] = Token("text", "", 0, content=text)
            elif child.type == "link_open" and is_outside(str(child.attrs["href"])):
                child.attrs |= OUTSIDE


def is_glued(before: Sequence[Token], after: Sequence[Token], text: str) -> bool:
    """Whether nothing stands between two lines: Chinese has no blank between words, nor at its marks."""
    left, right = words_of(before)[-1:], words_of(after)[:1]
    if HAN.match(left) and HAN.match(right):
        return True
    wide = bool(HAN.search(text))
    return any(FULL_WIDTH.match(side) or (wide and side and side in QUOTES) for side in (left, right))
