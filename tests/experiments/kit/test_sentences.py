import pytest

from experiments.kit.sentences import Value, duration, percent, say, significant, times


def test_a_sentence_reads_like_one():
    sentence = say("{n} threads ran {speed} as fast as one.", n=4, speed=times(0.968, "threads"))
    assert str(sentence) == "4 threads ran 0.97× as fast as one."


def test_a_sentence_keeps_its_template_and_its_numbers_apart():
    sentence = say("{share} of it", share=percent(0.25, "gil"))
    assert sentence.as_json() == {
        "template": "{share} of it",
        "values": {"share": {"text": "25\u00a0%", "number": 0.25, "unit": "share", "about": "gil"}},
    }


def test_plain_words_and_numbers_become_values():
    sentence = say("{who}: {many} in {time}", who="reader", many=12345, time=0.123456)
    assert str(sentence) == "reader: 12\u2009345 in 0.12"
    assert sentence.values["many"].number == 12345
    assert sentence.values["who"] == Value("reader")


@pytest.mark.parametrize(
    ("share", "text"), [(0.5, "50\u00a0%"), (0.004, "0.4\u00a0%"), (0, "0\u00a0%"), (0.0996, "10\u00a0%")]
)
def test_small_shares_keep_a_digit(share, text):
    assert percent(share).text == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1.5, "1.50\u00a0s"),
        (0.0123, "12.3\u00a0ms"),
        (0.9996, "1.00\u00a0s"),
        (0.000005, "5.00\u00a0µs"),
        (2e-7, "0.20\u00a0µs"),
        (-2.6e-9, "-0.003\u00a0µs"),
        (0, "0\u00a0µs"),
        (-0.25, "-250\u00a0ms"),
    ],
)
def test_a_duration_is_told_in_the_unit_a_reader_would_choose(seconds, text):
    assert duration(seconds).text == text
    assert duration(seconds).number == seconds


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (4180, "4180"),
        (78.49, "78.5"),
        (5.128, "5.13"),
        (0.4200, "0.42"),
        (0, "0"),
        (99.96, "100"),
        (0.0496, "0.05"),
        (3e-7, "0.0000003"),
    ],
)
def test_numbers_have_at_most_three_digits_that_count_and_no_exponent(number, text):
    assert significant(number) == text
