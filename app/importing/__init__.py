"""A file from a stranger becomes a run, read by a process with limits."""
