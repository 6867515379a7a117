"""Scratch folders carry their owner's name, and nobody's scratch is left for long."""

import os
import subprocess
import sys

import pytest

from app.children.runner import CannotStart, start
from app.children.scratch import (
    end_inhabitants,
    is_owned,
    lend_scratch,
    library,
    make_scratch,
    remove_scratch,
    scratch_root,
    started,
    sweep_scratch,
)
from app.system.interpreters import default


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Keep away from the scratch folders of real servers."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def test_a_room_is_private_and_names_its_owner():
    scratch = make_scratch()

    assert scratch.parent == scratch_root()
    assert scratch.stat().st_mode & 0o777 == 0o700
    assert scratch.name.startswith(f"{os.getpid()}-{started(os.getpid())}-")
    assert is_owned(scratch)


def test_two_rooms_are_two():
    assert make_scratch() != make_scratch()


def taken(tmp_path, how):
    """Somebody else has the place of our scratch folders."""
    place, other = tmp_path / "tmp" / f"oscope-{os.getuid()}", tmp_path / "other"
    if how == "writable for others":
        place.mkdir()
        place.chmod(0o777)
    elif how == "a link":
        other.mkdir()
        place.symlink_to(other)
    elif how == "a link to nowhere":
        place.symlink_to("/nowhere")
    elif how == "a file":
        place.touch()
    elif how == "somebody else's":
        if os.getuid():
            pytest.skip("only root can give a folder to somebody else")
        place.mkdir(mode=0o700)
        os.chown(place, 65534, 65534)
    return place


HOW = ["writable for others", "a link", "a link to nowhere", "a file", "somebody else's"]


@pytest.mark.parametrize("how", HOW)
def test_where_the_place_of_the_rooms_is_not_ours_alone_they_are_elsewhere(tmp_path, how):
    place = taken(tmp_path, how)

    assert scratch_root() == tmp_path / "cache" / "oscope" / "scratch"
    assert scratch_root().stat().st_mode & 0o777 == 0o700
    assert make_scratch().parent == scratch_root()
    assert (library() / "experiments" / "kit").is_dir()
    assert place.is_symlink() or not place.is_dir() or not list(place.iterdir())


def test_where_no_place_is_ours_alone_the_first_one_is_named(tmp_path, monkeypatch):
    place = taken(tmp_path, "writable for others")
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    monkeypatch.setenv("HOME", "/proc/nowhere")

    with pytest.raises(
        PermissionError, match=f"{place} is not a folder that only you can write to; remove it"
    ):
        scratch_root()
    assert sweep_scratch() == 0
    with pytest.raises(CannotStart, match=f"could not be started: {place} is not"):
        start(default())


def test_without_a_folder_for_temporary_files_the_rooms_are_below_our_home(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: ["/proc/nowhere"])
    monkeypatch.delenv("XDG_CACHE_HOME")

    assert scratch_root() == tmp_path / "home" / ".cache" / "oscope" / "scratch"


def test_sweeping_finds_what_was_left_in_any_of_the_places(tmp_path):
    here = scratch_root() / "999999999-5-gone"
    here.mkdir()
    scratch_root().chmod(0o777)
    elsewhere = scratch_root() / "999999999-5-gone"
    elsewhere.mkdir()
    here.parent.chmod(0o700)

    assert sweep_scratch() == 2
    assert not here.exists()
    assert not elsewhere.exists()


@pytest.mark.parametrize("mask", [0o777, 0o700, 0o077, 0o000], ids=oct)
def test_a_room_is_ours_and_usable_whatever_the_umask_is(mask):
    before = os.umask(mask)
    try:
        made = [scratch_root(), make_scratch(), library()]
    finally:
        os.umask(before)

    assert [folder.stat().st_mode & 0o777 for folder in made] == [0o700] * 3


def test_a_folder_that_an_umask_kept_us_out_of_is_opened_again():
    scratch_root().chmod(0o000)

    assert scratch_root().stat().st_mode & 0o777 == 0o700


def test_a_lent_room_is_there_for_as_long_as_it_is_needed():
    with lend_scratch() as scratch:
        (scratch / "file").touch()
        assert scratch.parent == scratch_root()
    assert not scratch.exists()


def test_a_removed_room_is_gone_with_all_that_is_in_it_and_may_be_gone_before():
    scratch = make_scratch()
    (scratch / "folder").mkdir()
    (scratch / "folder" / "file").touch()
    remove_scratch(scratch)
    remove_scratch(scratch)

    assert not scratch.exists()


def test_sweeping_takes_the_rooms_of_the_dead_and_leaves_those_of_the_living():
    mine, library_ = make_scratch(), library()
    (scratch_root() / f"{os.getpid()}-1-reused").mkdir()  # this pid, but of a process of long ago
    (scratch_root() / "999999999-5-gone").mkdir()
    (scratch_root() / "nonsense").mkdir()
    (scratch_root() / "library-moved").mkdir()
    (scratch_root() / "library-moved" / "experiments").symlink_to("/nowhere")

    assert sweep_scratch() == 4
    assert set(scratch_root().iterdir()) == {mine, library_}


def test_sweeping_ends_who_still_lives_in_an_abandoned_room():
    abandoned, kept = scratch_root() / "999999999-5-gone", make_scratch()
    abandoned.mkdir()
    orphan, child = inhabitant(abandoned), inhabitant(kept)
    with orphan, child:
        sweep_scratch()
        assert orphan.wait() != 0
        assert child.poll() is None
        end_inhabitants(kept)
        assert child.wait() != 0


def inhabitant(scratch):
    return subprocess.Popen(
        [sys.executable, "-c", "input()"],
        env=os.environ | {"TMPDIR": str(scratch)},
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def test_in_the_library_nothing_but_the_experiments_can_be_imported():
    folder = library()

    assert [path.name for path in folder.iterdir()] == ["experiments"]
    assert (folder / "experiments" / "kit" / "child" / "worker.py").exists()
    assert library() == folder


def test_who_began_when_is_told_apart():
    assert started(os.getpid()).isdigit()
    assert started(999999999) == ""
