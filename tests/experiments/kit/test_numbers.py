"""No parser of numbers is more liberal than the form: one list for every way in."""

import json
import math
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from app import courses, pads
from app.cli import cli
from app.main import create_app
from app.settings import Settings
from experiments.kit.guess import number_in
from experiments.kit.numbers import read_number, read_whole
from experiments.kit.spec import Field, ParameterError, load
from tests.app.test_roles import inside

TEXTS = json.loads((Path(__file__).parents[2] / "golden/number_texts.json").read_text())["texts"]
WRONG = [text for text, number in TEXTS if number is None]
RIGHT = [(text, number) for text, number in TEXTS if number is not None]


@pytest.mark.parametrize(("text", "number"), TEXTS)
def test_a_text_is_the_number_that_a_form_takes_it_for(text, number):
    read = read_number(text)
    assert (read if read is not None and math.isfinite(read) else None) == number
    assert read is None or math.copysign(1, read) == 1 or read < 0


@pytest.mark.parametrize(("text", "number"), TEXTS)
def test_a_whole_number_has_no_fraction_however_it_is_written(text, number):
    whole = number if number is not None and number == int(number) else None
    assert read_whole(text) == whole
    assert type(read_whole(text)) in (int, type(None))


def test_a_long_row_of_digits_stays_exact_and_a_longer_one_is_no_number():
    assert read_whole("9007199254740993") == 9007199254740993
    assert read_number("9" * 10_000) is None
    assert read_whole("9" * 390) is None


@pytest.mark.parametrize("text", WRONG)
@pytest.mark.parametrize("kind", [int, float])
def test_a_parameter_is_written_like_a_number(text, kind):
    with pytest.raises(ParameterError, match=r"^workers: .* is not a (finite )?number$"):
        Field("workers", kind, low=-1e300, high=1e300).parse(text)


@pytest.mark.parametrize(("text", "number"), RIGHT)
def test_a_parameter_is_the_number_that_is_written(text, number):
    assert Field("share", float, low=-1e300, high=1e300).parse(text) == number


@pytest.mark.parametrize("text", [text for text in WRONG if text != "3%"])
def test_a_guess_is_written_like_a_number(text):
    assert not math.isfinite(number_in(text, "share"))
    assert text == "3 " or not math.isfinite(number_in(f"{text}%", "share"))  # "3 %" is a share
    experiment = load("threads.scaling")
    if text.strip():
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


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbers")
    app = create_app(Settings(data=folder, cache=folder))
    yield app
    inside(app).state.store.close()


@pytest.fixture
async def client(app):
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


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
