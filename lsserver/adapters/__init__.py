"""Adapters: the contracts, the base classes, and the code that loads and calls them."""
