"""Runs of one experiment side by side."""
