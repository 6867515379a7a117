"""Processes that oscope starts: begin, listen, always end, leave nothing."""
