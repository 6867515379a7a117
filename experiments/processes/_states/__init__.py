"""Helpers of `processes.states`, and of nobody else."""
