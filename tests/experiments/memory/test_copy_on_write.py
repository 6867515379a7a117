"""Real parents and children, against other eyes on the kernel, and verdicts on rows whose answer is known."""

import gc
import os
import subprocess
import sys
import time
from itertools import chain, pairwise
from subprocess import PIPE

import pytest

from experiments.kit import Machine, Record
from experiments.kit.kernel.proc import Task
from experiments.kit.spec import ParameterError, load
from experiments.memory import copy_on_write
from experiments.memory._copy_on_write import readers as _readers
from experiments.memory._copy_on_write import smaps
from experiments.memory._copy_on_write.sharing import read_copies
from experiments.memory._copy_on_write.smaps import frame, sizes
from experiments.memory.copy_on_write import Address, Reading, Step, measure, verdict
from tests.experiments.measured import measured

pytestmark = pytest.mark.skipif(bool(smaps.missing()), reason=smaps.missing() or "-")

MIB = 1 << 20
PAGES = 16 * MIB // smaps.PAGE_B
STRAY = 30  # pages that the child copies of itself meanwhile
OWN_MIB = 0.75  # of its own that either of them writes meanwhile
COUNTS_REFERENCES = sys.implementation.name == "cpython"


@pytest.fixture(scope="module")
def rows():
    return measured("memory.copy_on_write", mib=16, steps=4, objects=50_000, repeats=1).typed_rows()


def steps(rows: list[object], role: str) -> list[Step]:
    return [row for row in rows if isinstance(row, Step) and row.role == role]


@pytest.mark.measured
def test_both_together_grow_by_exactly_what_the_child_writes(rows):
    first, *more = steps(rows, "together")
    assert [row.written_mib for row in more] == [4, 8, 12, 16]
    for row in more:
        assert row.pss_mib - first.pss_mib == pytest.approx(row.written_mib, abs=OWN_MIB)


def test_resident_sizes_do_not_show_it(rows):
    for role in ("parent", "child", "together"):
        assert {round(row.rss_mib - steps(rows, role)[0].rss_mib) for row in steps(rows, role)} == {0}


def test_what_is_written_turns_from_shared_to_private(rows):
    first, *_, last = steps(rows, "child")
    assert last.private_dirty_mib - first.private_dirty_mib == pytest.approx(16, abs=OWN_MIB)
    assert first.shared_dirty_mib - last.shared_dirty_mib == pytest.approx(16, abs=OWN_MIB)


def test_every_page_that_is_written_is_one_fault(rows):
    for row in steps(rows, "child")[1:]:
        assert PAGES // 4 <= row.minor_faults <= PAGES // 4 + STRAY


@pytest.mark.measured
def test_the_first_writing_of_a_page_takes_longer_than_the_second(rows):
    assert all(row.ns_per_page > row.again_ns for row in steps(rows, "child")[1:])


def test_the_same_address_has_another_content_afterwards(rows):
    seen = {(row.moment, row.role): row for row in rows if isinstance(row, Address)}
    assert len({row.address for row in seen.values()}) == 1
    assert {key: row.value for key, row in seen.items()} == {
        ("before", "parent"): 1,
        ("before", "child"): 1,
        ("after", "parent"): 1,
        ("after", "child"): 2,
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="page frames are shown to root only")
def test_behind_the_address_is_one_frame_before_and_two_after(rows):
    frames = {(row.moment, row.role): row.frame for row in rows if isinstance(row, Address)}
    assert frames["before", "parent"] == frames["before", "child"] == frames["after", "parent"]
    assert frames["after", "child"] != frames["after", "parent"]


def test_who_may_not_see_frames_is_told_none(monkeypatch):
    monkeypatch.setattr(smaps, "open", denied, raising=False)
    assert frame(id(MIB)) == 0


def denied(*_: object, **__: object):
    raise PermissionError


@pytest.mark.skipif(not COUNTS_REFERENCES, reason="this interpreter counts no references")
def test_a_loop_over_strings_copies_them_and_a_loop_over_an_array_does_not(rows):
    shares = {row.way: row.copied_share for row in rows if isinstance(row, Reading)}
    assert shares["strings"] > 0.5
    assert shares["array"] < 0.1


@pytest.mark.skipif(not hasattr(gc, "freeze") or not COUNTS_REFERENCES, reason="nothing to freeze")
def test_a_frozen_heap_is_not_copied_by_the_collector(rows):
    shares = {row.way: row.copied_share for row in rows if isinstance(row, Reading)}
    assert shares["lists"] > 0.2
    assert shares["frozen lists"] < 0.1


@pytest.mark.measured
def test_what_the_observer_copies_itself_is_not_counted(rows):
    """Every step grows by what is written, the first one too."""
    grown = [row.pss_mib for row in steps(rows, "together")]
    assert [after - before for before, after in pairwise(grown)] == pytest.approx([4] * 4, abs=0.03 * 4)


@pytest.mark.measured
def test_sizes_are_what_awk_adds_up_over_all_mappings():
    with subprocess.Popen([sys.executable, "-c", STILL], stdin=PIPE, stdout=PIPE) as parent:
        child = int(parent.stdout.readline())
        while (Task(parent.pid).state(), Task(child).state()) != ("S", "S"):
            time.sleep(0.001)
        said, by_awk = sizes(child), added_up(child)
        parent.stdin.close()
    assert said.rss_mib == pytest.approx(by_awk["Rss"] / 1024)
    assert said.private_dirty_mib == pytest.approx(by_awk["Private_Dirty"] / 1024)
    assert said.shared_dirty_mib == pytest.approx(by_awk["Shared_Dirty"] / 1024)
    assert said.shared_dirty_mib > 8
    assert 4 < said.pss_mib <= by_awk["Pss"] / 1024 + 0.1


STILL = """
import os, sys
room = b"." * (8 << 20)
if child := os.fork():
    os.write(1, b"%d\\n" % child)
    os.wait()
else:
    sys.stdin.read()
"""


def added_up(pid: int) -> dict[str, int]:
    program = "/^(Rss|Pss|Private_Dirty|Shared_Dirty):/ {kib[$1] += $2} END {for (k in kib) print k, kib[k]}"
    done = subprocess.run(["awk", program, f"/proc/{pid}/smaps"], capture_output=True, text=True, check=True)
    return {key.rstrip(":"): int(kib) for key, kib in map(str.split, done.stdout.splitlines())}


@pytest.mark.parametrize("after", [1, 9, 40])
def test_a_run_that_is_broken_off_leaves_no_child_and_no_memory(after):
    experiment = load("memory.copy_on_write")
    before = children(), len(os.listdir("/proc/self/fd")), sizes(os.getpid()).rss_mib
    running = experiment.measure(**experiment.parse({"mib": 64, "objects": 20_000, "repeats": 2}))
    for _ in range(after):
        next(running)
    running.close()
    assert (children(), len(os.listdir("/proc/self/fd"))) == before[:2]
    assert sizes(os.getpid()).rss_mib - before[2] < 16


def children() -> list[str]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()


def test_more_than_an_eighth_of_the_free_memory_is_refused_with_what_would_fit(monkeypatch):
    monkeypatch.setattr(copy_on_write, "available", lambda: 400 * MIB)
    with pytest.raises(ParameterError, match=r"mib: 64 is more than an eighth .* at most 50 fit"):
        next(measure(mib=64))


def test_an_interpreter_that_cannot_freeze_is_asked_for_the_rest(monkeypatch):
    monkeypatch.delattr(gc, "freeze", raising=False)
    assert "frozen lists" not in _readers.ways_here()
    assert len(_readers.ways_here()) == 3


# Verdicts


def both(*pss_mib: float, repeat: int = 0, rss_mib: float = 70.0) -> list[Step]:
    """Eight MiB a step; what both hold after each, and how large the child seems."""
    found = []
    for i, pss in enumerate(pss_mib):
        faults, first, again = (2048, 2000, 20) if i else (None, None, None)
        found.append(
            Step(repeat, "child", 8.0 * i, rss_mib + (i and 0.1), 0.0, 0.0, 0.0, faults, first, again)
        )
        found.append(Step(repeat, "together", 8.0 * i, 2 * rss_mib, pss, 0.0, 0.0, None, None, None))
    return found


def judged(*found: object):
    return verdict(Record(Machine.here(), {}, found))


COPIED = both(74, 82, 90, 98, 106)
SEEN = [
    Address(0, role, moment, "0x7f00", value, None)
    for role, moment, value in (
        ("parent", "before", 1),
        ("child", "before", 1),
        ("parent", "after", 1),
        ("child", "after", 2),
    )
]


def reading(way: str, share: float) -> Reading:
    return Reading(0, way, 10.0, 10 * share, share, 100)


def test_both_that_grow_by_what_is_written():
    said = judged(*COPIED, *SEEN, reading("strings", 0.8), reading("frozen lists", 0.0))
    assert said.answer == "only what is written"
    assert str(said.headline).startswith(
        "While the child wrote 32\u00a0MiB, both together took 1.00\u00a0MiB more"
    )
    assert [check.ok for check in said.checks] == [True] * 7
    assert "Then the child wrote: it reads 2, the parent 1" in str(said.checks[4].claim)


def test_a_fork_that_copied_everything_at_once_does_not_fit():
    assert judged(*both(138, 138, 138, 138, 138)).answer == "unclear"


def test_a_child_that_really_grew_does_not_fit():
    rows = [row._replace(rss_mib=row.rss_mib + row.written_mib) for row in COPIED]
    said = judged(*rows)
    assert (said.answer, [check.ok for check in said.checks[:2]]) == ("unclear", [True, False])
    assert "its resident size moved by 32.1\u00a0MiB" in str(said.headline)


def test_children_that_do_not_agree_do_not_fit():
    uneven = [
        both(*(74 + 8 * slope * i for i in range(5)), repeat=n) for n, slope in enumerate((1, 0.8, 1.2))
    ]
    said = judged(*chain(*uneven))
    assert said.answer == "unclear"
    assert "0.80\u00a0MiB to 1.20\u00a0MiB more for each MiB" in str(said.headline)


def test_three_children_that_agree_fit():
    alike = [
        both(*(74 + 8 * slope * i for i in range(5)), repeat=n) for n, slope in enumerate((1, 0.99, 1.01))
    ]
    assert judged(*chain(*alike)).answer == "only what is written"


def test_a_write_that_the_parent_sees_is_no_copy():
    shared = [row._replace(value=2) if row.moment == "after" else row for row in SEEN]
    assert judged(*COPIED, *shared).checks[4].ok is False


def test_frames_are_judged_where_they_are_told():
    told = [row._replace(frame=7 + (row.value - 1)) for row in SEEN]
    assert judged(*COPIED, *told).checks[5].ok is True
    same = [row._replace(frame=7) for row in SEEN]
    assert judged(*COPIED, *same).checks[5].ok is False


def test_an_interpreter_that_counts_otherwise_is_told_and_not_failed():
    said = judged(*COPIED, reading("strings", 0.05), reading("array", 0.5))
    assert [check.ok for check in said.checks[-2:]] == [None, None]


def test_a_run_that_was_stopped_early_is_unclear():
    assert judged(*COPIED[:4]).answer == "unclear"
    assert judged(reading("strings", 0.8)).answer == "unclear"


def test_what_was_guessed_is_the_share_of_the_strings():
    record = Record(Machine.here(), {}, [reading("strings", s) for s in (0.7, 0.8, 0.95)])
    assert read_copies(record) == {"value": 0.8}
    assert read_copies(Record(Machine.here(), {}, [reading("lists", 0.5)])) == {}
