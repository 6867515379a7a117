"""The pages for contributors are true: what they name is there, and what is there is named."""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from app.export import exports
from app.figures import patch
from app.runs.run import Run
from tests.tiny.root import load as tiny

ROOT = Path(__file__).parents[1]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text("utf-8")
APP = sorted((ROOT / "app").rglob("*.py"))
SCRIPTS = sorted((ROOT / "static" / "js").rglob("*.js"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PLACE = re.compile(r"`((?:app|experiments|static|templates|docs|tests)/[\w./-]*)`")
TO_BE_MADE = {"experiments/threads/wakeup.py"}  # by the reader of CONTRIBUTING
OF_THE_FRAMEWORK = {405}  # statuses that no line of ours gives


def section(page: str, title: str) -> str:
    """From this heading to the next one of its level."""
    level, _, rest = next(
        (level, before, page[at.end() :])
        for at in re.finditer(r"^(#+) (.+)$", page, re.M)
        for level, before in [(at[1], at[2])]
        if before == title
    )
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.M)[0]


def table(text: str) -> list[list[str]]:
    """The rows of a table, without its head."""
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def names(text: str) -> list[str]:
    return re.findall(r"`(\w+)`", text)


# -- architecture -----------------------------------------------------------------------------

PACKAGES = {package: (names(modules), sentence, imports.split()) for package, modules, sentence, imports in
            table(section(ARCHITECTURE, "The parts of `app/`"))}  # fmt: skip
LEVELS = 9  # of packages above each other; who adds one makes every walk through the code longer


def modules_in(folder: str) -> set[str]:
    """Modules and packages of a folder."""
    found = (ROOT / folder).iterdir()
    return {
        p.stem for p in found if (p.suffix == ".py" and p.stem != "__init__") or (p / "__init__.py").exists()
    }


def test_every_package_of_the_app_is_on_the_page_with_its_modules():
    places = {
        place: sorted(modules_in(f"app/{place}")) if (ROOT / "app" / place).is_dir() else [place]
        for place in modules_in("app")
    }
    assert {package: sorted(modules) for package, (modules, *_) in PACKAGES.items()} == places


def test_every_module_of_the_kit_is_on_the_page_in_its_folder():
    rows = table(section(ARCHITECTURE, "The kit"))
    on_the_page = {(folder, name) for folder, modules, _ in rows for name in names(modules)}
    files = [path for path in (ROOT / "experiments/kit").rglob("*.py") if path.stem != "__init__"]
    there = {(str(path.parent.relative_to(ROOT / "experiments")), path.stem) for path in files}
    assert on_the_page == there


def imported(path: Path) -> Iterator[str]:
    """The parts of the app that a file imports when it runs; imports for types alone are left out."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_page_says_who_imports_whom():
    seen = {package: set() for package in PACKAGES}
    for path in APP:
        package = path.relative_to(ROOT / "app").parts[0].removesuffix(".py")
        if package in PACKAGES:
            parts = {name.split(".")[1] for name in imported(path) if name.startswith("app.")}
            seen[package] |= parts & set(PACKAGES) - {package}
    wrong = {
        package: " ".join(sorted(imports))
        for package, imports in seen.items()
        if imports != set(PACKAGES[package][2])
    }
    assert wrong == {}, "write these into the column `imports` of docs/architecture.md"


def test_a_package_imports_only_packages_of_lower_lines_of_the_picture():
    picture = section(ARCHITECTURE, "The parts of `app/`").split("```")[1].strip().splitlines()
    height = {package: -n for n, line in enumerate(picture) for package in line.partition(" ── ")[0].split()}
    assert set(height) == set(PACKAGES)
    upwards = {(p, i) for p, (_, _, imports) in PACKAGES.items() for i in imports if height[i] >= height[p]}
    assert upwards == set()
    assert len(picture) <= LEVELS


def test_the_page_says_of_a_package_what_the_package_says():
    for package, (_, sentence, _) in PACKAGES.items():
        place = ROOT / "app" / package
        module = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        says = ast.get_docstring(ast.parse(module.read_text("utf-8"))).replace("\n", " ")
        assert says.lower().startswith(sentence.lower()), package


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_file_that_a_page_names_exists(page):
    text = page.read_text("utf-8")
    written = set(PLACE.findall(text)) - TO_BE_MADE
    assert [place for place in written if not list(ROOT.glob(place.rstrip("/")))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_link_between_the_pages_leads_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)#]*)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert not target or (page.parent / target).exists(), target


def test_no_comment_points_to_a_document_that_is_not_here():
    files = [*APP, *SCRIPTS, *(ROOT / "experiments").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    lines = [
        line for path in files if path != Path(__file__) for line in path.read_text("utf-8").splitlines()
    ]
    assert [line for line in lines if re.search(r"\bDESIGN\b", line)] == []
    named = {name for line in lines for name in re.findall(r"\bdocs/[\w-]+\.md\b", line)}
    assert [name for name in named if not (ROOT / name).exists()] == []


# -- protocol ---------------------------------------------------------------------------------


def documented(title: str) -> list[dict]:
    """The JSON examples of a table: `{"t": "snap", "topic", "v"}` is read as its members."""
    return [as_members(cell) for cell, *_ in table(section(PROTOCOL, title))]


def as_members(cell: str) -> dict:
    inside = re.search(r"`\{(.*)\}`", cell)[1]
    parts = [part.strip() for part in inside.split(", ") if "…" not in part]
    return {json.loads(name.rstrip("?")): json.loads(value) if value else None
            for name, _, value in (part.partition(": ") for part in parts)}  # fmt: skip


def said_in_python(key: str, paths: Iterable[Path]) -> set[str]:
    """The constants that dict literals have under this key: `{"o": "fig", …}`."""
    return {
        value.value
        for path in paths
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Dict)
        for name, value in zip(node.keys, node.values, strict=True)
        if isinstance(name, ast.Constant) and name.value == key
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    }


def said_in_scripts(pattern: str) -> set[str]:
    return {name for path in SCRIPTS for name in re.findall(pattern, path.read_text("utf-8"))}


def test_every_operation_has_a_sender_a_reader_and_a_line_on_the_page():
    documented_ones = {members["o"] for members in documented("Operations")}
    assert said_in_python("o", APP) == documented_ones
    assert said_in_scripts(r'\bop\.o === "(\w+)"') == documented_ones


def test_every_message_of_the_server_has_a_sender_a_reader_and_a_line_on_the_page():
    text = section(PROTOCOL, "The websocket `/ws`").partition("What the server sends")[2].partition("###")[0]
    on_the_page = {as_members(cell)["t"] for cell, _ in table(text)}
    frames = set(re.findall(r'_envelope\("(\w+)"', (ROOT / "app" / "live" / "topics.py").read_text("utf-8")))
    assert said_in_python("t", [ROOT / "app" / "live" / "sockets.py"]) | frames == on_the_page
    assert said_in_scripts(r'\bmessage\.t === "(\w+)"') == on_the_page - {
        "pong"
    }  # any message is a sign of life


def test_every_message_of_a_page_has_a_sender_a_reader_and_a_line_on_the_page():
    text = (
        section(PROTOCOL, "The websocket `/ws`")
        .partition("What a page sends")[2]
        .partition("What the server")[0]
    )
    on_the_page = {as_members(cell)["op"] for cell, _ in table(text)}
    assert (
        set(re.findall(r'case \{"op": "(\w+)"', (ROOT / "app" / "live" / "sockets.py").read_text("utf-8")))
        == on_the_page
    )
    assert said_in_scripts(r'\bop: "(\w+)"') == on_the_page


def test_every_error_of_the_socket_is_on_the_page():
    codes = said_in_python("code", [ROOT / "app" / "live" / "sockets.py"])
    row = next(line for line in PROTOCOL.splitlines() if '"t": "err"' in line)
    assert set(re.findall(r"`([a-z-]+)`", row)) == codes


def test_every_topic_has_a_sender_a_reader_and_a_line_on_the_page():
    rows = [cell for cell, *_ in table(section(PROTOCOL, "Topics"))]
    on_the_page = {name for cell in rows for name in re.findall(r"`(\w+)", cell)}
    published = {
        name for path in APP for name in re.findall(r'hub\.topic\(f?"(\w+)', path.read_text("utf-8"))
    }
    assert published == on_the_page
    assert said_in_scripts(r'follow\("(\w+)"') == on_the_page - {"run"}  # whose name the page's state has


def test_every_change_of_a_patch_is_known_to_python_to_the_page_and_to_the_document():
    rows = [cell for cell, _ in table(section(PROTOCOL, "Patches"))]
    script = (ROOT / "static" / "js" / "figures" / "patch.js").read_text("utf-8")
    in_the_page = re.search(r"const OPERATIONS = \{(.*?)\}", script, re.S)[1]
    assert {re.search(r'\["(\w+)"', row)[1] for row in rows} == set(patch.OPERATIONS)
    assert set(re.findall(r"(\w+):", in_the_page)) == set(patch.OPERATIONS)


def test_every_line_of_a_worker_has_a_writer_a_reader_and_a_line_on_the_page():
    on_the_page = {members["t"] for members in documented("The lines of a worker")}
    child = ROOT / "experiments" / "kit" / "child"
    assert said_in_python("t", [child / "worker.py", child / "supervisor.py"]) == on_the_page
    readers = "".join(
        (ROOT / "app" / name).read_text("utf-8") for name in ("children/runner.py", "bench/recording.py")
    )
    assert set(re.findall(r'message\["t"\] == "(\w+)"', readers)) == on_the_page


def test_every_status_of_an_error_is_on_the_page():
    given = set()
    for path in APP:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and node.args
                and ast.unparse(node.func).endswith(("Exception", "Denied"))
            ):
                given |= {node.args[0].value} if isinstance(node.args[0], ast.Constant) else set()
            elif isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "STATUS":
                given |= {value.value for value in node.value.values}
    on_the_page = {int(cell) for cell, _ in table(section(PROTOCOL, "HTTP"))}
    assert {status for status in given if isinstance(status, int)} | OF_THE_FRAMEWORK == on_the_page


def test_the_record_has_the_members_that_the_page_names():
    counting = tiny()["tiny.counting"]
    record = exports.as_json(counting, Run(id="0" * 10, experiment=counting.name, params={}), {})
    listed = section(PROTOCOL, "The record").split("\n\n")[2]
    assert names(listed) == list(record)
