"""A number is what a form takes for one; tests/app/test_numbers.py asks the same of every other way in."""

import json
import math
from pathlib import Path

import pytest

from experiments.kit.guess import number_in
from experiments.kit.numbers import read_number, read_whole
from experiments.kit.spec import Field, ParameterError

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
