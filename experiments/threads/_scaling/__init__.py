"""Helpers of `threads.scaling`, and of nobody else."""
