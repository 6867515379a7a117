"""A run as a file, or as a card: one table of forms, and what makes each."""
