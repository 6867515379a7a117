import ctypes
import math
import os
import subprocess
import sys
import threading
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from experiments.kit import Machine, Progress, Record, timeline
from experiments.kit.kernel import clock
from experiments.kit.kernel.clock import now_ns
from experiments.kit.subjects.subjects import Gate, Group, SubjectDied
from experiments.kit.subjects.work import burn_until, python_loop
from experiments.threads import gil_wait
from experiments.threads._gil_wait import segment
from experiments.threads._gil_wait.parts import Part, blocked_ns, reader_spans, shortened
from experiments.threads._gil_wait.segment import Lane, lengths, threads_run
from experiments.threads._gil_wait.story import Handover, Hold, Share, Span, Story, Transition, read_part
from experiments.threads.gil_wait import verdict

MS = 1_000_000


def lane(*bursts_ms: float, cpu_ms: float = 0, reads: tuple[int, ...] = ()) -> Lane:
    bursts = [int(ms * MS) for ms in bursts_ms]
    return Lane(bursts[-1], bursts, list(reads), int(cpu_ms * MS), 0, 3, 2)


# -- from bursts to rows ----------------------------------------------------------------------


def test_hand_overs_are_counted_from_who_ran():
    part = Part({"thread 1": lane(0, 5, 10, 15), "thread 2": lane(5, 10, 15, 20)}, 0, 20 * MS, True)
    assert part.handovers() == [("thread 1", "thread 2"), ("thread 2", "thread 1"), ("thread 1", "thread 2")]
    assert part.lengths_s() == [("thread 2", 0.005), ("thread 1", 0.005)]  # the first and the last were cut
    assert part.overlap_ns() == 0


def test_who_only_takes_leave_after_the_end_holds_nothing():
    leaving = {"thread 1": lane(0, 5), "thread 2": lane(5, 10.5, 10.6, 10.7), "thread 3": lane(10.55, 10.56)}
    part = Part(leaving, 0, 10 * MS, True)
    assert part.handovers() == [("thread 1", "thread 2")]


def test_threads_that_do_not_take_turns_hand_nothing_over():
    part = Part({"thread 1": lane(0, 10), "thread 2": lane(0, 10)}, 0, 10 * MS, False)
    assert (part.handovers(), part.lengths_s(), part.overlap_ns()) == ([], [], 10 * MS)
    assert {span.state for span in part.spans()} == {"running"}


def test_a_reader_is_blocked_until_the_data_were_sent_and_then_waits_for_the_gil():
    reader = lane(0, 1, 9, 10, reads=(1 * MS, 4 * MS, 9 * MS))
    assert [
        (span.state, span.start_ns // MS, span.end_ns // MS) for span in reader_spans("reader", reader, "gil")
    ] == [
        ("blocked", 1, 4),
        ("gil", 4, 9),
        ("running", 9, 10),
    ]
    assert blocked_ns(reader) == 3 * MS


@pytest.mark.parametrize(("delay_ms", "state"), [(0, "unknown"), (100, "ready")])
def test_a_gap_that_the_run_queue_does_not_explain_is_drawn_as_unknown(delay_ms, state):
    first = lane(0, 5)._replace(delay_ns=0)
    second = lane(105, 110)._replace(delay_ns=delay_ms * MS)
    part = Part({"thread 1": first, "thread 2": second}, 0, 110 * MS, True)
    gap = [span for span in part.spans() if span.lane == "thread 2" and span.start_ns == 5 * MS]
    assert [(span.state, span.end_ns // MS) for span in gap] == [(state, 105)]
    assert "gil" not in {s.state for s in part.spans() if 5 * MS < s.start_ns < 105 * MS and not delay_ms}


def test_too_many_spans_are_cut_to_their_beginning():
    spans = [timeline.Span("a", "running", i * MS, (i + 1) * MS) for i in range(100)]
    kept, until_ns = shortened(spans, 0, 100 * MS, 10)
    assert (len(kept), until_ns) == (10, 10 * MS)
    assert shortened(spans, 0, 100 * MS, 100) == (spans, 100 * MS)


def test_the_story_adds_up_over_its_parts():
    story = Story(2, turns=True)
    for shift in (0, 1_000 * MS):
        begin, middle, end = (shift + ms * MS for ms in (0, 10, 20))
        first = [end, [begin, middle], [], 10 * MS, 1 * MS, 4, 1]
        second = [end, [middle, end], [], 10 * MS, 0, 4, 0]
        rows = list(story.add(2, (begin, end, [first, second]), None))
    end = list(story.end())
    assert [row[2:] for row in rows if isinstance(row, Span)] == [  # the pause between the parts is cut out
        ("running", 0.02, 0.03),
        ("gil", 0.03, 0.04),
        ("gil", 0.02, 0.03),
        ("running", 0.03, 0.04),
    ]
    assert [row for row in end if isinstance(row, Share)] == [
        Share("thread 1", 0.04, 0.02, 0.018, 0.002, 0.0),
        Share("thread 2", 0.04, 0.02, 0.02, 0.0, 0.0),
    ]
    (handover,) = (row for row in end if isinstance(row, Handover))
    assert (handover.count, handover.per_second, handover.voluntary, handover.drawn) == (2, 50.0, 16, 1.0)
    assert {(t.source, t.target): t[2] for t in end if isinstance(t, Transition)} == {
        ("running", "gil"): 2,
        ("gil", "running"): 2,
        ("running", "ready"): 2,
        ("ready", "running"): 2,
    }


def test_hold_times_are_thinned_evenly_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr("experiments.threads._gil_wait.story.MOST_HOLDS", 10)
    story = Story(1, turns=True)
    turns = [[ms * MS for ms in range(first, 400, 2) for ms in (ms, ms + 1)] for first in (0, 1)]
    lanes = [[400 * MS, bursts, [], 200 * MS, 0, 0, 0] for bursts in turns]
    kept = [row for row in story.add(2, (0, 400 * MS, lanes), None) if isinstance(row, Hold)]
    assert len(kept) == 10
    assert len(story.holds_s) == 398


@pytest.mark.parametrize("seconds", [0.3, 1, 2, 10])
def test_parts_are_as_long_as_was_asked_for_and_the_first_is_short(seconds):
    parts = lengths(seconds, 0.45)
    assert sum(parts) / 1e9 == pytest.approx(seconds, abs=1e-6)
    assert parts[0] <= 100 * MS
    assert max(parts) <= 700 * MS


# -- the verdict ------------------------------------------------------------------------------


def judged(
    shares: list[Share],
    workload="python",
    gil=True,
    cores=2,
    overlap_s=0.0,
    reads=0,
    idle_s=None,
    process=False,
):
    machine = Machine(**(Machine.here().as_json() | {"gil": gil, "cores": cores}))
    handover = Handover(400, 200.0, 0.0051, 0.0053, overlap_s, 900, reads, 1.0, idle_s)
    return verdict(
        Record(machine, {"workload": workload, "interval": 5, "process": process}, [*shares, handover])
    )


def shares(
    n: int, running: float, waiting: float, ready: float = 0.0, more: tuple[Share, ...] = ()
) -> list[Share]:
    return [Share(f"thread {i + 1}", 2.0, 2 * running, 2 * waiting, 2 * ready, 0.0) for i in range(n)] + [
        *more
    ]


def test_four_busy_threads_wait_three_quarters_of_their_time():
    said = judged(shares(4, 0.25, 0.75, more=(Share("process", 2, 1.98, 0, 0.02, 0),)))
    assert said.answer == "waits for the GIL"
    assert (
        str(said.headline)
        == "On average each of 4 threads ran 25\u00a0% of the time and waited 75\u00a0% of it for the GIL."
    )
    assert [check.ok for check in said.checks] == [True] * 5


def test_waiters_that_wake_to_ask_and_find_no_core_take_no_turn_from_anybody():
    said = judged(shares(4, 0.24, 0.63, 0.13))
    assert said.answer == "waits for the GIL"
    assert "For another 13\u00a0% it was awake only to ask for it" in str(said.headline)
    assert [check.ok for check in said.checks] == [True] * 4


def test_a_single_thread_has_nothing_to_wait_for():
    assert judged(shares(1, 0.99, 0.005)).answer == "nothing to wait for"
    assert judged(shares(1, 0.5, 0.005, 0.49)).answer == "for a core"


def test_the_reader_beside_a_busy_thread_waits_for_each_message():
    said = judged(
        shares(1, 0.97, 0.03, more=(Share("reader", 2, 0.01, 0.5, 0, 1.4),)), workload="mixed", reads=100
    )
    assert said.answer == "waits for the GIL"
    assert "its reader waited 5.00\u00a0ms for the GIL" in str(said.headline)


def test_without_a_gil_threads_run_abreast():
    said = judged(shares(2, 0.98, 0.0, 0.02), gil=False, overlap_s=1.9)
    assert (said.answer, "without a GIL" in str(said.headline)) == ("nothing to wait for", True)


def test_threads_that_hash_wait_for_a_core_but_hardly_for_the_gil():
    said = judged(shares(4, 0.48, 0.02, 0.5), workload="hash", overlap_s=1.8)
    assert (said.answer, "Hashing a large buffer lets go" in str(said.headline)) == ("for a core", True)


@pytest.mark.parametrize(
    ("rows", "facts"),
    [
        (shares(2, 0.98, 0.0, 0.02), {"gil": True, "overlap_s": 1.9}),
        (shares(2, 0.5, 0.5), {"gil": False}),
        (shares(4, 0.1, 0.3, 0.6), {"gil": True}),
        (shares(4, 0.25, 0.35), {"gil": True}),
        (shares(2, 0.3, 0.0, 0.7), {"gil": False}),
        (shares(2, 0.5, 0.5), {"workload": "hash"}),
        (shares(2, 0.5, 0.0, 0.5), {"gil": False, "cores": 1}),
    ],
)
def test_what_contradicts_the_facts_or_lacks_a_core_is_unclear(rows, facts):
    assert judged(rows, **facts).answer == "unclear"


STOPPED = [Share(f"thread {n}", 3.17, 0.23, 2.53, 0.41, 0.0) for n in range(1, 5)]  # 1.5 s of it stopped
BESIDE = Share("process", 3.17, 0.87, 0, 0.80, 0)


@pytest.mark.parametrize(
    ("rows", "facts"),
    [
        ([*STOPPED, BESIDE], {}),  # by the process beside them
        (STOPPED, {"idle_s": 2.2, "recorded": 3.17}),  # by the gap in which none of them ran
        ([*shares(2, 0.27, 0.73), Share("process", 2, 1.08, 0, 0.02, 0)], {}),
        ([*shares(1, 0.5, 0.5)], {"idle_s": 1.0}),
        ([*shares(2, 0.5, 0.5), Share("process", 2, 1.0, 0, 0.02, 0)], {"gil": False}),
        ([*shares(4, 0.27, 0.73)], {"workload": "hash", "idle_s": 1.4}),
    ],
    ids=["beside", "gap", "quiet", "alone", "free", "hash"],
)
def test_a_remainder_that_no_second_account_explains_is_no_wait_for_the_gil(rows, facts):
    facts = {name: value for name, value in facts.items() if name != "recorded"}
    said = judged(rows, **facts)
    assert said.answer == "unclear"
    assert "no wait for the GIL" in str(said.headline)


def test_threads_of_which_none_ran_for_long_are_unclear_without_another_account_too():
    said = judged(shares(2, 0.42, 0.55, 0.0))
    assert said.answer == "unclear"
    assert "whoever waits for the GIL leaves one running. Nothing seen here tells why." in str(said.headline)


def test_a_gap_in_which_all_of_them_waited_for_a_core_is_explained():
    said = judged([*shares(4, 0.24, 0.66, 0.1)], idle_s=0.1)
    assert said.answer == "waits for the GIL"


def test_threads_whose_wait_for_a_core_nobody_tells_say_so_and_nothing_is_zero():
    rows = [Share(f"thread {n}", 2.0, 0.5, None, None, 0.0) for n in (1, 2, 3, 4)]
    said = judged(rows)
    assert said.answer == "unclear"
    assert "does not tell how long it waited for a core" in str(said.headline)
    assert gil_wait.spent(Record(Machine.here(), {}, rows)) == {"running": 0.25, "blocked": 0.0}


def test_on_one_core_the_process_beside_is_left_out_and_the_answer_is_clean(monkeypatch):
    said = judged(shares(4, 0.25, 0.75), cores=1, process=True)
    assert said.answer == "waits for the GIL"
    assert [str(doubt) for doubt in said.doubts] == [
        "There is one core only: the process that would run beside them was left out."
    ]
    monkeypatch.setattr(gil_wait, "usable_cores", lambda: 1)
    rows = run(threads=1, seconds=0.3, process=True)
    assert [row.thread for row in rows[Share]] == ["thread 1"]


def test_what_a_thread_could_not_read_about_itself_is_unknown_and_never_a_difference(monkeypatch):
    """Before and after, with the second reading missing: no negative number of switches."""
    monkeypatch.setattr(segment, "switches_of", lambda task: (None, None))
    rows = run_here(threads_run(opened(), "python", 2, 0.005, 50 * MS, -1))
    (handover,) = (row for row in rows if isinstance(row, Handover))
    assert handover.voluntary is None
    assert [t for t in rows if isinstance(t, Transition) and "ready" in (t.source, t.target)] == []
    shown = [row for row in rows if isinstance(row, Share)]
    assert all(row.ready_s is not None for row in shown)


def test_without_schedstat_the_run_queue_is_unknown_and_so_is_what_is_left(monkeypatch):
    monkeypatch.setattr(clock, "run_delay_ns", lambda task="thread-self": None)
    monkeypatch.setattr(segment, "missing", lambda: "no schedstat")
    rows = run_here(threads_run(opened(), "python", 2, 0.005, 50 * MS, -1))
    for row in (row for row in rows if isinstance(row, Share)):
        assert (row.gil_wait_s, row.ready_s) == (None, None)
        assert row.running_s > 0


def run_here(answer: segment.Answer) -> list[object]:
    story = Story(1, turns=True)
    return [*story.add(2, answer, None), *story.end()]


STOPPED_RUN = """
import os, signal, sys, threading, time
from experiments.threads import gil_wait

def family(pid):
    yield pid
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as children:
            for child in children.read().split():
                yield from family(int(child))

def stop(children):
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for child in children:
            os.kill(child, number)
        time.sleep(1.0 if number == signal.SIGSTOP else 0)

rows, stopper = [], None
for item in gil_wait.measure(threads=4, seconds=0.9, process=%s):
    if getattr(item, "text", "") == "recording 3 of 3":  # everybody has been forked
        stopper = threading.Timer(0.1, stop, [list(family(os.getpid()))[1:]])
        stopper.start()
    rows.append(item)
from experiments.kit import Machine, Progress, Record
params = {"workload": "python", "interval": 5, "process": %s}
record = Record(Machine.here(), params, [row for row in rows if not isinstance(row, Progress)])
print(gil_wait.verdict(record).answer)
stopper.join()
"""


@pytest.mark.measured
@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="needs Linux to stop a family")
@pytest.mark.parametrize("process", [True, False])
def test_a_run_that_is_really_stopped_does_not_say_that_it_waits_for_the_gil(process):
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_RUN % (process, process)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(gil_wait.__file__).parents[2],
    )
    assert done.stdout.split() == ["unclear"]


def test_a_run_that_was_stopped_is_unclear():
    assert verdict(Record(Machine.here(), {"workload": "python", "interval": 5}, [])).answer == "unclear"


# -- truths -----------------------------------------------------------------------------------


def run(**params: object) -> dict[type, list]:
    rows: dict[type, list] = {}
    for item in gil_wait.measure(**params):
        if not isinstance(item, Progress):
            rows.setdefault(type(item), []).append(item)
    return rows


@pytest.fixture(scope="module")
def three_threads():
    return run(threads=3, seconds=1.0)


def test_every_share_adds_up_to_the_time_on_the_wall(three_threads):
    for row in three_threads[Share]:
        total = row.running_s + row.gil_wait_s + row.ready_s + row.blocked_s
        assert total == pytest.approx(row.wall_s, rel=0.02)


def test_threads_with_a_gil_run_one_at_a_time(three_threads):
    threads = [row for row in three_threads[Share] if row.thread.startswith("thread")]
    assert sum(row.running_s for row in threads) / threads[0].wall_s <= 1.1
    assert three_threads[Handover][0].overlap_s == 0.0


@pytest.mark.measured
def test_threads_that_want_a_core_all_the_time_wait_for_their_turn(three_threads):
    """(n − 1) / n, if the kernel had a core for those whose turn it was; else they say that it had none."""
    threads = [row for row in three_threads[Share] if row.thread.startswith("thread")]
    for row in threads:
        not_running = (row.gil_wait_s + row.ready_s) / row.wall_s
        assert not_running >= 2 / 3 - 0.2
    lacking = sum(row.ready_s for row in threads) / sum(row.wall_s for row in threads)
    waiting = sum(row.gil_wait_s for row in threads) / sum(row.wall_s for row in threads)
    assert abs(waiting - 2 / 3) <= 0.1 or lacking > 0.05


def test_spans_of_a_lane_are_in_order(three_threads):
    for share in three_threads[Share]:
        mine = [span for span in three_threads[Span] if span.lane == share.thread]
        assert all(span.start_s < span.end_s for span in mine)
        assert all(a.end_s <= b.start_s + 1e-9 for a, b in pairwise(mine))


@pytest.mark.measured
def test_spans_of_a_lane_tell_what_the_totals_tell(three_threads):
    for share in three_threads[Share]:
        mine = [span for span in three_threads[Span] if span.lane == share.thread]
        drawn_s = sum(span.end_s - span.start_s for span in mine if span.state == "running")
        assert drawn_s == pytest.approx(share.running_s, rel=0.15, abs=0.03)


def test_the_rows_of_many_hand_overs_are_bounded():
    rows = run(threads=4, seconds=1.0, interval=0.1, process=False)
    assert len(rows[Span]) <= 4100
    assert len(rows[Hold]) <= 2100
    assert 0 < rows[Handover][0].drawn <= 1


@pytest.mark.measured
def test_one_thread_waits_for_nobody():
    (thread,) = run(threads=1, seconds=0.5, process=False)[Share]
    assert thread.gil_wait_s < 0.02 * thread.wall_s


@pytest.mark.measured
def test_messages_are_read_and_waited_for():
    rows = run(workload="mixed", threads=1, seconds=1.0, process=False)
    reader = rows[Share][-1]
    assert reader.thread == "reader"
    assert rows[Handover][0].reads > 20
    assert reader.blocked_s > 0.05
    assert reader.gil_wait_s + reader.ready_s > reader.running_s
    states = {span.state for span in rows[Span] if span.lane == "reader"}
    assert states == {"running", "gil", "blocked"}


@pytest.mark.measured
def test_hashing_threads_hardly_wait_for_the_gil():
    rows = run(workload="hash", threads=2, seconds=0.6, process=False)
    assert sum(row.gil_wait_s for row in rows[Share]) < 0.2 * sum(row.wall_s for row in rows[Share])
    assert rows[Handover][0].count == 0


def test_the_switch_interval_of_the_caller_stays_as_it_was():
    before = sys.getswitchinterval()
    run(threads=1, seconds=0.3, interval=0.7)
    assert sys.getswitchinterval() == before


# -- held against what we did not write -------------------------------------------------------


class Gil(ctypes.Structure):
    """The begin of the interpreter's own record of the lock (Include/internal/pycore_gil.h)."""

    _fields_ = (
        ("interval", ctypes.c_ulong),
        ("last_holder", ctypes.c_void_p),
        ("locked", ctypes.c_int),
        ("switch_number", ctypes.c_ulong),
    )


def find_gil() -> Gil | None:
    """Found by its switch interval: set odd ones, and see which word of the runtime follows."""
    base = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
    size = mapped_after(base)
    places: set[int] | None = None
    for magic in (4567, 7891, 3217):
        sys.setswitchinterval(magic / 1e6)
        words = ctypes.string_at(base, size)
        found = {i for i in range(0, size - 8, 8) if words[i : i + 8] == magic.to_bytes(8, sys.byteorder)}
        places = found if places is None else places & found
    return Gil.from_address(base + min(places)) if places else None


def mapped_after(base: int, most: int = 1 << 20) -> int:
    """How many bytes may be read from this address on."""
    end = 0
    with open("/proc/self/maps") as maps:
        for line in maps:
            low, high = (int(part, 16) for part in line.split()[0].split("-"))
            if low <= base < high or low == end:
                end = high
    return min(most, end - base) // 8 * 8


def hand_overs_of_both(gate: Gate, length_ns: int) -> list[float]:
    gil = find_gil()
    if gil is None:
        return [math.nan, 0.0]
    before = gil.switch_number
    answer = threads_run(gate, "python", 2, 0.005, length_ns, -1)
    switched = gil.switch_number - before
    return [switched, len(read_part(answer, ["thread 1", "thread 2"], True).handovers())]


@pytest.mark.measured
def test_hand_overs_are_those_that_the_interpreter_counts_itself():
    with Group() as group:
        worker = group.worker(partial(hand_overs_of_both, opened()))
        worker.ask(800 * MS)
        try:
            theirs, ours = worker.answer()
        except SubjectDied:  # it looked for the lock's record where a mapping has no page behind it
            pytest.skip("the lock's record cannot be looked for safely in this process")
    if math.isnan(theirs):
        pytest.skip("this interpreter keeps the lock's record elsewhere")
    assert ours > 10
    assert abs(theirs - ours) <= 15 + 0.1 * ours  # starting and joining threads switches, too


def opened() -> Gate:
    """A gate for one subject, which need not wait."""
    gate = Gate(1)
    gate.wait = now_ns  # type: ignore[method-assign]
    return gate


@pytest.mark.measured
def test_the_last_message_says_that_it_is_the_last():
    reader, writer = os.pipe()
    begin_ns = now_ns()
    segment.messages(opened(), writer, 50 * MS)
    *stamps, last = [stamp for (stamp,) in segment.STAMP.iter_unpack(os.read(reader, 1 << 16))]
    assert stamps == sorted(stamps)
    assert all(begin_ns < stamp < begin_ns + 60 * MS for stamp in stamps)
    assert -last >= begin_ns + 50 * MS
    os.close(reader)
    os.close(writer)


@pytest.mark.measured
def test_a_process_of_its_own_needs_no_lock():
    """Its bursts are its time on a core, and what is between them its time in the run queue."""
    with Group() as group:
        beside = group.worker(partial(segment.process_runs, opened()))
        beside.ask(200 * MS)
        burn_until(now_ns() + 200 * MS)
        _, _, (noted,) = beside.answer()
    alone = Lane(*noted)
    ran_ns = sum(end - start for start, end in timeline.pairs(alone.bursts))
    assert ran_ns == pytest.approx(alone.cpu_ns, rel=0.15)


def test_counters_of_a_blocked_thread_are_what_it_used():
    waiting, done = threading.Event(), threading.Event()

    def work() -> None:
        python_loop(500_000)
        used.append(time.thread_time_ns())
        waiting.set()
        done.wait()

    used: list[int] = []
    thread = threading.Thread(target=work)
    thread.start()
    waiting.wait()
    cpu_ns, *_ = segment.counters(thread.native_id, 0)
    done.set()
    thread.join()
    assert cpu_ns >= used[0] * 0.98
