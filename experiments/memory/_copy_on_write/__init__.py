"""Helpers of `memory.copy_on_write`, and of nobody else."""
