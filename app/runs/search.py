"""What the history looks through: the words of a run's experiment and verdict, in every language. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.text.folding import fold
from app.text.languages import Words, sentence_text
from experiments.kit.spec import Experiment


def text_of(experiment: Experiment, verdict: Mapping[str, Any] | None, languages: Iterable[Words]) -> str:
    """Title, question, answer and headline in each language, for `Run.search`; folded, one text a line."""
    lines: dict[str, None] = {experiment.name: None}
    for words in languages:
        said = [words(experiment.title), words(experiment.question)]
        if verdict:
            said += [words(str(verdict.get("answer", ""))), headline(verdict, words)]
        lines |= dict.fromkeys(fold(text) for text in said)
    return "\n".join(lines)


def headline(verdict: Mapping[str, Any], words: Words) -> str:
    """A verdict's headline in one language, with its numbers."""
    said = verdict.get("said")
    told = said.get("headline") if isinstance(said, Mapping) else None
    if not isinstance(told, Mapping) or not {"template", "values"} <= told.keys():
        return words(str(verdict.get("headline", "")))
    return sentence_text(told, words)
