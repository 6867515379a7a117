"""Markdown of articles and sentences: what becomes HTML, and that nothing else does."""

import pytest
from markupsafe import Markup, escape

from app.export import card
from app.text import prose
from app.text.markup import find_links, read_article, read_sentence, render_article, render_line
from experiments.kit import say, times

SCRIPT = "<script>alert(1)</script>"


def html(article, **options):
    return "\n".join(render_article(article, **options))


# -- articles ---------------------------------------------------------------------------------


def test_an_article_has_paragraphs_lists_of_both_kinds_code_and_headings():
    article = """One line
and another.

- first
  goes on
- second

1. read
2. add

```python
n += 1  # <b>
```

# Further
"""
    assert render_article(article) == (
        "<p>One line and another.</p>",
        "<ul>\n<li>first goes on</li>\n<li>second</li>\n</ul>",
        "<ol>\n<li>read</li>\n<li>add</li>\n</ol>",
        '<pre><code class="language-python">n += 1  # &lt;b&gt;\n</code></pre>',
        "<h3>Further</h3>",
    )


def test_a_link_outside_says_that_it_leaves_and_tells_nobody_where_from():
    outside = 'rel="noopener noreferrer external" target="_blank"'
    expected = f'<p>See <a href="https://example.org/a?b=1&amp;c" {outside}>a <code>page</code></a>.</p>'
    assert html("See [a `page`](https://example.org/a?b=1&c).") == expected
    assert html("See [a `page`].\n\n[a `page`]: https://example.org/a?b=1&c") == expected


def test_a_link_within_oscope_is_words_in_a_file_that_was_taken_away():
    article = (
        "See [lost increments](/experiments/threads.race) and [PEP 703](https://peps.python.org/pep-0703/)."
    )
    assert html(article).startswith(
        '<p>See <a href="/experiments/threads.race">lost increments</a> and <a href="https'
    )
    assert html(article, at_home=False).startswith("<p>See lost increments and <a href=")


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "&#106;avascript:alert(1)",
        "java&#10;script:alert(1)",
        " javascript:alert(1)",
        "vbscript:x",
        "data:text/html,x",
        "data:image/png;base64,x",
        "file:///etc/passwd",
        "mailto:a@example.org",
        "ftp://example.org/",
        "http:evil.example",
        "https://",
        "//evil.example/x",
        "/\\\\evil.example",
        "\\\\\\\\evil.example",
        "http://[::1",
    ],
)
def test_a_link_leads_to_http_or_into_oscope_and_nowhere_else(address):
    for written in (
        f"[x]({address})",
        f"[x](<{address}>)",
        f"[x]\n\n[x]: <{address}>",
        f"<{address.strip()}>",
    ):
        assert "<a" not in html(written)


SPOILED = (
    "{}",
    "`{}`",
    "*{}*",
    "- {}",
    "# {}",
    "```{}\n{}\n```",
    "    {}",
    "[{}](https://example.org)",
    "[x](https://example.org/{})",
    '[x](https://example.org "{}")',
    "![{}](https://example.org)",
    "<https://example.org/{}>",
    "<!-- {} -->",
)


@pytest.mark.parametrize(
    "text", [*(text.replace("{}", SCRIPT) for text in SPOILED), '[x](/a "\\" onclick=")']
)
def test_html_in_an_article_is_text(text):
    made = html(text)
    assert not any(f"<{element}" in made for element in ("script", "img", "!--"))
    assert '" onclick' not in made


def test_there_are_no_pictures():
    assert "<img" not in html("![x](https://example.org/a.png) ![x](data:image/png;base64,AAAA)")


def test_its_words_can_be_had_without_marks_and_addresses():
    article = "See [`fork`(2)](https://example.org), *now*\nor later.\n\n- one\n- two"
    assert read_article(article) == ["See fork(2), now or later.", "one two"]
    assert find_links(article) == ["https://example.org"]


def test_lines_are_joined_without_a_blank_where_chinese_has_none():
    joined = {
        "运行\n就绪": "运行就绪",
        "的地方，\n`spawner`": "的地方，<code>spawner</code>",
        "`fork`\n（派生）": "<code>fork</code>（派生）",
        "调用\n`wait`": "调用 <code>wait</code>",
        "叫“甲”\n`b`": "叫“甲”<code>b</code>",
        "says “a”\nand b": "says “a” and b",
        "one\ntwo": "one two",
    }
    assert {text: str(render_line(text)) for text in joined} == joined


# -- sentences --------------------------------------------------------------------------------


def test_stress_needs_no_blanks_around_it_and_names_keep_their_underscores():
    assert render_line("它叫*并发*，*“不对。”*它说**“是”**。") == (
        "它叫<em>并发</em>，<em>“不对。”</em>它说<strong>“是”</strong>。"
    )
    assert render_line("__init__ and wall_s_x, 2 * 3 * 4, a* b") == "__init__ and wall_s_x, 2 * 3 * 4, a* b"


def test_the_marks_of_a_sentence_are_paired_before_its_values_stand_in_it():
    sentence = say(
        "Called `{later}` instead of `{former}`, *not {n}*.", later="a`b", former="*c*", n="`"
    ).as_json()
    assert prose.said(sentence) == ("Called <code>a`b</code> instead of <code>*c*</code>, <em>not `</em>.")
    assert "".join(span["text"] for span in card.spans(sentence)) == "Called a`b instead of *c*, not `."


def test_a_coloured_number_can_stand_in_code_and_in_stress():
    sentence = say("`x = {n}`, *{n}*", n=times(2.0, "threads")).as_json()
    number = '<span class="about" style="--c:var(--en-threads)">2.00×</span>'
    assert prose.said(sentence) == f"<code>x = {number}</code>, <em>{number}</em>"


def test_a_sentence_of_a_record_brings_no_link_and_no_html():
    """It may be a stranger's: records can be imported."""
    bad = f"[x](https://evil.example) <https://evil.example> {SCRIPT} &lt; \U000f0000 ![x](y) \\*"
    made = prose.said({"template": bad + " {v}", "values": {"v": {"text": bad, "number": None}}})
    assert "<" not in made.replace("&lt;", "")
    assert Markup("{}").format(escape(bad.replace("\U000f0000", "\ufffd"))).unescape() in made.unescape()


def test_a_character_that_stands_for_a_value_cannot_be_forged():
    parts = ["a \U000f0000 b ", {"text": "1"}, "\U000f0001", "\U000f0000"]
    assert [(s.words, s.value and s.value["text"]) for s in read_sentence(parts)] == [
        ("a \ufffd b ", None),
        ("", "1"),
        ("\ufffd\ufffd", None),
    ]
