"""Slots: one item of one subscription of one session, with what is pending for its client."""
