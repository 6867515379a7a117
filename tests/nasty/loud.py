"""A loud experiment

How much does it print?

It prints `size_b` bytes to stdout and as many to stderr, before, and in a child.
"""

import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple


class Printed(NamedTuple):
    size_b: int


charts = []


def measure(size_b: int = 1 << 20) -> Iterator[Printed]:
    sys.stdout.write("o" * size_b + "\n")
    sys.stderr.write("e" * size_b + "\n")
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    yield Printed(size_b)
