"""Which template a text is taken for, where several could be meant."""

import pytest

from app.text.languages import Words

ZH = Words(
    "zh",
    {
        "{n} threads got {speedup} as much done as one.": "{n} 个线程完成了一个的 {speedup}。",
        "Sleep needs no core.": "睡眠不需要核心。",
        "System calls: {list}.": "系统调用：{list}。",
        "{n} blocking": "阻塞 {n}",
        "{n} asynchronous": "异步 {n}",
        "{value} at {place}": "{value}（{place}）",
        "{low} to {high} {unit}": "{low} 到 {high} {unit}",
    },
)


@pytest.mark.parametrize(
    ("english", "said"),
    [
        # sentence by sentence, before a template could reach over the full stop
        (
            "4 threads got 2× as much done as one. Sleep needs no core.",
            "4 个线程完成了一个的 2×。睡眠不需要核心。",
        ),
        # item by item: a place for a number takes a place, and no list
        ("System calls: {a} blocking, {b} asynchronous.", "系统调用：阻塞 {a}、异步 {b}。"),
        # numbers alone make a template of few letters sure enough
        ("5 to 1000 ms", "5 到 1000 ms"),
    ],
)
def test_a_text_is_taken_for_what_it_was_made_from(english, said):
    assert ZH(english) == said


def test_a_template_of_few_letters_recognises_nothing():
    assert not ZH.knows("look at this")
    assert ZH("{value} at {place}", value="3×", place="2") == "3×（2）"
