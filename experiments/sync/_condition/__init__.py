"""Helpers of `sync.condition`, and of nobody else."""
