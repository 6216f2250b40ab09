"""A library that comes with the set."""
