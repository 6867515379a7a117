"""The app: turns a click into a run, and a run into pictures."""

__version__ = "0.1.0"
