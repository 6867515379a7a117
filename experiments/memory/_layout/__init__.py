"""Helpers of `memory.layout`, and of nobody else."""
