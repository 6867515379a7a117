"""Misbehaving experiments, for the tests of everything that must survive them."""
