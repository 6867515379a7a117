import pytest

from experiments.kit.subjects import tally
from experiments.kit.subjects.subjects import Group
from experiments.kit.subjects.work import python_loop


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(tally, "run_ns", 0)
    monkeypatch.setattr(tally, "delay_ns", 0)


def test_the_tally_adds_up():
    tally.add(5, 2)
    tally.add(10, 1)
    assert (tally.run_ns, tally.delay_ns) == (15, 3)


def test_subjects_are_in_the_tally_once_they_are_reaped():
    with Group() as group:
        usage = group.fork(python_loop, 200_000).reap()
    assert tally.run_ns == usage.run_ns > 0
    assert tally.delay_ns == usage.delay_ns


def test_a_task_that_could_not_tell_its_delay_makes_the_sum_unknown():
    tally.add(5, 2)
    tally.add(5, None)
    tally.add(5, 2)
    assert (tally.run_ns, tally.delay_ns) == (15, None)
