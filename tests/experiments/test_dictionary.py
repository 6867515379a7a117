"""All translations make one dictionary in which the last one wins: so nobody may say a text in two ways."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

import experiments
from app.text.languages import LANGUAGES, sections

ROOT = Path(experiments.__file__).parent
OTHERS = [language for language in LANGUAGES if language != "en"]


def files(language: str) -> dict[str, dict[str, str]]:
    """English → translation by where it stands: the file of an experiment, or a section of the app's."""
    paths = ROOT.glob(f"*/*.{language}.toml")
    told = {f"{path.parent.name}/{path.name}": tomllib.loads(path.read_text("utf-8")) for path in paths}
    own = {f"app/text/locale/{language}.toml [{name}]": texts for name, texts in sections(language).items()}
    return own | {name: parts.get("texts", {}) for name, parts in sorted(told.items())}


def disagreements(files: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, list[str]]]:
    """The English texts that are translated in more than one way, and which file says it how."""
    said: dict[str, dict[str, list[str]]] = {}
    for name, texts in files.items():
        for english, translation in texts.items():
            said.setdefault(english, {}).setdefault(translation, []).append(name)
    return {english: ways for english, ways in said.items() if len(ways) > 1}


def named(found: Mapping[str, Mapping[str, Iterable[str]]]) -> list[str]:
    """A line for each text that names it, its translations and their files."""
    return [
        f"{english!r}: " + "; ".join(f"{way!r} in {', '.join(where)}" for way, where in ways.items())
        for english, ways in found.items()
    ]


@pytest.mark.parametrize("language", OTHERS)
def test_no_two_files_translate_a_text_differently(language):
    assert named(disagreements(files(language))) == []


@pytest.mark.parametrize("language", OTHERS)
def test_every_experiment_and_the_app_are_looked_at(language):
    looked_at = files(language)
    assert "sync/condition.zh.toml" in looked_at or language != "zh"
    assert len(looked_at) > len(list(ROOT.glob(f"*/*.{language}.toml"))) > 10
    assert all(looked_at.values())


def test_a_text_that_is_said_in_two_ways_is_named_with_its_files():
    told = {
        "a.toml": {"crowd": "1", "quick": "2"},
        "b.toml": {"crowd": "3", "quick": "2"},
        "c.toml": {"crowd": "1"},
    }
    assert named(disagreements(told)) == ["'crowd': '1' in a.toml, c.toml; '3' in b.toml"]
