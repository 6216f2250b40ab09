"""The scenarios, by subject; importing this package registers them all."""

from tests.interop.scenario import SCENARIOS
from tests.interop.scenarios import commands, cuts, limits, messages, refusals, sessions, subscriptions, values

__all__ = ["SCENARIOS", "commands", "cuts", "limits", "messages", "refusals", "sessions", "subscriptions", "values"]
