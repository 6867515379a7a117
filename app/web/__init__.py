"""Everything over HTTP: the pages, the JSON for programs, static files."""
