"""The measuring library: one folder a chapter, one module an experiment. Standard library only."""
