"""The app: turns a click into a run, and a run into pictures."""
