"""This machine: its facts and live samples, its Pythons, its processes."""
