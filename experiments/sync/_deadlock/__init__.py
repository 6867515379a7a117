"""Helpers of `sync.deadlock`, and of nobody else."""
