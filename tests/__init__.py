"""The tests of lsserver; C{python -m tests} runs them all."""

from hypothesis import HealthCheck, settings

# How long an example takes says something about the machine only.
settings.register_profile("lsserver", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lsserver")
