"""Waiting for data: the same read, told five times. Who waits, who copies, who gets the CPU meanwhile."""
