"""Helpers of `threads.gil_wait`, and of nobody else."""
