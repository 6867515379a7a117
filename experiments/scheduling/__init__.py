"""Scheduling: who gets a core, when, and for how long, where more want to run than there are cores."""
