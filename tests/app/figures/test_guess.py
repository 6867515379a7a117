"""A guess on the figure that answers it: there from the start, and still beside the rows that come later."""

import json
import xml.etree.ElementTree as ET
from typing import Annotated, Literal, NamedTuple

import pytest

from app.figures import Board, apply
from app.svg import WIDE, standalone
from app.text import languages
from experiments.kit import Bars, BarsGuess, ChoiceGuess, Ecdf, Line, LineGuess, NumberGuess, Shares
from experiments.kit.spec import Experiment, number_charts, read_table
from experiments.kit.units import Count, Ratio, Seconds

SVG = "{http://www.w3.org/2000/svg}"
Kind = Literal["threads", "processes"]


class Round(NamedTuple):
    """One timed round."""

    kind: Kind
    workers: Count
    speedup: Annotated[Ratio, "work per second"]


class Share(NamedTuple):
    """Where the time went."""

    thread: str
    running_s: Seconds
    gil_wait_s: Seconds


NUMBERS = {"ask": "How much?", "low": 0, "measured": lambda record: {}}
LINE = LineGuess(
    **NUMBERS,
    figure="line",
    unit="×",
    high=5,
    series=("threads", "processes"),
    places=lambda params: (2, 4),
    starts=(1, 1),
)
LEVEL = NumberGuess(**NUMBERS, figure="line", unit="×", high=5, about="threads")
UPRIGHT = NumberGuess(**NUMBERS, figure="ecdf", unit="×", high=5)
CHOICE = ChoiceGuess(
    ask="Which?",
    figure="ecdf",
    choices={"threads": "threads", "processes": "processes"},
    measured=lambda record: {},
)
PARTS = BarsGuess(**NUMBERS, figure="shares", unit="share", high=1, bars=("running", "gil"), whole=1)
MARK = NumberGuess(**NUMBERS, figure="shares", unit="share", high=1, about="thread 1")
GROUPED = NumberGuess(**NUMBERS, figure="groups", unit="×", high=5, about="4", by="processes")
BARS = BarsGuess(**NUMBERS, figure="bars", unit="×", high=5, bars=("threads", "processes"))
GUESSES = {
    "line": (LINE, {"threads@2": 1.9, "threads@4": 2.6, "processes@2": 2, "processes@4": 4}),
    "level": (LEVEL, {"value": 2.6}),
    "upright": (UPRIGHT, {"value": 2.6}),
    "choice": (CHOICE, {"choice": "threads"}),
    "parts": (PARTS, {"running": 0.25, "gil": 0.75}),
    "mark": (MARK, {"value": 0.3}),
    "grouped": (GROUPED, {"value": 2.6}),
    "bars": (BARS, {"threads": 1.0, "processes": 3.0}),
}
CHARTS = (
    Line(Round, x="workers", y="speedup", by="kind"),
    Ecdf(Round, x="speedup", by="kind"),
    Bars(Round, x="kind", y="speedup"),
    Shares(Share, lane="thread"),
    Bars(Round, id="groups", x="workers", y="speedup", by="kind"),
)
ROUNDS = [["threads", 1, 1.0], ["processes", 1, 1.0], ["threads", 4, 0.9], ["processes", 4, 3.5]]
SHARES = [["thread 1", 0.5, 0.5], ["thread 2", 0.2, 0.8]]


def board_of(asks, said=None, **options):
    tables = tuple(map(read_table, (Round, Share)))
    charts = number_charts(CHARTS)
    told = Experiment("t.t", "t", "t?", "t", (), tables, charts, lambda: iter(()), lambda record: None)
    return Board(Experiment(**vars(told) | {"guess": asks}), guess=said, **options)


def measured(board):
    board.add("round", ROUNDS)
    board.add("share", SHARES)
    board.close()
    return board


def figure_of(board, id):
    return next(figure for figure in board.figures() if figure["id"] == id)


def trace_of(board, figure, id):
    return next(trace for trace in figure_of(board, figure)["data"] if trace["id"] == id)


@pytest.mark.parametrize("name", GUESSES)
def test_a_guess_is_the_same_whether_it_came_before_the_rows_or_after_them(name):
    guess, said = GUESSES[name]
    before = measured(board_of(guess, said=said))
    after = measured(board_of(guess))
    after.guess(said)
    for early, late in zip(before.figures(), after.figures(), strict=True):
        traces = sorted(early["data"], key=str), sorted(late["data"], key=str)
        assert traces[0] == traces[1]
        assert early["layout"] == late["layout"]
        assert early["summary"] == late["summary"]


@pytest.mark.parametrize("name", GUESSES)
def test_its_operations_make_the_figure_that_a_page_has_into_the_figure_as_it_is(name):
    guess, said = GUESSES[name]
    board = measured(board_of(guess))
    page = {figure["id"]: figure for figure in board.figures()}
    (op,) = json.loads(json.dumps(board.guess(said), allow_nan=False))
    assert op["id"] == guess.figure
    apply(page[op["id"]], op["patch"])
    assert page[op["id"]] == figure_of(board, op["id"])


@pytest.mark.parametrize("name", GUESSES)
def test_a_guess_is_told_to_who_cannot_see_it(name):
    guess, said = GUESSES[name]
    assert "your guess" not in figure_of(measured(board_of(guess)), guess.figure)["summary"]
    assert "your guess" in figure_of(measured(board_of(guess, said=said)), guess.figure)["summary"]


@pytest.mark.parametrize("name", GUESSES)
def test_every_guess_is_drawn_into_files_too(name):
    guess, said = GUESSES[name]
    figure = figure_of(measured(board_of(guess, said=said)), guess.figure)
    assert "your guess" in standalone(figure, "light", WIDE)


@pytest.mark.parametrize("name", ["line", "parts"])
def test_a_guess_is_drawn_into_files_before_there_are_rows(name):
    guess, said = GUESSES[name]
    figure = figure_of(board_of(guess, said=said), guess.figure)
    assert "your guess" in standalone(figure, "dark", WIDE)


def test_a_guessed_line_is_dashed_in_the_colour_and_with_the_marks_of_its_series():
    board = measured(board_of(LINE, said=GUESSES["line"][1]))
    guess, line = trace_of(board, "line", "guess:threads"), trace_of(board, "line", "threads")
    assert (guess["x"], guess["y"]) == ([1, 2.0, 4.0], [1, 1.9, 2.6])
    assert guess["line"] == {"color": "$en-threads", "width": 1.8, "dash": "dash"}
    assert guess["marker"]["symbol"] == f"{line['marker']['symbol']}-open"
    assert guess["name"] == "your guess"


def test_its_label_stands_at_its_end_and_names_the_series():
    labels = figure_of(board_of(LINE, said=GUESSES["line"][1]), "line")["layout"]["annotations"]
    assert [(label["name"], label["x"], label["y"], label["text"]) for label in labels] == [
        ("end:guess:threads", 4.0, 2.6, "your guess: threads 2.60×"),
        ("end:guess:processes", 4.0, 4.0, "your guess: processes 4.00×"),
    ]


def test_before_there_are_rows_the_ticks_are_where_the_guess_is():
    assert figure_of(board_of(LINE, said=GUESSES["line"][1]), "line")["layout"]["xaxis"]["tickvals"] == [
        1,
        2,
        4,
    ]


def test_a_number_is_a_level_line_over_all_that_is_measured():
    trace = trace_of(measured(board_of(LEVEL, said={"value": 2.6})), "line", "guess:threads")
    assert (trace["x"], trace["y"]) == ([1, 4], [2.6, 2.6])


def test_a_number_of_a_distribution_is_an_upright_line():
    trace = trace_of(measured(board_of(UPRIGHT, said={"value": 2.6})), "ecdf", "guess:value")
    assert (trace["x"], trace["y"], trace["line"]["dash"]) == ([2.6, 2.6], [0.0, 1.0], "dash")


def test_a_choice_is_told_at_the_curve_that_it_names():
    figure = figure_of(measured(board_of(CHOICE, said={"choice": "threads"})), "ecdf")
    texts = {label["name"]: label["text"] for label in figure["layout"]["annotations"]}
    assert texts["end:threads"].endswith(" · your guess")
    assert "your guess" not in texts["end:processes"]


@pytest.mark.parametrize("late", [True, False])
def test_guessed_parts_are_a_lane_above_all_others(late):
    board = board_of(PARTS, said=None if late else GUESSES["parts"][1])
    measured(board)
    board.guess(GUESSES["parts"][1] if late else {})
    lanes = figure_of(board, "shares")["data"]
    assert [lane["id"] for lane in lanes] == ["guess:parts", "thread 1", "thread 2"]
    assert (lanes[0]["label"], lanes[0]["parts"]) == ("your guess", [["running", 0.25], ["gil", 0.75]])


def test_a_guessed_share_is_a_mark_on_its_lane():
    layout = figure_of(board_of(MARK, said={"value": 0.3}), "shares")["layout"]
    assert layout["marks"] == [
        {"id": "guess:value", "lane": "thread 1", "at": 0.3, "label": "your guess 30\u00a0%"}
    ]


def test_guessed_bars_are_outlines_beside_the_others():
    trace = trace_of(measured(board_of(BARS, said=GUESSES["bars"][1])), "bars", "guess:bars")
    assert (trace["x"], trace["y"]) == (["threads", "processes"], [1.0, 3.0])
    assert trace["marker"]["line"]["color"] == ["$en-threads", "$en-processes"]


def test_in_another_language_the_words_are_of_that_language():
    words = languages.Words("zh", {"your guess": "你的猜测", "threads": "线程", ": ": "："})
    board = board_of(LINE, words=words, said=GUESSES["line"][1])
    assert trace_of(board, "line", "guess:threads")["name"] == "你的猜测"
    first = figure_of(board, "line")["layout"]["annotations"][0]
    assert first["text"] == "你的猜测：线程 2.60×"


def test_an_experiment_without_a_guess_shows_none():
    board = board_of(None, said={"value": 1})
    assert board.guess({"value": 1}) == []


def test_a_guess_whose_figure_cannot_show_it_changes_nothing():
    guess = NumberGuess(**NUMBERS, figure="bars", unit="×", high=5)
    assert board_of(guess).guess({"value": 1}) == []


def test_of_grouped_bars_a_guess_marks_the_one_that_answers_it():
    figure = figure_of(measured(board_of(GROUPED, said={"value": 2.6})), "groups")
    mark = next(trace for trace in figure["data"] if trace["id"] == "guess:bars")
    assert (mark["x"], mark["y"], mark["on"]) == (["4"], [2.6], "processes")
    assert figure["layout"]["xaxis"]["categoryarray"] == ["1", "4"]
    assert "your guess: 2.60× at 4, processes" in figure["summary"]


@pytest.mark.parametrize("late", [True, False])
def test_in_files_its_mark_stands_across_that_bar_alone(late):
    board = measured(board_of(GROUPED, said=None if late else {"value": 2.6}))
    board.guess({"value": 2.6} if late else {})
    svg = ET.fromstring(standalone(figure_of(board, "groups")))
    hatched = [box for box in svg.iter(f"{SVG}rect") if box.get("fill", "").startswith("url(")]
    _, answer = sorted(hatched[:2], key=lambda box: float(box.get("x")))  # the third is in the key
    mark = next(line for line in svg.iter(f"{SVG}line") if line.get("stroke-dasharray"))
    left, right = float(mark.get("x1")), float(mark.get("x2"))
    assert left == pytest.approx(float(answer.get("x")) - 3, abs=0.2)
    assert right == pytest.approx(float(answer.get("x")) + float(answer.get("width")) + 3, abs=0.2)
    assert mark.get("y1") == mark.get("y2")
    assert float(mark.get("y1")) > float(answer.get("y"))  # 2.60 is below the 3.50 that was measured
