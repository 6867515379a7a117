"""Articles name their sources: every link is an address that can be opened, in every language."""

import re
from urllib.parse import urlsplit

import pytest

from app.text.languages import LANGUAGES, load
from app.text.markup import find_links, is_outside, is_safe, render_article
from app.web.pages import PAGES
from experiments.kit.spec import load_all

EXPERIMENTS = load_all()
ADDRESS = re.compile(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+/[\w./~()=#-]*")
BRACKETS = re.compile(r"\]\(|\]\[|\[[^\]]*\([1-8]\)\]|\]:|[*`]")  # of a mark that became none


@pytest.fixture(scope="module", params=LANGUAGES)
def words(request):
    return load(request.param, EXPERIMENTS)


@pytest.fixture(params=EXPERIMENTS.values(), ids=EXPERIMENTS)
def article(request, words):
    return words(request.param.article)


def test_every_article_has_a_source_outside(article):
    assert [link for link in find_links(article) if is_outside(link)]


def test_every_link_of_an_article_is_an_https_address_or_a_page_of_oscope(article):
    for link in find_links(article):
        assert is_safe(link)
        assert ADDRESS.fullmatch(link) if is_outside(link) else opens_a_page(urlsplit(link).path)


def opens_a_page(path: str) -> bool:
    named = re.fullmatch(r"/experiments/([\w.]+)", path)
    return (
        named[1] in EXPERIMENTS
        if named
        else path in {getattr(route, "path", "") for page in PAGES for route in page.router.routes}
    )


def test_no_mark_of_an_article_is_left_as_text(article):
    """A misspelt reference, an unpaired star or backtick would stand on the page as it was typed."""
    shown = re.sub(
        r"<pre>.*?</pre>|<code>.*?</code>|<[^>]*>", "", "\n".join(render_article(article)), flags=re.S
    )
    assert BRACKETS.findall(shown) == []


def test_languages_cite_the_same_sources():
    cited = {language: load(language, EXPERIMENTS) for language in LANGUAGES}
    for experiment in EXPERIMENTS.values():
        english = sorted(find_links(experiment.article))
        assert all(sorted(find_links(words(experiment.article))) == english for words in cited.values())
