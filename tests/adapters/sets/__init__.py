"""Adapter sets that the tests load."""
