"""`python -m app.cli`, where the command `oscope` is not installed."""

from app.cli.commands import main

main()
