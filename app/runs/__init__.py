"""What a run is, what people write on it and guess of it, what disturbed it."""
