"""Runs and rows are kept whatever happens to the process, the disk and the file."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.runs.run import Run, State, new_id
from app.storage.connections import connect
from app.storage.errors import StorageBusy, StorageFailed, StorageFull, StorageTooNew
from app.storage.queries import NEWEST_HERE, Readers
from app.storage.schema import CHUNK, FIELDS, MIGRATIONS, as_text, encode, migrate, pack, unpack
from app.storage.store import DAMAGED, DIED, MEMORY_ONLY, Store

COLUMNS = ["kind", "workers", "wall_s"]
ROWS = [["threads", 1, 0.25], ["threads", 2, 0.5], ["processes", 2, None]]


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "data" / "oscope.db"


@pytest.fixture
def store(path) -> Iterator[Store]:
    with closing(Store(path)) as store:
        yield store


def a_run(experiment: str = "threads.scaling", **values: Any) -> Run:
    return Run(id=new_id(), experiment=experiment, params={"workers": 2}, **values)


def kept(store: Store, **values: Any) -> Run:
    run = a_run(**values)
    store.create(run)
    return run


def integrity(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("pragma integrity_check").fetchone()[0])


# What is told is kept


def test_a_run_comes_back_as_it_was_told(path):
    run = a_run(
        preset="quick",
        python="cpython-3.11.7",
        state=State.FAILED,
        why="the child was killed",
        last_words="Segmentation fault ☠",
        machine={"cores": 2, "quota_cores": None},
        conditions={"foreign_cpu": 0.25},
        verdict={"answer": "yes", "checks": [{"claim": "a", "ok": None}]},
        progress=0.5,
        progress_text="round 2 of 4",
        created_at=1000.5,
        started_at=1001.0,
        ended_at=1002.0,
        host="here",
        pinned=True,
        rows={"round": 3},
    )
    with closing(Store(path)) as store:
        store.create(run)
    with closing(Store(path)) as store:
        assert store.get(run.id) == run
        assert store.get(run.id).state.ended


def test_what_was_told_is_read_back_at_once(store):
    run = kept(store)
    assert store.get(run.id) == run
    assert store.update(run.id, state=State.RUNNING, started_at=1.0).started_at == 1.0
    store.append(run.id, "round", COLUMNS, ROWS)
    assert store.get(run.id).rows == {"round": 3}
    assert store.rows(run.id, "round") == ROWS
    assert store.list() == ([store.get(run.id)], None)


def test_rows_keep_their_order_over_many_chunks_and_flushes(store):
    run = kept(store)
    rows = [[n, n / 3] for n in range(3 * CHUNK + 7)]
    for start in range(0, len(rows), 400):
        store.append(run.id, "step", ["n", "x"], rows[start : start + 400])
        store.flush()
    assert store.rows(run.id, "step") == rows
    assert store.get(run.id).rows == {"step": len(rows)}


def test_a_run_keeps_its_tables_apart_and_the_names_of_their_columns(store):
    run = kept(store)
    store.append(run.id, "round", COLUMNS, ROWS)
    store.append(run.id, "beat", ["t_ns"], [[10], [20]])
    assert [store.rows(run.id, table) for table in ("beat", "round")] == [[[10], [20]], ROWS]
    assert store.columns(run.id) == {"beat": ["t_ns"], "round": COLUMNS}
    assert store.rows(run.id, "unheard_of") == []


def test_numbers_that_json_does_not_know_are_kept_as_null(store):
    run = kept(store)
    store.append(run.id, "odd", ["x"], [[float("nan")], [float("inf")], [2**70]])
    store.update(run.id, conditions={"steal": float("nan")})
    assert store.rows(run.id, "odd") == [[None], [None], [2**70]]


def test_packed_rows_come_out_as_they_went_in():
    assert unpack(pack(ROWS)) == ROWS


def test_rows_of_the_wrong_length_are_the_mistake_of_who_appends(store):
    run = kept(store)
    with pytest.raises(ValueError, match="round: every row needs 3 values: kind, workers, wall_s"):
        store.append(run.id, "round", COLUMNS, [["threads", 1]])
    assert store.get(run.id).rows == {}


def test_what_no_file_can_hold_is_the_mistake_of_who_tells_it(store):
    run = kept(store)
    with pytest.raises(TypeError, match="why cannot be stored"):
        store.update(run.id, why=object())
    with pytest.raises(ValueError, match="there is a run"):
        store.create(run)
    assert store.get(run.id).why == ""


def test_an_unknown_run_is_a_key_error_everywhere(store):
    for ask in (store.get, store.update, store.columns, lambda id: store.rows(id, "round")):
        with pytest.raises(KeyError, match="there is no run 0123456789"):
            ask("0123456789")
    with pytest.raises(KeyError):
        store.append("0123456789", "round", COLUMNS, ROWS)
    with pytest.raises(KeyError):
        store.list(before="0123456789")


def test_an_ended_run_can_still_be_changed_and_take_rows(store):
    run = kept(store, state=State.DONE)
    store.flush()
    store.update(run.id, pinned=True)
    store.append(run.id, "round", COLUMNS, ROWS)
    store.flush()
    assert store.get(run.id) == replace(run, pinned=True, rows={"round": 3})


def test_a_deleted_run_is_gone_with_its_rows(store, path):
    gone, stays = kept(store), kept(store)
    for run in (gone, stays):
        store.append(run.id, "round", COLUMNS, ROWS)
    store.flush()
    store.append(gone.id, "round", COLUMNS, ROWS)
    store.delete(gone.id)
    store.delete("0123456789")
    with pytest.raises(KeyError):
        store.get(gone.id)
    assert [run.id for run in store.list()[0]] == [stays.id]
    store.flush()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select count(*), count(distinct run) from chunks").fetchone() == (1, 1)


def test_a_run_that_is_deleted_before_it_is_written_never_appears(store):
    run = kept(store)
    store.append(run.id, "round", COLUMNS, ROWS)
    store.delete(run.id)
    assert store.list() == ([], None)


def test_deleting_gives_the_disk_its_space_back(store, path):
    run = kept(store)
    store.append(run.id, "step", ["text"], noise(2000))
    store.flush()
    assert len(store.rows(run.id, "step")) == 2000
    store.delete(run.id)
    store.flush()
    assert path.stat().st_size < 200_000
    store.close()
    assert {file.name for file in path.parent.iterdir()} == {"oscope.db", "oscope.db.lock"}


def test_a_run_that_is_told_twice_stays_as_it_was(path):
    run = a_run()
    for why in ("first", "second"):
        with closing(Store(path)) as store:
            store.create(replace(run, why=why))
            store.flush()
    with closing(Store(path)) as store:
        assert store.get(run.id).why == "first"


# Pages of the history


def test_the_history_comes_in_pages_newest_first(store):
    ids = [kept(store, created_at=1.0).id for _ in range(7)][::-1]
    first, following = store.list(limit=3)
    second, more = store.list(limit=3, before=following)
    third, end = store.list(limit=3, before=more)
    assert [run.id for run in (*first, *second, *third)] == ids
    assert (following, more, end) == (ids[2], ids[5], None)


def test_a_page_does_not_shift_when_runs_are_added(store):
    ids = [kept(store).id for _ in range(4)][::-1]
    _, following = store.list(limit=2)
    kept(store)
    assert [run.id for run in store.list(limit=2, before=following)[0]] == ids[2:]


def test_the_history_is_filtered_by_experiment_and_state(store):
    scaling = kept(store, state=State.DONE)
    waiting = kept(store, experiment="threads.gil_wait", state=State.DONE)
    running = kept(store, state=State.RUNNING)
    assert [run.id for run in store.list(experiment="threads.scaling")[0]] == [running.id, scaling.id]
    assert [run.id for run in store.list(state=State.DONE)[0]] == [waiting.id, scaling.id]
    assert [run.id for run in store.list("threads.scaling", "done")[0]] == [scaling.id]
    assert store.list("unheard.of") == ([], None)


def test_listing_and_filtering_use_an_index(store, path):
    plans = []
    with closing(sqlite3.connect(path)) as connection:
        for where in ("", "where experiment = 'x'", "where state = 'done'"):
            sql = f"explain query plan select * from runs {where} order by n desc limit 51"
            plans.append(" ".join(row[3] for row in connection.execute(sql)))
    assert not [plan for plan in plans if "TEMP B-TREE" in plan]
    assert ["runs_by" in plan for plan in plans] == [False, True, True]


def test_the_newest_runs_of_some_experiments_are_those_that_were_measured_here_to_their_end(store):
    def done(experiment: str, **values: Any) -> Run:
        return kept(store, experiment=experiment, state=State.DONE, **values)

    done("threads.scaling")
    newest = done("threads.scaling")
    for _ in range(60):
        done("threads.scaling", origin={"id": "0123456789", "host": "elsewhere"})
    kept(store, state=State.FAILED)
    done("threads.race", origin={"id": "0123456789", "host": "elsewhere"})
    done("threads.convoy")
    asked = ["threads.scaling", "threads.race", "threads.gil_wait"]
    assert store.newest_here(asked) == {"threads.scaling": newest}
    assert store.newest_here([]) == {}


def test_the_newest_runs_are_found_without_looking_at_others(store, path):
    with closing(sqlite3.connect(path)) as connection:
        sql = f"explain query plan {NEWEST_HERE.format('(?)')}"
        plan = [row[3] for row in connection.execute(sql, ["threads.race"])]
    assert [step for step in plan if step.startswith("SCAN") and "runs" in step] == []
    assert "SEARCH runs USING INDEX runs_by_experiment (experiment=?)" in plan


# Threads


def test_many_threads_write_and_read_at_the_same_time(store):
    runs = [kept(store) for _ in range(4)]
    failures: list[BaseException] = []

    def work(run: Run) -> None:
        try:
            for n in range(50):
                store.append(run.id, "step", ["n"], [[n], [n + 0.5]])
                store.update(run.id, progress=n / 50)
                assert len(store.rows(run.id, "step")) == 2 * n + 2
                assert len(store.list()[0]) == 4
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=[run]) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for run in runs:
        assert store.rows(run.id, "step") == [[n / 2] if n % 2 else [n // 2] for n in range(100)]


def test_rows_reach_the_disk_without_being_asked(store, path):
    run = kept(store)
    store.append(run.id, "round", COLUMNS, ROWS)
    deadline = time.monotonic() + 30
    with closing(connect(path, "ro")) as other:
        while other.execute("select count(*) from chunks").fetchone() == (0,):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_closed_store_takes_nothing_and_closes_twice(path):
    store = Store(path)
    run = kept(store)
    store.close()
    store.close()
    with pytest.raises(RuntimeError, match="is closed"):
        store.append(run.id, "round", COLUMNS, ROWS)


# Death


WRITER = """
import sys
from pathlib import Path
from app.runs.run import Run, State
from app.storage.store import Store
store = Store(Path(sys.argv[1]))
store.create(Run(id=sys.argv[2], experiment="a.b", params={}, state=State.RUNNING, started_at=1.0))
n = 0
while True:
    store.append(sys.argv[2], "step", ["n", "text"], [[n + k, str(k ** 9)] for k in range(700)])
    n += 700
    store.flush()
    print(n, flush=True)
"""


def test_kill_9_in_the_middle_of_writing_loses_at_most_the_last_flush(path):
    for attempt in range(5):
        run_id = f"{attempt:010x}"
        said = write_and_kill(path, run_id, after=3 + 4 * attempt)
        with closing(Store(path)) as store:
            assert store.recover() == [run_id]
            stored = [row[0] for row in store.rows(run_id, "step")]
            assert stored == list(range(len(stored)))
            assert said <= len(stored) <= said + 700
            run = store.get(run_id)
            assert (run.rows, run.state, run.why) == ({"step": len(stored)}, State.FAILED, DIED)
        assert integrity(path) == "ok"


def write_and_kill(path: Path, run_id: str, after: int) -> int:
    """Kill the writer while it writes on; the number of rows that it had heard are stored."""
    with subprocess.Popen([sys.executable, "-c", WRITER, path, run_id], stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        lines = [writer.stdout.readline() for _ in range(after)]
        writer.kill()
        rest = writer.stdout.read().splitlines(keepends=True)
        assert writer.wait() == -signal.SIGKILL
    return int([line for line in lines + rest if line.endswith(b"\n")][-1])


def test_runs_that_a_dead_server_left_are_ended_and_keep_their_rows(path):
    with closing(Store(path)) as store:
        done, queued = kept(store, state=State.DONE), kept(store)
        running = kept(store, state=State.RUNNING, started_at=5.0)
        store.append(running.id, "round", COLUMNS, ROWS)
    os.utime(path, (1000, 1000))
    with closing(Store(path)) as store:
        assert store.recover() == [queued.id, running.id]
        assert store.get(done.id) == done
        run = store.get(running.id)
        assert (run.state, run.why, run.ended_at) == (
            State.FAILED,
            "the server stopped during the run",
            1000.0,
        )
        assert store.rows(run.id, "round") == ROWS
        assert store.recover() == []


def test_recovering_leaves_the_runs_of_this_server_alone(store):
    run = kept(store, state=State.RUNNING)
    assert store.recover() == []
    assert store.get(run.id) == run


def test_a_second_oscope_is_told_that_the_history_is_in_use(store, path):
    with pytest.raises(StorageBusy, match="another oscope is running with the history in"):
        Store(path)
    store.close()
    Store(path).close()


# Full disks


def noise(rows: int) -> list[list[str]]:
    """Rows that do not shrink."""
    return [[os.urandom(500).hex()] for _ in range(rows)]


def test_what_does_not_fit_on_a_full_disk_waits_in_memory_and_is_read_from_there(small_disk):
    path = small_disk / "oscope.db"
    with closing(Store(path)) as store:
        rows = check_a_full_disk(store, lambda: (small_disk / "film").write_bytes(bytes(room(small_disk))))
        (small_disk / "film").unlink()
        check_that_all_is_written(store, path, rows)
    assert integrity(path) == "ok"


def test_what_does_not_fit_into_a_full_file_waits_in_memory_and_is_read_from_there(store, path):
    """The same for those who may not mount: SQLite itself refuses to let the file grow."""
    limit = store._disk._connection.execute
    rows = check_a_full_disk(store, lambda: limit("pragma max_page_count = 1").fetchall())
    limit("pragma max_page_count = 1000000").fetchall()
    check_that_all_is_written(store, path, rows)
    store.close()
    assert integrity(path) == "ok"


def room(folder: Path) -> int:
    """Bytes that are left, but for what keeps a page from being written."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def check_a_full_disk(store: Store, fill: Any) -> list[list[str]]:
    """The rows of the newest run: the first 50 were stored in time."""
    stored = kept(store, state=State.RUNNING)
    store.append(stored.id, "step", ["text"], noise(50))
    store.update(stored.id, state=State.DONE)
    run = kept(store, state=State.RUNNING)
    rows = noise(700)
    store.append(run.id, "step", ["text"], rows[:50])
    store.flush()
    fill()
    store.append(run.id, "step", ["text"], rows[50:650])
    with pytest.raises(StorageFull, match="is full: free some space and run again"):
        store.flush()
    assert "is full" in (store.failure or "")
    store.append(run.id, "step", ["text"], rows[650:])
    store.check_rows(run.id)
    store.update(run.id, state=State.DONE)
    late = kept(store, state=State.DONE)
    assert [r.id for r in store.list()[0]] == [late.id, run.id, stored.id]
    assert store.get(run.id).rows == {"step": 700}
    assert store.rows(run.id, "step") == rows
    assert (store.columns(run.id), store.rows(late.id, "step")) == ({"step": ["text"]}, [])
    assert store.alarms() == [f"Storing does not work now: {store.failure}.", MEMORY_ONLY]
    return rows


def check_that_all_is_written(store: Store, path: Path, rows: list[list[str]]) -> None:
    store.flush()
    assert (store.failure, store.alarms()) == (None, [])
    run = store.list()[0][1]
    assert (run.rows, store.rows(run.id, "step")) == ({"step": 700}, rows)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select sum(count) from chunks").fetchone() == (750,)


def test_rows_that_memory_cannot_hold_are_given_up_and_who_appends_is_told(store, monkeypatch):
    monkeypatch.setattr("app.storage.pending.WAITING_B", 200_000)
    limit = store._disk._connection.execute
    ended, run = kept(store, state=State.DONE), kept(store, state=State.RUNNING)
    store.append(run.id, "step", ["text"], noise(50))
    store.flush()
    limit("pragma max_page_count = 1").fetchall()
    store.append(ended.id, "step", ["text"], noise(100))
    with pytest.raises(StorageFull):
        store.flush()
    store.append(run.id, "step", ["text"], noise(600))
    with pytest.raises(StorageFull):
        store.flush()
    for ask in (lambda: store.append(run.id, "step", ["text"], noise(1)), lambda: store.check_rows(run.id)):
        with pytest.raises(StorageFull):
            ask()
    store.update(run.id, state=State.FAILED, why=store.failure)
    assert [store.get(run.id).rows, len(store.rows(run.id, "step"))] == [{"step": 50}, 50]
    assert len(store.rows(ended.id, "step")) == 100
    limit("pragma max_page_count = 1000000").fetchall()
    store.flush()
    assert [len(store.rows(r.id, "step")) for r in (ended, run)] == [100, 50]


def test_while_nothing_can_be_written_the_memory_knows_what_became_of_the_runs(path, monkeypatch):
    monkeypatch.setattr("app.storage.connections.BUSY_S", 0.01)
    with closing(Store(path)) as store, closing(connect(path)) as other:
        done, run = kept(store, state=State.DONE), kept(store, state=State.RUNNING)
        store.flush()
        other.execute("begin immediate")
        store.append(run.id, "round", COLUMNS, ROWS)
        with pytest.raises(StorageFailed, match="database is locked"):
            store.flush()
        store.update(run.id, state=State.FAILED, why=store.failure)
        late = kept(store)
        assert [r.id for r in store.list()[0]] == [late.id, run.id, done.id]
        assert [r.id for r in store.list(state=State.FAILED)[0]] == []  # the disk does not know it yet
        assert [r.id for r in store.list(state=State.RUNNING)[0]] == []
        assert [r.id for r in store.list(before=run.id)[0]] == [done.id]
        assert store.rows(run.id, "round") == ROWS
        assert store.notices() == [f"Storing does not work now: {store.failure}.", MEMORY_ONLY]
        store.delete(done.id)
        with pytest.raises(StorageFailed):
            store.flush()
        other.execute("rollback")
        store.flush()
        assert [r.id for r in store.list(state=State.FAILED)[0]] == [run.id]
    with closing(Store(path)) as store:
        assert [r.state for r in store.list()[0]] == ["queued", "failed"]


def test_a_failed_writer_tries_again_by_itself(store):
    limit = store._disk._connection.execute
    limit("pragma max_page_count = 1").fetchall()
    run = kept(store)
    store.append(run.id, "step", ["text"], noise(3000))
    with pytest.raises(StorageFull):
        store.flush()
    limit("pragma max_page_count = 1000000").fetchall()
    deadline = time.monotonic() + 30
    while store.failure:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert store.list() == ([store.get(run.id)], None)


def test_a_store_on_a_full_disk_still_closes(path):
    store = Store(path)
    store._disk._connection.execute("pragma max_page_count = 1").fetchall()
    store.append(kept(store).id, "step", ["text"], noise(3000))
    store.close()
    with closing(Store(path)) as store:
        assert store.list() == ([], None)


def test_rows_that_are_no_json_do_not_stop_the_store(store):
    bad, good = kept(store), kept(store)
    store.append(bad.id, "odd", ["x"], [[object()]])
    with pytest.raises(StorageFailed, match="failed"):
        store.flush()
    store.append(good.id, "round", COLUMNS, ROWS)
    store.flush()
    assert store.rows(good.id, "round") == ROWS
    assert [run.id for run in store.list()[0]] == [good.id, bad.id]


def test_a_mistake_in_the_writer_is_told_and_does_not_end_it(store, monkeypatch):
    def mistaken(notes):
        raise ZeroDivisionError("of ours")

    run = kept(store)
    with monkeypatch.context() as broken:
        broken.setattr(store._disk, "write", mistaken)
        store.append(run.id, "round", COLUMNS, ROWS)
        with pytest.raises(StorageFailed, match="of ours"):
            store.flush()
    store.flush()
    assert (store.failure, store.rows(run.id, "round")) == (None, ROWS)


def test_a_file_that_cannot_be_opened_for_reading_is_named(path):
    with pytest.raises(StorageFailed, match="unable to open database file"):
        Readers(path).read("select 1")


# The cap


def test_over_the_cap_the_oldest_runs_go_one_by_one_but_pinned_ones_stay(path):
    with closing(Store(path, cap_b=1_000_000)) as store:
        pinned = kept(store, state=State.DONE, pinned=True)
        running = kept(store, state=State.RUNNING)
        runs = [pinned, running]
        for _ in range(8):
            runs.append(kept(store, state=State.DONE))
            store.append(runs[-1].id, "step", ["text"], noise(400))
            store.flush()
        left = [run.id for run in store.list()[0]][::-1]
        assert left[:2] == [pinned.id, running.id]
        assert left[2:] == [run.id for run in runs[-len(left[2:]) :]]
        assert 0 < len(left[2:]) < 8
        assert path.stat().st_size < 1_300_000
        gone = len(runs) - len(left)
        assert store.notices()[0].startswith(
            f"The {gone} oldest runs were removed to keep the history under 1 MB"
        )
    with closing(Store(path)) as store:
        assert store.notices()[0].startswith(f"The {gone} oldest runs were removed")


def test_at_the_cap_with_nothing_to_remove_the_run_is_refused(path):
    with closing(Store(path, cap_b=1_000_000)) as store:
        run = kept(store, state=State.RUNNING)
        store.append(run.id, "step", ["text"], noise(3000))
        with pytest.raises(StorageFull, match="has reached its 1 MB and nothing in it may go"):
            store.flush()
        with pytest.raises(StorageFull):
            store.append(run.id, "step", ["text"], noise(1))
        store.update(run.id, state=State.FAILED, why=store.failure)
        store.flush()
        assert len(store.rows(run.id, "step")) == 3000
        following = kept(store, state=State.RUNNING)
        store.append(following.id, "round", COLUMNS, ROWS)
        store.flush()
        assert [r.id for r in store.list()[0]] == [following.id]


# Other files


def test_a_folder_that_refuses_the_write_ahead_log_is_used_without_and_says_so(path):
    path.parent.mkdir()
    (path.parent / "oscope.db-shm").mkdir()  # where SQLite would keep the shared memory of its log
    with closing(Store(path)) as store:
        run = kept(store)
        store.append(run.id, "round", COLUMNS, ROWS)
        assert store.rows(run.id, "round") == ROWS
        assert store.notices()[0].startswith(
            f"The folder {path.parent} does not support SQLite's write-ahead log"
        )
    with closing(Store(path)) as store:
        assert store.rows(run.id, "round") == ROWS


def test_usually_there_is_nothing_to_notice(store):
    assert store.notices() == []
    assert store.failure is None


def test_the_history_of_a_newer_oscope_is_left_alone(path):
    Store(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma user_version = 99")
    with pytest.raises(StorageTooNew, match=r"written by a newer oscope \(its version is 99.*update oscope"):
        Store(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma user_version = {len(MIGRATIONS)}")
    Store(path).close()


def test_an_older_history_is_brought_forward_step_by_step(path):
    with closing(Store(path)) as store:
        run = kept(store)
        store.append(run.id, "round", COLUMNS, ROWS)
    steps = (
        *MIGRATIONS,
        ("alter table runs add column label text not null default 'none'",),
        ("create table a(b)",),
    )
    with closing(connect(path)) as connection:
        migrate(connection, steps)
        migrate(connection, steps)
        assert connection.execute("select id, label from runs").fetchall() == [(run.id, "none")]
        assert connection.execute("pragma user_version").fetchone() == (len(steps),)


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_a_history_of_every_older_version_is_brought_forward_without_loss(version, path):
    path.parent.mkdir()
    run = a_run(state=State.DONE, rows={"round": 3}, created_at=900.0, started_at=1000.0, ended_at=1002.5)
    with closing(connect(path)) as older:
        migrate(older, MIGRATIONS[:version])
        known = {row[1] for row in older.execute("pragma table_info(runs)")}
        told = {n: v for n, v in zip(FIELDS, encode(run), strict=True) if n in known}
        places = ", ".join("?" * len(told))
        older.execute(f"insert into runs({', '.join(told)}) values({places})", [*told.values()])
        older.execute("insert into columns values(1, 'round', ?)", (as_text(COLUMNS),))
        older.execute("insert into chunks values(1, 1, 'round', 3, ?)", (pack(ROWS),))
    with closing(Store(path)) as store:
        brought = store.get(run.id)
        assert replace(brought, search="") == run
        assert brought.took_s == 2.5
        assert (store.rows(run.id, "round"), store.columns(run.id)) == (ROWS, {"round": COLUMNS})
    assert integrity(path) == "ok"


@pytest.mark.parametrize("version", [0, 3])
def test_a_file_of_another_program_is_named_and_left_alone(version, path):
    path.parent.mkdir()
    with closing(connect(path)) as theirs:
        theirs.execute("create table runs(a)")
        theirs.execute(f"pragma user_version = {version}")
    before = path.read_bytes()
    with pytest.raises(StorageFailed, match="was written by another program"):
        Store(path)
    assert path.read_bytes() == before


def test_damaged_parts_of_a_history_cost_themselves(path):
    with closing(Store(path)) as store:
        whole, rows, run = kept(store), kept(store), kept(store)
        for one in (whole, rows, run):
            store.append(one.id, "round", COLUMNS, ROWS)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("update chunks set data = x'00' where run = 2")
        file.execute("update runs set params = '{' where n = 3")
    with closing(Store(path)) as store:
        assert [r.id for r in store.list()[0]] == [rows.id, whole.id]
        assert [store.rows(r.id, "round") for r in (whole, rows)] == [ROWS, []]
        with pytest.raises(StorageFailed, match="are damaged"):
            store.get(run.id)
        assert store.alarms() == [DAMAGED.format(path=path)]
        store.recover()


def test_a_step_forward_that_breaks_leaves_the_file_as_it_was(path):
    Store(path).close()
    steps = (*MIGRATIONS, ("create table a(b)", "create table a(b)"))
    with closing(connect(path)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, steps)
        assert connection.execute("pragma user_version").fetchone() == (len(MIGRATIONS),)
        assert connection.execute("select count(*) from sqlite_master where name = 'a'").fetchone() == (0,)


def test_a_file_that_is_no_history_is_named_and_left_alone(path):
    path.parent.mkdir()
    path.write_bytes(b"Dear diary, " * 100)
    with pytest.raises(StorageFailed, match="is not a readable history"):
        Store(path)
    assert path.read_bytes() == b"Dear diary, " * 100


def test_a_place_where_no_file_can_be_is_named(path):
    path.mkdir(parents=True)
    with pytest.raises(StorageFailed, match="cannot be written"):
        Store(path)
    with pytest.raises(StorageFailed, match="cannot be written"):
        Store(Path("/dev/null/oscope.db"))
