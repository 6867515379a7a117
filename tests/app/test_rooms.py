"""Rooms carry their owner's name, and nobody's room is left for long."""

import os
import subprocess
import sys

import pytest

from app.rooms import end_inhabitants, is_owned, library, make_room, remove_room, rooms, started, sweep_rooms


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Keep away from the rooms of real servers."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_a_room_is_private_and_names_its_owner():
    room = make_room()

    assert room.parent == rooms()
    assert room.stat().st_mode & 0o777 == 0o700
    assert room.name.startswith(f"{os.getpid()}-{started(os.getpid())}-")
    assert is_owned(room)


def test_two_rooms_are_two():
    assert make_room() != make_room()


def test_a_folder_that_others_can_write_to_is_refused():
    rooms().chmod(0o777)

    with pytest.raises(PermissionError, match="is not a folder that only you can write to; remove it"):
        rooms()


def test_a_link_in_the_place_of_the_rooms_is_refused(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / f"oscope-{os.getuid()}").symlink_to(tmp_path / "other")

    with pytest.raises(PermissionError):
        rooms()


def test_a_removed_room_is_gone_with_all_that_is_in_it_and_may_be_gone_before():
    room = make_room()
    (room / "folder").mkdir()
    (room / "folder" / "file").touch()
    remove_room(room)
    remove_room(room)

    assert not room.exists()


def test_sweeping_takes_the_rooms_of_the_dead_and_leaves_those_of_the_living():
    mine, library_ = make_room(), library()
    (rooms() / f"{os.getpid()}-1-reused").mkdir()  # this pid, but of a process of long ago
    (rooms() / "999999999-5-gone").mkdir()
    (rooms() / "nonsense").mkdir()
    (rooms() / "library-moved").mkdir()
    (rooms() / "library-moved" / "experiments").symlink_to("/nowhere")

    assert sweep_rooms() == 4
    assert set(rooms().iterdir()) == {mine, library_}


def test_sweeping_ends_who_still_lives_in_an_abandoned_room():
    abandoned, kept = rooms() / "999999999-5-gone", make_room()
    abandoned.mkdir()
    orphan, child = inhabitant(abandoned), inhabitant(kept)
    with orphan, child:
        sweep_rooms()
        assert orphan.wait() != 0
        assert child.poll() is None
        end_inhabitants(kept)
        assert child.wait() != 0


def inhabitant(room):
    return subprocess.Popen(
        [sys.executable, "-c", "input()"],
        env=os.environ | {"TMPDIR": str(room)},
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def test_in_the_library_nothing_but_the_experiments_can_be_imported():
    folder = library()

    assert [path.name for path in folder.iterdir()] == ["experiments"]
    assert (folder / "experiments" / "kit" / "worker.py").exists()
    assert library() == folder


def test_who_began_when_is_told_apart():
    assert started(os.getpid()).isdigit()
    assert started(999999999) == ""
