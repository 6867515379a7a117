"""The command oscope: what it takes, what a terminal shows, a run without a server, starting the server."""
