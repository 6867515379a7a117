"""One process from inside: what can be seen, and what is said where it cannot."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from app.system import anatomy
from app.system.anatomy import Anatomy, NoProcess, examine

BLOCKED = """
import os, socket, threading
threading.Thread(target=threading.Event().wait, daemon=True, name="waiter").start()
server = socket.socket()
server.bind(("127.0.0.1", 0))
reader, writer = os.pipe()
print(reader, flush=True)
os.read(reader, 1)
"""


def states(pid: int) -> list[str]:
    """Of its threads, in the kernel's letters."""
    tasks = [task / "stat" for task in Path(f"/proc/{pid}/task").iterdir()]
    return [stat.read_text().rpartition(")")[2].split()[0] for stat in tasks]


@pytest.fixture
def child():
    made = subprocess.Popen([sys.executable, "-c", BLOCKED], stdout=subprocess.PIPE, text=True)
    assert made.stdout
    made.reader = int(made.stdout.readline())
    while states(made.pid) != ["S", "S"]:
        time.sleep(0.001)
    yield made
    made.kill()
    made.wait()
    made.stdout.close()


def facts(found: Anatomy) -> dict[str, object]:
    return {fact.name: fact.value for group in found.groups for fact in group.facts}


def test_the_block_has_four_groups_and_says_what_psutil_says(child):
    found, other = examine(child.pid), psutil.Process(child.pid)
    assert [group.title for group in found.groups] == [
        "Identity",
        "Control",
        "Resources",
        "Processor context",
    ]
    told = facts(found)
    assert told["pid"] == child.pid
    assert told["parent"] == os.getpid()
    assert told["command line"] == f"{sys.executable} -c {BLOCKED}".strip()
    assert told["program"] == other.exe()
    assert told["working folder"] == other.cwd()
    assert told["nice"] == other.nice()
    assert told["descriptors"] == other.num_fds()
    assert told["descriptor limit"] == other.rlimit(psutil.RLIMIT_NOFILE)[0]
    assert told["allowed cores"] == "-".join(
        map(str, sorted({other.cpu_affinity()[0], other.cpu_affinity()[-1]}))
    )
    assert abs(told["started"] - other.create_time()) < 1
    assert abs(told["in memory"] - other.memory_info().rss) < 1024 * 1024


def test_each_thread_says_what_it_is_blocked_on(child):
    found = examine(child.pid)
    assert len(found.threads) == 2
    main, waiter = found.threads
    assert (main.tid, main.state) == (child.pid, "S")
    assert main.waits_in.startswith(f"read of {child.reader}")
    assert waiter.waits_in.startswith("futex")


def test_descriptors_have_a_kind_and_a_way(child):
    found = {one.number: one for one in examine(child.pid).descriptors or ()}
    assert (found[child.reader].kind, found[child.reader].access) == ("pipe", "read")
    assert (found[child.reader + 1].kind, found[child.reader + 1].access) == ("pipe", "write")
    assert found[child.reader - 1].kind == "socket"


def test_the_family_goes_up_to_the_first_process_and_down_to_the_children(child):
    ours = examine(os.getpid())
    assert ours.parents[0].pid == 1
    assert ours.parents[-1].pid == os.getppid()
    assert child.pid in [one.pid for one in ours.children]
    assert examine(child.pid).parents[-1].pid == os.getpid()


def test_the_address_space_has_the_parts_of_a_textbook(child):
    kinds = {group.kind for group in examine(child.pid).spaces or ()}
    assert {"text", "heap", "libraries", "thread stacks", "stack", "kernel's pages"} <= kinds


def test_a_zombie_has_no_memory_and_keeps_its_name():
    made = subprocess.Popen(["true"])
    os.waitid(os.P_PID, made.pid, os.WEXITED | os.WNOWAIT)
    found = examine(made.pid)
    assert (found.state, found.name) == ("Z", "true")
    assert not found.spaces
    assert facts(found)["in memory"] is None
    made.wait()


def test_a_process_that_is_not_there_is_said_to_be_gone():
    made = subprocess.Popen(["true"])
    made.wait()
    with pytest.raises(NoProcess, match=f"there is no process {made.pid}; it may have ended"):
        examine(made.pid)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_what_belongs_to_others_is_said_to_be_hidden(child):
    """Somebody else looks at a process of ours."""
    look = (
        "import os\n"
        "from app.system.anatomy import examine\n"
        "os.setgid(65534); os.setuid(65534)\n"
        f"found = examine({child.pid})\n"
        "print(found.spaces, found.descriptors, sorted(found.hidden))\n"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("None None [")
    for name in ("cwd", "exe", "fd", "io", "maps"):
        assert f"'{name}'" in done.stdout


def test_signal_masks_become_names():
    assert anatomy.signals("0000000000004002") == "INT, TERM"
    assert anatomy.signals("0") == "–"
    assert anatomy.signals("100000000") == "RT 33"
