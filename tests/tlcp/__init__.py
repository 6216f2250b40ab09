"""Tests of the wire language."""

from hypothesis import settings

# How long an example takes says something about the machine only.
settings.register_profile("tlcp", deadline=None)
settings.load_profile("tlcp")
