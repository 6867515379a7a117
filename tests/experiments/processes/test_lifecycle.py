"""Real families, against other eyes on the kernel, and verdicts on rows whose answer is known."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from experiments.kit import Machine, Progress, Record
from experiments.processes import lifecycle
from experiments.processes._lifecycle.endings import becomes
from experiments.processes._lifecycle.family import Family
from experiments.processes._lifecycle.watch import Watch, parsed
from experiments.processes.lifecycle import Adoption, Ending, Kin, Life, Span, measure, verdict

pytestmark = pytest.mark.skipif(bool(lifecycle.missing()), reason=lifecycle.missing() or "-")

PACE_S = 0.03


@pytest.fixture(scope="module")
def rows():
    return [row for row in measure(pace=PACE_S * 1000, repeats=3) if not isinstance(row, Progress)]


def of(rows: list, kind: type) -> list:
    return [row for row in rows if isinstance(row, kind)]


def test_a_zombie_is_one_from_its_exit_until_its_parent_has_waited(rows):
    endings = of(rows, Ending)
    assert [row.process for row in endings] == ["child", "parent", "orphan"] * 3
    for row in endings:
        assert (row.others, row.outside) == (0, 0)
        assert row.told_s <= row.zombie_s <= row.called_s <= row.returned_s <= row.gone_s


@pytest.mark.measured
def test_every_ending_was_looked_at_often_enough(rows):
    assert all(row.looks >= 3 for row in of(rows, Ending))


def test_a_zombie_has_no_memory(rows):
    assert {row.resident_mib for row in of(rows, Ending)} == {0}
    assert {row.resident_mib for row in of(rows, Life) if row.stage == "exited"} == {0}


@pytest.mark.measured
def test_a_process_has_ended_when_its_descriptor_is_readable(rows):
    if hasattr(os, "pidfd_open"):
        assert all(abs(row.pidfd_looks) <= 2 for row in of(rows, Ending))


@pytest.mark.measured
def test_an_orphan_has_another_parent_within_two_looks(rows):
    assert [row.by for row in of(rows, Adoption)] == ["adopter"] * 3
    assert all(row.looks <= 2 for row in of(rows, Adoption))


def test_exec_changes_name_and_memory_and_not_the_parent(rows):
    for forked, began in zip(*(stage(rows, name) for name in ("forked", "runs a program")), strict=True):
        assert forked.program != "head"
        assert began.program == "head"
        assert began.resident_mib < forked.resident_mib
        assert forked.parent == began.parent == "parent"


def stage(rows: list, name: str) -> list[Life]:
    return [row for row in of(rows, Life) if row.stage == name]


def test_every_stage_is_in_its_state(rows):
    states = {row.stage: row.state for row in of(rows, Life)}
    assert states == {
        "forked": "blocked",
        "runs a program": "blocked",
        "stopped": "stopped",
        "continued": "blocked",
        "exited": "zombie",
        "left behind": "blocked",
        "adopted": "blocked",
    }


def test_the_trees_show_who_is_whose_child(rows):
    trees = {}
    for row in of(rows, Kin):
        trees.setdefault(row.moment, []).append((row.parent, row.child, row.relation))
    both = [("adopter", "parent", "forked"), ("parent", "child", "forked")]
    assert trees == {
        "after fork": both,
        "after exec": both,
        "after exit": both,
        "after wait": [("adopter", "parent", "forked")],
        "before the end": [("adopter", "parent", "forked"), ("parent", "orphan", "forked")],
        "after the end": [("adopter", "parent", "forked"), ("adopter", "orphan", "adopted")],
    }
    assert [row.state for row in of(rows, Kin) if row.moment == "after the end"] == ["zombie", "blocked"]


def test_lanes_come_of_the_first_family_and_end_as_zombies(rows):
    lanes = {row.process: [] for row in of(rows, Span)}
    for row in of(rows, Span):
        lanes[row.process].append(row)
    assert set(lanes) == {"adopter", "parent", "child", "orphan"}
    assert [lanes[name][-1].state for name in ("parent", "child", "orphan")] == ["zombie"] * 3
    assert {"running", "blocked"} < {row.state for row in lanes["child"]}


@pytest.mark.measured
def test_a_stop_is_drawn_about_as_long_as_it_was(rows):
    stops = [row for row in of(rows, Span) if (row.process, row.state) == ("child", "stopped")]
    assert PACE_S * 0.9 < sum(row.end_s - row.start_s for row in stops) < PACE_S + 1


@pytest.mark.skipif(not shutil.which("ps"), reason="ps is not there")
def test_ps_sees_the_same_family():
    with Family(busy_ns=0) as family:
        pid = family.fork()
        family.begin_program()
        wait_for(lambda: ps(pid, "comm") == "head")
        assert int(ps(pid, "ppid")) == family.parent
        family.end_program()
        wait_for(lambda: ps(pid, "stat").startswith("Z"))
        assert ps(pid, "rss") == "0"
        family.parent_waits()
        assert ps(pid, "stat") == ""
        orphan = family.leave_one()
        family.end_parent()
        wait_for(lambda: int(ps(orphan, "ppid")) == family.adopter)


def ps(pid: int, column: str) -> str:
    return subprocess.run(
        ["ps", "-o", f"{column}=", "-p", str(pid)], capture_output=True, text=True
    ).stdout.strip()


def wait_for(true) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.mark.parametrize("after", [1, 8, 60, 160, 250])
def test_a_run_that_is_broken_off_anywhere_leaves_nobody(after, monkeypatch):
    before = below(os.getpid()), len(os.listdir("/proc/self/fd"))
    seen: set[int] = set()
    look_for = Watch.look_for

    def until_broken(self: Watch, length_ns: int) -> None:
        look_for(self, 2_000_000)
        seen.update(lane.pid for lane in self.lanes.values())
        nonlocal after
        after -= 2
        if after < 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(Watch, "look_for", until_broken)
    with pytest.raises(KeyboardInterrupt):
        list(measure(pace=10, repeats=50))
    assert (below(os.getpid()), len(os.listdir("/proc/self/fd"))) == before
    assert [pid for pid in seen if os.path.exists(f"/proc/{pid}")] == []


def below(pid: int) -> list[str]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return file.read().split()


def test_a_family_whose_parent_was_killed_is_tidied_up():
    with Family(busy_ns=0) as family:
        pids = [family.fork(), family.leave_one(), family.parent, family.adopter]
        os.kill(family.parent, signal.SIGKILL)
    assert [pid for pid in pids if os.path.exists(f"/proc/{pid}")] == []


def test_a_name_with_brackets_is_read_whole():
    line = b"7 (a) (b) S 5 " + b" ".join(b"0" for _ in range(19)) + b" 3 0"
    assert parsed(line)[:3] == ("S", "a) (b", 5)


# Verdicts


def ending(repeat: int, **more: object) -> Ending:
    usual = Ending(repeat, "child", 1.0, 1.001, 1.05, 1.0501, 1.051, 90, 0, 0, 0.0, 0)
    return usual._replace(**more)


def life(stage: str, **more: object) -> Life:
    return Life(0, stage, "child", 1.0, "blocked", "head", "parent", 1.5)._replace(**more)


FORKED = life("forked", program="python", resident_mib=14.0)
ORPHANED = life("adopted", process="orphan", parent="adopter")
GOOD = [
    *(ending(n) for n in range(3)),
    *(Adoption(n, "adopter", n % 2, 0.0004) for n in range(3)),
    FORKED,
    life("runs a program"),
    life("stopped", state="stopped"),
    ORPHANED,
]


def judged(*found: object):
    return verdict(Record(Machine.here(), {}, found))


def changed(kind: type, **more: object) -> list:
    """The good rows, with the last of a kind changed."""
    last = max(n for n, row in enumerate(GOOD) if isinstance(row, kind))
    return [row._replace(**more) if n == last else row for n, row in enumerate(GOOD)]


def test_lives_as_the_kernel_promises():
    said = judged(*GOOD)
    assert said.answer == "zombie until wait, orphan adopted"
    assert "from its exit until its parent waited for it, 49.1\u00a0ms at the median" in str(said.headline)
    assert [check.ok for check in said.checks] == [True] * 6


@pytest.mark.parametrize(
    ("rows", "check"),
    [
        (changed(Ending, outside=1), 0),
        (changed(Ending, others=2), 0),
        (changed(Ending, resident_mib=0.1), 1),
        (changed(Adoption, looks=3), 2),
        (changed(Adoption, by="another"), 2),
    ],
)
def test_one_life_that_breaks_a_promise_is_enough(rows, check):
    said = judged(*rows)
    assert said.answer == "unclear"
    assert [n for n, one in enumerate(said.checks) if not one.ok] == [check]


def test_what_the_promises_do_not_rest_on_is_told_beside_them():
    late = judged(*changed(Ending, pidfd_looks=9))
    assert (late.answer, late.checks[3].ok) == ("zombie until wait, orphan adopted", False)
    none = judged(*(row._replace(pidfd_looks=None) if isinstance(row, Ending) else row for row in GOOD))
    assert none.checks[3].ok is None


def test_a_program_that_did_not_begin_and_a_stop_that_did_not_stop_are_found():
    rows = [row._replace(program="python", state="blocked") if isinstance(row, Life) else row for row in GOOD]
    assert [check.ok for check in judged(*rows).checks[4:]] == [False, False]


def test_an_ending_that_nobody_saw_is_no_evidence():
    said = judged(*changed(Ending, looks=0, zombie_s=None))
    assert (said.answer, str(said.headline)[:7]) == ("unclear", "1 of 3 ")


def test_a_run_that_was_stopped_early_is_unclear():
    assert judged(*(row for row in GOOD if getattr(row, "repeat", 0) < 2)).answer == "unclear"
    assert judged().answer == "unclear"


def test_what_becomes_of_an_orphan_is_read_from_its_life():
    said = becomes(Record(Machine.here(), {}, GOOD))
    assert [answer for answer, right in said.items() if right] == ["adopted"]
    dead = [*GOOD[:-1], ORPHANED._replace(state="zombie")]
    assert becomes(Record(Machine.here(), {}, dead))["adopted"] is False
    assert becomes(Record(Machine.here(), {}, [])) == {}
