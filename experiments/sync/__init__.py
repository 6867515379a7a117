"""Synchronisation: how threads wait for each other, and what happens when they miss each other."""
