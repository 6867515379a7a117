"""Every text has its translation, and a translation says what its English says."""

import re
import string

import pytest

from app.catalogue import courses
from app.door import guard
from app.ground import limits
from app.runs import conditions
from app.runs.run import State
from app.storage.store import DAMAGED, MEMORY_ONLY, MOVED, NO_WAL, OVERWRITTEN, REPLACED, WRITTEN_ANEW
from app.text import languages
from app.text.languages import ENGLISH, Words, preferred
from app.web.errors import STATUS
from app.web.pages import base, home
from experiments.kit.sentences import percent, say
from experiments.kit.spec import chapters, load_all
from tests.app.text import texts

NAMES = {
    "oscope",
    "API",
    "MIT",
    "cpu",
    "pid",
    "tid",
    "python",
    "PNG",
    "SVG",
    "CSV",
    "JSON",
    "HTML",
}  # in any language
SPOKEN = {kind.__name__ for kind in STATUS} | {
    *("HTTPException", "Denied", "GuessError", "StorageFull", "CannotStart"),
}
ZH = languages.load("zh", load_all())
SCRIPT = languages.sections("zh")["script"]
ENGLISH_ONLY = {  # beside the terminal: modules of the protocol, and of a store that refuses to open
    *("children/scratch", "live/topics", "live/sockets", "export/interactive", "web/api/contract"),
    *("door/protocols", "door/visits", "ground/repeats", "storage/place", "storage/connections"),
    *("storage/pending", "storage/queries", "storage/schema", "storage/store"),
}
UNHEARD = {  # parts of sentences that are known whole, and what only programs are told
    *("is neither true nor false", "is less than 7", "is more than 7", "is not 7", "is missing"),
    *("a whole number", "true or false", "7; it may have been deleted"),
    *("run 7 is 7 and left no rows to compare7", "oscope run", "There is no such file."),
    *("the id of an interpreter", "7 GET /api/experiments/7/guess has the points."),
    "the process that reads files ended without an answer; its last words are above",
    *("Max open files", "Max stack size"),  # the kernel's, in /proc/<pid>/limits
}
TABLES = [  # texts that stand in tables, and reach people through a variable
    *base.ADVICE.values(),
    *(text for _, *told in conditions.CONDITIONS for text in told),
    *(label for _, label in home.MACHINE_CHANNELS),
    *(state.value for state in State),
    *(NO_WAL, DAMAGED, MEMORY_ONLY, MOVED, WRITTEN_ANEW, REPLACED, OVERWRITTEN),
    *(text for chapter in chapters() for text in (chapter.title, chapter.about)),
    *(text for route in courses.routes().values() for text in (route.title, route.about)),
    *(stop.say for route in courses.routes().values() for stop in route.stops),
]


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def missing(said: set[str], known: Words = ZH) -> list[str]:
    return sorted(text for text in said if text.strip() and not known.knows(text))


# -- nothing is left in English ---------------------------------------------------------------


@pytest.mark.parametrize("name", texts.templates())
def test_every_text_of_a_template_is_translated(name):
    assert missing(set(texts.said_in(texts.templates()[name]))) == []


@pytest.mark.parametrize("name", texts.templates())
def test_a_template_says_nothing_past_the_translation(name):
    found = texts.Raw(texts.written(texts.templates()[name])).found
    words = {word for text in found for word in re.findall(r"[A-Za-z]{2,}", text)}
    assert words - NAMES == set()


@pytest.mark.parametrize("path", texts.modules("app"), ids=str)
def test_every_text_of_a_module_is_translated(path):
    assert missing(set(texts.said_by(path))) == []


@pytest.mark.parametrize("path", texts.modules("app") + texts.modules("experiments/kit"), ids=str)
def test_every_sentence_of_an_error_is_translated(path):
    assert missing(set(texts.raised_by(path, SPOKEN))) == []


@pytest.mark.parametrize("path", texts.modules("app"), ids=str)
def test_every_sentence_that_stands_in_the_code_is_translated(path):
    """Also one that reaches people through a variable, a table or another sentence."""
    name = str(path.relative_to("app").with_suffix(""))
    if name not in ENGLISH_ONLY and not name.startswith("cli/"):
        assert missing(texts.written_in(path) - UNHEARD) == []


def test_every_text_that_stands_in_a_table_is_translated():
    assert missing(set(TABLES)) == []


def test_the_scripts_get_every_text_that_they_say():
    assert sorted(texts.said_by_scripts() - {*SCRIPT}) == []


def test_the_scripts_get_no_text_that_they_do_not_say():
    assert sorted({*SCRIPT} - texts.said_by_scripts()) == []


def test_a_translation_has_the_places_of_its_english():
    wrong = {english: said for english, said in ZH.texts.items() if holes(english) != holes(said)}
    assert wrong == {}


def test_a_text_that_stays_as_it_is_needs_no_entry():
    own = [entry for section in languages.sections("zh").values() for entry in section.items()]
    assert [english for english, said in own if said == english] == []


# -- the search for texts finds them ----------------------------------------------------------


def test_the_search_finds_both_arms_of_a_choice_and_a_plural():
    template = base.environment().parse('{{ t("a" if x else "b") }}{{ count(2, "{n} run", "{n} runs") }}')
    assert list(texts.said_in(template)) == ["a", "b", "{n} run", "{n} runs"]


def test_the_search_finds_raw_text_in_any_branch():
    source = '<p title="{{ x }}">{% if x %}Left{% else %}{{ t("Right") }}{{ "Bare" if x }}{% endif %}</p>'
    written = texts.written(base.environment().parse(source + '<a aria-label="Go">{{ x }}</a>'))
    assert [text for text in texts.Raw(written).found if text.strip()] == ["LeftBare", "Go"]


def test_the_search_finds_what_a_module_says_and_raises(tmp_path):
    path = tmp_path / "module.py"
    said = 't("Said")\nself.t("Mine" if x else "Yours")\nwords("Theirs")\n'
    path.write_text(said + 'raise UnknownRun(f"no {id!r} here")\n')
    assert list(texts.said_by(path)) == ["Said", "Mine", "Yours", "Theirs"]
    assert list(texts.raised_by(path, {"UnknownRun"})) == ["no 7 here"]


MODULE = """
'What it does, and for whom.'
NOUNS = {1: "a red thing"}
why = f"it has {n or 'no known'} sides"
log.info("never mind this")
ask("select name from runs where id = ?")
word = "word"
"""


def test_the_search_finds_a_sentence_wherever_it_stands(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(MODULE)
    assert texts.written_in(path) == {"a red thing", "it has 7 sides", "no known"}


# -- how a text is found ----------------------------------------------------------------------

SMALL = Words(
    "zh",
    {
        "Run": "运行",
        "workers": "工作者数",
        "{name}: {value} is outside {range}": "{name}：{value} 超出范围 {range}",
        "{low} to {high}": "{low} 到 {high}",
        "{n} run": "{n} 个运行",
        "{n} runs": "{n} 个运行",
        "Failed: {why}.": "失败：{why}。",
        "it broke": "坏了",
        "{name} has no preset {preset}; it has {names}": "{name} 没有预设 {preset}；它有 {names}",
        "quick": "快速",
        "careful": "仔细",
        "It is over.": "结束了。",
        "Nothing is here.": "什么也没有。",
        "{share} of the time.": "时间的 {share}。",
    },
)


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("Run", "运行"),
        ("workers: 99 is outside 2 to 32", "工作者数：99 超出范围 2 到 32"),
        ("Failed: it broke.", "失败：坏了。"),
        ("It is over. Nothing is here.", "结束了。什么也没有。"),
        ("quick, careful", "快速、仔细"),
        ("scaling has no preset 'x'; it has quick, careful", "scaling 没有预设 'x'；它有 quick, careful"),
        ("how to do it", "how to do it"),
        ("quick, unheard", "quick, unheard"),
        ("", ""),
    ],
)
def test_a_text_is_found_whole_by_its_template_or_part_by_part(english, said):
    assert SMALL(english) == said


def test_values_stand_where_the_translation_wants_them():
    assert SMALL("Failed: {why}.", why="x {y}") == "失败：x {y}。"
    assert SMALL.count(1, "{n} run", "{n} runs") == SMALL.count(4, "{n} run", "{n} runs").replace("4", "1")


def test_english_is_said_as_it_stands():
    assert ENGLISH("Failed: {why}.", why="it broke") == "Failed: it broke."
    assert (ENGLISH.count(1, "{n} run", "{n} runs"), ENGLISH.count(0, "{n} run", "{n} runs")) == (
        "1 run",
        "0 runs",
    )


def test_a_sentence_keeps_its_numbers():
    said = SMALL.sentence(say("{share} of the time.", share=percent(0.25, "ready")).as_json())
    assert said["template"] == "时间的 {share}。"
    assert said["values"]["share"]["number"] == 0.25
    assert said["values"]["share"]["about"] == "ready"


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("threads.scaling has no preset 'none'; it has quick", "threads.scaling 没有预设 'none'；它有 quick"),
        ("limit: 0 is less than 1", "limit：0 小于 1"),
        ("the run has ended already: it is stopped", "运行已经结束：已停止"),
        (
            "the queue is full: 20 runs wait already; the next place is free in about 3 s",
            "队列已满：已有 20 次运行在等待；大约 3 s 后空出下一个位置",
        ),
        ("it took longer than 32.5 s", "它用时超过 32.5 s"),
        ("it used more than 512 MB", "它用了超过 512 MB 内存"),
        ("the experiment was ended by SIGKILL", "实验被 SIGKILL 终止"),
        (
            "spinner 1 ended (killed by SIGKILL) while it was needed",
            "空转者 1 在还需要它的时候就结束了（被 SIGKILL 终止）",
        ),
        ("trial ended (exit code 1) before it answered", "trial 还没有回答就结束了（退出码 1）"),
        (
            "the experiment left with exit code 3 before it was done",
            "实验没有做完就以退出码 3 结束",
        ),
        (
            "The 3 oldest runs were removed to keep the history under 512 MB (last on 2026-01-02).",
            "为使运行记录不超过 512 MB，移除了最旧的 3 次运行（最近一次在 2026-01-02）。",
        ),
        ("Storing does not work now: the disk is full.", "现在无法存储：the disk is full。"),
        (guard.too_large(limits.BODY_B), "一个请求最多携带 64 kB"),
        (guard.too_large(limits.IMPORT_B), "要导入的文件最多 64 MB"),
    ],
)
def test_what_the_app_says_is_recognised(english, said):
    assert ZH(english) == said


# -- whom a browser speaks for ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("cookie", "accepts", "language"),
    [
        ("", "", "en"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("", "en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("", "de-DE,de;q=0.9,zh;q=0.8,en;q=0.7", "zh"),
        ("", "fr", "en"),
        ("", "zh;q=0,en;q=0.1", "en"),
        ("", "zh;q=much, *", "en"),
        ("zh", "en", "zh"),
        ("en", "zh", "en"),
        ("tlh", "zh", "zh"),
    ],
)
def test_the_language_is_the_one_chosen_here_or_the_first_that_we_have(cookie, accepts, language):
    assert preferred(cookie, accepts) == language
