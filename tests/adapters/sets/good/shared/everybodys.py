"""Shared by all sets, and loaded once."""
