import csv
import io
import json
import zipfile
from typing import Annotated, NamedTuple

import pytest

from app.export import exports
from app.runs.run import Run, State
from experiments.kit import Count, Hertz, Milliseconds, Ratio, Seconds
from experiments.kit.spec import Field, read_table
from tests.tiny.root import load

RUN = Run(
    id="0123456789",
    experiment="tiny.counting",
    params={"n": 2, "pause": 0.0},
    python="cpython-3.11.7",
    state=State.DONE,
    machine={"host": "here", "cores": 2},
    conditions={"foreign_cpu": 0.01, "run_delay": 0.0, "steal": 0.0, "own_cpu": 0.002},
    verdict={"answer": "far", "headline": "It counted 2 steps.", "checks": [], "doubts": [], "said": {}},
    started_at=1000.0,
    ended_at=1001.5,
)
TABLES = {"step": [[0, 0.0, 0.5], [1, 0.5, None]]}


@pytest.fixture(scope="module")
def counting():
    return load()["tiny.counting"]


class Beat(NamedTuple):
    """A row with every way to say a unit."""

    who: str
    wall_s: Seconds
    speedup: Ratio
    rate: Hertz
    delay: Milliseconds
    n: Annotated[Count, "how many"]


def test_the_record_is_the_object_that_others_build_on(counting):
    record = exports.as_json(counting, RUN, TABLES)
    assert record["experiment"] == "tiny.counting"
    assert record["params"] == {"n": 2, "pause": 0.0}
    assert record["machine"] == {"host": "here", "cores": 2}
    assert set(record["conditions"]) == {"foreign_cpu", "run_delay", "steal", "own_cpu"}
    assert record["tables"] == {
        "step": {
            "columns": [
                {"name": "i", "unit": "", "help": "its number"},
                {"name": "half", "unit": "×", "help": ""},
                {"name": "at_s", "unit": "s", "help": ""},
            ],
            "rows": [[0, 0.0, 0.5], [1, 0.5, None]],
        }
    }
    assert record["verdict"] == {
        "answer": "far",
        "headline": "It counted 2 steps.",
        "checks": [],
        "doubts": [],
    }
    assert (record["state"], record["started_at"], record["ended_at"]) == ("done", 1000.0, 1001.5)
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_a_table_without_rows_is_in_the_record_too(counting):
    assert exports.as_json(counting, RUN, {})["tables"]["step"]["rows"] == []


def test_a_csv_says_its_units_once():
    text = exports.as_csv(read_table(Beat), [["threads", 1.5, 0.97, 250.0, 5.0, 3]])
    assert text == "who,wall_s,speedup,rate [Hz],delay [ms],n\r\nthreads,1.5,0.97,250.0,5.0,3\r\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_a_spreadsheet_would_run_is_defused(text):
    (_, row) = csv.reader(io.StringIO(exports.as_csv(read_table(Beat), [[text]]), newline=""))
    assert row == [f"'{text}"]


def test_a_negative_number_stays_a_number():
    assert exports.cell(-1.5) == -1.5


def test_an_archive_holds_a_csv_for_each_table_with_rows(counting):
    packed = exports.as_zip(exports.csv_files(counting, TABLES))
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["step.csv"]
        assert archive.read("step.csv").decode() == "i,half,at_s\r\n0,0.0,0.5\r\n1,0.5,\r\n"


def test_a_run_without_rows_gives_the_headers_of_its_tables_and_no_empty_archive(counting):
    assert exports.csv_files(counting, {"step": []}) == {"step.csv": "i,half,at_s\r\n"}


def test_a_download_is_named_after_its_run():
    assert exports.file_name(RUN, "json") == "oscope-tiny.counting-0123456789.json"


def test_a_unit_in_the_name_is_not_repeated():
    assert exports.header(Field("delay_ns", int, "ns")) == "delay_ns"
    assert exports.header(Field("switches_per_second", float, "/s")) == "switches_per_second"
    assert exports.header(Field("switches", float, "/s")) == "switches [/s]"
