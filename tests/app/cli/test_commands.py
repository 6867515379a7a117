import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.catalogue.catalogue import command_line
from app.cli import commands, doctor, local, terminal
from app.export import exports
from app.ground.paths import database
from app.runs.run import Run, State
from app.storage.store import Store
from app.system.interpreters import default
from experiments.kit import Check, Verdict, percent, say
from experiments.kit.spec import load, names
from tests.served import ROOT, serve
from tests.tiny.root import load as load_tiny

QUICK = ("threads.gil_wait", "--seconds", "0.3", "--threads", "2")
COUNTING = load_tiny()["tiny.counting"]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "app.cli", *map(str, arguments)]


def oscope(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    options = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 60} | options
    return subprocess.run(command(*arguments), check=False, **options)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("history")


@pytest.fixture(scope="module")
def measured(data):
    """A real run by the command line."""
    return oscope("run", *QUICK, "--json", "-", "--data", data)


def test_a_parameter_out_of_range_is_one_sentence_on_stderr():
    done = oscope("run", "threads.scaling", "--workers", "99")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "workers: 99 is outside 2 to 32\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["threads.nothing"], "there is no experiment 'threads.nothing'; `oscope list` shows those that are"),
        (["../../etc/passwd"], "there is no experiment '../../etc/passwd'"),
        (["threads.scaling", "--workers", "many"], "workers: 'many' is not a number"),
        (["threads.scaling", "--workload", "sing"], "workload: 'sing' is not one of python, hash, sleep"),
        (["threads.scaling", "--preset", "best"], "threads.scaling has no preset 'best'; it has quick"),
        (["threads.scaling", "--python", "/bin/sh"], "python: '/bin/sh' is not one of cpython-"),
        (["threads.scaling", "--json", "/no/such/folder/x"], "json: there is no folder '/no/such/folder'"),
        (["threads.scaling", "--wrokers", "3"], "No such option"),
    ],
)
def test_what_cannot_be_run_ends_with_2_and_says_why(arguments, sentence):
    done = CliRunner().invoke(commands.cli, ["run", *arguments])
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_the_record_on_stdout_is_one_object_and_nothing_else(measured):
    record = json.loads(measured.stdout)
    assert measured.returncode == 0
    assert (record["experiment"], record["state"]) == ("threads.gil_wait", "done")
    assert record["params"]["threads"] == 2
    assert record["machine"]["python"] == default().version
    assert set(record["conditions"]) >= {"foreign_cpu", "run_delay", "steal", "own_cpu"}
    assert set(record["verdict"]) == {"answer", "headline", "checks", "doubts"}
    shares = record["tables"]["share"]
    assert [c["unit"] for c in shares["columns"] if c["name"] == "wall_s"] == ["s"]
    assert len(shares["rows"]) >= 2
    assert re.fullmatch(r"kept as run [0-9a-f]{10}; `oscope serve` shows it at /runs/\w+\n", measured.stderr)


def test_a_kept_run_is_exported_while_a_server_holds_the_history(measured, data, tmp_path):
    run = re.search(r"kept as run (\w+)", measured.stderr)[1]
    with serve(data) as served:
        assert served.get(f"/api/runs/{run}")["state"] == "done"
        shown = oscope("export", run, "--to", "json", "-o", "-", "--data", data)
        packed = oscope("export", run, "--to", "csv", "-o", tmp_path / "run.zip", "--data", data)
        again = oscope("run", *QUICK, "--json", tmp_path / "r.json", "--data", data)
        kept = re.search(r"kept as run (\w+)", again.stderr)[1]
        assert served.get("/api/runs?limit=1")["runs"][0]["id"] == kept
    assert json.loads(shown.stdout) == json.loads(measured.stdout)
    assert packed.stderr == f"wrote {tmp_path / 'run.zip'}\n"
    assert "share.csv" in zipfile.ZipFile(tmp_path / "run.zip").namelist()
    assert json.loads((tmp_path / "r.json").read_text())["state"] == "done"


def test_an_unknown_run_cannot_be_exported(data, measured, tmp_path):
    done = oscope("export", "0000000000", "--to", "json", "--data", data)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "there is no run '0000000000' in this history\n"
    done = oscope("export", "0000000000", "--to", "json", "--data", tmp_path / "nowhere")
    assert done.stderr == f"there is no history in {tmp_path / 'nowhere'}; --data names another folder\n"


def test_nothing_is_exported_from_a_file_that_is_no_history(tmp_path):
    path = database(tmp_path)
    path.write_bytes(b"Dear diary, " * 100)
    done = CliRunner().invoke(commands.cli, ["export", "0123456789", "--to", "json", "--data", str(tmp_path)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{path} is not a readable history")


def test_an_exported_run_is_imported_into_another_history_and_is_the_same_there(measured, tmp_path):
    file = tmp_path / "run.json"
    file.write_text(measured.stdout)
    done = oscope("import", file, "--data", tmp_path / "other")
    assert (done.returncode, done.stderr) == (0, "")
    run = re.fullmatch(r"imported as run (\w+); `oscope serve` shows it at /runs/\1\n", done.stdout)[1]
    shown = oscope("export", run, "--to", "json", "-o", "-", "--data", tmp_path / "other")
    there, here = json.loads(measured.stdout), json.loads(shown.stdout)
    assert (here["id"], here["origin"]["id"]) == (run, there["id"])
    for member in ("tables", "verdict", "params", "machine", "host", "created_at"):
        assert here[member] == there[member]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"PK\x03\x04", "this is a zip archive: unpack it, and import the JSON file that is in it"),
        (b'{"oscope": "0.1.0"', "the file is not JSON, or it is damaged: "),
        (b"[]", "the file is JSON, but not a run that oscope exported"),
    ],
)
def test_a_file_that_is_no_run_is_refused_and_leaves_no_history(content, sentence, tmp_path):
    file = tmp_path / "run.json"
    file.write_bytes(content)
    done = CliRunner().invoke(commands.cli, ["import", str(file), "--data", str(tmp_path / "data")])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{file}: {sentence}")
    assert not (tmp_path / "data").exists()


def test_a_file_comes_through_a_pipe_while_a_server_holds_the_history(measured, tmp_path):
    with serve(tmp_path / "data") as served:
        done = oscope("import", "-", "--data", tmp_path / "data", input=measured.stdout)
        assert (done.returncode, done.stderr) == (0, "")
        run = done.stdout.split()[3].rstrip(";")
        assert served.get(f"/api/runs/{run}")["origin"]["id"] == json.loads(measured.stdout)["id"]
    refused = CliRunner().invoke(commands.cli, ["import", "-", "--data", str(tmp_path / "none")], input="[]")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == "stdin: the file is JSON, but not a run that oscope exported\n"


def test_what_never_ends_is_not_read_to_its_end(tmp_path):
    refused = CliRunner().invoke(commands.cli, ["import", "/dev/zero", "--data", str(tmp_path / "none")])
    assert (refused.exit_code, refused.stderr) == (2, "/dev/zero: a file to import may have 64 MB\n")


def test_a_history_that_cannot_be_written_is_told_and_ends_with_2(measured, tmp_path):
    (tmp_path / "run.json").write_text(measured.stdout)
    (tmp_path / "data").write_text("a file where a folder should be")
    done = CliRunner().invoke(
        commands.cli, ["import", str(tmp_path / "run.json"), "--data", str(tmp_path / "data" / "x")]
    )
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"{tmp_path / 'data' / 'x'} cannot be made: Not a directory\n"


def test_a_file_that_is_not_there_or_too_large_is_refused(tmp_path):
    missing = CliRunner().invoke(commands.cli, ["import", str(tmp_path / "x"), "--data", str(tmp_path)])
    assert (missing.exit_code, missing.stderr) == (
        2,
        f"{tmp_path / 'x'} cannot be read: No such file or directory\n",
    )
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(2**26 + 1)
    refused = CliRunner().invoke(commands.cli, ["import", str(large), "--data", str(tmp_path)])
    assert refused.stderr == f"{large}: a file to import may have 64 MB\n"


def test_a_run_is_written_to_every_form_that_is_asked_for(tmp_path):
    files = {form: tmp_path / f"run.{form}" for form in ("html", "json", "md", "trace")}
    options = [part for form, file in files.items() for part in (f"--{form}", file)]
    done = oscope("run", *QUICK, "--no-store", *options, "--csv", tmp_path / "run.zip")
    assert (done.returncode, done.stderr) == (0, "")
    assert files["html"].read_text().lower().startswith("<!doctype html>")
    assert json.loads(files["json"].read_text())["state"] == "done"
    assert {e["ph"] for e in json.loads(files["trace"].read_text())["traceEvents"]} == {"M", "X"}
    assert files["md"].read_text()
    assert "share.csv" in zipfile.ZipFile(tmp_path / "run.zip").namelist()


@pytest.mark.parametrize("form", ["html", "md", "trace"])
def test_a_folder_that_is_not_there_is_told_before_anything_is_measured(form):
    done = CliRunner().invoke(commands.cli, ["run", "threads.scaling", f"--{form}", "/no/such/folder/x"])
    assert (done.exit_code, done.stderr) == (2, f"{form}: there is no folder '/no/such/folder'\n")


@pytest.mark.parametrize(
    ("option", "target", "sentence"),
    [
        ("--html", ".", "html: '.' is a folder"),
        ("--csv", "/dev/null", "csv: '/dev/null' is no folder"),
        ("--csv", "/no/such/folder/x.zip", "csv: there is no folder '/no/such/folder'"),
        ("--trace", "-", "trace: only --json can be written to stdout"),
    ],
)
def test_a_target_that_cannot_be_is_told_before_anything_is_measured(option, target, sentence):
    done = CliRunner().invoke(commands.cli, ["run", "threads.scaling", option, target])
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"{sentence}\n")


def test_a_file_that_cannot_be_written_is_told_and_the_others_are(tmp_path):
    done = oscope("run", *QUICK, "--no-store", "--html", "/dev/full", "--md", tmp_path / "run.md")
    assert (done.returncode, done.stderr) == (2, "/dev/full cannot be written: No space left on device\n")
    assert (tmp_path / "run.md").read_text().startswith("# ")


@pytest.mark.parametrize("target", ["/no/such/folder/x", "/dev/full", "."])
def test_an_export_that_cannot_be_written_is_one_sentence(target, measured, data):
    run = re.search(r"kept as run (\w+)", measured.stderr)[1]
    options = ["export", run, "--to", "json", "-o", target, "--data", str(data)]
    done = CliRunner().invoke(commands.cli, options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert re.fullmatch(rf"{re.escape(target)} cannot be written: [\w ]+\n", done.stderr)


def test_a_full_disk_behind_stdout_is_one_sentence_too(measured, data):
    run = re.search(r"kept as run (\w+)", measured.stderr)[1]
    with open("/dev/full", "w") as full:
        options = {"stdout": full, "stderr": subprocess.PIPE, "capture_output": False}
        done = oscope("export", run, "--to", "md", "-o", "-", "--data", data, **options)
    assert (done.returncode, done.stderr) == (2, "stdout cannot be written: No space left on device\n")


def test_an_export_speaks_the_language_that_is_asked_for(measured, data):
    run = re.search(r"kept as run (\w+)", measured.stderr)[1]
    page = oscope("export", run, "--to", "html", "--lang", "zh", "--theme", "dark", "-o", "-", "--data", data)
    assert '<html lang="zh-Hans" data-theme="dark">' in page.stdout
    assert re.search("[\u4e00-\u9fff]{4}", page.stdout)


def test_a_run_that_is_not_to_be_kept_leaves_nothing(tmp_path):
    csv = tmp_path / "tables"
    done = oscope("run", *QUICK, "--no-store", "--data", tmp_path / "data", "--csv", csv)
    assert done.returncode == 0
    assert done.stderr == ""
    assert not (tmp_path / "data").exists()
    assert (csv / "share.csv").read_text().startswith("thread,wall_s,")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_broken_off_ends_with_130_and_leaves_no_process(end, tmp_path):
    process = subprocess.Popen(
        command("run", "threads.gil_wait", "--seconds", "10", "--json", "-", "--data", tmp_path),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    child = first_child(process.pid)
    gone = os.pidfd_open(child)
    os.killpg(process.pid, end)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert json.loads(stdout)["state"] == "stopped"
    assert is_over(gone)
    os.close(gone)


def first_child(pid: int) -> int:
    """Wait until it has a child that measures; its pid."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    while True:
        for child in children.read_text().split():
            grandchildren = Path(f"/proc/{child}/task/{child}/children").read_text().split()
            if grandchildren:
                return int(grandchildren[0])
        os.sched_yield()


def is_over(pidfd: int) -> bool:
    import select

    return bool(select.select([pidfd], [], [], 5)[0])


def test_a_history_that_cannot_be_written_costs_the_keeping_and_not_the_run(tmp_path):
    (tmp_path / "data").write_text("a file where a folder should be")
    outcome = local.Outcome(Run(id="0123456789", experiment="tiny.counting", params={}), {}, {})
    assert local.keep(outcome, tmp_path / "data").startswith("the run was not kept: ")


def test_a_kept_run_is_whole(tmp_path):
    run = Run(
        id="0123456789", experiment="tiny.counting", params={"n": 1}, state=State.DONE, rows={"step": 2}
    )
    rows = [[0, 0.0, 0.5], [1, 0.5, None]]
    outcome = local.Outcome(run, {"step": rows}, {"step": ["i", "half", "at_s"]})
    assert local.keep(outcome, tmp_path).startswith("kept as run 0123456789")
    store = Store(tmp_path / "oscope.sqlite3")
    assert (store.get(run.id), store.rows(run.id, "step")) == (run, rows)
    store.close()
    with sqlite3.connect(tmp_path / "oscope.sqlite3") as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
    db.close()


def test_every_experiment_is_listed_with_its_question():
    done = CliRunner().invoke(commands.cli, ["list"])
    for name in names():
        assert name in done.stdout
        assert load(name).question in done.stdout


def test_the_list_as_json_is_what_the_server_tells():
    listed = json.loads(CliRunner().invoke(commands.cli, ["list", "--json"]).stdout)["experiments"]
    assert [experiment["name"] for experiment in listed] == names()
    assert listed[0]["params"][0]["name"] == load(names()[0]).params[0].name


def test_the_list_needs_neither_server_nor_framework():
    script = (
        "import sys; from app.cli import commands; commands.cli(['list'], standalone_mode=False); "
        "heavy = {'fastapi', 'plotly', 'psutil', 'pydantic_core', 'rich'}; "
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_help_shows_every_parameter_with_its_range_and_default():
    shown = CliRunner().invoke(commands.cli, ["run", "threads.scaling", "--help"]).stdout
    for option in ("--workers [2 to 32]", "--work [5 to 1000 ms]", "--workload [python|hash|sleep]"):
        assert option in shown
    assert "[default:\xa04]" in shown


def test_help_knows_all_experiments():
    shown = CliRunner().invoke(commands.cli, ["run", "--help"]).stdout
    assert all(name in shown for name in names())


def test_the_doctor_says_what_is_there_and_what_would_bring_the_rest(capsys):
    told = json.loads(CliRunner().invoke(commands.cli, ["doctor", "--json"]).stdout)
    found = {finding["name"]: finding for finding in told["findings"]}
    assert found["cores"]["says"].startswith(str(told["machine"]["cores"]))
    assert default().id in found["interpreters"]["says"]
    assert set(names()) <= set(found)
    terminal.show_findings([doctor.Finding("io_uring", False, "is switched off", "switch it on")])
    assert capsys.readouterr().out.splitlines() == [
        "✗ io_uring is switched off",
        "           switch it on   ",
    ]


def test_one_core_is_said_aloud():
    from dataclasses import replace

    from experiments.kit import Machine

    alone = doctor.cores(replace(Machine.here(), cores=1, quota_cores=None))
    assert (alone.ok, alone.brings) == (False, "Add a core.")


@pytest.mark.parametrize(
    ("folders", "allowed", "ok", "says"),
    [
        (["/sys/fs/cgroup"], 0.5, False, "a control group allows 0.5 cores' worth of time, of 8 usable"),
        (["/sys/fs/cgroup"], 8.0, True, "a control group allows 8 cores' worth of time"),
        (["/sys/fs/cgroup"], None, True, "none"),
        (None, None, None, "cannot be read here"),
    ],
)
def test_a_quota_is_told_and_so_is_that_nobody_can_tell(monkeypatch, folders, allowed, ok, says):
    from dataclasses import replace

    from experiments.kit import Machine
    from experiments.kit.kernel import cgroups

    monkeypatch.setattr(cgroups, "folders", lambda controller: folders)
    told = doctor.quota(replace(Machine.here(), cores=8, quota_cores=allowed))
    assert (told.ok, says in told.says) == (ok, True)


@pytest.mark.parametrize(("told", "ok"), [(True, True), (False, False)])
def test_a_system_that_does_not_tell_what_others_use_is_said_by_the_doctor(monkeypatch, told, ok):
    monkeypatch.setattr(doctor, "tells_load", lambda: told)
    found = doctor.load()
    assert found.ok is ok
    assert ("foreign CPU and steal stay unknown" in found.says) is not told


def done_run(**changes) -> Run:
    verdict = Verdict(
        "only with processes",
        say("Threads got {n} done.", n=percent(0.97, "threads")),
        (Check(say("It holds."), True), Check(say("It does not."), False), Check(say("Who knows?"), None)),
        (say("Other programs used {x}.", x=percent(0.14)),),
    )
    return Run(
        **{
            "id": "0123456789",
            "experiment": "tiny.counting",
            "params": {"n": 3, "pause": 0.0},
            "python": "cpython-3.11.7",
            "state": State.DONE,
            "machine": {"cores": 2},
            "conditions": {"foreign_cpu": 0.14, "run_delay": 0.0, "steal": 0.0, "own_cpu": 0.002},
            "verdict": verdict.as_json(),
            "started_at": 100.0,
            "ended_at": 102.5,
            "host": "lab-7",
        }
        | changes
    )


def test_a_verdict_reads_well_in_a_terminal(capsys):
    terminal.show_outcome(COUNTING, done_run())
    shown = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert shown[1:4] == [
        "How far does it count?",
        "n 3, pause 0 ms",
        "cpython-3.11.7 on lab-7, 2 cores, 2.50\xa0s",
    ]
    assert shown[5].startswith("╭─ only with processes ─")
    assert shown[6].startswith("│ Threads got 97\xa0% done.")
    assert shown[8:12] == [
        "  ✓ It holds.",
        "  ✗ It does not.",
        "  ? Who knows?",
        "  ! Other programs used 14\xa0%.",
    ]
    assert shown[13] == "foreign CPU 14\xa0% · run-queue delay 0\xa0% · steal 0\xa0% · oscope itself 0.2\xa0%"


def test_a_failure_shows_its_reason_and_its_last_words(capsys):
    run = done_run(
        state=State.FAILED,
        why="no such luck",
        verdict=None,
        last_words="Traceback\nValueError\n",
        conditions={},
    )
    terminal.show_outcome(COUNTING, run)
    shown = capsys.readouterr().out
    assert "╭─ failed ─" in shown
    assert "No such luck." in shown
    assert "ValueError" in shown


def test_the_command_that_repeats_a_run_names_what_differs_from_the_defaults():
    assert command_line(COUNTING, {"n": 5, "pause": 0}) == "oscope run tiny.counting --n 5"
    repeated = command_line(COUNTING, {"n": 3, "pause": 2.5}, "pypy-3.10")
    assert repeated == "oscope run tiny.counting --pause 2.5 --python pypy-3.10"


def test_the_interpreter_is_chosen_by_id():
    assert local.interpreter(None) == default()
    assert local.interpreter(default().id).id == default().id


def test_the_name_of_a_download_is_the_name_of_an_export():
    assert exports.file_name(done_run(), "zip") == "oscope-tiny.counting-0123456789.zip"
