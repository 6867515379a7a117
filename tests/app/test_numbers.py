"""No way in is more liberal with numbers than the form, nor with what is true and what is false."""

import json

import pytest
from click.testing import CliRunner

from app.catalogue import courses
from app.cli.commands import cli
from app.runs import pads
from experiments.kit.spec import ParameterError, load
from tests.served import ROOT

TEXTS = json.loads((ROOT / "tests/golden/number_texts.json").read_text())["texts"]
WRONG = [text for text, number in TEXTS if number is None]


@pytest.mark.parametrize("text", [text for text in WRONG if text.strip() and text != "3%"])
def test_a_guess_in_a_form_is_written_like_a_number(text):
    experiment = load("threads.scaling")
    given = pads.given(experiment, {"guess.threads@2": text})
    assert given
    with pytest.raises(ParameterError):
        experiment.parse_guess(given, experiment.parse({}))


@pytest.mark.parametrize("text", [text for text in WRONG if "\0" not in text])
def test_the_command_line_takes_numbers_as_the_form_does(text):
    for command in (["serve", f"--port={text}"], ["run", "threads.race", f"--repeats={text}"]):
        answer = CliRunner().invoke(cli, command)
        assert answer.exit_code == 2
        assert "number" in answer.stderr


async def test_addresses_take_numbers_as_the_form_does(client):
    for text in WRONG:
        answer = await client.get("/api/runs", params={"limit": text})
        assert answer.status_code == 422
        assert answer.json()["detail"] == f"limit: {text!r} is not a whole number"
    for text in ("3", "3.0", "3e0"):
        assert (await client.get("/api/runs", params={"limit": text})).status_code == 200
        assert (await client.get(f"/processes/{text}")).status_code in (200, 404)
    for text in ("3_0", "+3", "٣", "%203", "0x3"):
        assert (await client.get(f"/processes/{text}")).status_code == 422


@pytest.mark.parametrize("value", ["3", "", "3_0", "1e3", True, None, [3], {"n": 3}])
async def test_a_text_in_json_is_no_number(client, value):
    order = {"experiment": "threads.race", "params": {"repeats": value}}
    answer = await client.post("/api/runs", json=order)
    assert (answer.status_code, answer.json()["detail"]) == (422, f"repeats: {value!r} is not a number")


@pytest.mark.parametrize("value", ["true", "on", "", 1, 0, None])
async def test_a_text_in_json_is_neither_true_nor_false(client, value):
    order = {"experiment": "threads.gil_wait", "params": {"process": value}}
    answer = await client.post("/api/runs", json=order)
    assert answer.status_code == 422
    assert "is neither true nor false" in answer.json()["detail"]


async def test_a_text_in_json_is_no_guess_of_a_number(client):
    order = {"experiment": "threads.scaling", "guess": {"threads@2": "2"}}
    answer = await client.post("/api/runs", json=order)
    assert (answer.status_code, "is not a number" in answer.json()["detail"]) == (422, True)


def test_a_cookie_takes_numbers_as_the_form_does():
    assert courses.begun("locks.٣") is None
    assert courses.begun("locks.3_0") is None
