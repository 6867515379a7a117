"""Experiments as plain data, and the routes that lead through them."""
