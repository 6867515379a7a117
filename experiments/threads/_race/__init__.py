"""Helpers of `threads.race`, and of nobody else."""
