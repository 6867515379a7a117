import textwrap
from types import ModuleType

import pytest

from experiments.kit import Machine, Record
from experiments.kit.spec import Experiment, Field, ParameterError, SpecError, load, names, read

WHOLE = '''
    """Coins

    Does a coin fall on its edge?

    Throw it and see.
    """

    from collections.abc import Iterator
    from typing import Annotated, Literal, NamedTuple

    from experiments.kit import *

    class Throw(NamedTuple):
        """One throw."""

        side: Literal["heads", "tails", "edge"]
        height_m: Annotated[float, Unit("m"), "above the table"]
        note: str | None

    class Total(NamedTuple):
        """All throws."""

        throws: Count

    charts = [Line(Throw, x="height_m", y="height_m"), Line(Throw, x="height_m", y="height_m", by="side")]
    presets = {"quick": {"throws": 2}}

    def measure(
        throws: Annotated[Count, Between(1, 50), "how often"] = 10,
        height: Annotated[Milliseconds, Between(0.5, 9.5)] = 2,
        coin: Literal["euro", "yuan"] = "euro",
        fair: bool = True,
    ) -> Iterator[Throw | Total | Progress]:
        yield Total(throws)

    def verdict(record: Record) -> Verdict:
        return Verdict("no", say("It did not."))

    def cost(throws: int, height: float, coin: str, fair: bool) -> float:
        return throws * 20.0
'''


def module(old: str = "", new: str = "") -> ModuleType:
    """The experiment above, with one thing changed."""
    assert old in WHOLE
    made = ModuleType("coins")
    made.__file__ = "coins.py"
    exec(textwrap.dedent(WHOLE.replace(old, new, 1) if old else WHOLE), made.__dict__)
    return made


@pytest.fixture
def coins() -> Experiment:
    return read("chance.coins", module())


def test_the_docstring_is_title_question_and_article(coins):
    assert (coins.title, coins.question) == ("Coins", "Does a coin fall on its edge?")
    assert coins.article == "Throw it and see."
    assert coins.chapter == "chance"


def test_the_signature_is_the_form(coins):
    throws, height, coin, fair = coins.params
    assert throws == Field("throws", int, "", "how often", (), 1, 50, 10)
    assert height == Field("height", float, "ms", "", (), 0.5, 9.5, 2)
    assert (coin.choices, coin.default) == (("euro", "yuan"), "euro")
    assert (fair.type, fair.default) == (bool, True)


def test_the_row_types_are_the_tables(coins):
    throw, total = coins.tables
    assert (throw.name, throw.caption) == ("throw", "One throw.")
    side, height, note = throw.columns
    assert side.choices == ("heads", "tails", "edge")
    assert (height.unit, height.help, height.optional) == ("m", "above the table", False)
    assert (note.type, note.optional) == (str, True)
    assert coins.table("total") is total


def test_charts_without_a_name_are_numbered(coins):
    assert [chart.id for chart in coins.charts] == ["line", "line-2"]


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({}, {"throws": 10, "height": 2.0, "coin": "euro", "fair": True}),
        ({"throws": "3", "fair": ""}, {"throws": 3, "height": 2.0, "coin": "euro", "fair": False}),
        ({"height": "9.5", "coin": "yuan"}, {"throws": 10, "height": 9.5, "coin": "yuan", "fair": True}),
        ({"throws": 3.0, "fair": "on"}, {"throws": 3, "height": 2.0, "coin": "euro", "fair": True}),
    ],
)
def test_a_form_and_a_json_object_become_values(coins, given, values):
    assert coins.parse(given) == values


def test_what_is_given_beats_the_preset_and_the_preset_the_default(coins):
    assert coins.parse({}, "quick")["throws"] == 2
    assert coins.parse({"throws": 5}, "quick")["throws"] == 5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"throws": 99}, "throws: 99 is outside 1 to 50"),
        ({"throws": 0}, "throws: 0 is outside 1 to 50"),
        ({"throws": "many"}, "throws: 'many' is not a number"),
        ({"throws": 2.5}, "throws: 2.5 is not a whole number"),
        ({"throws": True}, "throws: True is not a number"),
        ({"throws": None}, "throws: None is not a number"),
        ({"throws": [1]}, "throws: [1] is not a number"),
        ({"throws": "nan"}, "throws: 'nan' is not a number"),
        ({"throws": "1e999"}, "throws: '1e999' is not a finite number"),
        ({"throws": 10**400}, f"throws: {10**400} is not a number"),
        ({"height": 10}, "height: 10 is outside 0.5 to 9.5 ms"),
        ({"coin": "cent"}, "coin: 'cent' is not one of euro, yuan"),
        ({"fair": "maybe"}, "fair: 'maybe' is neither true nor false"),
        ({"fair": 1}, "fair: 1 is neither true nor false"),
        ({"wrong": 1}, "chance.coins has no parameter 'wrong'; it has throws, height, coin, fair"),
        ({"throws": 31}, "chance.coins would take about 620 s with these parameters; the limit is 600 s"),
    ],
)
def test_a_wrong_value_is_a_sentence_with_name_value_and_rule(coins, given, message):
    with pytest.raises(ParameterError) as error:
        coins.parse(given)
    assert str(error.value) == message


def test_an_unknown_preset_is_a_sentence(coins):
    with pytest.raises(ParameterError, match=r"^chance.coins has no preset 'slow'; it has quick$"):
        coins.parse({}, "slow")


def test_the_deadline_follows_from_the_cost(coins):
    assert coins.cost(coins.parse({"throws": 2})) == 40
    assert coins.deadline(coins.parse({"throws": 2})) > 40
    assert coins.deadline(coins.parse({"throws": 20})) > coins.deadline(coins.parse({"throws": 2}))


RETURNS = "Iterator[Throw | Total | Progress]"
MISTAKES = [
    ("Does a coin fall on its edge?", "A coin falls.", "the docstring must be a title, a question that ends"),
    ("def verdict", "def judge", "there is no `verdict`; an experiment needs measure, verdict and charts"),
    ('by="side"', 'by="sied"', "Line: Throw has no column 'sied'; it has side, height_m, note"),
    ("charts = [Line(Throw,", "charts = [Line(Record,", "Line draws Record, which measure does not"),
    ("= 10,", ",", "measure: throws has no default"),
    (", Between(1, 50)", "", "measure: throws has no Between(low, high)"),
    ("note: str | None", "note: list", "note: <class 'list'> is none of int, float, str, bool or Literal"),
    (RETURNS, "Iterator", "measure must be annotated to return Iterator[Row]"),
    (RETURNS, "Iterator[Throw | int]", "measure yields <class 'int'>, which is not a NamedTuple"),
    ('{"throws": 2}', '{"throws": 0}', "preset quick: throws: 0 is outside 1 to 50"),
    ('"yuan"] = "euro"', '"yuan"] = "cent"', "preset the defaults: coin: 'cent' is not one of"),
]


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES)
def test_a_mistake_in_a_module_is_a_sentence_before_anything_runs(old, new, message):
    with pytest.raises(SpecError) as error:
        read("chance.coins", module(old, new))
    assert message in str(error.value)


def test_a_type_that_is_not_there_is_named():
    coins = module()
    coins.measure.__annotations__["throws"] = "Annotated[Weight, Between(1, 50)]"
    with pytest.raises(SpecError, match="measure names a type that is not there: name 'Weight'"):
        read("chance.coins", coins)


def test_a_record_gives_the_rows_of_a_type_in_order():
    made = module()
    rows = [made.Total(3), made.Throw("edge", 0.1, None), made.Total(4)]
    record = Record(Machine.here(), {"throws": 2}, rows)
    assert record[made.Total] == [made.Total(3), made.Total(4)]
    assert record[made.Throw] == [made.Throw("edge", 0.1, None)]
    assert bool(record)
    assert not Record(Machine.here(), {}, [])


def test_experiments_are_found_by_their_place(monkeypatch):
    monkeypatch.undo()
    found = names()
    assert "threads.scaling" in found
    assert "threads.gil_wait" in found
    assert not any(name.startswith("kit.") or "._" in name for name in found)
    assert load("threads.scaling").name == "threads.scaling"


GUESS = """
    guess = LineGuess(
        ask="How high?", figure="line", unit="×", low=0, high=lambda params: params["throws"],
        measured=lambda record: {}, series=("heads", "edge"), places=lambda params: range(params["throws"]),
    )

    presets ="""


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('figure="line"', 'figure="nine"', "guess: there is no chart 'nine'"),
        ('params["throws"]', 'params["trows"]', "guess: there is no parameter 'trows'"),
        ('range(params["throws"])', 'range(params["n"])', "guess: there is no parameter 'n'"),
        ('"edge")', '"side")', "guess: 'side' is not one of heads, tails, edge"),
    ],
)
def test_a_guess_that_no_figure_answers_is_one_sentence_at_loading(old, new, sentence):
    wrong = GUESS.replace('"line"', '"line-2"').replace(old.replace('"line"', '"line-2"'), new, 1)
    with pytest.raises(SpecError) as refused:
        read("coins.coins", module("\n    presets =", wrong))
    assert str(refused.value) == sentence


GROUPED = """
    charts += [Bars(Throw, id="bars", x="height_m", y="height_m", by="side")]
    guess = NumberGuess(
        ask="How high?", figure="bars", about="1", by="edge",
        unit="×", low=0, high=1, measured=lambda record: {},
    )

    presets ="""


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('by="edge",', "", "guess: by has to name which side of chart 'bars' answers"),
        ('by="edge"', 'by="rim"', "guess: 'rim' is not one of heads, tails, edge"),
        (', by="side"', "", "guess: chart 'bars' has no groups of bars, so by = 'edge' names nothing"),
    ],
)
def test_a_guess_about_grouped_bars_names_the_one_that_answers(old, new, sentence):
    assert read("coins.coins", module("\n    presets =", GROUPED)).guess.by == "edge"
    with pytest.raises(SpecError) as refused:
        read("coins.coins", module("\n    presets =", GROUPED.replace(old, new, 1)))
    assert str(refused.value) == sentence


def test_a_guess_about_a_figure_that_is_there_is_loaded():
    coins = read("coins.coins", module("\n    presets =", GUESS.replace('"line"', '"line-2"')))
    assert len(coins.guess.points({"throws": 3})) == 6
