"""Sieges: what a server bears. Each script is run by hand, is bounded in time and prints its figures:

    .venv/bin/python -m tests.siege.half_open [--url http://127.0.0.1:8000]

Without an address it starts a server of its own. `test_sieges.py` runs a small part of each.
"""
