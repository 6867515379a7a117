"""A small run for real, against other eyes on the same kernel, and verdicts on rows whose answer is known."""

import os
import resource
import subprocess

import pytest

from experiments.kit import Machine, Progress, Record
from experiments.kit.spec import ParameterError, load
from experiments.memory import _touch, paging
from experiments.memory._paging.promises import how_much_slower
from experiments.memory._touch import PAGE_B, huge_b, mapping, touch_twice
from experiments.memory.paging import Step, Total, measure, verdict

pytestmark = pytest.mark.skipif(bool(paging.missing()), reason=paging.missing() or "-")

MIB = 1 << 20
PAGES = 16 * MIB // PAGE_B
STRAY = 30  # faults of the interpreter itself, for the objects it makes meanwhile


@pytest.fixture(scope="module")
def rows():
    return [row for row in measure(mib=16, steps=4, repeats=3) if not isinstance(row, Progress)]


def totals(rows: list[object], arm: str) -> list[Total]:
    return [row for row in rows if isinstance(row, Total) and row.arm == arm]


def steps(rows: list[object], arm: str) -> list[Step]:
    return [row for row in rows if isinstance(row, Step) and row.arm == arm]


def test_the_address_space_jumps_before_anything_is_touched(rows):
    for row in steps(rows, "written"):
        assert row.virtual_mib == pytest.approx(16, abs=0.3)
    assert all(row.resident_mib < 0.3 for row in steps(rows, "written") if row.touched_mib == 0)


def test_every_page_that_is_written_is_one_fault(rows):
    for total in totals(rows, "written"):
        assert total.pages == PAGES
        assert PAGES <= total.minor_faults <= PAGES + STRAY


def test_memory_comes_with_slope_one(rows):
    assert all(total.slope == pytest.approx(1, abs=0.01) for total in totals(rows, "written"))
    for row in steps(rows, "written"):
        assert row.resident_mib == pytest.approx(row.touched_mib, abs=0.5)


def test_reading_faults_for_every_page_and_adds_nothing(rows):
    for total in totals(rows, "only read"):
        assert PAGES <= total.minor_faults <= PAGES + STRAY
        assert total.slope == pytest.approx(0, abs=0.01)


@pytest.mark.skipif(not huge_b(), reason="this kernel has no huge pages")
def test_a_huge_page_is_one_fault_or_the_verdict_says_that_there_was_none(rows):
    faults = min(total.minor_faults for total in totals(rows, "huge pages"))
    said = judged([row for row in rows if isinstance(row, Step | Total)])
    assert faults <= 16 * MIB // huge_b() + STRAY or "few huge pages or none" in str(said.checks[4].claim)


@pytest.mark.measured
def test_the_first_touch_takes_longer_than_the_second(rows):
    assert all(total.slower > 3 for total in totals(rows, "written"))
    assert all(row.first_ns > row.second_ns for row in steps(rows, "written")[1:5])


def test_kinds_take_turns(rows):
    kinds = [row.arm for row in rows if isinstance(row, Total)]
    assert kinds[:3] == kinds[5:2:-1] == kinds[6:]


def test_a_mapping_looks_the_same_in_smaps_by_another_tool():
    """What awk adds up in /proc/<pid>/smaps is what we counted in statm."""
    with mapping(16 * MIB, huge=False) as (room, start):
        resident = {0: resident_kib(room)}
        for page in range(start, start + 8 * MIB, PAGE_B):
            room[page] = 1
        resident[8] = resident_kib(room)
    assert resident == {0: 0, 8: 8 * 1024}


def resident_kib(room) -> int:
    """Of the one mapping that begins at the address of `room`."""
    begin = f"{_touch.address(room):x}"
    find = f"/^{begin}-/ {{found = 1}} found && /^Rss:/ {{print $2; exit}}"
    smaps = f"/proc/{os.getpid()}/smaps"
    return int(subprocess.run(["awk", find, smaps], capture_output=True, check=True).stdout)


@pytest.mark.skipif(not huge_b(), reason="this kernel has no huge pages")
@pytest.mark.parametrize("size_b", [4 * MIB, 4 * MIB + PAGE_B])
def test_a_huge_mapping_begins_at_a_multiple_of_a_huge_page(size_b):
    with mapping(size_b, huge=True) as (room, start):
        assert (_touch.address(room) + start) % huge_b() == 0
        assert len(room) >= start + size_b


@pytest.mark.skipif(not huge_b(), reason="this kernel has no huge pages")
def test_an_old_kernel_that_aligns_nothing_is_asked_for_one_huge_page_more(monkeypatch):
    at = 7 * PAGE_B
    monkeypatch.setattr(_touch, "huge_b", lambda: 2 * MIB)
    monkeypatch.setattr(_touch, "address", lambda _: at)
    with mapping(4 * MIB, huge=True) as (room, start):
        assert (len(room), at + start) == (6 * MIB, 2 * MIB)


def test_an_uneven_number_of_steps_touches_every_page_once():
    done = touch_twice(MIB + PAGE_B, 7, huge=False, write=True)
    assert sum(part.pages for part in done.first) == MIB // PAGE_B + 1


def test_a_run_that_is_broken_off_gives_its_memory_back():
    experiment = load("memory.paging")
    before = resident_pages(), len(os.listdir("/proc/self/fd"))
    running = experiment.measure(**experiment.parse({"mib": 64, "huge": "off"}))
    next(row for row in running if isinstance(row, Step) and row.touched_mib > 32)
    running.close()
    after = resident_pages(), len(os.listdir("/proc/self/fd"))
    assert after[1] == before[1]
    assert after[0] - before[0] < 8 * MIB // PAGE_B


def resident_pages() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])


def test_an_error_while_touching_leaves_no_mapping_and_no_descriptor(monkeypatch):
    before = len(os.listdir("/proc/self/fd")), virtual_pages()
    monkeypatch.setattr(_touch, "touch", broken)
    with pytest.raises(RuntimeError):
        touch_twice(64 * MIB, 4, huge=False, write=True)
    assert len(os.listdir("/proc/self/fd")) == before[0]
    assert virtual_pages() - before[1] < 32 * MIB // PAGE_B


def broken(*_: object):
    raise RuntimeError


def virtual_pages() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0])


def test_more_than_a_quarter_of_the_free_memory_is_refused_with_what_would_fit(monkeypatch):
    monkeypatch.setattr(paging, "available", lambda: 400 * MIB)
    with pytest.raises(ParameterError, match=r"mib: 128 is more than a quarter .* at most 100 fit"):
        next(measure(mib=128))


def test_huge_pages_alone_need_huge_pages(monkeypatch):
    monkeypatch.setattr(paging, "huge_b", lambda: 0)
    with pytest.raises(ParameterError, match="no huge pages that fit into 16 MiB; choose off"):
        list(measure(mib=16, huge="on"))
    kinds = {row.arm for row in measure(mib=16, steps=4, repeats=3) if isinstance(row, Total)}
    assert kinds == {"written", "only read"}


def test_faults_are_those_that_getrusage_counts_for_the_whole_process():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    done = touch_twice(16 * MIB, 4, huge=False, write=True)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert PAGES <= sum(part.added.minor_faults for part in done.first) <= faults <= PAGES + 4 * STRAY


# Verdicts


def total(arm: str, slope: float, faults: int, slower: float = 150.0, pages: int = 16384) -> Total:
    return Total(arm, 0, pages, faults, faults / pages, slope, slower)


def untouched(there: float = 0.0, arm: str = "written") -> Step:
    return Step(arm, 0, 0.0, 64.0, there, 0, None, None, 0.0)


def judged(rows: list[Step | Total], **params: object):
    return verdict(Record(Machine.here(), {"mib": 16, "huge": "both"} | params, rows))


WRITTEN = [untouched(), *(total("written", slope, 16385) for slope in (1.0, 1.001, 0.999))]
READ = [total("only read", 0.0, 16384)] * 3
HUGE = [total("huge pages", 1.0, 32, 20.0)] * 3


def test_memory_that_comes_as_it_is_touched():
    said = judged(WRITTEN + READ + HUGE)
    assert said.answer == "at the first touch"
    assert str(said.headline).startswith("64\u00a0MiB were promised at once, and nothing of it was real")
    assert [check.ok for check in said.checks] == [True] * 7
    assert "512 times fewer" in str(said.checks[4].claim)


def test_memory_that_is_there_at_once_does_not_fit():
    said = judged([untouched(there=64.0), *[total("written", 0.0, 0)] * 3])
    assert said.answer == "unclear"
    assert "64\u00a0MiB before the first touch" in str(said.headline)


def test_memory_that_goes_while_it_is_touched_does_not_fit():
    said = judged([untouched(), *(total("written", slope, 16385) for slope in (0.4, 1.0, 0.7))])
    assert (said.answer, said.checks[1].ok) == ("unclear", False)


def test_a_kernel_without_huge_pages_is_told_and_no_fault_of_the_run():
    refused = judged(WRITTEN + READ + [total("huge pages", 1.0, 16384)] * 3)
    left_out = judged(WRITTEN + READ)
    for said in (refused, left_out):
        assert (said.answer, said.checks[4].ok) == ("at the first touch", None)
    assert "few huge pages or none" in str(refused.checks[4].claim)
    assert "left out" in str(left_out.checks[4].claim)


def test_huge_pages_alone_are_judged_by_themselves():
    said = judged([untouched(arm="huge pages"), *HUGE], huge="on")
    assert said.answer == "at the first touch"


def test_a_page_fault_too_many_is_seen():
    assert judged([untouched(), *[total("written", 1.0, 32768)] * 3], huge="off").checks[2].ok is False


def test_a_first_touch_that_was_not_slower_is_not_called_so():
    said = judged(
        [untouched(), *(total("written", 1.0, 16385, slower) for slower in (0.8, 1.3, 1.1))], huge="off"
    )
    assert said.checks[-1].ok is None


def test_two_passes_are_too_few():
    assert judged(WRITTEN[:3]).answer == "unclear"


def test_what_was_guessed_is_the_median_of_the_passes():
    record = Record(Machine.here(), {}, [total("written", 1, 1, slower) for slower in (100, 200, 400)])
    assert how_much_slower(record) == {"value": 200}
    assert how_much_slower(Record(Machine.here(), {}, READ)) == {}
