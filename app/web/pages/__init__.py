"""The pages, each with what it shows."""
