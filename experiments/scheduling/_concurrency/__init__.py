"""Helpers of `scheduling.concurrency`, and of nobody else."""
