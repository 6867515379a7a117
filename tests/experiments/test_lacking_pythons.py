"""An interpreter may lack names for what the system has: then it is called all the same, or said."""

import pytest

from app.system.interpreters import Interpreter, default
from experiments.kit.spec import names
from experiments.kit.verdict import judge
from tests.experiments.measured import measured
from tests.experiments.small import SMALL
from tests.lacking import make_python

LACKING = (  # by PyPy 3.11, and by some builds of CPython
    *(f"os.{name}" for name in ("waitid", "pidfd_open", "eventfd", "eventfd_read", "eventfd_write")),
    *(f"os.{name}" for name in ("posix_spawn", "splice", "unshare", "setns", "P_PID", "WEXITED", "WNOWAIT")),
    *(f"os.{name}" for name in ("EFD_NONBLOCK", "POSIX_SPAWN_OPEN")),
    *("signal.sigwaitinfo", "signal.sigtimedwait", "resource.RUSAGE_THREAD"),
)


@pytest.fixture(scope="module")
def lacking(tmp_path_factory):
    own = default()
    path = make_python(tmp_path_factory.mktemp("lacking"), *LACKING)
    return Interpreter("lacking", path, own.version, own.implementation, own.gil)


def test_the_least_of_every_experiment_is_known():
    assert sorted(SMALL) == sorted(names())


@pytest.mark.parametrize("name", names())
def test_an_experiment_runs_where_the_interpreter_lacks_names_for_calls(lacking, name):
    ran = measured(name, python=lacking, **SMALL[name])
    end = ran.messages[-1]
    assert (end["why"], end["sentence"]) == ("done", ""), end["last_words"]
    verdict = judge(ran.experiment, ran.record())
    assert [str(check.claim) for check in verdict.checks if "This system" in str(check.claim)] == []
    assert ran.rows.get("absent", []) == []
