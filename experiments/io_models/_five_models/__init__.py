"""Helpers of `io_models.five_models`, and of nobody else."""
