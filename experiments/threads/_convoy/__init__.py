"""Helpers of `threads.convoy`, and of nobody else."""
