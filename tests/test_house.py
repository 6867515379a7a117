"""The house rules; docs/architecture.md says who imports whom, tests/test_docs.py holds it to the code."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KIT = sorted((ROOT / "experiments" / "kit").glob("*.py"))
EXPERIMENTS = sorted(p for p in ROOT.glob("experiments/*/*.py") if p.parent.name != "kit")
APP_LIBRARIES = {
    "fastapi",
    "starlette",
    "uvicorn",
    "jinja2",
    "plotly",
    "psutil",
    "websockets",
    "click",
    "rich",
}
MAY_USE = {  # the libraries beside the standard one that a module may import
    "app.runs.run": set(),
    "app.text.folding": set(),
    "app.storage": {"pydantic_core"},
    "app.live.topics": {"pydantic_core"},
    "app.system.interpreters": set(),
    "app.text.languages": set(),
    "app.figures": {"plotly"},
    "app.export.exports": {"pydantic_core"},
    "app.children.runner": {"psutil", "pydantic_core"},
    "app.bench.bench": set(),
    "app.bench.demo_load": set(),
    "app.bench.live_run": set(),
    "app.bench.open_runs": set(),
    "app.bench.recording": set(),
    "app.bench.verdicts": set(),
    "app.system.machine": {"psutil"},
}


def files(name: str) -> list[Path]:
    """Of a module, or of a package."""
    place = ROOT.joinpath(*name.split("."))
    return sorted(place.rglob("*.py")) or [place.with_suffix(".py")]


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it, as dotted names."""
    return imported(ast.parse(path.read_text()))


def imported(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", KIT + EXPERIMENTS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_the_measuring_library_needs_only_the_standard_library(path):
    """An experiment may use what an extra brings, where a function imports it when it is called."""
    may = set() if path in KIT else optional_packages()
    assert packages(path) - may <= set(sys.stdlib_module_names) | {"experiments"}
    assert not at_the_top(path) & may


def optional_packages() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    return {re.match(r"[\w-]+", requirement)[0] for extra in extras for requirement in extra}


def at_the_top(path: Path) -> set[str]:
    """The packages that a file imports when it is imported itself."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = []
    return {name.partition(".")[0] for name in imported(tree)}


@pytest.mark.parametrize("path", KIT, ids=lambda p: p.name)
def test_the_kit_imports_no_experiment(path):
    ours = {name for name in imports(path) if name.startswith("experiments.")}
    assert all(name.split(".")[1] == "kit" for name in ours)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_an_experiment_imports_the_kit_and_its_own_helpers_but_no_other_experiment(path):
    for name in imports(path):
        if name.startswith("experiments."):
            chapter, _, rest = name.removeprefix("experiments.").partition(".")
            assert chapter == "kit" or (chapter == path.parent.name and rest[:1] in ("", "_")), name


@pytest.mark.parametrize("name", sorted(MAY_USE))
def test_a_lower_part_of_the_app_uses_only_the_libraries_it_may(name):
    for path in files(name):
        foreign = packages(path) - set(sys.stdlib_module_names) - {"app", "experiments"}
        assert foreign <= MAY_USE[name]


def test_only_main_and_the_command_line_build_the_app():
    builders = [path.stem for path in (ROOT / "app").rglob("*.py") if "app.main" in imports(path)]
    assert builders == ["server"]


@pytest.mark.parametrize("root", ["experiments.kit", "app", "app.figures", "app.storage", "app.svg.chart"])
def test_modules_import_each_other_without_cycles(root):
    folder = ROOT.joinpath(*root.split("."))
    graph = {
        path.stem: runtime_imports(path, root) for path in folder.glob("*.py") if path.stem != "__init__"
    }
    while graph:
        leaves = {name for name, needs in graph.items() if not needs & set(graph)}
        assert leaves, f"a cycle among {sorted(graph)}"
        for name in leaves:
            del graph[name]


def runtime_imports(path: Path, root: str) -> set[str]:
    """The siblings that a file imports when it is imported itself: at its top level only."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(root):
            rest = node.module.removeprefix(root).strip(".")
            found |= {rest.partition(".")[0]} if rest else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix(root + ".") for a in node.names if a.name.startswith(root + ".")}
    return found - {path.stem}


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_importing_an_experiment_does_nothing(path):
    """No process, no thread, no file left open, nothing printed."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    script = (
        "import os, sys, threading\n"
        "before = set(os.listdir('/proc/self/fd')), os.listdir('/proc/self/task')\n"
        f"import {module}\n"
        "after = set(os.listdir('/proc/self/fd')), os.listdir('/proc/self/task')\n"
        "assert before == after, (before, after)\n"
        "assert not os.path.exists(f'/proc/self/task/{os.getpid()}/children') or "
        "not open(f'/proc/self/task/{os.getpid()}/children').read()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_project_names_no_place_but_itself():
    """No absolute path of a machine and no registry's address in what we ship."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    if not listed:
        pytest.skip("not a git checkout")
    for name in listed.splitlines():
        path = ROOT / name
        if path.suffix in {".png", ".gz"} or not path.is_file() or path == Path(__file__):
            continue
        text = path.read_text(errors="replace")
        assert "index-url" not in text.replace("--no-emit-index-url", ""), name
        assert "pythonhosted" not in text, name
        assert "registry.npmjs" not in text, name
