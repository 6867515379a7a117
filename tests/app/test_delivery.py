"""What was asked for arrives, or one sentence and the exit code say that it did not; a run is kept first."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from app.ground.files import write_whole
from tests.app.cli.test_commands import is_over
from tests.served import ROOT

OSCOPE = f"{sys.executable} -m app.cli"
QUICK = "run threads.gil_wait --seconds 0.3 --threads 2"
FULL = "stdout cannot be written: No space left on device\n"
CLOSED = "stdout cannot be written: Bad file descriptor\n"


def shell(line: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`oscope` in the line is ours; the exit code is that of the first command of a pipe."""
    script = f"{line.replace('oscope', OSCOPE, 1)}; exit ${{PIPESTATUS[0]}}"
    return subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | env,
        check=False,
    )


@pytest.mark.parametrize(
    "command", ["--version", "--help", "list", "list --json", "doctor --json", "run --help"]
)
def test_a_stdout_that_fails_is_one_sentence_and_an_exit_code(command):
    ends = {"> /dev/full": (2, FULL), ">&-": (2, CLOSED), "| true": (141, ""), "2> /dev/full": (0, "")}
    for end, expected in ends.items() if command in ("--version", "list") else [*ends.items()][:1]:
        done = shell(f"oscope {command} {end}")
        assert (done.returncode, done.stderr) == expected, end


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        ("> /dev/full", 2, FULL),
        ("--json - > /dev/full", 2, FULL),
        ("--json - >&-", 2, CLOSED),
        ("--json - | true", 141, ""),
        ("| true", 141, ""),
        ("2>&-", 0, None),
        ("2> /dev/full", 0, None),
        ("--md {tmp}/run.md > /dev/full", 2, FULL),
    ],
)
def test_a_run_is_kept_before_it_is_printed(end, code, said, tmp_path):
    done = shell(f"oscope {QUICK} --data {tmp_path} {end.format(tmp=tmp_path)}")
    assert done.returncode == code
    if said is None:
        assert done.stderr == ""
    else:
        kept = r"kept as run ([0-9a-f]{10}); `oscope serve` shows it at /runs/\1\n"
        assert re.fullmatch(kept + re.escape(said), done.stderr)
    assert kept_runs(tmp_path) == 1


def test_a_server_whose_stdout_fails_says_its_address_on_stderr_and_serves(tmp_path):
    with open("/dev/full", "w") as full, (tmp_path / "said").open("w+") as said:
        process = subprocess.Popen(
            [*OSCOPE.split(), "serve", "--port", "0", "--data", tmp_path, "--no-open"],
            cwd=ROOT,
            stdout=full,
            stderr=said,
        )
        while not (found := re.search(r"oscope is at (\S+)  ", (tmp_path / "said").read_text())):
            assert process.poll() is None
            os.sched_yield()
        with urllib.request.urlopen(f"{found[1]}api/health", timeout=30) as answer:
            assert answer.status == 200
        process.terminate()
        process.wait(30)


def kept_runs(data: Path) -> int:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(data / "oscope.sqlite3")) as history:
        return int(history.execute("select count(*) from runs where state = 'done'").fetchone()[0])


def test_wrong_commands_say_so_also_where_stderr_is_closed():
    assert shell("oscope run threads.race --wrokers 3 2>&-").returncode == 2
    assert shell("oscope run threads.race --workers 3 2> /dev/full").returncode == 2
    assert shell("oscope export nothing --to json --data /nowhere 2>&- >&-").returncode == 2


def test_a_closed_stream_is_not_written_into_the_next_file_that_is_opened(tmp_path):
    done = shell(f"oscope {QUICK} --data {tmp_path} --json {tmp_path}/run.json <&- >&- 2>&-")
    assert done.returncode == 2
    assert kept_runs(tmp_path) == 1
    import json

    assert json.loads((tmp_path / "run.json").read_text())["state"] == "done"


# Files


def test_a_file_is_written_whole_or_not_at_all(small_disk):
    target = small_disk / "run.json"
    target.write_bytes(b"before")
    target.chmod(0o640)
    with pytest.raises(OSError, match="No space left"):
        write_whole(target, bytes(3_000_000))
    assert (target.read_bytes(), [*small_disk.iterdir()]) == (b"before", [target])
    write_whole(target, b"after")
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"after", 0o640)


def test_a_file_that_may_be_written_in_a_folder_that_may_not_is_written_whole_too(small_disk, monkeypatch):
    target = small_disk / "run.json"
    target.write_bytes(b"before")
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != small_disk and real(path, mode))
    with pytest.raises(OSError, match="No space left"):
        write_whole(target, bytes(3_000_000))
    assert target.read_bytes() == b"before"
    write_whole(target, b"a")
    assert target.read_bytes() == b"a"


def test_a_link_is_followed_and_a_device_is_written_to(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_whole(tmp_path / "link", b"1")
    assert ((tmp_path / "file").read_bytes(), (tmp_path / "link").is_symlink()) == (b"1", True)
    write_whole(Path("/dev/null"), b"1")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(OSError, match="No space left"):
        write_whole(Path("/dev/full"), b"1")


# Signals


@pytest.mark.parametrize("end", [signal.SIGHUP, signal.SIGQUIT])
def test_whatever_asks_for_the_end_stops_a_run_and_leaves_nothing(end, tmp_path):
    process = start(f"run threads.gil_wait --seconds 10 --data {tmp_path}", tmp_path)
    gone = wait_for_child(process.pid)
    process.send_signal(end)
    process.send_signal(end)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, "stopped" in stdout) == (130, True), stderr
    assert re.fullmatch(r"kept as run .*\n", stderr)
    assert is_over(gone)
    os.close(gone)
    assert [*(tmp_path / "tmp").glob("oscope-*/[0-9]*")] == []


def test_what_is_ignored_from_outside_stays_ignored(tmp_path):
    process = start("run threads.gil_wait --seconds 0.5 --no-store", tmp_path, before="trap '' HUP;")
    os.close(wait_for_child(process.pid))
    process.send_signal(signal.SIGHUP)
    _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (0, "")


def start(line: str, tmp_path: Path, before: str = "") -> subprocess.Popen[str]:
    (tmp_path / "tmp").mkdir()
    return subprocess.Popen(
        ["bash", "-c", f"{before} exec {OSCOPE} {line}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path / "tmp")},
        start_new_session=True,
    )


def wait_for_child(pid: int) -> int:
    """A descriptor of the process that measures, once it is there."""
    from tests.app.cli.test_commands import first_child

    return os.pidfd_open(first_child(pid))
