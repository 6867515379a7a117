"""Facts that several places tell have one home: each of them says the same."""

import io
from contextlib import redirect_stdout
from dataclasses import replace

import pytest

from app.cli import terminal
from app.comparison import compare
from app.export import card, downloads, markdown, report
from app.runs import conditions
from app.runs.run import Run, State
from experiments.kit.spec import load

SCALING = load("threads.scaling")
ROW = {
    "key": "threads@4",
    "series": "threads",
    "label": "threads",
    "x": 4.0,
    "about": "threads",
    "you": {"text": "2.60×", "number": 2.6, "about": "threads"},
    "measured": {"text": "0.97×", "number": 0.97, "about": "threads"},
    "off": {"text": "2.7×"},
    "near": False,
}
RUN = Run(
    id="0123456789",
    experiment="threads.scaling",
    params=SCALING.parse({}),
    state=State.DONE,
    conditions={"foreign_cpu": 0.25, "run_delay": 0.5, "throttled": 0.5, "steal": 0.0, "own_cpu": 0.01},
    guess={"points": {"threads@4": 2.6}, "given_at": 0.0, "rows": [ROW]},
)


def in_terminal(run: Run) -> str:
    with redirect_stdout(io.StringIO()) as said:
        terminal.show_outcome(SCALING, run)
    return said.getvalue()


def whole(run: Run) -> downloads.Whole:
    return downloads.whole("md", SCALING, run, {})


def test_a_point_of_a_guess_has_one_name_wherever_it_is_named():
    names = {
        "card": [line["label"] for line in card.guessed(SCALING, RUN)],
        "report": [row["name"] for row in report.guesses(whole(RUN))],
        "comparison": [line.name for line in compare.guesses([RUN], "workers")],
    }
    assert names == {place: ["threads at 4 workers"] for place in names}
    assert "threads at 4 workers" in in_terminal(RUN)
    assert "threads at 4 workers" in markdown.as_markdown(whole(RUN))


@pytest.mark.parametrize(("key", "label"), conditions.LABELS.items())
def test_a_condition_has_one_name_and_is_left_out_where_nobody_knows_it(key, label):
    known = RUN.conditions[key]
    others = {name: value for name, value in RUN.conditions.items() if name != key}
    with_it, without = RUN, replace(RUN, conditions=others)
    for says in (
        in_terminal,
        lambda run: markdown.as_markdown(whole(run)),
        lambda run: str([fact.name for fact in compare.facts(SCALING, [run], ["cpython-3.11.7"])]),
        lambda run: str([told["name"] for told in conditions.conditions(run)]),
    ):
        assert label in says(with_it), known
        assert label not in says(without)
