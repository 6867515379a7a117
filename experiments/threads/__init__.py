"""Threads and the GIL: one lock decides which thread may run Python. See it pass from hand to hand."""
