"""The measuring library: one folder a chapter, one module an experiment. Standard library only.

A chapter's docstring is its title and, after a colon, what it is about.
"""

# The order of the catalogue. A chapter that is not named here comes after these.
CHAPTERS = (
    "memory",
    "processes",
    "scheduling",
    "threads",
    "sync",
    "ipc",
    "io_models",
    "pools",
    "coroutines",
)
