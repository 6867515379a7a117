"""What people predict: which points there are, what is taken, and how far off a guess was."""

import json
import math
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.io_models._five_models.rows import Read
from experiments.io_models._five_models.verdict import first
from experiments.kit import BarsGuess, ChoiceGuess, LineGuess, Machine, NumberGuess, Record
from experiments.kit.guess import GuessError, Point, off_by
from experiments.kit.spec import load, names
from experiments.processes import states
from experiments.threads import gil_wait, scaling
from experiments.threads._gil_wait.story import Share


class Row(NamedTuple):
    key: str
    value: float


def measured(record: Record) -> dict[str, float]:
    return {row.key: row.value for row in record[Row]}


def record(*rows: tuple, **params) -> Record:
    return Record(Machine.here(), params, rows)


NUMBERS = {"ask": "How much?", "unit": "×", "low": 0, "measured": measured}
LINE = LineGuess(
    **NUMBERS,
    high=lambda params: params["n"],
    series=("a", "b"),
    places=lambda params: range(2, params["n"] + 1),
    starts=(1, 1),
    x_about="workers",
)
BARS = BarsGuess(**NUMBERS | {"unit": "share"}, high=1, bars=("running", "gil"), whole=1)
NUMBER = NumberGuess(**NUMBERS | {"unit": "share"}, high=1, about="spinner 1")
CHOICE = ChoiceGuess(
    ask="Which?",
    choices={"a": "the first", "b": "the second", "c": "the third"},
    measured=lambda record: {row.key: bool(row.value) for row in record[Row]},
)
SAID = {"a@2": 1.5, "a@3": 2, "b@2": 1, "b@3": 1}


# -- points -----------------------------------------------------------------------------------


def test_a_line_asks_for_every_series_at_every_place_of_these_parameters():
    assert [point.key for point in LINE.points({"n": 3})] == ["a@2", "a@3", "b@2", "b@3"]
    assert LINE.points({"n": 2}) == (Point("a@2", "a", 2.0, "a"), Point("b@2", "b", 2.0, "b"))


def test_parts_that_are_states_are_called_by_their_words():
    assert [point.label for point in BARS.points({})] == ["running on a core", "waiting for the GIL"]


def test_a_pad_gets_the_question_the_points_and_their_bounds_as_json():
    told = json.loads(json.dumps(LINE.as_json({"n": 2})))
    assert told == {
        "kind": "line",
        "ask": "How much?",
        "figure": "",
        "points": [
            {"key": "a@2", "series": "a", "x": 2.0, "label": "a"},
            {"key": "b@2", "series": "b", "x": 2.0, "label": "b"},
        ],
        "unit": "×",
        "low": 0,
        "high": 2,
        "log": False,
        "x_about": "workers",
        "starts": [1, 1],
    }
    assert BARS.as_json({})["whole"] == 1
    assert CHOICE.as_json({})["choices"] == {"a": "the first", "b": "the second", "c": "the third"}


def test_a_line_is_drawn_from_where_it_starts():
    drawn = LINE.drawn({"a@2": 1.5, "b@2": 1})
    assert [(point.series, point.x, value) for point, value in drawn] == [
        ("a", 1, 1),
        ("b", 1, 1),
        ("a", 2, 1.5),
        ("b", 2, 1),
    ]


# -- what is taken ----------------------------------------------------------------------------


def test_a_guess_is_taken_in_the_order_of_its_points():
    given = dict(reversed(SAID.items()))
    assert list(LINE.parse(given, {"n": 3}).items()) == [("a@2", 1.5), ("a@3", 2), ("b@2", 1), ("b@3", 1)]


@pytest.mark.parametrize(
    ("guess", "given", "taken"),
    [
        (NUMBER, {"value": 0.5}, {"value": 0.5}),
        (NUMBER, "0.5", {"value": 0.5}),
        (NUMBER, "50 %", {"value": 0.5}),
        (NUMBER, 1, {"value": 1.0}),
        (BARS, {"running": "0.25", "gil": "75%"}, {"running": 0.25, "gil": 0.75}),
        (BARS, {"running": 0.33, "gil": 0.66}, {"running": 0.33, "gil": 0.66}),  # rounded to whole percents
        (CHOICE, {"choice": "b"}, {"choice": "b"}),
        (CHOICE, "b", {"choice": "b"}),
    ],
)
def test_a_guess_with_one_point_needs_no_key_and_texts_are_read(guess, given, taken):
    assert guess.parse(given, {}) == taken


@pytest.mark.parametrize(
    ("guess", "given", "sentence"),
    [
        (LINE, SAID | {"a@2": math.nan}, "guess: a@2: 'nan' is not a number"),
        (LINE, SAID | {"a@2": "NaN"}, "guess: a@2: 'NaN' is not a number"),
        (LINE, SAID | {"a@2": math.inf}, "guess: a@2: 'inf' is not a number"),
        (LINE, SAID | {"a@2": "many"}, "guess: a@2: 'many' is not a number"),
        (LINE, SAID | {"a@2": ""}, "guess: a@2: '' is not a number"),
        (LINE, SAID | {"a@2": True}, "guess: a@2: 'True' is not a number"),
        (LINE, SAID | {"a@2": None}, "guess: a@2: 'None' is not a number"),
        (LINE, SAID | {"a@2": [1]}, "guess: a@2: '[1]' is not a number"),
        (LINE, SAID | {"a@2": 10**400}, f"guess: a@2: '1{'0' * 38}…' is not a number"),
        (LINE, SAID | {"a@2": "50 %"}, "guess: a@2: '50 %' is not a number"),
        (LINE, SAID | {"a@2": 3.01}, "guess: a@2: 3.01 is outside 0 to 3"),
        (LINE, SAID | {"a@2": -1}, "guess: a@2: -1 is outside 0 to 3"),
        (LINE, SAID | {"a@4": 1}, "guess: there is no point 'a@4'; it has a@2, a@3, b@2, b@3"),
        (LINE, {"a@2": 1}, "guess: a@3 is missing"),
        (LINE, {}, "guess: a@2 is missing"),
        (LINE, 1.5, "guess: '1.5' names no points; it has a@2, a@3, b@2, b@3"),
        (LINE, [1], "guess: '[1]' names no points; it has a@2, a@3, b@2, b@3"),
        (LINE, "x" * 99, f"guess: '{'x' * 39}…' names no points; it has a@2, a@3, b@2, b@3"),
        (BARS, {"running": 0.5, "gil": 0.4}, "guess: the parts add up to 0.9, not to 1"),
        (NUMBER, {"value": 50}, "guess: value: 50 is outside 0 to 1"),
        (NUMBER, "half", "guess: value: 'half' is not a number"),
        (NUMBER, None, "guess: value: 'None' is not a number"),
        (CHOICE, "d", "guess: 'd' is not one of a, b, c"),
        (CHOICE, {"choice": ["a"]}, "guess: \"['a']\" is not one of a, b, c"),
        (CHOICE, {}, "guess: 'None' is not one of a, b, c"),
        (CHOICE, {"choice": "a", "value": 1}, "guess: there is no point 'value'; it has choice"),
    ],
)
def test_a_wrong_guess_is_refused_with_a_sentence(guess, given, sentence):
    with pytest.raises(GuessError) as refused:
        guess.parse(given, {"n": 3})
    assert str(refused.value) == sentence


def test_where_no_point_is_left_there_is_nothing_to_guess():
    with pytest.raises(GuessError, match="there is nothing to guess"):
        LINE.parse({}, {"n": 1})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["a@2", "value"]), inner),
)


@settings(deadline=None)  # a busy machine is no mistake
@given(guess=st.sampled_from([LINE, BARS, NUMBER, CHOICE]), sent=JSON)
def test_whatever_is_sent_is_taken_or_refused_with_a_sentence(guess, sent):
    taken, refused = {}, ""
    try:
        taken = guess.parse(sent, {"n": 2})
    except GuessError as error:
        refused = str(error)
    assert bool(taken) != refused.startswith("guess: ")
    assert all(math.isfinite(value) for value in taken.values() if not isinstance(value, str))


# -- how far off ------------------------------------------------------------------------------


def told(guess, given, *rows, **params):
    """(you, measured, off by, near) of every row."""
    rows = guess.rows(given, record(*rows, **params))
    return [(row["you"]["text"], row["measured"]["text"], row["off"]["text"], row["near"]) for row in rows]


def test_ratios_are_off_by_a_factor():
    rows = [Row("a@2", 1.0), Row("b@2", 1.1)]
    assert told(LINE, {"a@2": 2.6, "b@2": 1.0}, *rows, n=2) == [
        ("2.60×", "1.00×", "2.6×", False),
        ("1.00×", "1.10×", "1.1×", True),
    ]


def test_shares_are_off_by_points():
    rows = [Row("running", 0.25), Row("gil", 0.75)]
    assert told(BARS, {"running": 0.24, "gil": 0.5}, *rows) == [
        ("24\u00a0%", "25\u00a0%", "1 point", True),
        ("50\u00a0%", "75\u00a0%", "25 points", False),
    ]


def test_what_was_not_measured_is_neither_near_nor_far():
    assert told(LINE, {"a@2": 2.6, "b@2": 1.0}, Row("a@2", math.nan), n=2) == [
        ("2.60×", "not measured", "–", None),
        ("1.00×", "not measured", "–", None),
    ]


def test_a_guess_of_nought_is_off_by_no_number():
    row = LINE.rows({"a@2": 0}, record(Row("a@2", 1.0), n=2))[0]
    assert (row["off"]["text"], row["near"]) == ("∞×", False)
    json.dumps(row, allow_nan=False)
    assert off_by(0, 0, "×")[1] is True


@pytest.mark.parametrize("share", [0.2, 0.3, 0.7])
def test_five_points_off_is_near_on_both_sides(share):
    assert off_by(share, share + 0.05, "share")[1] is True
    assert off_by(share, share - 0.05, "share")[1] is True
    assert off_by(share, share + 0.06, "share")[1] is False


def test_a_row_says_which_point_it_is_about():
    row = LINE.rows({"a@3": 2}, record(n=3))[0]
    assert {key: row[key] for key in ("key", "series", "x", "label")} == {
        "key": "a@3",
        "series": "a",
        "x": 3.0,
        "label": "a",
    }


def test_a_guess_from_a_machine_with_other_places_is_still_compared():
    assert told(LINE, {"a@6": 3}, Row("a@6", 3.0), n=2) == [("3.00×", "3.00×", "1.0×", True)]


def test_a_choice_is_right_or_wrong():
    rows = [Row("a", 1), Row("b", 0)]
    assert told(CHOICE, {"choice": "a"}, *rows) == [("the first", "the first", "right", True)]
    assert told(CHOICE, {"choice": "b"}, *rows) == [("the second", "the first", "wrong", False)]


def test_an_answer_that_was_not_tried_is_not_called_wrong():
    assert told(CHOICE, {"choice": "c"}, Row("a", 1), Row("b", 0)) == [("the third", "the first", "–", None)]


def test_where_nothing_was_decided_nobody_is_right_or_wrong():
    assert told(CHOICE, {"choice": "a"}) == [("the first", "unclear", "–", None)]
    assert told(CHOICE, {"choice": "a"}, Row("a", 0), Row("b", 0)) == [("the first", "unclear", "–", None)]


# -- the experiments --------------------------------------------------------------------------


def test_scaling_measures_the_median_speedup_of_each_kind_and_size():
    def round_(kind, workers, repeat, speedup):
        return scaling.Round(kind, workers, repeat, 0.1, speedup, 0.1, 1.0, 0.0)

    rows = [round_("threads", 4, n, speedup) for n, speedup in enumerate((0.9, 1.0, 5.0))]
    rows += [round_("processes", 2, 0, 1.8), round_("interpreters", 2, 0, 1.7)]
    assert scaling.guess.measured(record(*rows)) == {
        "threads@4": 1.0,
        "processes@2": 1.8,
        "interpreters@2": 1.7,
    }


def test_scaling_asks_for_the_numbers_of_workers_that_it_tries():
    asked = {point.x for point in scaling.guess.points({"workers": 8})}
    assert {1, *asked} == set(scaling.levels(8))
    assert scaling.guess.top({"workers": 8}) >= 8


def test_gil_wait_measures_the_mean_of_the_threads_that_compute():
    rows = [
        Share("thread 1", 1.0, 0.5, 0.25, 0.25, 0.0),
        Share("thread 2", 1.0, 0.0, 0.75, 0.15, 0.1),
        Share("reader", 1.0, 0.0, 0.0, 0.0, 1.0),
        Share("process", 1.0, 1.0, 0.0, 0.0, 0.0),
    ]
    seen = gil_wait.guess.measured(record(*rows))
    assert seen == pytest.approx({"running": 0.25, "gil": 0.5, "ready": 0.2, "blocked": 0.05})
    assert gil_wait.guess.measured(record()) == {}


def test_states_measures_the_first_spinner_by_the_books():
    def share(process, running_s):
        return states.Share(process, 1, 2.0, running_s, 0, 0, 0, 0, 0, 0, 0, 0, 100)

    rows = [share("sleeper", 0.1), share("spinner 1", 1.0), share("spinner 2", 0.2)]
    assert states.guess.measured(record(*rows)) == {"value": 0.5}
    assert states.guess.measured(record()) == {}


def reads(ready_s=0.0, **late_us):
    """Twenty rounds; `late_us` are the microseconds after the send, for each model."""
    jitter = [1 + n / 100 for n in range(20)]
    return [
        Read(
            model=model.replace("_", "-"),
            arm=model,
            series=model.replace("_", "-"),
            read=n,
            size_b=1,
            wait_s=0.001,
            notify_s=None,
            copy_s=None,
            after_send_s=late * 1e-6 * slow,
            cpu_s=0.0,
            ready_s=ready_s,
            syscalls=1,
            voluntary=1,
            involuntary=0,
            work=0,
        )
        for model, late in late_us.items()
        for n, slow in enumerate(jitter)
    ]


def test_the_model_that_had_the_data_first_in_the_same_rounds_is_the_answer():
    seen = first(record(*reads(blocking=100, non_blocking=25, multiplexed=110, asynchronous=140)))
    assert seen == {"blocking": False, "non-blocking": True, "multiplexed": False, "asynchronous": False}


def test_a_model_that_had_to_read_less_is_not_called_the_first():
    rows = reads(blocking=1000, non_blocking=600, multiplexed=1100, signal_driven=90)
    less = [row._replace(size_b=row.size_b // 2) if row.model == "signal-driven" else row for row in rows]
    assert first(record(*less)) == {"blocking": False, "non-blocking": True, "multiplexed": False}


def test_models_that_are_too_near_each_other_decide_nothing():
    assert first(record(*reads(blocking=100, non_blocking=25, multiplexed=25))) == {}


def test_a_reader_that_had_to_wait_for_its_core_decides_nothing():
    assert first(record(*reads(0.0005, blocking=100, non_blocking=25, multiplexed=110))) == {}


def test_without_all_models_that_the_verdict_needs_nothing_is_decided():
    assert first(record(*reads(blocking=100, non_blocking=25))) == {}
    assert first(record()) == {}


@pytest.mark.parametrize("name", names())
def test_every_experiment_has_something_to_guess_on_one_of_its_figures(name):
    experiment = load(name)
    assert experiment.guess
    assert experiment.guess.figure
    for preset in (None, *experiment.presets):
        asked = experiment.guess.as_json(experiment.parse({}, preset))
        assert asked["points"]
        assert asked["ask"].endswith("?")
        json.dumps(asked, allow_nan=False)


@pytest.mark.parametrize("kind", [LineGuess, BarsGuess, NumberGuess, ChoiceGuess])
def test_no_methods_are_made_that_nobody_calls_because_every_measuring_process_would_pay_for_them(kind):
    assert not {"__repr__", "__eq__", "__setattr__", "__hash__"} & set(vars(kind))
