"""The JSON interface: what the pages show and do, for programs."""

from app.web.api import experiments, machine, runs

PARTS = (experiments, machine, runs)
