"""Helpers of `memory.paging`, and of nobody else."""
