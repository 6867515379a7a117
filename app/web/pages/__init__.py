"""The pages, each with what it shows."""

from app.web.pages import comparison, experiment, history, home, processes, routes

PAGES = (home, experiment, history, comparison, processes, routes)
