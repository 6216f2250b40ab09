"""Tests of the wire language."""
