"""What oscope only looks at for convenience never ends its start: no home, folders that may not be entered,
disks that do not answer, broken settings."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import doctor
from app.ground import paths
from app.system import interpreters
from app.web.assets import Assets
from tests.served import ROOT

# A user that passwd does not know, and whom closed folders keep out, whoever runs the tests.
STRANGER = ["unshare", "--user", "--map-user=12345", "--map-group=12345"]
RUN = [sys.executable, "-m", "app.cli"]


def oscope(*arguments: object, by: list[str] = [], env: dict[str, str | None] | None = None, **options):  # noqa: B006
    """The command line; None takes a variable of the environment away."""
    changed = {**os.environ, "NO_COLOR": "1", **(env or {})}
    return subprocess.run(
        [*by, *RUN, *map(str, arguments)],
        cwd=ROOT,
        env={name: value for name, value in changed.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> list[str]:
    """What begins a command by that user; nothing of it lies where a real user of that number would look."""
    try:
        subprocess.run([*STRANGER, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("becoming a user without a home takes user namespaces")
    return [*STRANGER, "env", f"TMPDIR={tmp_path_factory.mktemp('runs')}"]


def test_who_has_no_home_can_list_and_examine_and_is_told_where_it_matters(stranger, tmp_path):
    nowhere = {"HOME": None, "XDG_CACHE_HOME": None, "XDG_DATA_HOME": None, "OSCOPE_DATA": None}
    listed = oscope("list", by=stranger, env=nowhere)
    assert (listed.returncode, listed.stderr) == (0, "")
    examined = oscope("doctor", "--json", by=stranger, env=nowhere)
    assert (examined.returncode, examined.stderr) == (0, "")
    found = {finding["name"]: finding for finding in json.loads(examined.stdout)["findings"]}
    assert found["history"]["says"] == "this user has no home folder"
    sentence = "this user has no home folder, so there is no place for the history: name one with --data"
    refused = oscope("serve", "--port", "0", by=stranger, env=nowhere)
    assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", f"{sentence}\n")
    measured = oscope("run", "threads.gil_wait", "--seconds", "0.3", by=stranger, env=nowhere)
    assert (measured.returncode, measured.stderr) == (0, f"the run was not kept: {sentence}\n")


@pytest.mark.parametrize("home", ["/", "/dev/full/x", "not/absolute", "", "/dev/null", "/proc/self/fdinfo"])
def test_whatever_the_home_is_the_interpreters_are_found(home, monkeypatch):
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", home)
    assert interpreters.default().id in interpreters.find()
    assert paths.data_dir() is None or paths.data_dir().is_absolute()
    assert doctor.history(paths.data_dir()).name == "history"


@pytest.mark.parametrize("value", ["relative", "/dev/null", "/dev/null/\udcff", "/" + "x" * 5000])
def test_a_broken_cache_folder_is_no_cache(value, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert interpreters.default().id in interpreters.find()
    assert Assets(cache=paths.cache_dir()).packed_plotly() is None or value == "relative"


def test_there_may_be_no_cache_at_all():
    assert Assets(cache=None).packed_plotly() is None


@pytest.mark.parametrize(
    "content", ["[1, 2]", "{", '{"a": 1}', "[" * 100_000, "\x00", '{"a": {"version": "x"}}']
)
def test_a_cache_that_says_something_else_says_nothing(content, tmp_path):
    (tmp_path / "cache").write_text(content)
    assert interpreters.load(tmp_path / "cache") == {}


@pytest.mark.parametrize("said", ["[]", "7", '{"version": 3}', '{"version": "three", "implementation": "x"}'])
def test_an_interpreter_that_says_something_else_is_none(said, tmp_path):
    program = tmp_path / "python3.12"
    program.write_text(f"#!/bin/sh\necho '{said}'\n")
    program.chmod(0o755)
    assert interpreters.probe(str(program)) == {}


def test_a_folder_that_may_not_be_entered_holds_no_interpreters(stranger, tmp_path):
    closed = tmp_path / "closed" / "bin"
    closed.mkdir(parents=True)
    closed.parent.chmod(0)
    path = f"/usr/bin:{closed}:{'y' * 5000}:/proc/self/mem:{tmp_path / 'loop'}"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    env = {"PATH": path, "OSCOPE_PYTHONS": f"{closed}/python3:{tmp_path / 'loop'}", "HOME": str(closed)}
    env |= {"PYENV_ROOT": str(closed), "UV_PYTHON_INSTALL_DIR": str(closed), "XDG_CACHE_HOME": str(closed)}
    examined = oscope("doctor", by=stranger, env=env)
    assert (examined.returncode, examined.stderr) == (0, "")
    assert "OSCOPE_PYTHONS names" in examined.stdout


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOTCONN, errno.ESTALE, errno.EIO, errno.ELOOP])
def test_a_place_that_does_not_answer_holds_no_interpreters(code, monkeypatch):
    """A stale mount answers every question with an error."""

    def fail(*_args, **_options):
        raise OSError(code, os.strerror(code))

    real = {
        name: getattr(os, name)
        for name in ("stat", "lstat", "listdir", "scandir", "access", "statvfs", "mkdir")
    }
    monkeypatch.setenv("PATH", "/stale/bin")
    monkeypatch.setenv("PYENV_ROOT", "/stale/pyenv")
    monkeypatch.setenv("HOME", "/stale/home")
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, ask in real.items():

        def answer(path, *args, _ask=ask, **options):
            return fail() if str(path).startswith("/stale") else _ask(path, *args, **options)

        monkeypatch.setattr(os, name, answer)
    assert interpreters.default().id in interpreters.find()
    assert doctor.history(Path("/stale/data")).ok is False


def test_an_export_to_where_nobody_may_look_is_a_sentence(stranger, tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    for target in (tmp_path / "closed" / "x" / "run.json", "z" * 5000, tmp_path / "closed" / "run.json"):
        done = oscope(
            "run", "threads.race", "--preset", "quick", "--json", target, "--data", tmp_path, by=stranger
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("json: ")
        assert "Traceback" not in done.stderr
    done = oscope("export", "0123456789", "--to", "json", "--data", tmp_path / "closed" / "x", by=stranger)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


def test_the_doctor_looks_where_the_server_looks(tmp_path, monkeypatch):
    def looked(*arguments: object, **env: str) -> str:
        told = json.loads(oscope("doctor", "--json", *arguments, env=env).stdout)
        return next(found["says"] for found in told["findings"] if found["name"] == "history")

    assert looked(OSCOPE_DATA=str(tmp_path / "a")).startswith(f"runs are kept in {tmp_path / 'a'}, ")
    assert looked("--data", tmp_path / "b").startswith(f"runs are kept in {tmp_path / 'b'}, ")


def test_every_setting_of_the_environment_is_documented_and_known_to_the_doctor(monkeypatch):
    files = [*ROOT.glob("app/**/*.py"), *ROOT.glob("experiments/**/*.py"), ROOT / "Procfile"]
    text = "\n".join(file.read_text() for file in files)
    import re

    used = set(re.findall(r"OSCOPE_[A-Z_]+", text))
    assert used == set(doctor.SETTINGS)
    assert all(f"`{name}`" in (ROOT / "README.md").read_text() for name in used)
    monkeypatch.setenv("OSCOPE_DTAA", "typo")
    assert "OSCOPE_DTAA is no setting of oscope" in [finding.says for finding in doctor.settings()]
