"""The house rules; docs/architecture.md says who imports whom, tests/test_docs.py holds it to the code."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KIT = sorted((ROOT / "experiments" / "kit").rglob("*.py"))
EXPERIMENTS = sorted(p for p in ROOT.glob("experiments/*/**/*.py") if "kit" not in p.parts)
APP = sorted((ROOT / "app").rglob("*.py"))
LIBRARIES = {  # beside the standard one: the packages of `app/` that may import each
    "click": {"cli"},
    "fastapi": {"main", "web"},
    "h11": {"door"},
    "jinja2": {"export", "text", "web"},
    "markdown_it": {"text"},
    "markupsafe": {"export", "text", "web"},
    "platformdirs": {"ground"},
    "psutil": {"system"},
    "pydantic": {"ground"},
    "pydantic_core": {"children", "cli", "door", "export", "ground", "importing", "live", "storage", "web"},
    "pygments": {"export", "text"},
    "rich": {"cli"},
    "segno": {"door"},
    "starlette": {"door", "live", "main", "web"},
    "uvicorn": {"cli", "door"},
    "websockets": {"door"},
}
MOST_FILES = 12  # in one folder of the app or of the kit


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
def test_an_experiment_imports_the_kit_and_its_own_helpers_but_nothing_of_another_experiment(path):
    """Its own are in a folder of its name, `_scaling/` of `scaling.py`; what a chapter shares lies there."""
    chapter, *inside = path.relative_to(ROOT / "experiments").with_suffix("").parts
    shared = [file.stem for file in (ROOT / "experiments" / chapter).glob("_[!_]*.py")]
    own = [f"experiments.{chapter}.{name}." for name in (f"_{inside[0].lstrip('_')}", *shared)]
    for name in imports(path):
        if name.startswith("experiments."):
            assert f"{name}.".startswith(("experiments.kit.", *own)), name


def test_a_library_is_imported_by_the_packages_that_may_and_by_no_other():
    seen: dict[str, set[str]] = {}
    for path in APP:
        package = path.relative_to(ROOT / "app").parts[0].removesuffix(".py")
        for library in packages(path) - set(sys.stdlib_module_names) - {"app", "experiments"}:
            seen.setdefault(library, set()).add(package)
    assert seen == LIBRARIES


def test_no_folder_is_a_heap():
    files = Counter(path.parent for path in APP + KIT if path.name != "__init__.py")
    assert {folder: count for folder, count in files.items() if count > MOST_FILES} == {}


def test_the_lower_folders_of_the_kit_use_nothing_of_the_higher_ones():
    lower = {"kernel": (), "subjects": ("kernel",)}
    for folder, below in lower.items():
        may = tuple(f"experiments.kit.{name}." for name in (folder, *below))
        for path in (ROOT / "experiments" / "kit" / folder).glob("*.py"):
            ours = {f"{name}." for name in found_at_the_top(path) if name.startswith("experiments.")}
            assert [name for name in ours if not name.startswith(may)] == [], path.name


def test_only_main_and_the_command_line_build_the_app():
    builders = [path.stem for path in (ROOT / "app").rglob("*.py") if "app.main" in imports(path)]
    assert builders == ["server"]


@pytest.mark.parametrize("root", ["app", "experiments/kit"])
def test_modules_import_each_other_without_circles(root):
    """When they are imported themselves: at their top level."""
    modules = {name_of(path): path for path in (ROOT / root).rglob("*.py")}
    graph = {name: found_at_the_top(path) & set(modules) - {name} for name, path in modules.items()}
    while graph:
        leaves = {name for name, needs in graph.items() if not needs & set(graph)}
        assert leaves, f"a circle among {sorted(graph)}"
        for name in leaves:
            del graph[name]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def found_at_the_top(path: Path) -> set[str]:
    """The modules that a file names in its imports. `from app.svg import Styles` needs the package itself,
    `from app.svg import shapes` only that module: a package and what is in it would be a circle else."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                place = ROOT.joinpath(*inside.split("."))
                is_module = place.with_suffix(".py").exists() or place.is_dir()
                found.add(inside if is_module else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


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
