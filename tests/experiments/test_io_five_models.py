"""Five ways to read, held against the kernel's own account, and verdicts from literal rows."""

import errno
import gc
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from experiments.io_models._five_models.flow import story, typical
from experiments.io_models._five_models.models import ARMS, Mark, Reading
from experiments.io_models._five_models.plan import EVERY_ARM, PAYERS, cost_s, main_rounds, sweep_rounds
from experiments.io_models._five_models.receiver import Sample, receiver
from experiments.io_models._five_models.rows import Flow, Note, Payer, Payload, Read, Summary, Waiting
from experiments.io_models.five_models import measure
from experiments.kit import Machine, Progress, Record
from experiments.kit.kernel import uring
from experiments.kit.kernel.clock import NS_PER_S, now_ns
from experiments.kit.spec import ParameterError, load
from experiments.kit.subjects.subjects import Group, SubjectDied
from experiments.kit.subjects.work import burn_until
from tests.experiments.kit.denied import run_denied
from tests.traced import strace

ROOT = Path(__file__).parents[2]
EXPERIMENT = load("io_models.five_models")
SMALL = {"delay": 0.2, "reads": 20, "per_point": 3}
CALLS = {"recv": 1, "select": 2, "poll": 2, "epoll": 2, "sigwaitinfo": 3, "handler": 3}
RING = {"io_uring": 1, "io_uring, later": 1}

needs_uring = pytest.mark.skipif(bool(uring.missing()), reason=uring.missing())
needs_two_cores = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core only")


def of(rows, kind):
    return [row for row in rows if isinstance(row, kind)]


# What is measured


@pytest.fixture(scope="module")
def rows():
    return list(measure(**SMALL))


@needs_uring
def test_every_arm_reads_and_every_table_fills(rows):
    assert {row.arm for row in of(rows, Read)} == {arm.name for arm in ARMS}
    assert {row.model for row in of(rows, Payload)} == {arm.model for arm in ARMS}
    assert {row.model for row in of(rows, Waiting)} == {arm.model for arm in ARMS}
    assert {row.model for row in of(rows, Payer)} == set(PAYERS.values())
    assert {row.model for row in of(rows, Flow)} == {arm.model for arm in ARMS}
    assert [row.arm for row in of(rows, Summary)] == [arm.name for arm in ARMS]
    assert of(rows, Note) == []


def test_every_read_waited_and_then_had_its_data(rows):
    for row in of(rows, Read):
        assert row.wait_s > 0
        assert row.after_send_s > 0
        assert row.read >= 0, "a warm-up was kept"


def test_the_phases_add_up_where_they_can_be_seen(rows):
    seen = [row for row in of(rows, Read) if row.copy_s is not None]
    assert {row.model for row in seen} == {"non-blocking", "multiplexed", "signal-driven"}
    for row in seen:
        assert row.notify_s + row.copy_s == pytest.approx(row.after_send_s, abs=2e-9)


def test_only_those_who_compute_meanwhile_get_work_done(rows):
    worked = {row.arm for row in of(rows, Read) if row.work}
    assert worked == {row.arm for row in of(rows, Read) if row.series.endswith("working")}


def test_progress_only_rises_and_ends_at_one(rows):
    done = [row.done for row in of(rows, Progress)]
    assert done == sorted(done)
    assert done[-1] == pytest.approx(1)


@needs_two_cores
def test_a_message_of_every_size_arrives_whole():
    with receiver("tcp", EVERY_ARM, 1 << 20) as bench:
        for arm in bench.reads:
            for size in (1, 5000, bench.fits[arm]):
                assert bench.read(arm, size, 100_000).after_send_s > 0


def test_datagrams_are_clamped_and_it_is_said():
    rows = list(measure(channel="udp", size=50_000, sweep="none", **SMALL))
    assert {row.size_b for row in of(rows, Read)} == {32 << 10}
    assert [note.why for note in of(rows, Note) if note.about == "size"] == [
        "50000 B do not fit into one socket at once: blocking, non-blocking, multiplexed, signal-driven,"
        " asynchronous read 32768 B."
    ]


@pytest.mark.measured
def test_on_a_crowded_core_a_spinner_is_running_or_ready_and_nothing_else():
    """The identity that the CPU shares of a verdict rest on: elapsed = on a core + in the run queue."""
    with receiver("unix", ARMS, 1) as bench, Group() as group:
        group.fork(burn_until, now_ns() + 10 * NS_PER_S, core=bench.cores[0], name="another program")
        samples = [bench.read("spin", 1, 3_000_000) for _ in range(40)]
    assert sum(sample.delay_ns for sample in samples) > 5_000_000, "nobody was in the way"
    off = [abs(s.cpu_ns + s.delay_ns - (s.reading.done_ns - s.reading.called_ns)) for s in samples]
    assert sorted(off)[31] < 300_000, "in more than a few reads the turn was lost between two accounts"


@pytest.mark.parametrize("channel", ["unix", "udp", "tcp"])
def test_data_that_was_there_before_the_call_is_read_like_any_other(channel):
    with receiver(channel, EVERY_ARM, 4096) as bench:
        for arm, read in bench.reads.items():
            bench.sender.ask(bench.places[arm], 4096, 0)
            sent_ns, _ = bench.sender.answer()
            reading = read(4096)
            assert sent_ns < reading.called_ns < reading.done_ns, arm


def test_one_signal_is_one_read():
    """A signal left over would wake the next read for nothing: that read would take a call more."""
    with receiver("unix", ARMS, 4096) as bench:
        for _ in range(30):
            for arm in ("sigwaitinfo", "handler"):
                assert bench.read(arm, 4096, 50_000).reading.syscalls == CALLS[arm]


# Calls


SUBJECT = """
import os
from experiments.io_models._five_models.models import ARMS
from experiments.io_models._five_models.receiver import receiver
from experiments.kit.kernel.clock import now_ns
with receiver("unix", ARMS, 4096) as bench:
    for arm in bench.reads:
        whole = 0
        while whole < 5:
            bench.sender.ask(bench.places[arm], 4096, 3_000_000)
            os.access(f"/begin/{arm}", 0)
            began_ns = now_ns()
            reading = bench.reads[arm](4096)
            os.access(f"/end/{arm}/{reading.syscalls}", 0)
            sent_ns, _ = bench.sender.answer()
            if sent_ns > began_ns:
                whole += 1
            else:  # on a busy machine data may have come, and a handler have run, before we looked
                os.access(f"/early/{arm}", 0)
"""


# Room for objects, at any moment; and the clock, which is a call only where the vDSO has none.
INTERPRETERS_OWN = {"brk", "mmap", "munmap", "clock_gettime"}


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    """For every arm: pairs of the calls that we counted, and the names of those that strace saw."""
    return read_trace(strace(SUBJECT, tmp_path_factory.mktemp("strace") / "trace").lines)


def read_trace(lines):
    found: dict[str, list[tuple[int, Counter]]] = {}
    seen = None
    main = lines[0].split(maxsplit=1)[0]
    for line in lines:
        pid, _, rest = line.partition(" ")
        name = re.match(r"\s*(?:<\.\.\. )?(\w+)[( ]", rest)
        if pid != main or not name:
            continue  # the sender, or a signal
        if "resumed>" in rest or "ERESTART" in rest:
            if seen and "resumed>" in rest and "ERESTART" in rest:
                seen[name[1]] -= 1  # the kernel had work of its own to do: it repeats the call, not we
            continue
        if "/begin/" in rest:
            seen = Counter()
        elif marker := re.search(r"/end/(.+)/(\d+)\"", rest):
            found.setdefault(marker[1], []).append((int(marker[2]), seen))
            seen = None
        elif early := re.search(r"/early/(.+)\"", rest):
            found[early[1]].pop()
        elif seen is not None and name[1] not in INTERPRETERS_OWN:
            seen[name[1]] += 1
    return found


def test_we_count_the_calls_that_strace_counts(traced):
    assert {"recv", "spin", "select", "poll", "epoll", "sigwaitinfo", "handler"} <= traced.keys()
    for arm, reads in traced.items():
        assert len(reads) == 5
        for counted, seen in reads:
            assert counted == seen.total(), (arm, seen)


def test_each_model_makes_the_calls_it_is_known_for(traced):
    kinds = {arm: {name for _, seen in reads for name in seen} for arm, reads in traced.items()}
    assert kinds["recv"] == kinds["spin"] == {"recvfrom"}
    assert kinds["sigwaitinfo"] == {"rt_sigtimedwait", "recvfrom"}
    assert kinds["handler"] == {"rt_sigreturn", "recvfrom"}
    for arm, name in {"select": "select", "poll": "poll", "epoll": "epoll"}.items():
        assert kinds[arm] > {"recvfrom"}
        assert any(name in kind for kind in kinds[arm])
    for arm in RING.keys() & kinds.keys():
        assert kinds[arm] == {"io_uring_enter"}


def test_calls_per_read_are_those_of_the_textbook(rows):
    for row in of(rows, Summary):
        if row.arm == "spin":
            assert row.syscalls_per_read > 10
        else:
            assert row.syscalls_per_read == (CALLS | RING)[row.arm], row.arm


# Degrading


DENIED = """
import json
from experiments.io_models.five_models import measure
from experiments.kit import Machine, Record
from experiments.io_models._five_models.rows import Note, Read
from experiments.kit.spec import load
rows = list(measure(delay=0.2, reads=20, per_point=3, sweep="none"))
verdict = load("io_models.five_models").verdict(Record(Machine.here(), {"reads": 20}, rows)).as_json()
print(json.dumps({
    "models": sorted({row.model for row in rows if isinstance(row, Read)}),
    "notes": [row for row in rows if isinstance(row, Note)],
    "doubts": verdict["doubts"],
}))
"""


def test_where_io_uring_is_forbidden_the_other_four_run_and_it_is_said():
    said = json.loads(run_denied(DENIED, errno.ENOSYS))
    why = "This kernel has no io_uring, or a sandbox hides it (ENOSYS). The other four models ran."
    assert said["models"] == ["blocking", "multiplexed", "non-blocking", "signal-driven"]
    assert said["notes"] == [["asynchronous", why]]
    assert why in said["doubts"]


# Nothing is left


def state_of_the_process():
    return {
        "descriptors": sorted(os.listdir("/proc/self/fd")),
        "children": Path(f"/proc/self/task/{os.getpid()}/children").read_text(),
        "cores": os.sched_getaffinity(0),
        "mask": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "handlers": [signal.getsignal(number) for number in (signal.SIGRTMIN + 3, signal.SIGRTMIN + 4)],
        "collector": gc.isenabled(),
    }


@pytest.mark.parametrize("taken", [1, 40, 10_000])
def test_nothing_is_left_whenever_it_ends(taken):
    before = state_of_the_process()
    running = measure(sweep="none", **SMALL)
    for _, _row in zip(range(taken), running, strict=False):
        pass
    running.close()
    assert state_of_the_process() == before


def test_a_dead_sender_is_an_error_and_not_a_wait():
    with receiver("unix", ARMS, 4096) as bench:
        bench.read("recv", 1, 50_000)
        bench.sender.ask(bench.places["recv"], 4096, 60_000_000_000)
        bench.sender.kill()
        with pytest.raises(ConnectionError, match="the sender closed its end"):
            bench.reads["recv"](4096)
        with pytest.raises(SubjectDied, match="the sender ended"):
            bench.sender.answer()


def test_the_sender_ends_when_its_reader_is_killed():
    script = """
import os, sys
from experiments.io_models._five_models.models import ARMS
from experiments.io_models._five_models.receiver import receiver
with receiver("unix", ARMS, 1 << 20) as bench:
    bench.read("recv", 1, 50_000)
    print(bench.sender.pid, flush=True)
    for _ in range(20):  # more than the socket holds: the sender waits for a reader
        bench.sender.ask(bench.places["recv"], 1 << 20, 0)
    os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False)
    sender = int(done.stdout)
    try:
        end = os.pidfd_open(sender)
    except ProcessLookupError:
        return
    from select import select

    assert select([end], [], [], 10)[0], "the sender outlived its reader"
    os.close(end)


def test_a_thread_that_lets_signals_in_is_not_hit_by_ours():
    script = """
import signal, socket, threading
from experiments.io_models._five_models.models import held_back, signals_from
end = threading.Event()
threading.Thread(target=end.wait).start()
number = signal.SIGRTMIN + 3
receiver, sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
with held_back({number}), signals_from(receiver, number):
    sender.send(b"x")  # we are busy and hold it back; the other thread would take it, and die of it
    print(signal.sigtimedwait({number}, 10) is not None)
end.set()
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_a_signal_that_nobody_waited_for_harms_nobody():
    script = """
from experiments.io_models._five_models.models import ARMS
from experiments.io_models._five_models.receiver import receiver
with receiver("unix", ARMS, 1) as bench:
    for arm in ("sigwaitinfo", "handler"):
        bench.sender.ask(bench.places[arm], 1, 0)
        bench.sender.answer()
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


# Parameters


def test_a_run_that_would_take_too_long_is_refused():
    with pytest.raises(ParameterError, match=r"would take about .* s with these parameters"):
        EXPERIMENT.parse({"reads": 1000, "delay": 100})


def test_the_estimate_grows_with_what_is_asked_for():
    def cost(**params):
        return EXPERIMENT.cost(EXPERIMENT.parse(params))

    assert cost(sweep="none") < cost(sweep="sizes") < cost()
    assert cost(reads=200) > 1.5 * cost(reads=100, sweep="none")
    assert cost() < 10
    assert EXPERIMENT.cost(EXPERIMENT.parse({}, "quick")) < 3


def test_in_every_round_each_arm_has_its_turn_after_the_same_delay():
    for steps in main_rounds(4096, 2.0, 20):
        assert sorted(step.arm for step in steps) == sorted(arm.name for arm in ARMS)
        assert len({step.jittered_ms for step in steps}) == 1
    measured = [step for steps in main_rounds(4096, 2.0, 20) for step in steps if step.repeat >= 0]
    assert all(1 <= step.jittered_ms <= 3 for step in measured)
    assert len({step.jittered_ms for step in measured}) == 20


def test_a_sweep_that_was_not_asked_for_is_not_made():
    stages = {step.stage for steps in sweep_rounds(4096, "sizes", 3) for step in steps}
    assert stages == {"payer", "payload"}
    assert cost_s([]) == 0


# The story of a read


def sample(**stamps):
    """Stamps in µs on a clock that began long ago."""
    at = {name: 10**15 + 1000 * us for name, us in stamps.items()}
    reading = Reading(at["called"], at.get("ready", 0), at["done"], 1, 0, at.get("submitted", 0))
    return Sample(reading, at["sent"], 0, 0, 0, 0, 0)


def us(spans):
    return [(f.lane, f.state, round(f.start_s * 1e6), round(f.end_s * 1e6), f.call) for f in spans]


def test_a_blocking_read_is_hatched_after_the_send():
    assert us(story("recv", sample(called=0, sent=1000, done=1050))) == [
        ("program", "blocked", 0, 1050, ""),
        ("kernel", "blocked", 0, 1000, "recv"),
        ("kernel", "unknown", 1000, 1050, "recv"),
    ]


def test_a_multiplexed_read_shows_its_copy():
    assert us(story("epoll", sample(called=0, sent=1000, ready=1040, done=1050))) == [
        ("program", "blocked", 0, 1040, ""),
        ("program", "blocked", 1040, 1050, ""),
        ("kernel", "blocked", 0, 1000, "epoll_wait"),
        ("kernel", "unknown", 1000, 1040, "epoll_wait"),
        ("kernel", "io", 1040, 1050, "recv"),
    ]


def test_a_spinning_read_shows_some_of_its_calls():
    read = sample(called=0, sent=100, ready=101, done=105)
    marks = tuple(Mark(10**15 + 1000 * t, 10**15 + 1000 * (t + 2)) for t in (10, 60))
    read = read._replace(reading=read.reading._replace(marks=marks))
    assert us(story("spin", read)) == [
        ("program", "running", 0, 10, ""),
        ("program", "running", 10, 12, "recv → EAGAIN"),
        ("program", "running", 12, 60, ""),
        ("program", "running", 60, 62, "recv → EAGAIN"),
        ("program", "running", 62, 101, ""),
        ("program", "blocked", 101, 105, ""),
        ("kernel", "blocked", 0, 100, ""),
        ("kernel", "unknown", 100, 101, ""),
        ("kernel", "io", 101, 105, "recv"),
    ]


def test_an_asynchronous_program_runs_while_the_kernel_waits():
    assert us(story("io_uring, later", sample(called=0, submitted=5, sent=1000, done=1040))) == [
        ("program", "blocked", 0, 5, "io_uring_enter"),
        ("program", "running", 5, 1040, ""),
        ("kernel", "blocked", 0, 1000, ""),
        ("kernel", "unknown", 1000, 1040, ""),
    ]


def test_the_typical_read_is_of_usual_latency_and_waited_least():
    late = [40, 50, 51, 52, 900, 30]
    waits = [1000, 3000, 1200, 2000, 1000, 1000]
    reads = [sample(called=0, sent=w, done=w + d) for w, d in zip(waits, late, strict=True)]
    assert typical(reads) is reads[2]


# Verdicts


ROW = Read("blocking", "recv", "blocking", 0, 4096, 0, None, None, 5e-5, 0, 0, 1, 1, 0, 0)
MODELS = {  # latency after the send, CPU per second of waiting, system calls, voluntary switches
    "blocking": (60e-6, 0.0, 1, 1),
    "non-blocking": (15e-6, 1.0, 900, 0),
    "multiplexed": (66e-6, 0.0, 2, 1),
    "signal-driven": (90e-6, 0.0, 3, 1),
    "asynchronous": (70e-6, 0.0, 1, 1),
}


def reads_of(model, count=20, **changes):
    late, share, syscalls, voluntary = MODELS[model]
    share = changes.pop("share", share)
    ready_s = changes.pop("ready_s", 0.0)
    late = changes.pop("late", late)
    for i in range(count):
        wait_s = 1e-3 * (1 + i / count)
        after = late * (1 + (i % 5) / 20)
        ready = None if ready_s is None else ready_s * (i % 3)
        yield ROW._replace(
            model=model,
            arm=model,
            series=model,
            read=i,
            wait_s=wait_s,
            after_send_s=after + (ready or 0),
            copy_s=8e-6,
            cpu_s=30e-6 + share * (wait_s + after),
            ready_s=ready,
            syscalls=syscalls,
            voluntary=voluntary,
        )


def judged(rows, cores=2, conditions=None, **params):
    machine = Machine(**(Machine.here().as_json() | {"cores": cores}))
    return EXPERIMENT.verdict(Record(machine, params, rows, conditions)).as_json()


SOONER = "A core that never sleeps has the data sooner"


@pytest.mark.parametrize(
    ("facts", "rows"),
    [
        ({"cores": 1}, {}),
        ({"conditions": {"foreign_cpu": 0.5}}, {}),
        ({"conditions": {"foreign_cpu": 0.02, "throttled": 0.5}}, {}),
        ({}, {"non_blocking": {"late": 55e-6}}),
        ({}, {"blocking": {"ready_s": 1e-3}, "multiplexed": {"ready_s": 1e-3}}),
        ({}, {"blocking": {"ready_s": None}}),
    ],
    ids=["one core", "others", "quota", "too small", "waited for its core", "nobody tells"],
)
def test_a_small_difference_or_one_that_something_else_may_have_made_proves_no_mechanism(facts, rows):
    said = judged(clear_rows(**rows), **facts)
    (told,) = (check for check in said["checks"] if SOONER in check["claim"])
    assert told["ok"] is None
    assert told["claim"].startswith("Perhaps not: ")
    assert "after the send without blocking" not in said["headline"]


def test_a_clear_difference_on_two_quiet_cores_does():
    said = judged(clear_rows(), conditions={"foreign_cpu": 0.02, "throttled": 0.0})
    (told,) = (check for check in said["checks"] if SOONER in check["claim"])
    assert (told["ok"], told["claim"].startswith(SOONER)) == (True, True)


def test_a_receiver_whose_wait_for_a_core_nobody_tells_says_so_once():
    said = judged(clear_rows(**{model.replace("-", "_"): {"ready_s": None} for model in MODELS}))
    assert said["doubts"] == ["This system does not tell how long the receiver waited for a core."]


def clear_rows(**changed):
    return [row for model in MODELS for row in reads_of(model, **changed.get(model.replace("-", "_"), {}))]


def test_a_clear_case_is_told_with_its_numbers():
    said = judged(clear_rows())
    assert said["answer"] == "it sleeps, unless it keeps asking"
    assert said["headline"] == (
        "While it waited for data the non-blocking reader used 100\u00a0% of a core, no other more than"
        " 0\u00a0%; the data was there 16.5\u00a0µs after the send without blocking, 66.0\u00a0µs with it."
    )
    assert [check["ok"] for check in said["checks"]] == [True] * 5
    assert said["said"]["headline"]["values"]["burnt"]["about"] == "non-blocking"
    assert said["doubts"] == []


def test_system_calls_are_told_for_every_model():
    said = judged(clear_rows())["checks"][2]["claim"]
    assert said == (
        "System calls for one read: 1 blocking, 900 non-blocking, 2 multiplexed, 3 signal-driven,"
        " 1 asynchronous."
    )


def test_the_time_of_a_model_that_had_to_read_less_is_not_told_beside_the_others():
    rows = [row._replace(size_b=1024) if row.model == "signal-driven" else row for row in clear_rows()]
    checks = [check["claim"] for check in judged(rows)["checks"]]
    assert "signal-driven" in checks[2]  # its calls are its own affair
    assert not any("signal-driven" in check for check in checks[3:])


def test_a_spinner_that_did_not_burn_is_unclear():
    assert judged(clear_rows(non_blocking={"share": 0.5}))["answer"] == "unclear"


def test_a_sleeper_that_burnt_is_unclear():
    said = judged(clear_rows(multiplexed={"share": 0.4}))
    assert said["answer"] == "unclear"
    assert said["checks"][1]["ok"] is False


def test_time_in_the_run_queue_is_not_taken_for_sleep():
    said = judged(clear_rows(non_blocking={"ready_s": 1e-3}))
    assert said["answer"] == "it sleeps, unless it keeps asking"


def test_on_a_crowded_machine_a_late_spinner_proves_nothing():
    late = {"late": 300e-6}
    assert judged(clear_rows(non_blocking=late))["checks"][4]["ok"] is False
    crowd = {name: {"ready_s": 5e-4} for name in ("blocking", "multiplexed", "asynchronous", "signal_driven")}
    said = judged(clear_rows(non_blocking=late | {"ready_s": 5e-4}, **crowd))
    assert said["checks"][4]["ok"] is None
    assert said["headline"].endswith("no other more than 0\u00a0%.")
    assert any("waited 2" in doubt and "for a core of its own" in doubt for doubt in said["doubts"])


def test_too_few_reads_are_unclear():
    rows = [row for model in MODELS for row in reads_of(model, count=5)]
    assert judged(rows)["answer"] == "unclear"


def test_reads_that_were_left_out_are_a_doubt():
    assert judged(clear_rows(), reads=40)["doubts"] == [
        "50\u00a0% of the reads are left out: they were not waited for."
    ]


def test_a_missing_model_is_a_doubt_and_the_rest_is_told():
    rows = [row for row in clear_rows() if row.model != "asynchronous"]
    why = (
        "io_uring is switched off on this machine (kernel.io_uring_disabled = 2). The other four models ran."
    )
    said = judged([*rows, Note("asynchronous", why)])
    assert said["answer"] == "it sleeps, unless it keeps asking"
    assert said["doubts"] == [why]


def test_the_copy_grows_when_the_larger_payload_takes_longer():
    def swept(slow):
        return [
            Payload("multiplexed", i, size, 1e-6, copy * (1 + i / 20), 1e-4, 2)
            for i in range(6)
            for size, copy in ((1, 6e-6), (4096, 7e-6), (1 << 20, slow))
        ]

    said = judged([*clear_rows(), *swept(300e-6)])["checks"][5]
    assert said["ok"] is True
    assert said["claim"].startswith("The copy grows with the payload: 6.75\u00a0µs (")
    assert "for 1\u2009048\u2009576 B." in said["claim"]
    assert judged([*clear_rows(), *swept(3e-6)])["checks"][5]["ok"] is False
