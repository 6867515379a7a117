"""The card of a run: what it says, and a command that orders the same run again."""

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from app.catalogue.catalogue import command_line
from app.cli import commands, local
from app.export import card
from app.figures import telling
from app.runs.run import Run, State
from app.system.interpreters import Interpreter
from app.text.languages import load as words_of
from app.text.languages import speaking
from experiments.kit.spec import Experiment, Field, load, names

EXPERIMENTS = {name: load(name) for name in names()}
OTHER = Interpreter("pypy-3.10.14", "/opt/pypy", "3.10.14", "PyPy", gil=True)


def run_of(experiment: Experiment, **changes: Any) -> Run:
    return Run(
        id="0123456789",
        experiment=experiment.name,
        params=changes.pop("params", experiment.parse({})),
        state=changes.pop("state", State.DONE),
        created_at=1_763_893_320.0,
        **changes,
    )


def facts(run: Run, **told: str) -> dict[str, Any]:
    given = {"command": "oscope run", "python": "CPython 3.14.0", "link": ""} | told
    return card.facts(EXPERIMENTS[run.experiment], run, **given)


def text(run: Run) -> str:
    return "".join(span["text"] for span in facts(run)["said"])


# -- the command ------------------------------------------------------------------------------


def another(field: Field) -> Any:
    """Not the default; with as many digits as it can have."""
    if field.type is bool:
        return not field.default
    if field.choices:
        return next(choice for choice in field.choices if choice != field.default)
    low = field.low
    assert low is not None
    if field.type is int:
        return field.default - 1 if field.default > low else field.default + 1
    return low + (field.default - low) / 3


def sets_of_parameters() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, experiment in EXPERIMENTS.items():
        yield name, experiment.parse({})
        yield name, experiment.parse({field.name: another(field) for field in experiment.params})
        for preset in experiment.presets:
            yield name, experiment.parse({}, preset)


@pytest.mark.parametrize("python", ["", OTHER.id])
@pytest.mark.parametrize(("name", "params"), list(sets_of_parameters()))
def test_the_command_orders_the_same_run_as_printed(monkeypatch, name: str, params: dict, python: str):
    ordered = []

    def order_only(order: local.Order, *_: object) -> None:
        ordered.append(order)
        raise SystemExit(0)

    monkeypatch.setattr(local, "measure", order_only)
    monkeypatch.setattr(local.interpreters, "find", lambda: {OTHER.id: OTHER})
    program, *arguments = shlex.split(command_line(EXPERIMENTS[name], params, python))
    done = CliRunner().invoke(commands.cli, arguments)
    assert (program, done.exit_code, done.stderr) == ("oscope", 0, "")
    [order] = ordered
    assert order.experiment.name == name
    assert order.params == params
    assert not python or order.python == OTHER


# -- what it says -----------------------------------------------------------------------------


def test_a_failed_run_says_why():
    run = run_of(EXPERIMENTS["threads.scaling"], state=State.FAILED, why="out of memory")
    assert text(run) == "Failed. This run did not reach its end. Out of memory."
    with speaking(words_of("zh", EXPERIMENTS)):
        assert text(run).startswith("失败")


def test_a_stopped_run_says_so():
    run = run_of(EXPERIMENTS["threads.scaling"], state=State.STOPPED, why="stopped on request")
    assert text(run) == "Stopped. This run was ended early; what was measured until then is here."


def test_every_parameter_stands_on_the_card_with_its_unit():
    experiment = EXPERIMENTS["threads.scaling"]
    run = run_of(experiment, params=experiment.parse({"work": 73.25}))
    assert facts(run)["params"] == "workload python · workers 4 · work 73.25 ms · repeats 5"


def test_a_guess_is_named_in_words_and_not_by_ids():
    row = {
        "key": "gil",
        "series": "gil",
        "x": None,
        "label": "waiting for the GIL",
        "near": False,
        "you": {"text": "60 %", "number": 0.6, "about": "gil"},
        "measured": {"text": "33 %", "number": 0.33, "about": "gil"},
        "off": {"text": "27 points", "number": 27, "about": ""},
    }
    guess = {"points": {"gil": 0.6}, "given_at": 0.0, "rows": [row]}
    [told] = facts(run_of(EXPERIMENTS["threads.gil_wait"], guess=guess))["guess"]
    assert told["label"] == "waiting for the GIL"
    assert (told["you"], told["measured"], told["near"]) == ("60 %", "33 %", False)


def test_a_code_is_there_only_where_there_is_a_link_to_share():
    run = run_of(EXPERIMENTS["threads.scaling"])
    assert facts(run)["code"] is None
    code = facts(run, link="http://192.168.1.20:8000/runs/0123456789")["code"]
    assert code["size"] >= 21
    assert code["path"].startswith("M")


def test_the_figure_that_answers_comes_first():
    ordered = telling(EXPERIMENTS["processes.states"])
    assert ordered[:2] == ["shares", "timeline"]
