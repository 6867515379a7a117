"""Helpers of `io_models.readiness`, and of nobody else."""
