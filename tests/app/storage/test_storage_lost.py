"""A history that goes away under a running oscope is noticed, and nothing that could be kept is lost.

A lock and a file are held by name and trusted by descriptor: what happens to the name meanwhile is asked
before every write.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.runs.run import Run, State, new_id
from app.storage.connections import connect
from app.storage.errors import StorageBusy, StorageFailed
from app.storage.store import Store
from app.storage.writer import keep_whole
from tests.app.storage.test_store import COLUMNS, ROWS, integrity, kept


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "data" / "oscope.sqlite3"


@pytest.fixture
def store(path) -> Iterator[Store]:
    with closing(Store(path)) as store:
        yield store


def measured(store: Store) -> Run:
    run = kept(store, state=State.DONE)
    store.append(run.id, "round", COLUMNS, ROWS)
    store.flush()
    return store.get(run.id)


def check_that_all_is_in(path: Path, *runs: Run) -> None:
    assert integrity(path) == "ok"
    with closing(Store(path)) as store:
        assert [run.id for run in store.list()[0]] == [run.id for run in reversed(runs)]
        assert all(store.get(run.id) == run for run in runs)
        assert all(store.rows(run.id, "round") == ROWS for run in runs)


REMOVALS = {
    "folder": lambda path: shutil.rmtree(path.parent),
    "file": lambda path: path.unlink(),
    "file and log": lambda path: [file.unlink() for file in path.parent.glob("oscope.sqlite3*")],
}


@pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)
def test_a_history_that_is_removed_is_written_anew_with_all_that_was_in_it(remove, store, path):
    before = measured(store)
    assert store.notices() == []
    remove(path)
    (notice,) = store.notices()
    assert notice.startswith(f"{path} was removed while oscope had it open. It was written anew")
    after = measured(store)
    assert store.notices() == [notice]
    store.close()
    check_that_all_is_in(path, before, after)


def test_a_removed_history_is_noticed_by_the_next_flush_alone(store, path):
    before = measured(store)
    shutil.rmtree(path.parent)
    after = measured(store)
    with closing(sqlite3.connect(path)) as file:
        assert {row[0] for row in file.execute("select id from runs")} == {before.id, after.id}


def test_a_second_oscope_never_starts_while_the_first_lives(store, path):
    measured(store)
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    with pytest.raises(StorageBusy, match="another oscope is running"):
        Store(path)
    path.parent.rmdir()
    with pytest.raises(StorageBusy):
        Store(path)
    measured(store)
    (path.parent / f"{path.name}.lock").unlink()
    with pytest.raises(StorageBusy):
        Store(path)
    link = path.parents[1] / "link"
    link.symlink_to(path.parent)
    with pytest.raises(StorageBusy):
        Store(link / path.name)
    store.close()
    Store(path).close()


def test_the_log_of_a_history_may_be_removed(store, path):
    before = measured(store)
    log = path.with_name(f"{path.name}-wal")
    log.unlink()
    after = measured(store)
    assert store.notices() == []
    with closing(connect(path, "ro")) as other:
        assert other.execute("select count(*) from runs").fetchone() == (2,)
    store.close()
    check_that_all_is_in(path, before, after)


def test_what_is_moved_away_and_back_goes_on_as_if_nothing_had_been(store, path):
    before = measured(store)
    away = path.parent.rename(path.parents[1] / "away")
    (notice,) = store.notices()
    assert notice.startswith(f"The history is no longer at {path}: it was moved")
    while_away = measured(store)
    assert store.rows(before.id, "round") == ROWS
    with pytest.raises(StorageFailed, match="no longer at"):
        store.check_place()
    away.rename(path.parent)
    after = measured(store)
    assert store.notices() == []
    store.check_place()
    store.close()
    check_that_all_is_in(path, before, while_away, after)


def test_another_file_in_its_place_is_left_alone_and_the_history_goes_on_beside_it(store, path, tmp_path):
    before = measured(store)
    other = tmp_path / "other" / path.name
    theirs = Run(id=new_id(), experiment="a.b", params={}, state=State.DONE)
    other.parent.mkdir()
    keep_whole(other, theirs, {"round": COLUMNS}, {"round": ROWS})
    other.replace(path)
    (notice,) = store.notices()
    assert notice.startswith(f"Another file was put in the place of {path}. The history that oscope had open")
    after = measured(store)
    (beside,) = path.parent.glob("oscope-*.sqlite3")
    assert beside.name in notice
    store.close()
    check_that_all_is_in(path, theirs)
    check_that_all_is_in(beside, before, after)


@pytest.mark.parametrize("kind", ["garbage", "nothing", "another history"])
def test_a_file_that_is_written_over_is_not_written_to_any_more(kind, store, path, tmp_path):
    measured(store)
    theirs = Run(id=new_id(), experiment="a.b", params={}, state=State.DONE)
    keep_whole(tmp_path / "other.sqlite3", theirs, {"round": COLUMNS}, {"round": ROWS})
    content = {
        "garbage": b"Dear diary, " * 5000,
        "nothing": b"",
        "another history": (tmp_path / "other.sqlite3").read_bytes(),
    }[kind]
    path.write_bytes(content)
    (notice,) = store.notices()
    assert notice.startswith(f"{path} was written over while oscope had it open.")
    after = measured(store)
    (beside,) = path.parent.glob("oscope-*.sqlite3")
    store.close()
    assert path.read_bytes() == content
    check_that_all_is_in(beside, after)
    if kind == "another history":
        check_that_all_is_in(path, theirs)


def test_a_run_that_is_measured_while_its_history_is_written_over_fails_and_the_next_is_kept(store, path):
    run = kept(store, state=State.RUNNING)
    store.append(run.id, "round", COLUMNS, ROWS)
    store.flush()
    path.write_bytes(b"")
    store.append(run.id, "round", COLUMNS, ROWS)
    with pytest.raises(StorageFailed, match="was written over"):
        store.check_rows(run.id)
    store.update(run.id, state=State.FAILED, why="it was written over")
    after = measured(store)
    assert [r.id for r in store.list()[0]] == [after.id, run.id]
    assert store.rows(run.id, "round") == ROWS


def test_a_disk_that_is_taken_away_is_noticed_and_its_runs_come_back_with_it(small_disk):
    path = small_disk / "data" / "oscope.sqlite3"
    with closing(Store(path)) as store:
        before = measured(store)
        subprocess.run(["umount", "--lazy", small_disk], check=True)
        try:
            assert store.notices()[0].startswith(f"The history is no longer at {path}")
            after = measured(store)
            assert store.rows(before.id, "round") == store.rows(after.id, "round") == ROWS
        finally:  # the fixture unmounts it
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "oscope-test", small_disk], check=True)


def test_a_removed_history_that_cannot_be_written_anew_waits_in_memory(store, path):
    before = measured(store)
    shutil.rmtree(path.parent)
    path.parent.write_text("a file where a folder should be")
    run = kept(store, state=State.DONE)
    store.append(run.id, "round", COLUMNS, ROWS)
    with pytest.raises(StorageFailed):
        store.flush()
    assert store.alarms()[0].startswith("Storing does not work now: ")
    assert store.rows(before.id, "round") == store.rows(run.id, "round") == ROWS
    path.parent.unlink()
    store.flush()
    assert store.failure is None
    after = store.get(run.id)
    store.close()
    check_that_all_is_in(path, before, after)


# Read-only


@pytest.fixture
def read_only(small_disk) -> Iterator[Path]:
    """A history with two runs on a disk that may not be written."""
    path = small_disk / "data" / "oscope.sqlite3"
    with closing(Store(path)) as store:
        measured(store), measured(store)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    yield path
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=False)


def test_a_history_that_cannot_be_written_can_be_looked_at_and_new_runs_stay_in_memory(read_only, small_disk):
    with closing(Store(read_only)) as store:
        assert [len(store.rows(run.id, "round")) for run in store.list()[0]] == [3, 3]
        assert store.alarms()[0].startswith(f"Storing does not work now: {read_only} cannot be written")
        run = kept(store, state=State.DONE, experiment="new.one")
        store.append(run.id, "round", COLUMNS, ROWS)
        assert [r.id for r in store.list(limit=1)[0]] == [run.id]
        assert [r.id for r in store.list(limit=5, before=run.id)[0]] == [r.id for r in store.list()[0]][1:]
        assert (store.rows(run.id, "round"), store.columns(run.id)) == (ROWS, {"round": COLUMNS})
        assert store.newest_here(["new.one"]) == {"new.one": store.get(run.id)}
        store.confirm(run.id)
        with pytest.raises(StorageFailed):
            store.confirm(store.list()[0][1].id)
        with pytest.raises(StorageFailed, match="cannot be written"):
            store.admit("0123456789")
        subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
        store.flush()
        assert store.alarms() == []
        assert len(store.list()[0]) == 3
    assert integrity(read_only) == "ok"


def test_a_file_that_may_not_be_written_can_be_looked_at(path, monkeypatch):
    """For those who are not root, whom no permission keeps out."""
    with closing(Store(path)) as store:
        measured(store)
    if os.geteuid() == 0:
        real = sqlite3.connect

        def as_reader(name, **options):
            return real(name.replace("mode=rwc", "mode=ro"), **options)

        monkeypatch.setattr(sqlite3, "connect", as_reader)
    path.chmod(0o444)
    with closing(Store(path)) as store:
        assert len(store.list()[0]) == 1
        assert "cannot be written" in store.alarms()[0]
