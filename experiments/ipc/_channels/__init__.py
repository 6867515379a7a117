"""Helpers of `ipc.channels`, and of nobody else."""
