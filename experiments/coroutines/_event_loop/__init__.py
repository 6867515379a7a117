"""Helpers of `coroutines.event_loop`, and of nobody else."""
