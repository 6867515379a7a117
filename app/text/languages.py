"""Says oscope's texts in the reader's language. English stands in the code; a translation beside it.

Everything inside speaks English: rows, records, logs, errors. Only where a text reaches a person is
it said in their language, found by the whole English text or by the template that the text was made
from: "workers: 99 is outside 2 to 32" by "{name}: {value} is outside {range}". So a sentence that was
stored years ago, or came from an experiment's own code, is translated like any other.

`locale/<language>.toml` holds the app's texts, `<experiment>.<language>.toml` those of an experiment.
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from experiments.kit.spec import Experiment

LANGUAGES = {"en": "English", "zh": "中文"}
TAGS = {"en": "en", "zh": "zh-Hans"}  # BCP 47, for `lang`
COOKIE = "oscope-language"
WEIGHT = re.compile(r"[01](\.[0-9]{0,3})?")  # RFC 9110, 12.4.2
LOCALE = Path(__file__).with_name("locale")
HELPS = ("title", "question", "article")  # of an experiment's file, beside its [texts]
FEWEST_LETTERS = 5  # of a template that recognises texts; "{value} at {place}" is in many that mean else
AS_IT_IS = ("names", "choices", "id", "path")  # places whose words programs use, and keep
NUMERIC = ("n", "low", "high")  # places that only a number fits: "{low} to {high}" is not "what to do"
PLACE = re.compile(r"\{(\w+)\}")  # of a value, in a template
NUMBER = r"(?:\{\w+\}|[-−+]?\d[\d.,e\u2009\u00a0+-]*)"  # or the place of one, in a template


class Words:
    """What one language says for the English texts it is given."""

    def __init__(self, language: str = "en", texts: Mapping[str, str] | None = None) -> None:
        self.language = language
        self.texts = dict(texts or {})
        self.patterns = sorted(
            (pattern for english in self.texts if (pattern := Pattern(english)).recognises),
            key=lambda pattern: -pattern.literal,
        )
        self.find = lru_cache(maxsize=8192)(self._find)

    def __call__(self, english: str, **values: Any) -> str:
        """The text in this language, with the values in its places; English where none is known."""
        said = self.find(english)
        if said is None:
            said = english
        return said.format_map(values) if values else said

    def count(self, n: int, one: str, more: str, **values: Any) -> str:
        """ "1 run" or "4 runs"; a language without a plural says both alike."""
        return self(one if n == 1 else more, n=n, **values)

    def sentence(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """A sentence of the kit, `{"template", "values"}`, with both translated; numbers stay."""
        values = {
            name: value if value.get("number") is not None else {**value, "text": self(value["text"])}
            for name, value in said["values"].items()
        }
        return {**said, "template": self(said["template"]), "values": values}

    def knows(self, english: str) -> bool:
        return self.find(english) is not None

    def _find(self, english: str) -> str | None:
        """The translation; None where there is none."""
        if self.language == "en":
            return english
        if english in self.texts:
            return self.texts[english]
        if said := self._each(english, r"(?<=[.?!]) ", ""):
            return said
        for pattern in self.patterns:
            if found := pattern.match(english):
                inner = {n: value if n in AS_IT_IS else self(value) for n, value in found.items()}
                return fill(self.texts[pattern.english], inner)
        return self._each(english, ", ", "、")

    def _each(self, english: str, between: str, joint: str) -> str | None:
        """Sentence by sentence, or item by item, where every one of them is known."""
        parts = re.split(between, english)
        said = [self.find(part) for part in parts] if len(parts) > 1 else [None]
        return joint.join(part for part in said if part) if all(said) else None


def own_words(template: str) -> str:
    """What a template says beside its places."""
    return "".join(text for text, *_ in string.Formatter().parse(template))


class Pattern:
    """A template that recognises the texts made from it."""

    def __init__(self, english: str) -> None:
        self.english = english
        expression, self.literal, self.holes = "", 0, 0
        for text, name, _, _ in string.Formatter().parse(english):
            expression += re.escape(text)
            self.literal += len(text)
            if name is not None:
                fits = NUMBER if name in NUMERIC else ".+?"
                expression += f"(?P={name})" if f"(?P<{name}>" in expression else f"(?P<{name}>{fits})"
                self.holes += 1
        letters = sum(char.isalpha() for char in own_words(english))
        numbers = NUMBER in expression
        self.recognises = numbers or (self.holes > 0 and letters >= FEWEST_LETTERS)
        self._match = re.compile(expression, re.DOTALL).fullmatch

    def match(self, text: str) -> dict[str, str] | None:
        found = self._match(text)
        return found.groupdict() if found else None


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put texts into a template; a place that got none stays as it is, for who fills it later."""
    return PLACE.sub(lambda place: values.get(place[1], place[0]), template)


# -- sentences --------------------------------------------------------------------------------


def parts(sentence: Mapping[str, Any] | str, words: Words) -> Iterator[str | Mapping[str, Any]]:
    """A sentence of the kit in this language: its text in pieces, with its values where they stand.

    `sentence` is JSON of a `Sentence`, or a text without values; a value is JSON of a `Value`. A place
    that nothing fills stays as it is written, "{name}".
    """
    if isinstance(sentence, str):
        yield words(sentence)
        return
    translated = words.sentence(sentence)
    for n, piece in enumerate(PLACE.split(str(translated["template"]))):
        if n % 2:
            yield translated["values"].get(piece, f"{{{piece}}}")
        elif piece:
            yield piece


def sentence_text(sentence: Mapping[str, Any] | str, words: Words) -> str:
    """The same as one text."""
    return "".join(part if isinstance(part, str) else part["text"] for part in parts(sentence, words))


# -- the files --------------------------------------------------------------------------------


def load(language: str, experiments: Mapping[str, Experiment]) -> Words:
    """All texts of a language: the app's, and those of these experiments."""
    if language == "en":
        return Words()
    texts = {k: v for section in sections(language).values() for k, v in section.items()}
    for experiment in experiments.values():
        texts |= texts_of(experiment, language)
    return Words(language, texts)


def sections(language: str) -> dict[str, dict[str, str]]:
    """The app's texts by section; [script] is what the pages' scripts say."""
    text = (LOCALE / f"{language}.toml").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = tomllib.loads(text)
    return found


@cache
def script(language: str) -> dict[str, str]:
    """What the pages' own scripts say."""
    said: dict[str, str] = sections(language)["script"]
    return said


def texts_of(experiment: Experiment, language: str) -> dict[str, str]:
    """English → translation of what one experiment says; empty where it has no file."""
    path = Path(experiment.file).with_suffix(f".{language}.toml")
    if not experiment.file or not path.exists():
        return {}
    told: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    texts: dict[str, str] = told.get("texts", {})
    own = {getattr(experiment, part): told[part].strip() for part in HELPS if part in told}
    return own | texts


# -- who reads --------------------------------------------------------------------------------

ENGLISH = Words()
_reader: ContextVar[Words] = ContextVar("words", default=ENGLISH)


def t(english: str, **values: Any) -> str:
    """The text in the language of who reads now (see `speaking`)."""
    return _reader.get()(english, **values)


def count(n: int, one: str, more: str, **values: Any) -> str:
    return _reader.get().count(n, one, more, **values)


def words() -> Words:
    """What the reader of now is spoken to with."""
    return _reader.get()


@contextmanager
def speaking(words: Words) -> Iterator[None]:
    """What is said in here is said in that language."""
    token = _reader.set(words)
    try:
        yield
    finally:
        _reader.reset(token)


def preferred(cookie: str, accepts: str) -> str:
    """The language a browser wants: what its user chose here, else the first it accepts that we have.

    `accepts` is an Accept-Language header (RFC 9110, 12.5.4), as in "zh-CN,zh;q=0.9,en;q=0.8".
    """
    if cookie in LANGUAGES:
        return cookie
    wishes = [wish for part in accepts.split(",") if (wish := weighed(part))]
    by_weight = sorted(wishes, key=lambda wish: -wish[0])  # equal ones stay in the header's order
    return next((name for _, name in by_weight if name in LANGUAGES), "en")


def weighed(part: str) -> tuple[float, str] | None:
    tag, _, weight = part.strip().partition(";q=")
    if not WEIGHT.fullmatch(weight or "1"):
        return None
    q = float(weight or 1)
    return (q, tag.partition("-")[0].lower()) if tag and q > 0 else None
