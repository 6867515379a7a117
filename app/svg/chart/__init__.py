"""Charts with two axes: lines, bars and their marks."""
