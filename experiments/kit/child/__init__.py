"""The run as a process: rows out, everybody ended, rests for the page, load for a demonstration."""
