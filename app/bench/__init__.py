"""Runs one after the other: the queue, the run while it lives, its figures in every language, its verdict."""
