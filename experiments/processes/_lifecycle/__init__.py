"""Helpers of `processes.lifecycle`, and of nobody else."""
