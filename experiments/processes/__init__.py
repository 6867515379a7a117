"""Processes: what the kernel keeps for every program, and what it does while it is not running."""
