"""Address spaces of real children, against other eyes on the kernel, and verdicts on known rows."""

import os
import re
import resource
import shutil
import subprocess
import sys

import pytest

from experiments.kit import Machine, Record
from experiments.kit.spec import ParameterError, load
from experiments.kit.subjects.subjects import Group
from experiments.memory import layout
from experiments.memory._layout.growing import perform
from experiments.memory._layout.places import by_threads, fine
from experiments.memory.layout import Growth, Limit, Part, Sum, look_after, measure, verdict
from tests.experiments.measured import measured

pytestmark = pytest.mark.skipif(bool(layout.missing()), reason=layout.missing() or "-")

MIB = 1 << 20
GLIBC = bool(sys.platform == "linux" and "CS_GNU_LIBC_VERSION" in os.confstr_names)
OWN_ARENA_MIB = 1.3  # what an interpreter may take for itself meanwhile


@pytest.fixture(scope="module")
def rows():
    return measured("memory.layout", threads=3, mib=16, depth=200, repeats=3).typed_rows()


def parts_grown(rows: list[object], action: str) -> dict[str, float]:
    return {row.part: row.grown_mib for row in rows if isinstance(row, Growth) and row.action == action}


def sums(rows: list[object], action: str, kind: str) -> list[float]:
    return [
        row.grown_mib for row in rows if isinstance(row, Sum) and (row.action, row.kind) == (action, kind)
    ]


@pytest.mark.skipif(not GLIBC, reason="other C libraries have stacks of other sizes")
def test_every_thread_brings_a_stack_of_the_limit_and_a_forbidden_page(rows):
    limit_b, _ = resource.getrlimit(resource.RLIMIT_STACK)
    came = parts_grown(rows, "threads")
    if limit_b != resource.RLIM_INFINITY:
        assert came["thread stacks"] == 3 * limit_b / MIB
    assert came["guards"] == 3 * resource.getpagesize() / MIB


def test_threads_that_wait_bring_addresses_and_hardly_memory(rows):
    for addresses, memory in zip(
        sums(rows, "threads", "addresses"), sums(rows, "threads", "memory"), strict=True
    ):
        assert addresses > 3 * 0.125
        assert 0 < memory < addresses / 20


def test_a_mapping_is_as_large_as_asked_for_and_in_memory_where_it_was_written(rows):
    for addresses in sums(rows, "mapping", "addresses"):
        assert 16 <= addresses <= 16 + OWN_ARENA_MIB
    for memory in sums(rows, "mapping", "memory"):
        assert 8 <= memory <= 8 + OWN_ARENA_MIB


@pytest.mark.skipif(not GLIBC, reason="other C libraries take small blocks from elsewhere")
def test_small_blocks_grow_the_heap_and_nothing_else(rows):
    came = parts_grown(rows, "blocks")
    assert came.pop("heap") == pytest.approx(16, abs=OWN_ARENA_MIB)
    assert sum(came.values()) < OWN_ARENA_MIB


def test_a_deep_recursion_grows_the_stack(rows):
    assert parts_grown(rows, "recursion")["stack"] > 0.2


def test_the_first_figure_shows_the_action_that_was_asked_for():
    shown = {
        action: {row.part: row.addresses_b for row in first_rows(action) if row.moment == "afterwards"}
        for action in ("mapping", "recursion")
    }
    assert shown["mapping"]["mappings"] > shown["recursion"]["mappings"] + 15 * MIB
    assert shown["recursion"]["stack"] > shown["mapping"]["stack"]


def first_rows(action: str) -> list[Part]:
    found = measure(action=action, threads=1, mib=16, depth=200, repeats=3)
    rows = []
    for row in found:
        if isinstance(row, Growth | Sum) and row.repeat > 0:
            break
        rows.append(row)
    found.close()
    return [row for row in rows if isinstance(row, Part)]


@pytest.mark.skipif(not shutil.which("pmap"), reason="pmap is not there")
def test_all_parts_together_are_what_pmap_adds_up():
    with Group() as group:
        child = group.worker(perform)
        found = look_after(child, "threads", 4)
        said = subprocess.run(["pmap", "-x", str(child.pid)], capture_output=True, text=True, check=True)
    total = re.search(r"^total kB\s+(\d+)\s+(\d+)", said.stdout, re.MULTILINE)
    assert total
    ours = [part for kind, part in found.items()]
    high = sum(r.size_b for part in ours for r in part.regions if r.path == "[vsyscall]")
    assert (sum(part.size_b for part in ours) - high) / 1024 == pytest.approx(int(total[1]), abs=high / 1024)
    assert sum(part.resident_b for part in ours) / 1024 == pytest.approx(int(total[2]), abs=64)


@pytest.mark.parametrize("after", [1, 3, 30])
def test_a_run_that_is_broken_off_leaves_no_child(after):
    experiment = load("memory.layout")
    before = children(), len(os.listdir("/proc/self/fd"))
    running = experiment.measure(**experiment.parse({"mib": 16, "threads": 2, "repeats": 3}))
    for _ in range(after):
        next(running)
    running.close()
    assert (children(), len(os.listdir("/proc/self/fd"))) == before


def children() -> list[str]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()


def test_more_than_an_eighth_of_the_free_memory_is_refused_with_what_would_fit(monkeypatch):
    monkeypatch.setattr(layout, "available", lambda: 400 * MIB)
    with pytest.raises(ParameterError, match=r"mib: 64 is more than an eighth .* at most 50 fit"):
        next(measure(mib=64))


def test_a_recursion_that_would_overflow_the_stack_is_refused_with_the_limit(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (MIB // 4, -1))
    with pytest.raises(ParameterError, match=r"depth: 300 may take .* the limit is 0\.2 MiB \(ulimit -s\)"):
        next(measure())


# Verdicts


def child(repeat: int, memory: float = 0.5, guards: float = 16 / 256, heap: float = 63.8) -> list[object]:
    return [
        Growth(repeat, "threads", "thread stacks", 16, 128.0, memory),
        Growth(repeat, "threads", "guards", 16, guards, 0.0),
        Sum(repeat, "threads", "addresses", 1088.0),
        Sum(repeat, "threads", "memory", memory),
        Growth(repeat, "blocks", "heap", 0, heap, heap),
        Sum(repeat, "blocks", "addresses", heap),
        Sum(repeat, "mapping", "addresses", 64.0),
        Sum(repeat, "mapping", "memory", 32.0),
        Growth(repeat, "recursion", "stack", 0, 1.3, 1.3),
    ]


def judged(*found: object, stack_mib: float | None = 8.0):
    return verdict(Record(Machine.here(), {"threads": 16, "mib": 64.0}, [Limit(stack_mib), *found]))


def test_threads_that_fill_nothing_are_addresses():
    said = judged(*child(0), *child(1), *child(2))
    assert said.answer == "addresses, hardly memory"
    assert str(said.headline) == (
        "Threads that only wait (16) brought 1.06\u00a0GiB of addresses and 512\u00a0KiB of memory:"
        " 0.046\u00a0% of what came is filled."
    )
    assert [check.ok for check in said.checks] == [True] * 6


def test_threads_that_fill_a_lot_are_not_explained():
    said = judged(*child(0, 100.0), *child(1, 110.0), *child(2, 120.0))
    assert (said.answer, said.checks[0].ok) == ("unclear", False)


def test_children_that_do_not_agree_are_unclear():
    assert judged(*child(0, 1.0), *child(1, 60.0), *child(2, 50.0)).answer == "unclear"


def test_stacks_of_another_size_than_the_limit_are_told_and_not_failed():
    said = judged(*child(0), *child(1), *child(2), stack_mib=1.0)
    assert said.checks[1].ok is None
    assert "has 8.00\u00a0MiB; `ulimit -s` says 1.00\u00a0MiB" in str(said.checks[1].claim)


def test_the_limit_is_that_of_the_run_and_not_of_who_judges(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (MIB, -1))
    assert judged(*child(0), *child(1), *child(2)).checks[1].ok is True
    free = judged(*child(0), *child(1), *child(2), stack_mib=None)
    assert "there is no limit here" in str(free.checks[1].claim)


def test_a_guard_that_is_less_than_a_page_guards_nothing():
    assert judged(*(row for n in range(3) for row in child(n, guards=0.001))).checks[2].ok is False


def test_a_mapping_that_is_not_as_asked_for_fails():
    wrong = [
        row._replace(grown_mib=60.0) if row[1:3] == ("mapping", "memory") else row
        for n in range(3)
        for row in child(n)
    ]
    assert judged(*wrong).checks[3].ok is False


def test_a_library_that_keeps_no_heap_is_told():
    others = [row for n in range(3) for row in child(n) if getattr(row, "part", "") != "heap"]
    assert "did not come from the heap" in str(judged(*others).checks[4].claim)


def test_a_run_that_was_stopped_early_is_unclear():
    assert judged(*child(0), *child(1)).answer == "unclear"
    assert judged().answer == "unclear"


def test_what_was_guessed_is_the_growth_with_threads():
    assert by_threads(Record(Machine.here(), {}, child(0))) == {"value": 1088.0}
    assert by_threads(Record(Machine.here(), {}, [])) == {}


def test_a_small_share_is_not_nothing():
    assert fine(0.000434).text == "0.043\u00a0%"
