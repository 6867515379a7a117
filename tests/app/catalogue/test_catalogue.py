"""What the catalogue tells about an experiment beside its own words."""

from app.catalogue import catalogue
from experiments.kit.spec import load


def test_the_code_that_ran_is_the_module_and_the_helpers_it_imports():
    paths = [path for path, _ in catalogue.sources(load("threads.scaling"))]
    assert paths == ["experiments/threads/scaling.py", "experiments/threads/_scaling/crews.py"]


def test_helpers_are_found_in_every_way_of_importing_them():
    source = """
from experiments.memory import _touch, layout
from experiments.memory._layout import growing
from experiments.memory._layout.places import PLACES
"""
    found = ["_touch", "_layout", "_layout/growing", "_layout/places", "_layout/places/PLACES"]
    assert catalogue.private_imports(source, "memory") == found


def test_helpers_of_another_chapter_are_not_this_ones_code():
    assert catalogue.private_imports("from experiments.threads._scaling.crews import do\n", "io_models") == []


def test_a_command_line_leaves_out_what_stands_at_its_default():
    experiment = load("threads.scaling")
    params = experiment.parse({"workers": 2, "work": 62.5})
    assert catalogue.command_line(experiment, params) == "oscope run threads.scaling --workers 2 --work 62.5"
