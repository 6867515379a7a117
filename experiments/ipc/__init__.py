"""Processes that talk: each has a memory of its own, so what one wants to tell the other must be carried."""
